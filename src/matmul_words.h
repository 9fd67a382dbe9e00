/* Words of woven blocks, four rows at a time (matmul_blocks.h): how codes and scales come out of them. */
#ifndef PAL_MATMUL_WORDS_H
#define PAL_MATMUL_WORDS_H

#include "half.h"
#include "simd_int.h"

/* Word w of a block of four rows, and its halves apart (quant_weave.h). */
PAL_INLINE u4 word_of(const uint8_t *p, uint32_t w, uint32_t r) { return (u4)b16_load(p + 64 * w + 16 * r); }
PAL_INLINE f4 half_of(const uint8_t *p, uint32_t r) { return f4_from_tame16(p + 8 * r); }
PAL_INLINE f4 low_half(u4 word) { return f4_from_tame((i4)(word << 16) >> 16); }
PAL_INLINE f4 high_half(u4 word) { return f4_from_tame((i4)word >> 16); }
PAL_INLINE i4 byte_of(u4 word, uint32_t i) { return (i4)(word >> 8 * i & 255); }
PAL_INLINE i4 signed_byte_of(u4 word, uint32_t i) { return (i4)(word << (24 - 8 * i)) >> 24; }
/* Small ones as floats; a conversion of what is seen to be unsigned would take nine instructions on x86. */
PAL_INLINE f4 small(i4 v) { return (f4)((u4)v | u4_kept(0x4b000000)) - f4_kept(0x1p23f); }
PAL_INLINE u4 bits_of(u4 word, uint32_t shift, uint32_t mask) { return word >> shift & u4_kept(mask * 0x01010101u); }

PAL_INLINE void nibbles(u4 word, b16 w[2]) { w[0] = (b16)bits_of(word, 0, 15), w[1] = (b16)bits_of(word, 4, 15); }
PAL_INLINE void fifths(u4 bits, b16 w[2]) {
    const u4 place = u4_kept(0x10101010);
    w[0] |= (b16)(bits << 4 & place), w[1] |= (b16)(bits & place);
}

/* 0x10 in the bytes of word whose bit s is set; compared, for a shift by a variable costs three instructions. */
PAL_INLINE b16 bit_of(u4 word, uint32_t s, uint8_t to) {
    u16 bit = (u16)((u4){0} + (0x01010101u << s));
    return (b16)(((u16)word & bit) == bit) & (int8_t)to;
}

/* Bits 2i, 2i + 1 of each byte, as its bits 4 and 5; i is a constant where products are fast. */
PAL_INLINE u4 two_of(u4 word, uint32_t i) {
    if (!PAL_FAST_DOT) return bits_of(word, 2 * i, 3) << 4;
    return (i < 2 ? word << (4 - 2 * i) : word >> (2 * i - 4)) & u4_kept(0x30303030);
}

#endif
