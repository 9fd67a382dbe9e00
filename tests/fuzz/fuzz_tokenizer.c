/* libFuzzer target for the tokenizer: texts on the small vocabularies, and vocabularies made of the input. Run by
   tests/fuzz/run.sh; by hand:

     clang-19 -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
         tests/fuzz/fuzz_tokenizer.c src/tokenizer*.c src/unicode.c src/gguf*.c src/quant*.c src/base.c -o
   fuzz_tokenizer

   The first byte chooses: SPM, the row of a pre-tokenizer, or a vocabulary of the input, whose lines are then model,
   pre, tokens, an empty line, merges; a byte of its own gives each token its type. Every block has exactly the size
   that was asked for. */
#include <stdlib.h>
#include <string.h>

#include "../../src/tokenizer_internal.h"
#include "../c/small_vocab.h"

#define REQUIRE(c) ((c) ? (void)0 : __builtin_trap())

static void *take(size_t n) {
    void *p = NULL;
    if (posix_memalign(&p, 64, n ? n : 1)) abort();
    memset(p, 0, n);
    return p;
}

static void encode(const pal_tokenizer *t, const uint8_t *text, size_t n, uint32_t flags) {
    size_t scratch = pal_encode_scratch(t, n), max = pal_encode_max(t, n);
    uint32_t *ids = take(max * 4);
    void *block = take(scratch);
    char *copy = take(n);
    memcpy(copy, text, n);
    int64_t got = pal_encode(t, copy, n, flags, ids, max, block, scratch);
    REQUIRE(got >= 0 && (size_t)got <= max);
    size_t sum = 0;
    for (int64_t i = 0; i < got; i++) {
        REQUIRE(ids[i] < pal_tokenizer_n(t));
        sum += pal_piece(t, ids[i], true, NULL, 0);
    }
    size_t bound = pal_decode(t, ids, (size_t)got, true, NULL, 0);
    REQUIRE(bound <= sum);
    char *out = take(bound);
    REQUIRE(pal_decode(t, ids, (size_t)got, true, out, bound) <= bound);
    pal_decode(t, ids, (size_t)got, false, out, bound / 2);
    free(ids), free(block), free(copy), free(out);
}

/* Opens; on failure there must be a text that says why. The blocks are in mem[2]. */
static pal_tokenizer *open_vocab(const uint8_t *bytes, size_t n, void **mem) {
    pal_file file = {bytes, n, n};
    pal_error e = {0};
    uint64_t need;
    uint32_t which;
    pal_gguf *g;
    pal_tokenizer *t;
    int64_t size = pal_gguf_size(&file, 1, &need, &which, &e);
    if (size < 0) return NULL;
    if (pal_gguf_open(&g, mem[0] = take((size_t)size), (size_t)size, &file, 1, &e)) return NULL;
    size = pal_tokenizer_size(g, &e);
    int code = size < 0 ? (int)size : pal_tokenizer_open(&t, mem[1] = take((size_t)size), (size_t)size, g, &e);
    REQUIRE(!code || (e.code == code && e.text[0]));
    return code ? NULL : t;
}

static pal_str line(const uint8_t **at, const uint8_t *end) {
    const uint8_t *start = *at;
    while (*at < end && **at != '\n') ++*at;
    pal_str s = {(const char *)start, (size_t)(*at - start)};
    *at += *at < end;
    return s;
}

static void made_vocab(const uint8_t *data, size_t n, vocab_file *f) {
    const uint8_t *at = data, *end = data + n, *counted;
    uint32_t tokens = 0, merges = 0;
    pal_str s, model = line(&at, end), pre = line(&at, end);
    vocab_begin(f);
    vocab_key(f, "tokenizer.ggml.model", PAL_STRING), vocab_bytes(f, model.data, model.n);
    vocab_key(f, "tokenizer.ggml.pre", PAL_STRING), vocab_bytes(f, pre.data, pre.n);
    vocab_text_key(f, "general.name", "phi-3");
    for (counted = at; counted < end && line(&counted, end).n;) tokens++;
    for (; counted < end; merges++) line(&counted, end);
    vocab_array(f, "tokenizer.ggml.tokens", PAL_STRING, tokens);
    const uint8_t *types = at;
    for (uint32_t i = 0; i < tokens; i++) { /* the first byte of a line is the type and the score */
        s = line(&at, end);
        vocab_bytes(f, s.data + 1, s.n - 1);
    }
    vocab_array(f, "tokenizer.ggml.token_type", PAL_I32, tokens);
    at = types;
    for (uint32_t i = 0; i < tokens; i++) vocab_number(f, (uint8_t)line(&at, end).data[0] % 8, 4);
    vocab_array(f, "tokenizer.ggml.scores", PAL_F32, tokens);
    at = types;
    for (uint32_t i = 0; i < tokens; i++) vocab_number(f, (uint64_t)(uint8_t)line(&at, end).data[0] * 0x01010101, 4);
    line(&at, end);
    vocab_array(f, "tokenizer.ggml.merges", PAL_STRING, merges);
    for (uint32_t i = 0; i < merges && at < end; i++) s = line(&at, end), vocab_bytes(f, s.data, s.n);
    vocab_end(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    uint8_t *bytes = take(SMALL_VOCAB_BYTES);
    vocab_file f = {bytes, 0, 0};
    void *mem[2] = {NULL, NULL};
    uint32_t rows = 0;
    if (n < 2 || n > 1000) return free(bytes), 0;
    while (pal_pre_name(rows)) rows++;
    if (data[0] < rows)
        small_bpe(&f, pal_pre_name(data[0]), FAULT_NONE);
    else if (data[0] < 128)
        small_spm(&f, FAULT_NONE);
    else
        made_vocab(data + 2, n - 2, &f);
    uint8_t *exact = take(f.n);
    memcpy(exact, bytes, f.n);
    pal_tokenizer *t = open_vocab(exact, f.n, mem);
    REQUIRE(t || data[0] >= 128);
    if (t) encode(t, data + 2, n - 2, data[1] & 3);
    free(bytes), free(exact), free(mem[0]), free(mem[1]);
    return 0;
}
