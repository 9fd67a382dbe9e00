/* Attention over a bounded cache of states: the transformer as a multi-state recurrent network (Oren et al.,
   "Transformers are Multi-State RNNs", arXiv 2401.06104, section 3).

   per token t, head h of n_head, KV head g = h / (n_head / n_head_kv), live states j = 1..n <= budget + 1:
     q = W_q x (+ b), k = W_k x, v = W_v x; optional norm of each head of q and k; RoPE on q and k
     append (k, v);  s_hj = scale * q_h . k_gj;  p_h = softmax(s_h);  o_h = sum_j p_hj v_gj;  y = W_o o
     score_j = mean over heads of p_hj, or its sum over time;  n > budget: the policy says which state leaves

   positions:
     original  keys are stored rotated by their true position
     cache     keys are stored unrotated and rotated at reading by their rank in age order; the query has rank n - 1

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
    return r;
}

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    plan r = plan_of(l, b);
    return r.sets * r.slots_bytes + (uint64_t)l->attention.n_head_kv * r.cap * (r.k_bytes + r.v_bytes);
}

/* Scratch: q, k, v, o of the chunk; the probabilities [n_head][cap] of one token; one key or value as floats. */
typedef struct {
    float *q, *k, *v, *o, *p, *row;
} work;

static work work_at(const pal_layer *l, const pal_bounds *b, uint64_t at, uint64_t *bytes) {
    const pal_attention *a = &l->attention;
    uint32_t d = a->d_k > a->d_v ? a->d_k : a->d_v;
    const uint64_t chunk = b->chunk, cap = b->budget + 1;
    const uint64_t sizes[] = {chunk * a->n_head * a->d_k,
                              chunk * a->n_head_kv * a->d_k,
                              chunk * a->n_head_kv * a->d_v,
                              chunk * a->n_head * a->d_v,
                              cap * a->n_head,
                              d};
    float *piece[6];
    uint64_t start = at;
    for (int i = 0; i < 6; i++) {
        piece[i] = (float *)(uintptr_t)at;
        at += pal_align(sizes[i] * sizeof(float));
    }
    if (bytes) *bytes = at - start;
    return (work){piece[0], piece[1], piece[2], piece[3], piece[4], piece[5]};
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

/* p[h][slot] for the heads of one group, softmax over the n live slots. q: [group][d_k], already rotated. */
static void probabilities(const pal_layer *l, const pal_chunk *c, const plan *r, const pal_slots *s,
                          const uint8_t *keys, const float *q, uint32_t pos, float *p, float *row) {
    const pal_attention *a = &l->attention;
    uint32_t n = pal_slots_n(s), group = a->n_head / a->n_head_kv;
    for (uint32_t rank = 0; rank < n; rank++) {
        uint32_t slot = s->order[rank];
        const float *k = r->format->load(keys + (size_t)slot * r->k_bytes, row, a->d_k);
        if (c->bounds->cache_positions && a->rope >= 0) {
            if (k != row) pal_copy(row, k, a->d_k * sizeof *row);
            pal_rope(row, c->rope[a->rope] + (size_t)rank * a->n_rot, a->n_rot, a->interleaved);
            k = row;
        }
        for (uint32_t h = 0; h < group; h++) p[h * r->cap + slot] = a->scale * pal_dot(q + h * a->d_k, k, a->d_k);
    }
    for (uint32_t h = 0; h < group; h++, p += r->cap) {
        if (a->softcap > 0) pal_softcap(p, a->softcap, n);
        for (uint32_t slot = 0; r->masked && slot < n; slot++)
            if (pos - s->pos[slot] >= a->window) p[slot] = -__builtin_inff();
        pal_softmax(p, n);
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
    float *q = w->q + ((size_t)t * a->n_head + g * group) * a->d_k, *k = w->k + ((size_t)t * a->n_head_kv + g) * a->d_k;
    float *v = w->v + ((size_t)t * a->n_head_kv + g) * a->d_v, *o = w->o + ((size_t)t * a->n_head + g * group) * a->d_v;
    float *p = w->p + (size_t)g * group * r->cap;

    if (a->rope >= 0) {
        uint32_t row = c->bounds->cache_positions ? n - 1 : t;
        const float *cs = c->rope[a->rope] + (size_t)row * a->n_rot;
        for (uint32_t h = 0; h < group; h++) pal_rope(q + h * a->d_k, cs, a->n_rot, a->interleaved);
        if (!c->bounds->cache_positions) pal_rope(k, cs, a->n_rot, a->interleaved);
    }
    r->format->store(keys + (size_t)newest * r->k_bytes, k, a->d_k);
    r->format->store(values + (size_t)newest * r->v_bytes, v, a->d_v);
    probabilities(l, c, r, s, keys, q, c->pos + t, p, w->row);
    pal_zero(o, (size_t)group * a->d_v * sizeof *o);
    for (uint32_t slot = 0; slot < n; slot++) {
        const float *value = r->format->load(values + (size_t)slot * r->v_bytes, w->row, a->d_v);
        for (uint32_t h = 0; h < group; h++) pal_axpy(o + h * a->d_v, p[h * r->cap + slot], value, a->d_v);
    }
}

/* score = mean of p [heads][cap] over the heads, or += their sum where the policy accumulates over time */
static void score(const plan *r, const pal_slots *s, const float *p, uint32_t heads) {
    for (uint32_t slot = 0, n = pal_slots_n(s); slot < n; slot++) {
        float sum = 0;
        for (uint32_t h = 0; h < heads; h++) sum += p[h * r->cap + slot];
        s->score[slot] = r->policy->accumulates ? s->score[slot] + sum : sum / (float)heads;
    }
}

/* One token: append, attend, score, evict. */
static void step(const pal_layer *l, const pal_chunk *c, const plan *r, uint8_t *state, const work *w, uint32_t t) {
    const pal_attention *a = &l->attention;
    uint32_t heads = a->n_head / r->sets;
    for (uint32_t set = 0; set < r->sets; set++) {
        pal_slots s = pal_slots_at(state + set * r->slots_bytes, r->cap);
        pal_slots_append(&s, c->pos + t, c->pinned && r->pins);
    }
    for (uint32_t g = 0; g < a->n_head_kv; g++) {
        pal_slots s = pal_slots_at(state + (r->sets > 1 ? g : 0) * r->slots_bytes, r->cap);
        attend(l, c, r, &s, state, w, t, g);
    }
    for (uint32_t set = 0; set < r->sets; set++) {
        pal_slots s = pal_slots_at(state + set * r->slots_bytes, r->cap);
        score(r, &s, w->p + (size_t)set * heads * r->cap, heads);
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
