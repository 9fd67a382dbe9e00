#include "state.h"

#define MAGIC 0x4c415021u /* "!PAL" */
#define VERSION 6u

pal_bounds pal_bounds_of(const pal_limits *l) {
    return (pal_bounds){.policy = pal_policy_row(l->policy),
                        .options = {l->sinks, l->recent},
                        .budget = l->budget,
                        .chunk = l->chunk,
                        .cache_positions = l->positions == PAL_POSITIONS_CACHE,
                        .cache_format = l->cache};
}

uint32_t *pal_state_recent(pal_state *s) { return (uint32_t *)(s + 1); }

float *pal_state_hidden(pal_state *s) { return (float *)(pal_state_recent(s) + PAL_MAX_RECENT); }

uint64_t pal_state_layer(const pal_model *m, const pal_bounds *b, uint32_t layer) {
    uint64_t at = sizeof(pal_state) + PAL_MAX_RECENT * sizeof(uint32_t) + pal_align(m->dim * sizeof(float));
    for (uint32_t i = 0; i < layer; i++) at += pal_align(m->layers[i].kind->state_bytes(&m->layers[i], b));
    return at;
}

uint64_t pal_state_bytes(const pal_model *m, const pal_limits *l) {
    pal_bounds b = pal_bounds_of(l);
    return pal_state_layer(m, &b, m->n_layer);
}

/* The chunk size is no part of the layout: it does not change a bit (design I5). */
uint64_t pal_state_layout(const pal_model *m, const pal_limits *l) {
    pal_bounds b = pal_bounds_of(l);
    const uint32_t limits[] = {l->policy, l->budget, l->positions, l->cache, l->sinks, l->recent, m->dim, m->n_vocab};
    uint64_t h = pal_hash(pal_model_sample(m, m->fingerprint), limits, sizeof limits);
    for (uint32_t i = 0; i < m->n_layer; i++) {
        const pal_layer *layer = &m->layers[i];
        uint64_t bytes = layer->kind->state_bytes(layer, &b);
        for (const char *c = layer->kind->name; *c; c++) h = pal_hash(h, c, 1);
        h = pal_hash(h, &bytes, sizeof bytes);
    }
    return h;
}

void pal_state_reset(pal_state *s, const pal_model *m, const pal_limits *l, uint64_t seed) {
    pal_bounds b = pal_bounds_of(l);
    pal_zero(s, (size_t)pal_state_layer(m, &b, 0));
    *s = (pal_state){.magic = MAGIC,
                     .version = VERSION,
                     .layout = pal_state_layout(m, l),
                     .bytes = pal_state_bytes(m, l),
                     .rng = pal_rng_seed(seed)};
    for (uint32_t i = 0; i < m->n_layer; i++)
        m->layers[i].kind->reset(&m->layers[i], &b, (uint8_t *)s + pal_state_layer(m, &b, i));
}

uint64_t pal_state_checksum(const pal_state *s) {
    const uint8_t *behind = (const uint8_t *)&s->n_seen;
    return pal_hash(s->layout, behind, (size_t)s->bytes - (size_t)(behind - (const uint8_t *)s));
}
