/** One chat at a time sits in wasm memory. The others are parked: their states lie outside, as copies, and swap in when it
 *  is their turn. So wasm memory is the weights, one state and its scratch, whatever the number of chats. */

/** @typedef {import('../chat.js').Chat} Chat */

export class Seat {
  constructor() {
    /** @type {Chat | undefined} */
    this.sitting = undefined;
    /** @type {Promise<unknown>} */
    this.last = Promise.resolve();
  }

  /**
   * Runs `work` when all that asked before have finished; gives up waiting when aborted.
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async turn(signal, work) {
    const before = this.last;
    /** @type {() => void} */
    let done = () => {};
    const mine = new Promise((resolve) => (done = () => resolve(undefined)));
    this.last = before.then(() => mine); // also when this one gives up waiting
    try {
      await Promise.race([before, aborted(signal)]);
      return await work();
    } finally {
      done();
    }
  }

  /** Only within a turn. @param {Chat | undefined} chat undefined: nobody, for a new one to come */
  sit(chat) {
    if (this.sitting === chat) return;
    this.sitting?.park();
    this.sitting = undefined;
    if (chat?.parked) chat.unpark();
    this.sitting = chat;
  }
}

/** @param {AbortSignal | undefined} signal @returns {Promise<never>} */
function aborted(signal) {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
