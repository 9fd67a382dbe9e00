/* The vocabulary as the file holds it: checks, and hash tables text -> id and pair -> rank of the merge.

   Texts stay where they are in the GGUF; a token costs 4 bytes of offset, 1 of attributes and 6 to 12 of hash slot. BPE
   files spell each byte as one character of GPT-2's alphabet; words are hashed and compared as the raw bytes behind
   it, tokens with any other character (most special ones) as they are spelt. */
#include "tokenizer_internal.h"

enum { RAW = 1 }; /* seed for tokens that are no words */

pal_str pal_vocab_text(const pal_tokenizer *t, uint32_t id) {
    uint64_t at = t->token_at[id];
    return pal_kv_string(t->tokens, &at);
}

__attribute__((noinline)) int32_t pal_vocab_next_byte(const uint8_t **p, const uint8_t *end) {
    uint32_t cp;
    if (*p == end) return -1;
    *p += pal_utf8_get(*p, (size_t)(end - *p), &cp);
    if ((cp >= 0x21 && cp <= 0x7e) || (cp >= 0xa1 && cp <= 0xff && cp != 0xad)) return (int32_t)cp;
    uint32_t k = cp - 256; /* the other 68 bytes in order: 0..32 127 128..160 173 */
    return k <= 32 ? (int32_t)k : k == 33 ? 127 : k <= 66 ? (int32_t)k + 94 : k == 67 ? 173 : -2;
}

static uint32_t hash_add(uint32_t h, uint8_t byte) { return (h ^ byte) * 0x01000193; }
static uint32_t hash_end(uint32_t h) {
    h = (h ^ h >> 15) * 0x2c1b3c6d;
    h = (h ^ h >> 12) * 0x297a2d39;
    return h ^ h >> 15;
}
static uint32_t hash_bytes(uint32_t h, const uint8_t *p, size_t n) {
    h ^= 0x811c9dc5;
    for (size_t i = 0; i < n; i++) h = hash_add(h, p[i]);
    return h;
}

/* Hash of a token's text; *bytes are those of the word, 0 when it is none. */
static __attribute__((noinline)) uint32_t hash_text(bool spm, const uint8_t *text, size_t n, size_t *bytes) {
    const uint8_t *p = text, *end = text + n;
    uint32_t h = hash_bytes(0, NULL, 0);
    int32_t b;
    *bytes = n;
    if (spm) return hash_bytes(0, text, n);
    for (*bytes = 0; (b = pal_vocab_next_byte(&p, end)) >= 0; ++*bytes) h = hash_add(h, (uint8_t)b);
    if (b == -1) return h;
    *bytes = 0;
    return hash_bytes(RAW, text, n);
}

/* Does text spell these raw bytes? */
static __attribute__((noinline)) bool spells(bool spm, const uint8_t *text, size_t n, const uint8_t *word,
                                             size_t word_bytes) {
    const uint8_t *end = text + n;
    if (spm) return n == word_bytes && pal_bytes_equal(text, word, n);
    for (size_t i = 0; i < word_bytes; i++)
        if (pal_vocab_next_byte(&text, end) != word[i]) return false;
    return text == end;
}

int32_t pal_vocab_find_word(const pal_tokenizer *t, const uint8_t *word, size_t n) {
    if (n > t->longest_token || !n) return -1;
    uint32_t h = hash_end(hash_bytes(0, word, n)), low = (1u << t->index_bits) - 1;
    for (uint32_t i = h & t->slot_mask; t->slots[i]; i = (i + 1) & t->slot_mask) {
        if ((t->slots[i] ^ h) & ~low) continue;
        pal_str s = pal_vocab_text(t, (t->slots[i] & low) - 1);
        if (spells(t->spm, (const uint8_t *)s.data, s.n, word, n)) return (int32_t)((t->slots[i] & low) - 1);
    }
    return -1;
}

int32_t pal_vocab_find_text(const pal_tokenizer *t, const char *text, size_t n) {
    size_t bytes;
    uint32_t h = hash_end(hash_text(t->spm, (const uint8_t *)text, n, &bytes)), low = (1u << t->index_bits) - 1;
    for (uint32_t i = h & t->slot_mask; t->slots[i]; i = (i + 1) & t->slot_mask) {
        if ((t->slots[i] ^ h) & ~low) continue;
        pal_str s = pal_vocab_text(t, (t->slots[i] & low) - 1);
        if (s.n == n && pal_bytes_equal(s.data, text, n)) return (int32_t)((t->slots[i] & low) - 1);
    }
    return -1;
}

/* "left right" of the merge at i: the space is the first one behind the first byte. false when there is none. */
static bool split_merge(const pal_tokenizer *t, uint32_t i, pal_str *left, pal_str *right) {
    uint64_t at = t->merge_at[i];
    pal_str s = pal_kv_string(t->merges, &at);
    size_t space = 1;
    while (space < s.n && s.data[space] != ' ') space++;
    if (space >= s.n) return false;
    *left = (pal_str){s.data, space};
    *right = (pal_str){s.data + space + 1, s.n - space - 1};
    return true;
}

uint32_t pal_vocab_merge_rank(const pal_tokenizer *t, const uint8_t *left, size_t n, size_t right_bytes) {
    if (n + right_bytes > t->longest_merge) return UINT32_MAX;
    uint32_t h = hash_end(hash_bytes(hash_bytes(0, left, n), left + n, right_bytes)), low = (1u << t->merge_bits) - 1;
    for (uint32_t i = h & t->merge_mask; t->merge_slots[i]; i = (i + 1) & t->merge_mask) {
        pal_str a, b;
        if ((t->merge_slots[i] ^ h) & ~low) continue;
        uint32_t rank = (t->merge_slots[i] & low) - 1;
        if (split_merge(t, rank, &a, &b) && spells(false, (const uint8_t *)a.data, a.n, left, n) &&
            spells(false, (const uint8_t *)b.data, b.n, left + n, right_bytes))
            return rank;
    }
    return UINT32_MAX;
}

/* ---- opening ---- */

static uint32_t slots_for(uint32_t n) {
    uint32_t size = 16;
    while (size < n + n / 2) size *= 2;
    return size;
}

static uint32_t bits_for(uint32_t n) {
    uint32_t bits = 1;
    while (n >> bits) bits++;
    return bits;
}

/* An array of the file with at least n items of one of two types; NULL when it is absent and need not be there. */
static COLD int find_array(const pal_gguf *g, const char *key, uint32_t type, uint32_t other, uint64_t n,
                           const pal_kv **kv, pal_error *e) {
    *kv = pal_gguf_find(g, key);
    if (!*kv) return 0;
    pal_str name = (*kv)->key;
    if ((*kv)->type != PAL_ARRAY || ((*kv)->item_type != type && (*kv)->item_type != other))
        return pal_fail(e, PAL_E_FORMAT, name, "is not an array of the right type; convert the model again");
    if ((*kv)->n < n)
        return pal_fail(e, PAL_E_FORMAT, name,
                        "is empty or has fewer items than tokenizer.ggml.tokens; convert the model again");
    if ((*kv)->n >= 1u << 24 || (*kv)->bytes >= UINT32_MAX)
        return pal_fail(e, PAL_E_SUPPORT, name, "has more than 16 million items or 4 GB; no vocabulary needs that");
    return 0;
}

static COLD int missing(pal_error *e, const char *key, const char *why) {
    pal_str name = {key, 0};
    while (key[name.n]) name.n++;
    return pal_fail(e, PAL_E_FORMAT, name, why);
}

/* Finds and checks the arrays. Only these fields of t are set: tokens, scores, types, merges, n, n_merges, spm. */
static COLD int find_arrays(pal_tokenizer *t, const pal_gguf *g, pal_error *e) {
    pal_str model;
    *t = (pal_tokenizer){0};
    int found = pal_gguf_str(g, "tokenizer.ggml.model", &model, e), code;
    if (found < 0) return found;
    if (!found)
        return missing(e, "tokenizer.ggml.model", "is missing: the file has no tokenizer; convert the model again");
    t->spm = pal_str_is(model, "llama");
    if (!t->spm && !pal_str_is(model, "gpt2"))
        return pal_fail(e, PAL_E_SUPPORT, model,
                        "unsupported tokenizer.ggml.model; llama (SPM) and gpt2 (BPE) are supported");
    if ((code = find_array(g, "tokenizer.ggml.tokens", PAL_STRING, PAL_STRING, 1, &t->tokens, e))) return code;
    if (!t->tokens) return missing(e, "tokenizer.ggml.tokens", "is missing; convert the model again");
    t->n = (uint32_t)t->tokens->n;
    if ((code = find_array(g, "tokenizer.ggml.scores", PAL_F32, PAL_I32, t->n, &t->scores, e))) return code;
    if (!t->scores && t->spm) return missing(e, "tokenizer.ggml.scores", "is missing; convert the model again");
    if ((code = find_array(g, "tokenizer.ggml.token_type", PAL_I32, PAL_U32, t->n, &t->types, e))) return code;
    if (t->spm) return 0;
    if ((code = find_array(g, "tokenizer.ggml.merges", PAL_STRING, PAL_STRING, 0, &t->merges, e))) return code;
    if (!t->merges) return missing(e, "tokenizer.ggml.merges", "is missing; convert the model again");
    t->n_merges = (uint32_t)t->merges->n;
    return 0;
}

static COLD uint32_t file_type(const pal_tokenizer *t, uint32_t id) {
    if (!t->types) return PAL_TOKEN_NORMAL;
    double type = pal_kv_number(t->types, id);
    return type >= PAL_TOKEN_NORMAL && type <= PAL_TOKEN_BYTE ? (uint32_t)type : 0;
}

enum { KNOWN_TEXTS = 128 }; /* tokens that special_open may turn into special ones */

static COLD size_t layout(pal_tokenizer *t, pal_arena *a) {
    uint32_t slots = slots_for(t->n), merge_slots = t->spm ? 0 : slots_for(t->n_merges), specials = KNOWN_TEXTS;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t type = file_type(t, i);
        specials += type == PAL_TOKEN_UNKNOWN || type == PAL_TOKEN_CONTROL || type == PAL_TOKEN_USER_DEFINED;
    }
    size_t bytes[] = {sizeof *t,
                      t->n,
                      (size_t)t->n * 4,
                      (size_t)slots * 4,
                      (size_t)specials * 4,
                      (size_t)t->n_merges * 4,
                      (size_t)merge_slots * 4},
           total = 0;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) total += pal_align(bytes[i]);
    if (!a) return total;
    void *home = pal_take(a, bytes[0]);
    t->attr = pal_take(a, bytes[1]);
    t->token_at = pal_take(a, bytes[2]);
    t->slots = pal_take(a, bytes[3]);
    t->special = pal_take(a, bytes[4]);
    t->merge_at = pal_take(a, bytes[5]);
    t->merge_slots = pal_take(a, bytes[6]);
    t->slot_mask = slots - 1;
    t->merge_mask = merge_slots - 1;
    t->index_bits = bits_for(t->n);
    t->merge_bits = bits_for(t->n_merges);
    PAL_ASSERT(home == (void *)a->base && t->merge_slots);
    (void)home;
    return total;
}

static const char crowded[] = "texts collide as those of no honest vocabulary; convert the model again";

static COLD int file_tokens(pal_tokenizer *t, pal_error *e) {
    uint64_t at = 0, probes = 0;
    for (uint32_t id = 0; id < t->n; id++) {
        t->token_at[id] = (uint32_t)at;
        pal_str s = pal_kv_string(t->tokens, &at);
        size_t bytes;
        t->attr[id] = (uint8_t)file_type(t, id);
        if (t->attr[id] == PAL_TOKEN_BYTE && s.n != 6)
            return pal_fail(
                e, PAL_E_FORMAT, s,
                "a token of type byte in tokenizer.ggml.tokens is not spelt <0xXX>; convert the model again");
        if (!s.n) continue; /* never matched; llama.cpp calls it [EMPTY_id] */
        uint32_t h = hash_end(hash_text(t->spm, (const uint8_t *)s.data, s.n, &bytes)), low = (1u << t->index_bits) - 1;
        if (bytes > t->longest_token) t->longest_token = (uint32_t)bytes;
        uint32_t i = h & t->slot_mask;
        for (; t->slots[i]; i = (i + 1) & t->slot_mask) {
            if (++probes > 64 * (uint64_t)t->n + 4096)
                return pal_fail(e, PAL_E_FORMAT, PAL_STR("tokenizer.ggml.tokens"), crowded);
            if ((t->slots[i] ^ h) & ~low) continue;
            pal_str other = pal_vocab_text(t, (t->slots[i] & low) - 1);
            if (other.n == s.n && pal_bytes_equal(other.data, s.data, s.n))
                return pal_fail(e, PAL_E_FORMAT, s, "is in tokenizer.ggml.tokens twice; convert the model again");
        }
        t->slots[i] = (h & ~low) | (id + 1);
    }
    return 0;
}

static COLD int file_merges(pal_tokenizer *t, pal_error *e) {
    uint64_t at = 0, probes = 0;
    for (uint32_t rank = 0; rank < t->n_merges; rank++) {
        pal_str s[2];
        size_t bytes[2];
        t->merge_at[rank] = (uint32_t)at;
        pal_str whole = pal_kv_string(t->merges, &at);
        if (!split_merge(t, rank, &s[0], &s[1]))
            return pal_fail(e, PAL_E_FORMAT, whole,
                            "in tokenizer.ggml.merges is not two texts with a space between; convert the model again");
        uint32_t h = 0, low = (1u << t->merge_bits) - 1;
        for (int k = 0; k < 2; k++) {
            const uint8_t *p = (const uint8_t *)s[k].data, *end = p + s[k].n;
            int32_t b;
            h = hash_bytes(h, NULL, 0);
            for (bytes[k] = 0; (b = pal_vocab_next_byte(&p, end)) >= 0; bytes[k]++) h = hash_add(h, (uint8_t)b);
            if (b == -2) bytes[k] = 0;
        }
        if (!bytes[0] || !bytes[1]) continue; /* no text can need it */
        h = hash_end(h);
        if (bytes[0] + bytes[1] > t->longest_merge) t->longest_merge = (uint32_t)(bytes[0] + bytes[1]);
        uint32_t i = h & t->merge_mask;
        for (; t->merge_slots[i]; i = (i + 1) & t->merge_mask) {
            if (++probes > 64 * (uint64_t)t->n_merges + 4096)
                return pal_fail(e, PAL_E_FORMAT, PAL_STR("tokenizer.ggml.merges"), crowded);
            if ((t->merge_slots[i] ^ h) & ~low) continue;
            uint64_t first = t->merge_at[(t->merge_slots[i] & low) - 1];
            pal_str other = pal_kv_string(t->merges, &first);
            if (other.n == whole.n && pal_bytes_equal(other.data, whole.data, whole.n))
                break; /* the first one counts */
        }
        if (!t->merge_slots[i]) t->merge_slots[i] = (h & ~low) | (rank + 1);
    }
    return 0;
}

COLD int64_t pal_tokenizer_size(const pal_gguf *g, pal_error *e) {
    pal_tokenizer t;
    int code = find_arrays(&t, g, e);
    return code ? code : (int64_t)layout(&t, NULL);
}

COLD int pal_tokenizer_open(pal_tokenizer **out, void *mem, size_t mem_bytes, const pal_gguf *g, pal_error *e) {
    pal_tokenizer t;
    pal_arena a = {mem, 0, mem_bytes};
    int code = find_arrays(&t, g, e);
    if (code) return code;
    if (mem_bytes < layout(&t, NULL))
        return pal_fail(e, PAL_E_MEMORY, PAL_STR("tokenizer"), "the block is smaller than pal_tokenizer_size says");
    layout(&t, &a);
    if ((code = file_tokens(&t, e)) || (code = t.spm ? 0 : file_merges(&t, e))) return code;
    pal_tokenizer *home = mem;
    *home = t;
    if ((code = pal_special_open(home, g, e))) return code;
    *out = home;
    return 0;
}
