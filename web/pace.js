/** How memory is brought near ahead of the products of a token (pal_team_ahead). Which way is best is the
 *  processor's: some look ahead themselves. So it is found on tokens that an engine reads one by one, as those that it
 *  writes are: a round tries each way on one token, and ways are compared within their round, for a machine that is
 *  busy is so for longer. What others do on the machine changes too, so later there is a round now and then. No bit
 *  depends on it. */

/** Bytes, the usual first, and in four places at once (PAL_STREAMS). */
const AHEAD = [512, 256, 4];
/** Rounds before the first choice, rounds that count, and tokens between rounds then. */
const FIRST = 5;
const LAST = 15;
const BETWEEN = 29;

export class Pace {
  /** @param {import('./engine.js').Exports} c */
  constructor(c) {
    this.c = c;
    /** Milliseconds of the token of each way, the last rounds. */
    this.rounds = /** @type {number[][]} */ ([]);
    this.round = /** @type {number[]} */ ([]);
    /** Tokens left before the next round. */
    this.rest = 0;
    this.use(AHEAD[0]);
  }

  /** @param {number} ahead as pal_act.ahead */
  use(ahead) {
    this.c.team_ahead(ahead);
    this.ahead = ahead;
  }

  /** A token alone took so long. @param {number} ms */
  note(ms) {
    if (this.rest) {
      if (!--this.rest) this.use(AHEAD[0]);
      return;
    }
    this.round.push(ms);
    if (this.round.length < AHEAD.length) return this.use(AHEAD[this.round.length]);
    this.rounds = [...this.rounds, this.round].slice(-LAST);
    this.round = [];
    if (this.rounds.length < FIRST) return this.use(AHEAD[0]);
    this.rest = BETWEEN;
    this.use(this.best());
  }

  /** The way whose tokens took least beside the usual one's of their round, in the median. */
  best() {
    const more = AHEAD.map((_, way) => {
      const list = this.rounds.map((round) => round[way] - round[0]).sort((a, b) => a - b);
      return list[list.length >> 1];
    });
    return AHEAD[more.indexOf(Math.min(...more))];
  }
}
