/* Products of integers, exact in every build. PAL_NARROW builds are for machines without an instruction for sums of four
   products of bytes (x86 before AVX-VNNI): they add sums of two in 16 bits, where these are sure to hold the result. */
#ifndef PAL_SIMD_INT_H
#define PAL_SIMD_INT_H

#include "simd.h"

/* Sums of two neighbouring int16 products per lane. */
static inline i4 i4_dot(h8 a, h8 b) {
#if defined(__wasm_simd128__)
    return (i4)wasm_i32x4_dot_i16x8((v128_t)a, (v128_t)b);
#elif defined(__SSE2__)
    return (i4)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    i4 r;
    for (int i = 0; i < 4; i++) r[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
    return r;
#endif
}

static inline h8 h8_even(b16 v) { return (h8)((h8u)v << 8) >> 8; } /* signed bytes 0, 2, 4; 1, 3, 5: (h8)v >> 8 */

/* Sums of two neighbouring products of bytes, x -127..127, w 0..127: exact in 16 bits. */
static inline h8 h8_dot_b16_u7(b16 x, b16 w) {
#if defined(__wasm_relaxed_simd__)
    return (h8)wasm_i16x8_relaxed_dot_i8x16_i7x16((v128_t)x, (v128_t)w);
#elif defined(__SSSE3__)
    return (h8)_mm_maddubs_epi16((__m128i)w, (__m128i)x);
#else
    return h8_even(x) * ((h8)w & 255) + ((h8)x >> 8) * (h8)((h8u)w >> 8);
#endif
}
static inline i4 i4_pairs(h8 v) { return i4_dot(v, (h8)u4_kept(0x10001)); } /* sums of two neighbours */

/* Four products of bytes per lane: lane i of acc + sum over the four bytes of lane i of x * w. x holds -127..127.
   i4_dot_b16_u7: w holds 0..127, which one operand of the relaxed instruction must.
   i4_dot_b16: w is any int8. The relaxed one multiplies |x| by w or, where x < 0, by ~w = -w - 1, which stays below the
   truth by the sum of those |x|: the accumulator must start at i4_dot_b16_start(that sum). */
static inline i4 i4_dot_b16_u7(b16 x, b16 w, i4 acc) {
#if defined(__wasm_relaxed_simd__) && !defined(PAL_NARROW)
    return (i4)wasm_i32x4_relaxed_dot_i8x16_i7x16_add((v128_t)x, (v128_t)w, (v128_t)acc);
#elif defined(__SSSE3__) || defined(PAL_NARROW)
    return acc + i4_pairs(h8_dot_b16_u7(x, w));
#else
    h8 even = (h8)w & (h8)u4_kept(0xff00ff), odd = (h8)((h8u)w >> 8);
    return acc + i4_dot(h8_even(x), even) + i4_dot((h8)x >> 8, odd);
#endif
}
#if defined(__wasm_relaxed_simd__)
static inline i4 i4_dot_b16(b16 x, b16 w, i4 acc) {
    b16 below = (b16)u4_kept(0) > x; /* of x < 0 LLVM makes a shift of bytes, of which V8 makes five instructions */
    return i4_dot_b16_u7(w ^ below, (b16)wasm_i8x16_abs((v128_t)x), acc);
}
static inline i4 i4_dot_b16_start(int32_t below_zero) { return i4_set(below_zero); }
enum { PAL_FAST_DOT = 1 };
#else
static inline i4 i4_dot_b16(b16 x, b16 w, i4 acc) {
    return acc + i4_dot(h8_even(x), h8_even(w)) + i4_dot((h8)x >> 8, (h8)w >> 8);
}
static inline i4 i4_dot_b16_start(int32_t below_zero) { return i4_set(0 & below_zero); }
enum { PAL_FAST_DOT = 0 };
#endif

#if defined(PAL_NARROW)
enum { PAL_NARROW_DOT = 1 };
#else
enum { PAL_NARROW_DOT = 0 };
#endif

/* Byte at[i] of v in place i, at[i] below 16; or 0, at[i] from 128 on. */
static inline b16 b16_pick(b16 v, b16 at) {
#if defined(__wasm_relaxed_simd__)
    return (b16)wasm_i8x16_relaxed_swizzle((v128_t)v, (v128_t)at);
#elif defined(__wasm_simd128__)
    return (b16)wasm_i8x16_swizzle((v128_t)v, (v128_t)at);
#elif defined(__SSSE3__)
    return (b16)_mm_shuffle_epi8((__m128i)v, (__m128i)at);
#else
    b16 r;
    for (int i = 0; i < 16; i++) r[i] = at[i] < 0 ? 0 : v[at[i]];
    return r;
#endif
}

/* (a b + 2^14) >> 15; never both -2^15 */
static inline int16_t h1_mulr(int16_t a, int16_t b) { return (int16_t)((a * b + 0x4000) >> 15); }
static inline h8 h8_mulr(h8 a, h8 b) {
#if defined(__wasm_relaxed_simd__)
    return (h8)wasm_i16x8_relaxed_q15mulr((v128_t)a, (v128_t)b);
#elif defined(__wasm_simd128__)
    return (h8)wasm_i16x8_q15mulr_sat((v128_t)a, (v128_t)b);
#else
    PAL_UNROLL for (int i = 0; i < 8; i++) a[i] = h1_mulr(a[i], b[i]);
    return a;
#endif
}

#endif
