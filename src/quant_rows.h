/* The rows of the format table, for the three files that implement them: quant.c unpacks, quant_pack.c packs,
   matmul.c multiplies. A new format is one row here and one function in each. */
#ifndef PAL_QUANT_ROWS_H
#define PAL_QUANT_ROWS_H

#include "quant.h"

/* name, ggml type, weights per block, bytes per block, products on int8 activations */
#define PAL_FORMATS(X)          \
    X(F32, 0, 1, 4, false)      \
    X(F16, 1, 1, 2, false)      \
    X(Q4_0, 2, 32, 18, true)    \
    X(Q4_1, 3, 32, 20, true)    \
    X(Q5_0, 6, 32, 22, true)    \
    X(Q5_1, 7, 32, 24, true)    \
    X(Q8_0, 8, 32, 34, true)    \
    X(Q2_K, 10, 256, 84, true)  \
    X(Q3_K, 11, 256, 110, true) \
    X(Q4_K, 12, 256, 144, true) \
    X(Q5_K, 13, 256, 176, true) \
    X(Q6_K, 14, 256, 210, true) \
    X(BF16, 30, 1, 2, false)

enum {
#define X(name, type, block, bytes, integer) PAL_BLOCK_##name = block, PAL_BYTES_##name = bytes, PAL_TYPE_##name = type,
    PAL_FORMATS(X)
#undef X
};

#define X(name, type, block, bytes, integer)                          \
    void pal_unpack_##name(const uint8_t *from, float *to, size_t n); \
    void pal_pack_##name(const float *from, uint8_t *to, size_t n);
PAL_FORMATS(X)
#undef X

/* Scales of the K formats, one block of 256 weights. j counts runs of 32 (Q4_K, Q5_K) or 16 (Q3_K). */

/* Q4_K, Q5_K: 8 scales and 8 minima of 6 bits in 12 bytes p:
     p[0..3]  scale j: bits 0..5       bits 6,7: bits 4,5 of scale j+4
     p[4..7]  min j: bits 0..5         bits 6,7: bits 4,5 of min j+4
     p[8..11] bits 0..3 of scale j+4 | bits 0..3 of min j+4 << 4 */
static inline uint32_t pal_scale_K(const uint8_t *p, uint32_t j) {
    return j < 4 ? p[j] & 63u : (p[j + 4] & 15u) | (uint32_t)(p[j - 4] >> 6) << 4;
}
static inline uint32_t pal_min_K(const uint8_t *p, uint32_t j) {
    return j < 4 ? p[j + 4] & 63u : (uint32_t)p[j + 4] >> 4 | (uint32_t)(p[j] >> 6) << 4;
}

/* Q3_K: 16 scales of 6 bits, stored + 32, in 12 bytes p: low four bits of scale j in p[j % 8] (nibble j / 8), high two
   bits in p[8 + j % 4] (pair j / 4). */
static inline int32_t pal_scale_Q3(const uint8_t *p, uint32_t j) {
    return (int32_t)((p[j % 8] >> j / 8 * 4 & 15) | (p[8 + j % 4] >> j / 4 * 2 & 3) << 4) - 32;
}

#endif
