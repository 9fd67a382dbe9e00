/* Two small vocabularies of ours as GGUF bytes, and the ways in which a test may spoil them. Header only, so that the
   fuzzer has them too. */
#ifndef SMALL_VOCAB_H
#define SMALL_VOCAB_H

#include "../../src/gguf.h"

typedef struct {
    uint8_t *bytes;
    size_t n;
    uint32_t n_kv;
} vocab_file;

enum { SMALL_VOCAB_BYTES = 20000 };

enum { /* what is wrong with it */
       FAULT_NONE,
       FAULT_MODEL,
       FAULT_NO_MODEL,
       FAULT_PRE,
       FAULT_NO_TOKENS,
       FAULT_EMPTY_TOKENS,
       FAULT_TOKENS_NUMBERS,
       FAULT_TOKENS_STRING,
       FAULT_TWICE,
       FAULT_BYTE,
       FAULT_NO_SCORES,
       FAULT_SCORES_SHORT,
       FAULT_SCORES_TEXT,
       FAULT_TYPES_SHORT,
       FAULT_NO_MERGES,
       FAULT_MERGE_SPACE,
       FAULT_BOS_RANGE,
       FAULT_BOS_TYPE,
       FAULT_ADD_BOS_TYPE,
       FAULT_PAD_RANGE,
       FAULT_COUNT
};

static void vocab_number(vocab_file *f, uint64_t x, uint32_t bytes) {
    PAL_ASSERT(f->n + bytes <= SMALL_VOCAB_BYTES);
    for (; bytes; bytes--, x >>= 8) f->bytes[f->n++] = (uint8_t)x;
}
static void vocab_bytes(vocab_file *f, const char *text, size_t n) {
    vocab_number(f, n, 8);
    for (size_t i = 0; i < n; i++) vocab_number(f, (uint8_t)text[i], 1);
}
static size_t vocab_length(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return n;
}
static void vocab_put(vocab_file *f, const char *text) { vocab_bytes(f, text, vocab_length(text)); }
static void vocab_key(vocab_file *f, const char *key, uint32_t type) {
    vocab_put(f, key);
    vocab_number(f, type, 4);
    f->n_kv++;
}
static void vocab_text_key(vocab_file *f, const char *key, const char *text) {
    vocab_key(f, key, PAL_STRING);
    vocab_put(f, text);
}
static void vocab_u32(vocab_file *f, const char *key, uint32_t x) {
    vocab_key(f, key, PAL_U32);
    vocab_number(f, x, 4);
}
static void vocab_array(vocab_file *f, const char *key, uint32_t item_type, uint64_t n) {
    vocab_key(f, key, PAL_ARRAY);
    vocab_number(f, item_type, 4);
    vocab_number(f, n, 8);
}

static void vocab_begin(vocab_file *f) {
    f->n = f->n_kv = 0;
    vocab_number(f, 0x46554747, 4); /* "GGUF" */
    vocab_number(f, 3, 4);
    vocab_number(f, 0, 8); /* tensors */
    vocab_number(f, 0, 8); /* keys, set at the end */
}
static void vocab_end(vocab_file *f) {
    size_t n = f->n;
    f->n = 16;
    vocab_number(f, f->n_kv, 8);
    f->n = n;
}

/* ---- byte-level BPE: ids 0..255 are the bytes, then the words, then the special ones ---- */

static const char *const small_words[] = {"th",        "the", "\304\240the", "aa",  "aaaa", "aaaaaaaa",
                                          "\304\240a", "ab",  "bc",          "xyz", ""};
static const char *const small_merges[] = {"t h",   "th e",      "\304\240 the",       "a a",
                                           "aa aa", "aaaa aaaa", "\304\240 a",         "a b",
                                           "b c",   "x yz",      "y z" /* no token */, "a a" /* again */,
                                           "<| |>"};
static const char *const small_specials[] = {"<|im_end|>", "<|tool|>", "<u>", "<u><u>", "</s>"};
static const uint8_t small_special_types[] = {3, 3, 4, 4, 1};
enum { SMALL_WORDS = 256, SMALL_SPECIALS = SMALL_WORDS + 11, SMALL_BPE = SMALL_SPECIALS + 5 };

static void small_byte(vocab_file *f, uint32_t byte) { /* as GPT-2 spells it */
    uint32_t cp = byte, left_out = byte <= 32                   ? byte
                                   : byte == 127                ? 33
                                   : byte >= 128 && byte <= 160 ? byte - 94
                                   : byte == 173                ? 67
                                                                : 68;
    if (left_out < 68) cp = 256 + left_out;
    char text[2] = {(char)(cp < 128 ? cp : 0xc0 | cp >> 6), (char)(0x80 | (cp & 0x3f))};
    vocab_bytes(f, text, cp < 128 ? 1 : 2);
}

static void small_bpe_arrays(vocab_file *f, int fault) {
    uint32_t n = SMALL_BPE, empty = fault == FAULT_EMPTY_TOKENS;
    vocab_array(f, "tokenizer.ggml.tokens", PAL_STRING, empty ? 0 : n);
    for (uint32_t i = 0; i < 256 && !empty; i++) small_byte(f, i);
    for (uint32_t i = 0; i < 11 && !empty; i++) vocab_put(f, fault == FAULT_TWICE && i == 4 ? "aa" : small_words[i]);
    for (uint32_t i = 0; i < 5 && !empty; i++) vocab_put(f, small_specials[i]);
    vocab_array(f, "tokenizer.ggml.token_type", PAL_I32, n - (fault == FAULT_TYPES_SHORT));
    for (uint32_t i = 0; i < n - (fault == FAULT_TYPES_SHORT); i++)
        vocab_number(f, i < SMALL_SPECIALS ? 1 : small_special_types[i - SMALL_SPECIALS], 4);
    if (fault == FAULT_NO_MERGES) return;
    uint32_t merges = sizeof small_merges / sizeof *small_merges;
    vocab_array(f, "tokenizer.ggml.merges", PAL_STRING, merges);
    for (uint32_t i = 0; i < merges; i++)
        vocab_put(f, fault == FAULT_MERGE_SPACE && i == 5 ? "aaaaaaaa" : small_merges[i]);
}

/* pre NULL: no such key. */
static void small_bpe(vocab_file *f, const char *pre, int fault) {
    vocab_begin(f);
    if (fault != FAULT_NO_MODEL) vocab_text_key(f, "tokenizer.ggml.model", fault == FAULT_MODEL ? "bert" : "gpt2");
    if (pre) vocab_text_key(f, "tokenizer.ggml.pre", fault == FAULT_PRE ? "nobody-knows" : pre);
    if (fault == FAULT_TOKENS_STRING)
        vocab_text_key(f, "tokenizer.ggml.tokens", "a");
    else if (fault == FAULT_TOKENS_NUMBERS) {
        vocab_array(f, "tokenizer.ggml.tokens", PAL_U32, 1);
        vocab_number(f, 7, 4);
    } else if (fault != FAULT_NO_TOKENS)
        small_bpe_arrays(f, fault);
    vocab_u32(f, "tokenizer.ggml.eos_token_id", SMALL_SPECIALS + 4);
    if (fault == FAULT_BOS_TYPE)
        vocab_text_key(f, "tokenizer.ggml.bos_token_id", "1");
    else
        vocab_u32(f, "tokenizer.ggml.bos_token_id", fault == FAULT_BOS_RANGE ? 4096 : SMALL_SPECIALS + 1);
    if (fault == FAULT_PAD_RANGE) vocab_u32(f, "tokenizer.ggml.padding_token_id", 0xffffffff);
    vocab_key(f, "tokenizer.ggml.add_bos_token", fault == FAULT_ADD_BOS_TYPE ? PAL_F32 : PAL_BOOL);
    vocab_number(f, 1, fault == FAULT_ADD_BOS_TYPE ? 4 : 1);
    vocab_end(f);
}

/* ---- SPM: <unk> <s> </s>, ids 3..258 are the bytes, then these ---- */

static const char *const small_pieces[] = {"\342\226\201",   "a",  "b",  "ab", "\342\226\201a",
                                           "\342\226\201ab", "aa", "<u>"};
static const float small_scores[] = {-9, -9, -9, -1, -2, -3, -1, 0};
enum { SMALL_BYTE = 3, SMALL_PIECES = 259, SMALL_SPM = SMALL_PIECES + 8 };

static void small_spm(vocab_file *f, int fault) {
    static const char hex[] = "0123456789ABCDEF";
    const uint32_t n = SMALL_SPM;
    vocab_begin(f);
    vocab_text_key(f, "tokenizer.ggml.model", "llama");
    vocab_array(f, "tokenizer.ggml.tokens", PAL_STRING, n);
    vocab_put(f, "<unk>"), vocab_put(f, "<s>"), vocab_put(f, "</s>");
    for (uint32_t i = 0; i < 256; i++) {
        char text[6] = {'<', '0', 'x', hex[i >> 4], hex[i & 15], '>'};
        vocab_bytes(f, text, fault == FAULT_BYTE && i == 7 ? 2 : 6);
    }
    for (uint32_t i = 0; i < 8; i++) vocab_put(f, small_pieces[i]);
    if (fault != FAULT_NO_SCORES) {
        uint32_t scores = n - (fault == FAULT_SCORES_SHORT);
        vocab_array(f, "tokenizer.ggml.scores", fault == FAULT_SCORES_TEXT ? PAL_STRING : PAL_F32, scores);
        for (uint32_t i = 0; i < scores; i++)
            if (fault == FAULT_SCORES_TEXT)
                vocab_put(f, "");
            else
                vocab_number(f, pal_f32_bits(i < SMALL_PIECES ? 0 : small_scores[i - SMALL_PIECES]), 4);
    }
    vocab_array(f, "tokenizer.ggml.token_type", PAL_I32, n);
    for (uint32_t i = 0; i < n; i++)
        vocab_number(f, i == 0 ? 2 : i < 3 ? 3 : i < SMALL_PIECES ? 6 : i == n - 1 ? 4 : 1, 4);
    vocab_end(f);
}

#endif
