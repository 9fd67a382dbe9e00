/** A tensor in pieces: read, rows put in order, packed by the engine's own table of formats. */
import { PalError } from '../../web/errors.js';
import { readValues } from './safetensors.js';

/**
 * @typedef {import('../../web/engine.js').Engine} Engine
 * @typedef {{ name: string, type: number, block: number, bytes: number }} Format
 * @typedef {import('./tensors.js').Planned & { format: Format }} Job
 */

const PIECE = 1 << 20; // values at a time

export class Packer {
  /**
   * @param {Engine} engine
   * @param {Format} wanted of matrices
   * @param {(text: string) => void} note
   */
  constructor(engine, wanted, note) {
    this.engine = engine;
    this.wanted = wanted;
    this.note = note;
    const find = (/** @type {string} */ name) => /** @type {Format} */ (engine.formats().find((f) => f.name === name));
    this.f32 = find('F32');
    this.f16 = find('F16');
  }

  /** @param {import('./tensors.js').Planned} t */
  formatFor({ name, shape, exact }) {
    if (shape.length < 2 || exact) return this.f32;
    const cols = shape[shape.length - 1];
    if (cols % this.wanted.block === 0) return this.wanted;
    this.note(`note: ${name} has rows of ${cols} values, no multiple of ${this.wanted.block}; it becomes F16 instead of ${this.wanted.name}`);
    return this.f16;
  }

  /** @param {Job} t */
  bytesOf(t) {
    return (t.shape.reduce((a, b) => a * b, 1) / t.format.block) * t.format.bytes;
  }

  /**
   * The packed bytes, whole rows at a time; valid until the next piece.
   * @param {Job} t
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *pieces(t) {
    if (t.values) {
      yield new Uint8Array(t.values.buffer);
      return;
    }
    const cols = t.shape.length < 2 ? 1 : t.shape[t.shape.length - 1];
    const rows = t.shape.reduce((a, b) => a * b, 1) / cols;
    const group = t.permute || 1; // rows that must come together
    const step = Math.max(1, Math.floor(PIECE / (cols * group))) * group;
    for (let row = 0; row < rows; row += step) {
      const n = Math.min(step, rows - row);
      const values = new Float32Array(n * cols);
      await readValues(/** @type {import('./safetensors.js').Source} */ (t.source), row * cols, values);
      if (t.map) for (let i = 0; i < values.length; i++) values[i] = t.map(values[i]);
      yield this.pack(t, t.permute ? interleave(values, cols, t.permute) : values);
    }
  }

  /**
   * @param {Job} t
   * @param {Float32Array} values
   */
  pack(t, values) {
    const { engine } = this;
    const bytes = (values.length / t.format.block) * t.format.bytes;
    const from = engine.take(4 * values.length, t.name);
    const to = engine.take(bytes, t.name);
    engine.f32.set(values, from.at >>> 2);
    const written = engine.check(engine.c.pal_pack(t.format.type, from.at, to.at, values.length));
    if (written !== bytes) throw new PalError('engine', `${t.name}: packed to ${written} bytes instead of ${bytes}`);
    const packed = engine.u8.slice(to.at, to.at + bytes);
    engine.release(from);
    engine.release(to);
    return packed;
  }
}

/**
 * Rows of each head from Hugging Face's order (first halves, then second halves of the rotated pairs) to pairs side by
 * side: out[2i] = in[i], out[2i+1] = in[i + d/2].
 * @param {Float32Array} values whole heads
 * @param {number} cols
 * @param {number} d rows per head
 */
export function interleave(values, cols, d) {
  const out = new Float32Array(values.length);
  for (let head = 0; head < values.length; head += d * cols) {
    for (let i = 0; i < d; i++) {
      const from = head + ((i >> 1) + (i % 2 ? d / 2 : 0)) * cols;
      out.set(values.subarray(from, from + cols), head + i * cols);
    }
  }
  return out;
}
