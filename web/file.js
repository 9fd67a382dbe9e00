/** A GGUF file in wasm memory: read where it will stay, once. The header comes first, so that everything that can be
 *  wrong is said before the weights arrive. */
import { PalError } from './errors.js';
import { Gguf } from './gguf.js';

/**
 * @typedef {object} ReadOptions
 * @property {AbortSignal} [signal]
 * @property {(bytes: number, from: From) => void} [onbytes] called with each piece of news; what is not told counts at the end
 *
 * @typedef {'network' | 'cache' | 'file'} From
 *
 * @typedef {object} Part one file of a model
 * @property {string} name
 * @property {number} size bytes
 * @property {(offset: number, target: Uint8Array, options: ReadOptions) => Promise<void>} read fills target; the ranges asked
 *   for follow each other and begin and end at multiples of STEP (or at the end of the file)
 *
 * @typedef {object} LoadOptions
 * @property {AbortSignal} [signal]
 * @property {(progress: { loaded: number, total: number, from: From }) => void} [onprogress]
 *
 * @typedef {import('./engine.js').Engine} Engine
 */

/** Sources keep and check files in pieces of this size. Most headers fit; vocabularies of 150,000 words need a second read. */
export const STEP = 1 << 20;
const READ = 2 * STEP; // what was read is woven while it is still near the core
const PARALLEL = 3;

export class GgufFile {
  /**
   * @param {Engine} engine
   * @param {Part[]} parts
   */
  constructor(engine, parts) {
    if (!parts.length) throw new PalError('file', 'no file given');
    this.engine = engine;
    this.parts = parts;
    this.total = parts.reduce((sum, p) => sum + p.size, 0);
    this.regions = parts.map((p) => engine.take(p.size, p.name));
    this.have = parts.map(() => 0);
    /** Bytes of a read that is under way. */
    this.coming = parts.map(() => 0);
    /** Told when part i is there up to `have` bytes. @type {((i: number, have: number) => void) | undefined} */
    this.onpiece = undefined;
    this.records = engine.take(12 * parts.length, 'the list of files');
  }

  get loaded() {
    return this.have.reduce((a, b) => a + b, 0) + this.coming.reduce((a, b) => a + b, 0);
  }

  putRecords() {
    this.engine.putWords(this.records.at, this.parts.flatMap((p, i) => [this.regions[i].at, this.have[i], p.size]));
    return this.records.at;
  }

  /**
   * Reads part i up to `to` bytes, or up to the step behind.
   * @param {number} i
   * @param {number} to
   * @param {LoadOptions} options
   */
  async readTo(i, to, { signal, onprogress }) {
    const part = this.parts[i];
    const end = Math.min(Math.ceil(to / STEP) * STEP, part.size);
    /** @type {From} */
    let from = 'file';
    const onbytes = (/** @type {number} */ bytes, /** @type {From} */ where) => {
      from = where;
      this.coming[i] += bytes;
      onprogress?.({ loaded: this.loaded, total: this.total, from });
    };
    while (this.have[i] < end) {
      signal?.throwIfAborted();
      const offset = this.have[i];
      const n = Math.min(READ, end - offset);
      const at = this.regions[i].at + offset;
      await part.read(offset, this.engine.u8.subarray(at, at + n), { signal, onbytes });
      const told = this.coming[i] === n;
      this.coming[i] = 0;
      this.have[i] += n;
      this.onpiece?.(i, this.have[i]);
      if (!told) onprogress?.({ loaded: this.loaded, total: this.total, from });
    }
  }

  /**
   * Reads the headers and opens the directory.
   * @param {LoadOptions} options
   */
  async openHeader(options) {
    const { engine } = this;
    const n = this.parts.length;
    for (let i = 0; i < n; i++) await this.readTo(i, STEP, options);
    for (;;) {
      const bytes = engine.c.gguf_bytes(this.putRecords(), n, engine.out);
      if (bytes >= 0) return this.openDirectory(bytes);
      if (bytes !== -1) engine.check(bytes);
      const [which, need] = [engine.word(0), engine.word(1)];
      if (need <= this.have[which] || need > this.parts[which].size) throw new PalError('format', `${this.parts[which].name}: ${engine.lastText() || 'the header does not end within the file'}`);
      await this.readTo(which, Math.max(need, 2 * this.have[which]), options);
    }
  }

  /** @param {number} bytes */
  openDirectory(bytes) {
    const { engine } = this;
    const region = engine.take(bytes, 'the directory of tensors');
    engine.check(engine.c.gguf_open(region.at, bytes, this.records.at, this.parts.length));
    return new Gguf(engine, region.at);
  }

  /**
   * Reads what is still missing, a few parts at a time. When one fails, the others have stopped before it is told.
   * @param {LoadOptions} options
   */
  async readRest({ signal, onprogress }) {
    const stop = new AbortController();
    const follow = () => stop.abort(signal?.reason);
    if (signal?.aborted) follow();
    signal?.addEventListener('abort', follow, { once: true });
    const waiting = this.parts.keys();
    const reader = async () => {
      for (const i of waiting) await this.readTo(i, this.parts[i].size, { signal: stop.signal, onprogress });
    };
    /** @type {{ error?: unknown }} */
    const first = {};
    const fail = (/** @type {unknown} */ error) => {
      if (!('error' in first)) first.error = error;
      stop.abort(error);
    };
    await Promise.all(Array.from({ length: PARALLEL }, () => reader().catch(fail)));
    signal?.removeEventListener('abort', follow);
    if ('error' in first) throw first.error;
  }
}
