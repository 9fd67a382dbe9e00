/** RetNet, by the names of microsoft/torchscale. */
import { bad } from '../config.js';

const ACTIVATIONS = ['gelu', 'swish', 'relu'];

/** @param {import('../config.js').Config} c @returns {import('../config.js').Family} */
export function retnet(c) {
  const width = c.whole('decoder_embed_dim');
  const inner = c.whole('decoder_value_embed_dim');
  const hidden = c.whole('decoder_ffn_embed_dim');
  const heads = c.whole('decoder_retention_heads');
  const layers = c.whole('decoder_layers');
  const vocabulary = c.whole('vocab_size');
  const activation = c.choice('activation_fn', ACTIVATIONS);
  c.choice('decoder_normalize_before', [true]);
  for (const key of ['layernorm_embedding', 'deepnorm', 'multiway']) c.choice(key, [false]);
  if (c.json.moe_freq) bad(`moe_freq is ${c.json.moe_freq}; mixtures of experts cannot be converted`);
  if (width % heads || inner % heads) bad(`${heads} heads do not divide the widths ${width} and ${inner}`);
  return {
    arch: 'retnet',
    vocabulary,
    keys: [
      ['block_count', 'u32', layers], ['context_length', 'u32', c.whole('max_target_positions', 2048)], ['embedding_length', 'u32', width],
      ['feed_forward_length', 'u32', hidden], ['attention.head_count', 'u32', heads], ['attention.key_length', 'u32', width / heads],
      ['attention.value_length', 'u32', inner / heads], ['attention.layer_norm_rms_epsilon', 'f32', c.number('layernorm_eps', 1e-6)],
      ['activation', 'u32', ACTIVATIONS.indexOf(activation)], ['embedding_scale', 'f32', c.flag('no_scale_embedding', true) ? 1 : Math.sqrt(width)],
    ],
    tensors(p) {
      p.add('token_embd.weight', 'embed_tokens.weight', [vocabulary, width]);
      for (let n = 0; n < layers; n++) {
        const [to, from] = [`blk.${n}.`, `layers.${n}.`];
        p.add(`${to}attn_norm.weight`, `${from}retention_layer_norm.weight`, [width]);
        p.linear(`${to}attn_q`, `${from}retention.q_proj`, width, width);
        p.linear(`${to}attn_k`, `${from}retention.k_proj`, width, width);
        p.linear(`${to}attn_v`, `${from}retention.v_proj`, inner, width);
        p.linear(`${to}attn_gate`, `${from}retention.g_proj`, inner, width);
        p.linear(`${to}attn_output`, `${from}retention.out_proj`, width, inner);
        p.add(`${to}ffn_norm.weight`, `${from}final_layer_norm.weight`, [width]);
        p.linear(`${to}ffn_gate`, `${from}ffn.fc1`, hidden, width);
        p.linear(`${to}ffn_up`, `${from}ffn.gate`, hidden, width);
        p.linear(`${to}ffn_down`, `${from}ffn.fc2`, width, hidden);
      }
      p.add('output_norm.weight', 'layer_norm.weight', [width]);
      p.head('output_projection.weight', vocabulary, width, c.json.share_decoder_input_output_embed);
    },
  };
}
