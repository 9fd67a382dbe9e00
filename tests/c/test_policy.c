/* Policies on scores alone, and the attention layer on worked vectors: identity matrices pass q, k and v through. */
#include "../../src/layer/cache.h"
#include "../../src/layer/layer.h"
#include "../../src/pal.h"
#include "../../src/rope.h"
#include "../../src/state.h"
#include "test.h"
#include "vectors.h"

/* Fills n slots with these scores and asks who leaves. */
static uint32_t leaves(uint32_t policy, const float *scores, uint32_t n, pal_policy_options o, const uint32_t *pinned) {
    pal_slots s = pal_slots_at(test_take(pal_slots_bytes(n)), n);
    pal_slots_reset(&s);
    for (uint32_t i = 0; i < n; i++) s.score[pal_slots_append(&s, i, pinned && pinned[i])] = scores[i];
    return pal_policy_row(policy)->leaves(&s, o);
}

static void scores_decide(void) {
    const float seed_a[] = {0.3f, 0.1f, 0.25f, 0.05f, 0.3f}, seed_b[] = {0.3f, 0.1f, 0.25f, 0.3f, 0.2f};
    const float ties[] = {0.2f, 0.1f, 0.1f, 0.1f}, zeros[] = {0, 0, 0, 0}, h2o[] = {2.85f, 0.5f, 0.35f, 0.3f};
    const float nan[] = {__builtin_nanf(""), 0.5f, __builtin_nanf("")};
    const uint32_t first_two[] = {1, 1, 0, 0}, all_but_last[] = {1, 1, 1, 0};
    pal_policy_options none = {0, 0};
    CHECK(leaves(PAL_TOVA, seed_a, 5, none, NULL) == 3);
    CHECK(leaves(PAL_TOVA, seed_b, 5, none, NULL) == 1);
    CHECK(leaves(PAL_TOVA, ties, 4, none, NULL) == 1); /* the oldest of equals */
    CHECK(leaves(PAL_TOVA, zeros, 4, none, NULL) == 0);
    CHECK(leaves(PAL_TOVA, zeros, 4, none, first_two) == 2);
    CHECK(leaves(PAL_TOVA, ties, 4, none, all_but_last) == 3);
    CHECK(leaves(PAL_TOVA, nan, 3, none, NULL) < 3);
    CHECK(leaves(PAL_H2O, h2o, 4, (pal_policy_options){0, 1}, NULL) == 2); /* the newest is protected */
    CHECK(leaves(PAL_H2O, h2o, 4, (pal_policy_options){0, 4}, NULL) == 0); /* all are: then the oldest */
    CHECK(leaves(PAL_WINDOW, ties, 4, none, NULL) == 0);
    CHECK(leaves(PAL_WINDOW, ties, 4, none, first_two) == 2);
    CHECK(leaves(PAL_SINKS, ties, 4, (pal_policy_options){2, 0}, NULL) == 2);
    CHECK(leaves(PAL_SINKS, ties, 4, (pal_policy_options){2, 0}, all_but_last) == 3);
    CHECK(leaves(PAL_SINKS, ties, 4, (pal_policy_options){4, 0}, NULL) == 0);
    CHECK(pal_policy_row(PAL_FULL)->leaves == NULL);
    CHECK(pal_policy_row(PAL_POLICIES) == NULL);
}

/* The paper's figure 2: attention rows over the kept tokens, budget 5. */
static void paper_figure(void) {
    const float rows[3][6] = {{0.2f, 0.05f, 0.1f, 0.1f, 0.2f, 0.35f},
                              {0.15f, 0.15f, 0.1f, 0.05f, 0.25f, 0.3f},
                              {0.15f, 0.15f, 0.1f, 0.15f, 0.2f, 0.25f}};
    const uint32_t dropped[] = {1, 4, 3};
    pal_slots s = pal_slots_at(test_take(pal_slots_bytes(6)), 6);
    pal_slots_reset(&s);
    for (uint32_t i = 0; i < 5; i++) pal_slots_append(&s, i, false);
    for (uint32_t step = 0; step < 3; step++) {
        pal_slots_append(&s, 5 + step, false);
        for (uint32_t rank = 0; rank < 6; rank++) s.score[s.order[rank]] = rows[step][rank];
        uint32_t rank = pal_policy_row(PAL_TOVA)->leaves(&s, (pal_policy_options){0, 0});
        CHECK(s.pos[s.order[rank]] == dropped[step]);
        pal_slots_evict(&s, rank);
        CHECK(pal_slots_n(&s) == 5 && pal_slots_valid(&s, 6 + step, 0));
    }
}

static pal_linear select_rows(uint32_t rows, uint32_t cols, uint32_t from) {
    float *w = test_take((size_t)rows * cols * sizeof(float));
    for (uint32_t r = 0; r < rows; r++)
        if (from + r < cols) w[(size_t)r * cols + from + r] = 1;
    return (pal_linear){{pal_format_of(0), (const uint8_t *)w, rows, cols, 0, 0}, NULL};
}

/* 2 query heads, 1 KV head, head size 4; x = q (8) | k (4) | v (4). */
static pal_layer passing_layer(void) {
    pal_layer l = {.kind = &pal_attention_kind, .dim = 16};
    l.attention = (pal_attention){.q = select_rows(8, 16, 0),
                                  .k = select_rows(4, 16, 8),
                                  .v = select_rows(4, 16, 12),
                                  .o = select_rows(16, 8, 0),
                                  .n_head = 2,
                                  .n_head_kv = 1,
                                  .d_k = 4,
                                  .d_v = 4,
                                  .n_rot = 4,
                                  .scale = 0.5f};
    return l;
}

static void worked_stream(const stream *v, uint32_t chunk) {
    pal_limits limits = {v->policy, v->budget, v->positions, PAL_CACHE_F32, v->sinks, v->recent, chunk};
    pal_bounds b = pal_bounds_of(&limits);
    pal_layer l = passing_layer();
    pal_rope_spec spec = {.n_rot = 4, .base = 10000, .factor = 1, .magnitude = 1};
    double freq[2];
    float table[9 * 4], back[4], x[16 * 8], y[16 * 8], *ropes[] = {table}, *backs[] = {back};
    int16_t table16[9 * 4], *ropes16[] = {table16};
    uint8_t *state = test_take(l.kind->state_bytes(&l, &b)), *scratch = test_take(l.kind->scratch_bytes(&l, &b));
    uint8_t *act = test_take(pal_act_bytes(chunk, 16));
    pal_rope_frequencies(&spec, 8, freq);
    l.kind->reset(&l, &b, state);
    if (b.cache_positions) pal_rope_table(&spec, freq, 0, v->budget + 1, table);
    for (uint32_t t = 0; t < 8; t += chunk) {
        pal_chunk c = {&b, 8 - t < chunk ? 8 - t : chunk, t, false, ropes, ropes16, backs, NULL, act, scratch, NULL};
        if (!b.cache_positions) pal_rope_table(&spec, freq, t, c.n, table);
        for (uint32_t i = 0; i < c.n; i++) {
            pal_copy(x + 16 * i, stream_q + 8 * (t + i), 8 * sizeof *x);
            pal_copy(x + 16 * i + 8, stream_k + 4 * (t + i), 4 * sizeof *x);
            pal_copy(x + 16 * i + 12, stream_v + 4 * (t + i), 4 * sizeof *x);
        }
        l.kind->forward(&l, &c, state, x, y);
        for (uint32_t i = 0; i < c.n * 8; i++) NEAR(y[i / 8 * 16 + i % 8], v->out[8 * t + i], 2e-5);
        uint32_t at = t + c.n - 1;
        pal_slots s = pal_attention_slots(&l, &b, state, 0);
        CHECK(pal_slots_n(&s) == v->n_kept[at]);
        for (uint32_t rank = 0; rank < v->n_kept[at]; rank++) CHECK(s.pos[s.order[rank]] == v->kept[at][rank]);
        CHECK(l.kind->valid(&l, &b, state, t + c.n, 0));
    }
}

/* Rotations by rank over a thousand evictions, against each state's own key rotated in doubles by its rank of the moment. */
static void turned_keys(void) {
    enum { BUDGET = 150, TOKENS = 1000 };
    static const double tolerance[] = {1e-6, 0x1p-10, 0x1p-6};
    pal_layer l = passing_layer();
    pal_rope_spec spec = {.n_rot = 4, .base = 100, .factor = 1, .magnitude = 1.2f};
    double freq[2];
    float table[(BUDGET + 1) * 4], back[4], x[16], y[16], *ropes[] = {table}, *backs[] = {back};
    int16_t table16[(BUDGET + 1) * 4], *ropes16[] = {table16};
    uint8_t *act = test_take(pal_act_bytes(1, 16));
    float(*all)[16] = test_take(TOKENS * sizeof *all);
    pal_rope_frequencies(&spec, BUDGET, freq);
    pal_rope_table(&spec, freq, 0, BUDGET + 1, table);
    pal_rope_fixed(table, (BUDGET + 1) * 4, table16);
    pal_rope_back(&spec, freq, PAL_RANK_STEP, back);
    for (uint32_t format = 0; pal_cache_row(format); format++)
        for (uint32_t policy = PAL_WINDOW; policy < PAL_POLICIES; policy++) {
            pal_limits limits = {policy, BUDGET, PAL_POSITIONS_CACHE, format, policy == PAL_SINKS ? 4 : 0, 0, 1};
            pal_bounds b = pal_bounds_of(&limits);
            uint8_t *state = test_take(l.kind->state_bytes(&l, &b)),
                    *scratch = test_take(l.kind->scratch_bytes(&l, &b));
            uint64_t random = 11;
            double worst = 0;
            l.kind->reset(&l, &b, state);
            for (uint32_t t = 0; t < TOKENS; t++) {
                pal_slots s = pal_attention_slots(&l, &b, state, 0);
                const uint32_t n = pal_slots_n(&s) + 1;
                uint32_t pos[BUDGET + 1];
                for (uint32_t rank = 0; rank + 1 < n; rank++) pos[rank] = s.pos[s.order[rank]];
                pos[n - 1] = t;
                for (uint32_t i = 0; i < 16; i++) all[t][i] = x[i] = test_uniform(&random, -1.5f, 1.5f);
                pal_chunk c = {&b, 1, t, false, ropes, ropes16, backs, NULL, act, scratch, NULL};
                l.kind->forward(&l, &c, state, x, y);
                for (uint32_t h = 0; h < 2; h++) {
                    double sum = 0, out[4] = {0};
                    for (uint32_t rank = 0; rank < n; rank++) {
                        const float *q = x + 4 * h, *k = all[pos[rank]] + 8;
                        double dot = 0;
                        for (uint32_t i = 0; i < 2; i++) {
                            double sin, cos;
                            pal_sincos((n - 1 - rank) * freq[i], &sin, &cos);
                            dot += cos * ((double)q[i] * k[i] + (double)q[2 + i] * k[2 + i]) +
                                   sin * ((double)q[i] * k[2 + i] - (double)q[2 + i] * k[i]);
                        }
                        const double p = pal_exp(0.5 * 1.44 * dot);
                        sum += p;
                        for (uint32_t i = 0; i < 4; i++) out[i] += p * all[pos[rank]][12 + i];
                    }
                    for (uint32_t i = 0; i < 4; i++) {
                        double far = y[4 * h + i] - out[i] / sum;
                        worst = far > worst ? far : -far > worst ? -far : worst;
                    }
                }
            }
            NEAR(worst, 0, tolerance[format]);
        }
}

/* A window longer than the budget is applied as a mask: what it has passed gets no attention, all else gets some. */
static void sliding_mask(void) {
    pal_limits limits = {.policy = PAL_H2O, .budget = 5, .recent = 1, .chunk = 1};
    pal_bounds b = pal_bounds_of(&limits);
    pal_layer l = passing_layer();
    l.attention.rope = -1;
    l.attention.softcap = 2;
    l.attention.window = 7;
    uint8_t *state = test_take(l.kind->state_bytes(&l, &b)), *scratch = test_take(l.kind->scratch_bytes(&l, &b));
    uint8_t *act = test_take(pal_act_bytes(1, 16));
    uint64_t random = 3;
    float x[16], y[16], before[6] = {0};
    uint32_t unseen = 0;
    l.kind->reset(&l, &b, state);
    for (uint32_t t = 0; t < 60; t++) {
        pal_slots s = pal_attention_slots(&l, &b, state, 0);
        for (uint32_t i = 0; i < 6; i++) before[i] = s.score[i];
        for (uint32_t i = 0; i < 16; i++) x[i] = test_uniform(&random, -1, 1);
        pal_chunk c = {&b, 1, t, false, NULL, NULL, NULL, NULL, act, scratch, NULL};
        l.kind->forward(&l, &c, state, x, y);
        for (uint32_t rank = 0; rank + 1 < pal_slots_n(&s); rank++) {
            uint32_t slot = s.order[rank];
            bool seen = t - s.pos[slot] < 7;
            CHECK(seen ? s.score[slot] > before[slot] : s.score[slot] == before[slot]);
            unseen += !seen;
        }
    }
    CHECK(unseen > 0);
}

/* Both products of a format against doubles: every width and number of slots, queries turned and not, several tokens and heads. */
static void cache_formats(void) {
    enum { CAP = 70, STRIDE = 96, HEADS = 6, TURNS = 7 };
    static const double tolerance[] = {2e-6, 0x1p-10, 0.02}, kept[] = {0, 0x1p-11, 0x1p-15};
    uint64_t random = 5;
    for (uint32_t i = 0; pal_cache_row(i); i++) {
        const pal_cache_format *f = pal_cache_row(i);
        for (uint32_t d = 1; d < 150; d += d < 40 ? 1 : 27) {
            const uint32_t d16 = pal_cache_d16(d), n = d % CAP + 1, n_rot = d * 3 / 4 & ~1u;
            const bool turned = d % 3 > 0;
            const uint32_t turns = turned ? TURNS : 1, group = HEADS / (d % 3 + 1), tokens = HEADS / group;
            float *x = test_take(d16 * 4), *cs = test_take((TURNS * n_rot + 4) * 4),
                  *table = test_take(2 * CAP * d * 4);
            float *q = test_take(HEADS * turns * d16 * 4), *plain = test_take(HEADS * d16 * 4),
                  *read = test_take(d16 * 4);
            float *s = test_take(HEADS * STRIDE * 4), *all = test_take(HEADS * STRIDE * 4),
                  *o = test_take(HEADS * d16 * 4);
            uint8_t *codes = test_take(HEADS * pal_cache_codes_bytes(STRIDE)), rest[STRIDE] = {0};
            const pal_cache_use use = turned ? PAL_CACHE_TURNING_KEYS : PAL_CACHE_KEYS;
            pal_cache_rows keys = {test_take(f->bytes(CAP, d, use)), CAP, d, use, false};
            pal_cache_rows values = {test_take(f->bytes(CAP, d, PAL_CACHE_VALUES)), CAP, d, PAL_CACHE_VALUES, false};
            pal_cache_queries queries = {NULL, tokens, turns, d16 / f->q_vector, group};
            queries.at = test_take(tokens * pal_cache_token_bytes(&queries));
            CHECK(f->bytes(CAP, d, use) % 16 == 0);
            for (uint32_t j = 0; j < TURNS; j++)
                for (uint32_t k = 0; k < n_rot / 2; k++) {
                    double sin, cos;
                    pal_sincos(test_uniform(&random, -2, 2), &sin, &cos);
                    cs[j * n_rot + k] = (float)cos * 1.9f, cs[j * n_rot + n_rot / 2 + k] = (float)sin * 1.9f;
                }
            for (uint32_t j = 0; j < CAP; j++) {
                rest[j] = turned ? j * 5 % TURNS : 0;
                for (uint32_t both = 0; both < 2; both++) {
                    for (uint32_t k = 0; k < d; k++)
                        table[(both * CAP + j) * d + k] = x[k] = test_uniform(&random, -3, 3);
                    (both ? f->value : f->key)(both ? &values : &keys, j, x);
                    if (both || !turned) continue;
                    f->row(&keys, j, read);
                    for (uint32_t k = 0; k < d16; k++) NEAR(read[k], x[k], kept[i] * 3);
                }
            }
            int16_t *cs16 = test_take((TURNS * n_rot + 4) * 2);
            pal_rope_fixed(cs, TURNS * n_rot, cs16);
            const uint32_t last = (turns - 1) * n_rot;
            const pal_cache_turns t = {cs + last, cs16 + last, turned ? n_rot : 0, turns, 0.5f};
            for (uint32_t h = 0; h < HEADS; h++) {
                pal_zero(x, d16 * sizeof *x);
                for (uint32_t k = 0; k < d; k++) x[k] = test_uniform(&random, -1, 1);
                pal_copy(plain + h * d16, x, d16 * sizeof *x);
                f->query(x, &t, &queries, h / group, h % group);
                for (uint32_t turn = 0; turn < turns; turn++) {
                    float *to = q + (h * turns + turn) * d16;
                    pal_copy(to, x, d16 * sizeof *x);
                    if (turned) pal_rope(to, t.cs - turn * n_rot, n_rot);
                }
            }
            for (uint32_t j = 0; j < n; j += PAL_CACHE_BLOCK)
                f->dots(&keys, j, n - j < PAL_CACHE_BLOCK ? n - j : PAL_CACHE_BLOCK, rest + j, &queries, s + j, STRIDE);
            for (uint32_t h = 0; h < HEADS; h++)
                for (uint32_t j = 0; j < n; j++) {
                    double want = 0, size = 0;
                    for (uint32_t k = 0; k < d; k++)
                        want += 0.5 * q[(h * turns + rest[j]) * d16 + k] * table[j * d + k], size += 6;
                    NEAR(s[h * STRIDE + j], want, tolerance[i] * (size < 30 ? 30 : size) / 4);
                }
            /* HEADS = 3 tokens of 2 heads that have seen n - 2, n - 1, n slots */
            if (n < 3) continue;
            for (uint32_t h = 0; h < HEADS; h++) {
                uint32_t seen = n - 2 + h / 2;
                for (uint32_t j = 0; j < STRIDE; j++)
                    s[h * STRIDE + j] = j < seen ? test_uniform(&random, 0, 1) * (j % 5 ? 0.05f : 1) : 0;
                if (f->weights)
                    f->weights(&values, s + h * STRIDE, seen, STRIDE, codes + h * pal_cache_codes_bytes(STRIDE));
            }
            const pal_cache_weights w = {s, codes, STRIDE, 3, 2, n - 2};
            for (uint32_t from = 0; from < d16; from += PAL_CACHE_COLUMNS)
                f->mix(&values, from, d16 - from < PAL_CACHE_COLUMNS ? d16 - from : PAL_CACHE_COLUMNS, &w, o + from,
                       d16);
            for (uint32_t h = 0; h < HEADS; h++)
                for (uint32_t k = 0; k < d16; k++) {
                    double want = 0, size = 0;
                    for (uint32_t j = 0; j < n && k < d; j++)
                        want += (double)s[h * STRIDE + j] * table[(CAP + j) * d + k],
                            size += 3 * (double)s[h * STRIDE + j];
                    NEAR(o[h * d16 + k], want, tolerance[i] * (size + 3));
                }
            /* to the bit: several tokens at once and each alone, all columns and some, slots that are neighbours and apart */
            for (uint32_t h = 0; h < HEADS; h++) {
                float alone[PAL_CACHE_COLUMNS];
                const uint32_t wide = d16 < 32 ? d16 : 16;
                const pal_cache_weights one = {s + h * STRIDE, codes + h * pal_cache_codes_bytes(STRIDE), STRIDE, 1, 1,
                                               n - 2 + h / 2};
                f->mix(&values, 0, wide, &one, alone, PAL_CACHE_COLUMNS);
                for (uint32_t k = 0; k < wide; k++) CHECK(alone[k] == o[h * d16 + k]);
            }
            const uint32_t m = n < PAL_CACHE_BLOCK ? n : PAL_CACHE_BLOCK;
            f->dots(&keys, 0, m, rest, &queries, all, STRIDE);
            keys.apart = true;
            for (uint32_t size = 1; size <= 4; size += 3) { /* 4: two and two */
                pal_cache_queries few = {NULL, 1, turns, queries.vectors, size};
                few.at = test_take(pal_cache_token_bytes(&few));
                for (uint32_t h = 0; h + size <= HEADS; h++) {
                    float dots[4 * PAL_CACHE_BLOCK];
                    for (uint32_t k = 0; k < size; k++) f->query(plain + (h + k) * d16, &t, &few, 0, k);
                    f->dots(&keys, 0, m, rest, &few, dots, PAL_CACHE_BLOCK);
                    for (uint32_t k = 0; k < size; k++)
                        for (uint32_t j = 0; j < m; j++)
                            CHECK(dots[k * PAL_CACHE_BLOCK + j] == all[(h + k) * STRIDE + j]);
                }
            }
        }
    }
}

/* Halves: every pattern that can be stored is read back exactly; what cannot is the nearest that can. */
static void halves(void) {
    const pal_cache_format *f = pal_cache_row(PAL_CACHE_F16);
    const pal_cache_rows c = {test_take(f->bytes(1, 16, PAL_CACHE_VALUES)), 1, 16, PAL_CACHE_VALUES, false};
    const float one = 1;
    const pal_cache_weights w = {&one, NULL, PAL_CACHE_BLOCK, 1, 1, 1};
    float x[16] = {0}, out[16];
    for (uint32_t h = 0x400; h < 0x7c00; h++) {
        x[0] = pal_f16_f32((uint16_t)h), x[1] = -x[0];
        x[2] = pal_bits_f32(pal_f32_bits(x[0]) + 0xfff), x[3] = pal_bits_f32(pal_f32_bits(x[0]) + 0x1000);
        f->value(&c, 0, x);
        f->mix(&c, 0, 16, &w, out, 16);
        CHECK(out[0] == x[0] && out[1] == x[1] && out[2] == x[0]);
        CHECK(out[3] == pal_f16_f32((uint16_t)(h == 0x7bff ? h : h + (h & 1))));
    }
    const float odd[16] = {0x1p-16f, -0x1.8p-15f, 1e9f, -__builtin_inff()}, want[] = {0, -0x1p-14f, 65504, -65504};
    f->value(&c, 0, odd);
    f->mix(&c, 0, 16, &w, out, 16);
    for (uint32_t i = 0; i < 4; i++) CHECK(out[i] == want[i]);
}

/* What is not a number is not hidden by the integers of q8. */
static void not_finite(void) {
    const pal_cache_format *f = pal_cache_row(PAL_CACHE_Q8);
    const pal_cache_rows keys = {test_take(f->bytes(4, 16, PAL_CACHE_TURNING_KEYS)), 4, 16, PAL_CACHE_TURNING_KEYS,
                                 false};
    const pal_cache_rows values = {test_take(f->bytes(4, 16, PAL_CACHE_VALUES)), 4, 16, PAL_CACHE_VALUES, false};
    float x[16] = {1, 2, 3, 4}, s[4], o[16], *p = test_take(PAL_CACHE_BLOCK * 4);
    uint8_t *codes = test_take(pal_cache_codes_bytes(PAL_CACHE_BLOCK)), rest[4] = {0}, at[48];
    const pal_cache_queries query = {at, 1, 1, 2, 1};
    const pal_cache_turns still = {.n = 1, .scale = 1};
    for (uint32_t j = 0; j < 4; j++) f->key(&keys, j, x), f->value(&values, j, x), p[j] = 0.25f;
    x[0] = __builtin_nanf("");
    f->query(x, &still, &query, 0, 0);
    f->dots(&keys, 0, 4, rest, &query, s, 4);
    CHECK(s[0] != s[0] && s[3] != s[3]);
    p[2] = x[0];
    f->weights(&values, p, 4, PAL_CACHE_BLOCK, codes);
    f->mix(&values, 0, 16, &(pal_cache_weights){p, codes, PAL_CACHE_BLOCK, 1, 1, 4}, o, 16);
    CHECK(o[0] != o[0]);
    f->key(&keys, 1, x);
    x[0] = 1;
    f->query(x, &still, &query, 0, 0);
    f->dots(&keys, 0, 4, rest, &query, s, 4);
    CHECK(s[0] == s[0] && s[1] != s[1]);
    f->row(&keys, 1, o);
    CHECK(o[0] != o[0]);
}

/* Who leaves, against the plain search in age order: slots reused in any order, pins, equal scores. */
static void eviction(void) {
    uint64_t random = 17;
    for (uint32_t cap = 2; cap < 40; cap += 3) {
        pal_slots s = pal_slots_at(test_take(pal_slots_bytes(cap)), cap);
        pal_slots_reset(&s);
        for (uint32_t t = 0; t < 300; t++) {
            pal_slots_append(&s, t, pal_slots_n(&s) < cap / 3);
            uint32_t n = pal_slots_n(&s), recent = (uint32_t)(test_random(&random) % cap);
            for (uint32_t i = 0; i < n; i++) s.score[i] = (float)(test_random(&random) % 7);
            uint32_t want[2] = {UINT32_MAX, UINT32_MAX}, oldest = UINT32_MAX;
            for (uint32_t rank = n; rank-- > 0;) {
                uint32_t slot = s.order[rank];
                if (s.pinned[slot]) continue;
                oldest = rank;
                for (uint32_t k = 0; k < 2; k++)
                    if (rank + (k ? recent : 0) < n &&
                        (want[k] == UINT32_MAX || s.score[slot] <= s.score[s.order[want[k]]]))
                        want[k] = rank;
            }
            pal_policy_options o = {0, recent};
            CHECK(pal_policy_row(PAL_TOVA)->leaves(&s, o) == want[0]);
            CHECK(pal_policy_row(PAL_H2O)->leaves(&s, o) == (want[1] == UINT32_MAX ? oldest : want[1]));
            CHECK(pal_policy_row(PAL_WINDOW)->leaves(&s, o) == oldest);
            if (n == cap) pal_slots_evict(&s, want[0]);
            CHECK(pal_slots_n(&s) < cap ? pal_slots_valid(&s, t + 1, t + 1 < cap / 3 ? t + 1 : cap / 3) : true);
        }
    }
}

void test_policy(void) {
    sliding_mask();
    cache_formats();
    turned_keys();
    halves();
    not_finite();
    eviction();
    scores_decide();
    paper_figure();
    for (uint32_t i = 0; i < sizeof streams / sizeof *streams; i++)
        for (uint32_t chunk = 1; chunk <= 8; chunk++) worked_stream(&streams[i], chunk);
}
