/* Each operation against double for every length up to 70, at every alignment, with guards around the result. */
#include "../../src/ops.h"
#include "test.h"

enum { MOST = 70, PAD = 8 };

static const float INF = __builtin_inff(), NOT = __builtin_nanf("");

static float a[MOST + 2 * PAD], b[MOST + 2 * PAD], c[MOST + 2 * PAD];

static void fill(uint64_t seed, uint32_t at, uint32_t n, float reach) {
    for (int i = 0; i < MOST + 2 * PAD; i++) a[i] = b[i] = c[i] = 12345;
    for (uint32_t i = 0; i < n; i++) {
        a[at + i] = test_uniform(&seed, -reach, reach);
        b[at + i] = test_uniform(&seed, -reach, reach);
        c[at + i] = test_uniform(&seed, -reach, reach);
    }
}

static bool guarded(const float *x, uint32_t at, uint32_t n) {
    for (uint32_t i = 0; i < MOST + 2 * PAD; i++)
        if ((i < at || i >= at + n) && x[i] != 12345) return false;
    return true;
}

/* The calls under test, each on a (in place, or from a to a) with b and c as further arguments. */
static void call_rms(float *x, const float *y, const float *z, uint32_t n) { (void)z, pal_rmsnorm(x, y, n, 1e-5f, x); }
static void call_layer(float *x, const float *y, const float *z, uint32_t n) { pal_layernorm(x, y, z, n, 1e-5f, x); }
static void softmax(float *x, uint32_t n) { /* of powers of two */
    float share = pal_shares(x, n);
    for (uint32_t i = 0; i < n; i++) x[i] *= share;
}
static void call_softmax(float *x, const float *y, const float *z, uint32_t n) { (void)y, (void)z, softmax(x, n); }
static void call_add(float *x, const float *y, const float *z, uint32_t n) { (void)z, pal_add(x, y, n); }
static void call_scale(float *x, const float *y, const float *z, uint32_t n) {
    (void)y, (void)z, pal_scale(x, 0.3f, n);
}
static void call_axpy(float *x, const float *y, const float *z, uint32_t n) { (void)z, pal_axpy(x, -1.7f, y, n); }
static void call_cap(float *x, const float *y, const float *z, uint32_t n) { (void)y, (void)z, pal_softcap(x, 3, n); }
static void call_silu(float *x, const float *y, const float *z, uint32_t n) { (void)z, pal_silu_mul(x, y, n); }
static void call_gelu_mul(float *x, const float *y, const float *z, uint32_t n) { (void)z, pal_gelu_mul(x, y, n); }
static void call_gelu(float *x, const float *y, const float *z, uint32_t n) { (void)y, (void)z, pal_gelu(x, n); }
static void call_neox(float *x, const float *y, const float *z, uint32_t n) { (void)z, pal_rope(x, y, n & ~1u); }

/* Their definitions, element i, in double. */
static double mean_of(const float *x, uint32_t n, double from, bool square) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += square ? (x[i] - from) * (x[i] - from) : x[i] - from;
    return sum / n;
}
static double tanh_of(double x) { return 1 - 2 / (pal_exp(2 * x) + 1); }
static double is_rms(const float *x, const float *y, const float *z, uint32_t n, uint32_t i) {
    return (void)z, x[i] / pal_sqrt(mean_of(x, n, 0, true) + 1e-5f) * y[i];
}
static double is_layer(const float *x, const float *y, const float *z, uint32_t n, uint32_t i) {
    double mean = mean_of(x, n, 0, false);
    return (x[i] - mean) / pal_sqrt(mean_of(x, n, mean, true) + 1e-5f) * y[i] + z[i];
}
#define LN2 0.69314718055994531
static double is_softmax(const float *x, const float *y, const float *z, uint32_t n, uint32_t i) {
    double sum = 0;
    for (uint32_t j = 0; j < n; j++) sum += pal_exp(LN2 * x[j]);
    return (void)y, (void)z, pal_exp(LN2 * x[i]) / sum;
}
#define DEFINITION(name, value)                                                                  \
    static double name(const float *x, const float *y, const float *z, uint32_t n, uint32_t i) { \
        (void)x, (void)y, (void)z, (void)n, (void)i;                                             \
        return value;                                                                            \
    }
DEFINITION(is_add, (double)x[i] + y[i])
DEFINITION(is_scale, x[i] * 0.3)
DEFINITION(is_axpy, x[i] - 1.7 * y[i])
DEFINITION(is_cap, 3 * tanh_of(x[i] / 3.))
DEFINITION(is_silu, x[i] / (1 + pal_exp(-x[i])) * y[i])
DEFINITION(is_gelu, x[i] * 0.5 * (1 + tanh_of(0.79788456080286535588 * (x[i] + 0.044715 * x[i] * x[i] * x[i]))))
DEFINITION(is_gelu_mul, is_gelu(x, y, z, n, i) * y[i])
static double is_neox(const float *x, const float *y, const float *z, uint32_t n, uint32_t i) {
    uint32_t half = n / 2, j = i % (half ? half : 1); /* y[j], y[half + j]: cos and sin of the pair */
    if (i >= 2 * half) return x[i];
    return (void)z, i < half ? (double)x[j] * y[j] - (double)x[j + half] * y[half + j]
                             : (double)x[j] * y[half + j] + (double)x[j + half] * y[j];
}

typedef void call(float *, const float *, const float *, uint32_t);
typedef double definition(const float *, const float *, const float *, uint32_t, uint32_t);
static const struct {
    call *run;
    definition *want;
    float bound; /* against values of size <= 9 */
} table[] = {
    {call_rms, is_rms, 1e-6f},   {call_layer, is_layer, 2e-6f}, {call_softmax, is_softmax, 3e-7f},
    {call_add, is_add, 5e-7f},   {call_scale, is_scale, 2e-7f}, {call_axpy, is_axpy, 2e-6f},
    {call_cap, is_cap, 6e-7f},   {call_silu, is_silu, 2e-6f},   {call_gelu_mul, is_gelu_mul, 2e-6f},
    {call_gelu, is_gelu, 1e-6f}, {call_neox, is_neox, 2e-6f},
};
enum { OPS = sizeof table / sizeof table[0] };

static void against_definitions(void) {
    float before[MOST], result[MOST];
    for (int op = 0; op < OPS; op++)
        for (uint32_t n = 1; n <= MOST; n++)
            for (uint32_t at = 0; at < 5; at++) {
                fill(n, at, n, 3);
                pal_copy(before, a + at, 4 * n);
                table[op].run(a + at, b + at, c + at, n);
                CHECK(guarded(a, at, n) && guarded(b, at, n));
                if (at)
                    CHECK(pal_bytes_equal(result, a + at, 4 * n));
                else
                    pal_copy(result, a, 4 * n);
                if (at) continue;
                for (uint32_t i = 0; i < n; i++) NEAR(a[i], table[op].want(before, b, c, n, i), table[op].bound);
            }
    for (int op = 0; op < OPS; op++) {
        fill(1, 3, 0, 0);
        table[op].run(a + 3, b + 3, c + 3, 0);
        CHECK(guarded(a, 3, 0));
    }
}

/* The documented orders, spelled out. */
static void orders(void) {
    for (uint32_t n = 0; n <= MOST; n++) {
        fill(n + 100, 1, n, 3);
        float lane[16] = {0}, four[4];
        for (uint32_t i = 0; i < n; i++) lane[i % 16] = f1_madd(a[1 + i], b[1 + i], lane[i % 16]);
        for (int i = 0; i < 4; i++) four[i] = (lane[i] + lane[8 + i]) + (lane[4 + i] + lane[12 + i]);
        float want = (four[0] + four[2]) + (four[1] + four[3]);
        CHECK(pal_dot(a + 1, b + 1, n) == want);
        double squares[4] = {0}, most = -INF, sum[4] = {0};
        for (uint32_t i = 0; i < n; i++) squares[i % 4] += (double)a[1 + i] * a[1 + i];
        for (uint32_t i = 0; i < n; i++) most = a[1 + i] > most ? a[1 + i] : most;
        for (uint32_t i = 0; i < n; i++) sum[i % 4] += pal_expf(a[1 + i] - (float)most);
        CHECK(pal_max(a + 1, n) == (float)most);
        double total = (sum[0] + sum[2]) + (sum[1] + sum[3]);
        CHECK(pal_logsumexp(a + 1, n) == (n ? most + pal_log(total) : -INF));
        float scale = (float)(1 / pal_sqrt(((squares[0] + squares[2]) + (squares[1] + squares[3])) / n + 1e-5f));
        pal_rmsnorm(a + 1, NULL, n, 1e-5f, c + 1);
        for (uint32_t i = 0; i < n; i++) CHECK(c[1 + i] == a[1 + i] * scale);
    }
}

static void softmax_edges(void) {
    float one[] = {-1e30f}, even[7] = {5, 5, 5, 5, 5, 5, 5}, some[] = {-INF, 1, -INF, 1, -1e38f}, none[] = {-INF, -INF};
    float all[] = {1, INF, -INF, INF, 0}, bad[] = {1, NOT, 2}, far[] = {-1000, -1001, 1e-3f - 1000};
    softmax(one, 1);
    CHECK(one[0] == 1);
    softmax(even, 7);
    for (int i = 0; i < 7; i++) CHECK(even[i] == (float)(1. / 7));
    softmax(some, 5);
    CHECK(some[0] == 0x1p-101f && some[1] == 0.5f && some[2] == 0x1p-101f && some[3] == 0.5f && some[4] == 0x1p-101f);
    softmax(none, 2);
    CHECK(none[0] == 0.5f && none[1] == 0.5f);
    softmax(all, 5);
    CHECK(all[0] == 0 && all[1] == 0.5f && all[2] == 0 && all[3] == 0.5f && all[4] == 0);
    softmax(bad, 3);
    CHECK(bad[0] != bad[0] && bad[1] != bad[1] && bad[2] != bad[2]);
    softmax(far, 3);
    NEAR(far[1] / far[0], 0.5, 0), NEAR(far[2] / far[0], 1.0006933874625807, 6e-5);
    CHECK(pal_logsumexp(none + 1, 0) == -INF);
    float forbidden[] = {-INF, -INF, -INF, -INF, -INF}, plus[] = {0, INF};
    CHECK(pal_logsumexp(forbidden, 5) == -INF && pal_logsumexp(plus, 2) == INF);
    float large[] = {1e4f, 1e4f}, *many = test_take(4 * 150000);
    NEAR(pal_logsumexp(large, 2), 1e4 + 0.69314718055994531, 1e-11);
    for (int i = 0; i < 150000; i++) many[i] = -7;
    NEAR(pal_logsumexp(many, 150000), 4.918390573076987, 2e-7);
    softmax(many, 150000);
    NEAR(many[149999] * 150000, 1, 1e-6);
}

/* Powers of two, against exp in double: the largest is 1, the least 2^-100. */
static void shares_precise(void) {
    enum { N = 40000 };
    float *x = test_take(4 * N);
    for (uint32_t i = 0; i < N; i++) x[i] = 17.25f - (float)i * 0x1.4p-9f; /* the last is 97.7 below the first */
    double sum = 0, worst = 0, share = pal_shares(x, N);
    for (uint32_t i = 0; i < N; i++) {
        double want = pal_exp(LN2 * i * -0x1.4p-9), off = (x[i] - want) / want;
        sum += want;
        worst = off > worst ? off : -off > worst ? -off : worst;
    }
    CHECK(x[0] == 1);
    NEAR(worst, 0, 0x1.8p-23);
    NEAR(share * sum, 1, 1e-7);
    float less[] = {0, -99, -99.5f, -101, -1e38f, -INF};
    pal_shares(less, 6);
    CHECK(less[1] == 0x1p-99f && less[2] > 0x1p-100f && less[3] == 0x1p-100f && less[4] == 0x1p-100f &&
          less[5] == 0x1p-100f);
}

/* Long sums and large means keep their accuracy, which sums in float would not. */
static void long_sums(void) {
    enum { N = 8192 };
    float *x = test_take(4 * N), *y = test_take(4 * N);
    uint64_t seed = 9;
    for (int i = 0; i < N; i++) x[i] = test_uniform(&seed, 0, 2) + (i == 77 ? 3000 : 0);
    pal_rmsnorm(x, NULL, N, 0, y);
    double rms = pal_sqrt(mean_of(x, N, 0, true)), mean, deviation;
    for (int i = 0; i < N; i++) NEAR(y[i], x[i] / rms, 1.5e-7 * x[i] / rms);
    for (int i = 0; i < N; i++) x[i] = 5000 + test_uniform(&seed, -1, 1);
    mean = mean_of(x, N, 0, false), deviation = pal_sqrt(mean_of(x, N, mean, true));
    pal_layernorm(x, NULL, NULL, N, 0, y);
    for (int i = 0; i < N; i++) NEAR(y[i], (x[i] - mean) / deviation, 2e-7);
    for (int i = 0; i < N; i++) x[i] = 1, y[i] = 1;
    CHECK(pal_dot(x, y, N) == N);
}

/* shared/vectors.json: rope, rmsnorm, swiglu. */
static void worked_numbers(void) {
    float neox[] = {0.986f, -0.795f, 0.955f, 0.94f}, pairs[] = {0.986f, 0.955f, -0.795f, 0.94f}, cs[4];
    for (int i = 0; i < 2; i++) {
        double s, t;
        pal_sincos(3 * pal_pow(10000, -2. * i / 4), &s, &t);
        cs[i] = (float)t, cs[2 + i] = (float)s;
    }
    pal_rope(neox, cs, 4);
    pal_rope(pairs, cs, 4); /* neighbours, put half a head apart as attention does */
    const float want_neox[] = {-1.1109022f, -0.8228380f, -0.8062985f, 0.9157306f};
    const float want_pairs[] = {-0.8639422f, 0.9263745f, 0.9261884f, 0.9682227f};
    float x[] = {0.194f, -0.401f, -0.337f, 0.384f}, gate[] = {-0.513f, -0.334f, -0.316f, 0.548f};
    const float w[] = {1, 0.5f, 2, -1}, want_norm[] = {0.5723847f, -0.5915625f, -1.9885943f, -1.1329677f};
    const float up[] = {0.809f, 0.579f, -0.954f, -0.98f};
    const float want_glu[] = {-0.1554199f, -0.0806937f, 0.1271126f, -0.3403069f};
    pal_rmsnorm(x, w, 4, 1e-5f, x);
    pal_silu_mul(gate, up, 4);
    for (int i = 0; i < 4; i++) {
        NEAR(neox[i], want_neox[i], 2e-5);
        NEAR(pairs[i], want_pairs[i], 2e-5);
        NEAR(x[i], want_norm[i], 2e-5);
        NEAR(gate[i], want_glu[i], 2e-5);
    }
    const float gelus[][2] = {{-8, -3.1077829e-21f},  {-5, -2.2917962e-7f}, {-3, -3.6373921e-3f}, {-1, -0.15880801f},
                              {-0.1f, -0.046017250f}, {0.5f, 0.34571401f},  {2, 1.9545977f},      {5, 4.9999998f}};
    for (int i = 0; i < 8; i++) {
        float y = gelus[i][0];
        pal_gelu(&y, 1);
        NEAR(y / gelus[i][1], 1, 5e-6);
    }
    float ends[] = {-1e30f, -100, 100, 1e30f};
    pal_gelu(ends, 4);
    CHECK(ends[0] == 0 && ends[1] == 0 && ends[2] == 100 && ends[3] == 1e30f);
}

static uint64_t hash_op(int op) {
    uint64_t h = 0;
    for (uint32_t n = 1; n <= MOST; n++) {
        fill(n + 1000, 0, n, 9);
        table[op].run(a, b, c, n);
        h = pal_hash(h, a, 4 * n);
    }
    return h;
}
static uint64_t hash_dot(void) {
    uint64_t h = 0;
    for (uint32_t n = 1; n <= MOST; n++) {
        fill(n + 1000, 0, n, 9);
        float d = pal_dot(a, b, n);
        h = pal_hash(h, &d, 4);
    }
    return h;
}

/* Equal on gcc, clang and wasm. Only what is built on f4_madd differs between the classes of bits. */
static void frozen(void) {
    CHECK(hash_op(0) == 0x4c9cddad104a175a);
    CHECK(hash_op(1) == 0x98d9698a35e3400f);
    CHECK(hash_op(6) == 0x8596aeaabf18fc83);
    CHECK(hash_op(7) == 0x85bae53b5826bf81);
    CHECK(hash_op(8) == 0x7665d3f248c49f8d);
    CHECK(hash_op(10) == 0x52034e543d8c04c9);
#ifdef PAL_FUSED
    CHECK(hash_op(2) == 0xab49d0a97ddb9a80);
    CHECK(hash_op(5) == 0x25dfdc8e54fa2d6b);
    CHECK(hash_dot() == 0x0aeee11676e37f97);
#else
    CHECK(hash_op(2) == 0xe6e5a361e177b34d);
    CHECK(hash_op(5) == 0x7b19b7c8f70d55d6);
    CHECK(hash_dot() == 0x11e913347fb818b0);
#endif
}

void test_ops(void) {
    against_definitions();
    orders();
    softmax_edges();
    shares_precise();
    long_sums();
    worked_numbers();
    frozen();
}
