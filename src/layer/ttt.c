/* Test-Time Training (Sun et al., arXiv 2407.04620): the state of a head is itself a small model f that learns while it
   reads. For each token three views k (what it sees), v (what it should say), q (what it is asked):

     f(x) = x + LN(x W1 + b1), or x + LN(gelu(x W1 + b1) W2 + b2);  loss |f(k) - v|^2 / 2, so LN's target is v - k
     mini-batches of K tokens: all gradients g are taken at the weights that the batch began with;
     token t of a batch answers with the weights after t steps: W - tau_t sum_{s <= t} lr_s k_s^T g_s
     lr = base sigmoid(w_lr x + b) / d,  tau_t = max(1 / (t + 1) + delta_t, 0)

   The dual form (section 2.5) in steps: instead of a sum of outer products the batch's (k_s, lr_s g_s) are kept, and
     q (W - tau sum lr k^T g) + b' = q W + b - tau sum_s (q . k_s + 1) lr_s g_s,
   which is the same sum for one token and for a chunk, so chunks change no bit. When a batch is full its steps go into W.

   q, k: rotated in pairs by t mod K after their convolutions (the Mamba backbone has one projection and two convolutions).
   y = W_o (layernorm(o) [* gelu(W_gate x)]).
   state: last inputs of the convolutions; per head W1 b1 [W2 b2] and K steps: k, g1 [, gelu(z1), g2] with their lr inside g.
   Products per token and head: 3 d h (linear: h = d; MLP: h = 4 d, twice that) and K (d + h). */
#include "layer.h"

static const float EPS = 1e-6f;

static bool deep(const pal_ttt *s) { return s->w2 != NULL; }
static uint32_t inner(const pal_ttt *s) { return s->n_head * s->d; }
/* Floats of a head's weights and of one step. */
static uint64_t model_floats(const pal_ttt *s) {
    return (uint64_t)s->d * s->h + s->h + (deep(s) ? (uint64_t)s->h * s->d + s->d : 0);
}
static uint64_t step_floats(const pal_ttt *s) { return s->d + s->h + (deep(s) ? s->h + s->d : 0); }
static uint64_t head_floats(const pal_ttt *s) { return model_floats(s) + s->batch * step_floats(s); }
static uint64_t convs(const pal_ttt *s) { return s->k.w.format ? 0 : pal_conv_state(&s->conv_q); }

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    (void)b;
    return (2 * convs(&l->ttt) + l->ttt.n_head * head_floats(&l->ttt)) * sizeof(float);
}

/* A new text starts from the learned weights. */
static void reset(const pal_layer *l, const pal_bounds *b, void *state) {
    const pal_ttt *s = &l->ttt;
    float *to = (float *)state + 2 * convs(s);
    pal_zero(state, (size_t)state_bytes(l, b));
    for (uint32_t i = 0; i < s->n_head; i++, to += head_floats(s)) {
        const size_t n = (size_t)s->d * s->h;
        pal_copy(to, s->w1 + i * n, n * sizeof(float));
        pal_copy(to + n, s->b1 + (size_t)i * s->h, s->h * sizeof(float));
        if (!deep(s)) continue;
        pal_copy(to + n + s->h, s->w2 + i * n, n * sizeof(float));
        pal_copy(to + 2 * n + s->h, s->b2 + (size_t)i * s->d, s->d * sizeof(float));
    }
}

typedef struct {
    float *in, *q, *k, *v, *gate, *lr, *o, *rope, *own; /* own: per head, 4 d + 4 h floats */
} work;

static work work_at(const pal_layer *l, uint32_t chunk, uint64_t *at) {
    const pal_ttt *s = &l->ttt;
    const uint64_t n = (uint64_t)chunk * inner(s);
    return (work){.in = pal_floats(at, convs(s) ? n : 0),
                  .q = pal_floats(at, n),
                  .k = pal_floats(at, n),
                  .v = pal_floats(at, n),
                  .gate = pal_floats(at, s->gate.w.format ? n : 0),
                  .lr = pal_floats(at, (uint64_t)chunk * s->n_head),
                  .o = pal_floats(at, n),
                  .rope = pal_floats(at, (uint64_t)s->batch * s->d),
                  .own = pal_floats(at, 4ull * s->n_head * (s->d + s->h))};
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    uint64_t at = 0;
    work_at(l, b->chunk, &at);
    return at;
}

static uint32_t widest(const pal_layer *l) { return inner(&l->ttt) > l->dim ? inner(&l->ttt) : l->dim; }

/* y = x W + b, W [n][m] */
static void affine(const float *x, const float *w, const float *b, uint32_t n, uint32_t m, float *y) {
    pal_copy(y, b, m * sizeof *y);
    for (uint32_t i = 0; i < n; i++) pal_axpy(y, x[i], w + (size_t)i * m, m);
}

/* g = d loss / d z of |LN(z) - target|^2 / 2. */
static void gradient(const float *z, const float *target, const float *w, const float *b, uint32_t d, float *g) {
    double mean = 0, var = 0, sum = 0, dot = 0;
    for (uint32_t i = 0; i < d; i++) mean += z[i];
    mean /= d;
    for (uint32_t i = 0; i < d; i++) var += (z[i] - mean) * (z[i] - mean);
    const double deviation = pal_sqrt(var / d + EPS);
    for (uint32_t i = 0; i < d; i++) {
        double x = (z[i] - mean) / deviation, u = (w[i] * x + b[i] - target[i]) * w[i];
        sum += u, dot += u * x;
    }
    for (uint32_t i = 0; i < d; i++) {
        double x = (z[i] - mean) / deviation, u = (w[i] * x + b[i] - target[i]) * w[i];
        g[i] = (float)((d * u - sum - x * dot) / (d * deviation));
    }
}

/* g *= gelu'(z), tanh form */
static void gelu_backward(const float *z, uint32_t n, float *g) {
    for (uint32_t i = 0; i < n; i++) {
        float x = z[i], th = pal_tanhf(0.79788456f * x * (1 + 0.044715f * x * x));
        g[i] *= 0.5f * x * ((1 - th * th) * (0.79788456f + 0.1070322243f * x * x)) + 0.5f * (1 + th);
    }
}

/* The steps of a batch so far: step s holds its input at `in`, its gradient times lr at `g`. */
static void correct(const float *x, const float *in, const float *g, uint32_t stride, uint32_t steps, uint32_t n,
                    uint32_t m, float tau, float *y) {
    for (uint32_t s = 0; s < steps; s++, in += stride, g += stride) pal_axpy(y, -tau * (pal_dot(x, in, n) + 1), g, m);
}
static void take(const float *in, const float *g, uint32_t stride, uint32_t steps, uint32_t n, uint32_t m, float tau,
                 float *w, float *b) {
    for (uint32_t s = 0; s < steps; s++, in += stride, g += stride) {
        for (uint32_t i = 0; i < n; i++) pal_axpy(w + (size_t)i * m, -tau * in[i], g, m);
        pal_axpy(b, -tau, g, m);
    }
}

typedef struct {
    const pal_layer *l;
    const work *w;
    float *heads;
    uint32_t n, pos;
} run;

static void heads(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_ttt *s = &u->l->ttt;
    const uint32_t d = s->d, h = s->h, dim = inner(s), K = s->batch, stride = (uint32_t)step_floats(s);
    for (uint32_t i = pal_part_from(s->n_head, part, parts); i < pal_part_from(s->n_head, part + 1, parts); i++) {
        float *w1 = u->heads + i * head_floats(s), *b1 = w1 + (size_t)d * h, *w2 = b1 + h, *b2 = w2 + (size_t)h * d;
        float *steps = w1 + model_floats(s), *z = u->w->own + 4ull * i * (d + h), *target = z + h, *mid = target + d;
        const float *ln_w = s->norm.w + (size_t)i * d, *ln_b = s->norm.b + (size_t)i * d;
        for (uint32_t t = 0; t < u->n; t++) {
            const uint32_t p = (u->pos + t) % K;
            const size_t at = (size_t)t * dim + i * d;
            const float *q = u->w->q + at, *k = u->w->k + at, *v = u->w->v + at,
                        lr = u->w->lr[(size_t)t * s->n_head + i];
            const float tau = s->tau[p] + 1 / (float)(p + 1) > 0 ? s->tau[p] + 1 / (float)(p + 1) : 0;
            float *step = steps + (size_t)p * stride, *g1 = step + d, *x2 = g1 + h, *g2 = x2 + h, *o = u->w->o + at;
            for (uint32_t j = 0; j < d; j++) target[j] = v[j] - k[j];
            pal_copy(step, k, d * sizeof *k);
            affine(k, w1, b1, d, h, z);
            if (deep(s)) {
                pal_copy(x2, z, h * sizeof *z);
                pal_gelu(x2, h);
                affine(x2, w2, b2, h, d, mid);
                gradient(mid, target, ln_w, ln_b, d, g2);
                for (uint32_t j = 0; j < h; j++) g1[j] = pal_dot(w2 + (size_t)j * d, g2, d);
                gelu_backward(z, h, g1);
                pal_scale(g2, lr, d);
            } else {
                gradient(z, target, ln_w, ln_b, d, g1);
            }
            pal_scale(g1, lr, h);

            affine(q, w1, b1, d, h, z);
            correct(q, steps, steps + d, stride, p + 1, d, h, tau, z);
            if (deep(s)) {
                pal_gelu(z, h);
                affine(z, w2, b2, h, d, mid);
                correct(z, steps + d + h, steps + d + 2 * h, stride, p + 1, h, d, tau, mid);
            }
            pal_layernorm(deep(s) ? mid : z, ln_w, ln_b, d, EPS, o);
            pal_add(o, q, d);
            if (p + 1 < K) continue;
            take(steps, steps + d, stride, K, d, h, tau, w1, b1);
            if (deep(s)) take(steps + d + h, steps + d + 2 * h, stride, K, h, d, tau, w2, b2);
        }
    }
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_ttt *s = &l->ttt;
    const uint32_t d = s->d, dim = inner(s);
    const bool shared = convs(s) > 0;
    uint64_t at = (uintptr_t)c->scratch;
    work w = work_at(l, c->bounds->chunk, &at);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);
    pal_product list[5] = {{&s->q, shared ? w.in : w.q}, {&s->v, w.v}, {&s->lr, w.lr}};
    uint32_t n = 3;
    if (!shared) list[n++] = (pal_product){&s->k, w.k};
    if (s->gate.w.format) list[n++] = (pal_product){&s->gate, w.gate};
    pal_products(c->team, &in, list, n);
    if (shared) {
        pal_convolve(c->team, &s->conv_q, state, w.in, dim, c->n, false, w.q);
        pal_convolve(c->team, &s->conv_k, (float *)state + convs(s), w.in, dim, c->n, false, w.k);
    }
    for (uint32_t t = 0; t < c->n; t++) {
        const uint32_t p = (c->pos + t) % s->batch;
        float *cs = w.rope + (size_t)p * d, *lr = w.lr + (size_t)t * s->n_head;
        if (t < s->batch) pal_rope_row(s->rope_base, 2.0 / d, p, d, cs);
        for (uint32_t i = 0; i < s->n_head; i++) {
            pal_rope_pairs(w.q + (size_t)t * dim + i * d, cs, d);
            pal_rope_pairs(w.k + (size_t)t * dim + i * d, cs, d);
            lr[i] = s->base_lr * f4_sigmoid(f4_set(lr[i]))[0] / (float)d;
        }
    }
    run u = {l, &w, (float *)state + 2 * convs(s), c->n, c->pos};
    pal_team_run(c->team, heads, &u, pal_team_parts(c->team, s->n_head, c->n * s->n_head * model_floats(s) * 3));
    pal_norm_rows(&s->post_norm, w.o, c->n, dim, w.o);
    if (s->gate.w.format) pal_gelu_mul(w.gate, w.o, c->n * dim);
    pal_act out = pal_act_make(s->gate.w.format ? w.gate : w.o, c->n, dim, c->act);
    pal_products(c->team, &out, &(pal_product){&s->o, y}, 1);
}

const pal_kind pal_ttt_kind = {"ttt", state_bytes, scratch_bytes, reset, pal_any_state, forward, widest};
