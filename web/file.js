/** A GGUF file in wasm memory: read where it will stay, once. The header comes first, so that everything that can be
 *  wrong is said before the weights arrive. */
import { PalError } from './errors.js';
import { Gguf } from './gguf.js';

/**
 * @typedef {object} Part one file of a model
 * @property {string} name
 * @property {number} size bytes
 * @property {(offset: number, target: Uint8Array, signal?: AbortSignal) => Promise<void>} read fills target
 *
 * @typedef {object} LoadOptions
 * @property {AbortSignal} [signal]
 * @property {(progress: { loaded: number, total: number }) => void} [onprogress]
 *
 * @typedef {import('./engine.js').Engine} Engine
 */

const PIECE = 8 << 20;
const FIRST = 1 << 20; // most headers fit; vocabularies of 150,000 words need a second read

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
    this.records = engine.take(12 * parts.length, 'the list of files');
  }

  get loaded() {
    return this.have.reduce((a, b) => a + b, 0);
  }

  putRecords() {
    this.engine.putWords(this.records.at, this.parts.flatMap((p, i) => [this.regions[i].at, this.have[i], p.size]));
    return this.records.at;
  }

  /**
   * Reads part i up to `to` bytes.
   * @param {number} i
   * @param {number} to
   * @param {LoadOptions} options
   */
  async readTo(i, to, { signal, onprogress }) {
    const part = this.parts[i];
    const end = Math.min(to, part.size);
    while (this.have[i] < end) {
      signal?.throwIfAborted();
      const from = this.have[i];
      const n = Math.min(PIECE, end - from);
      const at = this.regions[i].at + from;
      await part.read(from, this.engine.u8.subarray(at, at + n), signal);
      this.have[i] += n;
      onprogress?.({ loaded: this.loaded, total: this.total });
    }
  }

  /**
   * Reads the headers and opens the directory.
   * @param {LoadOptions} options
   */
  async openHeader(options) {
    const { engine } = this;
    const n = this.parts.length;
    for (let i = 0; i < n; i++) await this.readTo(i, FIRST, options);
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
   * Reads what is still missing.
   * @param {LoadOptions} options
   */
  async readRest(options) {
    for (let i = 0; i < this.parts.length; i++) await this.readTo(i, this.parts[i].size, options);
  }
}
