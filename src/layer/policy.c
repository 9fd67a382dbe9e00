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

/* Ranks [from, to) in age order, not pinned, position at least min_pos: the lowest score, or the oldest without scores. */
static uint32_t lowest(const pal_slots *s, uint32_t to, uint32_t min_pos, bool scored) {
    uint32_t best = UINT32_MAX;
    for (uint32_t rank = 0; rank < to; rank++) {
        uint32_t slot = s->order[rank];
        if (s->pinned[slot] || s->pos[slot] < min_pos) continue;
        if (best == UINT32_MAX) best = rank;
        if (!scored) break;
        if (s->score[slot] < s->score[s->order[best]]) best = rank;
    }
    return best;
}

static uint32_t oldest_unpinned(const pal_slots *s) { return lowest(s, pal_slots_n(s), 0, false); }

static uint32_t window_leaves(const pal_slots *s, pal_policy_options o) {
    (void)o;
    return oldest_unpinned(s);
}

static uint32_t sinks_leaves(const pal_slots *s, pal_policy_options o) {
    uint32_t rank = lowest(s, pal_slots_n(s), o.sinks, false);
    return rank != UINT32_MAX ? rank : oldest_unpinned(s);
}

static uint32_t h2o_leaves(const pal_slots *s, pal_policy_options o) {
    uint32_t n = pal_slots_n(s), rank = lowest(s, n > o.recent ? n - o.recent : 0, 0, true);
    return rank != UINT32_MAX ? rank : oldest_unpinned(s);
}

static uint32_t tova_leaves(const pal_slots *s, pal_policy_options o) {
    (void)o;
    return lowest(s, pal_slots_n(s), 0, true);
}

static const pal_policy policies[] = {
    {"full", false, false, NULL},    {"window", false, false, window_leaves}, {"sinks", false, false, sinks_leaves},
    {"h2o", true, true, h2o_leaves}, {"tova", false, false, tova_leaves},     {"tova-head", true, false, tova_leaves},
};

const pal_policy *pal_policy_row(uint32_t i) { return i < sizeof policies / sizeof *policies ? &policies[i] : NULL; }

uint64_t pal_slots_bytes(uint32_t cap) { return pal_align(8 + (uint64_t)cap * 16); }

pal_slots pal_slots_at(void *memory, uint32_t cap) {
    uint32_t *words = memory;
    return (pal_slots){words, words + 2, words + 2 + cap, words + 2 + 2 * cap, (float *)(words + 2 + 3 * cap), cap};
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
