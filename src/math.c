/* Each function is one reduction to a short interval and one polynomial; coefficients whose origin is not a formula
   were fitted with mpmath.chebyfit over the interval that is named beside them. */
#include "math.h"

static double bits_f64(uint64_t bits) {
    double d;
    pal_copy(&d, &bits, 8);
    return d;
}
static uint64_t f64_bits(double d) {
    uint64_t bits;
    pal_copy(&bits, &d, 8);
    return bits;
}

/* The nearest integer, ties to even, for |x| < 2^51: the sum has no bits left for a fraction. */
static double nearest(double x) { return x + 0x1.8p52 - 0x1.8p52; }

static double horner(const double *c, int n, double x) {
    double y = c[0];
    for (int i = 1; i < n; i++) y = y * x + c[i];
    return y;
}

/* log(2) in two parts: k times the first is exact for |k| < 2^20. */
static const double LOG2_HIGH = 0x1.62e42feep-1, LOG2_LOW = 0x1.a39ef35793c76p-33;

double pal_exp(double x) {
    static const double taylor[] = {1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800,
                                    1. / 362880,     1. / 40320,     1. / 5040,     1. / 720,
                                    1. / 120,        1. / 24,        1. / 6,        1. / 2};
    if (!(x < 709.79)) return x != x ? x : bits_f64(0x7ff0000000000000);
    if (x < -745.2) return 0;
    double k = nearest(x * 0x1.71547652b82fep+0);
    double r = x - k * LOG2_HIGH - k * LOG2_LOW; /* |r| < 0.3466 */
    double y = 1 + (r + r * r * horner(taylor, 12, r));
    int64_t half = (int64_t)k / 2, rest = (int64_t)k - half; /* 2^k may not be a number where y 2^k is one */
    return y * bits_f64((uint64_t)(1023 + half) << 52) * bits_f64((uint64_t)(1023 + rest) << 52);
}

/* log(1+f) = 2 atanh(s) with s = f/(2+f), written as f - (f^2/2 - s (f^2/2 + R)) so that f, which is exact, leads. */
double pal_log(double x) {
    static const double series[] = {2. / 23, 2. / 21, 2. / 19, 2. / 17, 2. / 15, 2. / 13,
                                    2. / 11, 2. / 9,  2. / 7,  2. / 5,  2. / 3};
    const double inf = bits_f64(0x7ff0000000000000);
    double k = 0;
    if (!(x > 0)) return x == 0 ? -inf : x != x ? x : bits_f64(0x7ff8000000000000);
    if (x == inf) return x;
    if (x < 0x1p-1022) x *= 0x1p54, k = -54;
    uint64_t bits = f64_bits(x) - 0x3fe6a09e00000000; /* sqrt(1/2) -> 0: the exponent that leaves m in [0.707, 1.414) */
    k += (double)((int64_t)bits >> 52);
    double m = bits_f64((bits & 0x000fffffffffffff) + 0x3fe6a09e00000000);
    double f = m - 1, s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double r = z * horner(series, 11, z);
    return k * LOG2_HIGH - ((half - (s * (half + r) + k * LOG2_LOW)) - f);
}

double pal_pow(double base, double exponent) { return pal_exp(exponent * pal_log(base)); }

void pal_sincos(double x, double *sin, double *cos) {
    static const double sine[] = {-1. / 1307674368000, 1. / 6227020800, -1. / 39916800, 1. / 362880,
                                  -1. / 5040,          1. / 120,        -1. / 6};
    static const double cosine[] = {1. / 20922789888000, -1. / 87178291200, 1. / 479001600, -1. / 3628800,
                                    1. / 40320,          -1. / 720,         1. / 24};
    if (!(x >= -0x1p32 && x <= 0x1p32)) {
        *sin = *cos = bits_f64(0x7ff8000000000000);
        return;
    }
    /* pi/2 in parts of 21, 21 and 53 bits: k < 2^32 times one of the first two is exact, and so are the differences */
    double k = nearest(x * 0x1.45f306dc9c883p-1);
    double r = x - k * 0x1.921fbp+0 - k * 0x1.5110ap-22 - k * 0x1.4611a62633146p-42; /* |r| < 0.7854 */
    double z = r * r;
    double s = r + r * z * horner(sine, 7, z), c = 1 - (0.5 * z - z * z * horner(cosine, 7, z));
    int64_t quadrant = (int64_t)k & 3;
    *sin = quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c;
    *cos = quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s;
}

double pal_sqrt(double x) { return __builtin_sqrt(x); } /* -fno-math-errno makes it the instruction */
float pal_sqrtf(float x) { return __builtin_sqrtf(x); }

/* Near 0 an odd polynomial, because 1 - 2/(exp(2x)+1) cancels there. */
f4 f4_tanh(f4 x) {
    f4 a = f4_abs(x), z = a * a;
    f4 p = f4_set(-0x1.8f8de4p-8f); /* (tanh(a) - a) / a^3 over a < 0.625 */
    p = p * z + f4_set(0x1.58048ep-6f);
    p = p * z + f4_set(-0x1.b9258ap-5f);
    p = p * z + f4_set(0x1.110e1cp-3f);
    p = p * z + f4_set(-0x1.555552p-2f);
    f4 small = a + a * z * p, large = f4_set(1) - f4_set(2) / (f4_exp(a + a) + f4_set(1));
    f4 y = f4_select((i4)(a < f4_set(0.625f)), small, large);
    return (f4)((i4)y | ((i4)x & (int32_t)0x80000000));
}

f4 f4_sigmoid(f4 x) { return f4_set(1) / (f4_set(1) + f4_exp(-x)); }

/* max(x, 0) + log1p(u), u = exp(-|x|); log1p(u) = 2 artanh(z), z = u / (2 + u) <= 1/3, by its series to z^17. */
f4 f4_softplus(f4 x) {
    f4 u = f4_exp(-f4_abs(x)), z = u / (f4_set(2) + u), s = z * z, p = f4_set(1.0f / 17);
    for (int i = 15; i > 1; i -= 2) p = p * s + f4_set(1.0f / (float)i);
    return f4_max(x, f4_set(0)) + (f4_set(2) * z + f4_set(2) * z * s * p);
}

float pal_expf(float x) { return f4_exp(f4_set(x))[0]; }
float pal_tanhf(float x) { return f4_tanh(f4_set(x))[0]; }

/* In double, so that only the last rounding shows. */
float pal_erff(float x) {
    static const double small[] = {-9.66704457148699642e-6, 1.1265959025606609e-4,   -8.48408040553510629e-4,
                                   5.2210318078580228e-3,   -2.68654307267702429e-2, 0.112837824952368445,
                                   -0.376126384680287104,   1.12837916706154342}; /* erf(a) / a in a^2, a < 1 */
    static const double large[] = {
        -1.63715141459364356e-6, 4.60580426891897792e-5, -5.96805625660779706e-4, 4.75959629326626464e-3,
        -2.64211360056638967e-2, 0.110080082948820247,   0.631826051559163014,    1.13023343484199403,
        -3.20138049677698837e-4}; /* -log(1 - erf(a)) over 1 < a < 4 */
    double a = x < 0 ? -(double)x : x;
    if (x != x) return x;
    if (a < 1) return (float)(x * horner(small, 8, a * a));
    double y = a < 4 ? 1 - pal_exp(-horner(large, 9, a)) : 1;
    return (float)(x < 0 ? -y : y);
}
