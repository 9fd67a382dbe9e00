/* Candidates stay in the order of their ids. A filter finds the threshold of what it keeps by bits, from the highest
   down (a radix selection), instead of sorting: linear time, no comparison that a NaN could confuse, one order of sums.

   top_k     key = logit                    weight = 1           mass = k
   typical_p key = -|logit - E[logit]|      weight = probability mass = p    (|-log p - entropy| is that distance)
   top_p     key = logit                    weight = probability mass = p */
#include "sampler.h"

enum { BUCKETS = 2048 }; /* 11 bits of the key per pass */

typedef struct {
    uint32_t n;
    float *logit;   /* [n], finite */
    uint32_t *id;   /* [n], rising */
    float *weight;  /* [n] */
    uint32_t *key;  /* [n] */
    double *bucket; /* [BUCKETS] */
} candidates;

size_t pal_sampler_bytes(uint32_t n_vocab) { return 3 * pal_align((size_t)n_vocab * 4) + BUCKETS * sizeof(double); }

static candidates scratch_parts(float *logits, uint32_t n_vocab, void *scratch) {
    uint8_t *at = scratch;
    size_t row = pal_align((size_t)n_vocab * 4);
    return (candidates){.logit = logits,
                        .id = (uint32_t *)(void *)at,
                        .weight = (float *)(void *)(at + row),
                        .key = (uint32_t *)(void *)(at + 2 * row),
                        .bucket = (double *)(void *)(at + 3 * row)};
}

int pal_sampling_check(const pal_sampling *s, pal_error *e) {
    const float most = 3.4e38f;
    if (!(s->temperature >= 0 && s->temperature < most))
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("temperature"), "must be 0 (greedy) or a positive number");
    if (!(s->top_p > 0)) return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("top_p"), "must be above 0; 1 turns it off");
    if (!(s->typical_p > 0))
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("typical_p"), "must be above 0; 1 turns it off");
    if (!(s->min_p >= 0 && s->min_p <= 1))
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("min_p"), "must be from 0 (off) to 1");
    if (!(s->repeat_penalty > 0 && s->repeat_penalty < most))
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("repeat_penalty"), "must be a positive number; 1 turns it off");
    if (!(s->presence_penalty > -most && s->presence_penalty < most))
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("presence_penalty"), "must be a finite number; 0 turns it off");
    if (!(s->frequency_penalty > -most && s->frequency_penalty < most))
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("frequency_penalty"), "must be a finite number; 0 turns it off");
    return 0;
}

/* Each distinct recent token once. count [n_vocab] holds garbage before and after. */
static void penalise(const pal_sampling *s, float *logits, uint32_t n_vocab, const uint32_t *recent, uint32_t n_recent,
                     uint32_t *count) {
    if (s->repeat_penalty == 1 && s->presence_penalty == 0 && s->frequency_penalty == 0) return;
    for (uint32_t i = 0; i < n_recent; i++)
        if (recent[i] < n_vocab) count[recent[i]] = 0;
    for (uint32_t i = 0; i < n_recent; i++)
        if (recent[i] < n_vocab) count[recent[i]]++;
    for (uint32_t i = 0; i < n_recent; i++) {
        uint32_t id = recent[i];
        if (id >= n_vocab || !count[id]) continue;
        float l = logits[id];
        l = l > 0 ? l / s->repeat_penalty : l * s->repeat_penalty;
        logits[id] = l - (float)count[id] * s->frequency_penalty - s->presence_penalty;
        count[id] = 0;
    }
}

/* Rising with x, which is not NaN; -0 counts as 0. */
static uint32_t order_bits(float x) {
    uint32_t bits = pal_f32_bits(x + 0.0f);
    return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

/* Keeps the fewest candidates of the highest keys whose weights reach `mass` > 0, all if they never do. Among equal
   keys the lowest ids come first. */
static void keep_mass(candidates *c, double mass) {
    static const struct { uint32_t shift, bits; } digits[] = {{21, 11}, {10, 11}, {0, 10}};
    uint32_t threshold = 0, known = 0, kept = 0;
    double above = 0; /* the weight of all keys above the threshold */
    for (int d = 0; d < 3; d++) {
        uint32_t shift = digits[d].shift, last = ((uint32_t)1 << digits[d].bits) - 1, b = last;
        for (uint32_t i = 0; i <= last; i++) c->bucket[i] = 0;
        for (uint32_t i = 0; i < c->n; i++)
            if ((c->key[i] & known) == threshold) c->bucket[c->key[i] >> shift & last] += c->weight[i];
        while (b > 0 && above + c->bucket[b] < mass) above += c->bucket[b--];
        threshold |= b << shift, known |= last << shift;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        bool equal = c->key[i] == threshold, in = c->key[i] > threshold || (equal && above < mass);
        if (!in) continue;
        if (equal) above += c->weight[i];
        c->logit[kept] = c->logit[i], c->id[kept] = c->id[i], c->weight[kept] = c->weight[i], kept++;
    }
    c->n = kept;
}

/* weight = exp((logit - best) / temperature), so 1 for the best; returns the sum. */
static double weigh(candidates *c, float temperature) {
    float best = pal_max(c->logit, c->n);
    double sum = 0;
    uint32_t i = 0;
    for (; i + 4 <= c->n; i += 4)
        f4_store(c->weight + i, f4_exp((f4_load(c->logit + i) - f4_set(best)) / f4_set(temperature)));
    for (; i < c->n; i++) c->weight[i] = pal_expf((c->logit[i] - best) / temperature);
    for (i = 0; i < c->n; i++) sum += c->weight[i];
    return sum;
}

static void keep_top_k(candidates *c, uint32_t k) {
    if (k == 0 || k >= c->n) return;
    for (uint32_t i = 0; i < c->n; i++) c->weight[i] = 1, c->key[i] = order_bits(c->logit[i]);
    keep_mass(c, k);
}

static void keep_typical(candidates *c, float p) {
    if (p >= 1) return;
    double sum = weigh(c, 1), mean = 0;
    for (uint32_t i = 0; i < c->n; i++) mean += (double)c->weight[i] * c->logit[i];
    mean /= sum;
    for (uint32_t i = 0; i < c->n; i++) {
        float distance = (float)(c->logit[i] - mean);
        c->key[i] = order_bits(distance < 0 ? distance : -distance);
    }
    keep_mass(c, p * sum);
}

static void keep_top_p(candidates *c, float p) {
    if (p >= 1) return;
    double sum = weigh(c, 1);
    for (uint32_t i = 0; i < c->n; i++) c->key[i] = order_bits(c->logit[i]);
    keep_mass(c, p * sum);
}

static void keep_min_p(candidates *c, float p) {
    if (p <= 0) return;
    double least = pal_max(c->logit, c->n) + pal_log(p);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->n; i++)
        if (c->logit[i] >= least) c->logit[kept] = c->logit[i], c->id[kept] = c->id[i], kept++;
    c->n = kept;
}

/* The sums of weigh again in the same order: the last is its result, and above u times it, for u < 1. */
static uint32_t draw(candidates *c, float temperature, double u) {
    double at = u * weigh(c, temperature), sum = 0;
    uint32_t i = 0;
    for (; i + 1 < c->n; i++)
        if ((sum += c->weight[i]) > at) break;
    return c->id[i];
}

uint32_t pal_sampler_pick(const pal_sampling *s, float *logits, uint32_t n_vocab, const uint32_t *recent,
                          uint32_t n_recent, const uint32_t *bias_ids, const float *bias, uint32_t n_bias,
                          uint64_t *rng, void *scratch) {
    candidates c = scratch_parts(logits, n_vocab, scratch);
    const float inf = __builtin_inff();
    double u = s->temperature > 0 ? pal_rng_next(rng) : 0;
    for (uint32_t i = 0; i < n_bias; i++)
        if (bias_ids[i] < n_vocab) logits[bias_ids[i]] += bias[i];
    penalise(s, logits, n_vocab, recent, n_recent, c.key);
    float best = pal_max(logits, n_vocab);
    if (best == -inf) return 0;
    for (uint32_t i = 0; i < n_vocab; i++) {
        if (logits[i] == best && (s->temperature <= 0 || best == inf)) return i;
        if (logits[i] > -inf) c.logit[c.n] = logits[i], c.id[c.n++] = i;
    }
    keep_top_k(&c, s->top_k);
    keep_typical(&c, s->typical_p);
    keep_top_p(&c, s->top_p);
    keep_min_p(&c, s->min_p);
    return draw(&c, s->temperature, u);
}

uint64_t pal_rng_seed(uint64_t seed) { return seed; } /* any state is a good one: each step is hashed */

double pal_rng_next(uint64_t *rng) {
    uint64_t z = *rng += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}
