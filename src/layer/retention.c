/* Retention (RetNet, arXiv 2307.08621, equation 6): attention whose weights only decay.

     q, k = W_q x, W_k x, rotated in pairs by their position;  k / sqrt(d_k)
     S = gamma S + k^T v,  o = q S;  gamma = 1 - 2^(-5 - head)
     y = W_o (silu(W_g x) * rmsnorm(o))

   The authors keep S divided by the square root of sigma = sum of gamma^i, so that it does not grow; the norm undoes that
   but for its epsilon, which is multiplied by sigma here instead. state: S [n_head][d_k][d_v]. A chunk goes head by head,
   each through its tokens in order, so chunks change no bit. */
#include "layer.h"

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    const pal_retention *s = &l->retention;
    (void)b;
    return (uint64_t)s->n_head * s->d_k * s->d_v * sizeof(float);
}

typedef struct {
    float *q, *k, *v, *gate, *o, *rope;
} work;

static work work_at(const pal_retention *s, uint32_t chunk, uint64_t *at) {
    const uint64_t keys = (uint64_t)chunk * s->n_head * s->d_k, values = (uint64_t)chunk * s->n_head * s->d_v;
    return (work){pal_floats(at, keys),   pal_floats(at, keys),   pal_floats(at, values),
                  pal_floats(at, values), pal_floats(at, values), pal_floats(at, s->d_k)};
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    uint64_t at = 0;
    work_at(&l->retention, b->chunk, &at);
    return at;
}

static uint32_t widest(const pal_layer *l) {
    uint32_t inner = l->retention.n_head * l->retention.d_v;
    return inner > l->dim ? inner : l->dim;
}

typedef struct {
    const pal_retention *s;
    const work *w;
    float *S;
    uint32_t n, pos;
} run;

static void heads(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_retention *s = u->s;
    const uint32_t K = s->d_k, V = s->d_v, H = s->n_head;
    for (uint32_t h = pal_part_from(H, part, parts); h < pal_part_from(H, part + 1, parts); h++) {
        const double gamma = 1 - pal_pow(2, -5.0 - h);
        float *S = u->S + (size_t)h * K * V;
        for (uint32_t t = 0; t < u->n; t++) {
            const size_t at = (size_t)t * H + h;
            const float *q = u->w->q + at * K, *k = u->w->k + at * K, *v = u->w->v + at * V;
            const double sigma = (1 - pal_pow(gamma, (double)u->pos + t + 1)) / (1 - gamma);
            float *o = u->w->o + at * V;
            pal_scale(S, (float)gamma, K * V);
            pal_zero(o, V * sizeof *o);
            for (uint32_t i = 0; i < K; i++) {
                pal_axpy(S + (size_t)i * V, k[i], v, V);
                pal_axpy(o, q[i], S + (size_t)i * V, V);
            }
            pal_rmsnorm(o, NULL, V, (float)(s->eps * sigma), o);
        }
    }
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_retention *s = &l->retention;
    const uint32_t K = s->d_k, inner = s->n_head * s->d_v;
    uint64_t at = (uintptr_t)c->scratch;
    work w = work_at(s, c->bounds->chunk, &at);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);

    pal_products(c->team, &in, (pal_product[]){{&s->q, w.q}, {&s->k, w.k}, {&s->v, w.v}, {&s->gate, w.gate}}, 4);
    pal_scale(w.k, 1 / pal_sqrtf((float)K), c->n * s->n_head * K);
    for (uint32_t t = 0; t < c->n; t++) {
        pal_rope_row(10000, 1 / (K / 2.0 - 1), (double)c->pos + t, K, w.rope);
        for (uint32_t h = 0; h < s->n_head; h++) {
            pal_rope_pairs(w.q + ((size_t)t * s->n_head + h) * K, w.rope, K);
            pal_rope_pairs(w.k + ((size_t)t * s->n_head + h) * K, w.rope, K);
        }
    }
    run u = {s, &w, state, c->n, c->pos};
    pal_team_run(c->team, heads, &u, pal_team_parts(c->team, s->n_head, (uint64_t)c->n * inner * K * 3));
    pal_silu_mul(w.gate, w.o, c->n * inner);
    pal_act out = pal_act_make(w.gate, c->n, inner, c->act);
    pal_products(c->team, &out, &(pal_product){&s->o, y}, 1);
}

const pal_kind pal_retention_kind = {"retention",   state_bytes, scratch_bytes, pal_zero_state,
                                     pal_any_state, forward,     widest};
