/** How memory is brought near ahead of the products of a token (pal_team_ahead). Which way is best is the
 *  processor's: some look ahead themselves. So it is found on the first tokens that an engine reads one by one, as those that
 *  it writes are, each in the next way; no bit depends on it. */

/** Bytes, the usual first, and in four places at once (PAL_STREAMS); and how many tokens try each. */
const AHEAD = [512, 256, 4];
const SAMPLES = 5;

export class Pace {
  /** @param {import('./engine.js').Exports} c */
  constructor(c) {
    this.c = c;
    /** Milliseconds of the tokens so far, by way. */
    this.times = AHEAD.map(() => /** @type {number[]} */ ([]));
    this.n = 0;
    this.use(AHEAD[0]);
  }

  /** @param {number} ahead as pal_act.ahead */
  use(ahead) {
    this.c.team_ahead(ahead);
    this.ahead = ahead;
  }

  /** A token alone took so long. @param {number} ms */
  note(ms) {
    if (this.n === AHEAD.length * SAMPLES) return;
    this.times[this.n % AHEAD.length].push(ms);
    this.n++;
    if (this.n < AHEAD.length * SAMPLES) return this.use(AHEAD[this.n % AHEAD.length]);
    const medians = this.times.map((list) => list.sort((a, b) => a - b)[SAMPLES >> 1]);
    this.use(AHEAD[medians.indexOf(Math.min(...medians))]);
  }
}
