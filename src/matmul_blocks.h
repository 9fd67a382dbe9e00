/* How the tile of matmul.c sees each integer format: 32 codes of one row at a time as two vectors, and the scales of four
   rows at a time with one row per lane. Layouts are drawn in quant.c.
     head_F(at)         the scales at the head of a block, rows at[0..3]
     codes_F(at, s, w)  codes of run s (32 weights) of one row; unsigned and below 128 except in Q8_0
     scale_F(h, s)      the scales of run s
   value = A code - A offset + B, or with pairs (a scale per 16): A g[i/16] (code - offset) + B m[i/16]. */
#ifndef PAL_MATMUL_BLOCKS_H
#define PAL_MATMUL_BLOCKS_H

#include "quant_rows.h"
#include "simd.h"

typedef struct {
    f4 d, m;
    u4 scale[4], min[4]; /* one byte per scale, ascending from the low end */
} head;
typedef struct {
    f4 A, B;
    i4 g[2], m[2];
} scales;

PAL_INLINE u4 rows32(const uint8_t *const at[4], uint32_t i) {
    return (u4){pal_read32(at[0] + i), pal_read32(at[1] + i), pal_read32(at[2] + i), pal_read32(at[3] + i)};
}
PAL_INLINE f4 rows_half(const uint8_t *const at[4], uint32_t i) {
    u4 h = {pal_read16(at[0] + i), pal_read16(at[1] + i), pal_read16(at[2] + i), pal_read16(at[3] + i)};
    return f4_from_half(h);
}
PAL_INLINE i4 byte_of(u4 word, uint32_t i) { return (i4)(word >> 8 * i & 255); }
PAL_INLINE i4 signed_byte_of(u4 word, uint32_t i) { return (i4)(word << (24 - 8 * i)) >> 24; }
PAL_INLINE u4 bits_at(const uint8_t *p, uint32_t shift, uint32_t mask) {
    return (u4)u16_load(p) >> shift & mask * 0x01010101u;
}

/* 16 where the bit is set: bits 8k..8k+15 of a word, one per lane. */
PAL_INLINE u16 fifth_bits(u16 word, const int k) {
    const u16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    u16 spread = k ? __builtin_shufflevector(word, word, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3)
                   : __builtin_shufflevector(word, word, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    return (u16)((spread & bit) == bit) & 16;
}
PAL_INLINE void nibbles(const uint8_t *p, b16 w[2]) {
    u16 v = u16_load(p);
    w[0] = (b16)(v & 15), w[1] = (b16)((u4)v >> 4 & 0x0f0f0f0f);
}
PAL_INLINE void nibbles_and_fifth(const uint8_t *p, const uint8_t *fifth, b16 w[2]) {
    u16 word = (u16)((u4){0} + pal_read32(fifth));
    nibbles(p, w);
    w[0] |= (b16)fifth_bits(word, 0), w[1] |= (b16)fifth_bits(word, 1);
}

/* Blocks of 32. */
PAL_INLINE head head_d(const uint8_t *const at[4]) { return (head){.d = rows_half(at, 0)}; }
PAL_INLINE head head_dm(const uint8_t *const at[4]) { return (head){.d = rows_half(at, 0), .m = rows_half(at, 2)}; }
PAL_INLINE scales scale_d(const head *h, uint32_t s) {
    (void)s;
    return (scales){.A = h->d, .B = h->m};
}
PAL_INLINE void codes_Q4_0(const uint8_t *at, uint32_t s, b16 w[2]) { (void)s, nibbles(at + 2, w); }
PAL_INLINE void codes_Q4_1(const uint8_t *at, uint32_t s, b16 w[2]) { (void)s, nibbles(at + 4, w); }
PAL_INLINE void codes_Q5_0(const uint8_t *at, uint32_t s, b16 w[2]) { (void)s, nibbles_and_fifth(at + 6, at + 2, w); }
PAL_INLINE void codes_Q5_1(const uint8_t *at, uint32_t s, b16 w[2]) { (void)s, nibbles_and_fifth(at + 8, at + 4, w); }
PAL_INLINE void codes_Q8_0(const uint8_t *at, uint32_t s, b16 w[2]) {
    (void)s;
    w[0] = b16_load(at + 2), w[1] = b16_load(at + 18);
}

/* Q4_K, Q5_K: 8 scales and 8 minima of 6 bits (pal_scale_K), here for four rows at once. */
PAL_INLINE head head_K(const uint8_t *const at[4]) {
    u4 first = rows32(at, 4), second = rows32(at, 8), third = rows32(at, 12);
    return (head){.d = rows_half(at, 0),
                  .m = -rows_half(at, 2),
                  .scale = {first & 0x3f3f3f3f, (third & 0x0f0f0f0f) | (first >> 2 & 0x30303030)},
                  .min = {second & 0x3f3f3f3f, (third >> 4 & 0x0f0f0f0f) | (second >> 2 & 0x30303030)}};
}
PAL_INLINE scales scale_K(const head *h, uint32_t s) {
    return (scales){.A = h->d * f4_from(byte_of(h->scale[s / 4], s % 4)),
                    .B = h->m * f4_from(byte_of(h->min[s / 4], s % 4))};
}
PAL_INLINE void codes_Q4_K(const uint8_t *at, uint32_t s, b16 w[2]) {
    for (uint32_t i = 0; i < 2; i++) w[i] = (b16)bits_at(at + 16 + s / 2 * 32 + 16 * i, s % 2 * 4, 15);
}
PAL_INLINE void codes_Q5_K(const uint8_t *at, uint32_t s, b16 w[2]) {
    for (uint32_t i = 0; i < 2; i++)
        w[i] = (b16)(bits_at(at + 48 + s / 2 * 32 + 16 * i, s % 2 * 4, 15) | bits_at(at + 16 + 16 * i, s, 1) << 4);
}

/* A scale per 16 weights. */
PAL_INLINE head head_Q2_K(const uint8_t *const at[4]) {
    head h = {.d = rows_half(at, 80), .m = -rows_half(at, 82)};
    for (uint32_t i = 0; i < 4; i++) {
        u4 both = rows32(at, 4 * i);
        h.scale[i] = both & 0x0f0f0f0f, h.min[i] = both >> 4 & 0x0f0f0f0f;
    }
    return h;
}
PAL_INLINE scales scale_Q2_K(const head *h, uint32_t s) {
    u4 g = h->scale[s / 2] >> s % 2 * 16, m = h->min[s / 2] >> s % 2 * 16;
    return (scales){h->d, h->m, {byte_of(g, 0), byte_of(g, 1)}, {byte_of(m, 0), byte_of(m, 1)}};
}
PAL_INLINE void codes_Q2_K(const uint8_t *at, uint32_t s, b16 w[2]) {
    for (uint32_t i = 0; i < 2; i++) w[i] = (b16)bits_at(at + 16 + s / 4 * 32 + 16 * i, s % 4 * 2, 3);
}

PAL_INLINE head head_Q3_K(const uint8_t *const at[4]) {
    head h = {.d = rows_half(at, 108)};
    u4 low[2] = {rows32(at, 96), rows32(at, 100)}, high = rows32(at, 104);
    for (uint32_t i = 0; i < 4; i++)
        h.scale[i] = (low[i % 2] >> i / 2 * 4 & 0x0f0f0f0f) | (high >> 2 * i & 0x03030303) << 4;
    return h;
}
PAL_INLINE scales scale_Q3_K(const head *h, uint32_t s) {
    u4 g = h->scale[s / 2] >> s % 2 * 16;
    return (scales){.A = h->d, .g = {byte_of(g, 0) - 32, byte_of(g, 1) - 32}};
}
PAL_INLINE void codes_Q3_K(const uint8_t *at, uint32_t s, b16 w[2]) {
    for (uint32_t i = 0; i < 2; i++)
        w[i] = (b16)(bits_at(at + 32 + s / 4 * 32 + 16 * i, s % 4 * 2, 3) | bits_at(at + 16 * i, s, 1) << 2);
}

PAL_INLINE head head_Q6_K(const uint8_t *const at[4]) {
    head h = {.d = rows_half(at, 208)};
    for (uint32_t i = 0; i < 4; i++) h.scale[i] = rows32(at, 192 + 4 * i);
    return h;
}
PAL_INLINE scales scale_Q6_K(const head *h, uint32_t s) {
    u4 g = h->scale[s / 2] >> s % 2 * 16;
    return (scales){.A = h->d, .g = {signed_byte_of(g, 0), signed_byte_of(g, 1)}};
}
PAL_INLINE void codes_Q6_K(const uint8_t *at, uint32_t s, b16 w[2]) {
    const uint8_t *low = at + s / 4 * 64 + s % 2 * 32, *high = at + 128 + s / 4 * 32;
    for (uint32_t i = 0; i < 2; i++)
        w[i] = (b16)(bits_at(low + 16 * i, s % 4 / 2 * 4, 15) | bits_at(high + 16 * i, s % 4 * 2, 3) << 4);
}

#endif
