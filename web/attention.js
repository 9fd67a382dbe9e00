/** How strongly what is remembered was looked at: from the scores that a session's caches keep. */
import { PalError } from './errors.js';

/**
 * @typedef {object} Attention
 * @property {number | 'mean'} layer
 * @property {number} held positions here
 * @property {Uint32Array} positions ascending: held by the layer, or by at least one
 * @property {Float32Array} attention share of the newest token's attention (h2o: of all tokens' since), averaged over the
 *   caches that hold the position
 * @property {Float32Array} share of the caches that hold it, 0..1; a cache is a layer, or one of its sets
 */

/** A growing list of positions with sums; two of them take turns while lists are merged. */
class Sums {
  /** @param {number} capacity */
  constructor(capacity) {
    this.positions = new Uint32Array(capacity);
    this.sums = new Float32Array(capacity);
    this.counts = new Uint32Array(capacity);
    this.n = 0;
  }

  /** @param {number} position @param {number} sum @param {number} count */
  push(position, sum, count) {
    this.positions[this.n] = position;
    this.sums[this.n] = sum;
    this.counts[this.n++] = count;
  }
}

export class AttentionReader {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.session = session;
    this.from = new Sums(0);
    this.to = new Sums(0);
  }

  /** @param {number | 'mean'} layer @returns {Attention} */
  read(layer) {
    const caches = this.session.cacheLayers().filter((c) => layer === 'mean' || c.layer === layer);
    if (layer !== 'mean' && !caches.length) throw new PalError('argument', `layer ${layer} has no cache`);
    this.to.n = 0;
    let pairs = 0;
    for (const c of caches) {
      for (let set = 0; set < c.sets; set++, pairs++) this.merge(c.layer, set);
    }
    const { n, positions, sums, counts } = this.to;
    return {
      layer,
      held: n,
      positions: positions.slice(0, n),
      attention: sums.slice(0, n).map((sum, i) => sum / counts[i]),
      share: Float32Array.from(counts.subarray(0, n)).map((count) => count / pairs),
    };
  }

  /** Adds one cache to the sums. Scores count as shares of their sum: those of h2o grow with time. @param {number} layer @param {number} set */
  merge(layer, set) {
    const { engine, at, ids, limits } = this.session;
    const scores = ids + 4 * (limits.budget + 1);
    const n = engine.c.retained(at, layer, set, ids, scores) >>> 0;
    const positions = engine.u32.subarray(ids >>> 2, (ids >>> 2) + n);
    const score = engine.f32.subarray(scores >>> 2, (scores >>> 2) + n);
    let total = 0;
    for (let i = 0; i < n; i++) total += score[i];
    const scale = total > 0 ? 1 / total : 0;
    [this.from, this.to] = [this.to, this.from];
    const { from } = this;
    if (this.to.positions.length < from.n + n) this.to = new Sums(2 * (from.n + n));
    const { to } = this;
    to.n = 0;
    for (let i = 0, j = 0; i < from.n || j < n; ) {
      const a = i < from.n ? from.positions[i] : Infinity;
      const b = j < n ? positions[j] : Infinity;
      if (a < b) to.push(a, from.sums[i], from.counts[i++]);
      else if (b < a) to.push(b, score[j++] * scale, 1);
      else to.push(a, from.sums[i] + score[j++] * scale, from.counts[i++] + 1);
    }
  }
}
