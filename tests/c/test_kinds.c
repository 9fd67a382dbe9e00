/* Layers that are bounded by nature against worked vectors, each by one call a token and by one for all. */
#include "../../src/layer/layer.h"
#include "../../src/state.h"
#include "kinds_vectors.h"
#include "test.h"

/* y = x[from .. from + rows - 1] */
static pal_linear take_rows(uint32_t rows, uint32_t cols, uint32_t from) {
    float *w = test_take((size_t)rows * cols * sizeof(float));
    for (uint32_t r = 0; r < rows; r++) w[(size_t)r * cols + from + r] = 1;
    return (pal_linear){{pal_format_of(0), (const uint8_t *)w, rows, cols, 0, 0}, NULL};
}
static pal_linear matrix(const float *w, uint32_t rows, uint32_t cols, const float *bias) {
    return (pal_linear){{pal_format_of(0), (const uint8_t *)w, rows, cols, 0, 0}, bias};
}

/* Runs n tokens [dim] in chunks; y gets [n][dim]. Returns the state. */
static float *run(const pal_layer *l, const float *x, uint32_t n, uint32_t chunk, float *y) {
    pal_limits limits = {.policy = PAL_FULL, .budget = 8, .chunk = chunk};
    pal_bounds b = pal_bounds_of(&limits);
    void *state = test_take(l->kind->state_bytes(l, &b)), *scratch = test_take(l->kind->scratch_bytes(l, &b));
    void *act = test_take(pal_act_bytes(chunk, l->kind->widest(l)));
    l->kind->reset(l, &b, state);
    for (uint32_t t = 0, m; t < n; t += m) {
        m = n - t < chunk ? n - t : chunk;
        pal_chunk c = {.bounds = &b, .n = m, .pos = t, .act = act, .scratch = scratch};
        l->kind->forward(l, &c, state, x + (size_t)t * l->dim, y + (size_t)t * l->dim);
    }
    return state;
}
/* Token rows side by side: a row of each list. */
static float *rows(uint32_t n, uint32_t lists, const float *const *list, const uint32_t *wide, uint32_t dim) {
    float *x = test_take((size_t)n * dim * sizeof *x), *to = x;
    for (uint32_t t = 0; t < n; t++, to += dim)
        for (uint32_t i = 0, at = 0; i < lists; at += wide[i++])
            pal_copy(to + at, list[i] + (size_t)t * wide[i], wide[i] * sizeof *x);
    return x;
}
#define ALL(got, want, n, limit) \
    for (uint32_t i_ = 0; i_ < (n); i_++) NEAR((got)[i_], (want)[i_], limit)

/* The vectors begin behind the rotation: it is taken back from what the layer will rotate. */
static float *unrotated(const float *x, uint32_t n, uint32_t d, uint32_t batch) {
    float *out = test_take((size_t)n * d * sizeof *out), cs[8];
    for (uint32_t t = 0; t < n; t++) {
        pal_rope_row(10000, 2.0 / d, -(double)(t % batch), d, cs);
        pal_copy(out + t * d, x + t * d, d * sizeof *x);
        pal_rope_pairs(out + t * d, cs, d);
    }
    return out;
}

static void ttt(uint32_t chunk, bool mlp) {
    const uint32_t d = mlp ? 2 : 4, h = mlp ? 8 : 4, n = mlp ? 3 : 6, batch = mlp ? 2 : 4, dim = 3 * d + 1;
    const float *q = unrotated(mlp ? mlp_q : linear_q, n, d, batch),
                *k = unrotated(mlp ? mlp_k : linear_k, n, d, batch);
    /* LN's target is v - k with the rotated k, which the vectors have */
    const float *lists[] = {q, k, mlp ? mlp_v : linear_v, mlp ? mlp_lr : linear_lr}, *out = mlp ? mlp_out : linear_out;
    const float *x = rows(n, 4, lists, (uint32_t[]){d, d, d, 1}, dim);
    float y[6 * 13];
    pal_layer l = {.kind = &pal_ttt_kind, .dim = dim};
    l.ttt = (pal_ttt){.q = take_rows(d, dim, 0),
                      .k = take_rows(d, dim, d),
                      .v = take_rows(d, dim, 2 * d),
                      .lr = take_rows(1, dim, 3 * d)};
    float *o = test_take((size_t)dim * d * sizeof *o);
    for (uint32_t i = 0; i < d; i++) o[i * d + i] = 1;
    l.ttt.o = matrix(o, dim, d, NULL);
    l.ttt.w1 = mlp ? mlp_w1 : linear_w1, l.ttt.b1 = mlp ? mlp_b1 : linear_b1;
    l.ttt.w2 = mlp ? mlp_w2 : NULL, l.ttt.b2 = mlp ? mlp_b2 : NULL;
    l.ttt.tau = mlp ? mlp_tau : linear_tau;
    l.ttt.norm = (pal_norm){PAL_NORM_LAYER, 1e-6f, mlp ? mlp_ln_w : linear_ln_w, mlp ? mlp_ln_b : linear_ln_b};
    l.ttt.n_head = 1, l.ttt.d = d, l.ttt.h = h, l.ttt.batch = batch;
    l.ttt.base_lr = mlp ? 0.1f : 1, l.ttt.rope_base = 10000;
    run(&l, x, n, chunk, y);
    for (uint32_t t = 0; t < n; t++) ALL(y + t * dim, out + t * d, d, 2e-5);
}

static void mamba(uint32_t chunk) {
    const float *x = rows(3, 2, (const float *[]){mamba_x, mamba_z}, (uint32_t[]){2, 2}, 4);
    float y[3 * 4];
    pal_layer l = {.kind = &pal_mamba_kind, .dim = 4};
    l.ssm = (pal_ssm){.in = take_rows(4, 4, 0),
                      .x = matrix(mamba_x_w, 5, 2, NULL),
                      .dt = matrix(mamba_dt_w, 2, 1, mamba_dt_b),
                      .out = matrix((const float[]){1, 0, 0, 1, 0, 0, 0, 0}, 4, 2, NULL),
                      .conv = {mamba_conv_w, mamba_conv_b, 2, 4},
                      .a = mamba_a,
                      .d = mamba_d,
                      .n_inner = 2,
                      .n_state = 2,
                      .n_head = 2,
                      .n_group = 1,
                      .dt_rank = 1};
    const float *state = run(&l, x, 3, chunk, y);
    for (uint32_t t = 0; t < 3; t++) ALL(y + 4 * t, mamba_y + 2 * t, 2, 2e-5);
    ALL(state + 8, mamba_h, 4, 2e-5);
}

static void mamba2(uint32_t chunk) {
    const float *x = rows(4, 3, (const float *[]){mamba2_z, mamba2_xbc, mamba2_dt}, (uint32_t[]){4, 8, 2}, 14);
    float y[4 * 14], *out = test_take(14 * 4 * sizeof *out);
    for (uint32_t i = 0; i < 4; i++) out[5 * i] = 1;
    pal_layer l = {.kind = &pal_mamba2_kind, .dim = 14};
    l.ssm = (pal_ssm){.in = take_rows(14, 14, 0),
                      .dt = {.bias = mamba2_dt_b},
                      .out = matrix(out, 14, 4, NULL),
                      .conv = {mamba2_conv_w, mamba2_conv_b, 8, 4},
                      .a = mamba2_a,
                      .d = mamba2_d,
                      .norm = {PAL_NORM_RMS, 1e-5f, mamba2_norm, NULL},
                      .n_inner = 4,
                      .n_state = 2,
                      .n_head = 2,
                      .n_group = 1};
    const float *state = run(&l, x, 4, chunk, y);
    for (uint32_t t = 0; t < 4; t++) ALL(y + 14 * t, mamba2_y + 4 * t, 4, 2e-5);
    ALL(state + 24, mamba2_h, 8, 2e-5);
}

static void retention(uint32_t chunk) {
    const float ones[4] = {1.27846454f, 1.27846454f, 1.27846454f, 1.27846454f}; /* silu of it is 1 */
    const float *x = rows(4, 3, (const float *[]){retnet_q, retnet_k, retnet_v}, (uint32_t[]){4, 4, 4}, 12);
    float y[4 * 12], *out = test_take(12 * 4 * sizeof *out);
    for (uint32_t i = 0; i < 4; i++) out[5 * i] = 1;
    pal_layer l = {.kind = &pal_retention_kind, .dim = 12};
    l.retention = (pal_retention){.q = take_rows(4, 12, 0),
                                  .k = take_rows(4, 12, 4),
                                  .v = take_rows(4, 12, 8),
                                  .gate = matrix(test_take(4 * 12 * sizeof(float)), 4, 12, ones),
                                  .o = matrix(out, 12, 4, NULL),
                                  .n_head = 1,
                                  .d_k = 4,
                                  .d_v = 4};
    const float *S = run(&l, x, 4, chunk, y);
    for (uint32_t t = 0; t < 4; t++) ALL(y + 12 * t, retnet_o + 4 * t, 4, 2e-5);
    ALL(S, retnet_s, 16, 2e-5);
}

static void rglru(uint32_t n) {
    const float one[] = {1, 1};
    float y[3 * 2];
    pal_layer l = {.kind = &pal_rglru_kind, .dim = 2};
    l.rglru = (pal_rglru){.x = take_rows(2, 2, 0),
                          .y = take_rows(2, 2, 0),
                          .o = take_rows(2, 2, 0),
                          .conv = {one, NULL, 2, 1},
                          .recurrent_w = rglru_recurrent_w,
                          .recurrent_b = rglru_recurrent_b,
                          .input_w = rglru_input_w,
                          .input_b = rglru_input_b,
                          .log_a = rglru_log_a,
                          .n_head = 1};
    ALL(run(&l, rglru_x, n, n, y), rglru_h + 2 * (n - 1), 2, 2e-5);
}

static void convolution(uint32_t chunk) {
    float y[3 * 2];
    pal_layer l = {.kind = &pal_conv_kind, .dim = 2};
    l.shortconv.conv = (pal_conv){conv_w, conv_b, 2, 4};
    const float *state = run(&l, conv_x, 3, chunk, y);
    ALL(y, conv_y, 6, 2e-5);
    ALL(state, conv_x, 6, 0); /* three tokens: what it keeps is all it has read */
}

static void s4d(uint32_t chunk, const float *a, const float *b, const float *h, const float *want) {
    const float zero[1] = {0}, bias[2] = {0, 60}; /* sigmoid(60) is 1 */
    float y[5];
    pal_layer l = {.kind = &pal_s4d_kind, .dim = 1};
    l.s4d = (pal_s4d){a, b, s4d_c, zero, matrix((const float[]){1, 0}, 2, 1, bias), 2};
    ALL(run(&l, s4d_u, 5, chunk, y), h, 4, 2e-5);
    ALL(y, want, 5, 2e-5);
}

void test_kinds(void) {
    for (uint32_t chunk = 1; chunk <= 6; chunk++) {
        ttt(chunk, false);
        ttt(chunk, true);
        mamba(chunk);
        mamba2(chunk);
        retention(chunk);
        convolution(chunk);
        s4d(chunk, s4d_zoh_a, s4d_zoh_b, s4d_zoh_h, s4d_zoh_y);
        s4d(chunk, s4d_bilinear_a, s4d_bilinear_b, s4d_bilinear_h, s4d_bilinear_y);
    }
    for (uint32_t n = 1; n <= 3; n++) rglru(n);
}
