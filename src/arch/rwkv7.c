/* rwkv7: a norm behind the embedding, time mixing, channel mixing; no attention. */
#include "arch.h"

static pal_low_rank bind_low_rank(pal_builder *b, uint32_t block, const char *first, const char *second,
                                  const char *offset, uint32_t rank) {
    return (pal_low_rank){pal_bind_linear(b, block, first, rank, b->m->dim),
                          pal_bind_linear(b, block, second, b->m->dim, rank),
                          pal_bind_vector(b, block, offset, 0, b->m->dim)};
}

static void build(pal_builder *b) {
    pal_model *m = b->m;
    const uint32_t dim = m->dim, d = pal_need_u32(b, "wkv.head_size"), n_ff = b->n_ff;
    const uint32_t decay = pal_need_u32(b, "attention.decay_lora_rank"),
                   rate = pal_need_u32(b, "attention.iclr_lora_rank");
    const uint32_t mix = pal_need_u32(b, "attention.value_residual_mix_lora_rank");
    const uint32_t gate = pal_need_u32(b, "attention.gate_lora_rank");
    if (!d || d > PAL_MAX_STATE || d % 4 || dim % (d ? d : 1) || !n_ff || !decay || !rate || !mix || !gate ||
        decay > PAL_MAX_WIDTH || rate > PAL_MAX_WIDTH || mix > PAL_MAX_WIDTH || gate > PAL_MAX_WIDTH) {
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("wkv.head_size"),
                 "does not fit the model's width, or a rank is missing; convert the model again");
        return;
    }
    m->embedding_norm = pal_bind_norm(b, PAL_NORM_LAYER, PAL_NO_BLOCK, "token_embd_norm", dim);
    m->first_values = true;
    for (uint32_t i = 0; i < m->n_block; i++) {
        pal_time_mix *t = &pal_add_layer(b, &pal_time_mix_kind, i, PAL_NORM_LAYER, "attn_norm")->time_mix;
        *t = (pal_time_mix){.d = d};
        t->r = pal_bind_linear(b, i, "time_mix_receptance", dim, dim);
        t->k = pal_bind_linear(b, i, "time_mix_key", dim, dim);
        t->v = pal_bind_linear(b, i, "time_mix_value", dim, dim);
        t->o = pal_bind_linear(b, i, "time_mix_output", dim, dim);
        t->g1 = pal_bind_linear(b, i, "time_mix_g1", gate, dim);
        t->g2 = pal_bind_linear(b, i, "time_mix_g2", dim, gate);
        t->w = bind_low_rank(b, i, "time_mix_w1", "time_mix_w2", "time_mix_w0.weight", decay);
        t->a = bind_low_rank(b, i, "time_mix_a1", "time_mix_a2", "time_mix_a0.weight", rate);
        if (i) t->v_mix = bind_low_rank(b, i, "time_mix_v1", "time_mix_v2", "time_mix_v0.weight", mix);
        t->mu = pal_bind_floats(b, i, "time_mix_lerp_fused.weight", dim, 6);
        t->k_k = pal_bind_vector(b, i, "time_mix_k_k.weight", 0, dim);
        t->k_a = pal_bind_vector(b, i, "time_mix_k_a.weight", 0, dim);
        t->r_k = pal_bind_floats(b, i, "time_mix_r_k.weight", dim, 1);
        t->norm = pal_bind_norm(b, PAL_NORM_LAYER, i, "time_mix_ln", dim);
        if (!t->norm.b) t->norm.b = pal_bind_vector(b, i, "time_mix_ln.bias", 0, dim);

        pal_channel_mix *c = &pal_add_layer(b, &pal_channel_mix_kind, i, PAL_NORM_LAYER, "attn_norm_2")->channel_mix;
        *c = (pal_channel_mix){.mu = pal_bind_floats(b, i, "channel_mix_lerp_k.weight", dim, 1)};
        c->key = pal_bind_linear(b, i, "channel_mix_key", n_ff, dim);
        c->value = pal_bind_linear(b, i, "channel_mix_value", dim, n_ff);
    }
}

const pal_arch pal_arch_rwkv7 = {"rwkv7", PAL_NORM_LAYER, build, NULL};
