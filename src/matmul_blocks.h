/* How matmul.c sees each integer format: woven blocks of 16 rows (quant_weave.h), of which a vector holds four, one per
   lane. r = 0..3 tells which four. Scales are times PAL_SCALE, for their halves are read without an exponent.
     extra_F(p, s, j, r)     of 5 and 6 bits: the word with the missing bits of step j
     codes_F(p, s, j, r, extra, w)  columns 4j..4j+3 and 16+4j..16+4j+3 of run s (32 columns), j < 4; unsigned and below
                             128 except in Q8_0; extra: that word, shifted right until those of j are the lowest
     head_F(p, r)            what the runs of a block share, unpacked once
     scale_F(p, h, s, r)     the scales of run s
     minima_F(h, s)          its two minima, or that of run s and of the next, as pairs of int16
   value = A (code - offset) + B; of blocks of 256 d g (code - offset) + m min, g[0] and g[1] with pairs (a scale per 16). */
#ifndef PAL_MATMUL_BLOCKS_H
#define PAL_MATMUL_BLOCKS_H

#include "matmul_words.h"
#include "quant_rows.h"

typedef struct {
    f4 d, m;             /* these as they are */
    u4 scale[4], min[4]; /* one byte per scale, ascending from the low end */
} head;
typedef struct {
    f4 A, B;
    i4 g[2]; /* as products take it, factor_of */
} scales;

/* Blocks of 32: one run. */
PAL_INLINE u4 extra_none(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r) {
    (void)p, (void)s, (void)j, (void)r;
    return (u4){0};
}
PAL_INLINE u4 extra_Q5_0(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r) {
    (void)s, (void)j;
    return word_of(p + 32, 0, r);
}
PAL_INLINE u4 extra_Q5_1(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r) {
    (void)s, (void)j;
    return word_of(p, 1, r);
}
PAL_INLINE head head_none(const uint8_t *p, uint32_t r) {
    (void)p, (void)r;
    return (head){0};
}
PAL_INLINE i4 minima_none(const head *h, uint32_t s) {
    (void)h, (void)s;
    return i4_set(0);
}
PAL_INLINE scales scale_d(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    (void)h, (void)s;
    return (scales){.A = half_of(p, r)};
}
PAL_INLINE scales scale_dm(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    (void)h, (void)s;
    return (scales){.A = low_half(word_of(p, 0, r)), .B = high_half(word_of(p, 0, r))};
}
PAL_INLINE void codes_Q4_0(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)s, (void)extra, nibbles(word_of(p + 32, j, r), w);
}
PAL_INLINE void codes_Q4_1(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)s, (void)extra, nibbles(word_of(p, 1 + j, r), w);
}
PAL_INLINE void codes_Q5_0(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)s, fives(word_of(p + 32, 1 + j, r), extra, w);
}
PAL_INLINE void codes_Q5_1(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)s, fives(word_of(p, 2 + j, r), extra, w);
}
PAL_INLINE void codes_Q8_0(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)s, (void)extra, w[0] = (b16)word_of(p + 32, j, r), w[1] = (b16)word_of(p + 32, 4 + j, r);
}

/* Q4_K, Q5_K: 8 scales and 8 minima of 6 bits (pal_scale_K). */
PAL_INLINE head head_K(const uint8_t *p, uint32_t r) {
    u4 dm = word_of(p, 0, r), first = word_of(p, 1, r), second = word_of(p, 2, r), third = word_of(p, 3, r);
    head h; /* the other scales are nobody's: zeros would be stored for each block */
    h.d = scaled(low_half(dm)), h.m = -scaled(high_half(dm));
    h.scale[0] = first & 0x3f3f3f3f, h.scale[1] = (third & 0x0f0f0f0f) | (first >> 2 & 0x30303030);
    h.min[0] = second & 0x3f3f3f3f, h.min[1] = (third >> 4 & 0x0f0f0f0f) | (second >> 2 & 0x30303030);
    return h;
}
PAL_INLINE scales scale_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    (void)p, (void)r;
    return (scales){.g = {factor_of(h->scale[s / 4], s % 4)}};
}
PAL_INLINE i4 minima_K(const head *h, uint32_t s) { return pair_of(h->min[s / 4], s % 4); }
PAL_INLINE void codes_Q4_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)extra, nibbles(word_of(p, 4 + 4 * s + j, r), w);
}
PAL_INLINE u4 extra_Q5_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r) {
    (void)j;
    return word_of(p, 4 + 5 * s, r);
}
PAL_INLINE void codes_Q5_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    fives(word_of(p, 5 + 5 * s + j, r), extra, w);
}

/* A scale per 16 weights. */
PAL_INLINE head head_Q2_K(const uint8_t *p, uint32_t r) {
    u4 dm = word_of(p, 20, r);
    head h = {.d = scaled(low_half(dm)), .m = -scaled(high_half(dm))};
    for (uint32_t i = 0; i < 4; i++) {
        u4 both = word_of(p, i, r);
        h.scale[i] = both & 0x0f0f0f0f, h.min[i] = both >> 4 & 0x0f0f0f0f;
    }
    return h;
}
PAL_INLINE scales scale_Q2_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    const u4 g = h->scale[s / 2];
    (void)p, (void)r;
    return (scales){.g = {factor_of(g, s % 2 * 2), factor_of(g, s % 2 * 2 + 1)}};
}
PAL_INLINE i4 minima_Q2_K(const head *h, uint32_t s) { return pair_of(h->min[s / 2], s % 2 * 2); }
PAL_INLINE void codes_Q2_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)extra;
    for (uint32_t i = 0; i < 2; i++) w[i] = (b16)bits_of(word_of(p, 4 + s / 4 * 8 + j + 4 * i, r), s % 4 * 2, 3);
}

PAL_INLINE head head_Q3_K(const uint8_t *p, uint32_t r) {
    head h = {.d = scaled(half_of(p, r))};
    u4 low[2] = {word_of(p + 32, 24, r), word_of(p + 32, 25, r)}, high = word_of(p + 32, 26, r);
    for (uint32_t i = 0; i < 4; i++)
        h.scale[i] = (u4)((b16)((low[i % 2] >> i / 2 * 4 & 0x0f0f0f0f) | (high >> 2 * i & 0x03030303) << 4) - 32);
    return h;
}
PAL_INLINE scales scale_Q3_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    const u4 g = h->scale[s / 2];
    (void)p, (void)r;
    return (scales){.g = {factor_of_signed(g, s % 2 * 2), factor_of_signed(g, s % 2 * 2 + 1)}};
}
PAL_INLINE void codes_Q3_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    (void)extra;
    for (uint32_t i = 0; i < 2; i++)
        w[i] = (b16)(bits_of(word_of(p + 32, 8 + s / 4 * 8 + j + 4 * i, r), s % 4 * 2, 3)) |
               bit_of(word_of(p + 32, j + 4 * i, r), s, 4);
}

PAL_INLINE head head_Q6_K(const uint8_t *p, uint32_t r) { return (head){.d = scaled(half_of(p, r))}; }
PAL_INLINE scales scale_Q6_K(const uint8_t *p, const head *h, uint32_t s, uint32_t r) {
    u4 g = word_of(p + 32 + 2 * (s % 2), s / 2, r); /* its low half is that of the run */
    (void)h;
    return (scales){.g = {factor_of_signed(g, 0), factor_of_signed(g, 1)}};
}
PAL_INLINE u4 extra_Q6_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r) {
    return word_of(p + 32, 4 + 6 * s + j / 2, r);
}
PAL_INLINE void codes_Q6_K(const uint8_t *p, uint32_t s, uint32_t j, uint32_t r, u4 extra, b16 w[2]) {
    sixes(word_of(p + 32, 6 + 6 * s + j, r), extra, w);
}

#endif
