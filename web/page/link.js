/** A worker and the calls it is answering. */
import { PalError } from '../errors.js';
import { AHEAD, fromPlain } from '../worker/protocol.js';

/**
 * @typedef {object} Pending
 * @property {(value: any) => void} resolve
 * @property {(reason: unknown) => void} reject
 * @property {(event: any) => void} [onevent]
 */

/** A worker of this page; from another origin (a CDN) it is started by a script of ours that imports it. */
function startWorker() {
  if (new URL(import.meta.url).origin === location.origin || !/^https?:/.test(import.meta.url)) {
    return new Worker(new URL('../worker/worker.js', import.meta.url), { type: 'module' });
  }
  const here = import.meta.url; // bundlers look for the literal form alone
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(new URL('../worker/worker.js', here).href)};`], { type: 'text/javascript' }));
  const worker = new Worker(script, { type: 'module' });
  worker.addEventListener('message', () => URL.revokeObjectURL(script), { once: true });
  return worker;
}

export class Link {
  /**
   * @param {(event: import('../worker/protocol.js').ChatEvent) => void} onchat
   * @param {(error: PalError) => void} onlost
   */
  constructor(onchat, onlost) {
    this.onchat = onchat;
    this.onlost = onlost;
    /** @type {Map<number, Pending>} */
    this.pending = new Map();
    this.calls = 0;
    /** @type {PalError | undefined} */
    this.dead = undefined;
    this.closing = new AbortController();
    this.worker = startWorker();
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (e) => this.lose(`it failed with "${e.message || 'its script could not be loaded'}"`);
    this.worker.onmessageerror = () => this.lose('a message could not be read');
  }

  /** @param {any} data */
  receive(data) {
    if (data.hello) return this.guard(data.hello);
    if (data.lost) return this.lose(data.lost);
    if (data.type) return this.onchat(data);
    const call = this.pending.get(data.id);
    if (!call) return undefined;
    if (data.events) return data.events.forEach((/** @type {any} */ event) => call.onevent?.(event));
    this.pending.delete(data.id);
    if (data.error) return call.reject(fromPlain(data.error));
    return call.resolve(data.value);
  }

  /** The worker holds a lock as long as it lives: whoever gets it knows that it died. @param {string} lock */
  async guard(lock) {
    if (!navigator.locks) return; // no secure context: only errors that the worker reports itself are seen
    try {
      await navigator.locks.request(lock, { signal: this.closing.signal }, () => this.lose('it was ended, by the browser for want of memory or by hand'));
    } catch {
      // close() gave up waiting
    }
  }

  /** @param {string} why */
  lose(why) {
    if (this.dead) return;
    this.end(new PalError('lost', `the model's worker is gone: ${why}; load the model again (model.revive())`));
    this.onlost(/** @type {any} */ (this.dead));
  }

  close() {
    if (!this.dead) this.end(new PalError('argument', 'this model is closed'));
  }

  /** @param {PalError} error */
  end(error) {
    this.dead = error;
    this.closing.abort();
    this.worker.terminate();
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }

  /**
   * One call and its answer.
   * @param {string} op
   * @param {object} args
   * @param {{ signal?: AbortSignal, onevent?: (event: any) => void }} [options]
   * @returns {Promise<any>}
   */
  async call(op, args, { signal, onevent } = {}) {
    signal?.throwIfAborted();
    if (this.dead) throw this.dead;
    const id = ++this.calls;
    const abort = () => this.worker.postMessage({ id, abort: true });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.pending.set(id, { resolve, reject, onevent });
        this.worker.postMessage({ id, op, args });
      });
    } catch (e) {
      signal?.throwIfAborted();
      throw e;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * A call whose events are a stream; leaving the loop aborts it, and waits until the worker has stopped.
   * @param {string} op
   * @param {object} args
   * @param {AbortSignal} [signal]
   * @returns {AsyncGenerator<any, any>}
   */
  async *stream(op, args, signal) {
    const left = new AbortController();
    const follow = () => left.abort(signal?.reason);
    if (signal?.aborted) follow();
    signal?.addEventListener('abort', follow, { once: true });
    /** @type {any[]} */
    let queue = [];
    let wake = () => {};
    let taken = 0;
    let ended = false;
    const id = this.calls + 1;
    const end = this.call(op, args, { signal: left.signal, onevent: (event) => (queue.push(event), wake()) }).finally(() => {
      ended = true;
      wake();
    });
    end.catch(() => {});
    try {
      for (;;) {
        const batch = queue;
        queue = [];
        for (const event of batch) {
          yield event;
          if (++taken % (AHEAD / 2) === 0 && !ended) this.worker.postMessage({ id, more: AHEAD / 2 });
        }
        if (queue.length) continue;
        if (ended) return await end;
        await new Promise((resolve) => (wake = () => resolve(undefined)));
      }
    } finally {
      signal?.removeEventListener('abort', follow);
      if (!ended) {
        left.abort();
        await end.catch(() => {});
      }
    }
  }
}
