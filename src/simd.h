/* Four-lane operations, the only file with intrinsics. Everything else is written with these and compiles natively
   (gcc, clang) and to WebAssembly. One class of bits per build (design I4):
     strict: madd rounds twice (a*b, then +c)         wasm `simd`, native without PAL_FUSED
     fused : madd rounds once                         wasm `relaxed`, native with -DPAL_FUSED -mfma
   Integer operations are exact in both. The compiler must not contract (-ffp-contract=off).
   PAL_NARROW builds are for machines without an instruction for sums of four products of bytes (x86 before AVX-VNNI): they
   add sums of two in 16 bits, as many as stay exact. The bits are the same. */
#ifndef PAL_SIMD_H
#define PAL_SIMD_H

#include "base.h"

typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef uint32_t u4 __attribute__((vector_size(16)));
typedef int16_t h8 __attribute__((vector_size(16)));
typedef uint16_t h8u __attribute__((vector_size(16)));
typedef int8_t b16 __attribute__((vector_size(16)));
typedef uint8_t u16 __attribute__((vector_size(16)));
typedef f4 f4_anywhere __attribute__((aligned(1), may_alias)); /* as they lie in memory, without alignment */
typedef b16 b16_anywhere __attribute__((aligned(1), may_alias));

/* Loops whose shape decides the speed: unroll a short one wholly, or keep a long one rolled (measured: LLVM's order of an
   unrolled dot loop halves the speed in V8). */
#if defined(__clang__)
#define PAL_UNROLL _Pragma("clang loop unroll(full)")
#define PAL_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define PAL_UNROLL _Pragma("GCC unroll 16")
#define PAL_ROLLED _Pragma("GCC unroll 1")
#endif
#define PAL_INLINE static inline __attribute__((always_inline))
#define PAL_APART static __attribute__((noinline)) /* small functions with one hot loop: compilers keep its registers */

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <immintrin.h>
#endif

static inline f4 f4_load(const float *p) { return *(const f4_anywhere *)p; }
static inline void f4_store(float *p, f4 v) { *(f4_anywhere *)p = v; }
static inline void b16_store(void *p, b16 v) { *(b16_anywhere *)p = v; }
static inline b16 b16_load(const void *p) { return *(const b16_anywhere *)p; }
static inline i4 i4_load(const void *p) { return (i4)b16_load(p); }
/* Brings readable memory near: WebAssembly has no prefetch, but nobody waits for the value of this load. */
static inline void pal_touch(const void *p) { (void)*(const volatile uint8_t *)p; }
static inline f4 f4_set(float x) { return (f4){x, x, x, x}; }
static inline i4 i4_set(int32_t x) { return (i4){x, x, x, x}; }
/* Four bytes from memory, any alignment, in each lane. */
static inline b16 b16_four(const void *p) {
    int32_t word;
    pal_copy(&word, p, 4);
    return (b16)i4_set(word);
}
static inline f4 f4_from(i4 v) { return __builtin_convertvector(v, f4); }

/* 16 integers that fit, narrowed to bytes. */
static inline b16 b16_from(const i4 v[4]) {
    b16 low = __builtin_shufflevector((b16)v[0], (b16)v[1], 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
    b16 high = __builtin_shufflevector((b16)v[2], (b16)v[3], 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}

/* The fixed order of every horizontal sum: (0+2)+(1+3), so that two-step shuffles and scalar code agree. */
static inline float f4_sum(f4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
static inline int32_t i4_sum(i4 v) { return v[0] + v[1] + v[2] + v[3]; }

static inline f4 f4_select(i4 mask, f4 yes, f4 no) { return (f4)((mask & (i4)yes) | (~mask & (i4)no)); }
static inline f4 f4_max(f4 a, f4 b) { return f4_select((i4)(a > b), a, b); }
static inline f4 f4_abs(f4 a) { return (f4)((i4)a & 0x7fffffff); }

/* a*b + c, the one named multiply-add. */
static inline f4 f4_madd(f4 a, f4 b, f4 c) {
#if defined(PAL_FUSED) && defined(__wasm_relaxed_simd__)
    return (f4)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#elif defined(PAL_FUSED) && defined(__FMA__)
    return (f4)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
#elif defined(PAL_FUSED)
    for (int i = 0; i < 4; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}
static inline float f1_madd(float a, float b, float c) { return f4_madd(f4_set(a), f4_set(b), f4_set(c))[0]; }

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
static inline i4 i4_pairs(h8 v) { return i4_dot(v, (h8){1, 1, 1, 1, 1, 1, 1, 1}); } /* sums of two neighbours */

/* Four products of bytes per lane: lane i of acc + sum over the four bytes of lane i of x * w. x holds -127..127.
   i4_dot_b16_u7: w holds 0..127, which one operand of the relaxed instruction must.
   i4_dot_b16: w is any int8. The relaxed one multiplies |x| by w or, where x < 0, by ~w = -w - 1, which stays below the
   truth by the sum of those |x|: the accumulator must start at i4_dot_b16_start(that sum). */
static inline i4 i4_dot_b16_u7(b16 x, b16 w, i4 acc) {
#if defined(PAL_NARROW)
    return acc + i4_pairs(h8_dot_b16_u7(x, w));
#elif defined(__wasm_relaxed_simd__)
    return (i4)wasm_i32x4_relaxed_dot_i8x16_i7x16_add((v128_t)x, (v128_t)w, (v128_t)acc);
#elif defined(__SSSE3__)
    return acc + i4_pairs(h8_dot_b16_u7(x, w));
#else
    h8 even = (h8)w & 255, odd = (h8)((h8u)w >> 8);
    return acc + i4_dot(h8_even(x), even) + i4_dot((h8)x >> 8, odd);
#endif
}
#if defined(__wasm_relaxed_simd__)
static inline i4 i4_dot_b16(b16 x, b16 w, i4 acc) {
    return i4_dot_b16_u7(w ^ (b16)(x < 0), (b16)wasm_i8x16_abs((v128_t)x), acc);
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

static inline f4 f4_min(f4 a, f4 b) { /* b < a ? b : a */
#if defined(__wasm_simd128__)
    return (f4)wasm_f32x4_pmin((v128_t)a, (v128_t)b);
#else
    return f4_select((i4)(b < a), b, a);
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
