#include "make_gguf.h"

void make_number(maker *m, uint64_t x, uint32_t bytes) {
    PAL_ASSERT(bytes <= m->size - m->n);
    for (; bytes; bytes--, x >>= 8) m->bytes[m->n++] = (uint8_t)x;
}

void make_text(maker *m, const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    make_number(m, n, 8);
    for (; *text; text++) make_number(m, (uint8_t)*text, 1);
}

void make_zeros(maker *m, size_t n) {
    PAL_ASSERT(n <= m->size - m->n);
    pal_zero(m->bytes + m->n, n);
    m->n += n;
}

void make_pad(maker *m, size_t alignment) {
    while (m->n % alignment) make_number(m, 0, 1);
}

void make_head(maker *m, uint32_t version, uint64_t n_tensors, uint64_t n_kv) {
    m->n = 0;
    make_number(m, 0x46554747, 4); /* "GGUF" */
    make_number(m, version, 4);
    make_number(m, n_tensors, 8);
    make_number(m, n_kv, 8);
}

void make_key(maker *m, const char *key, uint32_t type) {
    make_text(m, key);
    make_number(m, type, 4);
}

void make_array(maker *m, const char *key, uint32_t item_type, uint64_t n) {
    make_key(m, key, PAL_ARRAY);
    make_number(m, item_type, 4);
    make_number(m, n, 8);
}

void make_u32(maker *m, const char *key, uint32_t x) {
    make_key(m, key, PAL_U32);
    make_number(m, x, 4);
}

void make_str(maker *m, const char *key, const char *text) {
    make_key(m, key, PAL_STRING);
    make_text(m, text);
}

void make_tensor(maker *m, const char *name, uint32_t type, const uint64_t *ne, uint64_t offset) {
    uint32_t n_dims = 0;
    while (n_dims < 4 && ne[n_dims]) n_dims++;
    make_text(m, name);
    make_number(m, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++) make_number(m, ne[i], 8);
    make_number(m, type, 4);
    make_number(m, offset, 8);
}
