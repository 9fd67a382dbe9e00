/* Keys and values of one layer in their number format (f32, f16, or int8 with one scale per head and token), and the two
   products over them. Rows become floats in blocks that stay in the first cache; d4 is d rounded up to whole f4. */
#ifndef PAL_CACHE_H
#define PAL_CACHE_H

#include "../simd.h"

enum { PAL_CACHE_ROOM = 4096, PAL_CACHE_WIDEST = PAL_CACHE_ROOM / 4 }; /* floats of a block; of a row */

/* Keys on their way: row j is rotated by row rank[j] of cs [][n_rot]; cs NULL: as it is. */
typedef struct {
    const float *cs;
    const uint32_t *rank;
    uint32_t n_rot;
} pal_cache_turn;

typedef struct {
    const char *name;
    uint32_t (*row_bytes)(uint32_t d); /* of one head's key or value, d numbers, 16-byte aligned */
    void (*store)(void *row, const float *x, uint32_t d);
    /* Columns from .. from + wide - 1 of n rows -> out [n][wide], 0 beyond d; both multiples of 4. turn: NULL, or of
       whole rows. */
    void (*load)(const void *rows, uint32_t n, uint32_t d, uint32_t from, uint32_t wide, const pal_cache_turn *turn,
                 float *out);
} pal_cache_format;

const pal_cache_format *pal_cache_row(uint32_t i); /* NULL past the end */

static inline uint32_t pal_cache_d4(uint32_t d) { return (d + 3) & ~3u; }
/* Rows of d4 floats in a block: a multiple of 4, at most 32. */
static inline uint32_t pal_cache_block(uint32_t d4) { return d4 <= 128 ? 32 : (PAL_CACHE_ROOM / d4) & ~3u; }

/* s[h][j] = q_h . row_j for n rows, n rounded up to a multiple of 4 (rows and s have room for it); s: [heads][stride].
   Element i goes to lane i mod 4 by madd, in the order of i; then f4_sum. */
void pal_cache_dots(const float *q, uint32_t heads, const float *rows, uint32_t n, uint32_t d4, float *s,
                    uint32_t stride);
/* o[h] += p[h][j] row_j by madd, in the order of j < n; rows: [n][wide], o: [heads][o_stride], p: [heads][stride] */
void pal_cache_mix(const float *p, uint32_t stride, uint32_t heads, const float *rows, uint32_t n, uint32_t wide,
                   float *o, uint32_t o_stride);

#endif
