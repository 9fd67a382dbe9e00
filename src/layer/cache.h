/* Keys and values of one layer in their number format: f32, f16, or int8 with one scale per head and token. */
#ifndef PAL_CACHE_H
#define PAL_CACHE_H

#include "../simd.h"

typedef struct {
    const char *name;
    uint32_t (*row_bytes)(uint32_t d); /* of one head's key or value, d numbers, 16-byte aligned */
    void (*store)(void *row, const float *x, uint32_t d);
    const float *(*load)(const void *row, float *buffer,
                         uint32_t d); /* the row as floats: in place, or in buffer [d] */
} pal_cache_format;

const pal_cache_format *pal_cache_row(uint32_t i); /* NULL past the end */

#endif
