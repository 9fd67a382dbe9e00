/** S4D: embedding, diagonal state spaces, linear head, by the names of state-spaces/s4. The continuous system is discretised
 *  here, for the discretisation belongs to the checkpoint: zoh and bilinear are different models. */

/**
 * A and B of one mode after a step of dt: zero-order hold or bilinear, B = 1.
 * @param {string} how
 * @param {number} re real part of the continuous A
 * @param {number} im
 * @param {number} dt
 */
export function discretise(how, re, im, dt) {
  const [x, y] = [re * dt, im * dt];
  if (how === 'zoh') {
    const a = [Math.exp(x) * Math.cos(y), Math.exp(x) * Math.sin(y)];
    return { a, b: quotient(a[0] - 1, a[1], re, im) };
  }
  return { a: quotient(1 + x / 2, y / 2, 1 - x / 2, -y / 2), b: quotient(dt, 0, 1 - x / 2, -y / 2) };
}

/** (a + bi) / (c + di) @param {number} a @param {number} b @param {number} c @param {number} d */
function quotient(a, b, c, d) {
  const n = c * c + d * d;
  return [(a * c + b * d) / n, (b * c - a * d) / n];
}

/** @param {import('../config.js').Config} c @returns {import('../config.js').Family} */
export function s4d(c) {
  const width = c.whole('d_model');
  const layers = c.whole('n_layers');
  const modes = c.whole('d_state') / 2;
  const vocabulary = c.whole('vocab_size');
  const how = c.choice('discretization', ['zoh', 'bilinear']);
  c.choice('activation', ['gelu']);
  return {
    arch: 's4d',
    vocabulary,
    keys: [
      ['block_count', 'u32', layers], ['context_length', 'u32', c.whole('max_length', 2048)], ['embedding_length', 'u32', width], ['feed_forward_length', 'u32', 0],
      ['attention.head_count', 'u32', 0], ['attention.layer_norm_epsilon', 'f32', c.number('layer_norm_epsilon', 1e-5)], ['ssm.state_size', 'u32', 2 * modes],
      ['prenorm', 'bool', c.flag('prenorm', false)], ['discretization', 'string', how],
    ],
    async tensors(p) {
      p.add('token_embd.weight', 'encoder.weight', [vocabulary, width]);
      for (let n = 0; n < layers; n++) {
        const [to, from] = [`blk.${n}.`, `s4_layers.${n}.`];
        const log = await p.read(`${from}kernel.log_dt`, [width]);
        const real = await p.read(`${from}kernel.log_A_real`, [width, modes]);
        const imaginary = await p.read(`${from}kernel.A_imag`, [width, modes]);
        const out = await p.read(`${from}kernel.C`, [width, modes, 2]);
        const [A, B, C] = [0, 0, 0].map(() => new Float32Array(2 * width * modes)); // [width][re, im][modes]
        for (let i = 0; i < width * modes; i++) {
          const channel = Math.floor(i / modes);
          const at = i + channel * modes;
          const { a, b } = discretise(how, -Math.exp(real[i]), imaginary[i], Math.exp(log[channel]));
          for (const part of [0, 1]) [A[at + part * modes], B[at + part * modes], C[at + part * modes]] = [a[part], b[part], out[2 * i + part]];
        }
        for (const [name, values] of /** @type {[string, Float32Array][]} */ ([['s4d_a', A], ['s4d_b', B], ['s4d_c', C]])) p.values(`${to}${name}`, values, [2 * width, modes]);
        p.add(`${to}s4d_d`, `${from}D`, [width]);
        p.add(`${to}s4d_out.weight`, `${from}output_linear.0.weight`, [2 * width, width, 1], { shape: [2 * width, width] });
        p.add(`${to}s4d_out.bias`, `${from}output_linear.0.bias`, [2 * width]);
        p.add(`${to}attn_norm.weight`, `norms.${n}.weight`, [width]);
        p.add(`${to}attn_norm.bias`, `norms.${n}.bias`, [width]);
      }
      p.linear('output', 'decoder', vocabulary, width);
    },
  };
}
