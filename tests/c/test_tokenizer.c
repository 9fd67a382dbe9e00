/* The tokenizer on small vocabularies of ours: ids by hand, round trips, every pre-tokenizer against cuts made by
   another regular-expression engine, hostile metadata, and the time of one endless word. */
#include "../../src/tokenizer_internal.h"
#include "small_vocab.h"
#include "test.h"
#include "tokenizer_splits.h"

static vocab_file file_of(void) { return (vocab_file){test_take(SMALL_VOCAB_BYTES), 0, 0}; }

/* Opens the vocabulary in blocks of exactly the size asked for. */
static int open_file(const vocab_file *f, pal_tokenizer **t, pal_error *e) {
    pal_file file = {f->bytes, f->n, f->n};
    uint64_t need;
    uint32_t which;
    pal_gguf *g;
    *e = (pal_error){0};
    int64_t size = pal_gguf_size(&file, 1, &need, &which, e);
    if (size < 0) return (int)size;
    int code = pal_gguf_open(&g, test_take((size_t)size), (size_t)size, &file, 1, e);
    if (code) return code;
    size = pal_tokenizer_size(g, e);
    if (size < 0) return (int)size;
    void *mem = test_take((size_t)size);
    CHECK(pal_tokenizer_open(t, mem, (size_t)size - 1, g, NULL) == PAL_E_MEMORY);
    return pal_tokenizer_open(t, mem, (size_t)size, g, e);
}

static pal_tokenizer *bpe(const char *pre) {
    vocab_file f = file_of();
    pal_tokenizer *t = NULL;
    pal_error e;
    small_bpe(&f, pre, FAULT_NONE);
    CHECK(!open_file(&f, &t, &e) && t);
    return t;
}

static pal_tokenizer *spm(void) {
    vocab_file f = file_of();
    pal_tokenizer *t = NULL;
    pal_error e;
    small_spm(&f, FAULT_NONE);
    CHECK(!open_file(&f, &t, &e) && t);
    return t;
}

enum { END = 0xffffffff };

/* Encodes with exactly the scratch asked for and compares; wanted ends with END. */
static void encodes(const pal_tokenizer *t, const char *text, size_t n, uint32_t flags, const uint32_t *wanted) {
    size_t scratch = pal_encode_scratch(t, n), max = pal_encode_max(t, n), n_wanted = 0;
    uint32_t *ids = test_take(max * 4);
    void *block = test_take(scratch);
    while (wanted[n_wanted] != END) n_wanted++;
    int64_t got = pal_encode(t, text, n, flags, ids, max, block, scratch);
    bool same = got == (int64_t)n_wanted;
    for (size_t i = 0; i < n_wanted && same; i++) same = ids[i] == wanted[i];
    if (!same && n) test_print("wrong ids for a text that begins with "), test_print((char[]){text[0], '\n', 0});
    CHECK(same);
    CHECK(pal_encode(t, text, n, flags, ids, max, block, scratch - 1) == PAL_E_MEMORY);
    if (n_wanted) CHECK(pal_encode(t, text, n, flags, ids, n_wanted - 1, block, scratch) == PAL_E_MEMORY);
}
#define ENCODES(t, text, flags, ...) encodes(t, text, sizeof(text) - 1, flags, (const uint32_t[]){__VA_ARGS__, END})

static bool decodes(const pal_tokenizer *t, const uint32_t *ids, size_t n, const char *text) {
    char out[64];
    size_t got = pal_decode(t, ids, n, true, out, sizeof out);
    return got < sizeof out && pal_str_is((pal_str){out, got}, text) && pal_decode(t, ids, n, true, NULL, 0) >= got;
}
#define DECODES(t, text, ...) \
    CHECK(decodes(t, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4, text))

enum { TH = SMALL_WORDS, THE, _THE, AA, AA2, AA4, _A, AB, BC, XYZ, EMPTY, IM_END, TOOL, U, UU, S };

static void bpe_ids(void) {
    pal_tokenizer *t = bpe("gpt-2");
    encodes(t, "", 0, 0, (const uint32_t[]){END});
    ENCODES(t, "the the th", 0, THE, _THE, ' ', TH);
    ENCODES(t, "a aab", 0, 'a', ' ', AA, 'b');                           /* "a a" has a lower rank than " a" and "ab" */
    ENCODES(t, "abc", 0, AB, 'c');                                       /* and "ab" than "bc" */
    ENCODES(t, "aaaaaaaaaaa", 0, AA4, AA, 'a');                          /* equal ranks from the left */
    ENCODES(t, "xyz yz", 0, XYZ, ' ', 'y', 'z');                         /* "yz" merges but is no token */
    ENCODES(t, "\377a\303", 0, 0xef, 0xbf, 0xbd, 'a', 0xef, 0xbf, 0xbd); /* not UTF-8 */
    ENCODES(t, "\300\200", 0, 0);                                        /* overlong, as in llama.cpp */
    ENCODES(t, "<|tool|>", PAL_ENCODE_SPECIAL, TOOL);
    ENCODES(t, "<|tool|>", 0, '<', '|', 't', 'o', 'o', 'l', '|', '>');
    ENCODES(t, "<u>the<u><u><u>", 0, U, THE, UU, U); /* user-defined ones always; the longest first */
    ENCODES(t, "a </s>", PAL_ENCODE_BOS | PAL_ENCODE_SPECIAL, TOOL, 'a', ' ', S);
    ENCODES(bpe("llama-bpe"), "xyz", 0, XYZ);
    CHECK(pal_tokenizer_n(t) == SMALL_BPE && pal_tokenizer_adds_bos(t));
    CHECK(pal_tokenizer_id(t, ID_BOS) == TOOL && pal_tokenizer_id(t, ID_EOS) == S &&
          pal_tokenizer_id(t, ID_EOT) == IM_END);
    CHECK(pal_tokenizer_id(t, ID_NL) == '\n' && pal_tokenizer_id(t, ID_PAD) == -1 && pal_tokenizer_id(t, 99) == -1);
    CHECK(pal_tokenizer_is_eog(t, IM_END) && pal_tokenizer_is_eog(t, S) && !pal_tokenizer_is_eog(t, TOOL));
    CHECK(pal_tokenizer_type(t, S) == PAL_TOKEN_CONTROL && pal_tokenizer_type(t, U) == PAL_TOKEN_USER_DEFINED);
    CHECK(!pal_tokenizer_is_eog(t, SMALL_BPE) && !pal_piece(t, SMALL_BPE, true, NULL, 0));
    char piece[16];
    CHECK(pal_piece(t, TOOL, false, piece, sizeof piece) == 0 && pal_piece(t, TOOL, true, piece, sizeof piece) == 8);
    CHECK(pal_piece(t, _THE, false, piece, 2) == 4 && piece[0] == ' ' && piece[1] == 't');
    CHECK(pal_piece(t, 0xff, false, piece, 1) == 1 && (uint8_t)piece[0] == 0xff &&
          !pal_piece(t, EMPTY, true, piece, 1));
    DECODES(t, "a the?", 'a', _THE, ' ', '?'); /* older vocabularies lose these spaces */
    DECODES(t, "a's'b 'd", 'a', ' ', '\'', 's', ' ', '\'', ' ', 'b', ' ', '\'', 'd');
    DECODES(bpe("qwen2"), "a the ?", 'a', _THE, ' ', '?');
}

/* The worst that was announced: one word of bytes that are not UTF-8. */
static void worst_case(void) {
    enum { N = 100 };
    char text[N];
    uint32_t wanted[3 * N + 1];
    for (uint32_t i = 0; i < N; i++) {
        text[i] = (char)0x80;
        wanted[3 * i] = 0xef, wanted[3 * i + 1] = 0xbf, wanted[3 * i + 2] = 0xbd;
    }
    wanted[3 * N] = END;
    encodes(bpe("gpt-2"), text, N, 0, wanted);
    CHECK(pal_encode(bpe("gpt-2"), text, (1 << 25) + 1, 0, NULL, 0, NULL, SIZE_MAX) == PAL_E_ARGUMENT);
}

static void spm_ids(void) {
    enum { SPACE = SMALL_PIECES, A, B, AB_, SA, SAB, AA_, USER, E = SMALL_BYTE };
    pal_tokenizer *t = spm();
    encodes(t, "", 0, 0, (const uint32_t[]){END});
    ENCODES(t, "", PAL_ENCODE_BOS, 1);
    ENCODES(t, "ab", PAL_ENCODE_BOS, 1, SAB);
    ENCODES(t, "aab", 0, SPACE, AA_, B); /* equal scores from the left */
    ENCODES(t, "b a", 0, SPACE, B, SA);
    ENCODES(t, "\303\251\377", 0, SPACE, E + 0xc3, E + 0xa9, E + 0xff);
    ENCODES(t, "<u>a<u>", 0, USER, SA, USER); /* a space in front of each text behind a special token */
    ENCODES(t, "a</s>b", PAL_ENCODE_SPECIAL, SA, 2, SPACE, B);
    CHECK(pal_tokenizer_id(t, ID_NL) == E + '\n' && pal_tokenizer_id(t, ID_UNK) == 0 && pal_tokenizer_is_eog(t, 2));
    DECODES(t, "ab a", SAB, SA);
    DECODES(t, "<s> ab", 1, SAB);
    DECODES(t, "\303\251", E + 0xc3, E + 0xa9);
}

/* Every text comes back, whatever the pre-tokenizer; ids are in the vocabulary and fit in what was announced. */
static void round_trips(void) {
    static const char *const pool[] = {"a",
                                       "the",
                                       " ",
                                       "  ",
                                       "\n",
                                       "\r\n",
                                       "\t",
                                       "1",
                                       "234",
                                       "'s",
                                       "'LL",
                                       "!",
                                       "~$",
                                       "A",
                                       "bC",
                                       "<u>",
                                       "\303\251",
                                       "\341\272\236",
                                       "\342\200\250",
                                       "\343\200\200",
                                       "\346\274\242",
                                       "\355\225\234",
                                       "\360\237\230\200",
                                       "\314\201",
                                       "\340\270\201",
                                       "\331\243",
                                       "\302\205",
                                       "\1",
                                       "\177"};
    uint64_t seed = 1;
    for (uint32_t row = 0; pal_pre_name(row); row++) {
        pal_tokenizer *t = bpe(pal_pre_name(row));
        uint32_t ids[600];
        char text[200], back[200];
        size_t scratch = pal_encode_scratch(t, sizeof text);
        void *block = test_take(scratch);
        for (int round = 0; round < 20 && t; round++) {
            size_t n = 0;
            while (n < 190) {
                const char *piece = pool[test_random(&seed) % (sizeof pool / sizeof *pool)];
                while (*piece) text[n++] = *piece++;
            }
            int64_t count = pal_encode(t, text, n, 0, ids, 600, block, scratch);
            CHECK(count > 0 && (size_t)count <= pal_encode_max(t, n));
            size_t got = 0;
            for (int64_t i = 0; i < count; i++) got += pal_piece(t, ids[i], true, back + got, sizeof back - got);
            CHECK(got == n && pal_bytes_equal(text, back, n));
        }
    }
}

static void pre_tokenizers(void) {
    uint32_t cps[256];
    uint8_t marks[256], text[512];
    for (uint32_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        pre_program *p = test_take(sizeof *p);
        size_t n = 0, n_cps = 0, length = vocab_length(splits[i].pre);
        bool wanted[257] = {false}, same = pal_pre_open(p, (pal_str){splits[i].pre, length}, NULL) >= 0;
        for (const uint8_t *c = (const uint8_t *)splits[i].pieces; *c;) {
            if (*c == 036) wanted[n_cps] = true, c++;
            uint32_t used = (uint32_t)pal_utf8_get(c, 4, &cps[n_cps]); /* a terminator is never inside */
            marks[n_cps] = (uint8_t)pal_cp_class(cps[n_cps]);
            n += pal_utf8_put(text + n, cps[n_cps++]);
            c += used;
        }
        pal_pre_run(p, cps, marks, n_cps);
        for (size_t k = 1; k < n_cps && same; k++) same = !(marks[k] & PRE_MARK) == !wanted[k];
        if (!same) test_print(splits[i].pre), test_print(": "), test_print(splits[i].pieces), test_print("\n");
        CHECK(same);
    }
    for (uint32_t i = 0; pal_pre_name(i); i++)
        CHECK(pal_pre_open(test_take(sizeof(pre_program)), (pal_str){pal_pre_name(i), vocab_length(pal_pre_name(i))},
                           NULL) >= 0);
    pre_program *p = test_take(sizeof *p);
    static const char *const wrong[] = {"[a", "(?:a", "a)",    "\\p{Q}",   "\\p{L",           "a{2,1}",
                                        "a{", "(a)",  "(?!a)", "\303\251", "[\303\251&&[^b]", "\\"};
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CHECK(pal_pre_compile(p, wrong[i]) == 0xffff);
}

static bool mentions(const pal_error *e, const char *what) {
    for (const char *at = e->text; *at; at++) {
        size_t i = 0;
        while (what[i] && at[i] == what[i]) i++;
        if (!what[i]) return true;
    }
    return false;
}

static void hostile(void) {
    static const struct {
        int fault, code;
        const char *says;
    } cases[] = {
        {FAULT_MODEL, PAL_E_SUPPORT, "bert"},
        {FAULT_NO_MODEL, PAL_E_FORMAT, "tokenizer.ggml.model"},
        {FAULT_PRE, PAL_E_SUPPORT, "nobody-knows: unknown tokenizer.ggml.pre; known are gpt-2"},
        {FAULT_NO_TOKENS, PAL_E_FORMAT, "tokenizer.ggml.tokens"},
        {FAULT_EMPTY_TOKENS, PAL_E_FORMAT, "tokenizer.ggml.tokens"},
        {FAULT_TOKENS_NUMBERS, PAL_E_FORMAT, "tokenizer.ggml.tokens"},
        {FAULT_TOKENS_STRING, PAL_E_FORMAT, "tokenizer.ggml.tokens"},
        {FAULT_TWICE, PAL_E_FORMAT, "aa: is in tokenizer.ggml.tokens twice"},
        {FAULT_BYTE, PAL_E_FORMAT, "<0xXX>"},
        {FAULT_NO_SCORES, PAL_E_FORMAT, "tokenizer.ggml.scores"},
        {FAULT_SCORES_SHORT, PAL_E_FORMAT, "tokenizer.ggml.scores"},
        {FAULT_SCORES_TEXT, PAL_E_FORMAT, "tokenizer.ggml.scores"},
        {FAULT_TYPES_SHORT, PAL_E_FORMAT, "tokenizer.ggml.token_type"},
        {FAULT_NO_MERGES, PAL_E_FORMAT, "tokenizer.ggml.merges"},
        {FAULT_MERGE_SPACE, PAL_E_FORMAT, "tokenizer.ggml.merges"},
        {FAULT_BOS_TYPE, PAL_E_FORMAT, "tokenizer.ggml.bos_token_id"},
        {FAULT_ADD_BOS_TYPE, PAL_E_FORMAT, "tokenizer.ggml.add_bos_token"},
    };
    pal_tokenizer *t;
    pal_error e;
    vocab_file f = file_of();
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool of_spm = cases[i].fault >= FAULT_BYTE && cases[i].fault <= FAULT_SCORES_TEXT;
        if (of_spm)
            small_spm(&f, cases[i].fault);
        else
            small_bpe(&f, "gpt-2", cases[i].fault);
        CHECK(open_file(&f, &t, &e) == cases[i].code && e.code == cases[i].code);
        if (!mentions(&e, cases[i].says))
            test_print(cases[i].says), test_print(" <- "), test_print(e.text), test_print("\n");
        CHECK(mentions(&e, cases[i].says));
    }
    small_bpe(&f, "gpt-2", FAULT_PAD_RANGE); /* files say -1 for none */
    CHECK(!open_file(&f, &t, &e) && pal_tokenizer_id(t, ID_PAD) == -1);
    small_bpe(&f, "gpt-2", FAULT_BOS_RANGE); /* llama.cpp's default */
    CHECK(!open_file(&f, &t, &e) && pal_tokenizer_id(t, ID_BOS) == 11);
    small_bpe(&f, NULL, FAULT_NONE);
    CHECK(!open_file(&f, &t, &e));
    ENCODES(t, "1234", 0, '1', '2', '3', '4'); /* `default` */
}

/* One word or one run without end takes no more than a moment, in every pre-tokenizer. */
static void endless(void) {
    enum { LONG = 1 << 14 };
    static const char fills[] = "aA1 \n~'";
    char *text = test_take(LONG + 1);
    uint32_t *ids = test_take(3 * (LONG + 8) * 4);
    pal_tokenizer *t = bpe("gpt-2");
    size_t scratch = pal_encode_scratch(t, LONG + 1);
    void *block = test_take(scratch);
    for (uint32_t row = 0; pal_pre_name(row) && (t = bpe(pal_pre_name(row))); row++)
        for (uint32_t k = 0; fills[k]; k++) {
            for (uint32_t i = 0; i < LONG; i++) text[i] = fills[k];
            text[LONG] = 'b';
            int64_t got = pal_encode(t, text, LONG + 1, 0, ids, 3 * (LONG + 8), block, scratch);
            CHECK(got == (k ? LONG + 1 : LONG / 8 + 1)); /* only the letter a has merges */
        }
    t = spm();
    scratch = pal_encode_scratch(t, LONG + 1);
    block = test_take(scratch);
    for (uint32_t i = 0; i < LONG; i++) text[i] = 'a';
    CHECK(pal_encode(t, text, LONG, 0, ids, 3 * (LONG + 8), block, scratch) == LONG / 2 + 1);
}

void test_tokenizer(void) {
    CHECK(pal_cp_class(0x10ffff) == PAL_CP_OTHER && pal_cp_class(0x85) == PAL_CP_SPACE &&
          pal_cp_class('_') == PAL_CP_P);
    CHECK(pal_cp_class(0x2ee5d) == PAL_CP_L && pal_cp_class(0x2ee5e) == PAL_CP_OTHER &&
          pal_cp_class(0xe01ef) == PAL_CP_M);
    bpe_ids();
    worst_case();
    spm_ids();
    round_trips();
    pre_tokenizers();
    hostile();
    endless();
}
