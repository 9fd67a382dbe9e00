/* GGUF v2 and v3: header, metadata and tensor directory of hostile bytes. Every count, offset, alignment, overlap,
   string, dimension and type is checked once, here; afterwards the directory can be trusted. Stricter than llama.cpp
   in one point: bytes behind the last tensor, other than its padding, are refused (see check_data in gguf_read.c).
   Source: the GGUF specification in ggml/docs/gguf.md. */
#ifndef PAL_GGUF_H
#define PAL_GGUF_H

#include "base.h"

enum { /* GGUF's own value types */
       PAL_U8,
       PAL_I8,
       PAL_U16,
       PAL_I16,
       PAL_U32,
       PAL_I32,
       PAL_F32,
       PAL_BOOL,
       PAL_STRING,
       PAL_ARRAY,
       PAL_U64,
       PAL_I64,
       PAL_F64
};

typedef struct {
    const uint8_t *bytes; /* the file where it lies, at least `have` bytes; 32-byte aligned for aligned tensors */
    uint64_t have;        /* bytes that are there already */
    uint64_t size;        /* bytes of the whole file */
} pal_file;

typedef struct {
    pal_str key;
    uint32_t type, item_type; /* item_type: of an array (arrays of arrays are refused) */
    uint64_t n;               /* items of an array, else 1 */
    const uint8_t *value; /* little endian; a string or string array begins with the u64 length of its first string */
    uint64_t bytes;       /* of value */
} pal_kv;

typedef struct {
    pal_str name;
    uint32_t type; /* ggml type, present in the table of quant.h */
    uint32_t n_dims;
    uint64_t ne[4]; /* ne[0] varies fastest: a matrix of GGUF shape {cols, rows} */
    uint64_t bytes;
    uint64_t offset; /* from the start of its file */
    uint32_t file;
    const uint8_t *data; /* file.bytes + offset; may lie beyond `have` while the file streams in */
} pal_tensor;

typedef struct {
    uint32_t version, n_files;
    uint64_t n_kv, n_tensors;
    const pal_kv *kv; /* of the first file */
    const pal_tensor *tensors;
    const uint32_t *kv_hash, *tensor_hash; /* open addressing, index + 1, 0 = empty; sizes are powers of two */
    uint32_t kv_mask, tensor_mask;
    uint64_t fingerprint; /* hash of all headers */
} pal_gguf;

/* Bytes that pal_gguf_open needs for the directory of these files (the parts of a split file in order, or one file).
   PAL_E_MORE while a header is not complete within `have`; then *need is a count of bytes that certainly lies within
   the file and is larger than have (in: which file it concerns is *which). */
int64_t pal_gguf_size(const pal_file *files, uint32_t n_files, uint64_t *need, uint32_t *which, pal_error *e);

/* Builds the directory in mem. 0 or PAL_E_*. */
int pal_gguf_open(pal_gguf **g, void *mem, size_t mem_bytes, const pal_file *files, uint32_t n_files, pal_error *e);

const pal_kv *pal_gguf_find(const pal_gguf *g, const char *key);
const pal_tensor *pal_gguf_tensor(const pal_gguf *g, const char *name);

/* Scalars by key: 1 found, 0 absent (out untouched), PAL_E_FORMAT when the value has a type or range that cannot be
   read so. Integers accept every integer type and bool; floats accept f32 and f64, if finite. */
int pal_gguf_u32(const pal_gguf *g, const char *key, uint32_t *out, pal_error *e);
int pal_gguf_f32(const pal_gguf *g, const char *key, float *out, pal_error *e);
int pal_gguf_bool(const pal_gguf *g, const char *key, bool *out, pal_error *e);
int pal_gguf_str(const pal_gguf *g, const char *key, pal_str *out, pal_error *e);
int pal_kv_u32(const pal_kv *kv, uint32_t *out, pal_error *e); /* the same for a key in hand */

/* The item at i of an array of numbers, as the double or integer it is; the array was found by pal_gguf_find. */
double pal_kv_number(const pal_kv *kv, uint64_t i);
/* Walks an array of strings: start with at = 0; returns the string at byte `at` and moves at behind it. */
pal_str pal_kv_string(const pal_kv *kv, uint64_t *at);

#endif
