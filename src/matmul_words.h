/* Words of woven blocks, four rows at a time (matmul_blocks.h): how codes and scales come out of them. */
#ifndef PAL_MATMUL_WORDS_H
#define PAL_MATMUL_WORDS_H

#include "half.h"
#include "quant_weave.h"
#include "simd_int.h"

/* Word w of a block of four rows, and its halves apart (quant_weave.h). */
PAL_INLINE u4 word_of(const uint8_t *p, uint32_t w, uint32_t r) { return (u4)b16_load(p + 64 * w + 16 * r); }
PAL_INLINE f4 half_of(const uint8_t *p, uint32_t r) { return f4_from_tame16(p + 8 * r); }
PAL_INLINE f4 low_half(u4 word) { return f4_from_tame((i4)(word << 16) >> 16); }
PAL_INLINE f4 high_half(u4 word) { return f4_from_tame((i4)word >> 16); }
PAL_INLINE i4 byte_of(u4 word, uint32_t i) { return (i4)(word >> 8 * i & 255); }
PAL_INLINE i4 signed_byte_of(u4 word, uint32_t i) { return (i4)(word << (24 - 8 * i)) >> 24; }
PAL_INLINE f4 scaled(f4 half) { return half * f4_kept(1 / PAL_SCALE); }
PAL_INLINE u4 bits_of(u4 word, uint32_t shift, uint32_t mask) { return word >> shift & u4_kept(mask * 0x01010101u); }

PAL_INLINE void nibbles(u4 word, b16 w[2]) { w[0] = (b16)bits_of(word, 0, 15), w[1] = (b16)bits_of(word, 4, 15); }
/* Two codes of 5 or 6 bits: one lies in the word as it is, and what is above it is, shifted down, the other where `extra`
   has a 0 (quant_weave.h). */
PAL_INLINE void fives(u4 word, u4 extra, b16 w[2]) {
    w[0] = (b16)bits_of(word, 0, 31), w[1] = (b16)bits_of(word >> 3 ^ extra, 0, 31);
}
PAL_INLINE void sixes(u4 word, u4 extra, b16 w[2]) {
    w[0] = (b16)bits_of(word, 0, 63), w[1] = (b16)bits_of(word >> 2 ^ extra, 0, 63);
}

/* `to` in the bytes of word whose bit s is set; compared, for a shift by a variable costs three instructions. */
PAL_INLINE b16 bit_of(u4 word, uint32_t s, uint8_t to) {
    u16 bit = (u16)((u4){0} + (0x01010101u << s));
    return (b16)(((u16)word & bit) == bit) & (int8_t)to;
}

#endif
