/* Who leaves the cache. A policy sees slots, ages and scores, never keys, values or the model. */
#ifndef PAL_POLICY_H
#define PAL_POLICY_H

#include "../base.h"

/* One set of slots: per layer, or per KV head for policies that decide per head.
   At most cap = budget + 1 states live inside a token, budget between tokens. Slots are overwritten, never shifted;
   age is kept in `order`. */
typedef struct {
    uint32_t *head;   /* [4] n live, hole: the slot that the next append takes once n reached cap - 1; 0, 0 */
    uint32_t *pos;    /* [cap] token position of each slot; this and all below have room for whole vectors of 4 */
    uint32_t *order;  /* [cap] slots from the oldest to the newest */
    uint32_t *pinned; /* [cap] 1: never leaves */
    float *score;     /* [cap] by slot: attention of the newest token, or its sum over time (h2o) */
    uint32_t cap;
} pal_slots;

typedef struct {
    uint32_t sinks, recent;
} pal_policy_options;

typedef struct {
    const char *name;
    bool per_head;    /* one set of slots per KV head */
    bool accumulates; /* scores are summed over time, not replaced */
    /* Rank in age order of the state that leaves, among all n live ones including the newest; NULL: nothing leaves. */
    uint32_t (*leaves)(const pal_slots *s, pal_policy_options o);
} pal_policy;

const pal_policy *pal_policy_row(uint32_t i); /* NULL past the end */

uint64_t pal_slots_bytes(uint32_t cap);
pal_slots pal_slots_at(void *memory, uint32_t cap);
void pal_slots_reset(pal_slots *s);
static inline uint32_t pal_slots_n(const pal_slots *s) { return s->head[0]; }
/* Makes the newest state and returns its slot. n < cap. */
uint32_t pal_slots_append(pal_slots *s, uint32_t pos, bool pinned);
/* Frees the slot of the state at this rank; the next append takes it. */
void pal_slots_evict(pal_slots *s, uint32_t rank);
/* Whether restored bytes can be worked with: counts, ranks and ages consistent, positions below n_seen,
   n_pinned of them pinned. */
bool pal_slots_valid(const pal_slots *s, uint64_t n_seen, uint64_t n_pinned);

#endif
