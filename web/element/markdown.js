/** Markdown, shown while it is written. What a model writes is hostile: only the elements of TAGS come into being, with
 *  attributes set here, and text nodes. HTML stays text. Links go to the web or to mail; images are not loaded (an address
 *  may carry what was said in the chat), they become links. Text that changes direction ends with its block. */
import * as smd from '../lib/markdown.js';
import { h } from './dom.js';

/** @type {Map<number, keyof HTMLElementTagNameMap>} a page has its own h1 and h2 */
const TAGS = new Map([
  [smd.PARAGRAPH, 'p'],
  [smd.HEADING_1, 'h3'],
  [smd.HEADING_2, 'h4'],
  [smd.HEADING_3, 'h5'],
  [smd.HEADING_4, 'h6'],
  [smd.HEADING_5, 'h6'],
  [smd.HEADING_6, 'h6'],
  [smd.CODE_INLINE, 'code'],
  [smd.ITALIC_AST, 'em'],
  [smd.ITALIC_UND, 'em'],
  [smd.STRONG_AST, 'strong'],
  [smd.STRONG_UND, 'strong'],
  [smd.STRIKE, 's'],
  [smd.BLOCKQUOTE, 'blockquote'],
  [smd.LINE_BREAK, 'br'],
  [smd.RULE, 'hr'],
  [smd.LIST_UNORDERED, 'ul'],
  [smd.LIST_ORDERED, 'ol'],
  [smd.LIST_ITEM, 'li'],
  [smd.EQUATION_BLOCK, 'code'],
  [smd.EQUATION_INLINE, 'code'],
]);
const BLOCKS = new Set(['p', 'h3', 'h4', 'h5', 'h6', 'li', 'td', 'th']);
const CODE = new Set(['code', 'pre']);
const DEPTH = 20; // the parser counts to 24
const PENDING = 4096; // what the parser holds back is looked at again with every character
const NODE = 2048; // appending to a text node copies it
const CONTROLS = /[\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/gu;

/** Characters that cannot be seen, or turn others around, are shown by number: code means what it looks like. @param {string} text */
const visible = (text) => text.replace(CONTROLS, (c) => `⟨U+${/** @type {number} */ (c.codePointAt(0)).toString(16).toUpperCase().padStart(4, '0')}⟩`);

/**
 * The address of a link that may be followed.
 * @param {string} written as in Markdown: perhaps in angle brackets, with a title behind it
 * @returns {string | undefined}
 */
export function safeUrl(written) {
  const [, text] = /^\s*<?([^\s<>]+)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*$/.exec(written) ?? ['', ''];
  if (!/^(https?:\/\/|mailto:)/i.test(text) || !URL.canParse(text)) return undefined;
  const { href, username, password } = new URL(text);
  return username || password ? undefined : href; // https://bank.example@elsewhere.example
}

/** Without the punctuation of the sentence around it. @param {string} url */
const bare = (url) => url.replace(url.includes('(') ? /[.,;:!?'"*_]+$/ : /[.,;:!?'"*_)]+$/, '');

export class Markdown {
  /**
   * @param {HTMLElement} root
   * @param {(frame: HTMLElement, code: HTMLElement) => void} [oncode] a code block begins
   */
  constructor(root, oncode) {
    this.root = root;
    this.oncode = oncode;
    /** Open elements. @type {HTMLElement[]} */
    this.stack = [root];
    this.buffer = '';
    /** A paragraph for text outside of any block. @type {HTMLElement | undefined} */
    this.loose = undefined;
    /** The parser gave up: the rest is shown as it is written. */
    this.plain = false;
    this.parser = smd.parser({
      data: this,
      add_token: (self, token) => self.open(token),
      end_token: (self) => self.close(),
      add_text: (self, text) => void (self.buffer += text),
      set_attr: (self, attribute, value) => self.set(attribute, value),
    });
  }

  get top() {
    return this.stack[this.stack.length - 1];
  }

  /** @param {string} text */
  write(text) {
    if (this.plain) this.buffer += text;
    else {
      let at = 0;
      try {
        for (const char of text) {
          this.mend(char);
          smd.parser_write(this.parser, char);
          at += char.length;
          if (this.parser.pending.length > PENDING) throw new RangeError('held back too much');
        }
      } catch {
        this.giveUp(text.slice(at));
      }
    }
    this.flush();
  }

  /** The parser would take a fence in the middle of a line for the end of the code, and lose a character. @param {string} char */
  mend(char) {
    const { parser } = this;
    if (char !== '`' || parser.token !== smd.CODE_FENCE || /^[\n`]|^$/.test(parser.pending)) return;
    parser.text += parser.pending;
    parser.pending = '';
  }

  /** Nothing follows; also when the answer was cut off. */
  end() {
    try {
      if (!this.plain) smd.parser_end(this.parser);
    } catch {
      this.plain = true;
    }
    this.flush();
    this.buffer = this.parser.pending.replace(/\n$/, ''); // of a link without its end
    this.parser.pending = '';
    this.flush();
    this.stack.length = 1;
  }

  /** @param {string} rest */
  giveUp(rest) {
    this.flush();
    const { text, pending } = this.parser;
    this.parser.pending = '';
    this.plain = true;
    const last = this.stack.length > 1 && this.root.appendChild(h('p', { dir: 'auto', class: 'plain' }));
    this.stack = [last || this.root];
    this.buffer = text + pending + rest;
  }

  flush() {
    const { buffer } = this;
    if (buffer === '') return;
    this.buffer = '';
    let node = this.top;
    if (node === this.root) node = this.loose ??= this.root.appendChild(h('p', { dir: 'auto', class: 'plain' }));
    const text = CODE.has(node.localName) ? visible(buffer) : buffer;
    const last = node.lastChild;
    if (last instanceof Text && last.length < NODE) last.appendData(text);
    else node.append(text);
  }

  /** @param {number} token */
  open(token) {
    this.flush();
    this.loose = undefined;
    if (this.stack.length > DEPTH) throw new RangeError('nested too deep');
    this.stack.push(this.make(token));
    if (token === smd.EQUATION_INLINE || token === smd.EQUATION_BLOCK) this.buffer = token === smd.EQUATION_BLOCK ? '$$' : '$';
  }

  /** @param {number} token @returns {HTMLElement} where its content goes */
  make(token) {
    if (token === smd.CODE_BLOCK || token === smd.CODE_FENCE) return this.code();
    if (token === smd.TABLE) {
      const table = h('table');
      this.top.append(h('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table' }, table));
      return table;
    }
    if (token === smd.TABLE_ROW) {
      const part = this.top.children.length === 0 ? h('thead') : (this.top.children[1] ?? h('tbody'));
      this.top.append(part);
      return part.appendChild(h('tr'));
    }
    if (token === smd.TABLE_CELL) {
      const head = this.top.parentElement?.localName === 'thead';
      return this.top.appendChild(head ? h('th', { scope: 'col', dir: 'auto' }) : h('td', { dir: 'auto' }));
    }
    const tag = TAGS.get(token) ?? 'span';
    const node = this.top.appendChild(h(tag, { dir: BLOCKS.has(tag) ? 'auto' : undefined }));
    if (token === smd.CHECKBOX) Object.assign(node, { textContent: '☐', className: 'task' });
    if (token === smd.IMAGE) node.className = 'image';
    if (token === smd.EQUATION_BLOCK || token === smd.EQUATION_INLINE) node.className = 'math';
    return node;
  }

  code() {
    const code = h('code');
    const frame = h('div', { class: 'code', part: 'code' }, h('pre', { tabindex: '0', dir: 'ltr' }, code));
    this.top.append(frame);
    this.oncode?.(frame, code);
    return code;
  }

  close() {
    if (this.stack.length === 1) throw new RangeError('closed more than was opened');
    if (this.top.className === 'math') this.buffer += this.top.textContent?.startsWith('$$') || this.buffer.startsWith('$$') ? '$$' : '$';
    this.flush();
    this.stack.pop();
  }

  /** @param {number} attribute @param {string} value */
  set(attribute, value) {
    this.flush();
    const node = this.top;
    if (attribute === smd.HREF || attribute === smd.SRC) this.link(attribute === smd.SRC, value);
    else if (attribute === smd.CHECKED) node.textContent = '☑';
    else if (attribute === smd.START && /^\d{1,9}$/.test(value)) node.setAttribute('start', value);
    else if (attribute === smd.LANG) node.closest('.code')?.setAttribute('data-lang', visible(value.trim()).slice(0, 32));
  }

  /** Makes a link of the open element if its address is a safe one. @param {boolean} image @param {string} written */
  link(image, written) {
    const node = this.top;
    const raw = node.textContent === written; // an address in the text
    const href = safeUrl(raw ? bare(written) : written);
    if (!node.hasChildNodes()) node.append(image ? 'image' : (href ?? written));
    if (!href) return void (/\s/.test(written) && node.append(` (${written})`)); // not an address but a text
    for (const inner of node.querySelectorAll('a')) inner.replaceWith(...inner.childNodes);
    const a = h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow', title: raw ? undefined : href, class: image ? 'image' : undefined });
    a.append(...node.childNodes);
    node.replaceWith(a);
    this.stack[this.stack.length - 1] = a;
  }
}
