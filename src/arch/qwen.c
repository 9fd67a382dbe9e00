/* qwen2: llama with RoPE in halves and biases on q, k, v. qwen3: no biases, RMS norm on each head of q and k.
   qwen35: every fourth block attends so, with a gate behind it, the others keep a gated delta rule. */
#include "arch.h"

static void add_attention(pal_builder *b, uint32_t block, bool head_norms) {
    pal_attention *a = &pal_add_attention(b, block, PAL_NORM_RMS)->attention;
    if (!head_norms) return;
    a->q_norm = pal_bind_norm(b, PAL_NORM_RMS, block, "attn_q_norm", b->d_k);
    a->k_norm = pal_bind_norm(b, PAL_NORM_RMS, block, "attn_k_norm", b->d_k);
}

static void build(pal_builder *b, bool head_norms) {
    pal_read_rope(b);
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        add_attention(b, i, head_norms);
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_SILU);
    }
}

static void build_qwen2(pal_builder *b) { build(b, false); }
static void build_qwen3(pal_builder *b) { build(b, true); }

static void add_delta(pal_builder *b, uint32_t block) {
    const uint32_t K = pal_need_u32(b, "ssm.group_count"), V = pal_need_u32(b, "ssm.time_step_rank");
    const uint32_t d = pal_need_u32(b, "ssm.state_size"), inner = pal_need_u32(b, "ssm.inner_size"), dim = b->m->dim;
    if (!K || !V || V > PAL_MAX_WIDTH || V % K || !d || d > PAL_MAX_STATE || (uint64_t)V * d != inner ||
        inner > PAL_MAX_WIDTH) {
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("ssm.inner_size"),
                 "must be ssm.time_step_rank heads of ssm.state_size; convert the model again");
        return;
    }
    pal_delta *s = &pal_add_layer(b, &pal_delta_kind, block, PAL_NORM_RMS, "attn_norm")->delta;
    const uint32_t wide = (2 * K + V) * d;
    *s = (pal_delta){.n_head_k = K, .n_head_v = V, .d = d};
    s->qkv = pal_bind_linear(b, block, "attn_qkv", wide, dim);
    s->gate = pal_bind_linear(b, block, "attn_gate", inner, dim);
    s->alpha = pal_bind_linear(b, block, "ssm_alpha", V, dim);
    s->beta = pal_bind_linear(b, block, "ssm_beta", V, dim);
    s->conv = pal_bind_conv(b, block, "ssm_conv1d", wide, pal_need_u32(b, "ssm.conv_kernel"));
    s->a = pal_bind_vector(b, block, "ssm_a", 0, V);
    s->dt_bias = pal_bind_vector(b, block, "ssm_dt.bias", 0, V);
    s->norm = pal_bind_norm(b, PAL_NORM_RMS, block, "ssm_norm", d);
    s->out = pal_bind_linear(b, block, "ssm_out", dim, inner);
}

static void build_qwen35(pal_builder *b) {
    const uint32_t interval = pal_get_u32(b, "full_attention_interval", 4);
    pal_read_rope(b);
    b->gated = true;
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        if (interval && (i + 1) % interval == 0)
            add_attention(b, i, true);
        else
            add_delta(b, i);
        pal_add_mlp_behind(b, i, PAL_NORM_RMS, PAL_ACT_SILU, "post_attention_norm");
    }
}

const pal_arch pal_arch_qwen2 = {"qwen2", PAL_NORM_RMS, build_qwen2, NULL};
const pal_arch pal_arch_qwen3 = {"qwen3", PAL_NORM_RMS, build_qwen3, NULL};
const pal_arch pal_arch_qwen35 = {"qwen35", PAL_NORM_RMS, build_qwen35, NULL};
