/* The one contract of every layer kind (design I3): tell the bytes of its state, reset it, run forward over n tokens.
   A layer reads its weights (const), writes its state (flat, saved) and its scratch (forgotten). */
#ifndef PAL_LAYER_H
#define PAL_LAYER_H

#include "../team.h"
#include "kinds.h"
#include "policy.h"

typedef struct pal_layer pal_layer;

/* Cache positions: the distance of the ranks by which keys are kept rotated, see attention.c. */
enum { PAL_RANK_STEP = 32 };

/* What of a session's limits a layer may know. */
typedef struct {
    const pal_policy *policy;
    pal_policy_options options;
    uint32_t budget, chunk;
    bool cache_positions;
    uint32_t cache_format; /* row of the table in cache.c */
} pal_bounds;

/* One chunk of a session on its way through the layers. */
typedef struct {
    const pal_bounds *bounds;
    uint32_t n;             /* tokens of the chunk */
    uint32_t pos;           /* position of the first */
    bool pinned;            /* they never leave */
    float *const *rope;     /* per rope of the model: [rows][2][n_rot/2]; row i is token i of the chunk (original
                                 positions) or rank i (cache positions) */
    int16_t *const *rope16; /* the same * 2^14, for q8 */
    float *const *back;     /* cache positions, per rope: [2][n_rot/2], turns a key back by PAL_RANK_STEP ranks */
    float *first;           /* [n][dim] values of the first layer for those behind it (RWKV-7) */
    void *act;              /* scratch of pal_act for the widest product of the chunk */
    uint8_t *scratch;       /* kind->scratch_bytes */
    pal_team *team;         /* who works; NULL: the caller alone */
} pal_chunk;

typedef struct {
    const char *name;
    uint64_t (*state_bytes)(const pal_layer *l, const pal_bounds *b);
    uint64_t (*scratch_bytes)(const pal_layer *l, const pal_bounds *b);
    void (*reset)(const pal_layer *l, const pal_bounds *b, void *state);
    /* Whether restored bytes can be worked with. */
    bool (*valid)(const pal_layer *l, const pal_bounds *b, void *state, uint64_t n_seen, uint64_t n_pinned);
    void (*forward)(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y); /* [n][dim] each */
    uint32_t (*widest)(const pal_layer *l); /* columns of its widest matrix product */
} pal_kind;

/* x = after(x + scale * post(kind(pre(x)))) */
struct pal_layer {
    const pal_kind *kind;
    uint32_t block; /* N of blk.N */
    uint32_t dim;
    float scale;
    pal_norm pre, post, after;
    union {
        pal_attention attention;
        pal_mlp mlp;
        pal_ssm ssm;
        pal_shortconv shortconv;
        pal_delta delta;
        pal_time_mix time_mix;
        pal_channel_mix channel_mix;
        pal_ttt ttt;
        pal_retention retention;
        pal_rglru rglru;
        pal_s4d s4d;
    };
};

extern const pal_kind pal_attention_kind, pal_mlp_kind, pal_mamba_kind, pal_mamba2_kind, pal_shortconv_kind,
    pal_delta_kind, pal_time_mix_kind, pal_channel_mix_kind, pal_conv_kind, pal_ttt_kind, pal_retention_kind,
    pal_rglru_kind, pal_s4d_kind;

/* Pieces of scratch, one behind the other; laid out from address 0 they are only counted. */
static inline float *pal_floats(uint64_t *at, uint64_t n) {
    float *piece = (float *)(uintptr_t)*at;
    *at += pal_align(n * sizeof(float));
    return piece;
}
/* For kinds whose state may hold any bytes. */
bool pal_any_state(const pal_layer *l, const pal_bounds *b, void *state, uint64_t n_seen, uint64_t n_pinned);
/* For kinds that start from zeros. */
void pal_zero_state(const pal_layer *l, const pal_bounds *b, void *state);
/* y[n][channels] = convolution of x (so many floats a token), or silu of it; channels shared out. */
void pal_convolve(pal_team *t, const pal_conv *c, float *state, const float *x, uint32_t x_stride, uint32_t n,
                  bool silu, float *y);
/* Floats of the state of a convolution. */
static inline uint64_t pal_conv_state(const pal_conv *c) { return pal_align(4ull * (c->taps - 1) * c->channels) / 4; }

/* n rows of y = norm(x); y may be x. */
void pal_norm_rows(const pal_norm *norm, const float *x, uint32_t n, uint32_t dim, float *y);
/* One step of a layer: y[n][rows] = W x + bias for each W of a list; x has the columns of all, their rows are shared out
   among the team. */
typedef struct {
    const pal_linear *linear;
    float *y;
} pal_product;
void pal_products(pal_team *t, const pal_act *x, const pal_product *list, uint32_t n);

/* The attention layer's view of its state, for the session's questions. */
uint32_t pal_attention_sets(const pal_layer *l, const pal_bounds *b);
pal_slots pal_attention_slots(const pal_layer *l, const pal_bounds *b, void *state, uint32_t set);

#endif
