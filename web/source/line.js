/** One request and how it may end: by the caller, by silence, or with one of three kinds of failure. */
import { PalError } from '../errors.js';

/** The bytes read so far are of no use: whoever reads must begin again. */
export class Restart extends Error {
  /** @param {string} why */
  constructor(why) {
    super(why);
    this.name = 'Restart';
  }
}

/** The server contradicts itself: what it sent must not be kept. */
export class Untrusted extends PalError {}

/** Something that may pass. */
export class Again extends Error {
  /**
   * @param {string} why
   * @param {number} [waitMs] how long to wait; else longer each time
   */
  constructor(why, waitMs) {
    super(why);
    this.waitMs = waitMs;
  }
}

/** One request: ends by the caller's signal, or when no byte came for too long. */
export class Line {
  /**
   * @param {AbortSignal | undefined} signal
   * @param {number} stallMs
   */
  constructor(signal, stallMs) {
    this.controller = new AbortController();
    this.signal = signal;
    this.stallMs = stallMs;
    this.follow = () => this.controller.abort(signal?.reason);
    signal?.addEventListener('abort', this.follow, { once: true });
  }

  /**
   * @template T
   * @param {() => Promise<T>} wait
   * @returns {Promise<T>}
   */
  async within(wait) {
    const { signal } = this.controller;
    const timer = setTimeout(() => this.controller.abort(new Again(`no byte came for ${this.stallMs / 1000} s`)), this.stallMs);
    try {
      return await wait();
    } catch (e) {
      throw signal.aborted ? signal.reason : e;
    } finally {
      clearTimeout(timer);
    }
  }

  end() {
    this.signal?.removeEventListener('abort', this.follow);
    this.controller.abort();
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(signal?.reason));
    const timer = setTimeout(() => (signal?.removeEventListener('abort', stop), resolve()), ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
