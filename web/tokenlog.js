/** Which token stood at which position, and who said it: of all positions that a layer still holds, and of the newest
 *  ones. In a block of constant size, for drawing what is remembered. */

/** @typedef {{ position: number, id: number, role: string }} Token */

export const ROLES = /** @type {const} */ (['template', 'system', 'user', 'assistant']);
const NEWEST = 4096;
const MOST = 65536;
const ID = (1 << 30) - 1;

/** Tokens to reserve for. @param {number} held positions that all layers together can hold at most */
export const logCapacity = (held) => Math.min(2 * NEWEST + held, MOST);

/** @param {string} role @returns {number} */
const roleNumber = (role) => Math.max(0, ROLES.indexOf(/** @type {typeof ROLES[number]} */ (role)));

export class TokenLog {
  /**
   * @param {number} capacity
   * @param {() => Uint32Array} held positions held now, ascending
   * @param {Uint32Array} [spare] of a log that is not used any more
   */
  constructor(capacity, held, spare) {
    this.capacity = capacity;
    this.held = held;
    /** Pairs: position, id with the role in its two highest bits. */
    this.words = spare?.length === 2 * capacity ? spare : new Uint32Array(2 * capacity);
    this.n = 0;
  }

  /** @param {number} position above all before @param {number} id @param {string} role */
  add(position, id, role) {
    if (this.n === this.capacity) this.compact();
    this.words[2 * this.n] = position;
    this.words[2 * this.n + 1] = (roleNumber(role) << 30) | id;
    this.n++;
  }

  /** Keeps what is held and the newest; when that is nearly everything, the oldest leave nevertheless. */
  compact() {
    const { words } = this;
    const held = this.held();
    const newest = this.n - NEWEST;
    let kept = 0;
    for (let i = 0, h = 0; i < this.n; i++) {
      const position = words[2 * i];
      while (h < held.length && held[h] < position) h++;
      if (i < newest && held[h] !== position) continue;
      words.copyWithin(2 * kept++, 2 * i, 2 * i + 2);
    }
    const over = Math.max(0, kept - (this.capacity - (NEWEST >> 2)));
    words.copyWithin(0, 2 * over, 2 * kept);
    this.n = kept - over;
  }

  /** Index of the first token at or behind a position. @param {number} position */
  indexOf(position) {
    let below = -1;
    let found = this.n;
    while (found - below > 1) {
      const middle = (found + below) >> 1;
      if (this.words[2 * middle] >= position) found = middle;
      else below = middle;
    }
    return found;
  }

  /** Forgets the positions from here on. @param {number} position */
  rewind(position) {
    this.n = this.indexOf(position);
  }

  /** Tokens from a position on. @param {number} position @returns {Token[]} */
  since(position) {
    const list = [];
    for (let i = this.indexOf(position); i < this.n; i++) {
      const word = this.words[2 * i + 1];
      list.push({ position: this.words[2 * i], id: word & ID, role: ROLES[word >>> 30] });
    }
    return list;
  }

  /** For a save. */
  get bytes() {
    return new Uint8Array(this.words.buffer, 0, 8 * this.n);
  }

  /**
   * From a save; false when these cannot be tokens of this session.
   * @param {Uint8Array} bytes
   * @param {number} seen
   * @param {number} vocabulary
   */
  load(bytes, seen, vocabulary) {
    if (bytes.length % 8 || bytes.length > 8 * this.capacity) return false;
    new Uint8Array(this.words.buffer).set(bytes);
    this.n = bytes.length / 8;
    for (let i = 0, last = -1; i < this.n; i++) {
      const position = this.words[2 * i];
      if (position <= last || position >= seen || (this.words[2 * i + 1] & ID) >= vocabulary) return false;
      last = position;
    }
    return true;
  }
}
