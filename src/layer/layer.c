#include "layer.h"

void pal_norm_rows(const pal_norm *norm, const float *x, uint32_t n, uint32_t dim, float *y) {
    for (uint32_t t = 0; t < n; t++, x += dim, y += dim) {
        if (norm->kind == PAL_NORM_RMS)
            pal_rmsnorm(x, norm->w, dim, norm->eps, y);
        else if (norm->kind == PAL_NORM_LAYER)
            pal_layernorm(x, norm->w, norm->b, dim, norm->eps, y);
        else if (y != x)
            pal_copy(y, x, dim * sizeof *y);
    }
}

static void rows_of(const pal_linear *l, const pal_act *x, uint32_t row0, uint32_t row1, float *y) {
    uint32_t rows = l->w.rows;
    pal_matmul_rows(&l->w, x, row0, row1, y + row0, rows);
    if (l->bias)
        for (uint32_t t = 0; t < x->n; t++) pal_add(y + (size_t)t * rows + row0, l->bias + row0, row1 - row0);
}

enum { TILE = 16 }; /* rows that stay together: those of a kernel's tile */
static uint32_t tiles(const pal_product *p) { return (p->linear->w.rows + TILE - 1) / TILE; }

typedef struct {
    pal_act x; /* by value: what a thread must fetch from another's cache to begin lies together */
    const pal_product *list;
    uint32_t n, tiles;
} step;

/* The tiles of all products in one row, cut evenly. */
static void some_tiles(void *ctx, uint32_t part, uint32_t parts) {
    const step *s = ctx;
    uint32_t from = pal_part_from(s->tiles, part, parts), to = pal_part_from(s->tiles, part + 1, parts), at = 0;
    for (const pal_product *p = s->list; p < s->list + s->n; p++) {
        uint32_t end = at + tiles(p), first = from > at ? from : at, last = to < end ? to : end;
        if (first < last) {
            uint32_t row1 = (last - at) * TILE, rows = p->linear->w.rows;
            rows_of(p->linear, &s->x, (first - at) * TILE, row1 < rows ? row1 : rows, p->y);
        }
        at = end;
    }
}

bool pal_any_state(const pal_layer *l, const pal_bounds *b, void *state, uint64_t n_seen, uint64_t n_pinned) {
    (void)l, (void)b, (void)state, (void)n_seen, (void)n_pinned;
    return true;
}

void pal_zero_state(const pal_layer *l, const pal_bounds *b, void *state) {
    pal_zero(state, (size_t)l->kind->state_bytes(l, b));
}

typedef struct {
    const pal_conv *c;
    float *state, *y;
    const float *x;
    uint32_t stride, n;
    bool silu;
} convolution;

static void some_channels(void *ctx, uint32_t part, uint32_t parts) {
    const convolution *v = ctx;
    const uint32_t all = v->c->channels, blocks = (all + 3) / 4, end = 4 * pal_part_from(blocks, part + 1, parts);
    const uint32_t from = 4 * pal_part_from(blocks, part, parts), to = end < all ? end : all;
    pal_conv_run(v->c, v->state, v->x, v->stride, v->n, from, to, v->y, all);
    for (uint32_t t = 0; t < v->n && from < to && v->silu; t++) pal_silu(v->y + (size_t)t * all + from, to - from);
}

void pal_convolve(pal_team *t, const pal_conv *c, float *state, const float *x, uint32_t x_stride, uint32_t n,
                  bool silu, float *y) {
    convolution v = {c, state, y, x, x_stride, n, silu};
    pal_team_run(t, some_channels, &v, pal_team_parts(t, (c->channels + 3) / 4, (uint64_t)n * c->channels * 16));
}

void pal_products(pal_team *t, const pal_act *x, const pal_product *list, uint32_t n) {
    step s = {*x, list, n, 0};
    s.x.ahead = pal_team_ahead(t);
    for (uint32_t i = 0; i < n; i++) s.tiles += tiles(&list[i]);
    pal_team_run(t, some_tiles, &s, pal_team_parts(t, s.tiles, (uint64_t)s.tiles * TILE * x->cols * x->n));
}
