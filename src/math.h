/* Deterministic elementary functions: the same bits natively and in wasm, strict and fused, because they use only
   IEEE + - * / and integer operations in a fixed order, never f4_madd. No libm. NaN in, NaN out; errors are those
   that tests/c/test_math.c holds them to. */
#ifndef PAL_MATH_H
#define PAL_MATH_H

#include "simd.h"

double pal_exp(double x);                     /* relative error < 3e-16; rounds to subnormals, 0 and inf at the ends */
double pal_log(double x);                     /* relative error < 3e-16; log(0) = -inf, NaN below 0 */
double pal_pow(double base, double exponent); /* base > 0; relative error 3e-16 (1 + |log y|) of the result y */
void pal_sincos(double x, double *sin, double *cos); /* |x| <= 2^32, absolute error < 3e-16; NaN beyond */
double pal_sqrt(double x);                           /* the instruction; correctly rounded */
float pal_sqrtf(float x);

f4 f4_tanh(f4 x);        /* error < 2 ulp; odd to the bit */
f4 f4_sigmoid(f4 x);     /* error < 2.5 ulp; 0 below -88.7228 */
f4 f4_softplus(f4 x);    /* log(1 + exp(x)), error < 3 ulp; 0 below -87.3365 */
float pal_expf(float x); /* lane 0 of f4_exp, so scalar and vector code agree */
float pal_tanhf(float x);
float pal_erff(float x); /* error < 1 ulp; odd to the bit */

/* exp(x), error < 1.1 ulp; exp(0) = 1; 0 where the result would be subnormal (x < -87.3365), inf above 88.7228.
   Inline, because the loops that spend their time here keep the constants in registers. */
PAL_INLINE f4 f4_exp(f4 x) {
    f4 shifted = x * f4_kept(0x1.715476p+0f) + f4_kept(0x1.8p23f); /* the integer k in the low bits, ties to even */
    f4 k = shifted - f4_kept(0x1.8p23f);
    f4 r = x - k * f4_kept(0x1.63p-1f) + k * f4_kept(0x1.bd0106p-13f); /* |r| < 0.347; the first difference is exact */
    f4 q = f4_kept(0x1.6d117cp-10f);                                   /* (exp(r) - 1 - r) / r^2 over |r| < 0.347 */
    q = q * r + f4_kept(0x1.120be2p-7f);
    q = q * r + f4_kept(0x1.555518p-5f);
    q = q * r + f4_kept(0x1.5554dcp-3f);
    q = q * r + f4_kept(0.5f);
    f4 y = r * r * q + r + f4_kept(1);
    y = (f4)((u4)y + ((u4)shifted << 23)); /* y 2^k by its exponent, which stays in range where y is kept */
    y = (f4)((i4)y & (i4)(x >= f4_kept(-0x1.5d589ep6f)));
    return f4_select((i4)(x <= f4_kept(0x1.62e42ep6f)), y, x * f4_kept(__builtin_inff())); /* above: inf or NaN */
}

#endif
