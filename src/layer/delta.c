/* The gated delta rule (Gated DeltaNet, arXiv 2412.06464, equation 10; Qwen 3.5's linear attention): a matrix per head
   that is corrected towards v = S^T k at each token, a step of gradient descent on |S^T k - v|^2 after a decay.

     q, k, v = silu(conv(W_qkv x));  q, k of length 1, q / sqrt(d);  beta = sigmoid(W_beta x)
     S = exp(a softplus(W_alpha x + b)) S;  S += k (beta (v - S^T k))^T;  o = S^T q
     y = W_out (rmsnorm(o) * silu(W_gate x))

   Value head h uses key head h mod n_head_k. state: the convolution's last inputs, S [n_head_v][d of k][d of v].
   A chunk goes head by head, each through its tokens in order, so chunks change no bit. */
#include "layer.h"

static const float LENGTH_EPS = 1e-6f;

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    const pal_delta *s = &l->delta;
    (void)b;
    return (pal_conv_state(&s->conv) + (uint64_t)s->n_head_v * s->d * s->d) * sizeof(float);
}

typedef struct {
    float *in, *qkv, *z, *alpha, *beta, *o;
} work;

static work work_at(const pal_delta *s, uint32_t chunk, uint64_t *at) {
    const uint64_t n = chunk, inner = n * s->n_head_v * s->d;
    return (work){pal_floats(at, n * s->conv.channels), pal_floats(at, n * s->conv.channels), pal_floats(at, inner),
                  pal_floats(at, n * s->n_head_v),      pal_floats(at, n * s->n_head_v),      pal_floats(at, inner)};
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    uint64_t at = 0;
    work_at(&l->delta, b->chunk, &at);
    return at;
}

static uint32_t widest(const pal_layer *l) {
    uint32_t inner = l->delta.n_head_v * l->delta.d;
    return inner > l->dim ? inner : l->dim;
}

typedef struct {
    const pal_delta *s;
    const work *w;
    float *S;
    uint32_t n;
} run;

static void heads(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_delta *s = u->s;
    const uint32_t d = s->d, H = s->n_head_v, wide = s->conv.channels;
    for (uint32_t h = pal_part_from(H, part, parts); h < pal_part_from(H, part + 1, parts); h++) {
        float *S = u->S + (size_t)h * d * d;
        for (uint32_t t = 0; t < u->n; t++) {
            const float *q = u->w->qkv + (size_t)t * wide + h % s->n_head_k * d, *k = q + s->n_head_k * d;
            const float beta = u->w->beta[(size_t)t * H + h], decay = u->w->alpha[(size_t)t * H + h];
            float *v = u->w->qkv + (size_t)t * wide + (2 * s->n_head_k + h) * d;
            float *o = u->w->o + ((size_t)t * H + h) * d;
            pal_scale(S, decay, d * d);
            pal_zero(o, d * sizeof *o);
            for (uint32_t i = 0; i < d; i++) pal_axpy(o, k[i], S + (size_t)i * d, d); /* what S says of k */
            for (uint32_t i = 0; i < d; i++) v[i] = (v[i] - o[i]) * beta;
            for (uint32_t i = 0; i < d; i++) pal_axpy(S + (size_t)i * d, k[i], v, d);
            pal_zero(o, d * sizeof *o);
            for (uint32_t i = 0; i < d; i++) pal_axpy(o, q[i], S + (size_t)i * d, d);
            pal_rmsnorm(o, s->norm.w, d, s->norm.eps, o);
        }
    }
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_delta *s = &l->delta;
    const uint32_t H = s->n_head_v, inner = H * s->d, keys = 2 * s->n_head_k;
    uint64_t at = (uintptr_t)c->scratch;
    work w = work_at(s, c->bounds->chunk, &at);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);

    pal_products(c->team, &in,
                 (pal_product[]){{&s->qkv, w.in}, {&s->gate, w.z}, {&s->alpha, w.alpha}, {&s->beta, w.beta}}, 4);
    pal_convolve(c->team, &s->conv, state, w.in, s->conv.channels, c->n, true, w.qkv);
    for (uint32_t t = 0; t < c->n; t++) {
        float *q = w.qkv + (size_t)t * s->conv.channels, *alpha = w.alpha + (size_t)t * H,
              *beta = w.beta + (size_t)t * H;
        for (uint32_t h = 0; h < keys; h++) pal_l2norm(q + h * s->d, s->d, LENGTH_EPS);
        pal_scale(q, 1 / pal_sqrtf((float)s->d), keys / 2 * s->d);
        pal_add(alpha, s->dt_bias, H);
        pal_softplus(alpha, H);
        for (uint32_t h = 0; h < H; h++) {
            alpha[h] = pal_expf(s->a[h] * alpha[h]);
            beta[h] = f4_sigmoid(f4_set(beta[h]))[0];
        }
    }
    run u = {s, &w, (float *)state + pal_conv_state(&s->conv), c->n};
    pal_team_run(c->team, heads, &u, pal_team_parts(c->team, H, (uint64_t)c->n * inner * s->d * 4));
    pal_silu_mul(w.z, w.o, c->n * inner);
    pal_act out = pal_act_make(w.z, c->n, inner, c->act);
    pal_products(c->team, &out, &(pal_product){&s->out, y}, 1);
}

const pal_kind pal_delta_kind = {"delta", state_bytes, scratch_bytes, pal_zero_state, pal_any_state, forward, widest};
