/* The main path: token ids in, residual stream out. Every model is this loop; what differs is the list of layers. */
#include "forward.h"

#include "rope.h"

/* The tables of cosines and sines from position `first` on. */
static void rotations(const pal_model *m, pal_run *r, uint64_t first, uint32_t n) {
    for (uint32_t i = 0; i < m->n_rope; i++) {
        pal_rope_table(&m->rope[i], r->freq[i], first, n, r->rope[i]);
        if (r->bounds.cache_format == PAL_CACHE_Q8) pal_rope_fixed(r->rope[i], n * m->rope[i].n_rot, r->rope16[i]);
    }
}

void pal_forward(const pal_model *m, pal_run *r, const uint32_t *ids, uint32_t n, bool pinned) {
    uint64_t pos = r->state->n_seen;
    pal_chunk chunk = {&r->bounds, n,        (uint32_t)pos, pinned,   r->rope, r->rope16,
                       r->back,    r->first, r->act,        r->layer, r->team};

    for (uint32_t t = 0; t < n; t++) { /* x = embedding of the token (+ learned position) */
        float *x = r->x + (size_t)t * m->dim;
        pal_mat_row(&m->embedding, ids[t], x);
        if (m->embedding_scale != 1) pal_scale(x, m->embedding_scale, m->dim);
        if (m->position.format) {
            uint64_t row = pos + t < m->position.rows ? pos + t : m->position.rows - 1;
            pal_mat_row(&m->position, (uint32_t)row, r->y);
            pal_add(x, r->y, m->dim);
        }
    }
    pal_norm_rows(&m->embedding_norm, r->x, n, m->dim, r->x);
    if (!r->bounds.cache_positions) rotations(m, r, pos, n);

    uint64_t at = pal_state_layer(m, &r->bounds, 0);
    for (uint32_t i = 0; i < m->n_layer; i++) { /* x = after(x + scale post(layer(pre(x)))) */
        const pal_layer *l = &m->layers[i];
        pal_norm_rows(&l->pre, r->x, n, m->dim, r->h);
        l->kind->forward(l, &chunk, (uint8_t *)r->state + at, r->h, r->y);
        pal_norm_rows(&l->post, r->y, n, m->dim, r->y);
        if (l->scale != 1) pal_scale(r->y, l->scale, n * m->dim);
        pal_add(r->x, r->y, n * m->dim);
        pal_norm_rows(&l->after, r->x, n, m->dim, r->x);
        at += pal_align(l->kind->state_bytes(l, &r->bounds));
    }

    r->state->n_seen += n;
    for (uint32_t t = 0; t < n; t++) pal_state_recent(r->state)[(pos + t) % PAL_MAX_RECENT] = ids[t];
    pal_copy(pal_state_hidden(r->state), r->x + (size_t)(n - 1) * m->dim, m->dim * sizeof(float));
}

void pal_head(const pal_model *m, pal_run *r, const float *x, uint32_t n, float *logits) {
    pal_norm_rows(&m->out_norm, x, n, m->dim, r->h);
    pal_act in = pal_act_make(r->h, n, m->dim, r->act);
    pal_products(r->team, &in, &(pal_product){&m->head, logits}, 1);
    if (m->logit_scale != 1) pal_scale(logits, m->logit_scale, n * m->n_vocab);
    if (m->logit_softcap > 0) pal_softcap(logits, m->logit_softcap, n * m->n_vocab);
}

static void *piece(uint64_t *at, uint64_t bytes) {
    uint64_t here = *at;
    *at += pal_align(bytes);
    return (void *)(uintptr_t)here;
}

uint64_t pal_run_layout(pal_run *r, const pal_model *m, const pal_limits *l, uint64_t start, bool open) {
    pal_bounds b = pal_bounds_of(l);
    uint64_t stream = (uint64_t)b.chunk * m->dim * sizeof(float), layer = 0, act = 0;
    uint32_t rows = b.cache_positions ? b.budget + 1 : b.chunk, tile = b.chunk < PAL_NLL_TILE ? b.chunk : PAL_NLL_TILE;
    uint64_t at = start;
    for (uint32_t i = 0; i < m->n_layer; i++) {
        const pal_layer *p = &m->layers[i];
        uint64_t bytes = p->kind->scratch_bytes(p, &b), wide = pal_act_bytes(b.chunk, p->kind->widest(p));
        layer = bytes > layer ? bytes : layer;
        act = wide > act ? wide : act;
    }
    r->bounds = b;
    r->x = piece(&at, stream);
    r->h = piece(&at, stream);
    r->y = piece(&at, stream);
    r->first = piece(&at, m->first_values ? stream : 0);
    r->act = piece(&at, act);
    r->layer = piece(&at, layer);
    r->logits = piece(&at, (uint64_t)tile * m->n_vocab * sizeof(float));
    r->sampler = piece(&at, pal_sampler_bytes(m->n_vocab));
    for (uint32_t i = 0; i < m->n_rope; i++) {
        r->freq[i] = piece(&at, m->rope[i].n_rot / 2 * sizeof(double));
        r->rope[i] = piece(&at, (uint64_t)rows * m->rope[i].n_rot * sizeof(float));
        r->rope16[i] = piece(&at, l->cache == PAL_CACHE_Q8 ? (uint64_t)rows * m->rope[i].n_rot * sizeof(int16_t) : 0);
        r->back[i] = piece(&at, b.cache_positions ? m->rope[i].n_rot * sizeof(float) : 0);
        if (!open) continue;
        pal_rope_frequencies(&m->rope[i], l->policy == PAL_FULL || b.cache_positions ? b.budget : UINT32_MAX,
                             r->freq[i]);
        if (b.cache_positions) pal_rope_back(&m->rope[i], r->freq[i], PAL_RANK_STEP, r->back[i]);
    }
    if (open && b.cache_positions) rotations(m, r, 0, rows);
    return at - start;
}
