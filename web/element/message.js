/** One message of the log. */
import { copyButton, h, icon } from './dom.js';
import { Markdown } from './markdown.js';

/** @param {string} text */
export function userMessage(text) {
  return h('div', { class: 'message user', part: 'message user' },
    h('span', { class: 'unseen' }, 'You: '), h('div', { class: 'bubble', part: 'bubble', dir: 'auto' }, text));
}

/** A code block gets its own button. @param {HTMLElement} frame @param {HTMLElement} code */
function addCopy(frame, code) {
  frame.append(copyButton('copy', 'Copy code', () => code.textContent ?? ''));
}

/** An answer, while it is written and afterwards. */
export class Answer {
  constructor() {
    this.body = h('div', { class: 'text', part: 'text' });
    this.waiting = h('div', { class: 'waiting', hidden: true }, h('span', { class: 'dots', 'aria-hidden': 'true' }), h('span'));
    this.actions = h('div', { class: 'actions', part: 'actions', hidden: true });
    this.element = h('div', { class: 'message assistant', part: 'message assistant' },
      h('span', { class: 'unseen' }, 'Answer: '), this.body, this.waiting, this.actions);
    this.copy = copyButton('copy', 'Copy answer', () => this.raw);
    this.markdown = new Markdown(this.body, addCopy);
    /** As the model wrote it. */
    this.raw = '';
    this.unshown = '';
    this.frame = 0;
  }

  clear() {
    this.body.replaceChildren();
    this.markdown = new Markdown(this.body, addCopy);
    this.raw = '';
    this.unshown = '';
  }

  /** The model reads or writes. */
  begin() {
    this.actions.hidden = true;
    this.waiting.hidden = false;
    this.reading(0, 0);
  }

  /** A long message takes a while to read. @param {number} read @param {number} total */
  reading(read, total) {
    this.waiting.children[1].textContent = total > read ? `Reading, ${Math.floor((100 * read) / total)} %` : '';
  }

  /** Shown with the next frame. @param {string} text */
  write(text) {
    this.raw += text;
    this.unshown += text;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.show());
  }

  show() {
    this.frame = 0;
    this.markdown.write(this.unshown);
    this.unshown = '';
  }

  end() {
    cancelAnimationFrame(this.frame);
    this.show();
    this.markdown.end();
    this.waiting.hidden = true;
  }

  /** For the ear: without buttons, blocks apart. */
  get spoken() {
    const copy = /** @type {HTMLElement} */ (this.body.cloneNode(true));
    for (const button of copy.querySelectorAll('button')) button.remove();
    return [...copy.children].map((block) => block.textContent).join('\n');
  }

  /** Goes on from here, also after its end. */
  reopen() {
    const { raw } = this;
    this.clear();
    this.write(raw);
  }

  /**
   * @param {object} [last] for the newest answer
   * @param {() => void} [last.again]
   * @param {() => void} [last.on] goes on with an answer that was cut off
   */
  offer({ again, on } = {}) {
    this.actions.replaceChildren(
      ...(on ? [h('button', { type: 'button', class: 'main', part: 'continue', click: on }, icon('on'), 'Continue')] : []),
      ...(this.raw ? [this.copy] : []),
      ...(again ? [h('button', { type: 'button', class: 'quiet', part: 'regenerate', click: again }, icon('again'), 'Regenerate')] : []),
    );
    this.actions.hidden = false;
  }

  /** @param {boolean} locked only copying is left */
  lock(locked) {
    for (const button of this.actions.querySelectorAll('button')) button.disabled = locked && button !== this.copy;
  }
}
