/* Attention over a bounded cache of states: the transformer as a multi-state recurrent network (Oren et al.,
   "Transformers are Multi-State RNNs", arXiv 2401.06104, section 3).

   per token t, head h of n_head, KV head g = h / (n_head / n_head_kv), live states j = 1..n <= budget + 1:
     q = W_q x (+ b), k = W_k x, v = W_v x; optional norm of each head of q and k; RoPE on q and k
     append (k, v);  s_hj = scale * q_h . k_gj;  p_h = softmax(s_h);  o_h = sum_j p_hj v_gj;  y = W_o o
     score_j = mean over heads of p_hj, or its sum over time;  n > budget: the policy says which state leaves

   positions:
     original  keys are stored rotated by their true position
     cache     keys are stored unrotated and rotated at reading by their rank in age order; the query has rank n - 1
   Interleaved pairs are stored first halves first, so that there is one kind of rotation.

   order of operations (design I4): q is rotated, then multiplied by the scale. Dots and the sum over values are those of
   cache.h: lane by lane in the order of the elements, value by value in the order of the slots. Softmax as in ops.h, over
   the slots. Scores sum over the heads in their order. A KV head with its query heads is computed apart from the others.

   reading a chunk is exact (design I5): products for all tokens, then append-attend-evict token by token.

   state:  [sets] slots of policy.h | keys [n_head_kv][cap] rows | values [n_head_kv][cap] rows    (cap = budget + 1)
   A sliding window no longer than the budget makes the layer first in, first out with budget = window - 1: exact, and smaller.
   multiplications per token: 2 * n_head * n * d besides the four products. */
#include "cache.h"
#include "layer.h"

/* What bounds this layer: the session's policy, or its own sliding window when that is the smaller bound. */
typedef struct {
    const pal_policy *policy;
    const pal_cache_format *format;
    uint32_t budget, cap, sets, k_bytes, v_bytes;
    uint32_t stride, k4, v4; /* cap, d_k and d_v up to whole f4 */
    uint64_t slots_bytes; /* of one set */
    bool masked;          /* the sliding window has still to be applied */
    bool pins;            /* false: what the window has passed is never seen again, pinned or not */
} plan;

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
    r.k_bytes = r.format->row_bytes(a->d_k);
    r.v_bytes = r.format->row_bytes(a->d_v);
    r.slots_bytes = pal_slots_bytes(r.cap);
    r.stride = pal_cache_d4(r.cap);
    r.k4 = pal_cache_d4(a->d_k);
    r.v4 = pal_cache_d4(a->d_v);
    return r;
}

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    plan r = plan_of(l, b);
    return r.sets * r.slots_bytes + (uint64_t)l->attention.n_head_kv * r.cap * (r.k_bytes + r.v_bytes);
}

/* Scratch: q, k, v, o of the chunk; of one token the probabilities [n_head][stride] and the rank of each slot
   [sets][stride]; of each KV head its query heads [group][k4], their outputs [group][v4] and a block of keys or values. */
typedef struct {
    float *q, *k, *v, *o, *p, *heads_q, *heads_o, *rows;
    uint32_t *rank;
} work;

static work work_at(const pal_layer *l, const pal_bounds *b, uint64_t at, uint64_t *bytes) {
    const pal_attention *a = &l->attention;
    plan r = plan_of(l, b);
    const uint64_t chunk = b->chunk, wide = r.k4 > r.v4 ? r.k4 : r.v4;
    const uint64_t sizes[] = {chunk * a->n_head * a->d_k,
                              chunk * a->n_head_kv * a->d_k,
                              chunk * a->n_head_kv * a->d_v,
                              chunk * a->n_head * a->d_v,
                              (uint64_t)a->n_head * r.stride,
                              (uint64_t)a->n_head * r.k4,
                              (uint64_t)a->n_head * r.v4,
                              a->n_head_kv * PAL_CACHE_BLOCK * wide,
                              (uint64_t)r.sets * r.stride};
    float *piece[9];
    uint64_t start = at;
    for (int i = 0; i < 9; i++) {
        piece[i] = (float *)(uintptr_t)at;
        at += pal_align(sizes[i] * sizeof(float));
    }
    if (bytes) *bytes = at - start;
    return (work){piece[0], piece[1], piece[2], piece[3],           piece[4],
                  piece[5], piece[6], piece[7], (uint32_t *)piece[8]};
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

static void norm_heads(const pal_norm *norm, float *x, uint32_t heads, uint32_t d) {
    if (norm->kind != PAL_NORM_NONE) pal_norm_rows(norm, x, heads, d, x);
}

/* One head as it is kept: first halves of the pairs, second halves, the rest, zeros up to d4; rotated by cs unless NULL. */
static void place(const pal_attention *a, const float *x, uint32_t d4, const float *cs, float *out) {
    uint32_t half = a->rope >= 0 && a->interleaved ? a->n_rot / 2 : 0;
    for (uint32_t i = 0; i < half; i++) out[i] = x[2 * i], out[half + i] = x[2 * i + 1];
    pal_copy(out + 2 * half, x + 2 * half, (a->d_k - 2 * half) * sizeof *x);
    pal_zero(out + a->d_k, (d4 - a->d_k) * sizeof *x);
    if (cs) pal_rope(out, cs, a->n_rot);
}

static uint32_t block_at(uint32_t j, uint32_t n) { return n - j < PAL_CACHE_BLOCK ? n - j : PAL_CACHE_BLOCK; }

/* p[h][slot] for the heads of one group, softmax over the n live slots, 0 up to a whole f4. q: [group][k4] */
static void probabilities(const pal_layer *l, const pal_chunk *c, const plan *r, const pal_slots *s,
                          const uint8_t *keys, const uint32_t *rank, const float *q, uint32_t pos, float *p,
                          float *rows) {
    const pal_attention *a = &l->attention;
    uint32_t n = pal_slots_n(s), group = a->n_head / a->n_head_kv;
    const float *turn = c->bounds->cache_positions && a->rope >= 0 ? c->rope[a->rope] : NULL;
    for (uint32_t j = 0; j < n; j += PAL_CACHE_BLOCK) {
        uint32_t m = block_at(j, n);
        r->format->load(keys + (size_t)j * r->k_bytes, m, a->d_k, turn, rank + j, a->n_rot, rows);
        pal_cache_dots(q, group, rows, m, r->k4, p + j, r->stride);
    }
    for (uint32_t h = 0; h < group; h++, p += r->stride) {
        if (a->softcap > 0) pal_softcap(p, a->softcap, n);
        for (uint32_t slot = 0; r->masked && slot < n; slot++)
            if (pos - s->pos[slot] >= a->window) p[slot] = -__builtin_inff();
        pal_softmax(p, n);
        for (uint32_t slot = n; slot % 4; slot++) p[slot] = 0;
    }
}

/* One group of heads and its KV head g: rotate, store the newest state, attend. q, k, v, o are of this token. */
static void attend(const pal_layer *l, const pal_chunk *c, const plan *r, const pal_slots *s, uint8_t *state,
                   const work *w, uint32_t t, uint32_t g) {
    const pal_attention *a = &l->attention;
    uint32_t n = pal_slots_n(s), newest = s->order[n - 1], group = a->n_head / a->n_head_kv;
    uint8_t *keys = state + r->sets * r->slots_bytes + (size_t)g * r->cap * r->k_bytes;
    uint8_t *values =
        state + r->sets * r->slots_bytes + (size_t)a->n_head_kv * r->cap * r->k_bytes + (size_t)g * r->cap * r->v_bytes;
    const float *q = w->q + ((size_t)t * a->n_head + g * group) * a->d_k;
    const float *k = w->k + ((size_t)t * a->n_head_kv + g) * a->d_k, *v = w->v + ((size_t)t * a->n_head_kv + g) * a->d_v;
    float *heads_q = w->heads_q + (size_t)g * group * r->k4, *heads_o = w->heads_o + (size_t)g * group * r->v4;
    float *rows = w->rows + (size_t)g * PAL_CACHE_BLOCK * (r->k4 > r->v4 ? r->k4 : r->v4);
    float *p = w->p + (size_t)g * group * r->stride, *o = w->o + ((size_t)t * a->n_head + g * group) * a->d_v;
    bool ranked = c->bounds->cache_positions;
    const float *cs = a->rope >= 0 ? c->rope[a->rope] + (size_t)(ranked ? n - 1 : t) * a->n_rot : NULL;

    for (uint32_t h = 0; h < group; h++) place(a, q + h * a->d_k, r->k4, cs, heads_q + h * r->k4);
    pal_scale(heads_q, a->scale, group * r->k4);
    place(a, k, r->k4, ranked ? NULL : cs, rows);
    r->format->store(keys + (size_t)newest * r->k_bytes, rows, a->d_k);
    r->format->store(values + (size_t)newest * r->v_bytes, v, a->d_v);
    probabilities(l, c, r, s, keys, w->rank + (r->sets > 1 ? g : 0) * r->stride, heads_q, c->pos + t, p, rows);
    pal_zero(heads_o, (size_t)group * r->v4 * sizeof *o);
    for (uint32_t j = 0; j < n; j += PAL_CACHE_BLOCK) {
        uint32_t m = block_at(j, n);
        r->format->load(values + (size_t)j * r->v_bytes, m, a->d_v, NULL, NULL, 0, rows);
        pal_cache_mix(p + j, r->stride, group, rows, m, r->v4, heads_o);
    }
    for (uint32_t h = 0; h < group; h++) pal_copy(o + h * a->d_v, heads_o + h * r->v4, a->d_v * sizeof *o);
}

/* score = mean of p [heads][stride] over the heads, or += their sum where the policy accumulates over time */
static void score(const plan *r, const pal_slots *s, const float *p, uint32_t heads) {
    for (uint32_t j = 0, n = pal_slots_n(s); j < n; j += 4) {
        f4 sum = f4_set(0);
        for (uint32_t h = 0; h < heads; h++) sum += f4_load(p + (size_t)h * r->stride + j);
        f4_store(s->score + j, r->policy->accumulates ? f4_load(s->score + j) + sum : sum / f4_set((float)heads));
    }
}

/* One token: append, attend, score, evict. */
static void step(const pal_layer *l, const pal_chunk *c, const plan *r, uint8_t *state, const work *w, uint32_t t) {
    const pal_attention *a = &l->attention;
    uint32_t heads = a->n_head / r->sets;
    for (uint32_t set = 0; set < r->sets; set++) {
        pal_slots s = pal_slots_at(state + set * r->slots_bytes, r->cap);
        pal_slots_append(&s, c->pos + t, c->pinned && r->pins);
        uint32_t *rank = w->rank + set * r->stride;
        for (uint32_t i = 0, n = pal_slots_n(&s); i < n && c->bounds->cache_positions; i++) rank[s.order[i]] = i;
    }
    for (uint32_t g = 0; g < a->n_head_kv; g++) {
        pal_slots s = pal_slots_at(state + (r->sets > 1 ? g : 0) * r->slots_bytes, r->cap);
        attend(l, c, r, &s, state, w, t, g);
    }
    for (uint32_t set = 0; set < r->sets; set++) {
        pal_slots s = pal_slots_at(state + set * r->slots_bytes, r->cap);
        score(r, &s, w->p + (size_t)set * heads * r->stride, heads);
        if (pal_slots_n(&s) > r->budget) pal_slots_evict(&s, r->policy->leaves(&s, c->bounds->options));
    }
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_attention *a = &l->attention;
    plan r = plan_of(l, c->bounds);
    work w = work_at(l, c->bounds, (uintptr_t)c->scratch, NULL);
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);

    pal_products(c->team, &in, (pal_product[]){{&a->q, w.q}, {&a->k, w.k}, {&a->v, w.v}}, 3);
    norm_heads(&a->q_norm, w.q, c->n * a->n_head, a->d_k);
    norm_heads(&a->k_norm, w.k, c->n * a->n_head_kv, a->d_k);
    for (uint32_t t = 0; t < c->n; t++) step(l, c, &r, state, &w, t);
    pal_act out = pal_act_make(w.o, c->n, a->n_head * a->d_v, c->act);
    pal_products(c->team, &out, &(pal_product){&a->o, y}, 1);
}

const pal_kind pal_attention_kind = {"attention", state_bytes, scratch_bytes, reset, valid, forward, widest};
