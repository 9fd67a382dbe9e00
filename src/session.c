/* A session: one conversation's state and scratch, fed in chunks. */
#include "session.h"

const char *pal_policy_name(uint32_t i) {
    const pal_policy *p = pal_policy_row(i);
    return p ? p->name : NULL;
}

/* ---- limits ---- */

int pal_limits_resolve(const pal_model *m, pal_limits *l, pal_error *e) {
    if (l->policy >= PAL_POLICIES)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("policy"),
                        "is unknown; full, window, sinks, h2o, tova and tova-head exist");
    if (l->positions > PAL_POSITIONS_CACHE)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("positions"), "is unknown; original and cache exist");
    if (l->cache > PAL_CACHE_Q8)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("cache"), "is unknown; f32, f16 and q8 exist");
    if (l->positions == PAL_POSITIONS_CACHE && m->position.format)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("positions"),
                        "this model learned its positions; only original is possible");
    if (!l->budget) l->budget = m->n_ctx_train < PAL_MAX_BUDGET ? m->n_ctx_train : PAL_MAX_BUDGET;
    if (l->budget > PAL_MAX_BUDGET)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("budget"), "is larger than 1048576 states; choose a smaller one");
    if (l->sinks && l->policy != PAL_SINKS)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("sinks"), "acts with policy sinks alone; pin the tokens instead");
    if (l->recent && l->policy != PAL_H2O)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("recent"), "acts with policy h2o alone");
    if (l->policy == PAL_SINKS && !l->sinks) l->sinks = 4;
    if (l->policy == PAL_H2O && !l->recent) l->recent = l->budget / 2;
    if ((l->policy == PAL_SINKS && l->sinks >= l->budget) || (l->policy == PAL_H2O && l->recent > l->budget))
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("budget"),
                        "leaves no room beside the sinks or recent tokens; choose a larger one");
    if (!l->chunk) l->chunk = 64;
    if (l->chunk > PAL_MAX_CHUNK) return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("chunk"), "is larger than 512 tokens");
    return 0;
}

uint32_t pal_budget_for(const pal_model *m, const pal_limits *l, uint64_t bytes) {
    uint32_t fits = 0, too_many = PAL_MAX_BUDGET + 1;
    while (too_many - fits > 1) {
        pal_limits middle = *l;
        middle.budget = fits + (too_many - fits) / 2;
        if (pal_state_bytes(m, &middle) <= bytes)
            fits = middle.budget;
        else
            too_many = middle.budget;
    }
    return fits;
}

uint64_t pal_scratch_bytes(const pal_model *m, const pal_limits *l) {
    pal_run r;
    return pal_run_layout(&r, m, l, 0, false);
}

const char *pal_layer_describe(const pal_model *m, uint32_t i, const pal_limits *l, uint32_t *block, uint64_t *bytes) {
    if (i >= m->n_layer) return NULL;
    pal_bounds b = pal_bounds_of(l);
    *block = m->layers[i].block;
    *bytes = m->layers[i].kind->state_bytes(&m->layers[i], &b);
    return m->layers[i].kind->name;
}

/* ---- life ---- */

size_t pal_session_bytes(void) { return sizeof(pal_session); }

int pal_session_open(pal_session *s, const pal_model *m, const pal_limits *l, void *state, void *scratch,
                     pal_error *e) {
    pal_limits limits = *l;
    int code = pal_limits_resolve(m, &limits, e);
    if (code) return code;
    if (m->n_to_weave)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("model"), "its weights are not all there; call pal_model_weave");
    *s = (pal_session){.model = m, .limits = limits};
    pal_run_layout(&s->run, m, &limits, (uint64_t)(uintptr_t)scratch, true);
    s->run.state = state;
    pal_session_reset(s, 0);
    return 0;
}

void pal_session_reset(pal_session *s, uint64_t seed) {
    pal_state_reset(s->run.state, s->model, &s->limits, seed);
    s->last_n = 0;
}

void pal_session_seed(pal_session *s, uint64_t seed) { s->run.state->rng = pal_rng_seed(seed); }

int pal_feed(pal_session *s, const uint32_t *ids, uint32_t n, bool pinned, pal_error *e) {
    pal_state *state = s->run.state;
    if (n == 0) return 0;
    if (n > s->limits.chunk)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("feed"), "more tokens than a chunk holds; feed them in pieces");
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] >= s->model->n_vocab)
            return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("token"),
                            "the id is not in the model's vocabulary; was it encoded for another model?");
    if (s->model->attends && s->limits.policy == PAL_FULL && state->n_seen + n > s->limits.budget)
        return pal_fail(e, PAL_E_FULL, PAL_STR("policy full"),
                        "every state is kept and the budget is used up; choose tova or another bounded policy");
    if (s->model->attends && pinned && state->n_pinned + n > s->limits.budget)
        return pal_fail(e, PAL_E_PINNED, PAL_STR("pinned tokens"),
                        "alone exceed the budget; choose a larger budget or pin less");
    if (state->n_seen + n > UINT32_MAX)
        return pal_fail(e, PAL_E_FULL, PAL_STR("session"), "4294967295 tokens have been read; start a new one");
    pal_forward(s->model, &s->run, ids, n, pinned);
    if (pinned) state->n_pinned += n;
    s->last_n = n;
    return 0;
}

/* ---- logits ---- */

float *pal_logits(pal_session *s) {
    if (!s->run.state->n_seen) return NULL;
    pal_head(s->model, &s->run, pal_state_hidden(s->run.state), 1, s->run.logits);
    return s->run.logits;
}

int pal_nll(pal_session *s, const uint32_t *next, uint32_t n, float *nll, pal_error *e) {
    const pal_model *m = s->model;
    if (n > s->last_n) return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("nll"), "more tokens than the last chunk held");
    uint32_t tile = s->limits.chunk < PAL_NLL_TILE ? s->limits.chunk : PAL_NLL_TILE;
    for (uint32_t t = 0; t < n; t += tile) {
        uint32_t rows = n - t < tile ? n - t : tile;
        pal_head(m, &s->run, s->run.x + (size_t)t * m->dim, rows, s->run.logits);
        for (uint32_t i = 0; i < rows; i++) {
            const float *row = s->run.logits + (size_t)i * m->n_vocab;
            if (next[t + i] >= m->n_vocab)
                return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("token"), "the id is not in the model's vocabulary");
            nll[t + i] = (float)(pal_logsumexp(row, m->n_vocab) - (double)row[next[t + i]]);
        }
    }
    return 0;
}

int64_t pal_sample(pal_session *s, const pal_sampling *p, uint32_t repeat_last_n, const uint32_t *bias_ids,
                   const float *bias, uint32_t n_bias, pal_error *e) {
    uint32_t recent[PAL_MAX_RECENT];
    pal_state *state = s->run.state;
    int code = pal_sampling_check(p, e);
    if (code) return code;
    if (repeat_last_n > PAL_MAX_RECENT)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("repeat_last_n"), "at most 256 tokens are remembered");
    for (uint32_t i = 0; i < n_bias; i++)
        if (bias_ids[i] >= s->model->n_vocab)
            return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("logit_bias"), "the id is not in the model's vocabulary");
    if (!state->n_seen)
        return pal_fail(e, PAL_E_ARGUMENT, PAL_STR("sample"), "nothing has been read yet; feed a token first");
    uint32_t n = state->n_seen < repeat_last_n ? (uint32_t)state->n_seen : repeat_last_n;
    for (uint32_t i = 0; i < n; i++) recent[i] = pal_state_recent(state)[(state->n_seen - n + i) % PAL_MAX_RECENT];
    return pal_sampler_pick(p, pal_logits(s), s->model->n_vocab, recent, n, bias_ids, bias, n_bias, &state->rng,
                            s->run.sampler);
}

/* ---- what is remembered ---- */

uint64_t pal_seen(const pal_session *s) { return s->run.state->n_seen; }

static pal_slots slots_of(const pal_session *s, uint32_t layer, uint32_t set) {
    const pal_layer *l = &s->model->layers[layer];
    uint8_t *state = (uint8_t *)s->run.state + pal_state_layer(s->model, &s->run.bounds, layer);
    return pal_attention_slots(l, &s->run.bounds, state, set);
}

int32_t pal_held(const pal_session *s, uint32_t layer, uint32_t *sets) {
    if (layer >= s->model->n_layer || s->model->layers[layer].kind != &pal_attention_kind) return -1;
    *sets = pal_attention_sets(&s->model->layers[layer], &s->run.bounds);
    pal_slots slots = slots_of(s, layer, 0);
    return (int32_t)pal_slots_n(&slots);
}

uint32_t pal_retained(const pal_session *s, uint32_t layer, uint32_t set, uint32_t *out, float *attention) {
    uint32_t sets;
    if (pal_held(s, layer, &sets) < 0 || set >= sets) return 0;
    pal_slots slots = slots_of(s, layer, set);
    uint32_t n = pal_slots_n(&slots);
    for (uint32_t rank = 0; rank < n; rank++) {
        out[rank] = slots.pos[slots.order[rank]];
        if (attention) attention[rank] = slots.score[slots.order[rank]];
    }
    return n;
}

/* ---- save and restore ---- */

void pal_state_seal(pal_session *s) { s->run.state->checksum = pal_state_checksum(s->run.state); }

int pal_state_restore(pal_session *s, const void *block, uint64_t n, pal_error *e) {
    const pal_model *m = s->model;
    pal_state *state = s->run.state;
    pal_state got;
    if (n < sizeof got)
        return pal_fail(e, PAL_E_FOREIGN, PAL_STR("saved state"), "is too short; it was cut off when it was saved");
    pal_copy(&got, block, sizeof got);
    if (got.magic != state->magic || got.version != state->version)
        return pal_fail(e, PAL_E_FOREIGN, PAL_STR("saved state"), "was not written by this version; start a new chat");
    if (got.layout != state->layout || got.bytes != state->bytes)
        return pal_fail(
            e, PAL_E_FOREIGN, PAL_STR("saved state"),
            "belongs to another model, policy, budget or cache format; open the session with the same ones");
    if (n != got.bytes)
        return pal_fail(e, PAL_E_FOREIGN, PAL_STR("saved state"), "has another length than it says; it was damaged");
    if (pal_state_checksum(block) != got.checksum)
        return pal_fail(e, PAL_E_FOREIGN, PAL_STR("saved state"), "does not match its checksum; it was damaged");
    bool fits = got.n_seen <= UINT32_MAX && got.n_pinned <= got.n_seen &&
                (!m->attends || (got.n_pinned <= s->limits.budget &&
                                 (s->limits.policy != PAL_FULL || got.n_seen <= s->limits.budget)));
    const uint32_t *recent = pal_state_recent((pal_state *)block);
    for (uint32_t i = 0; i < PAL_MAX_RECENT; i++) fits = fits && recent[i] < m->n_vocab;
    for (uint32_t i = 0; i < m->n_layer && fits; i++)
        fits = m->layers[i].kind->valid(&m->layers[i], &s->run.bounds,
                                        (uint8_t *)block + pal_state_layer(m, &s->run.bounds, i), got.n_seen,
                                        got.n_pinned);
    if (!fits) return pal_fail(e, PAL_E_FOREIGN, PAL_STR("saved state"), "contradicts itself; it was damaged");
    pal_copy(state, block, (size_t)got.bytes);
    s->last_n = 0;
    return 0;
}

uint64_t pal_state_hash(const pal_session *s) { return pal_state_checksum(s->run.state); }
