/* Accuracy against math_table.h (see math_table.py), then frozen hashes: equal constants for gcc, clang and wasm,
   strict and fused, are the proof that all compute the same bits. */
#include "../../src/math.h"
#include "math_table.h"
#include "test.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const float INF = __builtin_inff(), NOT = __builtin_nanf("");

static double size(double x) { return x < 0 ? -x : x; }

/* |got - want| in units of the last place of a float as large as want. */
static double ulps(float got, double want) {
    uint32_t exponent = pal_f32_bits((float)want) >> 23 & 0xff;
    double unit = (double)pal_bits_f32((exponent > 24 ? exponent - 23 : 1) << 23);
    return size(got - want) / unit;
}

static void relative(double (*f)(double), const double (*row)[2], size_t n) {
    for (size_t i = 0; i < n; i++) {
        double least = size(row[i][1]) < 0x1p-1022 ? 0x1p-1074 : 0;
        NEAR(f(row[i][0]), row[i][1], 3e-16 * size(row[i][1]) + least);
    }
}

static void doubles(void) {
    relative(pal_exp, exp_rows, COUNT(exp_rows));
    relative(pal_log, log_rows, COUNT(log_rows));
    NEAR(pal_exp(-745), 0x1p-1074, 0);
    NEAR(pal_exp(-740), 0x0.0000000000055p-1022, 0x1p-1074);
    CHECK(pal_exp(-745.2) == 0 && pal_exp(-1e300) == 0 && pal_exp(-(double)INF) == 0);
    CHECK(pal_exp(709.79) == INF && pal_exp(1e300) == INF && pal_exp(INF) == INF && pal_exp(NOT) != pal_exp(NOT));
    CHECK(pal_exp(0) == 1 && pal_exp(-0.) == 1);
    CHECK(pal_log(0) == -INF && pal_log(-0.) == -INF && pal_log(INF) == INF && pal_log(1) == 0);
    CHECK(pal_log(-1) != pal_log(-1) && pal_log(-INF) != pal_log(-INF) && pal_log(NOT) != pal_log(NOT));
    uint64_t seed = 1;
    for (int i = 0; i < 5000; i++) {
        double x = test_uniform(&seed, -700, 700);
        NEAR(pal_log(pal_exp(x)), x, 3e-16 * (1 + size(x)));
    }
}

static void powers(void) {
#define POWERS(base, rows)                                                            \
    for (size_t i = 0; i < COUNT(rows); i++) {                                        \
        double want = (rows)[i][1], bound = 3e-16 * want * (1 + size(pal_log(want))); \
        NEAR(pal_pow(base, (rows)[i][0]), want, bound);                               \
    }
    POWERS(10000, pow_10000_0)
    POWERS(500000, pow_500000_0)
    POWERS(1e6, pow_1000000_0)
    POWERS(0.5, pow_0_5)
    POWERS(1.0001, pow_1_0001)
    CHECK(pal_pow(1, 17) == 1 && pal_pow(3, 0) == 1);
}

static void angles(void) {
    double s, c;
    for (size_t i = 0; i < COUNT(sincos_rows); i++) {
        pal_sincos(sincos_rows[i][0], &s, &c);
        NEAR(s, sincos_rows[i][1], 3e-16);
        NEAR(c, sincos_rows[i][2], 3e-16);
        double s2, c2;
        pal_sincos(-sincos_rows[i][0], &s2, &c2);
        CHECK(s2 == -s && c2 == c);
    }
    pal_sincos(0, &s, &c);
    CHECK(s == 0 && c == 1);
    const double outside[] = {0x1.00000001p32, -1e300, INF, -INF, NOT};
    for (size_t i = 0; i < COUNT(outside); i++) {
        pal_sincos(outside[i], &s, &c);
        CHECK(s != s && c != c);
    }
    uint64_t seed = 2;
    for (int i = 0; i < 5000; i++) {
        pal_sincos(test_uniform(&seed, -4.2e9f, 4.2e9f), &s, &c);
        NEAR(s * s + c * c, 1, 7e-16);
    }
}

static void roots(void) {
    CHECK(pal_sqrt(2) == 0x1.6a09e667f3bcdp+0 && pal_sqrt(0x1p-1074) == 0x1p-537 && pal_sqrt(0) == 0);
    CHECK(pal_sqrtf(2) == 0x1.6a09e6p+0f && pal_sqrtf(0x1p-126f) == 0x1p-63f && pal_sqrtf(INF) == INF);
    CHECK(pal_sqrtf(-1) != pal_sqrtf(-1) && pal_sqrt(-1) != pal_sqrt(-1));
    uint64_t seed = 3;
    for (int i = 0; i < 2000; i++) {
        float x = test_uniform(&seed, 0, 1e6f);
        CHECK(pal_sqrt((double)x * x) == x);
        float r = pal_sqrtf(x); /* correctly rounded: x lies between the squares of the midpoints beside r */
        double below = ((double)r + pal_bits_f32(pal_f32_bits(r) - 1)) / 2;
        double above = ((double)r + pal_bits_f32(pal_f32_bits(r) + 1)) / 2;
        CHECK(x == 0 || (below * below <= x && x <= above * above));
    }
}

static f4 erf4(f4 x) { return (f4){pal_erff(x[0]), pal_erff(x[1]), pal_erff(x[2]), pal_erff(x[3])}; }

static double slow_exp(double x) { return pal_exp(x); }
static double slow_sigmoid(double x) { return 1 / (1 + pal_exp(-x)); }
static double slow_softplus(double x) { return (x > 0 ? x : 0) + pal_log(1 + pal_exp(x > 0 ? -x : x)); }
static double slow_tanh(double x) {
    double a = size(x), e = pal_exp(-2 * a), y = a < 1e-3 ? a - a * a * a / 3 : (1 - e) / (1 + e);
    return x < 0 ? -y : y;
}
static double slow_erf(double x) { /* 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!, all of one sign */
    double term = x, sum = 0;
    if (size(x) > 6) return x < 0 ? -1 : 1;
    for (int n = 0; n < 120; n++) sum += term, term *= 2 * x * x / (2 * n + 3);
    return sum * pal_exp(-x * x) * 1.12837916709551257390;
}

/* Table rows, then a grid against the function in double; every lane alone and among others gives the same. */
static void floats(f4 (*f)(f4), double (*slow)(double), const double (*row)[2], size_t n, float end, double bound) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        float got = f(f4_set((float)row[i][0]))[0];
        NEAR(ulps(got, row[i][1]), 0, bound);
        NEAR(ulps(got, slow(row[i][0])), 0, bound);
    }
    uint64_t seed = 4;
    for (int i = 0; i < 20000; i++) {
        float reach = i % 2 ? end : end / 64;
        f4 x = {test_uniform(&seed, -reach, reach), test_uniform(&seed, -1, 1), 0, -reach};
        x[2] = test_uniform(&seed, 0, 0x1p-20f);
        f4 y = f(x);
        for (int lane = 0; lane < 4; lane++) {
            double u = ulps(y[lane], slow(x[lane]));
            worst = u > worst ? u : worst;
            if (i < 100) CHECK(f((f4){NOT, 1e30f, x[lane], -1})[2] == y[lane]);
        }
    }
    NEAR(worst, 0, bound);
}

static void float_ends(void) {
    CHECK(pal_expf(0) == 1 && pal_expf(-0.f) == 1 && pal_expf(-87.33655f) == 0);
    NEAR(ulps(pal_expf(-87.33654f), 0x1.00004bf94f63ep-126), 0, 1.1); /* the least normal result */
    CHECK(pal_expf(-1e30f) == 0 && pal_expf(-INF) == 0 && pal_expf(NOT) != pal_expf(NOT));
    CHECK(pal_expf(88.72283f) < INF && pal_expf(88.72284f) == INF && pal_expf(1e30f) == INF && pal_expf(INF) == INF);
    CHECK(pal_tanhf(INF) == 1 && pal_tanhf(-INF) == -1 && pal_tanhf(NOT) != pal_tanhf(NOT));
    CHECK(pal_f32_bits(pal_tanhf(-0.f)) == 0x80000000 && pal_f32_bits(pal_tanhf(0)) == 0);
    CHECK(f4_sigmoid(f4_set(INF))[0] == 1 && f4_sigmoid(f4_set(-INF))[0] == 0 && f4_sigmoid(f4_set(0))[0] == 0.5f);
    CHECK(f4_sigmoid(f4_set(NOT))[0] != f4_sigmoid(f4_set(NOT))[0]);
    CHECK(f4_softplus(f4_set(INF))[0] == INF && f4_softplus(f4_set(-INF))[0] == 0 && f4_softplus(f4_set(NOT))[0] != 0);
    for (float x = -12; x < 30; x += 0.0173f) NEAR(f4_softplus(f4_set(x))[0] / slow_softplus(x), 1, 3 * 0x1p-23);
    CHECK(pal_erff(INF) == 1 && pal_erff(-INF) == -1 && pal_erff(NOT) != pal_erff(NOT));
    CHECK(pal_f32_bits(pal_erff(-0.f)) == 0x80000000);
    float before = 0;
    uint32_t falls = 0, uneven = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        float x = -88 + (float)i * 0x1p-11f, y = pal_expf(x);
        falls += y < before, before = y;
        uneven += pal_tanhf(-x) != -pal_tanhf(x) || pal_erff(-x) != -pal_erff(x);
    }
    CHECK(falls == 0 && uneven == 0);
}

enum { GRID = 1 << 14 };

static uint64_t hash_floats(f4 (*f)(f4), float step) {
    uint64_t h = 0;
    for (int i = -GRID; i < GRID; i += 4) {
        f4 y = f((f4){(float)i, (float)(i + 1), (float)(i + 2), (float)(i + 3)} * f4_set(step));
        h = pal_hash(h, &y, sizeof y);
    }
    return h;
}

static uint64_t hash_doubles(double (*f)(double), double from, double step) {
    uint64_t h = 0;
    for (int i = 0; i < GRID; i++) {
        double y = f(from + i * step);
        h = pal_hash(h, &y, sizeof y);
    }
    return h;
}

static double sine(double x) {
    double s, c;
    pal_sincos(x, &s, &c);
    return s * 1.5 + c;
}
static double root10000(double x) { return pal_pow(10000, x); }
static f4 exp4(f4 x) { return f4_exp(x); }

static void frozen(void) {
    CHECK(hash_floats(exp4, 0x1.9p-8f) == 0xb2d9863fde77b7ca);
    CHECK(hash_floats(f4_tanh, 0x1.5p-11f) == 0xcc967da848f6a04e);
    CHECK(hash_floats(f4_sigmoid, 0x1.9p-8f) == 0x5a57bd70c0148b95);
    CHECK(hash_floats(erf4, 0x1.1p-12f) == 0x4673ed807d73f8b6);
    CHECK(hash_doubles(pal_exp, -746, 0x1.6p-4) == 0x9b000a5f751b642f);
    CHECK(hash_doubles(pal_log, 0x1p-20, 0x1.7p-12) == 0x0c856ea7cfa52a8d);
    CHECK(hash_doubles(sine, -1e9, 123456.789) == 0xecdf1b774b24f11d);
    CHECK(hash_doubles(root10000, -1, 0x1p-13) == 0xf3381812462852e2);
}

void test_math(void) {
    doubles();
    powers();
    angles();
    roots();
    floats(exp4, slow_exp, expf_rows, COUNT(expf_rows), 87, 1.1);
    floats(f4_tanh, slow_tanh, tanhf_rows, COUNT(tanhf_rows), 10, 2);
    floats(f4_sigmoid, slow_sigmoid, sigmoidf_rows, COUNT(sigmoidf_rows), 85, 2.5);
    floats(erf4, slow_erf, erff_rows, COUNT(erff_rows), 4.5f, 1);
    float_ends();
    frozen();
}
