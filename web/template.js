/** From messages to the text that the model was trained on: the file's own Jinja template.
 *
 *  A chat feeds only what is new. The first turn is the whole render. Of a later turn it is what the template puts behind
 *  the last words of the assistant, up to where the next answer begins, rendered on the last exchange alone
 *  ([system] user, assistant, user): that does not depend on how the template treats older answers (Qwen3 strips their
 *  thinking), and costs the same after a thousand turns. */
import { Template } from './lib/jinja.js';
import { PalError } from './errors.js';
import { strftime } from './strftime.js';

/**
 * @typedef {{ role: string, content: string }} Message
 * @typedef {{ text: string, content: boolean }} Part content: words of a message, not of the template
 * @typedef {{ whole: string, parts: Part[] }} Rendered the same text twice, unless the template changes contents
 *
 * @typedef {object} TemplateOptions
 * @property {string} [source] Jinja
 * @property {string} bos spelling of the begin token
 * @property {string} eos
 * @property {Record<string, unknown>} [variables] further variables, for example { enable_thinking: false }
 * @property {() => Date} [now]
 */

/** For models that know the ChatML tokens but bring no template. */
export const CHATML = `{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

/** For all others: a plain dialogue. Its answers end where the next "User:" begins. */
export const PLAIN = `{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content + '\\n\\n' }}{% elif m.role == 'assistant' %}{{ 'Assistant: ' + m.content + '\\n' }}{% else %}{{ 'User: ' + m.content + '\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}`;
export const PLAIN_STOP = '\nUser:';

/** Stands for the content of message i while the template renders. @param {number} i */
const mark = (i) => `\uE0F0${i}\uE0F1`;

/** @param {string} a @param {string} b */
function commonStart(a, b) {
  let n = 0;
  while (n < a.length && a[n] === b[n]) n++;
  return a.slice(0, n);
}

/** The template that was parsed last: the chats of a model all ask for the same. @type {{ source: string, template: Template } | undefined} */
let newest;

/** @param {string} source */
function parsed(source) {
  // The library's own clock cannot be replaced: ours goes by another name.
  if (newest?.source !== source) newest = { source, template: new Template(source.replaceAll(/\bstrftime_now\b/g, 'pal_strftime')) };
  return newest.template;
}

export class ChatTemplate {
  /** @param {TemplateOptions} options */
  constructor({ source = PLAIN, bos, eos, variables = {}, now = () => new Date() }) {
    try {
      this.template = parsed(source);
    } catch (e) {
      throw new PalError('unsupported', `the chat template cannot be read: ${e instanceof Error ? e.message : e}; give another one with the option 'template'`);
    }
    this.context = { ...variables, bos_token: bos, eos_token: eos, pal_strftime: (/** @type {string} */ f) => strftime(f, now()) };
    this.stops = source === PLAIN ? [PLAIN_STOP] : [];
  }

  /**
   * @param {readonly Message[]} messages
   * @param {boolean} answer end where the assistant begins to speak
   * @returns {string}
   */
  render(messages, answer) {
    return this.template.render({ ...this.context, messages, add_generation_prompt: answer });
  }

  /** Does the template take a system message? Some raise an exception. */
  get takesSystem() {
    try {
      const text = this.render([{ role: 'system', content: mark(0) }, { role: 'user', content: mark(1) }], true);
      return text.includes(mark(0));
    } catch {
      return false;
    }
  }

  /**
   * The render cut at the contents of its messages.
   * @param {readonly Message[]} messages
   * @returns {Part[]}
   */
  parts(messages) {
    const marked = messages.map((m, i) => ({ ...m, content: mark(i) }));
    /** @type {Part[]} */
    const parts = [];
    for (const [i, piece] of this.render(marked, true).split(/\uE0F0(\d+)\uE0F1/).entries()) {
      if (piece === '') continue;
      parts.push(i % 2 ? { text: messages[Number(piece)].content, content: true } : { text: piece, content: false });
    }
    return parts;
  }

  /**
   * The first turn: everything.
   * @param {readonly Message[]} messages
   * @returns {Rendered}
   */
  first(messages) {
    return matched(this.render(messages, true), this.parts(messages));
  }

  /**
   * A later turn: from the end of the assistant's last words to the begin of its next ones.
   * @param {readonly Message[]} system none or one
   * @param {Message} message
   * @returns {Rendered}
   */
  next(system, message) {
    const before = [...system, { role: 'user', content: 'Hi' }, { role: 'assistant', content: mark(99) }];
    const text = this.render([...before, message], true);
    const at = text.lastIndexOf(mark(99));
    if (at < 0) throw new PalError('unsupported', 'the chat template leaves out what the assistant said; give another one with the option \'template\'');
    const parts = this.parts([...before, message]);
    const last = parts.findLastIndex((p) => p.text === mark(99));
    return matched(text.slice(at + mark(99).length), parts.slice(last + 1));
  }

  /**
   * The text at the start of a chat that belongs to no turn: begin token, system message and what the template says by
   * itself. '' when it cannot be told apart.
   * @param {readonly Message[]} system
   */
  preamble(system) {
    try {
      const user = { role: 'user', content: mark(0) };
      const assistant = { role: 'assistant', content: mark(1) };
      const [start] = this.render([...system, user], true).split(mark(0));
      const closed = this.render([...system, user, assistant], false).split(mark(1)).at(-1) ?? '';
      const between = this.next(system, user).whole.split(mark(0))[0];
      const header = between.slice(commonStart(closed, between).length); // how a user's turn begins
      return start.endsWith(header) ? start.slice(0, start.length - header.length) : start;
    } catch {
      return '';
    }
  }
}

/**
 * Parts whose contents are as the template shows them (many trim).
 * @param {string} whole
 * @param {Part[]} parts
 * @returns {Rendered}
 */
function matched(whole, parts) {
  const join = (/** @type {Part[]} */ list) => list.map((p) => p.text).join('');
  if (join(parts) === whole) return { whole, parts };
  const trimmed = parts.map((p) => (p.content ? { ...p, text: p.text.trim() } : p));
  return { whole, parts: join(trimmed) === whole ? trimmed : parts };
}

/**
 * The template for a model: the given one, the file's, or a default.
 * @param {{ tokenizer: import('./tokenizer.js').Tokenizer, source?: string, variables?: Record<string, unknown>, now?: () => Date }} options
 */
export function templateFor({ tokenizer, source, variables, now }) {
  const { ids } = tokenizer;
  const chatml = () => tokenizer.encode('<|im_start|>', { special: true }).length === 1 && tokenizer.encode('<|im_end|>', { special: true }).length === 1;
  return new ChatTemplate({
    source: source ?? (chatml() ? CHATML : PLAIN),
    bos: tokenizer.spelling(ids.bos),
    eos: tokenizer.spelling(ids.eos),
    variables,
    now,
  });
}
