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

/* Byte i of each word as a factor of sums of products: twice in 16 bits where these are in 16, see total() of matmul.c.
   pair_of: bytes i and i + 1, i even, in 16 bits each. */
#define PICK(a, b, c, d)                                                                                        \
    {                                                                                                           \
        a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (a) + 12, (b) + 12, \
            (c) + 12, (d) + 12                                                                                  \
    }
#define FACTOR(i) PICK(i, NONE, PAL_NARROW_DOT ? i : NONE, NONE)
#define SIGNED(i) PICK(NONE, PAL_NARROW_DOT ? i : NONE, NONE, i)
enum { NONE = 128 }; /* b16_pick */
static const uint8_t factors[4][16] = {FACTOR(0), FACTOR(1), FACTOR(2), FACTOR(3)};
static const uint8_t signed_factors[4][16] = {SIGNED(0), SIGNED(1), SIGNED(2), SIGNED(3)};
static const uint8_t pairs[2][16] = {PICK(0, NONE, 1, NONE), PICK(2, NONE, 3, NONE)};

PAL_INLINE i4 factor_of(u4 word, uint32_t i) { return (i4)b16_pick((b16)word, b16_load(factors[i])); }
PAL_INLINE i4 factor_of_signed(u4 word, uint32_t i) {
    const b16 high = b16_pick((b16)word, b16_load(signed_factors[i]));
    return PAL_NARROW_DOT ? (i4)((h8)high >> 8) : (i4)high >> 24;
}
PAL_INLINE i4 pair_of(u4 word, uint32_t i) { return (i4)b16_pick((b16)word, b16_load(pairs[i / 2])); }

/* `to` in the bytes of word whose bit s is set; compared, for a shift by a variable costs three instructions. */
PAL_INLINE b16 bit_of(u4 word, uint32_t s, uint8_t to) {
    u16 bit = (u16)((u4){0} + (0x01010101u << s));
    return (b16)(((u16)word & bit) == bit) & (int8_t)to;
}

#endif
