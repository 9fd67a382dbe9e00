/* 16-bit floats of weights, four at a time. */
#ifndef PAL_HALF_H
#define PAL_HALF_H

#include "simd.h"

typedef uint16_t half4 __attribute__((vector_size(8), aligned(1), may_alias));

/* Halves in the low 16 bits of each lane -> floats, exact for every pattern (NaN stays NaN). No operand is subnormal, which
   some machines multiply slowly: n takes a subnormal half for 2^-15 (1 + m/1024); 2n - 2^-14 is right, and smaller just there. */
static inline f4 f4_from_half(u4 h) {
    f4 n = (f4)(((h & u4_kept(0x7fff)) << 13) + u4_kept(0x70000000)) * f4_kept(0x1p-112f); /* exponent + 224 - 112 */
    return (f4)((h & u4_kept(0x8000)) << 16 | (u4)f4_min(n, (n + n) - f4_kept(0x1p-14f)));
}
/* Four from memory, any alignment. */
static inline f4 f4_from_f16(const void *p) { return f4_from_half(__builtin_convertvector(*(const half4 *)p, u4)); }
/* Halves that are never subnormal, infinite or NaN, as integers with their sign in each lane -> floats times 2^-112. */
static inline f4 f4_from_tame(i4 h) { return (f4)((u4)(h << 13) & u4_kept(0x8fffe000)); }
static inline f4 f4_from_tame16(const void *p) {
    typedef int16_t signed4 __attribute__((vector_size(8), aligned(1), may_alias)); /* the sign fills the top */
    return f4_from_tame(__builtin_convertvector(*(const signed4 *)p, i4));
}
static inline f4 f4_from_bf16(const void *p) { return (f4)(__builtin_convertvector(*(const half4 *)p, u4) << 16); }

#endif
