/* retnet: retention and a gated MLP behind RMS norms (torchscale). The names are ours (models/README.md). */
#include "arch.h"

static void build(pal_builder *b) {
    const uint32_t dim = b->m->dim, H = b->n_head, K = b->d_k, V = b->d_v;
    const uint32_t acts[] = {PAL_ACT_GELU_ERF, PAL_ACT_SILU, PAL_ACT_RELU};
    const uint32_t act = pal_get_u32(b, "activation", 0); /* 0 gelu, 1 swish, 2 relu */
    if (!H || K < 4 || K % 2 || act > 2 || (uint64_t)H * V > PAL_MAX_WIDTH) {
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("retnet.attention.head_count"),
                 "is missing, or its heads are too narrow; convert the model again");
        return;
    }
    b->m->embedding_scale = pal_get_f32(b, "embedding_scale", 1);
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        pal_retention *s = &pal_add_layer(b, &pal_retention_kind, i, PAL_NORM_RMS, "attn_norm")->retention;
        *s = (pal_retention){.n_head = H, .d_k = K, .d_v = V, .eps = b->norm_eps};
        s->q = pal_bind_linear(b, i, "attn_q", H * K, dim);
        s->k = pal_bind_linear(b, i, "attn_k", H * K, dim);
        s->v = pal_bind_linear(b, i, "attn_v", H * V, dim);
        s->gate = pal_bind_linear(b, i, "attn_gate", H * V, dim);
        s->o = pal_bind_linear(b, i, "attn_output", dim, H * V);
        pal_add_mlp(b, i, PAL_NORM_RMS, acts[act]);
    }
}

const pal_arch pal_arch_retnet = {"retnet", PAL_NORM_RMS, build, NULL};
