/* The one contract of every layer kind (design I3): tell the bytes of its state, reset it, run forward over n tokens.
   A layer reads its weights (const), writes its state (flat, saved) and its scratch (forgotten). */
#ifndef PAL_LAYER_H
#define PAL_LAYER_H

#include "../matmul.h"
#include "../ops.h"
#include "../team.h"
#include "policy.h"

/* y = W x + bias, W [rows][cols] */
typedef struct {
    pal_mat w;
    const float *bias; /* [rows] or NULL */
} pal_linear;

enum { PAL_NORM_NONE, PAL_NORM_RMS, PAL_NORM_LAYER };
typedef struct {
    uint32_t kind;
    float eps;
    const float *w, *b; /* [dim]; b may be NULL */
} pal_norm;

typedef struct pal_layer pal_layer;

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
    int16_t *const *rope16; /* the same * 2^14, for cache positions and q8 */
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

/* Attention over a bounded cache; see attention.c. */
typedef struct {
    /* q [n_head*d_k][dim], k [n_head_kv*d_k][dim], v [n_head_kv*d_v][dim], o [dim][n_head*d_v] */
    pal_linear q, k, v, o;
    pal_norm q_norm, k_norm; /* per head, over d_k; kind NONE without */
    uint32_t n_head, n_head_kv, d_k, d_v;
    int32_t rope; /* index into the model's ropes, -1: none */
    uint32_t n_rot;
    bool interleaved;
    float scale, softcap; /* softcap 0: none */
    uint32_t window;      /* sliding window of the model: a key at distance >= window is not seen; 0: none */
} pal_attention;

enum { PAL_ACT_SILU, PAL_ACT_GELU };
/* y = down(act(gate x) * up x), or down(act(up x)) without a gate; see mlp.c. */
typedef struct {
    pal_linear gate, up, down; /* gate.w.format NULL: none */
    uint32_t act;
} pal_mlp;

/* x += scale * post(kind(pre(x))) */
struct pal_layer {
    const pal_kind *kind;
    uint32_t block; /* N of blk.N */
    uint32_t dim;
    pal_norm pre, post;
    union {
        pal_attention attention;
        pal_mlp mlp;
    };
};

extern const pal_kind pal_attention_kind, pal_mlp_kind;

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
