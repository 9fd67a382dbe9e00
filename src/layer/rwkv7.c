/* RWKV-7 (arXiv 2503.14456). Time mixing: every input is a blend of this token and the one before; a matrix per head decays
   by channel, forgets what it says of the key and learns the value in its place:

     x_i = x + (x_before - x) mu_i          for i = r, w, k, v, a, g
     r, k, v = W_r x_r, W_k x_k, W_v x_v;   a = sigmoid(a0 + A2 A1 x_a);   g = G2 sigmoid(G1 x_g)
     w = exp(-e^-0.5 sigmoid(w0 + W2 tanh(W1 x_w)))
     v += (v of the first layer - v) sigmoid(v0 + V2 V1 x_v)
     kk = k * k_k of length 1 per head;     k *= 1 + (a - 1) k_a
     S = S diag(w) + (S (-kk)) (kk * a)^T + v k^T;   o = S r
     y = W_o (g * (groupnorm(o) + v sum(r * k * r_k)))

   Channel mixing: y = W_v relu(W_k x_k)^2.
   state: the input before [dim]; S [n_head][d of v][d of k]. A chunk goes head by head, each through its tokens in order. */
#include "layer.h"

static const float NORM_EPS = 64e-5f, LENGTH_EPS = 1e-12f, DECAY = -0.606531f;
enum { R, W, K, V, A, G, INPUTS };

/* out[t] = x + (x_before - x) mu */
static void blend(const float *x, const float *before, uint32_t n, uint32_t dim, const float *mu, float *out) {
    for (uint32_t t = 0; t < n; t++, before = x, x += dim, out += dim)
        for (uint32_t i = 0; i < dim; i++) out[i] = x[i] + (before[i] - x[i]) * mu[i];
}

/* y = linear(x) */
static void product(const pal_chunk *c, const pal_linear *linear, const float *x, float *y) {
    pal_act in = pal_act_make(x, c->n, linear->w.cols, c->act);
    pal_products(c->team, &in, &(pal_product){linear, y}, 1);
}

static void sigmoid(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) x[i] = f4_sigmoid(f4_set(x[i]))[0];
}

/* out = offset + second f(first x) for each token */
static void low_rank(const pal_chunk *c, const pal_low_rank *p, const float *x, bool squash, float *hidden,
                     float *out) {
    const uint32_t dim = p->second.w.rows, rank = p->first.w.rows;
    product(c, &p->first, x, hidden);
    for (uint32_t i = 0; i < c->n * rank && squash; i++) hidden[i] = pal_tanhf(hidden[i]);
    product(c, &p->second, hidden, out);
    for (uint32_t t = 0; t < c->n; t++) pal_add(out + (size_t)t * dim, p->offset, dim);
}

static uint64_t time_state(const pal_layer *l, const pal_bounds *b) {
    (void)b;
    return pal_align(l->dim * sizeof(float)) + (uint64_t)l->dim * l->time_mix.d * sizeof(float);
}

typedef struct {
    float *in, *of[INPUTS], *kk, *o, *hidden;
} work;

static uint32_t widest_rank(const pal_time_mix *m) {
    uint32_t most = m->g1.w.rows;
    const pal_low_rank *all[] = {&m->w, &m->a, &m->v_mix};
    for (int i = 0; i < 3; i++) most = all[i]->first.w.rows > most ? all[i]->first.w.rows : most;
    return most;
}

static work work_at(const pal_layer *l, uint32_t chunk, uint64_t *at) {
    const uint64_t n = (uint64_t)chunk * l->dim;
    work w = {.in = pal_floats(at, n)};
    for (int i = 0; i < INPUTS; i++) w.of[i] = pal_floats(at, n);
    w.kk = pal_floats(at, n);
    w.o = pal_floats(at, n);
    w.hidden = pal_floats(at, (uint64_t)chunk * widest_rank(&l->time_mix));
    return w;
}

static uint64_t time_scratch(const pal_layer *l, const pal_bounds *b) {
    uint64_t at = 0;
    work_at(l, b->chunk, &at);
    return at;
}

static uint32_t time_widest(const pal_layer *l) {
    uint32_t rank = widest_rank(&l->time_mix);
    return rank > l->dim ? rank : l->dim;
}

typedef struct {
    const pal_layer *l;
    const work *w;
    float *S;
    uint32_t n;
} run;

static void heads(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_time_mix *m = &u->l->time_mix;
    const uint32_t d = m->d, H = u->l->dim / d;
    for (uint32_t h = pal_part_from(H, part, parts); h < pal_part_from(H, part + 1, parts); h++)
        for (uint32_t t = 0; t < u->n; t++) {
            const size_t at = (size_t)t * u->l->dim + h * d;
            const float *r = u->w->of[R] + at, *w = u->w->of[W] + at, *k = u->w->of[K] + at, *v = u->w->of[V] + at;
            const float *kk = u->w->kk + at, *a = u->w->of[A] + at, *r_k = m->r_k + h * d;
            float *o = u->w->o + at, *row = u->S + (size_t)h * d * d;
            for (uint32_t i = 0; i < d; i++, row += d) {
                f4 says = f4_set(0), sum = f4_set(0);
                for (uint32_t j = 0; j < d; j += 4) says = f4_madd(f4_load(row + j), f4_load(kk + j), says);
                const f4 old = f4_set(-f4_sum(says)), new = f4_set(v[i]);
                for (uint32_t j = 0; j < d; j += 4) {
                    f4 s = f4_madd(new, f4_load(k + j), f4_load(row + j) * f4_load(w + j));
                    s = f4_madd(old, f4_load(kk + j) * f4_load(a + j), s);
                    f4_store(row + j, s);
                    sum = f4_madd(s, f4_load(r + j), sum);
                }
                o[i] = f4_sum(sum);
            }
            pal_layernorm(o, m->norm.w + h * d, m->norm.b + h * d, d, NORM_EPS, o);
            f4 share = f4_set(0);
            for (uint32_t j = 0; j < d; j += 4)
                share = f4_madd(f4_load(k + j) * f4_load(r + j), f4_load(r_k + j), share);
            pal_axpy(o, f4_sum(share), v, d);
        }
}

static void time_mix(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_time_mix *m = &l->time_mix;
    const uint32_t dim = l->dim, n = c->n * dim;
    uint64_t at = (uintptr_t)c->scratch;
    work w = work_at(l, c->bounds->chunk, &at);
    float *before = state, *S = before + pal_align(dim * sizeof(float)) / sizeof(float);
    float *r = w.of[R], *decay = w.of[W], *k = w.of[K], *v = w.of[V], *a = w.of[A], *g = w.of[G];

#define BLEND(i) blend(x, before, c->n, dim, m->mu + (size_t)(i)*dim, w.in)
    BLEND(R), product(c, &m->r, w.in, r);
    BLEND(K), product(c, &m->k, w.in, k);
    BLEND(W), low_rank(c, &m->w, w.in, true, w.hidden, decay);
    BLEND(A), low_rank(c, &m->a, w.in, false, w.hidden, a);
    BLEND(G), product(c, &m->g1, w.in, w.hidden);
    sigmoid(w.hidden, c->n * m->g1.w.rows);
    product(c, &m->g2, w.hidden, g);
    BLEND(V), product(c, &m->v, w.in, v);
    if (m->v_mix.offset) {
        low_rank(c, &m->v_mix, w.in, false, w.hidden, w.o);
        sigmoid(w.o, n);
        for (uint32_t i = 0; i < n; i++) v[i] += (c->first[i] - v[i]) * w.o[i];
    } else {
        pal_copy(c->first, v, n * sizeof *v);
    }
#undef BLEND
    pal_copy(before, x + (size_t)(c->n - 1) * dim, dim * sizeof *x);
    sigmoid(decay, n);
    sigmoid(a, n);
    for (uint32_t i = 0; i < n; i++) {
        decay[i] = pal_expf(DECAY * decay[i]);
        w.kk[i] = k[i] * m->k_k[i % dim];
        k[i] *= 1 + (a[i] - 1) * m->k_a[i % dim];
    }
    for (uint32_t i = 0; i < n; i += m->d) pal_l2norm(w.kk + i, m->d, LENGTH_EPS);
    run u = {l, &w, S, c->n};
    pal_team_run(c->team, heads, &u, pal_team_parts(c->team, dim / m->d, (uint64_t)n * m->d * 4));
    for (uint32_t i = 0; i < n; i++) w.o[i] *= g[i];
    product(c, &m->o, w.o, y);
}

static uint64_t channel_state(const pal_layer *l, const pal_bounds *b) {
    (void)b;
    return pal_align(l->dim * sizeof(float));
}

static uint64_t channel_scratch(const pal_layer *l, const pal_bounds *b) {
    return pal_align((uint64_t)b->chunk * l->dim * sizeof(float)) +
           pal_align((uint64_t)b->chunk * l->channel_mix.key.w.rows * sizeof(float));
}

static uint32_t channel_widest(const pal_layer *l) {
    uint32_t wide = l->channel_mix.key.w.rows;
    return wide > l->dim ? wide : l->dim;
}

static void channel_mix(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_channel_mix *m = &l->channel_mix;
    uint64_t at = (uintptr_t)c->scratch;
    float *in = pal_floats(&at, (uint64_t)c->bounds->chunk * l->dim);
    float *k = pal_floats(&at, (uint64_t)c->bounds->chunk * m->key.w.rows);

    blend(x, state, c->n, l->dim, m->mu, in);
    pal_copy(state, x + (size_t)(c->n - 1) * l->dim, l->dim * sizeof *x);
    product(c, &m->key, in, k);
    for (uint32_t i = 0; i < c->n * m->key.w.rows; i++) k[i] = k[i] > 0 ? k[i] * k[i] : 0;
    product(c, &m->value, k, y);
}

const pal_kind pal_time_mix_kind = {"rwkv7",       time_state, time_scratch, pal_zero_state,
                                    pal_any_state, time_mix,   time_widest};
const pal_kind pal_channel_mix_kind = {"channel-mix", channel_state, channel_scratch, pal_zero_state,
                                       pal_any_state, channel_mix,   channel_widest};
