/* Between gguf.c and gguf_read.c: the walk over the header of one file. */
#ifndef PAL_GGUF_READ_H
#define PAL_GGUF_READ_H

#include "gguf.h"

typedef struct {
    const pal_file *file;
    uint64_t at;     /* all before it has been read, and lies in file->have */
    uint64_t need;   /* set with PAL_E_MORE */
    pal_str part;    /* "file 2 of 5", empty for a single file */
    pal_str subject; /* the key, tensor or part at hand, for errors */
    pal_error *e;
} pal_reader;

typedef struct { /* what one file says about itself; starts as zeros */
    uint32_t version, n_kv, n_tensors, alignment;
    uint32_t split_no, split_count, split_tensors; /* 0 when absent */
    uint64_t bytes;                                /* of the header, without the padding behind it */
    uint64_t data_bytes;                           /* of all tensors, each padded */
    uint64_t data_end;                             /* the same without the padding behind the last */
} pal_header;

enum { PAL_MAX_TENSORS = 65536 }; /* of all parts together */

/* Checks all of the header; stores the keys and tensors unless kv or tensors is NULL. 0 or PAL_E_*. */
int pal_gguf_read(pal_reader *r, pal_header *h, pal_kv *kv, pal_tensor *tensors);

/* Append to a text that is long enough, for errors that carry numbers; return its new length. */
static inline size_t pal_put(char *to, size_t at, const char *text) {
    while (*text) to[at++] = *text++;
    to[at] = 0;
    return at;
}
static inline size_t pal_put_number(char *to, size_t at, uint32_t x) {
    char digits[11];
    size_t n = sizeof digits - 1;
    digits[n] = 0;
    do digits[--n] = (char)('0' + x % 10);
    while (x /= 10);
    return pal_put(to, at, digits + n);
}

#endif
