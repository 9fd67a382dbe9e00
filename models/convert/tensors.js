/** The tensors of a GGUF in the order in which they are written, each with where it comes from. */
import { readValues } from './safetensors.js';

/**
 * @typedef {import('./safetensors.js').Weights} Weights
 * @typedef {import('./safetensors.js').Source} Source
 * @typedef {object} How
 * @property {number} [permute] rows per head whose halves are interleaved
 * @property {boolean} [exact] stays F32 in any number format: parameters of recurrences and convolutions
 * @property {number[]} [shape] in the GGUF, where it is another (slowest first)
 * @property {(x: number) => number} [map] of each value
 *
 * @typedef {object} Planned
 * @property {string} name
 * @property {Source | null} source
 * @property {Float32Array | null} values instead of a source
 * @property {number[]} shape slowest first
 * @property {number} permute 0: rows as they are
 * @property {boolean} exact
 * @property {((x: number) => number) | undefined} map
 */

export class Plan {
  /** @param {Weights} weights @param {(text: string) => void} note */
  constructor(weights, note) {
    this.weights = weights;
    this.note = note;
    /** @type {Planned[]} */
    this.list = [];
  }

  /** @param {string} name */
  has(name) {
    return this.weights.has(name);
  }

  /** @param {string} name @param {string} from @param {number[]} shape of the source @param {How} [how] */
  add(name, from, shape, { permute = 0, exact = false, shape: into = shape, map } = {}) {
    this.list.push({ name, source: this.weights.take(from, shape), values: null, shape: into, permute, exact, map });
  }

  /** @param {string} name @param {Float32Array} values @param {number[]} shape */
  values(name, values, shape) {
    this.list.push({ name, source: null, values, shape, permute: 0, exact: true, map: undefined });
  }

  /** The values of a tensor that others are computed from. @param {string} from @param {number[]} shape */
  async read(from, shape) {
    const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
    await readValues(this.weights.take(from, shape), 0, out);
    return out;
  }

  /** A matrix and, if there is one, its bias. @param {string} to @param {string} from @param {number} rows @param {number} cols @param {How} [how] */
  linear(to, from, rows, cols, how = {}) {
    this.add(`${to}.weight`, `${from}.weight`, [rows, cols], how);
    if (this.has(`${from}.bias`)) this.add(`${to}.bias`, `${from}.bias`, [rows], { permute: how.permute });
  }

  /** A convolution of each channel on its own. @param {string} to @param {string} from @param {number} channels @param {number} taps */
  conv(to, from, channels, taps) {
    this.add(`${to}.weight`, `${from}.weight`, [channels, 1, taps], { shape: [channels, taps], exact: true });
    if (this.has(`${from}.bias`)) this.add(`${to}.bias`, `${from}.bias`, [channels]);
  }

  /** @param {string} to @param {string} from @param {number} hidden @param {number} width */
  swiglu(to, from, hidden, width) {
    this.linear(`${to}ffn_gate`, `${from}gate_proj`, hidden, width);
    this.linear(`${to}ffn_up`, `${from}up_proj`, hidden, width);
    this.linear(`${to}ffn_down`, `${from}down_proj`, width, hidden);
  }

  /** A head in the file is used, whatever the flag says. @param {string} from @param {number} rows @param {number} width @param {boolean | undefined} tied */
  head(from, rows, width, tied) {
    const own = this.has(from);
    if (own && tied === true) this.note(`note: config.json ties the head to the embedding, but ${from} is there; it is used`);
    if (!own && tied === false) this.note(`note: ${from} is missing though config.json does not tie it; the embedding is used`);
    if (own) this.add('output.weight', from, [rows, width]);
  }

  /** Says what has no place; `carried`: buffers that exports carry along. @param {RegExp} carried */
  leftOut(carried) {
    const rest = [...this.weights.tensors.keys()].filter((n) => !this.weights.used.has(n) && !carried.test(n));
    if (rest.length) this.note(`note: ${rest.length} tensors have no place in GGUF and are left out: ${rest.slice(0, 4).join(', ')}${rest.length > 4 ? ', ...' : ''}`);
  }
}
