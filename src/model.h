/* Hyper-parameters and the list of layers of one GGUF, all shapes checked once. Const once it is woven. */
#ifndef PAL_MODEL_H
#define PAL_MODEL_H

#include "gguf.h"
#include "layer/layer.h"

/* How a rotary embedding gets its frequencies (RoPE, arXiv 2104.09864; YaRN, arXiv 2309.00071; LongRoPE, 2402.13753):
   angle of pair i at position pos = pos * freq_i, cos and sin times `magnitude`. */
typedef struct {
    uint32_t n_rot;
    float base;   /* rope.freq_base */
    float factor; /* linear scaling and yarn: positions are divided by it; 1: none */
    bool yarn;
    float beta_fast, beta_slow; /* yarn: rotations at the edges of the ramp */
    float magnitude;
    uint32_t n_ctx_orig;
    const float *factors, *factors_long; /* [n_rot/2] divisors of the frequencies (llama3, longrope), or NULL */
} pal_rope_spec;

#define PAL_MAX_ROPES 2u
#define PAL_MAX_WIDTH (1u << 20) /* of anything that a file may say */
#define PAL_MAX_STATE (1u << 12) /* of a head */

/* How the bytes of a tensor lie: as in the file for good, as in the file but waited for by a product, woven. */
enum { PAL_AS_IN_FILE, PAL_TO_WEAVE, PAL_WOVEN };

typedef struct pal_model pal_model;
struct pal_model {
    const pal_gguf *gguf;
    pal_str arch;
    uint32_t n_vocab, dim, n_block, n_layer, n_ctx_train;
    uint64_t weight_bytes, fingerprint;
    pal_mat embedding; /* [n_vocab][dim] */
    pal_mat position;  /* [n_ctx_train][dim], format NULL without learned positions */
    float embedding_scale;
    pal_norm embedding_norm;
    bool first_values; /* layers read the values of the first */
    bool attends;      /* some layer keeps a cache: budgets and policies act */
    pal_norm out_norm;
    pal_linear head;                  /* [n_vocab][dim] */
    float logit_scale, logit_softcap; /* softcap 0: none */
    uint32_t n_rope;
    pal_rope_spec rope[PAL_MAX_ROPES];
    pal_layer *layers; /* [n_layer] */
    uint8_t *weaving;  /* [tensors] PAL_AS_IN_FILE... */
    uint64_t n_to_weave;
    uint8_t *staging;
};

/* h and a few bytes out of the middle of every tensor, as the file has them: two models of one shape, one tuned from the
   other, differ in them. */
uint64_t pal_model_sample(const pal_model *m, uint64_t h);

/* ---- for arch/: binding by GGUF's names. The first failure stays in `e`; a builder goes on and is asked once at the end ---- */
typedef struct {
    pal_model *m;
    const pal_gguf *g;
    pal_arena arena;
    pal_error *e;
    uint32_t n_head, n_head_kv, d_k, d_v, n_ff, n_rot;
    float norm_eps;
    bool gated; /* attention: q with a gate behind each head */
} pal_builder;

/* "<arch>.<suffix>": required, or with a default. */
uint32_t pal_need_u32(pal_builder *b, const char *suffix);
uint32_t pal_get_u32(pal_builder *b, const char *suffix, uint32_t otherwise);
float pal_get_f32(pal_builder *b, const char *suffix, float otherwise);
/* An item of an array of booleans or integers; a scalar counts for every i. */
uint32_t pal_get_u32_at(pal_builder *b, const char *suffix, uint32_t i, uint32_t otherwise);

/* "blk.N.<name>" or "<name>" when block is PAL_NO_BLOCK. */
#define PAL_NO_BLOCK UINT32_MAX
bool pal_has(pal_builder *b, uint32_t block, const char *name);
/* Rows [row0, row0 + rows) of a matrix of all_rows rows. */
pal_mat pal_bind_rows(pal_builder *b, uint32_t block, const char *name, uint32_t row0, uint32_t rows, uint32_t all_rows,
                      uint32_t cols);
/* A tensor of floats with rows of cols. */
const float *pal_bind_floats(pal_builder *b, uint32_t block, const char *name, uint64_t cols, uint64_t rows);
/* A vector of n floats, from its item `from` on. */
const float *pal_bind_vector(pal_builder *b, uint32_t block, const char *name, uint32_t from, uint32_t n);
/* "<name>.weight" [rows][cols] and, if the file has it, "<name>.bias" [rows]. */
pal_linear pal_bind_linear(pal_builder *b, uint32_t block, const char *name, uint32_t rows, uint32_t cols);
pal_linear pal_bind_linear_rows(pal_builder *b, uint32_t block, const char *name, uint32_t row0, uint32_t rows,
                                uint32_t all_rows, uint32_t cols);
/* "<name>.weight" [n] and, for PAL_NORM_LAYER, "<name>.bias" [n]. */
pal_norm pal_bind_norm(pal_builder *b, uint32_t kind, uint32_t block, const char *name, uint32_t n);

/* The convolution "<name>.weight" [channels][taps] and, if the file has it, "<name>.bias". */
pal_conv pal_bind_conv(pal_builder *b, uint32_t block, const char *name, uint32_t channels, uint32_t taps);

/* A layer of any kind behind a norm; what families share; each fills what is its own afterwards. */
pal_layer *pal_add_layer(pal_builder *b, const pal_kind *kind, uint32_t block, uint32_t norm_kind, const char *norm);
/* What a block has: 0 where the file says that it has no attention. */
uint32_t pal_heads_of(pal_builder *b, uint32_t block);
pal_layer *pal_add_attention(pal_builder *b, uint32_t block,
                             uint32_t norm_kind); /* pre norm, q k v o (fused or apart), rope 0 */
/* gate and up may be fused in one ffn_up of twice the rows, gate first */
pal_layer *pal_add_mlp(pal_builder *b, uint32_t block, uint32_t norm_kind, uint32_t act); /* behind ffn_norm */
pal_layer *pal_add_mlp_behind(pal_builder *b, uint32_t block, uint32_t norm_kind, uint32_t act, const char *norm);
/* Reads rope.* into rope 0: base, linear or yarn scaling, rope_freqs.weight, long and short factors. */
void pal_read_rope(pal_builder *b);

/* A family of architectures: fills the model. */
typedef struct {
    const char *name; /* general.architecture */
    uint32_t norm_kind;
    void (*build)(pal_builder *b);
    const char *out_norm; /* name of the last norm; NULL: output_norm, "": none */
} pal_arch;
const pal_arch *pal_arch_row(uint32_t i); /* NULL past the end */

#endif
