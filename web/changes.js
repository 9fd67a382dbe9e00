/** How a layer without a cache remembers: the norm of its state, and how much each token changed it. */

/**
 * @typedef {{ norm: number, change: Float32Array }} State norm: of the state now; change: by position, the length of the step
 *   from the state before it to the state after it, in units of the norm before it, mean over the layers. Tokens that were read
 *   in one chunk share its step.
 */

const NEWEST = 4096; // tokens whose changes are known

export class ChangeReader {
  /**
   * @param {import('./session.js').Session} session
   * @param {readonly { at: number, bytes: number }[]} layers where their states lie in the block
   */
  constructor(session, layers) {
    this.session = session;
    this.layers = layers;
    /** The states before, once they were seen. @type {Float32Array[]} */
    this.before = layers.map(({ bytes }) => new Float32Array(bytes / 4));
    this.seen = -1;
    this.norm = 0;
    /** Of the positions up to `seen`. @type {number[]} */
    this.changes = [];
  }

  /** Looks at what was read since. */
  step() {
    const { session, layers } = this;
    const { seen } = session;
    if (seen === this.seen) return;
    const { f32 } = session.engine;
    let norms = 0;
    let relative = 0;
    for (const [i, { at, bytes }] of layers.entries()) {
      const now = f32.subarray((session.state + at) >>> 2, (session.state + at + bytes) >>> 2);
      const before = this.before[i];
      let [norm, old, step] = [0, 0, 0];
      for (let k = 0; k < now.length; k++) {
        const d = now[k] - before[k];
        norm += now[k] * now[k];
        old += before[k] * before[k];
        step += d * d;
      }
      before.set(now);
      norms += norm;
      relative += old > 0 ? Math.sqrt(step / old) : 1;
    }
    this.norm = Math.sqrt(norms);
    const read = seen - this.seen;
    if (this.seen < 0 || read < 0) this.changes = []; // begun in the middle of a chat, or gone back
    else for (let i = 0; i < Math.min(read, NEWEST); i++) this.changes.push(relative / layers.length / read);
    if (this.changes.length > 2 * NEWEST) this.changes.splice(0, this.changes.length - NEWEST);
    this.seen = seen;
  }

  /** @param {number | 'mean'} layer @returns {import('./attention.js').Attention & { state: State }} */
  read(layer) {
    this.step();
    const { seen, norm } = this;
    const change = Float32Array.from(this.changes.slice(-NEWEST));
    const n = change.length;
    const total = change.reduce((a, b) => a + b, 0) || 1;
    const positions = Uint32Array.from(change, (_, i) => seen - n + i);
    return { layer, held: n, positions, attention: change.map((c) => c / total), share: new Float32Array(n).fill(1), state: { norm, change } };
  }
}
