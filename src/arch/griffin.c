/* recurrentgemma (Griffin): blocks with a gated linear recurrence, others with local attention whose window is a cache like
   any other; GELU. The converter has folded the 1 of (1 + w) into the norm weights. The names are ours (models/README.md). */
#include "arch.h"

static void add_recurrent(pal_builder *b, uint32_t block) {
    const uint32_t dim = b->m->dim, wide = pal_need_u32(b, "lru_width"), H = b->n_head;
    if (!H || !wide || wide > PAL_MAX_WIDTH || wide % H) {
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("recurrentgemma.lru_width"),
                 "must be a multiple of attention.head_count; convert the model again");
        return;
    }
    pal_rglru *s = &pal_add_layer(b, &pal_rglru_kind, block, PAL_NORM_RMS, "attn_norm")->rglru;
    *s = (pal_rglru){.n_head = H};
    s->x = pal_bind_linear(b, block, "rglru_x", wide, dim);
    s->y = pal_bind_linear(b, block, "rglru_y", wide, dim);
    s->o = pal_bind_linear(b, block, "rglru_out", dim, wide);
    s->conv = pal_bind_conv(b, block, "rglru_conv1d", wide, pal_need_u32(b, "conv_kernel"));
    s->recurrent_w = pal_bind_floats(b, block, "rglru_recurrent_gate.weight", wide / H, wide);
    s->recurrent_b = pal_bind_floats(b, block, "rglru_recurrent_gate.bias", wide / H, H);
    s->input_w = pal_bind_floats(b, block, "rglru_input_gate.weight", wide / H, wide);
    s->input_b = pal_bind_floats(b, block, "rglru_input_gate.bias", wide / H, H);
    s->log_a = pal_bind_vector(b, block, "rglru_a", 0, wide);
}

static void build(pal_builder *b) {
    pal_model *m = b->m;
    m->embedding_scale = pal_get_f32(b, "embedding_scale", 1);
    m->logit_softcap = pal_get_f32(b, "final_logit_softcapping", 0);
    pal_read_rope(b);
    for (uint32_t i = 0; i < m->n_block && !b->e->code; i++) {
        if (pal_heads_of(b, i))
            pal_add_attention(b, i, PAL_NORM_RMS)->attention.window = pal_need_u32(b, "attention.sliding_window");
        else
            add_recurrent(b, i);
        pal_add_mlp(b, i, PAL_NORM_RMS, PAL_ACT_GELU);
    }
}

const pal_arch pal_arch_recurrentgemma = {"recurrentgemma", PAL_NORM_RMS, build, NULL};
