/* s4d: diagonal state spaces alone, LayerNorm behind each block's sum or before the block (s4d.prenorm); no last norm.
   The names are ours (models/README.md). */
#include "arch.h"

static void build(pal_builder *b) {
    const uint32_t dim = b->m->dim, N = pal_need_u32(b, "ssm.state_size") / 2;
    if (!N || N > PAL_MAX_STATE) {
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("s4d.ssm.state_size"),
                 "is missing or far too large; convert the model again");
        return;
    }
    for (uint32_t i = 0; i < b->m->n_block; i++) {
        pal_layer *l = pal_add_layer(b, &pal_s4d_kind, i, PAL_NORM_LAYER, "attn_norm");
        pal_s4d *s = &l->s4d;
        *s = (pal_s4d){.n_mode = N};
        if (!pal_get_u32(b, "prenorm", 0)) l->after = l->pre, l->pre = (pal_norm){0};
        s->a = pal_bind_floats(b, i, "s4d_a", N, 2ull * dim);
        s->b = pal_bind_floats(b, i, "s4d_b", N, 2ull * dim);
        s->c = pal_bind_floats(b, i, "s4d_c", N, 2ull * dim);
        s->d = pal_bind_vector(b, i, "s4d_d", 0, dim);
        s->out = pal_bind_linear(b, i, "s4d_out", 2 * dim, dim);
    }
}

const pal_arch pal_arch_s4d = {"s4d", PAL_NORM_LAYER, build, ""};
