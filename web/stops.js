/** Stop strings in a stream of text: what might still become one is held back. */
import { PalError } from './errors.js';

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
