/* Selective state spaces (Mamba, arXiv 2312.00752, algorithm 2; Mamba-2, arXiv 2405.21060, section 7).

     mamba    x, z = W_in u;  x = silu(conv x);  dt, B, C = W_x x;  dt = softplus(W_dt dt + b)
     mamba2   z, xBC, dt = W_in u;  x, B, C = silu(conv xBC);  dt = softplus(dt + b)
     both     h = exp(dt a) h + dt B x,  y = C h + D x      (the code's simplified B dt, not the paper's zero-order hold)
     mamba    out = W_out (y * silu(z))
     mamba2   out = W_out rmsnorm(y * silu(z)), the gate first, a norm for each group of channels

   Channel e belongs to head e / (n_inner / n_head), a head to group head n_group / n_head (blocks of heads).
   state: the convolution's last inputs, h [n_inner][n_state]; multiplications per token: about 3 n_inner n_state beside
   the products. A chunk goes channel by channel, each through its tokens in order: the step form, so chunks change no bit. */
#include "layer.h"

static bool second(const pal_ssm *s) { return !s->dt_rank; }
static uint64_t h_floats(const pal_ssm *s) { return (uint64_t)s->n_inner * s->n_state; }

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    (void)b;
    return (pal_conv_state(&l->ssm.conv) + h_floats(&l->ssm)) * sizeof(float);
}

typedef struct {
    float *in, *conv, *x, *dt, *decay, *y, *z;
} work;

static work work_at(const pal_ssm *s, uint32_t chunk, uint64_t *at) {
    const uint64_t n = chunk;
    return (work){.in = pal_floats(at, n * s->in.w.rows),
                  .conv = pal_floats(at, n * s->conv.channels),
                  .x = pal_floats(at, second(s) ? 0 : n * s->x.w.rows),
                  .dt = pal_floats(at, n * s->n_head),
                  .decay = pal_floats(at, n * (second(s) ? s->n_head : s->dt_rank)), /* mamba: dt before its product */
                  .y = pal_floats(at, n * s->n_inner),
                  .z = pal_floats(at, n * s->n_inner)};
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    uint64_t at = 0;
    work_at(&l->ssm, b->chunk, &at);
    return at;
}

static uint32_t widest(const pal_layer *l) { return l->ssm.n_inner > l->dim ? l->ssm.n_inner : l->dim; }

/* The recurrence of a chunk. x, dt, B, C of a token follow those of the one before after so many floats. */
typedef struct {
    const pal_ssm *s;
    float *h, *y; /* [n_inner][n_state], [n][n_inner] */
    const float *x, *dt, *decay, *B, *C;
    uint32_t n, x_stride, bc_stride;
} scan;

static void channels(void *ctx, uint32_t part, uint32_t parts) {
    const scan *c = ctx;
    const pal_ssm *s = c->s;
    const uint32_t N = s->n_state, P = s->n_inner / s->n_head;
    for (uint32_t e = pal_part_from(s->n_inner, part, parts); e < pal_part_from(s->n_inner, part + 1, parts); e++) {
        const uint32_t head = e / P, group = head * s->n_group / s->n_head * N;
        float *h = c->h + (size_t)e * N;
        for (uint32_t t = 0; t < c->n; t++) {
            const float x = c->x[(size_t)t * c->x_stride + e], dt = c->dt[(size_t)t * s->n_head + head];
            const float *B = c->B + (size_t)t * c->bc_stride + group, *C = c->C + (size_t)t * c->bc_stride + group;
            f4 sum = f4_set(0), fixed = f4_set(c->decay ? c->decay[(size_t)t * s->n_head + head] : 0);
            for (uint32_t i = 0; i < N; i += 4) {
                const uint32_t left = N - i;
                f4 decay = c->decay ? fixed : f4_exp(f4_set(dt) * f4_get(s->a + (size_t)e * N + i, left));
                f4 now = f4_madd(f4_get(h + i, left), decay, f4_set(dt * x) * f4_get(B + i, left));
                f4_put(h + i, now, left);
                sum = f4_madd(now, f4_get(C + i, left), sum);
            }
            c->y[(size_t)t * s->n_inner + e] = f4_sum(sum) + s->d[head] * x;
        }
    }
}

static void run(const pal_chunk *k, scan *c) {
    const uint64_t work = (uint64_t)c->n * h_floats(c->s) * (c->decay ? 4 : 16);
    pal_team_run(k->team, channels, c, pal_team_parts(k->team, c->s->n_inner, work));
}

static void mamba(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_ssm *s = &l->ssm;
    const uint32_t E = s->n_inner, R = s->dt_rank, N = s->n_state, row = R + 2 * N;
    uint64_t at = (uintptr_t)c->scratch;
    work w = work_at(s, c->bounds->chunk, &at);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);

    pal_products(c->team, &in, &(pal_product){&s->in, w.in}, 1);
    pal_convolve(c->team, &s->conv, state, w.in, 2 * E, c->n, true, w.conv);
    pal_act u = pal_act_make(w.conv, c->n, E, c->act);
    pal_products(c->team, &u, &(pal_product){&s->x, w.x}, 1);
    for (uint32_t t = 0; t < c->n; t++) pal_copy(w.decay + (size_t)t * R, w.x + (size_t)t * row, R * sizeof *w.x);
    pal_act dt = pal_act_make(w.decay, c->n, R, c->act);
    pal_products(c->team, &dt, &(pal_product){&s->dt, w.dt}, 1);
    pal_softplus(w.dt, c->n * E);
    run(c, &(scan){.s = s,
                   .h = (float *)state + pal_conv_state(&s->conv),
                   .y = w.y,
                   .x = w.conv,
                   .dt = w.dt,
                   .B = w.x + R,
                   .C = w.x + R + N,
                   .n = c->n,
                   .x_stride = E,
                   .bc_stride = row});
    for (uint32_t t = 0; t < c->n; t++) {
        pal_copy(w.z + (size_t)t * E, w.in + (2 * (size_t)t + 1) * E, E * sizeof *w.z);
        pal_silu_mul(w.z + (size_t)t * E, w.y + (size_t)t * E, E);
    }
    pal_act out = pal_act_make(w.z, c->n, E, c->act);
    pal_products(c->team, &out, &(pal_product){&s->out, y}, 1);
}

static void mamba2(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_ssm *s = &l->ssm;
    const uint32_t E = s->n_inner, H = s->n_head, all = s->in.w.rows, wide = s->conv.channels, group = E / s->n_group;
    uint64_t at = (uintptr_t)c->scratch;
    work w = work_at(s, c->bounds->chunk, &at);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);

    pal_products(c->team, &in, &(pal_product){&s->in, w.in}, 1);
    pal_convolve(c->team, &s->conv, state, w.in + E, all, c->n, true, w.conv);
    for (uint32_t t = 0; t < c->n; t++) {
        float *dt = w.dt + (size_t)t * H, *decay = w.decay + (size_t)t * H;
        pal_copy(dt, w.in + (size_t)t * all + E + wide, H * sizeof *dt);
        pal_add(dt, s->dt.bias, H);
        pal_softplus(dt, H);
        for (uint32_t h = 0; h < H; h++) decay[h] = pal_expf(dt[h] * s->a[h]);
    }
    run(c, &(scan){.s = s,
                   .h = (float *)state + pal_conv_state(&s->conv),
                   .y = w.y,
                   .x = w.conv,
                   .dt = w.dt,
                   .decay = w.decay,
                   .B = w.conv + E,
                   .C = w.conv + E + s->n_group * s->n_state,
                   .n = c->n,
                   .x_stride = wide,
                   .bc_stride = wide});
    for (uint32_t t = 0; t < c->n; t++) {
        float *z = w.z + (size_t)t * E;
        pal_copy(z, w.in + (size_t)t * all, E * sizeof *z);
        pal_silu_mul(z, w.y + (size_t)t * E, E);
        for (uint32_t i = 0; i < E; i += group) pal_rmsnorm(z + i, s->norm.w + i, group, s->norm.eps, z + i);
    }
    pal_act out = pal_act_make(w.z, c->n, E, c->act);
    pal_products(c->team, &out, &(pal_product){&s->out, y}, 1);
}

const pal_kind pal_mamba_kind = {"mamba", state_bytes, scratch_bytes, pal_zero_state, pal_any_state, mamba, widest};
const pal_kind pal_mamba2_kind = {"mamba2", state_bytes, scratch_bytes, pal_zero_state, pal_any_state, mamba2, widest};
