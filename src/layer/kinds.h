/* What a layer of each kind holds: its tensors and dimensions, bound by arch/. */
#ifndef PAL_KINDS_H
#define PAL_KINDS_H

#include "../matmul.h"
#include "../ops.h"

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
    bool gated;           /* q has a gate behind each head: o *= sigmoid(gate) before the output product */
    uint32_t window;      /* sliding window of the model: a key at distance >= window is not seen; 0: none */
} pal_attention;

enum { PAL_ACT_SILU, PAL_ACT_GELU, PAL_ACT_GELU_ERF, PAL_ACT_RELU };
/* y = down(act(gate x) * up x), or down(act(up x)) without a gate; see mlp.c. */
typedef struct {
    pal_linear gate, up, down; /* gate.w.format NULL: none */
    uint32_t act;
} pal_mlp;

/* Selective state spaces; see ssm.c. Mamba has a head per channel and a decay per state, Mamba-2 a decay per head. */
typedef struct {
    pal_linear in, x, dt, out; /* x and dt.w: Mamba alone */
    pal_conv conv;
    const float *a, *d; /* -exp(A_log) [n_head][n_state], Mamba-2 [n_head]; D [n_head] */
    pal_norm norm;      /* Mamba-2: weights [n_inner], over n_inner / n_group each */
    uint32_t n_inner, n_state, n_head, n_group, dt_rank; /* dt_rank 0: Mamba-2 */
} pal_ssm;

/* LFM2's gated short convolution, and one by itself (in, out: none); see shortconv.c. */
typedef struct {
    pal_linear in, out;
    pal_conv conv;
} pal_shortconv;

/* Gated delta rule; see delta.c. */
typedef struct {
    pal_linear qkv, gate, alpha, beta, out;
    pal_conv conv;
    const float *a, *dt_bias; /* -exp(A_log), [n_head_v] each */
    pal_norm norm;            /* over d */
    uint32_t n_head_k, n_head_v, d;
} pal_delta;

/* offset + second f(first x) */
typedef struct {
    pal_linear first, second;
    const float *offset;
} pal_low_rank;

/* RWKV-7; see rwkv7.c. */
typedef struct {
    pal_linear r, k, v, o, g1, g2;
    pal_low_rank w, a, v_mix;     /* v_mix.offset NULL: the first layer, whose values the others read */
    const float *mu;              /* [6][dim] of r, w, k, v, a, g */
    const float *k_k, *k_a, *r_k; /* [dim] */
    pal_norm norm;                /* weights [dim], over d */
    uint32_t d;
} pal_time_mix;
typedef struct {
    pal_linear key, value;
    const float *mu; /* [dim] */
} pal_channel_mix;

/* Test-time training; see ttt.c. */
typedef struct {
    pal_linear q, k, v, o, gate, lr; /* k: none where q is shared; gate: or none; lr [n_head][dim] */
    pal_conv conv_q, conv_k;         /* of the shared projection */
    const float *w1, *b1, *w2, *b2;  /* [n_head][d][h], [n_head][h], [n_head][h][d], [n_head][d]; linear: w2 NULL */
    const float *tau;                /* [batch] added to 1 / (t + 1) */
    pal_norm norm, post_norm;        /* norm: weights [n_head][d] */
    uint32_t n_head, d, h, batch;
    float base_lr, rope_base;
} pal_ttt;

/* Retention; see retention.c. */
typedef struct {
    pal_linear q, k, v, gate, o;
    uint32_t n_head, d_k, d_v;
    float eps;
} pal_retention;

/* Griffin's recurrent block; see rglru.c. */
typedef struct {
    pal_linear x, y, o;
    pal_conv conv;
    const float *recurrent_w, *recurrent_b, *input_w, *input_b; /* [n_head][d][d] as [in][out], [n_head][d] */
    const float *log_a;                                         /* -8 softplus(Lambda) */
    uint32_t n_head;
} pal_rglru;

/* S4D; see s4d.c. */
typedef struct {
    const float *a, *b, *c, *d; /* [dim][re, im][n_mode], d [dim] */
    pal_linear out;             /* [2 dim][dim] */
    uint32_t n_mode;
} pal_s4d;

#endif
