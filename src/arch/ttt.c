/* ttt: TTT-Linear and TTT-MLP behind the Transformer's or Mamba's backbone; what a block has is told by its tensors.
   GGUF has no such architecture: the names are ours, in its style (models/README.md). */
#include "arch.h"

static void add_ttt(pal_builder *b, uint32_t block) {
    const uint32_t dim = b->m->dim, H = b->n_head, d = H ? dim / H : 0, K = pal_need_u32(b, "mini_batch_size");
    const uint32_t h = pal_has(b, block, "ttt_w2") ? 4 * d : d, taps = pal_get_u32(b, "conv_kernel", 4);
    if (!H || dim % H || d % 2 || !K || K > PAL_MAX_STATE) {
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("ttt.mini_batch_size"),
                 "is missing, or the heads do not fit the model's width; convert the model again");
        return;
    }
    if (pal_has(b, block, "ttt_pre_conv.weight"))
        pal_add_layer(b, &pal_conv_kind, block, PAL_NORM_RMS, "ttt_pre_norm")->shortconv.conv =
            pal_bind_conv(b, block, "ttt_pre_conv", dim, taps);
    pal_ttt *s = &pal_add_layer(b, &pal_ttt_kind, block, PAL_NORM_RMS, "attn_norm")->ttt;
    *s = (pal_ttt){.n_head = H, .d = d, .h = h, .batch = K};
    s->rope_base = pal_get_f32(b, "rope.freq_base", 10000);
    s->base_lr = pal_get_f32(b, "base_lr", 1);
    s->q = pal_bind_linear(b, block, "ttt_q", dim, dim);
    s->v = pal_bind_linear(b, block, "ttt_v", dim, dim);
    s->o = pal_bind_linear(b, block, "ttt_out", dim, dim);
    s->lr = pal_bind_linear(b, block, "ttt_lr", H, dim);
    if (pal_has(b, block, "ttt_k.weight")) {
        s->k = pal_bind_linear(b, block, "ttt_k", dim, dim);
    } else {
        s->conv_q = pal_bind_conv(b, block, "ttt_conv_q", dim, taps);
        s->conv_k = pal_bind_conv(b, block, "ttt_conv_k", dim, taps);
    }
    if (pal_has(b, block, "ttt_gate.weight")) s->gate = pal_bind_linear(b, block, "ttt_gate", dim, dim);
    s->w1 = pal_bind_floats(b, block, "ttt_w1", h, (uint64_t)H * d);
    s->b1 = pal_bind_floats(b, block, "ttt_b1", h, H);
    if (h != d) {
        s->w2 = pal_bind_floats(b, block, "ttt_w2", d, (uint64_t)H * h);
        s->b2 = pal_bind_floats(b, block, "ttt_b2", d, H);
    }
    s->tau = pal_bind_vector(b, block, "ttt_token_idx", 0, K);
    s->norm = (pal_norm){PAL_NORM_LAYER, 1e-6f, pal_bind_floats(b, block, "ttt_norm.weight", d, H),
                         pal_bind_floats(b, block, "ttt_norm.bias", d, H)};
    s->post_norm = pal_bind_norm(b, PAL_NORM_LAYER, block, "ttt_post_norm", dim);
    s->post_norm.eps = 1e-6f;
}

static void build(pal_builder *b) {
    for (uint32_t i = 0; i < b->m->n_block && !b->e->code; i++) {
        add_ttt(b, i);
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_SILU);
    }
}

const pal_arch pal_arch_ttt = {"ttt", PAL_NORM_RMS, build, NULL};
