/** Failures. Every one has a stable `code`; the text names what is wrong and the remedy. */

/** Codes of the engine (negative numbers of src/base.h) by value. */
const ENGINE_CODES = /** @type {const} */ ({
  [-1]: 'more',
  [-2]: 'format',
  [-3]: 'unsupported',
  [-4]: 'memory',
  [-5]: 'argument',
  [-6]: 'pinned',
  [-7]: 'full',
  [-8]: 'foreign',
});

export class PalError extends Error {
  /**
   * @param {string} code 'format' | 'unsupported' | 'memory' | 'argument' | 'pinned' | 'full' | 'foreign' | 'file' | 'engine';
   *   in a page also 'download' | 'integrity' | 'offline' | 'cors' | 'quota' | 'busy' | 'absent' | 'lost'
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'PalError';
    this.code = code;
  }
}

/**
 * @param {number} value negative return value of the engine
 * @param {string} text what the engine says about it
 */
export function engineError(value, text) {
  const code = /** @type {Record<number, string>} */ (ENGINE_CODES)[value] ?? 'engine';
  return new PalError(code, text || `the engine failed with ${value} (${code})`);
}

/**
 * Distance of two words (insert, delete, replace, swap of neighbours).
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
  /** @type {number[][]} */
  const d = [];
  for (let i = 0; i <= a.length; i++) {
    d.push([i]);
    for (let j = 1; j <= b.length; j++) {
      if (i === 0) {
        d[0].push(j);
        continue;
      }
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, d[i - 2][j - 2] + 1);
      d[i].push(best);
    }
  }
  return d[a.length][b.length];
}

/**
 * The names that someone who wrote `word` may have meant, nearest first.
 * @param {string} word
 * @param {readonly string[]} names
 */
export function near(word, names) {
  const w = word.toLowerCase();
  const score = (/** @type {string} */ n) => {
    const name = n.toLowerCase();
    if (w.length > 1 && (name.startsWith(w) || w.startsWith(name))) return 0;
    return distance(w, name);
  };
  return names
    .map((name) => ({ name, score: score(name) }))
    .filter((x) => x.score <= Math.max(1, Math.floor(word.length / 3)))
    .sort((a, b) => a.score - b.score)
    .map((x) => x.name);
}

/**
 * "unknown <what> 'word'; did you mean ...?"
 * @param {string} what
 * @param {string} word
 * @param {readonly string[]} names
 */
export function unknown(what, word, names) {
  const close = near(word, names).slice(0, 3);
  const hint = close.length ? `did you mean ${close.map((n) => `'${n}'`).join(' or ')}?` : `known: ${names.join(', ')}`;
  return `unknown ${what} '${word}'; ${hint}`;
}

/**
 * Throws a TypeError for an option that does not exist: an accepted option acts or throws.
 * @param {object | undefined} options
 * @param {readonly string[]} names
 * @param {string} where
 */
export function checkNames(options, names, where) {
  if (options === undefined) return;
  if (options === null || typeof options !== 'object') throw new TypeError(`${where}: options must be an object`);
  for (const key of Object.keys(options)) {
    if (!names.includes(key)) throw new TypeError(`${where}: ${unknown('option', key, names)}`);
  }
}
