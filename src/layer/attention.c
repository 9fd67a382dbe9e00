/* Attention over a bounded cache of states: the transformer as a multi-state recurrent network (Oren et al.,
   "Transformers are Multi-State RNNs", arXiv 2401.06104, section 3).

   per token t, head h of n_head, KV head g = h / (n_head / n_head_kv), live states j = 1..n <= budget + 1:
     q = W_q x (+ b), k = W_k x, v = W_v x; optional norm of each head of q and k; RoPE on q and k
     append (k, v);  s_hj = scale * q_h . k_gj;  p_h = softmax(s_h);  o_h = sum_j p_hj v_gj;  y = W_o o
     score_j = mean over heads of p_hj, or its sum over time;  n > budget: the policy says which state leaves

   positions:
     original  keys are stored rotated by their true position
     cache     by their rank r in age order; the query has rank n - 1. A rank falls by one whenever an older state leaves,
               so keys are stored rotated by their anchor r - r mod 32, and the rest is taken from the query instead,
               R(n-1) q . R(r) k = R(n-1 - r mod 32) q . R(r - r mod 32) k: 32 queries serve every state, and a key turns
               back by 32 when its rank falls below its anchor, which rounds it once more in its format (q8: in 16 bits)
   Interleaved pairs are stored first halves first, so that there is one kind of rotation.

   order of operations (design I4): q is rotated, then multiplied by scale / log 2. The two products over the cache are
   those of cache.c and cache_q8.c. p is pal_shares of ops.h over the slots, 1 for the largest; o and scores, which sum
   over the heads in their order by madd, are multiplied by what it returns.

   reading a chunk is exact (design I5): products for all tokens; then runs of tokens between which nothing leaves, which
   are stored first and then attend together, each to the states up to itself. A full cache makes runs of one token.
   A run takes four steps, each shared out among the team: keys and queries, scores by blocks of slots, softmax, values
   by columns (with what each slot got); a state that leaves a fifth, the keys that turn back.

   state:  [sets] slots of policy.h | keys [n_head_kv] | values [n_head_kv], each of cap = budget + 1 rows, laid out by
   their format (cache.c, cache_q8.c)
   A sliding window no longer than the budget makes the layer first in, first out with budget = window - 1: exact, and smaller.
   multiplications per token: 2 * n_head * n * d besides the four products. */
#include "cache.h"
#include "layer.h"

/* What bounds this layer: the session's policy, or its own sliding window when that is the smaller bound. */
typedef struct {
    const pal_policy *policy;
    const pal_cache_format *format;
    uint32_t budget, cap, sets;
    uint64_t k_bytes, v_bytes; /* keys and values of a head */
    uint32_t stride, k16, v16; /* cap, d_k and d_v up to whole tiles */
    pal_cache_queries queries; /* of one token and KV head */
    uint64_t q_bytes;          /* theirs */
    uint32_t run;              /* the most tokens that attend together: probabilities, and queries, stay within 1 MB */
    uint64_t slots_bytes;      /* of one set */
    bool ranked;               /* rotations are by rank */
    bool masked;               /* the sliding window has still to be applied */
    bool pins;                 /* false: what the window has passed is never seen again, pinned or not */
} plan;

static pal_cache_use key_use(const plan *r) { return r->ranked ? PAL_CACHE_TURNING_KEYS : PAL_CACHE_KEYS; }

static plan plan_of(const pal_layer *l, const pal_bounds *b) {
    const pal_attention *a = &l->attention;
    plan r = {.policy = b->policy, .format = pal_cache_row(b->cache_format), .budget = b->budget};
    if (a->window && a->window <= b->budget) {
        r.policy = pal_policy_row(1);
        r.budget = a->window - 1;
    } else {
        r.pins = true;
        r.masked = a->window && !b->cache_positions;
    }
    r.cap = r.budget + 1;
    r.sets = r.policy->per_head ? a->n_head_kv : 1;
    r.ranked = b->cache_positions && a->rope >= 0;
    r.k_bytes = r.format->bytes(r.cap, a->d_k, key_use(&r));
    r.v_bytes = r.format->bytes(r.cap, a->d_v, PAL_CACHE_VALUES);
    r.slots_bytes = pal_slots_bytes(r.cap);
    r.stride = (r.cap + PAL_CACHE_BLOCK - 1) / PAL_CACHE_BLOCK * PAL_CACHE_BLOCK;
    r.k16 = pal_cache_d16(a->d_k);
    r.v16 = pal_cache_d16(a->d_v);
    const uint32_t turns = r.cap < PAL_RANK_STEP ? r.cap : PAL_RANK_STEP;
    r.queries =
        (pal_cache_queries){NULL, 1, r.ranked ? turns : 1, r.k16 / r.format->q_vector, a->n_head / a->n_head_kv};
    r.q_bytes = pal_cache_token_bytes(&r.queries);
    const uint64_t p_bytes = (uint64_t)a->n_head * r.stride * sizeof(float), all_q = a->n_head_kv * r.q_bytes;
    r.run = (1 << 20) / (p_bytes > all_q ? p_bytes : all_q);
    r.run = r.run > b->chunk ? b->chunk : r.run ? r.run : 1;
    return r;
}

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    plan r = plan_of(l, b);
    return r.sets * r.slots_bytes + l->attention.n_head_kv * (r.k_bytes + r.v_bytes);
}

static uint32_t q_step(const pal_attention *a) { return a->gated ? 2 * a->d_k : a->d_k; } /* from head to head */

/* Scratch: q, k, v, o of the chunk; of a run, by KV head, token and query head: queries in each turn [q_bytes],
   probabilities [stride], their codes, what makes them sum to 1, outputs [v16]; of each slot its rank above the anchor
   [sets][stride]. */
typedef struct {
    float *q, *k, *v, *o, *p, *share, *heads_o;
    uint8_t *queries, *codes, *rest;
} work;

static work work_at(const pal_layer *l, const pal_bounds *b, uint64_t at, uint64_t *bytes) {
    const pal_attention *a = &l->attention;
    plan r = plan_of(l, b);
    const uint64_t chunk = b->chunk, heads = (uint64_t)r.run * a->n_head;
    const uint64_t sizes[] = {chunk * a->n_head * q_step(a),
                              chunk * a->n_head_kv * a->d_k,
                              chunk * a->n_head_kv * a->d_v,
                              chunk * a->n_head * a->d_v,
                              heads * r.stride,
                              heads,
                              heads * r.v16,
                              (uint64_t)r.run * a->n_head_kv * r.q_bytes / sizeof(float),
                              r.format->weights ? heads * pal_cache_codes_bytes(r.stride) / sizeof(float) : 0,
                              (uint64_t)r.sets * r.stride / sizeof(float)};
    float *piece[10];
    uint64_t start = at;
    for (int i = 0; i < 10; i++) {
        piece[i] = (float *)(uintptr_t)at;
        at += pal_align(sizes[i] * sizeof(float));
    }
    if (bytes) *bytes = at - start;
    return (work){piece[0],
                  piece[1],
                  piece[2],
                  piece[3],
                  piece[4],
                  piece[5],
                  piece[6],
                  (uint8_t *)piece[7],
                  (uint8_t *)piece[8],
                  (uint8_t *)piece[9]};
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    uint64_t bytes;
    work_at(l, b, 0, &bytes);
    return bytes;
}

uint32_t pal_attention_sets(const pal_layer *l, const pal_bounds *b) { return plan_of(l, b).sets; }

pal_slots pal_attention_slots(const pal_layer *l, const pal_bounds *b, void *state, uint32_t set) {
    plan r = plan_of(l, b);
    return pal_slots_at((uint8_t *)state + set * r.slots_bytes, r.cap);
}

static void reset(const pal_layer *l, const pal_bounds *b, void *state) { pal_zero(state, state_bytes(l, b)); }

static bool valid(const pal_layer *l, const pal_bounds *b, void *state, uint64_t n_seen, uint64_t n_pinned) {
    plan r = plan_of(l, b);
    uint64_t n = n_seen < r.budget ? n_seen : r.budget;
    for (uint32_t set = 0; set < r.sets; set++) {
        pal_slots s = pal_slots_at((uint8_t *)state + set * r.slots_bytes, r.cap);
        if (pal_slots_n(&s) != n || !pal_slots_valid(&s, n_seen, r.pins ? n_pinned : 0)) return false;
    }
    return true;
}

static uint32_t widest(const pal_layer *l) {
    uint32_t o = l->attention.o.w.cols;
    return o > l->dim ? o : l->dim;
}

/* Heads of d floats, one behind the other after `step`. */
static void norm_heads(const pal_norm *norm, float *x, uint32_t heads, uint32_t d, uint32_t step) {
    for (uint32_t h = 0; h < heads && norm->kind != PAL_NORM_NONE; h++, x += step) pal_norm_rows(norm, x, 1, d, x);
}

/* One head as it is kept: first halves of the pairs, second halves, the rest, zeros. */
static void place(const pal_attention *a, const float *x, float *out) {
    uint32_t half = a->rope >= 0 && a->interleaved ? a->n_rot / 2 : 0;
    for (uint32_t i = 0; i < half; i++) out[i] = x[2 * i], out[half + i] = x[2 * i + 1];
    pal_copy(out + 2 * half, x + 2 * half, (a->d_k - 2 * half) * sizeof *x);
    pal_zero(out + a->d_k, (pal_cache_d16(a->d_k) - a->d_k) * sizeof *x);
}

/* Tokens t .. t + m - 1 of a chunk, between which nothing leaves: token i sees the first n - m + 1 + i slots. */
typedef struct {
    const pal_layer *l;
    const pal_chunk *c;
    const plan *r;
    const work *w;
    uint8_t *state;
    uint32_t t, m, n;
    uint32_t group; /* query heads of a KV head */
} run;

static uint32_t seen_by(const run *u, uint32_t i) { return u->n - u->m + 1 + i; }
static pal_slots slots_of(const run *u, uint32_t set) {
    return pal_slots_at(u->state + set * u->r->slots_bytes, u->r->cap);
}
static uint32_t set_of(const run *u, uint32_t g) { return u->r->sets > 1 ? g : 0; }
static pal_cache_rows keys_of(const run *u, uint32_t g) {
    const pal_attention *a = &u->l->attention;
    return (pal_cache_rows){.at = u->state + u->r->sets * u->r->slots_bytes + g * u->r->k_bytes,
                            .cap = u->r->cap,
                            .d = a->d_k,
                            .use = key_use(u->r),
                            .apart = pal_team_ahead(u->c->team) == PAL_STREAMS};
}
static pal_cache_rows values_of(const run *u, uint32_t g) {
    const pal_attention *a = &u->l->attention;
    return (pal_cache_rows){
        .at = keys_of(u, a->n_head_kv).at + g * u->r->v_bytes, .cap = u->r->cap, .d = a->d_v, .use = PAL_CACHE_VALUES};
}
/* Row of the scratch of KV head g, token i and its first query head. */
static size_t row_of(const run *u, uint32_t g, uint32_t i) { return ((size_t)g * u->m + i) * u->group; }
static pal_cache_queries queries_of(const run *u, uint32_t g, uint32_t first) {
    pal_cache_queries q = u->r->queries;
    q.at = u->w->queries + ((size_t)g * u->m + first) * u->r->q_bytes;
    q.tokens = u->m - first;
    return q;
}
static float *p_of(const run *u, uint32_t g, uint32_t i) { return u->w->p + row_of(u, g, i) * u->r->stride; }
static float *share_of(const run *u, uint32_t g, uint32_t i) { return u->w->share + row_of(u, g, i); }
static uint8_t *codes_of(const run *u, uint32_t g, uint32_t i) {
    return u->w->codes + row_of(u, g, i) * pal_cache_codes_bytes(u->r->stride);
}

/* Where the table of cosines and sines has the row of token i of the run, or of a rank. */
static size_t turn_of(const run *u, uint32_t i, uint32_t rank) {
    return (size_t)(u->r->ranked ? rank : u->t + i) * u->l->attention.n_rot;
}

/* Keys and values of KV head g, of every token of the run. */
static void keep(const run *u, uint32_t g) {
    const pal_attention *a = &u->l->attention;
    const plan *r = u->r;
    const pal_slots s = slots_of(u, set_of(u, g));
    const pal_cache_rows keys = keys_of(u, g), values = values_of(u, g);
    for (uint32_t i = 0; i < u->m; i++) {
        const uint32_t rank = seen_by(u, i) - 1;
        const size_t kv = ((size_t)u->t + i) * a->n_head_kv + g;
        float x[PAL_CACHE_WIDEST];
        place(a, u->w->k + kv * a->d_k, x);
        if (a->rope >= 0)
            pal_rope(x, u->c->rope[a->rope] + turn_of(u, i, rank / PAL_RANK_STEP * PAL_RANK_STEP), a->n_rot);
        r->format->key(&keys, s.order[rank], x);
        pal_copy(x, u->w->v + kv * a->d_v, a->d_v * sizeof *x);
        pal_zero(x + a->d_v, (r->v16 - a->d_v) * sizeof *x);
        r->format->value(&values, s.order[rank], x);
    }
}

#define LOG2E 0x1.715476p+0f /* p is taken as a power of two */

/* Query h of KV head g and token i, in each turn that a slot can want. */
static void query(const run *u, uint32_t g, uint32_t i, uint32_t h) {
    const pal_attention *a = &u->l->attention;
    const uint32_t n = seen_by(u, i);
    const pal_cache_queries q = queries_of(u, g, 0);
    pal_cache_turns turns = {.n = n < q.turns ? n : q.turns, .scale = a->scale * LOG2E};
    if (a->rope >= 0) {
        turns.cs = u->c->rope[a->rope] + turn_of(u, i, n - 1);
        turns.cs16 = u->c->rope16[a->rope] + turn_of(u, i, n - 1);
        turns.n_rot = a->n_rot;
    }
    float x[PAL_CACHE_WIDEST];
    place(a, u->w->q + (((size_t)u->t + i) * a->n_head + g * u->group + h) * q_step(a), x);
    u->r->format->query(x, &turns, &q, i, h);
}

/* How far each slot's rank is above its anchor. */
static void ranks(const run *u, uint32_t set) {
    const pal_slots s = slots_of(u, set);
    uint8_t *rest = u->w->rest + set * u->r->stride;
    pal_zero(rest, u->r->stride);
    for (uint32_t rank = 0; rank < u->n && u->r->ranked; rank++) rest[s.order[rank]] = rank % PAL_RANK_STEP;
}

/* All that the scores want: ranks, queries, keys (and values). */
static uint32_t prepare_units(const run *u) {
    return u->r->sets + u->l->attention.n_head * u->m + u->l->attention.n_head_kv;
}
static void prepare(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const uint32_t units = prepare_units(u), sets = u->r->sets, kept = units - u->l->attention.n_head_kv;
    for (uint32_t unit = pal_part_from(units, part, parts); unit < pal_part_from(units, part + 1, parts); unit++) {
        if (unit < sets)
            ranks(u, unit);
        else if (unit < kept)
            query(u, (unit - sets) / u->group / u->m, (unit - sets) / u->group % u->m, (unit - sets) % u->group);
        else
            keep(u, unit - kept);
    }
}

/* p = q . key, by KV heads and blocks of slots. One token reads memory, best in long blocks, but two units for each thread;
   many tokens read a short block again and again from the first cache. */
enum { LONG = 256 };
static uint32_t score_blocks(const run *u) {
    const uint32_t most = (u->n + PAL_CACHE_BLOCK - 1) / PAL_CACHE_BLOCK, least = (u->n + LONG - 1) / LONG;
    const uint32_t heads = u->l->attention.n_head_kv, fair = (2 * pal_team_threads(u->c->team) + heads - 1) / heads;
    if (u->m > 1 || fair > most) return most;
    return fair > least ? fair : least;
}
static uint32_t score_from(const run *u, uint32_t block) {
    const uint32_t from = 8 * pal_part_from((u->n + 7) / 8, block, score_blocks(u));
    return from < u->n ? from : u->n;
}
static void scores(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_attention *a = &u->l->attention;
    const plan *r = u->r;
    const uint32_t blocks = score_blocks(u), units = a->n_head_kv * blocks;
    for (uint32_t unit = pal_part_from(units, part, parts); unit < pal_part_from(units, part + 1, parts); unit++) {
        const uint32_t g = unit / blocks, j = score_from(u, unit % blocks), n = score_from(u, unit % blocks + 1) - j;
        const uint32_t first = j < seen_by(u, 0) ? 0 : j - seen_by(u, 0) + 1; /* token that sees slot j */
        const pal_cache_rows keys = keys_of(u, g);
        const pal_cache_queries q = queries_of(u, g, first);
        r->format->dots(&keys, j, n, u->w->rest + set_of(u, g) * r->stride + j, &q, p_of(u, g, first) + j, r->stride);
    }
}

/* p = softmax(p) / share over the slots that each token sees, 0 behind them up to a whole block. */
static void softmax(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_attention *a = &u->l->attention;
    const uint32_t units = a->n_head * u->m;
    for (uint32_t unit = pal_part_from(units, part, parts); unit < pal_part_from(units, part + 1, parts); unit++) {
        const uint32_t row = unit / u->group, h = unit % u->group, g = row / u->m, i = row % u->m, n = seen_by(u, i);
        const pal_slots s = slots_of(u, set_of(u, g));
        const pal_cache_rows values = values_of(u, g);
        float *p = p_of(u, g, i) + h * u->r->stride;
        if (a->softcap > 0) pal_softcap(p, a->softcap * LOG2E, n);
        for (uint32_t j = 0; u->r->masked && j < n; j++)
            if (u->c->pos + u->t + i - s.pos[j] >= a->window) p[j] = -__builtin_inff();
        share_of(u, g, i)[h] = pal_shares(p, n);
        for (uint32_t j = n; j % PAL_CACHE_BLOCK; j++) p[j] = 0;
        if (u->r->format->weights)
            u->r->format->weights(&values, p, n, u->r->stride,
                                  codes_of(u, g, i) + h * pal_cache_codes_bytes(u->r->stride));
    }
}

enum { TOKENS = 8 }; /* that share a block of values */

/* Scores of `SLOTS` slots of a set after each token of the run = mean of p over its heads, or += their sum where the policy
   accumulates over time. */
enum { SLOTS = 512 };
static uint32_t score_parts(const run *u) { return (u->n + SLOTS - 1) / SLOTS; }
static void score(const run *u, uint32_t set, uint32_t from) {
    const bool accumulates = u->r->policy->accumulates;
    const uint32_t heads = u->l->attention.n_head_kv / u->r->sets, to = u->n - from < SLOTS ? u->n : from + SLOTS;
    const pal_slots s = slots_of(u, set);
    for (uint32_t i = accumulates ? 0 : u->m - 1; i < u->m; i++)
        for (uint32_t j = from; j < to && j < seen_by(u, i); j += 16) { /* p is 0 behind what it has seen */
            f4 sum[4] = {{0}};
            for (uint32_t g = set * heads; g < (set + 1) * heads; g++) {
                const float *p = p_of(u, g, i) + j, *share = share_of(u, g, i);
                for (const float *end = share + u->group; share < end; share++, p += u->r->stride) PAL_UNROLL
                for (uint32_t k = 0; k < 4; k++) sum[k] = f4_madd(f4_load(p + 4 * k), f4_set(*share), sum[k]);
            }
            for (uint32_t k = 0; k < 4 && j + 4 * k < to; k++) {
                float *score = s.score + j + 4 * k;
                f4_store(score,
                         accumulates ? f4_load(score) + sum[k] : sum[k] * f4_set(1.f / (float)(heads * u->group)));
            }
        }
}

/* o = sum of p value, by KV heads, tokens and columns; and the scores. */
static uint32_t value_tiles(const run *u) { return (u->m + TOKENS - 1) / TOKENS; }
static uint32_t value_slices(const run *u) { return (u->r->v16 + PAL_CACHE_COLUMNS - 1) / PAL_CACHE_COLUMNS; }
static uint32_t value_units(const run *u) { return u->l->attention.n_head_kv * value_tiles(u) * value_slices(u); }
static void values(void *ctx, uint32_t part, uint32_t parts) {
    const run *u = ctx;
    const pal_attention *a = &u->l->attention;
    const plan *r = u->r;
    const uint32_t slices = value_slices(u), tiles = value_tiles(u), outputs = value_units(u);
    const uint32_t units = outputs + r->sets * score_parts(u);
    for (uint32_t unit = pal_part_from(units, part, parts); unit < pal_part_from(units, part + 1, parts); unit++) {
        if (unit >= outputs) {
            score(u, (unit - outputs) / score_parts(u), (unit - outputs) % score_parts(u) * SLOTS);
            continue;
        }
        const uint32_t g = unit / slices / tiles, first = unit / slices % tiles * TOKENS;
        const uint32_t from = unit % slices * PAL_CACHE_COLUMNS, left = r->v16 - from;
        const uint32_t wide = left < PAL_CACHE_COLUMNS ? left : PAL_CACHE_COLUMNS;
        const uint32_t real = a->d_v - from < wide ? a->d_v - from : wide; /* without the filling */
        const uint32_t tokens = u->m - first < TOKENS ? u->m - first : TOKENS;
        const pal_cache_rows rows = values_of(u, g);
        const pal_cache_weights w = {.p = p_of(u, g, first),
                                     .codes = codes_of(u, g, first),
                                     .stride = r->stride,
                                     .tokens = tokens,
                                     .group = u->group,
                                     .seen = seen_by(u, first)};
        float *o = u->w->heads_o + row_of(u, g, first) * r->v16 + from;
        r->format->mix(&rows, from, wide, &w, o, r->v16);
        for (uint32_t i = first; i < first + tokens; i++)
            for (uint32_t h = 0; h < u->group; h++, o += r->v16) {
                pal_scale(o, share_of(u, g, i)[h], wide);
                pal_copy(u->w->o + (((size_t)u->t + i) * a->n_head + g * u->group + h) * a->d_v + from, o,
                         real * sizeof *o);
            }
    }
}

/* A state leaves: of those behind it, the n keys at an anchor, from the first on, fall to the anchor before. */
typedef struct {
    const run *u;
    uint32_t set, first, n;
} leaver;
static void fall(void *ctx, uint32_t part, uint32_t parts) {
    const leaver *l = ctx;
    const run *u = l->u;
    const pal_attention *a = &u->l->attention;
    const pal_cache_format *format = u->r->format;
    const pal_slots s = slots_of(u, l->set);
    const uint32_t heads = a->n_head_kv / u->r->sets, units = heads * l->n;
    const uint32_t from = pal_part_from(units, part, parts), to = pal_part_from(units, part + 1, parts);
    /* In a first pass they are brought near, all at once: they lie far from each other. */
    for (uint32_t pass = !format->bring; pass < 2; pass++) {
        uint32_t head = from / l->n, rank = l->first + from % l->n * PAL_RANK_STEP;
        for (uint32_t unit = from; unit < to; head++, rank = l->first) {
            const pal_cache_rows keys = keys_of(u, l->set * heads + head);
            for (; unit < to && rank < u->n; unit++, rank += PAL_RANK_STEP) {
                float x[PAL_CACHE_WIDEST];
                if (!pass) {
                    format->bring(&keys, s.order[rank]);
                    continue;
                }
                format->row(&keys, s.order[rank], x);
                pal_rope(x, u->c->back[a->rope], a->n_rot);
                format->key(&keys, s.order[rank], x);
            }
        }
    }
}

/* A run: append, attend, score, evict. */
static void attend(run *u) {
    const pal_attention *a = &u->l->attention;
    const plan *r = u->r;
    for (uint32_t set = 0; set < r->sets; set++) {
        pal_slots s = slots_of(u, set);
        for (uint32_t i = 0; i < u->m; i++) pal_slots_append(&s, u->c->pos + u->t + i, u->c->pinned && r->pins);
    }
    pal_team *team = u->c->team;
    const uint64_t products = (uint64_t)u->m * a->n_head * u->n, turns = (uint64_t)u->m * a->n_head * r->queries.turns;
    const uint64_t kept = (uint64_t)u->m * a->n_head_kv * (r->k16 + r->v16);
    pal_team_run(
        team, prepare, u,
        pal_team_parts(team, prepare_units(u), turns * a->d_k * 4 + kept * 128 + (uint64_t)r->sets * u->n * 16));
    pal_team_run(team, scores, u, pal_team_parts(team, a->n_head_kv * score_blocks(u), products * a->d_k));
    pal_team_run(team, softmax, u, pal_team_parts(team, a->n_head * u->m, products * 32));
    pal_team_run(team, values, u, pal_team_parts(team, value_units(u) + r->sets * score_parts(u), products * a->d_v));
    for (uint32_t set = 0; set < r->sets && u->n > r->budget; set++) {
        pal_slots s = slots_of(u, set);
        const uint32_t rank = r->policy->leaves(&s, u->c->bounds->options), anchor = rank / PAL_RANK_STEP;
        leaver l = {u, set, (anchor + 1) * PAL_RANK_STEP, r->ranked ? (u->n - 1) / PAL_RANK_STEP - anchor : 0};
        const uint32_t units = a->n_head_kv / r->sets * l.n;
        pal_team_run(team, fall, &l, pal_team_parts(team, units, (uint64_t)units * a->d_k * 64));
        pal_slots_evict(&s, rank);
    }
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_attention *a = &l->attention;
    plan r = plan_of(l, c->bounds);
    work w = work_at(l, c->bounds, (uintptr_t)c->scratch, NULL);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);

    pal_products(c->team, &in, (pal_product[]){{&a->q, w.q}, {&a->k, w.k}, {&a->v, w.v}}, 3);
    norm_heads(&a->q_norm, w.q, c->n * a->n_head, a->d_k, q_step(a));
    norm_heads(&a->k_norm, w.k, c->n * a->n_head_kv, a->d_k, a->d_k);
    run u = {l, c, &r, &w, state, .group = a->n_head / a->n_head_kv};
    for (; u.t < c->n; u.t += u.m) {
        const pal_slots s = slots_of(&u, 0);
        const uint32_t live = pal_slots_n(&s), room = live < r.budget ? r.budget - live : 1, left = c->n - u.t;
        u.m = room < r.run ? room : r.run;
        u.m = left < u.m ? left : u.m;
        u.n = live + u.m;
        attend(&u);
    }
    for (uint32_t h = 0; h < c->n * a->n_head && a->gated; h++)
        pal_sigmoid_mul(w.o + (size_t)h * a->d_v, w.q + ((size_t)2 * h + 1) * a->d_k, a->d_v);
    pal_act out = pal_act_make(w.o, c->n, a->n_head * a->d_v, c->act);
    pal_products(c->team, &out, &(pal_product){&a->o, y}, 1);
}

const pal_kind pal_attention_kind = {"attention", state_bytes, scratch_bytes, reset, valid, forward, widest};
