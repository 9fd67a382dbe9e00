/** config.json of a Llama-like model -> what its GGUF says. Every number comes from the file; what cannot be carried over
 *  is refused, never ignored. */
import { PalError } from '../../web/errors.js';

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
 * @property {boolean | undefined} tied
 */

const FAMILIES = /** @type {Record<string, { arch: string, permuted: boolean, headNorms: boolean }>} */ ({
  LlamaForCausalLM: { arch: 'llama', permuted: true, headNorms: false },
  MistralForCausalLM: { arch: 'llama', permuted: true, headNorms: false },
  Qwen2ForCausalLM: { arch: 'qwen2', permuted: false, headNorms: false },
  Qwen3ForCausalLM: { arch: 'qwen3', permuted: false, headNorms: true },
});

/** @param {string} why @returns {never} */
function bad(why) {
  throw new PalError('unsupported', `config.json: ${why}`);
}

/**
 * @param {any} config
 * @param {(text: string) => void} note
 * @returns {Shape}
 */
export function readConfig(config, note) {
  const name = config?.architectures?.[0];
  const family = FAMILIES[name] ?? bad(`architecture ${JSON.stringify(name)} cannot be converted; possible: ${Object.keys(FAMILIES).join(', ')}`);
  const whole = (/** @type {string} */ key, /** @type {number | undefined} */ fallback = undefined) => {
    const v = config[key] ?? fallback;
    if (!Number.isInteger(v) || v < 1) bad(`${key} is ${JSON.stringify(config[key])}, a whole number is needed`);
    return /** @type {number} */ (v);
  };
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
    tied: config.tie_word_embeddings,
  };
}

/**
 * Keys for the rotary positions, and the factors per frequency where the scaling needs them.
 * @param {Shape} s
 * @returns {{ keys: [string, string, any][], factors: Float32Array | null }}
 */
export function ropeOf(s) {
  const { arch, ropeScaling: r } = s;
  /** @type {[string, string, any][]} */
  const keys = [[`${arch}.rope.freq_base`, 'f32', s.ropeBase], [`${arch}.rope.dimension_count`, 'u32', s.headDim]];
  if (!r) return { keys, factors: null };
  const type = r.rope_type ?? r.type;
  const number = (/** @type {string} */ key, /** @type {number | undefined} */ fallback = undefined) => {
    const v = r[key] ?? fallback;
    return typeof v === 'number' && v > 0 ? v : bad(`rope_scaling.${key} is ${JSON.stringify(r[key])}, a positive number is needed`);
  };
  const factor = number('factor');
  const scaling = (/** @type {[string, string, any][]} */ ...more) => ({
    keys: [...keys, ...more.map(([k, t, v]) => /** @type {[string, string, any]} */ ([`${arch}.rope.scaling.${k}`, t, v]))],
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
