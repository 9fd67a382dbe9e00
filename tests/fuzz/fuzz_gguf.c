/* libFuzzer target for GGUF headers, whole, half arrived and in parts. Build and run:

     clang-19 -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
         tests/fuzz/fuzz_gguf.c src/gguf*.c src/quant*.c src/base.c -o fuzz_gguf
     ./fuzz_gguf -max_len=4096 new_corpus tests/fuzz/gguf

   The input is one file, or "PARTS" and for each part but the last its u16 length and its bytes. Each part lies in an
   allocation of exactly its size, so that AddressSanitizer sees one byte too many. */
#include <stdlib.h>
#include <string.h>

#include "../../src/gguf.h"

enum { max_parts = 4 };
#define REQUIRE(c) ((c) ? (void)0 : __builtin_trap())

static uint8_t *copy_of(const uint8_t *data, size_t n) {
    uint8_t *p = malloc(n ? n : 1);
    if (!p) abort();
    if (n) memcpy(p, data, n);
    return p;
}

/* Reads every byte that the directory vouches for, finds each name, and asks each getter. */
static void walk(const pal_gguf *g, const pal_file *files) {
    volatile double sum = 0;
    for (uint64_t i = 0; i < g->n_kv; i++) {
        const pal_kv *kv = &g->kv[i];
        char *key = (char *)copy_of((const uint8_t *)kv->key.data, kv->key.n + 1);
        key[kv->key.n] = 0;
        REQUIRE(pal_gguf_find(g, key) == kv);
        uint64_t at = 0, hash = pal_hash(0, kv->value, (size_t)kv->bytes);
        for (uint64_t k = 0; k < kv->n; k++) {
            if (kv->item_type != PAL_STRING)
                sum += pal_kv_number(kv, k);
            else {
                pal_str s = pal_kv_string(kv, &at);
                hash += pal_hash(0, s.data, s.n);
            }
        }
        REQUIRE(kv->item_type != PAL_STRING || at == kv->bytes);
        uint32_t u;
        float f;
        bool b;
        pal_str s;
        pal_error e = {0};
        int found = (pal_gguf_u32(g, key, &u, &e) > 0) + (pal_gguf_str(g, key, &s, &e) > 0) +
                    (pal_gguf_bool(g, key, &b, &e) > 0) + (pal_gguf_f32(g, key, &f, &e) > 0);
        REQUIRE(found <= 2 && e.code == PAL_E_FORMAT && e.text[0]); /* two: a bool is an integer, too */
        sum += (double)hash;
        free(key);
    }
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const pal_tensor *t = &g->tensors[i];
        const pal_file *f = &files[t->file];
        char name[65] = {0};
        REQUIRE(t->name.n && t->name.n < sizeof name);
        memcpy(name, t->name.data, t->name.n);
        REQUIRE(pal_gguf_tensor(g, name) == t && t->bytes && t->offset <= f->size && t->bytes <= f->size - t->offset);
        REQUIRE(i == 0 || t->file != t[-1].file || t[-1].offset + t[-1].bytes <= t->offset);
        if (f->have == f->size) sum += t->data[0] + t->data[t->bytes - 1];
    }
}

/* Opens, checks what every outcome must hold, and returns the status. */
static int open_files(const pal_file *files, uint32_t n, size_t header_bytes) {
    uint64_t need = 0, print = 0;
    uint32_t which = 0;
    pal_error e = {0};
    int64_t bytes = pal_gguf_size(files, n, &need, &which, &e);
    if (bytes == PAL_E_MORE) REQUIRE(which < n && need > files[which].have && need <= files[which].size && !e.code);
    if (bytes < 0) {
        REQUIRE(bytes == PAL_E_MORE || (e.code == bytes && strlen(e.text) > 10 && strchr(e.text, ';')));
        return (int)bytes;
    }
    REQUIRE((uint64_t)bytes <= 6 * header_bytes + 512);
    for (int again = 0; again < 2; again++) { /* the same bytes give the same print; a smaller block is refused */
        pal_gguf *g = NULL;
        void *block = aligned_alloc(16, (size_t)bytes);
        if (!block) abort();
        int rc = pal_gguf_open(&g, block, (size_t)bytes, files, n, &e);
        REQUIRE(rc == e.code && (rc == 0) == (g != NULL) && rc != PAL_E_MORE && rc != PAL_E_MEMORY);
        if (g) {
            walk(g, files);
            REQUIRE(!again || g->fingerprint == print);
            print = g->fingerprint;
            REQUIRE(pal_gguf_open(&g, block, (size_t)bytes - 16, files, n, NULL) == PAL_E_MEMORY);
        }
        free(block);
        if (rc) return rc;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pal_file files[max_parts];
    uint32_t n = 0;
    size_t total = size, cut = size ? (size_t)(pal_hash(0, data, size) % size) : 0;
    if (size >= 5 && !memcmp(data, "PARTS", 5))
        for (data += 5, size -= 5; n < max_parts - 1 && size >= 2; n++) {
            size_t bytes = (size_t)pal_read16(data) < size - 2 ? pal_read16(data) : size - 2;
            files[n] = (pal_file){copy_of(data + 2, bytes), bytes, bytes};
            data += 2 + bytes, size -= 2 + bytes;
        }
    if (!n || size) files[n] = (pal_file){copy_of(data, size), size, size}, n++;
    int rc = open_files(files, n, total);
    REQUIRE(rc != PAL_E_MORE); /* all is there */

    /* Half arrived: waits, or finds what the whole file has. */
    pal_file whole = files[n - 1], *part = &files[n - 1];
    part->have = whole.size ? cut % whole.size : 0;
    part->bytes = copy_of(whole.bytes, (size_t)part->have);
    int early = open_files(files, n, total);
    REQUIRE(early == rc || early == PAL_E_MORE);
    part->size += (uint64_t)1 << (cut % 64); /* and in a far larger file */
    open_files(files, n, total);
    free((void *)(uintptr_t)part->bytes);
    *part = whole;

    /* The same file twice is no split model. */
    if (n == 1) files[1] = files[0], REQUIRE(open_files(files, 2, 2 * total) != 0);
    for (uint32_t i = 0; i < n; i++) free((void *)(uintptr_t)files[i].bytes);
    return 0;
}
