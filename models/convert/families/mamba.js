/** Mamba and Mamba-2, by the names of Hugging Face's classes or of the authors' own checkpoints (state-spaces/mamba). */
import { bad } from '../config.js';

/** @param {number} x */
const decay = (x) => -Math.exp(x);

/**
 * What both have: widths, the keys and the tensors around the mixer.
 * @param {import('../config.js').Config} c
 * @param {boolean} second
 */
function common(c, second) {
  const own = c.json.ssm_cfg !== undefined;
  const of = { ...c.json, ...c.json.ssm_cfg };
  const whole = (/** @type {string[]} */ names, /** @type {number} */ fallback) => {
    const key = names.find((n) => of[n] !== undefined && of[n] !== 'auto');
    const v = key === undefined ? fallback : of[key];
    return Number.isInteger(v) && v > 0 ? /** @type {number} */ (v) : bad(`${key ?? names[0]} is ${JSON.stringify(v)}, a whole number is needed`);
  };
  const width = whole(['hidden_size', 'd_model'], 0);
  const inner = second ? width * whole(['expand'], 2) : whole(['intermediate_size'], width * whole(['expand'], 2));
  const multiple = own ? whole(['pad_vocab_size_multiple'], 8) : 1;
  const vocabulary = Math.ceil(c.whole('vocab_size') / multiple) * multiple;
  if (of.use_bias) bad('use_bias is true; projections with biases have no place in GGUF');
  return {
    width, inner, vocabulary, layers: whole(['num_hidden_layers', 'n_layer'], 0), state: whole(['state_size', 'd_state'], second ? 128 : 16),
    taps: whole(['conv_kernel', 'd_conv'], 4), rank: whole(['time_step_rank', 'dt_rank'], Math.ceil(width / 16)),
    headDim: whole(['head_dim', 'headdim'], 64), groups: whole(['n_groups', 'ngroups'], 1), limit: of.time_step_limit, epsilon: c.number('layer_norm_epsilon', 1e-5),
  };
}

/**
 * @param {import('../config.js').Config} c
 * @param {string} arch
 * @param {ReturnType<typeof common>} s
 * @param {import('../config.js').Key[]} keys
 * @param {(p: import('../tensors.js').Plan, to: string, from: string) => void} mixer
 * @returns {import('../config.js').Family}
 */
const family = (c, arch, s, keys, mixer) => ({
  arch,
  vocabulary: s.vocabulary,
  keys: [
    ['block_count', 'u32', s.layers], ['context_length', 'u32', 1 << 20], ['embedding_length', 'u32', s.width], ['feed_forward_length', 'u32', 0],
    ['attention.head_count', 'u32', 0], ['attention.layer_norm_rms_epsilon', 'f32', s.epsilon], ['ssm.conv_kernel', 'u32', s.taps],
    ['ssm.inner_size', 'u32', s.inner], ['ssm.state_size', 'u32', s.state], ...keys,
  ],
  tensors(p) {
    const embedding = ['backbone.embeddings.weight', 'backbone.embedding.weight'];
    p.add('token_embd.weight', embedding.find((n) => p.has(n)) ?? embedding[0], [s.vocabulary, s.width]);
    for (let n = 0; n < s.layers; n++) {
      p.add(`blk.${n}.attn_norm.weight`, `backbone.layers.${n}.norm.weight`, [s.width]);
      mixer(p, `blk.${n}.`, `backbone.layers.${n}.mixer.`);
    }
    p.add('output_norm.weight', 'backbone.norm_f.weight', [s.width]);
    // Class and checkpoint differ in what they tie when the flag is absent: what is in the file counts.
    p.head('lm_head.weight', s.vocabulary, s.width, c.json.tie_word_embeddings ?? c.json.tie_embeddings);
  },
});

/** @param {import('../config.js').Config} c */
export function mamba(c) {
  const s = common(c, false);
  return family(c, 'mamba', s, [['ssm.time_step_rank', 'u32', s.rank]], (p, to, from) => {
    p.linear(`${to}ssm_in`, `${from}in_proj`, 2 * s.inner, s.width);
    p.conv(`${to}ssm_conv1d`, `${from}conv1d`, s.inner, s.taps);
    p.linear(`${to}ssm_x`, `${from}x_proj`, s.rank + 2 * s.state, s.inner);
    p.linear(`${to}ssm_dt`, `${from}dt_proj`, s.inner, s.rank, { exact: true });
    p.add(`${to}ssm_a`, `${from}A_log`, [s.inner, s.state], { exact: true, map: decay });
    p.add(`${to}ssm_d`, `${from}D`, [s.inner]);
    p.linear(`${to}ssm_out`, `${from}out_proj`, s.width, s.inner);
  });
}

/** @param {import('../config.js').Config} c */
export function mamba2(c) {
  const s = common(c, true);
  if (s.inner % s.headDim) bad(`head_dim ${s.headDim} does not divide the inner width ${s.inner}`);
  const heads = s.inner / s.headDim;
  if (s.limit !== undefined && !(Array.isArray(s.limit) && s.limit[0] === 0 && s.limit[1] === Infinity)) bad(`time_step_limit is ${JSON.stringify(s.limit)}; only [0, Infinity] can be carried over`);
  const wide = s.inner + 2 * s.groups * s.state;
  return family(c, 'mamba2', s, [['ssm.time_step_rank', 'u32', heads], ['ssm.group_count', 'u32', s.groups]], (p, to, from) => {
    p.linear(`${to}ssm_in`, `${from}in_proj`, s.inner + wide + heads, s.width);
    p.conv(`${to}ssm_conv1d`, `${from}conv1d`, wide, s.taps);
    p.add(`${to}ssm_dt.bias`, `${from}dt_bias`, [heads]);
    p.add(`${to}ssm_a`, `${from}A_log`, [heads], { exact: true, shape: [heads, 1], map: decay });
    p.add(`${to}ssm_d`, `${from}D`, [heads], { exact: true, shape: [heads, 1] });
    p.add(`${to}ssm_norm.weight`, `${from}norm.weight`, [s.inner], { exact: true, shape: [s.groups, s.inner / s.groups] });
    p.linear(`${to}ssm_out`, `${from}out_proj`, s.width, s.inner);
  });
}
