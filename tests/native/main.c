/* The engine as a native program, for comparison with the wasm modules (tests/node/hashes.js):
       palimpsest hash MODEL.gguf --ids-file F [--policy P --budget N --positions original|cache --cache f32|f16|q8
                                                --sinks N --recent N --chunk N --pin N]
       palimpsest encode MODEL.gguf TEXT-FILE      ids of the text, one per line
       palimpsest requantize IN.gguf TYPE OUT.gguf every matrix whose rows fit is packed into TYPE
       palimpsest formats                          the table of number formats */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/matmul.h"
#include "../../src/session.h"
#include "../../src/tokenizer.h"

static _Noreturn void die(const char *what, const char *why) {
    fprintf(stderr, "palimpsest: %s: %s\n", what, why);
    exit(1);
}

static void *take(size_t n) {
    void *p = NULL;
    if (posix_memalign(&p, 64, n ? n : 1)) die("memory", "the block cannot be had");
    memset(p, 0, n);
    return p;
}

static pal_file map_file(const char *path) {
    int fd = open(path, O_RDONLY);
    struct stat s;
    if (fd < 0 || fstat(fd, &s)) die(path, "cannot be opened");
    void *p = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED) die(path, "cannot be mapped");
    return (pal_file){p, (uint64_t)s.st_size, (uint64_t)s.st_size};
}

static const pal_gguf *open_gguf(const char *path, const pal_file *file) {
    pal_error e = {0};
    pal_gguf *g;
    uint64_t need;
    uint32_t which;
    int64_t bytes = pal_gguf_size(file, 1, &need, &which, &e);
    if (bytes < 0) die(path, e.text);
    if (pal_gguf_open(&g, take((size_t)bytes), (size_t)bytes, file, 1, &e)) die(path, e.text);
    return g;
}

/* ---- hash ---- */

static uint32_t policy_of(const char *name) {
    for (uint32_t i = 0; pal_policy_name(i); i++)
        if (!strcmp(pal_policy_name(i), name)) return i;
    die(name, "no such policy");
}

static uint32_t choice(const char *value, const char *const *names, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(value, names[i])) return i;
    die(value, "no such choice");
}

/* All runs of digits in the file. */
static uint32_t *read_ids(const char *path, uint32_t *n) {
    pal_file f = map_file(path);
    uint32_t *ids = take(4 * (f.size / 2 + 1)), value = 0;
    bool inside = false;
    *n = 0;
    for (uint64_t i = 0; i <= f.size; i++) {
        uint8_t c = i < f.size ? f.bytes[i] : ' ';
        if (c >= '0' && c <= '9')
            value = 10 * value + c - '0', inside = true;
        else if (inside)
            ids[(*n)++] = value, value = 0, inside = false;
    }
    return ids;
}

static void hash(const char *path, const char *ids_path, pal_limits limits, uint32_t pin) {
    static const char *const policy = "hash";
    pal_file file = map_file(path);
    const pal_gguf *g = open_gguf(path, &file);
    pal_error e = {0};
    pal_model *m;
    int64_t bytes = pal_model_bytes(g, &e);
    if (bytes < 0 || pal_model_open(&m, take((size_t)bytes), (size_t)bytes, g, &e)) die(path, e.text);
    if (pal_model_weave(m, 0, file.size, &e)) die(path, e.text);
    if (pal_limits_resolve(m, &limits, &e)) die(policy, e.text);
    pal_session *s = take(pal_session_bytes());
    void *state = take(pal_state_bytes(m, &limits)), *scratch = take(pal_scratch_bytes(m, &limits));
    if (pal_session_open(s, m, &limits, state, scratch, &e)) die(policy, e.text);
    pal_session_reset(s, 0);

    uint32_t n, n_hashes = 0, n_vocab = pal_model_describe(m).n_vocab;
    uint32_t *ids = read_ids(ids_path, &n);
    uint64_t *hashes = take(8 * ((size_t)n + 1));
    for (uint32_t at = 0, step; at < n; at += step) {
        step = n - at < limits.chunk ? n - at : limits.chunk;
        if (at < pin && step > pin - at) step = pin - at;
        if (pal_feed(s, ids + at, step, at < pin, &e)) die("feed", e.text);
        hashes[n_hashes++] = pal_hash(0, pal_logits(s), 4 * (size_t)n_vocab);
    }
    printf("logits %016llx state %016llx\n", (unsigned long long)pal_hash(0, hashes, 8 * (size_t)n_hashes),
           (unsigned long long)pal_state_hash(s));
}

static void verb_hash(int argc, char **argv) {
    static const char *const positions[] = {"original", "cache"}, *const caches[] = {"f32", "f16", "q8"};
    pal_limits l = {.chunk = 1};
    const char *ids = NULL;
    uint32_t pin = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *flag = argv[i], *value = argv[i + 1];
        uint32_t number = (uint32_t)strtoul(value, NULL, 10);
        if (!strcmp(flag, "--ids-file"))
            ids = value;
        else if (!strcmp(flag, "--policy"))
            l.policy = policy_of(value);
        else if (!strcmp(flag, "--budget"))
            l.budget = number;
        else if (!strcmp(flag, "--positions"))
            l.positions = choice(value, positions, 2);
        else if (!strcmp(flag, "--cache"))
            l.cache = choice(value, caches, 3);
        else if (!strcmp(flag, "--sinks"))
            l.sinks = number;
        else if (!strcmp(flag, "--recent"))
            l.recent = number;
        else if (!strcmp(flag, "--chunk"))
            l.chunk = number;
        else if (!strcmp(flag, "--pin"))
            pin = number;
        else
            die(flag, "no such option");
    }
    if (argc < 1 || !ids) die("hash", "wants MODEL.gguf --ids-file F");
    hash(argv[0], ids, l, pin);
}

/* ---- encode ---- */

static void encode(const char *path, const char *text_path) {
    pal_file file = map_file(path), text = map_file(text_path);
    const pal_gguf *g = open_gguf(path, &file);
    pal_error e = {0};
    pal_tokenizer *t;
    int64_t bytes = pal_tokenizer_size(g, &e);
    if (bytes < 0 || pal_tokenizer_open(&t, take((size_t)bytes), (size_t)bytes, g, &e)) die(path, e.text);
    size_t max = pal_encode_max(t, text.size), scratch = pal_encode_scratch(t, text.size);
    uint32_t *ids = take(4 * max);
    int64_t n = pal_encode(t, (const char *)text.bytes, text.size, PAL_ENCODE_BOS, ids, max, take(scratch), scratch);
    if (n < 0) die(text_path, "cannot be encoded");
    for (int64_t i = 0; i < n; i++) printf("%u\n", ids[i]);
}

/* ---- requantize ---- */

static const pal_format *format_named(const char *name) {
    for (uint32_t i = 0; pal_format_row(i); i++)
        if (!strcmp(pal_format_row(i)->name, name)) return pal_format_row(i);
    die(name, "no such number format");
}
static bool fits(const pal_tensor *t, const pal_format *f) { return t->n_dims == 2 && t->ne[0] % f->block == 0; }

static void put(FILE *to, const void *bytes, size_t n) {
    if (n && fwrite(bytes, 1, n, to) != n) die("write", "the disk is full?");
}
static void put64(FILE *to, uint64_t x) { put(to, &x, 8); }
static uint64_t pad(FILE *to, uint64_t at, uint32_t alignment) {
    for (; at % alignment; at++) fputc(0, to);
    return at;
}

static void put_tensor(FILE *to, const pal_tensor *t, const pal_format *f) {
    if (!fits(t, f)) {
        put(to, t->data, t->bytes);
        return;
    }
    const pal_format *old = pal_format_of(t->type);
    size_t old_row = pal_format_bytes(old, t->ne[0]), row = pal_format_bytes(f, t->ne[0]);
    float *x = take(4 * t->ne[0]);
    uint8_t *blocks = take(row);
    for (uint64_t r = 0; r < t->ne[1]; r++) {
        old->unpack(t->data + r * old_row, x, t->ne[0]);
        f->pack(x, blocks, t->ne[0]);
        put(to, blocks, row);
    }
    free(x), free(blocks);
}

static void requantize(const char *from, const char *type, const char *path) {
    pal_file file = map_file(from);
    const pal_gguf *g = open_gguf(from, &file);
    const pal_format *f = format_named(type);
    uint32_t alignment = 32, packed = 0;
    uint64_t keys_end = 24, offset = 0;
    pal_gguf_u32(g, "general.alignment", &alignment, NULL);
    for (uint64_t i = 0; i < g->n_kv; i++) {
        uint64_t end = (uint64_t)(g->kv[i].value - file.bytes) + g->kv[i].bytes;
        if (end > keys_end) keys_end = end;
    }
    FILE *to = fopen(path, "wb");
    if (!to) die(path, "cannot be written");
    put(to, file.bytes, keys_end);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const pal_tensor *t = &g->tensors[i];
        uint32_t new_type = fits(t, f) ? f->type : t->type;
        packed += fits(t, f);
        put64(to, t->name.n), put(to, t->name.data, t->name.n);
        put(to, &t->n_dims, 4), put(to, t->ne, 8 * t->n_dims);
        put(to, &new_type, 4), put64(to, offset);
        uint64_t bytes = fits(t, f) ? pal_format_bytes(f, t->ne[0]) * t->ne[1] : t->bytes;
        offset = (offset + bytes + alignment - 1) / alignment * alignment;
    }
    uint64_t at = pad(to, (uint64_t)ftell(to), alignment);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        put_tensor(to, &g->tensors[i], f);
        at = pad(to, (uint64_t)ftell(to), alignment);
    }
    if (fclose(to)) die(path, "cannot be written");
    printf("%s: %u of %llu tensors are %s, %llu bytes\n", path, packed, (unsigned long long)g->n_tensors, f->name,
           (unsigned long long)at);
    if (!packed) die(type, "no row of this model fits; choose another model");
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (!strcmp(verb, "hash") && argc > 2)
        verb_hash(argc - 2, argv + 2);
    else if (!strcmp(verb, "encode") && argc == 4)
        encode(argv[2], argv[3]);
    else if (!strcmp(verb, "requantize") && argc == 5)
        requantize(argv[2], argv[3], argv[4]);
    else if (!strcmp(verb, "formats"))
        for (uint32_t i = 0; pal_format_row(i); i++) puts(pal_format_row(i)->name);
    else
        die("usage", "hash MODEL --ids-file F ... | encode MODEL TEXT-FILE | requantize IN TYPE OUT | formats");
    return 0;
}
