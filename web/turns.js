/** From a rendered turn to token ids. The template's words may spell control tokens; a user's words may not. */

/**
 * @typedef {import('./tokenizer.js').Tokenizer} Tokenizer
 * @typedef {import('./template.js').Rendered} Rendered
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
