/* The state of a session: one block without pointers, little endian, 16-byte aligned (design I2).

   pal_state | recent [PAL_MAX_RECENT] u32 | hidden [dim] f32 | layer 0 | layer 1 | ...      each piece 16-byte aligned */
#ifndef PAL_STATE_H
#define PAL_STATE_H

#include "model.h"
#include "pal.h"

typedef struct {
    uint32_t magic, version;
    uint64_t layout;   /* hash of layer kinds, dimensions, limits, the file's headers and samples of its weights */
    uint64_t bytes;    /* of the whole block */
    uint64_t checksum; /* of all bytes behind it, when sealed */
    uint64_t n_seen;   /* tokens read */
    uint64_t rng;      /* random state of the sampler */
    uint64_t n_pinned; /* tokens read as pinned */
    uint64_t unused;
} pal_state;

pal_bounds pal_bounds_of(const pal_limits *l);
uint64_t pal_state_layout(const pal_model *m, const pal_limits *l);

/* Pieces of the block. */
uint32_t *pal_state_recent(pal_state *s);
float *pal_state_hidden(pal_state *s);
uint64_t pal_state_layer(const pal_model *m, const pal_bounds *b, uint32_t layer); /* offset; layer n_layer: the end */

void pal_state_reset(pal_state *s, const pal_model *m, const pal_limits *l, uint64_t seed);
uint64_t pal_state_checksum(const pal_state *s);

#endif
