/* One chunk of tokens through the model. */
#ifndef PAL_FORWARD_H
#define PAL_FORWARD_H

#include "state.h"

/* Where the work of a session lies: the state block, and the pieces of the scratch block. */
typedef struct {
    pal_state *state;
    pal_bounds bounds;
    pal_team *team;                 /* NULL: the caller alone */
    float *x, *h, *y;               /* [chunk][dim] residual stream, normed input and output of a layer */
    float *rope[PAL_MAX_ROPES];     /* original positions: [chunk][2][n_rot/2] of the chunk; cache: [budget+1] ranks */
    int16_t *rope16[PAL_MAX_ROPES]; /* the same * 2^14, for q8 */
    float *back[PAL_MAX_ROPES];     /* cache: [2][n_rot/2], turns a key back by PAL_RANK_STEP ranks */
    double *freq[PAL_MAX_ROPES];    /* [n_rot/2] radians per position */
    float *first;                   /* [chunk][dim] values of the first layer, for models that share them */
    void *act;                      /* quantised activations */
    uint8_t *layer;                 /* scratch of one layer */
    float *logits;                  /* [n_vocab], for nll [NLL_TILE][n_vocab] */
    void *sampler;
} pal_run;

/* Lays the pieces out from address `at`; returns the bytes. Opens the tables when `open` is true. */
uint64_t pal_run_layout(pal_run *r, const pal_model *m, const pal_limits *l, uint64_t at, bool open);

/* Reads n <= chunk tokens at positions n_seen, n_seen + 1, ... into the state; r->x holds the residual stream after the
   last layer, one row per token. */
void pal_forward(const pal_model *m, pal_run *r, const uint32_t *ids, uint32_t n, bool pinned);

/* logits[n][n_vocab] of n rows of the residual stream. */
void pal_head(const pal_model *m, pal_run *r, const float *x, uint32_t n, float *logits);

#define PAL_NLL_TILE 8u

#endif
