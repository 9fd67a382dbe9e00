/* How matmul.c sees each integer format: woven blocks of 16 rows (quant_weave.h), of which a vector holds four, one per
   lane. r = 0..3 tells which four.
     codes_F(p, s, j, r, w)  columns 4j..4j+3 and 16+4j..16+4j+3 of run s (32 columns), j < 4; unsigned and below 128
                             except in Q8_0; fifth: the word of fifth bits shifted right by j
     head_F(p, r)            what the runs of a block share, unpacked once
     scale_F(p, h, s, r)     the scales of run s
   value = A code - A offset + B, or with pairs (a scale per 16): A g[i/16] (code - offset) + B m[i/16]. */
#ifndef PAL_MATMUL_BLOCKS_H
#define PAL_MATMUL_BLOCKS_H

#include "half.h"
#include "quant_rows.h"
#include "simd_int.h"

typedef struct {
    f4 d, m;
    u4 scale[4], min[4]; /* one byte per scale, ascending from the low end */
} head;
typedef struct {
    f4 A, B;
    i4 g[2], m[2];
} scales;

/* Word w of a block, and the halves at `at`, of four rows. */
PAL_INLINE u4 word_of(const uint8_t *p, uint32_t w, uint32_t r) { return (u4)b16_load(p + 64 * w + 16 * r); }
PAL_INLINE f4 half_of(const uint8_t *p, uint32_t at, uint32_t r) { return f4_from_f16(p + at + 8 * r); }
PAL_INLINE i4 byte_of(u4 word, uint32_t i) { return (i4)(word >> 8 * i & 255); }
PAL_INLINE i4 signed_byte_of(u4 word, uint32_t i) { return (i4)(word << (24 - 8 * i)) >> 24; }
PAL_INLINE u4 bits_of(u4 word, uint32_t shift, uint32_t mask) { return word >> shift & u4_kept(mask * 0x01010101u); }

PAL_INLINE void nibbles(u4 word, b16 w[2]) { w[0] = (b16)bits_of(word, 0, 15), w[1] = (b16)bits_of(word, 4, 15); }
PAL_INLINE void fifths(u4 bits, b16 w[2]) { w[0] |= (b16)(bits_of(bits, 0, 1) << 4), w[1] |= (b16)(bits & 0x10101010); }

/* 0x10 in the bytes of word whose bit s is set; compared, for a shift by a variable costs three instructions. */
PAL_INLINE b16 bit_of(u4 word, uint32_t s, uint8_t to) {
    u16 bit = (u16)((u4){0} + (0x01010101u << s));
    return (b16)(((u16)word & bit) == bit) & (int8_t)to;
}

/* Blocks of 32: one run. */
PAL_INLINE u4 fifth_none(const uint8_t *p, uint32_t r) {
    (void)p, (void)r;
    return (u4){0};
}
PAL_INLINE u4 fifth_Q5_0(const uint8_t *p, uint32_t r) { return word_of(p + 32, 0, r); }
PAL_INLINE u4 fifth_Q5_1(const uint8_t *p, uint32_t r) { return word_of(p, 1, r); }
PAL_INLINE head head_none(const uint8_t *p, uint32_t r) {
    (void)p, (void)r;
    return (head){0};
}
PAL_INLINE scales scale_d(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    (void)h, (void)s;
    return (scales){.A = half_of(p, 0, r)};
}
PAL_INLINE scales scale_dm(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    (void)h, (void)s;
    return (scales){.A = f4_from_half(word_of(p, 0, r) & 0xffff), .B = f4_from_half(word_of(p, 0, r) >> 16)};
}
PAL_INLINE void codes_Q4_0(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)s, (void)fifth, nibbles(word_of(p + 32, j, r), w);
}
PAL_INLINE void codes_Q4_1(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)s, (void)fifth, nibbles(word_of(p, 1 + j, r), w);
}
PAL_INLINE void codes_Q5_0(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)s, nibbles(word_of(p + 32, 1 + j, r), w), fifths(fifth, w);
}
PAL_INLINE void codes_Q5_1(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)s, nibbles(word_of(p, 2 + j, r), w), fifths(fifth, w);
}
PAL_INLINE void codes_Q8_0(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)s, (void)fifth, w[0] = (b16)word_of(p + 32, j, r), w[1] = (b16)word_of(p + 32, 4 + j, r);
}

/* Q4_K, Q5_K: 8 scales and 8 minima of 6 bits (pal_scale_K). */
PAL_INLINE head head_K(const uint8_t *p, uint32_t r) {
    u4 dm = word_of(p, 0, r), first = word_of(p, 1, r), second = word_of(p, 2, r), third = word_of(p, 3, r);
    return (head){.d = f4_from_half(dm & 0xffff),
                  .m = -f4_from_half(dm >> 16),
                  .scale = {first & 0x3f3f3f3f, (third & 0x0f0f0f0f) | (first >> 2 & 0x30303030)},
                  .min = {second & 0x3f3f3f3f, (third >> 4 & 0x0f0f0f0f) | (second >> 2 & 0x30303030)}};
}
PAL_INLINE scales scale_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    (void)p, (void)r;
    return (scales){.A = h->d * f4_from(byte_of(h->scale[s / 4], s % 4)),
                    .B = h->m * f4_from(byte_of(h->min[s / 4], s % 4))};
}
PAL_INLINE void codes_Q4_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)fifth;
    for (uint32_t i = 0; i < 2; i++) w[i] = (b16)bits_of(word_of(p, 4 + s / 2 * 8 + j + 4 * i, r), s % 2 * 4, 15);
}
PAL_INLINE void codes_Q5_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)fifth;
    for (uint32_t i = 0; i < 2; i++)
        w[i] = (b16)(bits_of(word_of(p, 12 + s / 2 * 8 + j + 4 * i, r), s % 2 * 4, 15)) |
               bit_of(word_of(p, 4 + j + 4 * i, r), s, 16);
}

/* A scale per 16 weights. */
PAL_INLINE head head_Q2_K(const uint8_t *p, uint32_t r) {
    u4 dm = word_of(p, 20, r);
    head h = {.d = f4_from_half(dm & 0xffff), .m = -f4_from_half(dm >> 16)};
    for (uint32_t i = 0; i < 4; i++) {
        u4 both = word_of(p, i, r);
        h.scale[i] = both & 0x0f0f0f0f, h.min[i] = both >> 4 & 0x0f0f0f0f;
    }
    return h;
}
PAL_INLINE scales scale_Q2_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    u4 g = h->scale[s / 2] >> s % 2 * 16, m = h->min[s / 2] >> s % 2 * 16;
    (void)p, (void)r;
    return (scales){h->d, h->m, {byte_of(g, 0), byte_of(g, 1)}, {byte_of(m, 0), byte_of(m, 1)}};
}
PAL_INLINE void codes_Q2_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)fifth;
    for (uint32_t i = 0; i < 2; i++) w[i] = (b16)bits_of(word_of(p, 4 + s / 4 * 8 + j + 4 * i, r), s % 4 * 2, 3);
}

PAL_INLINE head head_Q3_K(const uint8_t *p, uint32_t r) {
    head h = {.d = half_of(p, 16 * 108, r)};
    u4 low[2] = {word_of(p, 24, r), word_of(p, 25, r)}, high = word_of(p, 26, r);
    for (uint32_t i = 0; i < 4; i++)
        h.scale[i] = (low[i % 2] >> i / 2 * 4 & 0x0f0f0f0f) | (high >> 2 * i & 0x03030303) << 4;
    return h;
}
PAL_INLINE scales scale_Q3_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    u4 g = h->scale[s / 2] >> s % 2 * 16;
    (void)p, (void)r;
    return (scales){.A = h->d, .g = {byte_of(g, 0) - 32, byte_of(g, 1) - 32}};
}
PAL_INLINE void codes_Q3_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)fifth;
    for (uint32_t i = 0; i < 2; i++)
        w[i] = (b16)(bits_of(word_of(p, 8 + s / 4 * 8 + j + 4 * i, r), s % 4 * 2, 3)) |
               bit_of(word_of(p, j + 4 * i, r), s, 4);
}

PAL_INLINE head head_Q6_K(const uint8_t *p, uint32_t r) { return (head){.d = half_of(p, 16 * 208, r)}; }
PAL_INLINE scales scale_Q6_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    u4 g = word_of(p, 48 + s / 2, r) >> s % 2 * 16;
    return (scales){.A = h->d, .g = {signed_byte_of(g, 0), signed_byte_of(g, 1)}};
}
PAL_INLINE void codes_Q6_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 fifth, b16 w[2]) {
    (void)fifth;
    for (uint32_t i = 0; i < 2; i++)
        w[i] = (b16)(bits_of(word_of(p, s / 4 * 16 + s % 2 * 8 + j + 4 * i, r), s % 4 / 2 * 4, 15) |
                     bits_of(word_of(p, 32 + s / 4 * 8 + j + 4 * i, r), s % 4 * 2, 3) << 4);
}

#endif
