/* gemma2, gemma3 (text): embedding times sqrt(dim), norms before and after each layer, GELU, RoPE in halves, some layers
   with a sliding window. gemma2: soft caps on attention and logits, every other layer slides. gemma3: norms on the heads of
   q and k, a second RoPE base without scaling for the sliding layers.
   The converter has folded the 1 of (1 + w) into the norm weights. */
#include "arch.h"

/* Whether block i slides: a pattern of one flag per block, or every `period`-th block sees everything. */
static bool slides(pal_builder *b, uint32_t i, uint32_t period) {
    const char *key = "attention.sliding_window_pattern";
    uint32_t first = pal_get_u32_at(b, key, 0, period),
             second = pal_get_u32_at(b, key, b->m->n_block > 1 ? 1 : 0, period);
    if (first > 1 && first == second) return (i + 1) % first != 0;
    return pal_get_u32_at(b, key, i, 0) != 0;
}

/* Scores are divided by sqrt(head size), in the 27B models by sqrt(dim / heads). */
static float scale_of(const pal_builder *b, uint32_t blocks_of_27b) {
    return 1 / pal_sqrtf((float)(b->m->n_block == blocks_of_27b ? b->m->dim / b->n_head : b->d_k));
}

static void build(pal_builder *b, bool third) {
    pal_model *m = b->m;
    uint32_t window = pal_get_u32(b, "attention.sliding_window", third ? 0 : 4096), period = third ? 6 : 2;
    float attention_cap = third ? 0 : pal_get_f32(b, "attn_logit_softcapping", 50);
    m->embedding_scale = pal_sqrtf((float)m->dim);
    m->logit_softcap = pal_get_f32(b, "final_logit_softcapping", third ? 0 : 30);
    pal_read_rope(b);
    if (third) {
        m->rope[1] = (pal_rope_spec){.n_rot = b->n_rot, .factor = 1, .magnitude = 1, .n_ctx_orig = m->n_ctx_train};
        m->rope[1].base = pal_get_f32(b, "rope.freq_base_swa", pal_get_f32(b, "rope.local.freq_base", 10000));
        m->n_rope = 2;
    }
    for (uint32_t i = 0; i < m->n_block; i++) {
        pal_layer *l = pal_add_attention(b, i, PAL_NORM_RMS);
        pal_attention *a = &l->attention;
        l->post = pal_bind_norm(b, PAL_NORM_RMS, i, "post_attention_norm", m->dim);
        a->scale = scale_of(b, third ? 62 : 46);
        a->softcap = attention_cap;
        if (slides(b, i, period)) {
            a->window = window;
            a->rope = third ? 1 : 0;
        }
        if (third) {
            a->q_norm = pal_bind_norm(b, PAL_NORM_RMS, i, "attn_q_norm", b->d_k);
            a->k_norm = pal_bind_norm(b, PAL_NORM_RMS, i, "attn_k_norm", b->d_k);
        }
        l = pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_GELU);
        l->post = pal_bind_norm(b, PAL_NORM_RMS, i, "post_ffw_norm", m->dim);
    }
}

static void build_gemma2(pal_builder *b) { build(b, false); }
static void build_gemma3(pal_builder *b) { build(b, true); }

const pal_arch pal_arch_gemma2 = {"gemma2", PAL_NORM_RMS, build_gemma2, NULL};
const pal_arch pal_arch_gemma3 = {"gemma3", PAL_NORM_RMS, build_gemma3, NULL};
