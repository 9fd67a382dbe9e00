/* phi3: llama with RoPE in halves, one fused matrix for q, k, v and one for gate and up; LongRoPE factors.
   A sliding window in the file is ignored, as the models are used with full attention (llama.cpp does the same). */
#include "arch.h"

static void build(pal_builder *b) {
    pal_read_rope(b);
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        pal_add_attention(b, i, PAL_NORM_RMS);
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_SILU);
    }
}

const pal_arch pal_arch_phi3 = {"phi3", PAL_NORM_RMS, build, NULL};
