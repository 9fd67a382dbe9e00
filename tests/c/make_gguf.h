/* Writes GGUF files into a given buffer, as right or as wrong as a test wants them. */
#ifndef MAKE_GGUF_H
#define MAKE_GGUF_H

#include "../../src/gguf.h"

typedef struct {
    uint8_t *bytes;
    size_t n, size; /* written, and room */
} maker;

void make_number(maker *m, uint64_t x, uint32_t bytes); /* little endian */
void make_text(maker *m, const char *text);             /* u64 length, bytes */
void make_zeros(maker *m, size_t n);
void make_pad(maker *m, size_t alignment);

void make_head(maker *m, uint32_t version, uint64_t n_tensors, uint64_t n_kv); /* starts a file */
void make_key(maker *m, const char *key, uint32_t type);                       /* the value is to follow */
void make_array(maker *m, const char *key, uint32_t item_type, uint64_t n);    /* n items are to follow */
void make_u32(maker *m, const char *key, uint32_t x);
void make_str(maker *m, const char *key, const char *text);
/* One entry of the directory; ne ends with 0 or after 4. */
void make_tensor(maker *m, const char *name, uint32_t type, const uint64_t *ne, uint64_t offset);

#endif
