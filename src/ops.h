/* Vector operations between the matrix products. n may be anything; no pointer needs an alignment, and none changes a
   bit. Results agree between strict and fused except where madd is named: pal_dot, pal_axpy, pal_shares.

   Fixed orders of summation (design I4):
     pal_dot   element i goes to float lane i mod 16 (four f4 in turn), in the order of i; the four f4 are added as
               (0+2)+(1+3), their lanes as f4_sum does. Missing elements of the last block count as 0.
     others    element i goes to double lane i mod 4, in the order of i; then (0+2)+(1+3). pal_shares does so with the
               sums of each 32 elements by lanes, which it takes in float. */
#ifndef PAL_OPS_H
#define PAL_OPS_H

#include "math.h"

/* Four floats, of which the first `left` are there; the rest reads as 0 and is not written. */
PAL_INLINE f4 f4_get(const float *p, uint32_t left) {
    if (left >= 4) return f4_load(p);
    return (f4){p[0], left > 1 ? p[1] : 0, left > 2 ? p[2] : 0, 0};
}
PAL_INLINE void f4_put(float *p, f4 v, uint32_t left) {
    if (left >= 4) {
        f4_store(p, v);
        return;
    }
    p[0] = v[0];
    if (left > 1) p[1] = v[1];
    if (left > 2) p[2] = v[2];
}

/* y = x / sqrt(mean(x^2) + eps) * w; w may be NULL (all ones); y may be x. */
void pal_rmsnorm(const float *x, const float *w, uint32_t n, float eps, float *y);
/* y = (x - mean) / sqrt(var + eps) * w + b; w, b may be NULL; y may be x. */
void pal_layernorm(const float *x, const float *w, const float *b, uint32_t n, float eps, float *y);
/* Softmax without its last step: x = 2^(x - max x), by madd, error < 1.5 ulp, and 2^-100 for less, -inf too; returns the
   factor that makes them sum to 1, for what is made of them. Where the maximum is infinite (all -inf, or some +inf) the
   entries equal to it are 1 and the others 0. A NaN makes the factor one, or where the maximum is infinite stays one. */
float pal_shares(float *x, uint32_t n);
/* Rotates the pairs (i, i + n_rot/2) of a head in place (RoPE, n_rot even). cs: [n_rot/2] cos, then [n_rot/2] sin. */
void pal_rope(float *x, const float *cs, uint32_t n_rot);
/* The same for the pairs (2 i, 2 i + 1). */
void pal_rope_pairs(float *x, const float *cs, uint32_t n_rot);
/* cs of angles pos * base^(-i step), i < n_rot / 2 */
void pal_rope_row(double base, double step, double pos, uint32_t n_rot, float *cs);
float pal_dot(const float *a, const float *b, uint32_t n);
float pal_max(const float *x, uint32_t n);                    /* -inf for n = 0; NaN is passed over */
void pal_add(float *y, const float *x, uint32_t n);           /* y += x */
void pal_scale(float *y, float a, uint32_t n);                /* y *= a */
void pal_axpy(float *y, float a, const float *x, uint32_t n); /* y = madd(a, x, y) */
void pal_softcap(float *y, float cap, uint32_t n);            /* y = cap * tanh(y / cap) */
void pal_silu_mul(float *gate, const float *up, uint32_t n);  /* gate = silu(gate) * up */
void pal_gelu_mul(float *gate, const float *up, uint32_t n);  /* gate = gelu_tanh(gate) * up */
void pal_gelu(float *x, uint32_t n);                          /* gelu, tanh form */
void pal_gelu_erf(float *x, uint32_t n);                      /* gelu, exact form */
void pal_silu(float *x, uint32_t n);                          /* x sigmoid(x) */
void pal_sigmoid_mul(float *y, const float *x, uint32_t n);   /* y *= sigmoid(x) */
void pal_softplus(float *x, uint32_t n);                      /* log(1 + exp(x)) */
/* x / sqrt(sum(x^2) + eps) in place */
void pal_l2norm(float *x, uint32_t n, float eps);

/* A causal convolution of each channel on its own. */
typedef struct {
    const float *w; /* [channels][taps], the last for the newest column */
    const float *b; /* [channels] or NULL */
    uint32_t channels, taps;
} pal_conv;
enum { PAL_CONV_TAPS = 16 };
/* y[t] = b + sum_j w_j x[t - taps + 1 + j] (madd, in the order of j) of the channels from .. to - 1 of n tokens; x and y
   have so many floats a token, y is not x. state [taps - 1][channels]: the inputs before, oldest first; moves on. */
void pal_conv_run(const pal_conv *c, float *state, const float *x, uint32_t x_stride, uint32_t n, uint32_t from,
                  uint32_t to, float *y, uint32_t y_stride);
/* log(sum(exp(x))), summed in double, error < 2e-7 beside the rounding of x; -> nll of target = this - x[target].
   -inf for n = 0 or when all are -inf. */
double pal_logsumexp(const float *x, uint32_t n);

#endif
