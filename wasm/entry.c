/* The boundary: only numbers cross it. Text and records go through memory that the shim reserves behind __heap_base
   (the module never allocates and never grows its memory) or through the mailbox. The only globals of the project.

   Return values: >= 0 is a result, negative is PAL_E_*; the text of the last failure is in the mailbox (pal_text).
   Pointers are byte addresses, `u32 *out` records are consecutive 32-bit words; files are under 4 GiB. */
#include "../src/pal.h"
#include "../src/quant.h"
#include "../src/session.h"
#include "../src/sha256.h"
#include "../src/simd_int.h"
#include "../src/tokenizer.h"

#define EXPORT(name) __attribute__((export_name(#name), visibility("default"), used))

static pal_error error;

static pal_error *fresh(void) {
    error.code = 0;
    error.text[0] = 0;
    return &error;
}

/* The mailbox: text of the last failure, terminated. */
EXPORT(pal_text) const char *text(void) { return error.text; }

/* 0 strict, 1 fused: the class of bits of this build (design I4). */
EXPORT(pal_class) int32_t class_of_bits(void) {
#ifdef PAL_FUSED
    return 1;
#else
    return 0;
#endif
}

/* 1 when this machine computes what the build promises: the multiply-add rounds once (fused) or twice (strict), and the
   int8 dot product is exact. Arguments arrive from outside so that nothing is folded: call with (3, 0x1p-12f). */
EXPORT(pal_probe) int32_t probe(int32_t three, float tiny) {
    b16 a, w;
    for (int i = 0; i < 16; i++) a[i] = (int8_t)(-127 + (i == 5) * three), w[i] = (int8_t)(124 + three);
    bool exact = i4_sum(i4_dot_b16_u7(a, w, i4_set(three))) == (-127 * 16 + three) * 127 + 4 * three;
    f4 one = f4_set(1 + tiny); /* (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24; the last term survives one rounding only */
    bool once = f4_madd(one, one, f4_set(-(1 + 2 * tiny)))[0] != 0;
    return exact && once == class_of_bits();
}

/* ---- number formats ---- */
/* Row i of the table: out = {name, ggml type, weights per block, bytes per block}; -1 past the end. */
EXPORT(pal_format_at) int32_t format_at(uint32_t i, uint32_t *out) {
    const pal_format *f = pal_format_row(i);
    if (!f) return -1;
    out[0] = (uint32_t)(uintptr_t)f->name, out[1] = f->type, out[2] = f->block, out[3] = f->bytes;
    return 0;
}
/* n floats at `from` -> the format's blocks at `to`; bytes written or PAL_E_*. n: a multiple of the block. */
EXPORT(pal_pack) int32_t pack(uint32_t type, const float *from, uint8_t *to, uint32_t n) {
    const pal_format *f = pal_format_of(type);
    if (!f || n % f->block)
        return pal_fail(fresh(), PAL_E_ARGUMENT, PAL_STR("pack"),
                        "row length is not a multiple of the format's block; choose another type");
    f->pack(from, to, n);
    return (int32_t)pal_format_bytes(f, n);
}
EXPORT(pal_unpack) int32_t unpack(uint32_t type, const uint8_t *from, float *to, uint32_t n) {
    const pal_format *f = pal_format_of(type);
    if (!f || n % f->block)
        return pal_fail(fresh(), PAL_E_ARGUMENT, PAL_STR("unpack"), "count is not a multiple of the format's block");
    f->unpack(from, to, n);
    return 0;
}

/* ---- gguf: files = n x {address, bytes there, bytes in all} ---- */
#define MAX_FILES 64u
static uint32_t to_files(pal_file *to, const uint32_t *from, uint32_t n) {
    n = n < MAX_FILES ? n : MAX_FILES;
    for (uint32_t i = 0; i < n; i++)
        to[i] = (pal_file){(const uint8_t *)(uintptr_t)from[3 * i], from[3 * i + 1], from[3 * i + 2]};
    return n;
}
/* Bytes for gguf_open, or PAL_E_MORE (-1) with out = {file, bytes wanted of it}, or another PAL_E_*. */
EXPORT(gguf_bytes) int32_t gguf_bytes(const uint32_t *files, uint32_t n, uint32_t *out) {
    pal_file list[MAX_FILES];
    uint64_t need = 0;
    n = to_files(list, files, n);
    int64_t bytes = pal_gguf_size(list, n, &need, out, fresh());
    out[1] = (uint32_t)need;
    return (int32_t)bytes;
}
/* Opens at mem, which then is the directory's address (pal_gguf). */
EXPORT(gguf_open) int32_t gguf_open(void *mem, uint32_t bytes, const uint32_t *files, uint32_t n) {
    pal_file list[MAX_FILES];
    pal_gguf *g;
    n = to_files(list, files, n);
    return pal_gguf_open(&g, mem, bytes, list, n, fresh());
}
/* out = {version, files, keys, tensors} */
EXPORT(gguf_counts) void gguf_counts(const pal_gguf *g, uint32_t *out) {
    out[0] = g->version, out[1] = g->n_files, out[2] = (uint32_t)g->n_kv, out[3] = (uint32_t)g->n_tensors;
}
/* Key i: out = {key, key bytes, type, item type, items, value, value bytes}; the value in GGUF's own encoding. */
EXPORT(gguf_kv) int32_t gguf_kv(const pal_gguf *g, uint32_t i, uint32_t *out) {
    if (i >= g->n_kv) return -1;
    const pal_kv *kv = &g->kv[i];
    out[0] = (uint32_t)(uintptr_t)kv->key.data, out[1] = (uint32_t)kv->key.n, out[2] = kv->type, out[3] = kv->item_type;
    out[4] = (uint32_t)kv->n, out[5] = (uint32_t)(uintptr_t)kv->value, out[6] = (uint32_t)kv->bytes;
    return 0;
}
/* Tensor i: out = {name, name bytes, ggml type, dimensions, ne0, ne1, ne2, ne3, bytes, file, offset in the file} */
EXPORT(gguf_tensor) int32_t gguf_tensor(const pal_gguf *g, uint32_t i, uint32_t *out) {
    if (i >= g->n_tensors) return -1;
    const pal_tensor *t = &g->tensors[i];
    out[0] = (uint32_t)(uintptr_t)t->name.data, out[1] = (uint32_t)t->name.n, out[2] = t->type, out[3] = t->n_dims;
    for (int d = 0; d < 4; d++) out[4 + d] = (uint32_t)t->ne[d];
    out[8] = (uint32_t)t->bytes, out[9] = t->file, out[10] = (uint32_t)t->offset;
    return 0;
}

/* ---- tokenizer ---- */
EXPORT(tokenizer_bytes) int32_t tokenizer_bytes(const pal_gguf *g) { return (int32_t)pal_tokenizer_size(g, fresh()); }
/* Opens at mem, which then is the tokenizer's address. */
EXPORT(tokenizer_open) int32_t tokenizer_open(void *mem, uint32_t bytes, const pal_gguf *g) {
    pal_tokenizer *t;
    return pal_tokenizer_open(&t, mem, bytes, g, fresh());
}
EXPORT(tokenizer_n) uint32_t tokenizer_n(const pal_tokenizer *t) { return pal_tokenizer_n(t); }
EXPORT(tokenizer_id) int32_t tokenizer_id(const pal_tokenizer *t, uint32_t which) { return pal_tokenizer_id(t, which); }
EXPORT(tokenizer_adds_bos) int32_t tokenizer_adds_bos(const pal_tokenizer *t) { return pal_tokenizer_adds_bos(t); }
EXPORT(tokenizer_is_eog) int32_t tokenizer_is_eog(const pal_tokenizer *t, uint32_t id) {
    return pal_tokenizer_is_eog(t, id);
}
EXPORT(tokenizer_type) uint32_t tokenizer_type(const pal_tokenizer *t, uint32_t id) {
    return pal_tokenizer_type(t, id);
}
EXPORT(encode_scratch) uint32_t encode_scratch(const pal_tokenizer *t, uint32_t n) {
    return (uint32_t)pal_encode_scratch(t, n);
}
EXPORT(encode_max) uint32_t encode_max(const pal_tokenizer *t, uint32_t n) { return (uint32_t)pal_encode_max(t, n); }
EXPORT(encode)
int32_t encode(const pal_tokenizer *t, const char *s, uint32_t n, uint32_t flags, uint32_t *ids, uint32_t max_ids,
               void *scratch, uint32_t scratch_bytes) {
    int64_t count = pal_encode(t, s, n, flags, ids, max_ids, scratch, scratch_bytes);
    return (int32_t)count;
}
EXPORT(piece) uint32_t piece(const pal_tokenizer *t, uint32_t id, uint32_t special, char *out, uint32_t max) {
    return (uint32_t)pal_piece(t, id, special, out, max);
}
EXPORT(decode)
uint32_t decode(const pal_tokenizer *t, const uint32_t *ids, uint32_t n, uint32_t special, char *out, uint32_t max) {
    return (uint32_t)pal_decode(t, ids, n, special, out, max);
}

/* ---- model ---- */
EXPORT(model_bytes) int32_t model_bytes(const pal_gguf *g) { return (int32_t)pal_model_bytes(g, fresh()); }
/* Opens at mem, which then is the model's address. The weights may still be on their way. */
EXPORT(model_open) int32_t model_open(void *mem, uint32_t bytes, const pal_gguf *g) {
    pal_model *m;
    return pal_model_open(&m, mem, bytes, g, fresh());
}
/* To be called as the bytes of a file arrive, with how many are there; matrices that are still waited for. */
EXPORT(model_weave) int32_t model_weave(pal_model *m, uint32_t file, double have) {
    return (int32_t)pal_model_weave(m, file, (uint64_t)have, fresh());
}
/* out = {arch, arch bytes, n_vocab, n_embd, n_block, n_layer, n_ctx_train, weight bytes, cache positions possible} */
EXPORT(model_describe) void model_describe(const pal_model *m, uint32_t *out) {
    pal_model_info d = pal_model_describe(m);
    out[0] = (uint32_t)(uintptr_t)d.arch.data, out[1] = (uint32_t)d.arch.n, out[2] = d.n_vocab, out[3] = d.n_embd;
    out[4] = d.n_block, out[5] = d.n_layer, out[6] = d.n_ctx_train, out[7] = (uint32_t)d.weight_bytes,
    out[8] = d.cache_positions;
}
/* Name of policy row i (terminated), 0 past the end. */
EXPORT(policy_name) const char *policy_name(uint32_t i) { return pal_policy_name(i); }

/* ---- limits: 7 words {policy, budget, positions, cache, sinks, recent, chunk}, 0 = default ---- */
static pal_limits to_limits(const uint32_t *w) { return (pal_limits){w[0], w[1], w[2], w[3], w[4], w[5], w[6]}; }
/* Fills in the defaults in place; PAL_E_* for what cannot act. */
EXPORT(limits_resolve) int32_t limits_resolve(const pal_model *m, uint32_t *w) {
    pal_limits l = to_limits(w);
    int code = pal_limits_resolve(m, &l, fresh());
    if (code) return code;
    w[0] = l.policy, w[1] = l.budget, w[2] = l.positions, w[3] = l.cache, w[4] = l.sinks, w[5] = l.recent,
    w[6] = l.chunk;
    return 0;
}
/* From here on limits are resolved ones. bytes as a double: the answer may lie beyond 32 bits. */
EXPORT(budget_for) uint32_t budget_for(const pal_model *m, const uint32_t *w, double bytes) {
    pal_limits l = to_limits(w);
    return pal_budget_for(m, &l, (uint64_t)bytes);
}
EXPORT(state_bytes) double state_bytes(const pal_model *m, const uint32_t *w) {
    pal_limits l = to_limits(w);
    return (double)pal_state_bytes(m, &l);
}
EXPORT(scratch_bytes) double scratch_bytes(const pal_model *m, const uint32_t *w) {
    pal_limits l = to_limits(w);
    return (double)pal_scratch_bytes(m, &l);
}
/* Layer i: out = {kind, block}, returns its state bytes, or -1 past the end. */
EXPORT(layer_describe) double layer_describe(const pal_model *m, uint32_t i, const uint32_t *w, uint32_t *out) {
    pal_limits l = to_limits(w);
    uint64_t bytes;
    const char *kind = pal_layer_describe(m, i, &l, &out[1], &bytes);
    out[0] = (uint32_t)(uintptr_t)kind;
    return kind ? (double)bytes : -1;
}

/* ---- session ---- */
#ifdef __wasm_atomics__
pal_team *pal_wasm_team(void); /* team.c */
#else
static pal_team *pal_wasm_team(void) {
    static pal_team alone = {1, PAL_AHEAD, NULL};
    return &alone;
}
#endif
/* pal_team_ahead from now on; no bit depends on it. */
EXPORT(team_ahead) void team_ahead(uint32_t ahead) { pal_wasm_team()->ahead = ahead; }
EXPORT(session_bytes) uint32_t session_bytes(void) { return (uint32_t)pal_session_bytes(); }
EXPORT(session_open)
int32_t session_open(pal_session *s, const pal_model *m, const uint32_t *w, void *state, void *scratch) {
    pal_limits l = to_limits(w);
    int code = pal_session_open(s, m, &l, state, scratch, fresh());
    if (!code) s->run.team = pal_wasm_team();
    return code;
}
EXPORT(session_reset) void session_reset(pal_session *s, uint32_t seed_low, uint32_t seed_high) {
    pal_session_reset(s, (uint64_t)seed_high << 32 | seed_low);
}
EXPORT(session_seed) void session_seed(pal_session *s, uint32_t seed_low, uint32_t seed_high) {
    pal_session_seed(s, (uint64_t)seed_high << 32 | seed_low);
}
EXPORT(feed) int32_t feed(pal_session *s, const uint32_t *ids, uint32_t n, uint32_t pinned) {
    return pal_feed(s, ids, n, pinned, fresh());
}
/* Address of [n_vocab] floats, 0 before the first token. */
EXPORT(logits) float *logits(pal_session *s) { return pal_logits(s); }
EXPORT(nll) int32_t nll(pal_session *s, const uint32_t *next, uint32_t n, float *out) {
    return pal_nll(s, next, n, out, fresh());
}
/* The next token's id or PAL_E_*. bias: n ids, then n floats. */
EXPORT(sample)
int32_t sample(pal_session *s, float temperature, uint32_t top_k, float top_p, float min_p, float typical_p,
               float repeat_penalty, float presence_penalty, float frequency_penalty, uint32_t repeat_last_n,
               const uint32_t *bias, uint32_t n_bias) {
    pal_sampling p = {temperature, top_k, top_p, min_p, typical_p, repeat_penalty, presence_penalty, frequency_penalty};
    return (int32_t)pal_sample(s, &p, repeat_last_n, bias, (const float *)(bias + n_bias), n_bias, fresh());
}
EXPORT(seen) double seen(const pal_session *s) { return (double)pal_seen(s); }
/* States held by layer i, -1 without a cache; out = {independent sets} */
EXPORT(held) int32_t held(const pal_session *s, uint32_t i, uint32_t *out) { return pal_held(s, i, out); }
EXPORT(retained) uint32_t retained(const pal_session *s, uint32_t i, uint32_t set, uint32_t *out, float *attention) {
    return pal_retained(s, i, set, out, attention);
}
EXPORT(state_seal) void state_seal(pal_session *s) { pal_state_seal(s); }
EXPORT(state_restore) int32_t state_restore(pal_session *s, const void *block, double bytes) {
    return pal_state_restore(s, block, (uint64_t)bytes, fresh());
}
/* out = low and high word of the hash of the state, and of the logits. */
EXPORT(state_hash) void state_hash(pal_session *s, uint32_t *out) {
    uint64_t h = pal_state_hash(s);
    out[0] = (uint32_t)h, out[1] = (uint32_t)(h >> 32);
}
EXPORT(hash) void hash(const void *bytes, uint32_t n, uint32_t *out) {
    uint64_t h = pal_hash(0, bytes, n);
    out[0] = (uint32_t)h, out[1] = (uint32_t)(h >> 32);
}
EXPORT(hash_wide) void hash_wide(const void *bytes, uint32_t n, uint32_t *out) {
    uint64_t h = pal_hash_wide(bytes, n);
    out[0] = (uint32_t)h, out[1] = (uint32_t)(h >> 32);
}

/* ---- SHA-256: s = 128 bytes; out = 32 bytes ---- */
_Static_assert(sizeof(pal_sha256) <= 128, "the shim reserves 128 bytes");
EXPORT(sha256_begin) void sha256_begin(pal_sha256 *s) { pal_sha256_begin(s); }
EXPORT(sha256_add) void sha256_add(pal_sha256 *s, const void *bytes, uint32_t n) { pal_sha256_add(s, bytes, n); }
EXPORT(sha256_end) void sha256_end(pal_sha256 *s, uint8_t *out) { pal_sha256_end(s, out); }
