/* Palimpsest: a language model whose memory never grows.

   model.gguf -> pal_gguf (directory) -> pal_model (const) -> pal_state_bytes -> one flat block -> pal_session

       pal_gguf_open(&gguf, mem, bytes, files, n_files, &error);
       pal_model_open(&model, mem, bytes, gguf, &error);
       pal_limits limits = {.policy = PAL_TOVA, .budget = 1024};
       pal_session_open(&session, model, &limits, state, scratch, &error);
       pal_feed(&session, ids, n, false, &error);
       id = pal_sample(&session, &sampling, ...);

   The caller owns all memory; nothing here allocates. Failures are negative PAL_E_*, their text is in pal_error. */
#ifndef PAL_H
#define PAL_H

#include "gguf.h"
#include "sampler.h"

typedef struct pal_model pal_model; /* model.h */
typedef struct pal_session pal_session;

/* Rows of the table in layer/policy.c. */
enum { PAL_FULL, PAL_WINDOW, PAL_SINKS, PAL_H2O, PAL_TOVA, PAL_TOVA_HEAD, PAL_POLICIES };
/* original: keys keep the rotation of their true position; cache: rotated by their rank in the cache. */
enum { PAL_POSITIONS_ORIGINAL, PAL_POSITIONS_CACHE };
enum { PAL_CACHE_F32, PAL_CACHE_F16, PAL_CACHE_Q8 };

/* What bounds a session. Zero means the default in brackets. */
typedef struct {
    uint32_t policy;    /* PAL_FULL... [full] */
    uint32_t budget;    /* states each layer keeps between tokens [the model's trained context] */
    uint32_t positions; /* PAL_POSITIONS_* [original] */
    uint32_t cache;     /* PAL_CACHE_* number format of keys and values [f32] */
    uint32_t sinks;     /* policy sinks: the first tokens that never leave [4] */
    uint32_t recent;    /* policy h2o: the newest tokens that never leave [budget/2] */
    uint32_t chunk;     /* tokens per matrix product, at most PAL_MAX_CHUNK [64] */
} pal_limits;

#define PAL_MAX_BUDGET (1u << 20)
#define PAL_MAX_CHUNK 512u
#define PAL_MAX_RECENT 256u /* tokens remembered for the repeat penalties */

/* ---- model: const once it is woven ---- */
int64_t pal_model_bytes(const pal_gguf *g, pal_error *e);
/* Binds every tensor and checks every shape once. The gguf and its files stay referenced. */
int pal_model_open(pal_model **m, void *mem, size_t bytes, const pal_gguf *g, pal_error *e);
/* Rearranges the matrices of a file that lie within its first `have` bytes, in place and each once, as the products want
   them (quant_weave.h); the bytes must be writable. Returns how many matrices are still waited for; sessions want none.
   PAL_E_FORMAT names a matrix whose numbers are those of no model. */
int64_t pal_model_weave(pal_model *m, uint32_t file, uint64_t have, pal_error *e);

typedef struct {
    pal_str arch;
    uint32_t n_vocab, n_embd, n_block, n_layer; /* n_layer: attention and mlp counted apart */
    uint32_t n_ctx_train;
    uint64_t weight_bytes;
    bool cache_positions; /* false: positions are learned, PAL_POSITIONS_CACHE is refused */
} pal_model_info;
pal_model_info pal_model_describe(const pal_model *m);
/* Of layer i: its kind ("attention", "mlp", ...), its number N in blk.N, and the bytes of its state under these limits. */
const char *pal_layer_describe(const pal_model *m, uint32_t i, const pal_limits *l, uint32_t *block,
                               uint64_t *state_bytes);

/* ---- limits ---- */
/* Fills in the defaults and refuses what cannot act. Everything below takes resolved limits. */
int pal_limits_resolve(const pal_model *m, pal_limits *l, pal_error *e);
/* The largest budget whose state fits in bytes; 0 when none does. */
uint32_t pal_budget_for(const pal_model *m, const pal_limits *l, uint64_t bytes);
uint64_t pal_state_bytes(const pal_model *m, const pal_limits *l);
uint64_t pal_scratch_bytes(const pal_model *m, const pal_limits *l);

/* ---- session: one state block (saved) and one scratch block (forgotten), both 16-byte aligned ---- */
size_t pal_session_bytes(void);
int pal_session_open(pal_session *s, const pal_model *m, const pal_limits *l, void *state, void *scratch, pal_error *e);
/* Forgets everything but the limits; seeds the random state. */
void pal_session_reset(pal_session *s, uint64_t seed);
/* Sets the random state alone. */
void pal_session_seed(pal_session *s, uint64_t seed);
/* Reads n tokens, at most limits.chunk. pinned tokens never leave. 0 or PAL_E_*; nothing is read on failure. */
int pal_feed(pal_session *s, const uint32_t *ids, uint32_t n, bool pinned, pal_error *e);
/* Logits [n_vocab] after the last token read; valid until the next call. NULL before the first token. */
float *pal_logits(pal_session *s);
/* nll[i] = -ln p(next[i]) after token i of the chunk that was fed last, i < n. */
int pal_nll(pal_session *s, const uint32_t *next, uint32_t n, float *nll, pal_error *e);
/* Draws the next token (it is not fed yet). repeat_last_n <= PAL_MAX_RECENT. id or PAL_E_*. */
int64_t pal_sample(pal_session *s, const pal_sampling *p, uint32_t repeat_last_n, const uint32_t *bias_ids,
                   const float *bias, uint32_t n_bias, pal_error *e);

/* ---- what is remembered ---- */
uint64_t pal_seen(const pal_session *s);
/* States held by layer i, or -1 for a layer without a cache; heads: independent sets (1, or KV heads). */
int32_t pal_held(const pal_session *s, uint32_t layer, uint32_t *sets);
/* Their positions, ascending, into out [held]. attention (may be NULL): mean weight given by the newest token. */
uint32_t pal_retained(const pal_session *s, uint32_t layer, uint32_t set, uint32_t *out, float *attention);

/* ---- save, restore, fork: copies of the block (design I2) ---- */
/* Stamps the block with its checksum; after it state_bytes of `state` can be copied away. */
void pal_state_seal(pal_session *s);
/* Takes a sealed block of n bytes. PAL_E_FOREIGN for another model, layout, version or a damaged block: then the session
   keeps what it had. */
int pal_state_restore(pal_session *s, const void *block, uint64_t n, pal_error *e);
/* Hash of the block without its stamp, and of the logits: what tests compare between builds. */
uint64_t pal_state_hash(const pal_session *s);

#endif
