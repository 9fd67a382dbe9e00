/** From messages to the token ids of a turn. The template's words may spell control tokens; a user's words may not. */
import { utf8Bytes } from './bytes.js';

/**
 * @typedef {import('./tokenizer.js').Tokenizer} Tokenizer
 * @typedef {import('./template.js').Rendered} Rendered
 * @typedef {import('./template.js').Message} Message
 * @typedef {{ end: number, role: string }} Run ids before `end` (and behind the run before) were said by `role`; 'template': by nobody
 * @typedef {{ ids: number[], pinned: number, runs: Run[] }} Turn pinned: how many of the first ids never leave
 */

/** @param {readonly number[]} a @param {readonly number[]} b */
const equal = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

/**
 * Does this text spell a token that only the template may use?
 * @param {Tokenizer} tokenizer
 * @param {string} text
 */
export function spellsControl(tokenizer, text) {
  return !equal(tokenizer.encode(text, { special: true }), tokenizer.encode(text));
}

/**
 * The ids of the whole text, as every runtime makes them. Only when a message spells a control token, its parts are
 * encoded apart: then the message stays text (and no token reaches over its edges).
 * @param {Tokenizer} tokenizer
 * @param {Rendered} rendered
 * @param {boolean} first at the start of a chat; otherwise the text continues another
 */
export function turnIds(tokenizer, { whole, parts }, first) {
  const foreign = parts.some((p) => p.content && spellsControl(tokenizer, p.text));
  if (!foreign) return first ? withBegin(tokenizer, tokenizer.encode(whole, { special: true })) : tokenizer.encodeInner(whole, { special: true });
  const ids = parts.flatMap((p, i) => {
    const options = { special: !p.content };
    return first && i === 0 ? tokenizer.encode(p.text, options) : tokenizer.encodeInner(p.text, options);
  });
  return first ? withBegin(tokenizer, ids) : ids;
}

/**
 * The begin token where the model wants one and the template has not spelt it.
 * @param {Tokenizer} tokenizer
 * @param {number[]} ids
 */
function withBegin(tokenizer, ids) {
  const { bos } = tokenizer.ids;
  return tokenizer.addsBos && bos >= 0 && ids[0] !== bos ? [bos, ...ids] : ids;
}

/**
 * How many of the first ids belong to the preamble.
 * @param {Tokenizer} tokenizer
 * @param {readonly number[]} ids
 * @param {string} preamble
 */
export function pinnedCount(tokenizer, ids, preamble) {
  const head = withBegin(tokenizer, preamble === '' ? [] : tokenizer.encode(preamble, { special: true }));
  let n = 0;
  while (n < head.length && n < ids.length && head[n] === ids[n]) n++;
  return n;
}

/**
 * Who said which ids: those of a message's words its role, all others 'template'.
 * @param {Tokenizer} tokenizer
 * @param {readonly number[]} ids
 * @param {Rendered} rendered
 * @param {readonly Message[]} messages
 * @returns {Run[]}
 */
export function runsOf(tokenizer, ids, { whole, parts }, messages) {
  const lengths = ids.map((id) => tokenizer.spelledBytes(id));
  // Begin token and first space, where the text does not spell them, lie before byte 0.
  let at = utf8Bytes(whole) - lengths.reduce((sum, n) => sum + n, 0);
  let i = 0;
  let from = 0;
  let next = 0;
  /** @type {Run[]} */
  const runs = [];
  const until = (/** @type {number} */ byte, /** @type {string} */ role) => {
    const start = i;
    while (i < ids.length && at < byte) at += lengths[i++];
    if (i > start) runs.push({ end: i, role });
  };
  for (const { text } of parts.filter((p) => p.content)) {
    const found = whole.indexOf(text, from);
    const said = messages.findIndex((m, k) => k >= next && m.content.includes(text));
    if (found < 0 || said < 0) continue;
    until(utf8Bytes(whole.slice(0, found)), 'template');
    until(utf8Bytes(whole.slice(0, found + text.length)), messages[said].role);
    from = found + text.length;
    next = said + 1;
  }
  until(Infinity, 'template');
  return runs;
}

/** How a chat's messages become ids. */
export class Turns {
  /**
   * @param {Tokenizer} tokenizer
   * @param {import('./template.js').ChatTemplate} template
   * @param {readonly Message[]} system none or one
   * @param {'system' | 'none' | number} pin
   */
  constructor(tokenizer, template, system, pin) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.system = system;
    this.pin = pin;
    /** The system message where the template takes one; otherwise it goes in front of the first message. */
    this.templateSystem = system.length && template.takesSystem ? system : [];
    this.folds = system.length > this.templateSystem.length;
  }

  /** The first turn: everything. @param {readonly Message[]} messages @returns {Turn} */
  first(messages) {
    const { tokenizer, template, pin } = this;
    const all = [...this.templateSystem, ...this.folded(messages)];
    const rendered = template.first(all);
    const ids = turnIds(tokenizer, rendered, true);
    const runs = runsOf(tokenizer, ids, rendered, all);
    if (pin === 'none') return { ids, pinned: 0, runs };
    if (pin !== 'system') return { ids, pinned: Math.min(pin, ids.length), runs };
    return { ids, pinned: pinnedCount(tokenizer, ids, this.preamble()), runs };
  }

  /** A later turn: only what is new. @param {Message} message @returns {Turn} */
  next(message) {
    const rendered = this.template.next(this.templateSystem, message);
    const ids = turnIds(this.tokenizer, rendered, false);
    return { ids, pinned: 0, runs: runsOf(this.tokenizer, ids, rendered, [message]) };
  }

  /** @param {readonly Message[]} messages @returns {readonly Message[]} */
  folded(messages) {
    if (!this.folds) return messages;
    const [first, ...rest] = messages;
    return [{ ...first, content: `${this.system[0].content}\n\n${first.content}` }, ...rest];
  }

  /** What a chat begins with before the first turn. */
  preamble() {
    if (!this.folds) return this.template.preamble(this.templateSystem);
    const [start] = this.template.render([{ role: 'user', content: '\uE0F0' }], true).split('\uE0F0');
    return start + this.system[0].content;
  }
}
