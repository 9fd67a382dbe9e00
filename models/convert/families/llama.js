/** Llama-like models: attention and SwiGLU behind RMS norms. */
import { bad } from '../config.js';

/**
 * @typedef {object} Shape
 * @property {string} arch GGUF architecture
 * @property {number} vocabulary
 * @property {number} width
 * @property {number} hidden
 * @property {number} layers
 * @property {number} heads
 * @property {number} kvHeads
 * @property {number} headDim
 * @property {number} context
 * @property {number} epsilon
 * @property {number} ropeBase
 * @property {any} ropeScaling or null
 * @property {boolean} permuted q and k rows are interleaved in GGUF
 * @property {boolean} headNorms
 */

/**
 * @param {import('../config.js').Config} c
 * @param {{ arch: string, permuted: boolean, headNorms: boolean }} family
 * @returns {Shape}
 */
function readShape(c, family) {
  const { json: config, note } = c;
  const whole = c.whole.bind(c);
  const width = whole('hidden_size');
  const heads = whole('num_attention_heads');
  const headDim = whole('head_dim', width / heads);
  if (config.hidden_act !== undefined && config.hidden_act !== 'silu') bad(`hidden_act is ${config.hidden_act}; only silu is known for this architecture`);
  if (headDim % 2) bad(`head_dim is ${headDim}; rotary positions need an even one`);
  const kvHeads = whole('num_key_value_heads', heads);
  if (heads % kvHeads) bad(`${heads} heads are no multiple of ${kvHeads} key/value heads`);
  const context = whole('max_position_embeddings', 2048);
  const window = config.sliding_window;
  if (window && config.use_sliding_window !== false && window < context) note(`note: sliding_window ${window} is not carried over (GGUF has no key for it in '${family.arch}'); distances beyond it were not trained`);
  const rope = config.rope_parameters ?? config.rope_scaling ?? null;
  const base = config.rope_theta ?? config.rope_parameters?.rope_theta ?? 10000;
  const epsilon = config.rms_norm_eps ?? 1e-6;
  if (typeof base !== 'number' || !(base > 0) || typeof epsilon !== 'number') bad('rope_theta and rms_norm_eps must be numbers');
  return {
    ...family, width, heads, kvHeads, headDim, context, epsilon,
    vocabulary: whole('vocab_size'), hidden: whole('intermediate_size'), layers: whole('num_hidden_layers'),
    ropeBase: base, ropeScaling: rope && (rope.rope_type ?? rope.type ?? 'default') !== 'default' ? rope : null,
  };
}

/**
 * Keys for the rotary positions, and the factors per frequency where the scaling needs them.
 * @param {Shape} s
 * @returns {{ keys: [string, string, any][], factors: Float32Array | null }}
 */
function ropeOf(s) {
  const { ropeScaling: r } = s;
  /** @type {[string, string, any][]} */
  const keys = [['rope.freq_base', 'f32', s.ropeBase], ['rope.dimension_count', 'u32', s.headDim]];
  if (!r) return { keys, factors: null };
  const type = r.rope_type ?? r.type;
  const number = (/** @type {string} */ key, /** @type {number | undefined} */ fallback = undefined) => {
    const v = r[key] ?? fallback;
    return typeof v === 'number' && v > 0 ? v : bad(`rope_scaling.${key} is ${JSON.stringify(r[key])}, a positive number is needed`);
  };
  const factor = number('factor');
  const scaling = (/** @type {[string, string, any][]} */ ...more) => ({
    keys: [...keys, ...more.map(([k, t, v]) => /** @type {[string, string, any]} */ ([`rope.scaling.${k}`, t, v]))],
    factors: null,
  });
  if (type === 'linear') return scaling(['type', 'string', 'linear'], ['factor', 'f32', factor]);
  if (type === 'yarn') {
    for (const key of ['attention_factor', 'beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim']) {
      const usual = /** @type {Record<string, number>} */ ({ beta_fast: 32, beta_slow: 1 })[key];
      if (r[key] !== undefined && r[key] !== usual) bad(`rope_scaling.${key} = ${r[key]} cannot be carried over`);
    }
    return scaling(['type', 'string', 'yarn'], ['factor', 'f32', factor], ['original_context_length', 'u32', number('original_max_position_embeddings', s.context)]);
  }
  if (type !== 'llama3') bad(`rope_scaling of type ${JSON.stringify(type)} is unknown; linear, yarn and llama3 are known`);
  const low = number('low_freq_factor', 1);
  const high = number('high_freq_factor', 4);
  return { keys, factors: llama3Factors(s.headDim, s.ropeBase, factor, low, high, number('original_max_position_embeddings', 8192)) };
}

/**
 * Llama 3: short waves stay, long ones are stretched by `factor`, with a ramp between (as llama.cpp's converter).
 * @param {number} dim
 * @param {number} base
 * @param {number} factor
 * @param {number} low
 * @param {number} high
 * @param {number} context
 */
export function llama3Factors(dim, base, factor, low, high, context) {
  return Float32Array.from({ length: dim / 2 }, (_, i) => {
    const wave = 2 * Math.PI * base ** ((2 * i) / dim);
    if (wave < context / high) return 1;
    if (wave > context / low) return factor;
    const smooth = (context / wave - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/**
 * @param {string} arch
 * @param {boolean} permuted
 * @param {boolean} headNorms
 * @returns {(c: import('../config.js').Config) => import('../config.js').Family}
 */
export const llamaLike = (arch, permuted, headNorms) => (c) => {
  const s = readShape(c, { arch, permuted, headNorms });
  const rope = ropeOf(s);
  const q = s.heads * s.headDim;
  const kv = s.kvHeads * s.headDim;
  const turn = permuted ? s.headDim : 0;
  return {
    arch,
    vocabulary: s.vocabulary,
    keys: [
      ['block_count', 'u32', s.layers], ['context_length', 'u32', s.context], ['embedding_length', 'u32', s.width], ['feed_forward_length', 'u32', s.hidden],
      ['attention.head_count', 'u32', s.heads], ['attention.head_count_kv', 'u32', s.kvHeads], ['attention.key_length', 'u32', s.headDim],
      ['attention.value_length', 'u32', s.headDim], ['attention.layer_norm_rms_epsilon', 'f32', s.epsilon], ...rope.keys,
    ],
    tensors(p) {
      p.add('token_embd.weight', 'model.embed_tokens.weight', [s.vocabulary, s.width]);
      for (let n = 0; n < s.layers; n++) {
        const [to, from] = [`blk.${n}.`, `model.layers.${n}.`];
        p.add(`${to}attn_norm.weight`, `${from}input_layernorm.weight`, [s.width]);
        p.linear(`${to}attn_q`, `${from}self_attn.q_proj`, q, s.width, { permute: turn });
        p.linear(`${to}attn_k`, `${from}self_attn.k_proj`, kv, s.width, { permute: turn });
        p.linear(`${to}attn_v`, `${from}self_attn.v_proj`, kv, s.width);
        p.linear(`${to}attn_output`, `${from}self_attn.o_proj`, s.width, q);
        if (headNorms) {
          p.add(`${to}attn_q_norm.weight`, `${from}self_attn.q_norm.weight`, [s.headDim]);
          p.add(`${to}attn_k_norm.weight`, `${from}self_attn.k_norm.weight`, [s.headDim]);
        }
        p.add(`${to}ffn_norm.weight`, `${from}post_attention_layernorm.weight`, [s.width]);
        p.swiglu(to, `${from}mlp.`, s.hidden, s.width);
      }
      p.add('output_norm.weight', 'model.norm.weight', [s.width]);
      p.head('lm_head.weight', s.vocabulary, s.width, c.json.tie_word_embeddings);
      if (rope.factors) p.values('rope_freqs.weight', rope.factors, [rope.factors.length]);
    },
  };
};
