/* mamba, mamba2: state-space layers alone. granitehybrid: Mamba-2 or attention, then an MLP; embeddings, residuals, scores
   and logits are scaled. */
#include "arch.h"

static void add_ssm(pal_builder *b, uint32_t block, bool second) {
    const uint32_t E = pal_need_u32(b, "ssm.inner_size"), N = pal_need_u32(b, "ssm.state_size");
    const uint32_t taps = pal_need_u32(b, "ssm.conv_kernel"), rank = pal_need_u32(b, "ssm.time_step_rank");
    const uint32_t groups = second ? pal_get_u32(b, "ssm.group_count", 1) : 1, dim = b->m->dim;
    if (E == 0 || E > PAL_MAX_WIDTH || N == 0 || N > PAL_MAX_STATE || rank == 0 || rank > PAL_MAX_WIDTH ||
        groups == 0 || (uint64_t)groups * N > PAL_MAX_WIDTH || E % groups || (second && (E % rank || rank % groups))) {
        pal_fail(
            b->e, PAL_E_FORMAT, PAL_STR("ssm.inner_size"),
            "must be a multiple of the heads (ssm.time_step_rank), these of ssm.group_count; convert the model again");
        return;
    }
    pal_layer *l = pal_add_layer(b, second ? &pal_mamba2_kind : &pal_mamba_kind, block, PAL_NORM_RMS, "attn_norm");
    pal_ssm *s = &l->ssm;
    *s = (pal_ssm){
        .n_inner = E, .n_state = N, .n_head = second ? rank : E, .n_group = groups, .dt_rank = second ? 0 : rank};
    s->in = pal_bind_linear(b, block, "ssm_in", second ? 2 * E + 2 * groups * N + rank : 2 * E, dim);
    s->conv = pal_bind_conv(b, block, "ssm_conv1d", second ? E + 2 * groups * N : E, taps);
    if (second) {
        s->dt.bias = pal_bind_vector(b, block, "ssm_dt.bias", 0, rank);
        s->a = pal_bind_floats(b, block, "ssm_a", 1, rank);
        s->d = pal_bind_floats(b, block, "ssm_d", 1, rank);
        s->norm = (pal_norm){PAL_NORM_RMS, b->norm_eps,
                             pal_bind_floats(b, block, "ssm_norm.weight", E / groups, groups), NULL};
    } else {
        s->x = pal_bind_linear(b, block, "ssm_x", rank + 2 * N, E);
        s->dt = pal_bind_linear(b, block, "ssm_dt", E, rank);
        s->a = pal_bind_floats(b, block, "ssm_a", N, E);
        s->d = pal_bind_vector(b, block, "ssm_d", 0, E);
    }
    s->out = pal_bind_linear(b, block, "ssm_out", dim, E);
}

static void build_mamba(pal_builder *b) {
    for (uint32_t i = 0; i < b->m->n_block; i++) add_ssm(b, i, false);
}

static void build_mamba2(pal_builder *b) {
    for (uint32_t i = 0; i < b->m->n_block; i++) add_ssm(b, i, true);
}

static void build_granite(pal_builder *b) {
    pal_model *m = b->m;
    const float scale = pal_get_f32(b, "residual_scale", 1), logits = pal_get_f32(b, "logit_scale", 1);
    const bool rope = pal_get_u32(b, "rope.scaling.finetuned", 0) != 0;
    if (pal_get_u32(b, "expert_count", 0) > 0)
        pal_fail(b->e, PAL_E_SUPPORT, PAL_STR("expert_count"),
                 "mixtures of experts are not supported; choose a dense model");
    m->embedding_scale = pal_get_f32(b, "embedding_scale", 1);
    m->logit_scale = logits != 0 ? 1 / logits : 1;
    if (rope) pal_read_rope(b);
    for (uint32_t i = 0; i < m->n_block; i++) {
        if (pal_heads_of(b, i)) {
            pal_attention *a = &pal_add_attention(b, i, PAL_NORM_RMS)->attention;
            a->scale = pal_get_f32(b, "attention.scale", a->scale);
            a->interleaved = true;
            if (!rope) a->rope = -1;
        } else {
            add_ssm(b, i, true);
        }
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_SILU);
    }
    for (uint32_t i = 0; i < m->n_layer; i++) m->layers[i].scale = scale;
}

const pal_arch pal_arch_mamba = {"mamba", PAL_NORM_RMS, build_mamba, NULL};
const pal_arch pal_arch_mamba2 = {"mamba2", PAL_NORM_RMS, build_mamba2, NULL};
const pal_arch pal_arch_granitehybrid = {"granitehybrid", PAL_NORM_RMS, build_granite, NULL};
