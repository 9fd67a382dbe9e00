/** RecurrentGemma (Griffin), by the names of Hugging Face's class. */
import { bad } from '../config.js';

/** The embedding's factor as the authors compute it, rounded to bfloat16. @param {number} width */
function embeddingScale(width) {
  const bits = new Uint32Array(Float32Array.of(Math.sqrt(width)).buffer);
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0];
}

/** @param {number} w norm weights are stored without their 1 */
const whole = (w) => 1 + w;
/** -8 softplus(Lambda) @param {number} x */
const decay = (x) => -8 * (Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));

/** @param {import('../config.js').Config} c @returns {import('../config.js').Family} */
export function griffin(c) {
  const width = c.whole('hidden_size');
  const hidden = c.whole('intermediate_size') / 2; // the config counts gate and up
  const layers = c.whole('num_hidden_layers');
  const heads = c.whole('num_attention_heads');
  const kvHeads = c.whole('num_key_value_heads', 1);
  const headDim = c.whole('head_dim', width / heads);
  const lru = c.whole('lru_width', width);
  const taps = c.whole('conv1d_width', 4);
  const vocabulary = c.whole('vocab_size');
  const rotated = c.number('partial_rotary_factor', 0.5) * headDim;
  const types = c.json.block_types ?? c.json._block_types ?? ['recurrent', 'recurrent', 'attention'];
  c.choice('hidden_activation', ['gelu_pytorch_tanh']);
  if (!Array.isArray(types) || !types.length || types.some((t) => t !== 'recurrent' && t !== 'attention')) bad(`block_types is ${JSON.stringify(types)}; recurrent and attention are known`);
  if (lru % heads || rotated % 2 || !Number.isInteger(hidden)) bad(`lru_width ${lru}, ${heads} heads, partial_rotary_factor and intermediate_size do not fit each other`);
  const attends = Array.from({ length: layers }, (_, n) => types[n % types.length] === 'attention');
  const cap = c.json.logits_soft_cap ?? 30;
  return {
    arch: 'recurrentgemma',
    vocabulary,
    keys: [
      ['block_count', 'u32', layers], ['context_length', 'u32', c.whole('max_position_embeddings', 8192)], ['embedding_length', 'u32', width],
      ['feed_forward_length', 'u32', hidden], ['attention.head_count', 'u32', heads], ['attention.head_count_kv', 'u32[]', attends.map((a) => (a ? kvHeads : 0))],
      ['attention.key_length', 'u32', headDim], ['attention.value_length', 'u32', headDim], ['attention.layer_norm_rms_epsilon', 'f32', c.number('rms_norm_eps', 1e-6)],
      ['attention.sliding_window', 'u32', c.whole('attention_window_size', 2048) + 1], // a token sees so many before itself
      ['rope.freq_base', 'f32', c.number('rope_theta', 10000)], ['rope.dimension_count', 'u32', rotated], ['lru_width', 'u32', lru], ['conv_kernel', 'u32', taps],
      ['final_logit_softcapping', 'f32', cap], ['embedding_scale', 'f32', c.flag('embeddings_scale_by_sqrt_dim', true) ? embeddingScale(width) : 1],
    ],
    tensors(p) {
      const d = lru / heads;
      p.add('token_embd.weight', 'model.embed_tokens.weight', [vocabulary, width]);
      for (const [n, attention] of attends.entries()) {
        const [to, from] = [`blk.${n}.`, `model.layers.${n}.`];
        const block = `${from}temporal_block.`;
        p.add(`${to}attn_norm.weight`, `${from}temporal_pre_norm.weight`, [width], { map: whole });
        if (attention) {
          p.linear(`${to}attn_q`, `${block}q_proj`, heads * headDim, width);
          p.linear(`${to}attn_k`, `${block}k_proj`, kvHeads * headDim, width);
          p.linear(`${to}attn_v`, `${block}v_proj`, kvHeads * headDim, width);
          p.linear(`${to}attn_output`, `${block}o_proj`, width, heads * headDim);
        } else {
          p.linear(`${to}rglru_x`, `${block}linear_x`, lru, width);
          p.linear(`${to}rglru_y`, `${block}linear_y`, lru, width);
          p.linear(`${to}rglru_out`, `${block}linear_out`, width, lru);
          p.conv(`${to}rglru_conv1d`, `${block}conv_1d`, lru, taps);
          for (const [name, gate] of [['rglru_recurrent_gate', 'recurrent_gate'], ['rglru_input_gate', 'input_gate']]) {
            p.add(`${to}${name}.weight`, `${block}rg_lru.${gate}_weight`, [heads, d, d], { exact: true });
            p.add(`${to}${name}.bias`, `${block}rg_lru.${gate}_bias`, [heads, d], { exact: true });
          }
          p.add(`${to}rglru_a`, `${block}rg_lru.recurrent_param`, [lru], { map: decay });
        }
        p.add(`${to}ffn_norm.weight`, `${from}channel_pre_norm.weight`, [width], { map: whole });
        p.swiglu(to, `${from}mlp_block.`, hidden, width);
      }
      p.add('output_norm.weight', 'model.final_norm.weight', [width], { map: whole });
      p.head('lm_head.weight', vocabulary, width, c.json.tie_word_embeddings);
    },
  };
}
