/** Names: Hugging Face -> GGUF, in the order in which they are written. */

/**
 * @typedef {import('./config.js').Shape} Shape
 * @typedef {import('./safetensors.js').Weights} Weights
 * @typedef {import('./safetensors.js').Source} Source
 * @typedef {{ name: string, source: Source | null, values: Float32Array | null, shape: number[], permute: number }} Planned
 *   shape: slowest first; permute: rows per head whose halves are interleaved, 0: as they are; values: instead of a source
 */

/**
 * @param {Shape} s
 * @param {Weights} weights
 * @param {Float32Array | null} ropeFactors
 * @param {(text: string) => void} note
 * @returns {Planned[]}
 */
export function planTensors(s, weights, ropeFactors, note) {
  /** @type {Planned[]} */
  const list = [];
  const add = (/** @type {string} */ name, /** @type {string} */ from, /** @type {number[]} */ shape, permute = 0) => {
    list.push({ name, source: weights.take(from, shape), values: null, shape, permute });
  };
  const q = s.heads * s.headDim;
  const kv = s.kvHeads * s.headDim;
  const turn = s.permuted ? s.headDim : 0;
  add('token_embd.weight', 'model.embed_tokens.weight', [s.vocabulary, s.width]);
  for (let n = 0; n < s.layers; n++) {
    const from = `model.layers.${n}.`;
    const linear = (/** @type {string} */ to, /** @type {string} */ name, /** @type {number} */ rows, /** @type {number} */ cols, permute = 0) => {
      add(`blk.${n}.${to}.weight`, `${from}${name}.weight`, [rows, cols], permute);
      if (weights.has(`${from}${name}.bias`)) add(`blk.${n}.${to}.bias`, `${from}${name}.bias`, [rows], permute);
    };
    add(`blk.${n}.attn_norm.weight`, `${from}input_layernorm.weight`, [s.width]);
    linear('attn_q', 'self_attn.q_proj', q, s.width, turn);
    linear('attn_k', 'self_attn.k_proj', kv, s.width, turn);
    linear('attn_v', 'self_attn.v_proj', kv, s.width);
    linear('attn_output', 'self_attn.o_proj', s.width, q);
    if (s.headNorms) {
      add(`blk.${n}.attn_q_norm.weight`, `${from}self_attn.q_norm.weight`, [s.headDim]);
      add(`blk.${n}.attn_k_norm.weight`, `${from}self_attn.k_norm.weight`, [s.headDim]);
    }
    add(`blk.${n}.ffn_norm.weight`, `${from}post_attention_layernorm.weight`, [s.width]);
    linear('ffn_gate', 'mlp.gate_proj', s.hidden, s.width);
    linear('ffn_up', 'mlp.up_proj', s.hidden, s.width);
    linear('ffn_down', 'mlp.down_proj', s.width, s.hidden);
  }
  add('output_norm.weight', 'model.norm.weight', [s.width]);
  addHead(s, weights, add, note);
  if (ropeFactors) list.push({ name: 'rope_freqs.weight', source: null, values: ropeFactors, shape: [ropeFactors.length], permute: 0 });
  // Buffers that old exports carry along.
  const rest = [...weights.tensors.keys()].filter((n) => !weights.used.has(n) && !/rotary_emb\.inv_freq$|\.masked_bias$|\.attn\.bias$/.test(n));
  if (rest.length) note(`note: ${rest.length} tensors have no place in GGUF and are left out: ${rest.slice(0, 4).join(', ')}${rest.length > 4 ? ', ...' : ''}`);
  return list;
}

/**
 * A head in the file is used, whatever the flag says.
 * @param {Shape} s
 * @param {Weights} weights
 * @param {(name: string, from: string, shape: number[]) => void} add
 * @param {(text: string) => void} note
 */
function addHead(s, weights, add, note) {
  const own = weights.has('lm_head.weight');
  if (own && s.tied === true) note('note: config.json says tie_word_embeddings, but lm_head.weight is there; it is used');
  if (!own && s.tied === false) note('note: lm_head.weight is missing though config.json does not tie it; the embedding is used');
  if (own) add('output.weight', 'lm_head.weight', [s.vocabulary, s.width]);
}
