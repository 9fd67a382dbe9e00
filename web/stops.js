/** Stop strings in a stream of text: what might still become one is held back. */
import { PalError } from './errors.js';
import { TextStream } from './tokenizer.js';

export class Stops {
  /** @param {readonly string[]} strings */
  constructor(strings) {
    if (strings.some((s) => typeof s !== 'string' || s === '')) throw new PalError('argument', 'stop must be a list of strings that are not empty');
    this.strings = strings;
    this.held = '';
    /** The stop string that was found, or undefined. @type {string | undefined} */
    this.found = undefined;
  }

  /**
   * @param {string} text what came
   * @returns {string} what may be shown
   */
  push(text) {
    if (this.found !== undefined) return '';
    const all = this.held + text;
    let first = Infinity;
    for (const s of this.strings) {
      const at = all.indexOf(s);
      if (at >= 0 && at < first) {
        first = at;
        this.found = s;
      }
    }
    const end = this.found === undefined ? all.length - this.mayGrow(all) : first;
    this.held = this.found === undefined ? all.slice(end) : '';
    return all.slice(0, end);
  }

  /** Length of the longest end of `all` that begins a stop string. @param {string} all */
  mayGrow(all) {
    let most = 0;
    for (const s of this.strings) {
      for (let n = Math.min(s.length - 1, all.length); n > most; n--) {
        if (all.endsWith(s.slice(0, n))) most = n;
      }
    }
    return most;
  }

  /** The text ends here: what was held back was no stop string. */
  end() {
    const rest = this.held;
    this.held = '';
    return rest;
  }
}

/** What an answer holds back: text that may become a stop string, bytes that begin a character. @typedef {{ text: string, bytes: number[] }} Tail */

/** From the ids of an answer to the text that may be shown. */
export class Shown {
  /**
   * @param {import('./tokenizer.js').Tokenizer | null} tokenizer null: there is no text
   * @param {readonly string[]} stop
   * @param {Tail} [tail] of an answer that goes on
   */
  constructor(tokenizer, stop, tail) {
    this.stream = tokenizer && new TextStream(tokenizer, undefined, tail?.bytes);
    this.stops = new Stops(stop);
    this.stops.held = tail?.text ?? '';
  }

  /** @param {number} id */
  push(id) {
    return this.stops.push(this.stream?.push(id) ?? '');
  }

  /** The answer ends here: everything that was held back. */
  end() {
    return this.stops.push(this.stream?.end() ?? '') + this.stops.end();
  }

  /** Was a stop string found? */
  get stopped() {
    return this.stops.found !== undefined;
  }

  /** @returns {Tail} */
  get tail() {
    return { text: this.stops.held, bytes: [...(this.stream?.rest ?? [])] };
  }
}
