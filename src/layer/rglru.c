/* The recurrent block of Griffin (arXiv 2402.19427, section 2.4) with its real-gated linear recurrent unit:

     u = conv(W_x x);  r = sigmoid(A_r u + b_r), i = sigmoid(A_i u + b_i)     A: a square block per head
     log a = r log_a, log_a = -8 softplus(Lambda);  h = a h + sqrt(1 - a^2) (i * u); the first token: h = i * u
     y = W_o (h * gelu(W_y x))

   state: the convolution's last inputs, h [width]. A chunk goes head by head, each through its tokens in order. */
#include "layer.h"

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    (void)b;
    return (pal_conv_state(&l->rglru.conv) + l->rglru.conv.channels) * sizeof(float);
}

typedef struct {
    float *x, *u, *y, *r, *i;
} work;

static work work_at(const pal_rglru *s, uint32_t chunk, uint64_t *at) {
    const uint64_t n = (uint64_t)chunk * s->conv.channels;
    return (work){pal_floats(at, n), pal_floats(at, n), pal_floats(at, n), pal_floats(at, s->conv.channels),
                  pal_floats(at, s->conv.channels)};
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    uint64_t at = 0;
    work_at(&l->rglru, b->chunk, &at);
    return at;
}

static uint32_t widest(const pal_layer *l) { return l->rglru.conv.channels > l->dim ? l->rglru.conv.channels : l->dim; }

typedef struct {
    const pal_rglru *s;
    const work *w;
    float *h;
    uint32_t n, pos;
} run;

/* sigmoid(x A + b), A [d][d] as [in][out] */
static void gate(const float *x, const float *w, const float *b, uint32_t d, float *y) {
    pal_copy(y, b, d * sizeof *y);
    for (uint32_t i = 0; i < d; i++) pal_axpy(y, x[i], w + (size_t)i * d, d);
    for (uint32_t i = 0; i < d; i++) y[i] = f4_sigmoid(f4_set(y[i]))[0];
}

static void heads(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_rglru *s = u->s;
    const uint32_t wide = s->conv.channels, d = wide / s->n_head;
    for (uint32_t b = pal_part_from(s->n_head, part, parts); b < pal_part_from(s->n_head, part + 1, parts); b++) {
        const uint32_t from = b * d;
        const size_t block = (size_t)b * d * d;
        float *r = u->w->r + from, *in = u->w->i + from, *h = u->h + from;
        for (uint32_t t = 0; t < u->n; t++) {
            float *x = u->w->u + (size_t)t * wide + from;
            gate(x, s->recurrent_w + block, s->recurrent_b + from, d, r);
            gate(x, s->input_w + block, s->input_b + from, d, in);
            for (uint32_t i = 0; i < d; i++) {
                const double a = u->pos + t ? pal_exp((double)r[i] * s->log_a[from + i]) : 0;
                h[i] = x[i] = (float)(a * h[i] + pal_sqrt(1 - a * a) * ((double)in[i] * x[i]));
            }
        }
    }
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_rglru *s = &l->rglru;
    const uint32_t wide = s->conv.channels;
    uint64_t at = (uintptr_t)c->scratch;
    work w = work_at(s, c->bounds->chunk, &at);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);

    pal_products(c->team, &in, (pal_product[]){{&s->x, w.x}, {&s->y, w.y}}, 2);
    pal_convolve(c->team, &s->conv, state, w.x, wide, c->n, false, w.u);
    run u = {s, &w, (float *)state + pal_conv_state(&s->conv), c->n, c->pos};
    pal_team_run(c->team, heads, &u,
                 pal_team_parts(c->team, s->n_head, (uint64_t)c->n * wide * (wide / s->n_head) * 2));
    pal_gelu_mul(w.y, w.u, c->n * wide);
    pal_act out = pal_act_make(w.y, c->n, wide, c->act);
    pal_products(c->team, &out, &(pal_product){&s->o, y}, 1);
}

const pal_kind pal_rglru_kind = {"rglru", state_bytes, scratch_bytes, pal_zero_state, pal_any_state, forward, widest};
