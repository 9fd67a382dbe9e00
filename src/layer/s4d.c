/* S4D (arXiv 2206.11893): each channel is a linear system whose state matrix is diagonal and complex, one of each pair of
   conjugate modes kept. The converter has discretised it (zero-order hold or bilinear, what the checkpoint was trained with):

     h_n = A_n h_n + B_n u;  y = 2 Re(sum_n C_n h_n) + D u;  out = glu(W gelu(y) + b), first half * sigmoid(second half)

   Trained models start from HiPPO's S4D-Lin: A_n = -1/2 + i pi n, B = 1, so that h holds the coefficients of the past in a
   basis of decaying waves. It cannot forget by content: see ssm.c for what came next.
   state: h [dim][re, im][n_mode]. A chunk goes channel by channel, each through its tokens in order. */
#include "layer.h"

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    (void)b;
    return 2ull * l->dim * l->s4d.n_mode * sizeof(float);
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    return pal_align((uint64_t)b->chunk * l->dim * sizeof(float)) * 3;
}

static uint32_t widest(const pal_layer *l) { return l->dim; }

typedef struct {
    const pal_layer *l;
    const float *x;
    float *h, *y;
    uint32_t n;
} run;

static void channels(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_s4d *s = &u->l->s4d;
    const uint32_t dim = u->l->dim, N = s->n_mode;
    for (uint32_t c = pal_part_from(dim, part, parts); c < pal_part_from(dim, part + 1, parts); c++) {
        const size_t at = 2ull * c * N;
        const float *ar = s->a + at, *ai = ar + N, *br = s->b + at, *bi = br + N, *cr = s->c + at, *ci = cr + N;
        float *re = u->h + at, *im = re + N;
        for (uint32_t t = 0; t < u->n; t++) {
            const float x = u->x[(size_t)t * dim + c];
            float sum = 0;
            for (uint32_t i = 0; i < N; i++) {
                float r = ar[i] * re[i] - ai[i] * im[i] + br[i] * x;
                im[i] = ar[i] * im[i] + ai[i] * re[i] + bi[i] * x;
                re[i] = r;
                sum += cr[i] * r - ci[i] * im[i];
            }
            u->y[(size_t)t * dim + c] = 2 * sum + s->d[c] * x;
        }
    }
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const uint32_t dim = l->dim;
    uint64_t at = (uintptr_t)c->scratch;
    float *mixed = pal_floats(&at, (uint64_t)c->bounds->chunk * dim), *both = pal_floats(&at, 2ull * c->n * dim);
    run u = {l, x, state, mixed, c->n};

    pal_team_run(c->team, channels, &u, pal_team_parts(c->team, dim, (uint64_t)c->n * dim * l->s4d.n_mode * 8));
    pal_gelu_erf(mixed, c->n * dim);
    pal_act act = pal_act_make(mixed, c->n, dim, c->act);
    pal_products(c->team, &act, &(pal_product){&l->s4d.out, both}, 1);
    for (uint32_t t = 0; t < c->n; t++) {
        pal_copy(y + (size_t)t * dim, both + 2 * (size_t)t * dim, dim * sizeof *y);
        pal_sigmoid_mul(y + (size_t)t * dim, both + (2 * (size_t)t + 1) * dim, dim);
    }
}

const pal_kind pal_s4d_kind = {"s4d", state_bytes, scratch_bytes, pal_zero_state, pal_any_state, forward, widest};
