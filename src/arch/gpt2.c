/* gpt2: LayerNorm with biases, learned positions, fused q, k, v, GELU without a gate.
   Learned positions end at context_length; later tokens keep the last one, so that reading never stops. */
#include "arch.h"

static void build(pal_builder *b) {
    pal_model *m = b->m;
    m->position = pal_bind_rows(b, PAL_NO_BLOCK, "position_embd.weight", 0, m->n_ctx_train, m->n_ctx_train, m->dim);
    for (uint32_t i = 0; i < m->n_block; i++) {
        pal_layer *l = pal_add_attention(b, i, PAL_NORM_LAYER);
        l->attention.rope = -1;
        pal_add_mlp(b, i, PAL_NORM_LAYER, PAL_ACT_GELU);
    }
}

const pal_arch pal_arch_gpt2 = {"gpt2", PAL_NORM_LAYER, build, NULL};
