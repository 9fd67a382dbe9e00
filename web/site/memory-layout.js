/** Tokens in reading order, broken into rows like a page of text. Knows widths, not drawing. */

/**
 * @typedef {{ position: number, text: string, role: string }} Text
 *
 * @typedef {Text & { body: string, small: boolean, x: number, width: number, row: number }} Placed
 *   body: what is drawn; small: template tokens and line ends are drawn small
 *
 * @typedef {{ y: number, role: string, first: boolean, tokens: Placed[] }} Row first: begins a paragraph
 */

export const ROW = 27;
const GAP = 12; // between paragraphs
const PAD = 3; // of a chip, at both sides

export class Layout {
  /** @param {(body: string, small: boolean) => number} measure */
  constructor(measure) {
    this.measure = measure;
    this.width = 300;
    this.left = 0;
    /** @type {Row[]} */
    this.rows = [];
    this.x = 0;
    this.word = 0; // index in the last row where its last word begins
    this.start = 0; // first row of the paragraph
    this.speaker = '';
    this.marks = 0; // template tokens since the last word
    this.turned = false; // the next turn's paragraph has begun with its template tokens
    this.ended = false; // a line has ended
    this.position = -1;
    this.small = false; // the last token was
  }

  clear() {
    const { measure, width, left } = this;
    Object.assign(this, new Layout(measure), { width, left });
  }

  get height() {
    const last = this.rows.at(-1);
    return last ? last.y + ROW + GAP : 0;
  }

  /** @param {string} role @param {boolean} first */
  begin(role, first) {
    const last = this.rows.at(-1);
    const y = last ? last.y + ROW + (first ? GAP : 0) : GAP;
    if (first) this.start = this.rows.length;
    this.rows.push({ y, role, first, tokens: [] });
    this.x = this.left;
    this.word = 0;
    this.ended = false;
  }

  /**
   * Does a paragraph begin here? The first template token after a turn ends it; those that follow open the next one.
   * @param {string} role
   * @param {boolean} blank
   */
  turns(role, blank) {
    if (role !== 'template') return this.speaker !== '' && role !== this.speaker && !this.turned;
    this.marks++;
    return this.speaker !== '' && this.marks > 1 && !this.turned && !blank;
  }

  /** A word tells whose paragraph this is. @param {string} role */
  speaks(role) {
    if (this.turned || this.speaker === '') for (const row of this.rows.slice(this.start)) row.role = role;
    this.speaker = role;
    this.marks = 0;
    this.turned = false;
  }

  /**
   * Gives a token its place behind all others.
   * @template {Text} T
   * @param {T} text
   * @returns {T & Placed} the same object
   */
  append(text) {
    const { position, role } = text;
    const bare = text.text.trim();
    const small = role === 'template' || bare === '';
    const body = bare !== '' ? bare.replace(/\s+/g, ' ') : text.text.includes('\n') ? '↵' : '·';
    const token = Object.assign(text, { body, small, x: 0, width: this.measure(body, small) + 2 * PAD, row: 0 });
    if (!this.rows.length || this.turns(role, bare === '')) {
      this.begin(role, true);
      this.turned = role === 'template' && this.speaker !== '';
    }
    if (role !== 'template') this.speaks(role);
    if (this.ended && bare !== '') this.begin(role, false);
    const spaced = /^\s/.test(token.text) || small || this.small || position !== this.position + 1;
    this.position = position;
    this.small = small;
    this.place(token, spaced);
    if (role !== 'template' && token.text.includes('\n')) this.ended = true;
    return token;
  }

  /** @param {Placed} token @param {boolean} spaced a word begins here */
  place(token, spaced) {
    let row = this.rows[this.rows.length - 1];
    if (spaced) {
      if (row.tokens.length) this.x += 3;
      this.word = row.tokens.length;
    } else if (row.tokens.length) this.x += 1;
    if (this.x + token.width > this.width && row.tokens.length) {
      const moved = this.word > 0 ? row.tokens.splice(this.word) : [];
      this.begin(row.role, false);
      row = this.rows[this.rows.length - 1];
      for (const t of moved) this.put(t, row, 1);
      if (moved.length) this.x += 1;
    }
    this.put(token, row, 0);
  }

  /** @param {Placed} token @param {Row} row @param {number} gap */
  put(token, row, gap) {
    if (row.tokens.length) this.x += gap;
    token.x = this.x;
    token.row = this.rows.length - 1;
    row.tokens.push(token);
    this.x += token.width;
  }

  /** Index of the row at a height. @param {number} y */
  rowAt(y) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].y + ROW <= y) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, Math.max(0, this.rows.length - 1));
  }
}
