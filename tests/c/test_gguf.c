/* GGUF: good files of all kinds, and every way we could think of in which a file can lie. */
#include "../../src/gguf.h"
#include "make_gguf.h"
#include "test.h"

#define SHAPE(...) ((const uint64_t[5]){__VA_ARGS__})
enum { F32 = 0, F16 = 1, Q4_0 = 2, IQ4_NL = 20 };

/* ---- help ---- */

static pal_error error; /* of the last open_* */

/* Opens in a directory block of exactly the size that was asked for; NULL when it fails. */
static const pal_gguf *open_files(const pal_file *files, uint32_t n, int *rc) {
    uint64_t need = 0;
    uint32_t which = 99;
    error = (pal_error){0};
    int64_t bytes = pal_gguf_size(files, n, &need, &which, &error);
    if (bytes < 0) {
        *rc = (int)bytes;
        if (bytes == PAL_E_MORE) {
            CHECK(which < n && need > files[which].have && need <= files[which].size);
            CHECK(error.code == 0); /* waiting is no failure */
        } else
            CHECK(error.code == *rc && error.text[0]);
        return NULL;
    }
    pal_gguf *g = NULL;
    *rc = pal_gguf_open(&g, test_take((size_t)bytes), (size_t)bytes, files, n, &error);
    CHECK(*rc == error.code && (*rc == 0) == (g != NULL));
    return g;
}

static const pal_gguf *open_one(const maker *m, int *rc) {
    pal_file f = {m->bytes, m->n, m->n};
    return open_files(&f, 1, rc);
}

static bool contains(const char *text, const char *part) {
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && text[i] == part[i]) i++;
        if (!part[i]) return true;
    }
    return false;
}

static bool says(int rc, int code, const char *part) {
    bool ok = rc == code && error.code == code && contains(error.text, part) && contains(error.text, ";");
    if (!ok) test_print("got: "), test_print_number(rc), test_print(" "), test_print(error.text), test_print("\n");
    return ok;
}

/* The file in m is refused with this code and these words. */
#define REFUSED(m, code, words)                                           \
    do {                                                                  \
        int rc_;                                                          \
        CHECK(open_one((m), &rc_) == NULL && says(rc_, (code), (words))); \
    } while (0)

static maker room(size_t size) { return (maker){test_take(size), 0, size}; }

/* Reads everything that the directory points to, so that AddressSanitizer sees it; false if something contradicts. */
static bool consistent(const pal_gguf *g, const pal_file *files) {
    uint64_t at, end = 0;
    for (uint64_t i = 0; i < g->n_kv; i++) {
        const pal_kv *kv = &g->kv[i];
        uint64_t sum = pal_hash(0, kv->value, (size_t)kv->bytes);
        if (kv->type > PAL_F64 || kv->item_type > PAL_F64 || kv->item_type == PAL_ARRAY || !kv->key.n) return false;
        for (uint64_t k = at = 0; k < kv->n; k++)
            if (kv->item_type == PAL_STRING) {
                pal_str s = pal_kv_string(kv, &at);
                sum += pal_hash(1, s.data, s.n);
            } else
                sum += pal_kv_number(kv, k) > 0;
        if (kv->item_type == PAL_STRING && at != kv->bytes) return false;
        (void)*(volatile uint64_t *)&sum;
    }
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const pal_tensor *t = &g->tensors[i];
        const pal_file *f = &files[t->file];
        if (i && t->file != t[-1].file) end = 0;
        if (!t->name.n || t->offset < end || t->offset % 8 || t->offset + t->bytes > f->size || !t->bytes) return false;
        if (t->data != f->bytes + t->offset || t->n_dims < 1 || t->n_dims > 4) return false;
        for (uint32_t d = 0; d < 4; d++)
            if (!t->ne[d] || (d >= t->n_dims && t->ne[d] != 1)) return false;
        end = t->offset + t->bytes;
        if (f->have >= end) (void)*(volatile const uint8_t *)(t->data + t->bytes - 1);
    }
    return true;
}

/* ---- a good file with a value of every type ---- */

static maker good_file(uint32_t version) {
    maker m = room(2048);
    make_head(&m, version, 3, 27);
    make_str(&m, "general.architecture", "llama");
    make_u32(&m, "general.alignment", 64);
    for (uint32_t type = 0; type <= PAL_F64; type++) { /* scalars, and arrays of three */
        static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        char key[] = "s.a";
        if (type == PAL_ARRAY) continue;
        key[2] = (char)('a' + type);
        make_key(&m, key, type);
        if (type == PAL_STRING)
            make_text(&m, "one");
        else
            make_number(&m, type == PAL_F32 ? 0xbf800000 : type == PAL_F64 ? 0xbff0000000000000 : 1, bytes[type]);
        key[0] = 'a';
        make_array(&m, key, type, 3);
        for (uint32_t i = 0; i < 3; i++)
            if (type == PAL_STRING)
                make_text(&m, i == 0 ? "x" : i == 1 ? "" : "yz");
            else if (type == PAL_F32)
                make_number(&m, pal_f32_bits(0.5f - (float)i), 4);
            else if (type == PAL_F64)
                make_number(&m, 0x3ff0000000000000 + ((uint64_t)i << 52), 8);
            else
                make_number(&m, type == PAL_BOOL ? i & 1 : (uint64_t)0 - i, bytes[type]);
    }
    make_array(&m, "empty", PAL_STRING, 0);
    make_tensor(&m, "token_embd.weight", F16, SHAPE(5, 3), 0); /* 30 bytes */
    make_tensor(&m, "four", F32, SHAPE(1, 2, 1, 3), 64);
    make_tensor(&m, "blocks", Q4_0, SHAPE(32), 128); /* 18 bytes */
    make_pad(&m, 64);
    make_zeros(&m, 128 + 18); /* no padding behind the last tensor */
    return m;
}

static size_t header_end(const maker *m) { return m->n - 128 - 18; } /* padded */

static void test_values(uint32_t version) {
    maker m = good_file(version);
    pal_file f = {m.bytes, m.n, m.n};
    int rc;
    const pal_gguf *g = open_one(&m, &rc);
    CHECK(rc == 0);
    if (!g) return;
    CHECK(consistent(g, &f) && g->version == version && g->n_files == 1 && g->n_kv == 27 && g->n_tensors == 3);

    static const double third[] = {254, -2, 65534, -2, 4294967294., -2, -1.5, 0, 0, 0, 18446744073709551614., -2, 4};
    for (uint32_t type = 0; type <= PAL_F64; type++) {
        char key[] = "s.a";
        if (type == PAL_ARRAY) continue;
        key[2] = (char)('a' + type);
        const pal_kv *s = pal_gguf_find(g, key), *a = (key[0] = 'a', pal_gguf_find(g, key));
        CHECK(s && a && s->type == type && s->n == 1 && a->type == PAL_ARRAY && a->item_type == type && a->n == 3);
        if (type == PAL_STRING || !s || !a) continue;
        CHECK(pal_kv_number(s, 0) == (third[type] == 4 || third[type] == -1.5 ? -1 : 1));
        CHECK(pal_kv_number(a, 2) == third[type]);
    }
    const pal_kv *strings = pal_gguf_find(g, "a.i"), *empty = pal_gguf_find(g, "empty");
    uint64_t at = 0;
    CHECK(pal_str_is(pal_kv_string(strings, &at), "x") && pal_str_is(pal_kv_string(strings, &at), ""));
    CHECK(pal_str_is(pal_kv_string(strings, &at), "yz") && at == strings->bytes);
    CHECK(empty && empty->n == 0 && empty->bytes == 0);

    const pal_tensor *t = pal_gguf_tensor(g, "four"), *q = pal_gguf_tensor(g, "blocks");
    CHECK(t && t->n_dims == 4 && t->ne[0] == 1 && t->ne[1] == 2 && t->ne[3] == 3 && t->bytes == 24 && t->type == F32);
    CHECK(t && t->offset == header_end(&m) + 64 && t->data == m.bytes + t->offset && t->file == 0);
    CHECK(q && q->bytes == 18 && q->n_dims == 1 && q->ne[0] == 32 && q->ne[1] == 1 && q->ne[3] == 1);
    CHECK(!pal_gguf_tensor(g, "fou") && !pal_gguf_tensor(g, "") && !pal_gguf_find(g, "four"));
}

static void test_getters(void) {
    maker m = room(512);
    make_head(&m, 3, 0, 7);
    make_key(&m, "minus", PAL_I8), make_number(&m, 255, 1);
    make_key(&m, "big", PAL_U64), make_number(&m, (uint64_t)1 << 32, 8);
    make_key(&m, "small", PAL_I64), make_number(&m, 0xffffffff, 8);
    make_key(&m, "nan", PAL_F32), make_number(&m, 0x7fc00000, 4);
    make_key(&m, "double", PAL_F64), make_number(&m, 0x7fe0000000000000, 8); /* beyond float */
    make_key(&m, "yes", PAL_BOOL), make_number(&m, 1, 1);
    make_str(&m, "text", "t");
    int rc;
    const pal_gguf *g = open_one(&m, &rc);
    uint32_t u = 7;
    float x = 7;
    bool b = false;
    pal_str s = {0};
    CHECK(g != NULL);
    if (!g) return;
#define WRONG(call, words) CHECK((error = (pal_error){0}, says(call, PAL_E_FORMAT, words)))
    WRONG(pal_gguf_u32(g, "minus", &u, &error), "minus: ");
    WRONG(pal_gguf_u32(g, "big", &u, &error), "4294967295");
    WRONG(pal_gguf_u32(g, "nan", &u, &error), "whole");
    WRONG(pal_gguf_u32(g, "text", &u, &error), "whole");
    WRONG(pal_gguf_f32(g, "nan", &x, &error), "finite");
    WRONG(pal_gguf_f32(g, "double", &x, &error), "double: ");
    WRONG(pal_gguf_f32(g, "small", &x, &error), "decimal");
    WRONG(pal_gguf_bool(g, "minus", &b, &error), "truth");
    WRONG(pal_gguf_str(g, "minus", &s, &error), "text");
    CHECK(pal_gguf_u32(g, "none", &u, NULL) == 0 && pal_gguf_f32(g, "none", &x, NULL) == 0);
    CHECK(pal_gguf_bool(g, "none", &b, NULL) == 0 && pal_gguf_str(g, "none", &s, NULL) == 0);
    CHECK(u == 7 && x == 7 && !b && !s.data);
    CHECK(pal_gguf_u32(g, "yes", &u, NULL) == 1 && u == 1);
    CHECK(pal_gguf_u32(g, "small", &u, NULL) == 1 && u == 0xffffffff);
    CHECK(pal_gguf_bool(g, "yes", &b, NULL) == 1 && b && pal_gguf_str(g, "text", &s, NULL) == 1 && pal_str_is(s, "t"));
}

/* ---- household: prefixes, extra bytes, flipped bits, blocks of the wrong size ---- */

/* n bytes at the end of the room: one byte beyond them is beyond the allocation. */
static uint8_t *at_end_of(const maker *space, const uint8_t *bytes, size_t n) {
    uint8_t *p = space->bytes + space->size - n;
    pal_move(p, bytes, n);
    return p;
}

static void test_prefixes(void) {
    maker m = good_file(3), space = room(m.n);
    uint8_t *block = test_take(1 << 14);
    size_t bad = 0, first_complete = 0;
    for (size_t n = 0; n < m.n; n++) {
        uint64_t need = 0;
        uint32_t which = 9;
        pal_gguf *g = NULL;
        uint8_t *p = at_end_of(&space, m.bytes, n);
        error = (pal_error){0};
        pal_file cut = {p, n, n}; /* the file ends here */
        bad += pal_gguf_size(&cut, 1, &need, &which, &error) != PAL_E_FORMAT || need || which != 9;
        bad += pal_gguf_open(&g, block, 1 << 14, &cut, 1, NULL) != PAL_E_FORMAT || g || !contains(error.text, "again");
        pal_file part = {p, n, m.n}; /* more is to come */
        int64_t bytes = pal_gguf_size(&part, 1, &need, &which, NULL);
        if (bytes > 0) {
            if (!first_complete) first_complete = n;
            bad += pal_gguf_open(&g, block, 1 << 14, &part, 1, NULL) != 0 || !consistent(g, &part);
        } else
            bad += bytes != PAL_E_MORE || which != 0 || need <= n || need > m.n || first_complete;
    }
    CHECK(bad == 0);
    CHECK(first_complete > header_end(&m) - 64 && first_complete <= header_end(&m));
}

static void test_extra(void) { /* 18 bytes of the last block leave room for 46 of padding */
    maker m = good_file(3);
    int rc;
    for (size_t extra = 1; extra <= 46; extra++) {
        make_zeros(&m, 1);
        CHECK(open_one(&m, &rc) != NULL);
    }
    make_zeros(&m, 1);
    REFUSED(&m, PAL_E_FORMAT, "behind the last tensor");
}

static void test_flips(void) {
    maker m = good_file(3), space = room(m.n);
    uint8_t *p = at_end_of(&space, m.bytes, m.n), *block = test_take(1 << 14);
    size_t contradictions = 0, refused = 0;
    pal_file f = {p, m.n, m.n};
    for (size_t i = 0; i < header_end(&m); i++)
        for (uint32_t way = 0; way < 11; way++) {
            pal_gguf *g = NULL;
            uint8_t was = p[i];
            p[i] = way < 8 ? (uint8_t)(was ^ 1 << way) : (uint8_t)(way == 8 ? 0 : way == 9 ? 255 : was + 1);
            error = (pal_error){0};
            int rc = pal_gguf_open(&g, block, 1 << 14, &f, 1, &error);
            if (rc)
                contradictions += rc == PAL_E_MORE || rc == PAL_E_MEMORY || error.code != rc, refused++;
            else
                contradictions += !consistent(g, &f);
            p[i] = was;
        }
    CHECK(contradictions == 0);
    CHECK(refused > header_end(&m) * 11 / 4); /* the rest are values and letters */
}

static void test_blocks(void) {
    maker m = good_file(3);
    pal_file f = {m.bytes, m.n, m.n};
    uint64_t need;
    uint32_t which;
    pal_gguf *g = NULL;
    size_t bytes = (size_t)pal_gguf_size(&f, 1, &need, &which, NULL);
    CHECK(bytes <= 6 * header_end(&m) + 512);
    error = (pal_error){0};
    CHECK(pal_gguf_open(&g, test_take(bytes - 1), bytes - 1, &f, 1, &error) == PAL_E_MEMORY && !g);
    CHECK(contains(error.text, "pal_gguf_size"));
    CHECK(pal_gguf_open(&g, test_take(bytes), bytes, &f, 1, NULL) == 0);
    uint64_t before = g->fingerprint;
    m.bytes[header_end(&m) + 3] ^= 1; /* data */
    CHECK(pal_gguf_open(&g, test_take(bytes), bytes, &f, 1, NULL) == 0 && g->fingerprint == before);
    m.bytes[24 + 8] ^= 1; /* the first letter of a key */
    CHECK(pal_gguf_open(&g, test_take(bytes), bytes, &f, 1, NULL) == 0 && g->fingerprint != before);
}

/* ---- real files, streams, parts ---- */

static void test_fixtures(void) {
    static const char *const all[] = {
        "arch/llama_plain/model.gguf", "arch/gemma2/model.gguf", "arch/gemma3/model.gguf", "arch/gpt2/model.gguf",
        "arch/phi3/model.gguf",        "arch/qwen2/model.gguf",  "arch/qwen3/model.gguf",  "arch/smollm3/model.gguf",
        "formats/Q4_0.gguf",           "formats/Q4_K_M.gguf",    "formats/Q8_0.gguf"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        test_file file = test_fixture(all[i]);
        pal_file f = {file.bytes, file.n, file.n};
        int rc = -99;
        if (!file.n) continue;
        const pal_gguf *g = open_files(&f, 1, &rc);
        CHECK(g && consistent(g, &f) && g->version == 3);
        if (i || !g) continue;

        uint32_t layers = 0;
        float base = 0;
        pal_str arch = {0};
        CHECK(g->n_kv == 15 && g->n_tensors == 21);
        CHECK(pal_gguf_u32(g, "llama.block_count", &layers, NULL) == 1 && layers == 2);
        CHECK(pal_gguf_f32(g, "llama.rope.freq_base", &base, NULL) == 1 && base == 10000);
        CHECK(pal_gguf_str(g, "general.architecture", &arch, NULL) == 1 && pal_str_is(arch, "llama"));
        const pal_tensor *t = pal_gguf_tensor(g, "blk.1.ffn_down.weight");
        CHECK(t && t == &g->tensors[20] && t->ne[0] == 112 && t->ne[1] == 96 && t->type == F32);
        CHECK(t && t->offset == 1888 + 610176 && t->offset + t->bytes == file.n);
    }
}

/* The header of a vocabulary of 150,000 words, in a file of which all else is missing. */
static void test_stream(void) {
    enum { words = 150000 };
    maker m = room(words * 20 + 4096);
    make_head(&m, 3, 0, 2);
    make_array(&m, "tokenizer.ggml.tokens", PAL_STRING, words);
    for (uint32_t i = 0; i < words; i++) {
        char word[] = "______";
        for (uint32_t k = 0, x = i; x; x /= 26) word[k++] = (char)('a' + x % 26);
        make_text(&m, word);
    }
    make_array(&m, "tokenizer.ggml.token_type", PAL_I32, words);
    make_zeros(&m, words * 4);
    maker space = room(m.n);
    pal_file f = {NULL, 0, m.n};
    uint64_t need = 0;
    uint32_t which, calls = 1;
    int64_t rc;
    while ((rc = pal_gguf_size(&f, 1, &need, &which, NULL)) == PAL_E_MORE && calls < 100) {
        calls++;
        f.have = need;
        f.bytes = at_end_of(&space, m.bytes, (size_t)need);
    }
    CHECK(rc > 0 && calls > 3 && calls < 9);
    const pal_gguf *g = open_files(&f, 1, &(int){0});
    CHECK(g && consistent(g, &f) && pal_gguf_find(g, "tokenizer.ggml.tokens")->n == words);
}

static maker part(uint32_t no, uint32_t count, uint32_t total, const char *tensor) {
    maker m = room(512);
    make_head(&m, 3, tensor ? 1 : 0, no ? 3 : 4);
    if (!no) make_str(&m, "general.architecture", "llama");
    make_key(&m, "split.no", PAL_U16), make_number(&m, no, 2);
    make_key(&m, "split.count", PAL_U16), make_number(&m, count, 2);
    make_key(&m, "split.tensors.count", PAL_I32), make_number(&m, total, 4);
    if (tensor) make_tensor(&m, tensor, F32, SHAPE(8 * no), 0);
    make_pad(&m, 32);
    if (tensor) make_zeros(&m, 32 * no);
    return m;
}

static void test_parts(void) {
    maker a = part(0, 3, 2, NULL), b = part(1, 3, 2, "b"), c = part(2, 3, 2, "c"), whole = good_file(3);
    maker twin = part(2, 3, 2, "b"), other = part(2, 3, 3, "c"), b3 = part(1, 3, 3, "b"), a3 = part(0, 3, 3, NULL);
#define FILE_OF(m) \
    { (m).bytes, (m).n, (m).n }
#define PARTS(...) open_files((pal_file[]){__VA_ARGS__}, sizeof((pal_file[]){__VA_ARGS__}) / sizeof(pal_file), &rc)
    int rc;
    pal_file files[] = {FILE_OF(a), FILE_OF(b), FILE_OF(c)};
    const pal_gguf *g = open_files(files, 3, &rc);
    CHECK(g && consistent(g, files) && g->n_files == 3 && g->n_tensors == 2 && g->n_kv == 4);
    const pal_tensor *t = g ? pal_gguf_tensor(g, "c") : NULL;
    CHECK(t && t->file == 2 && t->ne[0] == 16 && t->data == c.bytes + t->offset && t->offset + 64 == c.n);
    uint64_t whole_print = g ? g->fingerprint : 0;

    CHECK(!PARTS(FILE_OF(a), FILE_OF(c), FILE_OF(b)) && says(rc, PAL_E_FORMAT, "file 2 of 3: this is part 3"));
    CHECK(!PARTS(FILE_OF(a), FILE_OF(b)) && says(rc, PAL_E_FORMAT, "file 1 of 2: this is part 1 of a model split in"));
    CHECK(!PARTS(FILE_OF(b)) && says(rc, PAL_E_FORMAT, "this is part 2 of a model split into 3"));
    CHECK(!PARTS(FILE_OF(a), FILE_OF(b), FILE_OF(b)) && says(rc, PAL_E_FORMAT, "file 3 of 3: this is part 2"));
    CHECK(!PARTS(FILE_OF(whole), FILE_OF(b), FILE_OF(c)) && says(rc, PAL_E_FORMAT, "file 1 of 3: this is a whole"));
    CHECK(!PARTS(FILE_OF(a), FILE_OF(b), FILE_OF(twin)) && says(rc, PAL_E_FORMAT, "b: this name is there twice"));
    CHECK(!PARTS(FILE_OF(a), FILE_OF(b), FILE_OF(other)) && says(rc, PAL_E_FORMAT, "file 3 of 3: this part is of"));
    CHECK(!PARTS(FILE_OF(a3), FILE_OF(b3), FILE_OF(other)) && says(rc, PAL_E_FORMAT, "split.tensors.count: "));

    uint64_t need = 0; /* the second part has not begun to arrive */
    uint32_t which = 0;
    files[1].have = 0;
    CHECK(pal_gguf_size(files, 3, &need, &which, NULL) == PAL_E_MORE && which == 1 && need == files[1].size);
    files[1].have = files[1].size;
    g = open_files(files, 3, &rc);
    CHECK(g && g->fingerprint == whole_print);
}

/* ---- hostile: the frame and metadata ---- */

static void test_frame(void) {
    maker m = room(512);
    static const struct {
        const char *bytes, *words;
    } magic[] = {{"<!doctype html><html lang=\"en\">", "web page"},
                 {"version https://git-lfs.github.com/spec/v1", "Git LFS"},
                 {"PK\3\4--------------------------", "ZIP"},
                 {"tjgg------------------------", "older than GGUF"},
                 {"GGUf--------------------", "not a GGUF file"}};
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++) {
        make_text(&m, magic[i].bytes);
        maker text = {m.bytes + m.n - 20, 20, 20}; /* anywhere: only its start counts */
        for (size_t k = 0; k < 20; k++) text.bytes[k] = (uint8_t)magic[i].bytes[k];
        REFUSED(&text, PAL_E_FORMAT, magic[i].words);
    }
    static const struct {
        uint32_t version;
        const char *words;
    } versions[] = {
        {0, "unknown"}, {1, "version 1"}, {4, "unknown"}, {0x03000000, "big-endian"}, {0xffffffff, "unknown"}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        make_head(&m, versions[i].version, 0, 0);
        REFUSED(&m, PAL_E_SUPPORT, versions[i].words);
    }
    static const uint64_t counts[][2] = {{1, 0},
                                         {0, 1},
                                         {65537, 0},
                                         {0, 65537},
                                         {(uint64_t)1 << 63, 0},
                                         {0, ~(uint64_t)0},
                                         {~(uint64_t)0, ~(uint64_t)0},
                                         {0x07c1f07c1f07c1f1, 0}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        make_head(&m, 3, counts[i][0], counts[i][1]);
        REFUSED(&m, PAL_E_FORMAT, "announced");
        if (i < 2) continue;
        pal_file endless = {m.bytes, m.n, (uint64_t)1 << 31}; /* refused at once, not after 2 GB */
        int rc;
        CHECK(!open_files(&endless, 1, &rc) && says(rc, PAL_E_FORMAT, "announced"));
    }
    make_head(&m, 3, 0, 0);
    pal_file huge = {m.bytes, m.n, ~(uint64_t)0};
    int rc;
    CHECK(!open_files(&huge, 1, &rc) && says(rc, PAL_E_SUPPORT, "larger"));
    const pal_gguf *g = open_one(&m, &rc); /* nothing in it, and nothing wrong with it */
    CHECK(g && !pal_gguf_find(g, "x") && !pal_gguf_tensor(g, "x"));
}

static void start_kv(maker *m, const char *key, uint32_t type) { make_head(m, 3, 0, 1), make_key(m, key, type); }

static void test_metadata(void) {
    maker m = room(1024);
    int rc;
    static const uint32_t alignments[] = {0, 1, 4, 24, 33, 131072, 0x80000000};
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        make_head(&m, 3, 0, 1), make_u32(&m, "general.alignment", alignments[i]);
        REFUSED(&m, PAL_E_FORMAT, "general.alignment: must be a power of two");
    }
    make_head(&m, 3, 0, 1), make_str(&m, "general.alignment", "32");
    REFUSED(&m, PAL_E_FORMAT, "general.alignment: must be a whole number");

    start_kv(&m, "flag", PAL_BOOL), make_number(&m, 2, 1);
    REFUSED(&m, PAL_E_FORMAT, "flag: a truth value");
    make_head(&m, 3, 0, 1), make_array(&m, "flags", PAL_BOOL, 3), make_number(&m, 0x800100, 3);
    REFUSED(&m, PAL_E_FORMAT, "flags: a truth value");
    start_kv(&m, "new", 13), make_zeros(&m, 16);
    REFUSED(&m, PAL_E_FORMAT, "new: the value has a type");
    make_head(&m, 3, 0, 1), make_array(&m, "list", 13, 1), make_zeros(&m, 16);
    REFUSED(&m, PAL_E_FORMAT, "list: the value has a type");
    make_head(&m, 3, 0, 1), make_array(&m, "list", PAL_ARRAY, 1), make_zeros(&m, 16);
    REFUSED(&m, PAL_E_SUPPORT, "list: an array of arrays");

    static const uint64_t lengths[] = {17, 300 << 20, (uint64_t)1 << 61, (uint64_t)1 << 63, ~(uint64_t)0, ~(uint64_t)7};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) { /* 16 bytes are left in each */
        start_kv(&m, "text", PAL_STRING), make_number(&m, lengths[i], 8), make_zeros(&m, 16);
        REFUSED(&m, PAL_E_FORMAT, "text: the file ends inside");
        for (uint32_t type = 0; type <= PAL_F64; type++) {
            if (type == PAL_ARRAY) continue;
            make_head(&m, 3, 0, 1), make_array(&m, "list", type, lengths[i]), make_zeros(&m, 16);
            REFUSED(&m, PAL_E_FORMAT, "list: the ");
        }
    }
    start_kv(&m, "text", PAL_STRING), make_number(&m, 300 << 20, 8);
    pal_file endless = {m.bytes, m.n, (uint64_t)1 << 31}; /* the file could hold it, but no header is so large */
    CHECK(!open_files(&endless, 1, &rc) && says(rc, PAL_E_FORMAT, "text: the header claims"));

    start_kv(&m, "", PAL_U8), make_number(&m, 0, 2);
    REFUSED(&m, PAL_E_FORMAT, "has no name");
    start_kv(&m, "a b", PAL_U8), make_number(&m, 0, 1);
    REFUSED(&m, PAL_E_FORMAT, "a b: the name holds");
    start_kv(&m, "caf\xc3\xa9", PAL_U8), make_number(&m, 0, 1);
    REFUSED(&m, PAL_E_FORMAT, "caf??: the name holds");
    start_kv(&m, "\x7f", PAL_U8), make_number(&m, 0, 1);
    REFUSED(&m, PAL_E_FORMAT, "?: the name holds");
    make_head(&m, 3, 0, 1), make_number(&m, 65536, 8), make_zeros(&m, 64);
    pal_file large = {m.bytes, m.n, 1 << 20};
    CHECK(!open_files(&large, 1, &rc) && says(rc, PAL_E_FORMAT, "too long"));

    make_head(&m, 3, 0, 3), make_u32(&m, "twice", 1), make_u32(&m, "once", 1), make_u32(&m, "twice", 1);
    REFUSED(&m, PAL_E_FORMAT, "twice: this name is there twice");
}

/* ---- hostile: tensors ---- */

/* A file with one tensor, padded, and data behind it. */
static maker one_tensor(uint32_t type, const uint64_t *ne, uint64_t offset, size_t data_bytes) {
    maker m = room(8192);
    make_head(&m, 3, 1, 0);
    make_tensor(&m, "w", type, ne, offset);
    make_pad(&m, 32), make_zeros(&m, data_bytes);
    return m;
}

static void test_tensors(void) {
    const uint64_t top = (uint64_t)1 << 63, half = (uint64_t)1 << 32;
    maker m = one_tensor(F32, SHAPE(8), 0, 32);
    int rc;
    CHECK(open_one(&m, &rc) != NULL);
#define BAD(code, words, ...) REFUSED((m = one_tensor(__VA_ARGS__), &m), code, words)
    BAD(PAL_E_FORMAT, "w: a tensor has 1 to 4", F32, SHAPE(0), 0, 32);
    BAD(PAL_E_FORMAT, "w: the dimensions", F32, SHAPE(half, half), 0, 32);
    BAD(PAL_E_FORMAT, "w: the dimensions", F32, SHAPE(top, 2), 0, 32);
    BAD(PAL_E_FORMAT, "w: the dimensions", F32, SHAPE(~(uint64_t)0), 0, 32);
    BAD(PAL_E_FORMAT, "w: the dimensions", F32, SHAPE(1 << 20, 1 << 20, 1 << 20, 1 << 20), 0, 32);
    BAD(PAL_E_FORMAT, "w: the dimensions", F32, SHAPE(8, 1, 1, half << 16), 0, 32);
    BAD(PAL_E_FORMAT, "w: the file ends before", F32, SHAPE(half << 16), 0, 32);
    BAD(PAL_E_FORMAT, "w: the file ends before", F32, SHAPE(9), 0, 32);
    BAD(PAL_E_FORMAT, "w: the file ends before", F32, SHAPE(8, 2), 0, 63);
    BAD(PAL_E_FORMAT, "w: a row is no whole", Q4_0, SHAPE(33), 0, 64);
    BAD(PAL_E_FORMAT, "w: a row is no whole", Q4_0, SHAPE(16, 2), 0, 64);
    BAD(PAL_E_FORMAT, "w: the data is not aligned", F32, SHAPE(8), 8, 64);
    BAD(PAL_E_FORMAT, "w: the data does not follow", F32, SHAPE(8), 32, 64);
    BAD(PAL_E_FORMAT, "w: the data does not follow", F32, SHAPE(8), ~(uint64_t)31, 64);
    BAD(PAL_E_FORMAT, "behind the last tensor", F32, SHAPE(8), 0, 33);
    BAD(PAL_E_FORMAT, "behind the last tensor", F32, SHAPE(8), 0, 64);
    BAD(PAL_E_SUPPORT, "w: number format IQ4_NL (type 20) is not supported; ", IQ4_NL, SHAPE(32), 0, 32);
    BAD(PAL_E_SUPPORT, "Q4_K", IQ4_NL, SHAPE(32), 0, 32);
    BAD(PAL_E_SUPPORT, "(type 4294967295)", 0xffffffff, SHAPE(32), 0, 32);

    m = one_tensor(F32, SHAPE(8, 1), 0, 32); /* from two dimensions to five, and one of them to zero */
    m.bytes[24 + 9] = 5;
    REFUSED(&m, PAL_E_FORMAT, "w: a tensor has 1 to 4");
    m.bytes[24 + 9] = 2, m.bytes[24 + 21] = 0;
    REFUSED(&m, PAL_E_FORMAT, "w: a dimension is zero");

    char longest[65] = {0}, longer[66] = {0};
    for (size_t i = 0; i < 65; i++) longer[i] = 'n', longest[i] = i < 64 ? 'n' : 0;
    const struct {
        const char *first, *second;
        uint64_t offset;
        const char *words;
    } pairs[] = {{"a", "a", 32, "a: this name is there twice"},
                 {"a", "b", 0, "b: the data overlaps"},
                 {"a", "b", 64, "b: the data does not follow"},
                 {"a", "", 32, "has no name"},
                 {"a", "b\n", 32, "b?: the name"},
                 {"a", longer, 32, "too long"},
                 {"a", longest, 32, NULL}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        make_head(&m, 3, 2, 0);
        make_tensor(&m, pairs[i].first, F32, SHAPE(8), 0);
        make_tensor(&m, pairs[i].second, F32, SHAPE(8), pairs[i].offset);
        make_pad(&m, 32), make_zeros(&m, 64);
        if (pairs[i].words) REFUSED(&m, PAL_E_FORMAT, pairs[i].words);
    }
    const pal_gguf *g = open_one(&m, &rc); /* the last pair is right; no part of the longest name is taken for it */
    CHECK(g && pal_gguf_tensor(g, longest) == &g->tensors[1]);
    for (size_t i = 64; g && i--;) longest[i] = 0, CHECK(!pal_gguf_tensor(g, longest));
}

/* ---- many names: none of this may take seconds ---- */

static const char *numbered(char name[16], uint32_t i) { /* "key.65535" */
    char digits[11] = {0};
    uint32_t n = 10, at = 0;
    do digits[--n] = (char)('0' + i % 10);
    while (i /= 10);
    while ("key."[at]) name[at] = "key."[at], at++;
    while (n <= 10) name[at++] = digits[n++];
    return name;
}

/* All that is allowed, under names that a weak hash would put side by side. */
static void test_most(void) {
    enum { most = 65536, bytes = 48 };
    maker m = room(24 + (2 * most + 1) * bytes + most * 8);
    char name[16];
    int rc;
    for (uint32_t n = most; n <= most + 1; n++) {
        make_head(&m, 3, n, most);
        for (uint32_t i = 0; i < most - 1; i++) make_u32(&m, numbered(name, i), i);
        make_u32(&m, "general.alignment", 8);
        for (uint32_t i = 0; i < n; i++) make_tensor(&m, numbered(name, i), F32, SHAPE(2), 8 * i);
        make_pad(&m, 8), make_zeros(&m, most * 8);
        if (n > most)
            REFUSED(&m, PAL_E_FORMAT, "announced");
        else {
            const pal_gguf *g = open_one(&m, &rc);
            size_t lost = 0;
            CHECK(g && g->n_tensors == most && g->n_kv == most);
            for (uint32_t i = 0; g && i < most - 1; i++)
                lost += pal_gguf_tensor(g, numbered(name, i)) != &g->tensors[i] || pal_gguf_find(g, name) != &g->kv[i];
            CHECK(lost == 0);
        }
    }
    make_head(&m, 3, most / 4, 0); /* 16384 times 2^50 bytes is 2^64: the sum must not come round to 0 */
    for (uint32_t i = 0; i < most / 4; i++)
        make_tensor(&m, numbered(name, i), F32, SHAPE((uint64_t)1 << 48), (uint64_t)i << 50);
    REFUSED(&m, PAL_E_FORMAT, "key.0: the file ends before");
}

/* Names chosen to fall into one place of the table: without a limit each would be compared with all before it. */
static void test_collisions(void) {
    enum { n = 100 };
    maker m = room(n * 32 + 24);
    char(*chosen)[16] = test_take(n * sizeof *chosen), name[16];
    uint8_t *block = test_take(1 << 14);
    uint32_t found = 0;
    for (uint32_t from = 0; found < n && from < 1000 * n; from += n) {
        pal_gguf *g = NULL;
        make_head(&m, 3, 0, n);
        for (uint32_t i = 0; i < n; i++) make_u32(&m, numbered(name, from + i), 0);
        pal_file f = {m.bytes, m.n, m.n};
        if (pal_gguf_open(&g, block, 1 << 14, &f, 1, NULL)) break;
        for (uint32_t slot = 0; slot < 4; slot++)
            if (g->kv_hash[slot] && found < n) numbered(chosen[found++], from + g->kv_hash[slot] - 1);
    }
    CHECK(found == n);
    make_head(&m, 3, 0, found);
    for (uint32_t i = 0; i < found; i++) make_u32(&m, chosen[i], 0);
    REFUSED(&m, PAL_E_FORMAT, "made to collide");
}

void test_gguf(void) {
    test_values(2), test_values(3);
    test_getters();
    test_prefixes(), test_extra(), test_flips(), test_blocks();
    test_fixtures(), test_stream(), test_parts();
    test_frame(), test_metadata(), test_tensors();
    test_most(), test_collisions();
}
