/* Opening a model: hyper-parameters by GGUF's keys, then the architecture's builder lists the layers. */
#include "model.h"

#include "arch/arch.h"
#include "layer/cache.h"
#include "pal.h"
#include "quant_weave.h"

/* ---- keys ---- */

/* "<arch>.<suffix>" or "blk.N.<name>" in a buffer of the caller. */
typedef struct {
    char text[128];
} key;

static void append(key *k, size_t *at, const char *s, size_t n) {
    for (size_t i = 0; i < n && *at + 1 < sizeof k->text; i++) k->text[(*at)++] = s[i];
    k->text[*at] = 0;
}

static size_t length(const char *s) {
    size_t n = 0;
    while (s[n]) n++;
    return n;
}

static pal_str str_of(const char *s) { return (pal_str){s, length(s)}; }

static key key_of(const pal_str arch, const char *suffix) {
    key k;
    size_t at = 0;
    append(&k, &at, arch.data, arch.n);
    append(&k, &at, ".", 1);
    append(&k, &at, suffix, length(suffix));
    return k;
}

static key name_of(uint32_t block, const char *name, const char *tail) {
    key k;
    size_t at = 0;
    if (block != PAL_NO_BLOCK) {
        char digits[10];
        size_t n = 0;
        append(&k, &at, "blk.", 4);
        do digits[n++] = (char)('0' + block % 10);
        while (block /= 10);
        while (n) append(&k, &at, &digits[--n], 1);
        append(&k, &at, ".", 1);
    }
    append(&k, &at, name, length(name));
    append(&k, &at, tail, length(tail));
    return k;
}

uint32_t pal_get_u32(pal_builder *b, const char *suffix, uint32_t otherwise) {
    pal_gguf_u32(b->g, key_of(b->m->arch, suffix).text, &otherwise, b->e);
    return otherwise;
}

uint32_t pal_need_u32(pal_builder *b, const char *suffix) {
    key k = key_of(b->m->arch, suffix);
    uint32_t value = 0;
    if (pal_gguf_u32(b->g, k.text, &value, b->e) == 0)
        pal_fail(b->e, PAL_E_FORMAT, str_of(k.text), "this key is missing; convert the model again");
    return value;
}

float pal_get_f32(pal_builder *b, const char *suffix, float otherwise) {
    key k = key_of(b->m->arch, suffix);
    pal_gguf_f32(b->g, k.text, &otherwise, b->e);
    if (!(otherwise - otherwise == 0))
        pal_fail(b->e, PAL_E_FORMAT, str_of(k.text), "is not a finite number; convert the model again");
    return otherwise;
}

uint32_t pal_get_u32_at(pal_builder *b, const char *suffix, uint32_t i, uint32_t otherwise) {
    key k = key_of(b->m->arch, suffix);
    const pal_kv *kv = pal_gguf_find(b->g, k.text);
    if (!kv || kv->type != PAL_ARRAY) return pal_get_u32(b, suffix, otherwise);
    double value = i < kv->n && kv->item_type != PAL_STRING ? pal_kv_number(kv, i) : -1;
    if (!(value >= 0 && value <= UINT32_MAX)) {
        pal_fail(b->e, PAL_E_FORMAT, str_of(k.text), "needs one whole number for each block; convert the model again");
        return otherwise;
    }
    return (uint32_t)value;
}

/* ---- tensors ---- */

bool pal_has(pal_builder *b, uint32_t block, const char *name) {
    return pal_gguf_tensor(b->g, name_of(block, name, "").text);
}

static const pal_tensor *need(pal_builder *b, const char *name, uint64_t cols, uint64_t rows) {
    const pal_tensor *t = pal_gguf_tensor(b->g, name);
    if (!t) {
        pal_fail(b->e, PAL_E_FORMAT, str_of(name),
                 "this tensor is missing; the file is incomplete or of another architecture");
        return NULL;
    }
    if (t->ne[0] == cols && t->ne[1] == rows && t->ne[2] == 1 && t->ne[3] == 1) return t;
    pal_fail(b->e, PAL_E_FORMAT, str_of(name), "its shape does not fit the model's keys; convert the model again");
    return NULL;
}

pal_mat pal_bind_rows(pal_builder *b, uint32_t block, const char *name, uint32_t row0, uint32_t rows, uint32_t all_rows,
                      uint32_t cols) {
    const pal_tensor *t = need(b, name_of(block, name, "").text, cols, all_rows);
    if (!t) return (pal_mat){0};
    const pal_format *f = pal_format_of(t->type);
    uint32_t woven = pal_woven_rows(f, all_rows);
    uint8_t *state = &b->m->weaving[t - b->g->tensors];
    if (f->integer && *state == PAL_AS_IN_FILE) *state = PAL_TO_WEAVE, b->m->n_to_weave++;
    return (pal_mat){f, t->data, rows, cols, row0, woven};
}

const float *pal_bind_floats(pal_builder *b, uint32_t block, const char *name, uint64_t cols, uint64_t rows) {
    key k = name_of(block, name, "");
    const pal_tensor *t = pal_gguf_tensor(b->g, k.text);
    if (!t || t->ne[0] != cols || t->ne[1] * t->ne[2] * t->ne[3] != rows) t = need(b, k.text, cols, rows);
    if (!t) return NULL;
    if (t->type != 0)
        pal_fail(b->e, PAL_E_SUPPORT, str_of(k.text),
                 "vectors must be F32; convert the model again with a current converter");
    if ((uintptr_t)t->data % sizeof(float))
        pal_fail(b->e, PAL_E_ARGUMENT, str_of(k.text), "is not aligned; place the file at an address divisible by 64");
    return (const float *)(const void *)t->data;
}

const float *pal_bind_vector(pal_builder *b, uint32_t block, const char *name, uint32_t from, uint32_t n) {
    const float *v = pal_bind_floats(b, block, name, n, 1);
    return v ? v + from : NULL;
}

pal_conv pal_bind_conv(pal_builder *b, uint32_t block, const char *name, uint32_t channels, uint32_t taps) {
    key weight = name_of(PAL_NO_BLOCK, name, ".weight"), bias = name_of(PAL_NO_BLOCK, name, ".bias");
    if (taps == 0 || taps > PAL_CONV_TAPS)
        pal_fail(b->e, PAL_E_SUPPORT, str_of(weight.text), "a convolution may have 1 to 16 taps; choose another model");
    pal_conv c = {pal_bind_floats(b, block, weight.text, taps, channels), NULL, channels, taps};
    if (pal_has(b, block, bias.text)) c.b = pal_bind_vector(b, block, bias.text, 0, channels);
    return c;
}

pal_linear pal_bind_linear_rows(pal_builder *b, uint32_t block, const char *name, uint32_t row0, uint32_t rows,
                                uint32_t all_rows, uint32_t cols) {
    key weight = name_of(PAL_NO_BLOCK, name, ".weight"), bias = name_of(PAL_NO_BLOCK, name, ".bias");
    pal_linear l = {pal_bind_rows(b, block, weight.text, row0, rows, all_rows, cols), NULL};
    if (pal_has(b, block, bias.text)) l.bias = pal_bind_vector(b, block, bias.text, row0, all_rows);
    return l;
}

pal_linear pal_bind_linear(pal_builder *b, uint32_t block, const char *name, uint32_t rows, uint32_t cols) {
    return pal_bind_linear_rows(b, block, name, 0, rows, rows, cols);
}

pal_norm pal_bind_norm(pal_builder *b, uint32_t kind, uint32_t block, const char *name, uint32_t n) {
    pal_norm norm = {kind, b->norm_eps, pal_bind_vector(b, block, name_of(PAL_NO_BLOCK, name, ".weight").text, 0, n),
                     NULL};
    key bias = name_of(PAL_NO_BLOCK, name, ".bias");
    if (kind == PAL_NORM_LAYER && pal_has(b, block, bias.text)) norm.b = pal_bind_vector(b, block, bias.text, 0, n);
    return norm;
}

/* ---- layers that llama-like families share ---- */

pal_layer *pal_add_layer(pal_builder *b, const pal_kind *kind, uint32_t block, uint32_t norm_kind, const char *norm) {
    pal_layer *l = &b->m->layers[b->m->n_layer++];
    l->scale = 1;
    l->kind = kind;
    l->block = block;
    l->dim = b->m->dim;
    l->pre = pal_bind_norm(b, norm_kind, block, norm, b->m->dim);
    return l;
}

pal_layer *pal_add_attention(pal_builder *b, uint32_t block, uint32_t norm_kind) {
    pal_layer *l = pal_add_layer(b, &pal_attention_kind, block, norm_kind, "attn_norm");
    pal_attention *a = &l->attention;
    uint32_t dim = b->m->dim, q = b->n_head * b->d_k * (b->gated ? 2 : 1);
    uint32_t k = b->n_head_kv * b->d_k, v = b->n_head_kv * b->d_v;
    if (!b->n_head || !b->n_head_kv || (b->gated && b->d_k != b->d_v))
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("attention.head_count"),
                 "says nothing of heads that this architecture needs; convert the model again");
    *a = (pal_attention){.n_head = b->n_head,
                         .n_head_kv = b->n_head_kv,
                         .d_k = b->d_k,
                         .d_v = b->d_v,
                         .n_rot = b->n_rot,
                         .gated = b->gated};
    b->m->attends = true;
    a->scale = 1 / pal_sqrtf((float)(b->d_k ? b->d_k : 1));
    if (pal_has(b, block, "attn_qkv.weight")) {
        a->q = pal_bind_linear_rows(b, block, "attn_qkv", 0, q, q + k + v, dim);
        a->k = pal_bind_linear_rows(b, block, "attn_qkv", q, k, q + k + v, dim);
        a->v = pal_bind_linear_rows(b, block, "attn_qkv", q + k, v, q + k + v, dim);
    } else {
        a->q = pal_bind_linear(b, block, "attn_q", q, dim);
        a->k = pal_bind_linear(b, block, "attn_k", k, dim);
        a->v = pal_bind_linear(b, block, "attn_v", v, dim);
    }
    a->o = pal_bind_linear(b, block, "attn_output", dim, b->n_head * b->d_v);
    return l;
}

pal_layer *pal_add_mlp(pal_builder *b, uint32_t block, uint32_t norm_kind, uint32_t act) {
    return pal_add_mlp_behind(b, block, norm_kind, act, "ffn_norm");
}

pal_layer *pal_add_mlp_behind(pal_builder *b, uint32_t block, uint32_t norm_kind, uint32_t act, const char *norm) {
    pal_layer *l = pal_add_layer(b, &pal_mlp_kind, block, norm_kind, norm);
    pal_mlp *m = &l->mlp;
    *m = (pal_mlp){.act = act};
    if (!b->n_ff)
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("feed_forward_length"), "is missing or zero; convert the model again");
    const pal_tensor *up = pal_gguf_tensor(b->g, name_of(block, "ffn_up", ".weight").text);
    if (up && up->ne[1] == 2ull * b->n_ff) {
        m->gate = pal_bind_linear_rows(b, block, "ffn_up", 0, b->n_ff, 2 * b->n_ff, b->m->dim);
        m->up = pal_bind_linear_rows(b, block, "ffn_up", b->n_ff, b->n_ff, 2 * b->n_ff, b->m->dim);
    } else {
        if (pal_has(b, block, "ffn_gate.weight")) m->gate = pal_bind_linear(b, block, "ffn_gate", b->n_ff, b->m->dim);
        m->up = pal_bind_linear(b, block, "ffn_up", b->n_ff, b->m->dim);
    }
    m->down = pal_bind_linear(b, block, "ffn_down", b->m->dim, b->n_ff);
    return l;
}

void pal_read_rope(pal_builder *b) {
    pal_rope_spec *s = &b->m->rope[0];
    pal_str type = PAL_STR("none");
    key k = key_of(b->m->arch, "rope.scaling.type");
    float factor = pal_get_f32(b, "rope.scaling.factor", pal_get_f32(b, "rope.scale_linear", 1));
    pal_gguf_str(b->g, k.text, &type, b->e);
    *s = (pal_rope_spec){.n_rot = b->n_rot, .base = pal_get_f32(b, "rope.freq_base", 10000), .factor = 1};
    s->n_ctx_orig = pal_get_u32(b, "rope.scaling.original_context_length", b->m->n_ctx_train);
    s->magnitude = pal_get_f32(b, "rope.scaling.attn_factor", 1);
    s->beta_fast = pal_get_f32(b, "rope.scaling.yarn_beta_fast", 32);
    s->beta_slow = pal_get_f32(b, "rope.scaling.yarn_beta_slow", 1);
    b->m->n_rope = 1;
    if (pal_str_is(type, "linear")) {
        s->factor = factor;
    } else if (pal_str_is(type, "yarn")) {
        s->yarn = true;
        s->factor = factor;
        s->magnitude *= factor > 1 ? (float)(1 + 0.1 * pal_log(factor)) : 1;
    } else if (!pal_str_is(type, "none") && !pal_str_is(type, "longrope")) {
        pal_fail(b->e, PAL_E_SUPPORT, str_of(k.text), "this scaling is unknown; none, linear, yarn and longrope exist");
    }
    if (!(s->base > 0) || !(s->factor > 0) || !(s->magnitude > 0 && s->magnitude < 2))
        pal_fail(b->e, PAL_E_FORMAT, str_of(k.text),
                 "rope.freq_base and rope.scaling.factor must be positive, the attention factor of a scaling below 2; "
                 "convert the model again");
    if (pal_has(b, PAL_NO_BLOCK, "rope_freqs.weight"))
        s->factors = pal_bind_vector(b, PAL_NO_BLOCK, "rope_freqs.weight", 0, b->n_rot / 2);
    if (pal_has(b, PAL_NO_BLOCK, "rope_factors_long.weight")) {
        s->factors_long = pal_bind_vector(b, PAL_NO_BLOCK, "rope_factors_long.weight", 0, b->n_rot / 2);
        s->factors = pal_bind_vector(b, PAL_NO_BLOCK, "rope_factors_short.weight", 0, b->n_rot / 2);
    }
}

/* ---- opening ---- */

static const pal_arch *const archs[] = {
    &pal_arch_llama,  &pal_arch_smollm3,       &pal_arch_qwen2, &pal_arch_qwen3, &pal_arch_qwen35,
    &pal_arch_gemma2, &pal_arch_gemma3,        &pal_arch_phi3,  &pal_arch_gpt2,  &pal_arch_mamba,
    &pal_arch_mamba2, &pal_arch_granitehybrid, &pal_arch_lfm2,  &pal_arch_rwkv7, &pal_arch_recurrentgemma,
    &pal_arch_retnet, &pal_arch_s4d,           &pal_arch_ttt,
};

const pal_arch *pal_arch_row(uint32_t i) { return i < sizeof archs / sizeof *archs ? archs[i] : NULL; }

static const pal_arch *arch_of(const pal_gguf *g, pal_str *name, pal_error *e) {
    int found = pal_gguf_str(g, "general.architecture", name, e);
    if (found == 0)
        pal_fail(e, PAL_E_FORMAT, PAL_STR("general.architecture"),
                 "this key is missing; the file is no language model");
    if (found != 1) return NULL;
    for (uint32_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (pal_str_is(*name, archs[i]->name)) return archs[i];
    pal_fail(e, PAL_E_SUPPORT, *name,
             "this architecture is not supported; these are: llama, smollm3, qwen2, qwen3, qwen35, gemma2, gemma3, "
             "phi3, gpt2, mamba, mamba2, granitehybrid, lfm2, rwkv7, recurrentgemma, retnet, s4d, ttt");
    return NULL;
}

#define MAX_BLOCKS 1024u
#define MAX_LAYERS 3ull /* of a block */

/* For weaving: 16 rows of the matrix with the longest rows. */
static uint64_t staging_bytes(const pal_gguf *g) {
    uint64_t most = 0;
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const pal_tensor *t = &g->tensors[i];
        const pal_format *f = pal_format_of(t->type);
        uint64_t bytes = f->integer ? PAL_WEFT * pal_format_bytes(f, t->ne[0]) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

int64_t pal_model_bytes(const pal_gguf *g, pal_error *e) {
    pal_model m = {.arch = {NULL, 0}};
    pal_builder b = {.m = &m, .g = g, .e = e};
    if (!arch_of(g, &m.arch, e)) return e->code;
    uint32_t n_block = pal_need_u32(&b, "block_count");
    if (e->code) return e->code;
    if (n_block == 0 || n_block > MAX_BLOCKS)
        return pal_fail(e, PAL_E_FORMAT, PAL_STR("block_count"),
                        "must lie between 1 and 1024; convert the model again");
    return (int64_t)(pal_align(sizeof(pal_model)) + pal_align(MAX_LAYERS * n_block * sizeof(pal_layer)) +
                     pal_align(g->n_tensors) + pal_align(staging_bytes(g)));
}

/* The value that all blocks share, whose item is not 0. */
static uint32_t common(pal_builder *b, const char *suffix, uint32_t otherwise) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < b->m->n_block && !b->e->code; i++) {
        uint32_t value = pal_get_u32_at(b, suffix, i, otherwise);
        if (value && found && value != found)
            pal_fail(b->e, PAL_E_SUPPORT, str_of(suffix),
                     "blocks of different widths are not supported; choose another model");
        found = value ? value : found;
    }
    return found;
}

uint32_t pal_heads_of(pal_builder *b, uint32_t block) {
    return pal_get_u32_at(b, "attention.head_count_kv", block, pal_get_u32_at(b, "attention.head_count", block, 0));
}

/* Dimensions are checked before any of them is multiplied or divides. Without attention there are no heads (0). */
static void read_dimensions(pal_builder *b) {
    pal_model *m = b->m;
    m->dim = pal_need_u32(b, "embedding_length");
    m->n_ctx_train = pal_need_u32(b, "context_length");
    b->n_ff = common(b, "feed_forward_length", 0);
    b->n_head = common(b, "attention.head_count", 0);
    b->n_head_kv = common(b, "attention.head_count_kv", b->n_head);
    if (b->n_head > 4096 || (b->n_head_kv && (b->n_head < b->n_head_kv || b->n_head % b->n_head_kv)))
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("attention.head_count"),
                 "must be a multiple of attention.head_count_kv; convert the model again");
    b->d_k = pal_get_u32(b, "attention.key_length", b->n_head ? m->dim / b->n_head : 0);
    b->d_v = pal_get_u32(b, "attention.value_length", b->d_k);
    b->n_rot = pal_get_u32(b, "rope.dimension_count", b->d_k);
    if (m->dim == 0 || m->dim > PAL_MAX_WIDTH || b->n_ff > PAL_MAX_WIDTH || b->d_k > PAL_CACHE_WIDEST ||
        b->d_v > PAL_CACHE_WIDEST || (b->n_head && (!b->d_k || !b->d_v)) || m->n_ctx_train == 0)
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("embedding_length"),
                 "a dimension of the model is zero or far too large; convert the model again");
    if (b->n_rot > b->d_k || b->n_rot % 2)
        pal_fail(b->e, PAL_E_FORMAT, PAL_STR("rope.dimension_count"),
                 "must be even and at most the head size; convert the model again");
}

int pal_model_open(pal_model **out, void *mem, size_t bytes, const pal_gguf *g, pal_error *e) {
    pal_error own = {0};
    e = e ? e : &own;
    int64_t needed = pal_model_bytes(g, e);
    if (needed < 0) return (int)needed;
    if ((uint64_t)needed > bytes)
        return pal_fail(e, PAL_E_MEMORY, PAL_STR("model"), "the block is smaller than pal_model_bytes");
    pal_builder b = {.g = g, .e = e, .arena = {mem, 0, bytes}};
    pal_model *m = b.m = pal_take(&b.arena, sizeof *m);
    m->gguf = g;
    m->fingerprint = g->fingerprint;
    const pal_arch *arch = arch_of(g, &m->arch, e);
    m->n_block = pal_need_u32(&b, "block_count");
    m->layers = pal_take(&b.arena, (size_t)MAX_LAYERS * m->n_block * sizeof *m->layers);
    m->weaving = pal_take(&b.arena, (size_t)g->n_tensors);
    m->staging = pal_take(&b.arena, (size_t)staging_bytes(g));
    read_dimensions(&b);
    if (e->code) return e->code;
    b.norm_eps = pal_get_f32(
        &b, arch->norm_kind == PAL_NORM_RMS ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
        1e-5f);

    const pal_tensor *embedding = pal_gguf_tensor(g, "token_embd.weight");
    uint64_t n_vocab = embedding ? embedding->ne[1] : 0;
    if (n_vocab > (1u << 24))
        return pal_fail(e, PAL_E_FORMAT, PAL_STR("token_embd.weight"), "has too many rows; convert the model again");
    m->n_vocab = (uint32_t)n_vocab;
    m->embedding = pal_bind_rows(&b, PAL_NO_BLOCK, "token_embd.weight", 0, m->n_vocab, m->n_vocab, m->dim);
    m->embedding_scale = m->logit_scale = 1;
    const char *last = arch->out_norm ? arch->out_norm : "output_norm";
    if (*last) m->out_norm = pal_bind_norm(&b, arch->norm_kind, PAL_NO_BLOCK, last, m->dim);
    if (pal_has(&b, PAL_NO_BLOCK, "output.weight"))
        m->head = pal_bind_linear(&b, PAL_NO_BLOCK, "output", m->n_vocab, m->dim);
    else
        m->head = (pal_linear){m->embedding, NULL};
    arch->build(&b);
    for (uint64_t i = 0; i < g->n_tensors; i++) m->weight_bytes += g->tensors[i].bytes;
    if (!e->code) *out = m;
    return e->code;
}

/* ---- weaving ---- */

int64_t pal_model_weave(pal_model *m, uint32_t file, uint64_t have, pal_error *e) {
    for (uint64_t i = 0; i < m->gguf->n_tensors; i++) {
        const pal_tensor *t = &m->gguf->tensors[i];
        if (m->weaving[i] != PAL_TO_WEAVE || t->file != file || t->offset + t->bytes > have) continue;
        const pal_format *f = pal_format_of(t->type);
        if (!pal_weave(f, (uint8_t *)(uintptr_t)t->data, t->ne[1], (uint32_t)t->ne[0], m->staging))
            return pal_fail(e, PAL_E_FORMAT, t->name,
                            "has a scale of 64 or more, as no model has; the file is damaged");
        m->weaving[i] = PAL_WOVEN;
        m->n_to_weave--;
    }
    return (int64_t)m->n_to_weave;
}

uint64_t pal_model_sample(const pal_model *m, uint64_t h) {
    for (uint64_t i = 0; i < m->gguf->n_tensors; i++) {
        const pal_tensor *t = &m->gguf->tensors[i];
        const pal_format *f = pal_format_of(t->type);
        uint64_t at = t->bytes / 2, rest = t->bytes - at;
        uint8_t bytes[64];
        size_t n = rest < sizeof bytes ? (size_t)rest : sizeof bytes;
        uint32_t woven = m->weaving[i] == PAL_WOVEN ? pal_woven_rows(f, t->ne[1]) : 0;
        pal_unweave_bytes(f, t->data, woven, (uint32_t)t->ne[0], at, bytes, n);
        h = pal_hash(h, bytes, n);
    }
    return h;
}

pal_model_info pal_model_describe(const pal_model *m) {
    return (pal_model_info){m->arch,    m->n_vocab,     m->dim,          m->n_block,
                            m->n_layer, m->n_ctx_train, m->weight_bytes, !m->position.format};
}
