/* llama: Llama 2 and 3.x, Mistral, SmolLM2, TinyLlama. Pre-norm, RoPE in interleaved pairs, SwiGLU; optional biases.
   smollm3: the same, every fourth block without RoPE. */
#include "arch.h"

static void build(pal_builder *b, uint32_t no_rope_step) {
    if (pal_get_u32(b, "expert_count", 0) > 0)
        pal_fail(b->e, PAL_E_SUPPORT, PAL_STR("expert_count"),
                 "mixtures of experts are not supported; choose a dense model");
    pal_read_rope(b);
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        pal_layer *l = pal_add_attention(b, i, PAL_NORM_RMS);
        l->attention.interleaved = true;
        if (no_rope_step && (i + 1) % no_rope_step == 0) l->attention.rope = -1;
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_SILU);
    }
}

static void build_llama(pal_builder *b) { build(b, 0); }
static void build_smollm3(pal_builder *b) { build(b, 4); }

const pal_arch pal_arch_llama = {"llama", PAL_NORM_RMS, build_llama, NULL};
const pal_arch pal_arch_smollm3 = {"smollm3", PAL_NORM_RMS, build_smollm3, NULL};
