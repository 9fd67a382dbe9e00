/* Eviction policies. Order within a token: append, attend over budget + 1 states, score, evict (TOVA, H2O and
   StreamingLLM released code agree). The lowest score leaves; on equal scores the oldest.
     window     the oldest                                                    first in, first out
     sinks      the oldest but the first `sinks` tokens                       StreamingLLM, arXiv 2309.17453
     h2o        the least attention summed over time, but the `recent` newest H2O, arXiv 2306.14048; per KV head
     tova       the least attention from the newest token, mean over heads    TOVA, arXiv 2401.06104, algorithm 1
     tova-head  the same, per KV head                                         its ablation
   Pinned states never leave and come before every other rule: when sinks or recent leave nobody, the oldest that is not
   pinned goes. */
#include "policy.h"

#include "../simd.h"

/* The rank of the oldest state that is not pinned and whose position is at least from. */
static uint32_t oldest(const pal_slots *s, uint32_t from) {
    for (uint32_t rank = 0, n = pal_slots_n(s); rank < n; rank++) {
        uint32_t slot = s->order[rank];
        if (!s->pinned[slot] && s->pos[slot] >= from) return rank;
    }
    return UINT32_MAX;
}

static uint32_t rank_of(const pal_slots *s, uint32_t pos) { /* positions rise with the rank */
    uint32_t low = 0, high = pal_slots_n(s) - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (s->pos[s->order[middle]] < pos)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Lanes j .. j + 3 that may leave: live, not pinned, position below `to`. */
static inline i4 may_leave(const pal_slots *s, uint32_t j, uint32_t to) {
    i4 live = i4_set((int32_t)j) + (i4){0, 1, 2, 3} < i4_set((int32_t)pal_slots_n(s));
    return live & (i4_load(s->pinned + j) == 0) & (i4)((u4)i4_load(s->pos + j) < (u4)i4_set((int32_t)to));
}

static inline float least_of(f4 v) {
    const float a = v[0] < v[1] ? v[0] : v[1], b = v[2] < v[3] ? v[2] : v[3];
    return a < b ? a : b;
}

/* The rank of the lowest score among those not pinned with position below `to`; of equals (or if all are NaN) the oldest.
   Few blocks of slots have a lower score than all before: those are looked through for who may leave, and who it is. */
enum { BLOCK = 64 };
static uint32_t lowest(const pal_slots *s, uint32_t to) {
    const uint32_t n = pal_slots_n(s);
    float least = __builtin_inff();
    uint32_t who = UINT32_MAX; /* by position */
    for (uint32_t from = 0; from < n; from += BLOCK) {
        const uint32_t end = n - from < BLOCK ? n : from + BLOCK;
        const f4 none = f4_set(__builtin_inff());
        f4 low = none, all = none;
        for (uint32_t j = from; j < end; j += 4) all = f4_min(all, f4_load(s->score + j));
        if (least_of(all) > least) continue;
        for (uint32_t j = from; j < end; j += 4) {
            f4 v = f4_load(s->score + j);
            low = f4_select(may_leave(s, j, to) & (i4)(v < low), v, low);
        }
        const float block = least_of(low);
        if (block > least) continue;
        u4 first = ~(u4){0};
        for (uint32_t j = from; j < end; j += 4) {
            u4 pos = (u4)i4_load(s->pos + j);
            i4 take = may_leave(s, j, to) & ~(i4)(f4_load(s->score + j) > f4_set(block)) & (i4)(pos < first);
            first = (u4)f4_select(take, (f4)pos, (f4)first);
        }
        if (block < least) least = block, who = UINT32_MAX;
        for (uint32_t i = 0; i < 4; i++) who = first[i] < who ? first[i] : who;
    }
    return who < UINT32_MAX ? rank_of(s, who) : UINT32_MAX;
}

static uint32_t window_leaves(const pal_slots *s, pal_policy_options o) {
    (void)o;
    return oldest(s, 0);
}

static uint32_t sinks_leaves(const pal_slots *s, pal_policy_options o) {
    uint32_t rank = oldest(s, o.sinks);
    return rank != UINT32_MAX ? rank : oldest(s, 0);
}

static uint32_t h2o_leaves(const pal_slots *s, pal_policy_options o) {
    uint32_t n = pal_slots_n(s);
    uint32_t rank = n > o.recent ? lowest(s, o.recent ? s->pos[s->order[n - o.recent]] : UINT32_MAX) : UINT32_MAX;
    return rank != UINT32_MAX ? rank : oldest(s, 0);
}

static uint32_t tova_leaves(const pal_slots *s, pal_policy_options o) {
    (void)o;
    return lowest(s, UINT32_MAX);
}

static const pal_policy policies[] = {
    {"full", false, false, NULL},    {"window", false, false, window_leaves}, {"sinks", false, false, sinks_leaves},
    {"h2o", true, true, h2o_leaves}, {"tova", false, false, tova_leaves},     {"tova-head", true, false, tova_leaves},
};

const pal_policy *pal_policy_row(uint32_t i) { return i < sizeof policies / sizeof *policies ? &policies[i] : NULL; }

static uint32_t room(uint32_t cap) { return (cap + 3) & ~3u; }

uint64_t pal_slots_bytes(uint32_t cap) { return 16 + (uint64_t)room(cap) * 16; }

pal_slots pal_slots_at(void *memory, uint32_t cap) {
    uint32_t *words = (uint32_t *)memory + 4, each = room(cap);
    return (pal_slots){memory, words, words + each, words + 2 * each, (float *)(words + 3 * each), cap};
}

void pal_slots_reset(pal_slots *s) { pal_zero(s->head, pal_slots_bytes(s->cap)); }

uint32_t pal_slots_append(pal_slots *s, uint32_t pos, bool pinned) {
    uint32_t n = s->head[0], slot = s->head[1];
    PAL_ASSERT(n < s->cap);
    s->pos[slot] = pos;
    s->pinned[slot] = pinned;
    s->score[slot] = 0;
    s->order[n] = slot;
    s->head[0] = n + 1;
    s->head[1] = n + 1;
    return slot;
}

void pal_slots_evict(pal_slots *s, uint32_t rank) {
    uint32_t n = s->head[0], slot = s->order[rank];
    PAL_ASSERT(rank < n && n == s->cap);
    pal_move(s->order + rank, s->order + rank + 1, (n - 1 - rank) * sizeof *s->order);
    s->head[0] = n - 1;
    s->head[1] = slot;
}

bool pal_slots_valid(const pal_slots *s, uint64_t n_seen, uint64_t n_pinned) {
    uint64_t pinned = 0;
    uint32_t n = s->head[0], hole = s->head[1];
    if (n >= s->cap || hole >= s->cap || (n < s->cap - 1 && hole != n)) return false;
    for (uint32_t rank = 0; rank < n; rank++) {
        uint32_t slot = s->order[rank];
        /* distinct slots follow from strictly rising positions; between tokens no live slot is the hole */
        if (slot >= s->cap || slot == hole || s->pos[slot] >= n_seen || s->pinned[slot] > 1) return false;
        if (n < s->cap - 1 && slot >= n) return false;
        if (rank && s->pos[slot] <= s->pos[s->order[rank - 1]]) return false;
        pinned += s->pinned[slot];
    }
    return pinned == n_pinned;
}
