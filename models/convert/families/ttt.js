/** TTT-Linear and TTT-MLP, by the names of test-time-training/ttt-lm-pytorch. What a block has is told by its tensors. */
import { bad } from '../config.js';

/** @param {import('../config.js').Config} c @returns {import('../config.js').Family} */
export function ttt(c) {
  const width = c.whole('hidden_size');
  const hidden = c.whole('intermediate_size');
  const layers = c.whole('num_hidden_layers');
  const heads = c.whole('num_attention_heads');
  const batch = c.whole('mini_batch_size', 16);
  const taps = c.whole('conv_kernel', 4);
  const vocabulary = c.whole('vocab_size');
  const deep = c.choice('ttt_layer_type', ['linear', 'mlp']) === 'mlp';
  const [gated, shared, before] = ['use_gate', 'share_qk', 'pre_conv'].map((key) => c.flag(key, false));
  c.choice('hidden_act', ['silu']);
  if (width % heads || (width / heads) % 2) bad(`num_attention_heads ${heads} does not divide hidden_size ${width} into heads of even width`);
  const d = width / heads;
  const h = deep ? 4 * d : d;
  return {
    arch: 'ttt',
    vocabulary,
    keys: [
      ['block_count', 'u32', layers], ['context_length', 'u32', c.whole('max_position_embeddings', 2048)], ['embedding_length', 'u32', width],
      ['feed_forward_length', 'u32', hidden], ['attention.head_count', 'u32', heads], ['attention.layer_norm_rms_epsilon', 'f32', c.number('rms_norm_eps', 1e-6)],
      ['rope.freq_base', 'f32', c.number('rope_theta', 10000)], ['mini_batch_size', 'u32', batch], ['base_lr', 'f32', c.number('ttt_base_lr', 1)], ['conv_kernel', 'u32', taps],
    ],
    tensors(p) {
      p.add('token_embd.weight', 'model.embed_tokens.weight', [vocabulary, width]);
      for (let n = 0; n < layers; n++) {
        const [to, layer] = [`blk.${n}.`, `model.layers.${n}.`];
        const from = `${layer}seq_modeling_block.`;
        const exact = (/** @type {string} */ name, /** @type {string} */ source, /** @type {number[]} */ shape, /** @type {number[]} */ into) =>
          p.add(`${to}${name}`, `${from}${source}`, shape, { exact: true, shape: into });
        if (before) {
          p.add(`${to}ttt_pre_norm.weight`, `${layer}conv.norm.weight`, [width]);
          p.conv(`${to}ttt_pre_conv`, `${layer}conv.conv`, width, taps);
        }
        p.add(`${to}attn_norm.weight`, `${layer}seq_norm.weight`, [width]);
        for (const [name, source] of [['q', 'q'], ...(shared ? [] : [['k', 'k']]), ['v', 'v'], ['out', 'o'], ...(gated ? [['gate', 'g']] : [])]) p.linear(`${to}ttt_${name}`, `${from}${source}_proj`, width, width);
        if (shared) for (const name of ['conv_q', 'conv_k']) p.conv(`${to}ttt_${name}`, `${from}${name}`, width, taps);
        exact('ttt_lr.weight', 'learnable_ttt_lr_weight', [heads, 1, width], [heads, width]);
        exact('ttt_lr.bias', 'learnable_ttt_lr_bias', [heads, 1], [heads]);
        exact('ttt_token_idx', 'learnable_token_idx', [batch], [batch]);
        exact('ttt_w1', 'W1', [heads, d, h], [heads, d, h]);
        exact('ttt_b1', 'b1', [heads, 1, h], [heads, h]);
        if (deep) {
          exact('ttt_w2', 'W2', [heads, h, d], [heads, h, d]);
          exact('ttt_b2', 'b2', [heads, 1, d], [heads, d]);
        }
        exact('ttt_norm.weight', 'ttt_norm_weight', [heads, d], [heads, d]);
        exact('ttt_norm.bias', 'ttt_norm_bias', [heads, d], [heads, d]);
        p.add(`${to}ttt_post_norm.weight`, `${from}post_norm.weight`, [width]);
        p.add(`${to}ttt_post_norm.bias`, `${from}post_norm.bias`, [width]);
        p.add(`${to}ffn_norm.weight`, `${layer}ffn_norm.weight`, [width]);
        p.swiglu(to, `${layer}mlp.`, hidden, width);
      }
      p.add('output_norm.weight', 'model.norm.weight', [width]);
      p.head('lm_head.weight', vocabulary, width, c.json.tie_word_embeddings ?? true);
    },
  };
}
