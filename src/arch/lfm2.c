/* lfm2: gated short convolutions, in some blocks attention with norms on the heads of q and k instead; SwiGLU. */
#include "arch.h"

static void build(pal_builder *b) {
    const uint32_t dim = b->m->dim, taps = pal_need_u32(b, "shortconv.l_cache");
    pal_read_rope(b);
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        if (pal_heads_of(b, i)) {
            pal_attention *a = &pal_add_attention(b, i, PAL_NORM_RMS)->attention;
            a->q_norm = pal_bind_norm(b, PAL_NORM_RMS, i, "attn_q_norm", b->d_k);
            a->k_norm = pal_bind_norm(b, PAL_NORM_RMS, i, "attn_k_norm", b->d_k);
        } else {
            pal_shortconv *s = &pal_add_layer(b, &pal_shortconv_kind, i, PAL_NORM_RMS, "attn_norm")->shortconv;
            s->in = pal_bind_linear(b, i, "shortconv.in_proj", 3 * dim, dim);
            s->conv = pal_bind_conv(b, i, "shortconv.conv", dim, taps);
            s->out = pal_bind_linear(b, i, "shortconv.out_proj", dim, dim);
        }
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_SILU);
    }
}

const pal_arch pal_arch_lfm2 = {"lfm2", PAL_NORM_RMS, build, "token_embd_norm"};
