/* Distributions worked out by hand, each option alone and combined; a slow sampler that sorts, written from the
   definitions, must pick the same ids; frequencies by chi-square. */
#include "../../src/sampler.h"
#include "test.h"

enum { SMALL = 5, MOST = 200 };

static const float INF = __builtin_inff(), NOT = __builtin_nanf("");
static const pal_sampling PLAIN = {.temperature = 1, .top_p = 1, .typical_p = 1, .repeat_penalty = 1};
static const double FALLING[SMALL] = {0.5, 0.25, 0.125, 0.0625, 0.0625};
static void *scratch;

static pal_sampling with(float temperature) {
    pal_sampling s = PLAIN;
    s.temperature = temperature;
    return s;
}

static uint32_t pick(const pal_sampling *s, const float *logits, uint32_t n, uint64_t *rng) {
    float copy[MOST];
    pal_copy(copy, logits, 4 * n);
    return pal_sampler_pick(s, copy, n, NULL, 0, NULL, NULL, 0, rng, scratch);
}

static void falling(float *logits) {
    for (int i = 0; i < SMALL; i++) logits[i] = (float)pal_log(FALLING[i]);
}

/* The ids that can come, as bits: 00011 is ids 0 and 1. */
static uint32_t support(pal_sampling s) {
    float logits[SMALL];
    uint32_t seen = 0;
    uint64_t rng = pal_rng_seed(3);
    falling(logits);
    for (int i = 0; i < 300; i++) seen |= 1u << pick(&s, logits, SMALL, &rng);
    return seen;
}

static double chi_square(pal_sampling s, const float *logits, const double *want, uint32_t n, uint64_t seed) {
    enum { DRAWS = 20000 };
    uint32_t count[MOST] = {0};
    uint64_t rng = pal_rng_seed(seed);
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) count[pick(&s, logits, n, &rng)]++;
    for (uint32_t i = 0; i < n; i++) {
        double expected = want[i] * DRAWS, d = count[i] - expected;
        if (want[i] == 0)
            CHECK(count[i] == 0);
        else
            sum += d * d / expected;
    }
    return sum;
}

static void filters(void) {
    pal_sampling s = PLAIN;
#define SUPPORT(option, value, want) (s = PLAIN, s.option = (value), CHECK(support(s) == (want)))
    CHECK(support(PLAIN) == 31);
    SUPPORT(top_k, 1, 1), SUPPORT(top_k, 2, 3), SUPPORT(top_k, 4, 15), SUPPORT(top_k, 5, 31), SUPPORT(top_k, 99, 31);
    SUPPORT(top_p, 1e-9f, 1), SUPPORT(top_p, 0.49f, 1), SUPPORT(top_p, 0.51f, 3), SUPPORT(top_p, 0.74f, 3);
    SUPPORT(top_p, 0.76f, 7), SUPPORT(top_p, 0.9f, 15), SUPPORT(top_p, 0.95f, 31), SUPPORT(top_p, 2, 31);
    SUPPORT(min_p, 0.12f, 31), SUPPORT(min_p, 0.2f, 7), SUPPORT(min_p, 0.3f, 3), SUPPORT(min_p, 0.6f, 1);
    SUPPORT(min_p, 1, 1);
    /* entropy 1.875 log 2: the order of distance is 1, 0, 2, 3, 4 */
    SUPPORT(typical_p, 1e-9f, 2), SUPPORT(typical_p, 0.24f, 2), SUPPORT(typical_p, 0.3f, 3);
    SUPPORT(typical_p, 0.74f, 3), SUPPORT(typical_p, 0.8f, 7), SUPPORT(typical_p, 0.9f, 15);
    SUPPORT(typical_p, 0.95f, 31);
    /* top_k before top_p: of three the first has 4/7 */
    SUPPORT(top_p, 0.55f, 3), s.top_k = 3, CHECK(support(s) == 1);
    /* temperature after the filters: it changes no set */
    SUPPORT(top_p, 0.55f, 3), s.temperature = 50, CHECK(support(s) == 3);
    SUPPORT(min_p, 0.3f, 3), s.temperature = 50, CHECK(support(s) == 3);
    /* typical_p before top_p and min_p: after it 1 is the best, or 0 has 2/3 */
    SUPPORT(typical_p, 0.2f, 2), s.min_p = 1, s.top_p = 0.01f, CHECK(support(s) == 2);
    SUPPORT(typical_p, 0.7f, 3), s.top_p = 0.6f, CHECK(support(s) == 1);
    /* top_k before typical_p: of two, entropy 0.6365 = distances 0.231 and 0.462 */
    SUPPORT(top_k, 2, 3), s.typical_p = 0.3f, CHECK(support(s) == 1);
    /* greedy asks no filter */
    SUPPORT(temperature, 0, 1), s.typical_p = 0.2f, CHECK(support(s) == 1);
}

static void frequencies(void) {
    float logits[SMALL];
    falling(logits);
    const double half[SMALL] = {64 / 86., 16 / 86., 4 / 86., 1 / 86., 1 / 86.};
    const double hot[SMALL] = {0.343146, 0.242641, 0.171573, 0.121320, 0.121320}, pair[SMALL] = {2 / 3., 1 / 3.};
    const double cold[SMALL] = {1}, even[SMALL] = {0.2, 0.2, 0.2, 0.2, 0.2};
    pal_sampling k2 = PLAIN;
    k2.top_k = 2;
    for (uint64_t seed = 1; seed <= 3; seed++) { /* 18.5 is passed by chance once in 1000, 4 degrees of freedom */
        CHECK(chi_square(PLAIN, logits, FALLING, SMALL, seed) < 18.5);
        CHECK(chi_square(with(0.5f), logits, half, SMALL, seed) < 18.5);
        CHECK(chi_square(with(2), logits, hot, SMALL, seed) < 18.5);
        CHECK(chi_square(k2, logits, pair, SMALL, seed) < 10.8); /* 1 degree */
    }
    CHECK(chi_square(with(1e30f), logits, even, SMALL, 4) < 18.5);
    CHECK(chi_square(with(1e-30f), logits, cold, SMALL, 5) == 0);
    CHECK(chi_square(with(1e-45f), logits, cold, SMALL, 5) == 0);
    double squares = 0, flat[16];
    uint32_t count[16] = {0};
    uint64_t rng = pal_rng_seed(7);
    for (int i = 0; i < 16; i++) flat[i] = 4096;
    for (int i = 0; i < 65536; i++) {
        double u = pal_rng_next(&rng);
        CHECK(u >= 0 && u < 1);
        count[(int)(u * 16)]++;
    }
    for (int i = 0; i < 16; i++) squares += (count[i] - flat[i]) * (count[i] - flat[i]) / flat[i];
    CHECK(squares < 37.7); /* 15 degrees */
}

static uint32_t greedy(pal_sampling s, float l0, float l1, const uint32_t *recent, uint32_t n_recent) {
    float logits[2] = {l0, l1};
    s.temperature = 0;
    return pal_sampler_pick(&s, logits, 2, recent, n_recent, NULL, NULL, 0, NULL, scratch);
}

static void penalties(void) {
    const uint32_t zeros[] = {0, 0, 0, 7, UINT32_MAX};
    pal_sampling s = PLAIN;
    CHECK(greedy(s, 2, 1.5f, zeros, 5) == 0);
    s.repeat_penalty = 2;
    CHECK(greedy(s, 2, 1.5f, zeros, 1) == 1 && greedy(s, -1, -1.5f, zeros, 1) == 1);
    CHECK(greedy(s, 2, 1.5f, zeros, 0) == 0);
    CHECK(greedy(s, 2, 0.9f, zeros, 3) == 0); /* once, however often it came */
    s.presence_penalty = 0.4f;
    CHECK(greedy(s, 2, 0.7f, zeros, 1) == 1 && greedy(s, 2, 0.59f, zeros, 3) == 0); /* 2 / 2 - 0.4 */
    s = PLAIN, s.presence_penalty = 0.4f;
    CHECK(greedy(s, 2, 1.7f, zeros, 1) == 1 && greedy(s, 2, 1.5f, zeros, 5) == 0);
    s = PLAIN, s.frequency_penalty = 0.2f;
    CHECK(greedy(s, 2, 1.5f, zeros, 2) == 0 && greedy(s, 2, 1.5f, zeros, 3) == 1 && greedy(s, 2, 1.3f, zeros, 5) == 0);
    s = PLAIN, s.presence_penalty = -1;
    CHECK(greedy(s, 1, 1.5f, zeros, 1) == 0);
    s = PLAIN, s.presence_penalty = 0.5f;
    CHECK(greedy(s, -INF, -50, zeros, 1) == 1);
    float logits[SMALL]; /* 0 loses log 2: 1/3, 1/3, 1/6, 1/12, 1/12 */
    uint32_t seen[SMALL] = {0};
    uint64_t rng = pal_rng_seed(11);
    double sum = 0;
    s = PLAIN, s.frequency_penalty = 0.69314718f;
    for (int i = 0; i < 12000; i++) {
        falling(logits);
        seen[pal_sampler_pick(&s, logits, SMALL, zeros, 1, NULL, NULL, 0, &rng, scratch)]++;
    }
    const double want[SMALL] = {4000, 4000, 2000, 1000, 1000};
    for (int i = 0; i < SMALL; i++) sum += (seen[i] - want[i]) * (seen[i] - want[i]) / want[i];
    CHECK(sum < 18.5);
}

static void biases(void) {
    const uint32_t ids[] = {0, 9, 0}, recent[] = {0};
    const float forbid[] = {-INF, 5, 0}, both[] = {0.3f, 5, 0.3f}, one[] = {1};
    pal_sampling s = PLAIN, cold = with(0);
    uint64_t rng = pal_rng_seed(12);
    for (int i = 0; i < 300; i++) {
        float logits[SMALL];
        falling(logits);
        CHECK(pal_sampler_pick(&s, logits, SMALL, NULL, 0, ids, forbid, 3, &rng, scratch) != 0);
    }
    float sum[] = {1, 1.5f}, first[] = {1, 1.2f}, forced[] = {-INF, 3}, ruled[] = {INF, 3};
    CHECK(pal_sampler_pick(&cold, sum, 2, NULL, 0, ids, both, 3, NULL, scratch) == 0); /* the same id adds twice */
    cold.repeat_penalty = 2;                                                           /* bias before penalty: 2 / 2 */
    CHECK(pal_sampler_pick(&cold, first, 2, recent, 1, ids, one, 1, NULL, scratch) == 1);
    CHECK(pal_sampler_pick(&s, forced, 2, NULL, 0, ids, one, 1, &rng, scratch) == 1);
    CHECK(pal_sampler_pick(&s, ruled, 2, NULL, 0, ids, forbid, 1, &rng, scratch) == 1); /* inf - inf is not a number */
}

static void edges(void) {
    const float none[] = {-INF, -INF, -INF}, bad[] = {NOT, NOT, NOT}, mixed[] = {NOT, -INF, -INF};
    const float some[] = {NOT, 1, NOT};
    const float plus[] = {1, INF, INF}, ties[] = {1, 2, 2}, zeros[] = {-0.f, 0, -0.f}, far[] = {3.4e38f, -3.4e38f, 0};
    pal_sampling set[5] = {with(0), PLAIN, PLAIN, PLAIN, with(1e-40f)};
    set[2].top_k = 1, set[3].typical_p = 0.5f, set[3].top_p = 0.5f, set[3].min_p = 0.5f;
    for (int i = 0; i < 5; i++) {
        uint64_t rng = pal_rng_seed(13), once = rng;
        pal_rng_next(&once);
        CHECK(pick(&set[i], none, 3, &rng) == 0);
        CHECK(rng == (i ? once : pal_rng_seed(13))); /* one draw per token, none when greedy */
        CHECK(pick(&set[i], bad, 3, &rng) == 0 && pick(&set[i], mixed, 3, &rng) == 0);
        CHECK(pick(&set[i], some, 3, &rng) == 1 && pick(&set[i], plus, 3, &rng) == 1);
        CHECK(pick(&set[i], ties, 1, &rng) == 0 && pick(&set[i], far, 3, &rng) == 0);
        CHECK(pick(&set[i], ties, 3, &rng) >= 1);
        pick(&set[i], zeros, 3, &rng);
    }
    uint64_t rng = 1;
    CHECK(pick(&set[0], ties, 3, &rng) == 1 && pick(&set[0], zeros, 3, &rng) == 0);
    CHECK(pick(&set[2], ties, 3, &rng) == 1 && pick(&set[2], zeros, 3, &rng) == 0); /* ties: the lowest id */
    const float low[] = {-200, 0, -200}; /* the least and the largest draw do not fall on a weight of 0 */
    for (int i = 0; i < 20; i++) {
        uint64_t least = 0 - 0x9e3779b97f4a7c15, most = 0x31628af67b2131ab;
        uint32_t n = 2 + (uint32_t)i % 2;
        pal_sampling s = with(0.1f + (float)i * 0.1f);
        CHECK(pick(&s, low, n, &least) == 1 && pick(&s, low, n, &most) == 1);
    }
    uint64_t least = 0 - 0x9e3779b97f4a7c15, most = 0x31628af67b2131ab;
    CHECK(pal_rng_next(&least) == 0 && pal_rng_next(&most) == 1 - 0x1p-53);
    rng = pal_rng_seed(1234567); /* the published sequence of splitmix64 */
    CHECK(pal_rng_next(&rng) == (double)(6457827717110365317 >> 11) * 0x1p-53);
    CHECK(pal_rng_next(&rng) == (double)(3203168211198807973 >> 11) * 0x1p-53);
}

/* The slow twin: sorts, in double. Filters return how many of order[] remain. */
static double chance[MOST];

static void sort(uint32_t *order, uint32_t n, const double *key) { /* highest first, then lowest id */
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = i; j > 0; j--) {
            uint32_t x = order[j], y = order[j - 1];
            if (key[y] > key[x] || (key[y] == key[x] && y < x)) break;
            order[j] = y, order[j - 1] = x;
        }
}
static void slow_softmax(const float *logits, const uint32_t *order, uint32_t n, double temperature) {
    double sum = 0, best = -INF;
    for (uint32_t i = 0; i < n; i++) best = logits[order[i]] > best ? logits[order[i]] : best;
    for (uint32_t i = 0; i < n; i++) sum += chance[order[i]] = pal_exp((logits[order[i]] - best) / temperature);
    for (uint32_t i = 0; i < n; i++) chance[order[i]] /= sum;
}
static uint32_t reach(const uint32_t *order, uint32_t n, double p) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        if ((sum += chance[order[i]]) >= p) return i + 1;
    return n;
}
static uint32_t slow_pick(const pal_sampling *s, const float *logits, uint32_t n, double u) {
    uint32_t order[MOST], vocabulary = n;
    double key[MOST], entropy = 0, sum = 0;
    for (uint32_t i = 0; i < n; i++) order[i] = i, key[i] = logits[i];
    sort(order, n, key);
    if (s->top_k && s->top_k < n) n = s->top_k;
    slow_softmax(logits, order, n, 1);
    if (s->typical_p < 1) {
        for (uint32_t i = 0; i < n; i++) entropy -= chance[order[i]] * pal_log(chance[order[i]]);
        for (uint32_t i = 0; i < n; i++) {
            double d = -pal_log(chance[order[i]]) - entropy;
            key[order[i]] = d < 0 ? d : -d;
        }
        sort(order, n, key);
        n = reach(order, n, s->typical_p);
        for (uint32_t i = 0; i < n; i++) key[order[i]] = logits[order[i]];
        sort(order, n, key);
        slow_softmax(logits, order, n, 1);
    }
    if (s->top_p < 1) n = reach(order, n, s->top_p);
    while (n > 1 && chance[order[n - 1]] < s->min_p * chance[order[0]]) n--;
    slow_softmax(logits, order, n, s->temperature);
    for (uint32_t id = 0; id < vocabulary; id++)
        for (uint32_t i = 0; i < n; i++)
            if (order[i] == id && (sum += chance[id]) > u) return id;
    return UINT32_MAX;
}

static void twins(void) {
    float logits[MOST];
    uint64_t seed = 21, rng = pal_rng_seed(22), hash = 0;
    uint32_t differ = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t n = 1 + (uint32_t)(test_random(&seed) % MOST), which = (uint32_t)test_random(&seed);
        float spread = test_uniform(&seed, 0.1f, 12);
        for (uint32_t i = 0; i < n; i++) logits[i] = test_uniform(&seed, -spread, spread);
        for (uint32_t i = 0; round % 4 == 0 && i < n; i++) logits[i] = (float)(int)logits[i]; /* many ties */
        pal_sampling s = with(test_uniform(&seed, 0.3f, 2));
        if (which & 1) s.top_k = 1 + (uint32_t)(test_random(&seed) % n);
        if (which & 2) s.typical_p = test_uniform(&seed, 0.01f, 0.999f);
        if (which & 4) s.top_p = test_uniform(&seed, 0.01f, 0.999f);
        if (which & 8) s.min_p = test_uniform(&seed, 0.001f, 1);
        uint64_t same = rng;
        uint32_t got = pick(&s, logits, n, &rng);
        differ += got != slow_pick(&s, logits, n, pal_rng_next(&same));
        hash = pal_hash(hash, &got, 4);
    }
    CHECK(differ == 0);
    CHECK(hash == 0xcad3a9469a78dea6); /* frozen: the same seed gives the same text everywhere */
}

static void large(void) {
    enum { N = 151936, K = 40 };
    float *logits = test_take(4 * N), *copy = test_take(4 * N);
    uint8_t *own = test_take(pal_sampler_bytes(N));
    uint64_t seed = 31, rng = pal_rng_seed(32);
    uint32_t outside = 0, distinct = 0, seen[K] = {0};
    for (uint32_t i = 0; i < N; i++) logits[i] = test_uniform(&seed, -5, 5);
    for (uint32_t i = 0; i < K; i++) logits[3000 * i + 7] = 6 + 0.001f * (float)i;
    pal_sampling s = PLAIN;
    for (int i = 0; i < 200; i++) {
        s.top_k = i % 2 ? K : 0, s.min_p = i % 2 ? 0 : 0.5f; /* exp(5 - 6.039) is below a half */
        pal_copy(copy, logits, 4 * N);
        uint32_t id = pal_sampler_pick(&s, copy, N, NULL, 0, NULL, NULL, 0, &rng, own);
        if (id % 3000 != 7 || id > 3000 * K)
            outside++;
        else
            seen[id / 3000] = 1;
    }
    for (int i = 0; i < K; i++) distinct += seen[i];
    CHECK(outside == 0 && distinct > 30);
}

static void refusals(void) {
    pal_error e = {0};
    pal_sampling s = PLAIN;
    CHECK(pal_sampling_check(&s, &e) == 0 && e.code == 0);
    s = (pal_sampling){0.8f, 40, 0.95f, 0.05f, 0.9f, 1.1f, -2, 2};
    CHECK(pal_sampling_check(&s, &e) == 0);
#define REFUSED(option, value)                                                                                   \
    (s = PLAIN, s.option = (value), pal_zero(&e, sizeof e), CHECK(pal_sampling_check(&s, &e) == PAL_E_ARGUMENT), \
     CHECK(pal_bytes_equal(e.text, #option ": must be", sizeof #option + 8)))
    REFUSED(temperature, -1), REFUSED(temperature, NOT), REFUSED(temperature, INF);
    REFUSED(top_p, 0), REFUSED(top_p, -1), REFUSED(top_p, NOT), REFUSED(typical_p, 0), REFUSED(typical_p, NOT);
    REFUSED(min_p, -0.1f), REFUSED(min_p, 1.1f), REFUSED(min_p, NOT), REFUSED(repeat_penalty, 0);
    REFUSED(repeat_penalty, NOT), REFUSED(repeat_penalty, INF), REFUSED(presence_penalty, NOT);
    REFUSED(presence_penalty, -INF);
    REFUSED(frequency_penalty, NOT), REFUSED(frequency_penalty, INF);
}

void test_sampler(void) {
    scratch = test_take(pal_sampler_bytes(MOST));
    refusals();
    filters();
    frequencies();
    penalties();
    biases();
    edges();
    twins();
    large();
}
