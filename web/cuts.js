/** Where a long text can be cut so that its pieces give the same ids as the whole.
 *
 *  A token reaches over a cut only if the vocabulary has a token with the characters around it in its middle, and where a
 *  pre-tokenizer ends a word depends only on what follows up to the next non-space. So, checked on the vocabulary itself:
 *   - byte-level BPE: in front of a single space, or behind a single line break, between a visible character and a letter;
 *   - SPM: in front of a single space between visible characters (the piece's own space prefix replaces that space). */

/** @typedef {{ before: RegExp, skip: number }} Cut a piece may end where `before` ends; skip: characters left out there */

/** Places of byte-level BPE, each with the tokens that forbid it. In the byte alphabet a space is Ġ and a line break Ċ; a
 *  letter begins with an ASCII letter or a byte of C2 ... F4; Âł and ãĢĢ are spaces (U+00A0, U+3000). */
const PLACES = [
  { place: '\\S(?= \\p{L})', forbids: /[^\sĠĊĉč][Ġ ](?!Âł|ãĢĢ)[A-Za-z\u00c2-\u00f4]/u },
  { place: '\\S\\n(?=\\p{L})', forbids: /[Ċ\n](?!Âł|ãĢĢ)[A-Za-z\u00c2-\u00f4]/u },
];

/**
 * @param {string} kind tokenizer.ggml.model
 * @param {readonly string[]} tokens the vocabulary as it stands in the file
 * @param {boolean} prefix SPM puts a space in front of every text
 * @returns {Cut | null} null: this vocabulary cannot be cut safely
 */
export function cutFor(kind, tokens, prefix) {
  if (kind === 'gpt2') {
    const places = PLACES.filter(({ forbids }) => !tokens.some((t) => forbids.test(t)));
    return places.length ? { before: new RegExp(places.map((p) => p.place).join('|'), 'gu'), skip: 0 } : null;
  }
  if (kind === 'llama') {
    return tokens.some((t) => /[^▁ ][▁ ]/u.test(t)) ? null : { before: /\S(?= \S)/gu, skip: prefix ? 1 : 0 };
  }
  return null;
}

/**
 * Pieces of at most `max` UTF-16 units; null when a stretch of that length has no safe cut.
 * @param {string} text
 * @param {Cut} cut
 * @param {number} max
 * @returns {string[] | null}
 */
export function cutText(text, cut, max) {
  const pieces = [];
  let from = 0;
  while (text.length - from > max) {
    const window = text.slice(from, from + max + 3); // three more: the look-ahead
    let end = 0;
    for (const m of window.matchAll(cut.before)) {
      const at = m.index + m[0].length;
      if (at <= max) end = at;
    }
    if (end === 0) return null;
    pieces.push(text.slice(from, from + end));
    from += end + cut.skip;
  }
  pieces.push(text.slice(from));
  return pieces;
}
