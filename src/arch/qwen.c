/* qwen2: llama with RoPE in halves and biases on q, k, v. qwen3: no biases, RMS norm on each head of q and k. */
#include "arch.h"

static void build(pal_builder *b, bool head_norms) {
    pal_read_rope(b);
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        pal_layer *l = pal_add_attention(b, i, PAL_NORM_RMS);
        if (head_norms) {
            l->attention.q_norm = pal_bind_norm(b, PAL_NORM_RMS, i, "attn_q_norm", b->d_k);
            l->attention.k_norm = pal_bind_norm(b, PAL_NORM_RMS, i, "attn_k_norm", b->d_k);
        }
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_SILU);
    }
}

static void build_qwen2(pal_builder *b) { build(b, false); }
static void build_qwen3(pal_builder *b) { build(b, true); }

const pal_arch pal_arch_qwen2 = {"qwen2", PAL_NORM_RMS, build_qwen2};
const pal_arch pal_arch_qwen3 = {"qwen3", PAL_NORM_RMS, build_qwen3};
