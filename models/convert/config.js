/** config.json, read key by key. Every number comes from the file; what cannot be carried over is refused, never ignored. */
import { PalError } from '../../web/errors.js';

/**
 * @typedef {import('./writer.js').Key} Key
 * @typedef {object} Family what a family of architectures makes of its config.json
 * @property {string} arch GGUF architecture
 * @property {number} vocabulary
 * @property {Key[]} keys without "<arch>." in front
 * @property {(plan: import('./tensors.js').Plan) => void | Promise<void>} tensors lists them in the order in which they are written
 */

/** @param {string} why @returns {never} */
export function bad(why) {
  throw new PalError('unsupported', `config.json: ${why}`);
}

export class Config {
  /** @param {any} json @param {(text: string) => void} note */
  constructor(json, note) {
    this.json = json;
    this.note = note;
  }

  /** A whole number of at least 1. @param {string} key @param {number} [fallback] */
  whole(key, fallback) {
    const v = this.json[key] ?? fallback;
    if (!Number.isInteger(v) || v < 1) bad(`${key} is ${JSON.stringify(this.json[key])}, a whole number is needed`);
    return /** @type {number} */ (v);
  }

  /** A positive number. @param {string} key @param {number} [fallback] */
  number(key, fallback) {
    const v = this.json[key] ?? fallback;
    if (typeof v !== 'number' || !(v > 0)) bad(`${key} is ${JSON.stringify(this.json[key])}, a positive number is needed`);
    return /** @type {number} */ (v);
  }

  /** @param {string} key @param {boolean} fallback */
  flag(key, fallback) {
    const v = this.json[key] ?? fallback;
    if (typeof v !== 'boolean') bad(`${key} is ${JSON.stringify(v)}, true or false is needed`);
    return v;
  }

  /** One of several values. @template T @param {string} key @param {readonly T[]} possible the first is the default @returns {T} */
  choice(key, possible) {
    const v = this.json[key] ?? possible[0];
    if (!possible.includes(v)) bad(`${key} is ${JSON.stringify(v)}; known here: ${possible.join(', ')}`);
    return v;
  }
}
