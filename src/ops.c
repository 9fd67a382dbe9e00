/* Loops go over whole f4 and end with one filled up with zeros, so that a tail has the bits of a full vector. */
#include "ops.h"

/* Norms and softmax sum in double: a product of two floats is exact there, and the whole sum errs less than the one
   rounding of its result to float, at any n. It costs nothing beside the matrix products and is alike in both. */
typedef double d2 __attribute__((vector_size(16)));
typedef struct {
    d2 low, high; /* lanes 0, 1 and 2, 3 */
} sum4;

PAL_INLINE d2 d2_low(f4 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1), d2); }
PAL_INLINE d2 d2_high(f4 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 2, 3), d2); }
static inline double sum4_total(const sum4 *s) {
    d2 pair = s->low + s->high;
    return pair[0] + pair[1];
}

void pal_rmsnorm(const float *x, const float *w, uint32_t n, float eps, float *y) {
    sum4 squares = {{0}, {0}};
    for (uint32_t i = 0; i < n; i += 4) {
        f4 v = f4_get(x + i, n - i);
        d2 low = d2_low(v), high = d2_high(v);
        squares.low += low * low, squares.high += high * high;
    }
    f4 scale = f4_set((float)(1 / pal_sqrt(sum4_total(&squares) / n + eps)));
    for (uint32_t i = 0; i < n; i += 4) {
        f4 v = f4_get(x + i, n - i) * scale;
        f4_put(y + i, w ? v * f4_get(w + i, n - i) : v, n - i);
    }
}

void pal_l2norm(float *x, uint32_t n, float eps) {
    sum4 squares = {{0}, {0}};
    for (uint32_t i = 0; i < n; i += 4) {
        f4 v = f4_get(x + i, n - i);
        d2 low = d2_low(v), high = d2_high(v);
        squares.low += low * low, squares.high += high * high;
    }
    pal_scale(x, (float)(1 / pal_sqrt(sum4_total(&squares) + eps)), n);
}

void pal_layernorm(const float *x, const float *w, const float *b, uint32_t n, float eps, float *y) {
    sum4 sum = {{0}, {0}}, squares = sum;
    for (uint32_t i = 0; i < n; i += 4) {
        f4 v = f4_get(x + i, n - i);
        sum.low += d2_low(v), sum.high += d2_high(v);
    }
    double mean = sum4_total(&sum) / n;
    for (uint32_t i = 0; i < n; i += 4) {
        uint32_t left = n - i;
        f4 v = f4_get(x + i, left);
        d2 low = d2_low(v) - mean, high = d2_high(v) - mean;
        if (left < 4) low[1] = left > 1 ? low[1] : 0, high[0] = left > 2 ? high[0] : 0, high[1] = 0;
        squares.low += low * low, squares.high += high * high;
    }
    double scale = 1 / pal_sqrt(sum4_total(&squares) / n + eps);
    for (uint32_t i = 0; i < n; i++) {
        float v = (float)((x[i] - mean) * scale); /* the difference in float would lose what a large mean hides */
        y[i] = (w ? v * w[i] : v) + (b ? b[i] : 0);
    }
}

float pal_max(const float *x, uint32_t n) { /* a NaN is never greater */
    const f4 least = f4_set(-__builtin_inff());
    f4 best[4] = {least, least, least, least};
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) PAL_UNROLL
    for (uint32_t k = 0; k < 4; k++) best[k] = f4_max(f4_load(x + i + 4 * k), best[k]);
    for (; i < n; i++) best[0] = f4_max(f4_set(x[i]), best[0]);
    f4 all = f4_max(f4_max(best[0], best[1]), f4_max(best[2], best[3]));
    float a = all[0] > all[2] ? all[0] : all[2], b = all[1] > all[3] ? all[1] : all[3];
    return a > b ? a : b;
}

/* The last n % 4 elements, and -inf for those that are not there. */
static f4 rest_of(const float *x, uint32_t n) {
    f4 rest = f4_set(-__builtin_inff());
    for (uint32_t i = n & ~3u; i < n; i++) rest[i % 4] = x[i];
    return rest;
}

/* 2^x for -126 <= x <= 0; NaN stays one. The polynomial is 2^r relatively within 2.2e-8 over |r| <= 1/2, and 1 at 0. */
PAL_INLINE f4 exp2_below(f4 x) {
    const f4 ones = f4_kept(0x1.8000fep23f); /* the integer k in the low bits, and the bias of exponents */
    f4 shifted = x + ones, r = x - (shifted - ones), rr = r * r;
    f4 y = f4_madd(rr, f4_kept(0x1.470b68p-13f), f4_madd(r, f4_kept(0x1.5f7276p-10f), f4_kept(0x1.3b270ep-7f)));
    y = f4_madd(rr, y, f4_madd(r, f4_kept(0x1.c6ae72p-5f), f4_kept(0x1.ebfbe2p-3f)));
    y = f4_madd(rr, y, f4_madd(r, f4_kept(0x1.62e432p-1f), f4_kept(1)));
    return y * (f4)((u4)shifted << 23);
}

float pal_shares(float *x, uint32_t n) {
    const float max = pal_max(x, n);
    const f4 top = f4_set(max), least = f4_kept(-100);
    sum4 sum = {{0}, {0}};
    if (max - max != 0) {
        uint32_t share = 0;
        for (uint32_t i = 0; i < n; i++) share += x[i] == max;
        for (uint32_t i = 0; i < n; i++) x[i] = x[i] == max ? 1 : x[i] != x[i] ? x[i] : 0;
        return (float)(1. / share);
    }
    for (uint32_t i = 0; i < n / 4 * 4;) {
        f4 of = f4_set(0);
        PAL_ROLLED
        for (uint32_t end = n - i < 32 ? n / 4 * 4 : i + 32; i < end; i += 4) {
            f4 e = exp2_below(f4_max(least, f4_load(x + i) - top));
            f4_store(x + i, e);
            of += e;
        }
        sum.low += d2_low(of), sum.high += d2_high(of);
    }
    if (n % 4) {
        f4 e = exp2_below(f4_max(least, rest_of(x, n) - top));
        f4_put(x + n / 4 * 4, e, n % 4);
        sum.low += d2_low(e), sum.high += d2_high(e);
    }
    return (float)(1 / sum4_total(&sum));
}

double pal_logsumexp(const float *x, uint32_t n) {
    const float max = pal_max(x, n);
    sum4 sum = {{0}, {0}};
    if (max - max != 0) return max;
    for (uint32_t i = 0; i < n; i += 4) {
        f4 e = f4_exp((n - i < 4 ? rest_of(x, n) : f4_load(x + i)) - f4_set(max));
        sum.low += d2_low(e), sum.high += d2_high(e);
    }
    return max + pal_log(sum4_total(&sum));
}

/* Plain products: both classes then rotate alike. */
void pal_rope(float *x, const float *cs, uint32_t n_rot) {
    uint32_t half = n_rot / 2, i = 0;
    PAL_ASSERT(n_rot % 2 == 0);
    for (; i + 4 <= half; i += 4) {
        f4 c = f4_load(cs + i), s = f4_load(cs + half + i), a = f4_load(x + i), b = f4_load(x + half + i);
        f4_store(x + i, a * c - b * s);
        f4_store(x + half + i, a * s + b * c);
    }
    for (; i < half; i++) {
        float a = x[i], b = x[half + i], c = cs[i], s = cs[half + i];
        x[i] = a * c - b * s;
        x[half + i] = a * s + b * c;
    }
}

void pal_rope_pairs(float *x, const float *cs, uint32_t n_rot) {
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        float a = x[2 * i], b = x[2 * i + 1], c = cs[i], s = cs[n_rot / 2 + i];
        x[2 * i] = a * c - b * s;
        x[2 * i + 1] = a * s + b * c;
    }
}

void pal_rope_row(double base, double step, double pos, uint32_t n_rot, float *cs) {
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        double sin, cos;
        pal_sincos(pos * pal_pow(base, -(double)i * step), &sin, &cos);
        cs[i] = (float)cos;
        cs[n_rot / 2 + i] = (float)sin;
    }
}

float pal_dot(const float *a, const float *b, uint32_t n) {
    f4 sum[4] = {{0}};
    float last[2][16] = {{0}};
    for (uint32_t i = 0; i < n; i += 16) {
        const float *x = a + i, *y = b + i;
        if (n - i < 16) {
            pal_copy(last[0], x, (n - i) * sizeof *x), x = last[0];
            pal_copy(last[1], y, (n - i) * sizeof *y), y = last[1];
        }
        PAL_UNROLL
        for (uint32_t k = 0; k < 4; k++) sum[k] = f4_madd(f4_load(x + 4 * k), f4_load(y + 4 * k), sum[k]);
    }
    return f4_sum((sum[0] + sum[2]) + (sum[1] + sum[3]));
}

void pal_add(float *y, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) f4_put(y + i, f4_get(y + i, n - i) + f4_get(x + i, n - i), n - i);
}

void pal_scale(float *y, float a, uint32_t n) {
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) f4_store(y + i, f4_load(y + i) * f4_set(a));
    if (i < n) f4_put(y + i, f4_get(y + i, n - i) * f4_set(a), n - i);
}

void pal_axpy(float *y, float a, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4)
        f4_put(y + i, f4_madd(f4_set(a), f4_get(x + i, n - i), f4_get(y + i, n - i)), n - i);
}

void pal_softcap(float *y, float cap, uint32_t n) {
    f4 c = f4_set(cap);
    for (uint32_t i = 0; i < n; i += 4) f4_put(y + i, c * f4_tanh(f4_get(y + i, n - i) / c), n - i);
}

PAL_APART f4 exp_called(f4 x) { return f4_exp(x); } /* where little time goes */
PAL_INLINE f4 silu(f4 x) { return x / (f4_set(1) + f4_exp(-x)); }

/* x (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3) is x sigmoid(2u): no cancellation left of 0. */
PAL_INLINE f4 gelu(f4 x) {
    f4 u = x * (f4_set(1) + f4_set(0.044715f) * x * x);
    return x / (f4_set(1) + exp_called(u * f4_set(-1.59576912160573071176f)));
}

void pal_gelu_erf(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) x[i] = 0.5f * x[i] * (1 + pal_erff(x[i] * 0.70710678118654752f));
}

void pal_silu(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) {
        f4 v = f4_get(x + i, n - i);
        f4_put(x + i, v / (f4_set(1) + exp_called(-v)), n - i);
    }
}

void pal_sigmoid_mul(float *y, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) f4_put(y + i, f4_get(y + i, n - i) * f4_sigmoid(f4_get(x + i, n - i)), n - i);
}

void pal_softplus(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) f4_put(x + i, f4_softplus(f4_get(x + i, n - i)), n - i);
}

void pal_silu_mul(float *gate, const float *up, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) f4_put(gate + i, silu(f4_get(gate + i, n - i)) * f4_get(up + i, n - i), n - i);
}

void pal_gelu_mul(float *gate, const float *up, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) f4_put(gate + i, gelu(f4_get(gate + i, n - i)) * f4_get(up + i, n - i), n - i);
}

void pal_gelu(float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) f4_put(x + i, gelu(f4_get(x + i, n - i)), n - i);
}

void pal_conv_run(const pal_conv *c, float *state, const float *x, uint32_t x_stride, uint32_t n, uint32_t from,
                  uint32_t to, float *y, uint32_t y_stride) {
    const uint32_t before = c->taps - 1;
    for (uint32_t i = from; i < to; i += 4) {
        const uint32_t left = to - i;
        f4 tap[PAL_CONV_TAPS] = {{0}}, bias = c->b ? f4_get(c->b + i, left) : f4_set(0);
        for (uint32_t j = 0; j < c->taps; j++)
            for (uint32_t k = 0; k < 4 && k < left; k++) tap[j][k] = c->w[(i + k) * c->taps + j];
#define COLUMN(at) f4_get(((at) < before ? state + (at)*c->channels : x + ((at)-before) * (size_t)x_stride) + i, left)
        for (uint32_t t = 0; t < n; t++) {
            f4 sum = bias;
            for (uint32_t j = 0; j < c->taps; j++) sum = f4_madd(tap[j], COLUMN(t + j), sum);
            f4_put(y + t * (size_t)y_stride + i, sum, left);
        }
        for (uint32_t j = 0; j < before; j++) f4_put(state + j * c->channels + i, COLUMN(n + j), left);
#undef COLUMN
    }
}
