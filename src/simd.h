/* Four-lane operations, the only file with intrinsics. Everything else is written with these and compiles natively
   (gcc, clang) and to WebAssembly. One class of bits per build (design I4):
     strict: madd rounds twice (a*b, then +c)         wasm `simd`, native without PAL_FUSED
     fused : madd rounds once                         wasm `relaxed`, native with -DPAL_FUSED -mfma
   Integer operations are exact in both. The compiler must not contract (-ffp-contract=off). */
#ifndef PAL_SIMD_H
#define PAL_SIMD_H

#include "base.h"

typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef uint32_t u4 __attribute__((vector_size(16)));
typedef int16_t h8 __attribute__((vector_size(16)));
typedef int8_t b16 __attribute__((vector_size(16)));
typedef uint8_t u16 __attribute__((vector_size(16)));

typedef f4 f4_anywhere __attribute__((aligned(1), may_alias)); /* as they lie in memory, without alignment */
typedef i4 i4_anywhere __attribute__((aligned(1), may_alias));
typedef b16 b16_anywhere __attribute__((aligned(1), may_alias));
typedef u16 u16_anywhere __attribute__((aligned(1), may_alias));
typedef uint16_t half4 __attribute__((vector_size(8), aligned(1), may_alias));

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

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <immintrin.h>
#endif

static inline f4 f4_load(const float *p) { return *(const f4_anywhere *)p; }
static inline void f4_store(float *p, f4 v) { *(f4_anywhere *)p = v; }
static inline b16 b16_load(const void *p) { return *(const b16_anywhere *)p; }
static inline u16 u16_load(const void *p) { return *(const u16_anywhere *)p; }
static inline i4 i4_load(const void *p) { return *(const i4_anywhere *)p; }
static inline f4 f4_set(float x) { return (f4){x, x, x, x}; }
static inline i4 i4_set(int32_t x) { return (i4){x, x, x, x}; }
static inline f4 f4_from(i4 v) { return __builtin_convertvector(v, f4); }

/* The fixed order of every horizontal sum: (0+2)+(1+3), so that two-step shuffles and scalar code agree. */
static inline float f4_sum(f4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
static inline int32_t i4_sum(i4 v) { return v[0] + v[1] + v[2] + v[3]; }

/* Lanewise choice: mask lanes are all ones or zero. */
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

/* int8 -> int16, lanes 0..7 and 8..15. */
static inline h8 h8_low(b16 v) {
#if defined(__wasm_simd128__)
    return (h8)wasm_i16x8_extend_low_i8x16((v128_t)v);
#elif defined(__SSE4_1__)
    return (h8)_mm_cvtepi8_epi16((__m128i)v);
#else
    b16 sign = (b16)(v < 0);
    return (h8)__builtin_shufflevector(v, sign, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#endif
}
static inline h8 h8_high(b16 v) {
#if defined(__wasm_simd128__)
    return (h8)wasm_i16x8_extend_high_i8x16((v128_t)v);
#else
    return h8_low((b16)__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
#endif
}

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

/* acc + 16 products of int8, spread over the lanes in an unspecified but exact way: only the sum of lanes counts.
   One operand of the relaxed instruction must hold 0..127. i4_dot_b16_u7: b does. i4_dot_b16: a is any int8 and b holds
   -127..127, which is split into its positive and its negative part. */
static inline i4 i4_dot_b16_u7(b16 a, b16 b, i4 acc) {
#if defined(__wasm_relaxed_simd__)
    return (i4)wasm_i32x4_relaxed_dot_i8x16_i7x16_add((v128_t)a, (v128_t)b, (v128_t)acc);
#elif defined(__SSSE3__)
    return acc + (i4)_mm_madd_epi16(_mm_maddubs_epi16((__m128i)b, (__m128i)a), _mm_set1_epi16(1));
#else
    return acc + i4_dot(h8_low(a), h8_low(b)) + i4_dot(h8_high(a), h8_high(b));
#endif
}
static inline i4 i4_dot_b16(b16 a, b16 b, i4 acc) {
#if defined(__wasm_relaxed_simd__)
    b16 zero = {0}, plus = (b16)wasm_i8x16_max((v128_t)b, (v128_t)zero), minus = plus - b;
    return i4_dot_b16_u7(a, plus, acc) - i4_dot_b16_u7(a, minus, (i4)zero);
#else
    return acc + i4_dot(h8_low(a), h8_low(b)) + i4_dot(h8_high(a), h8_high(b));
#endif
}

/* Four rows' partial sums -> one vector whose lane r is the whole sum of row r. */
static inline i4 i4_sum4(i4 r0, i4 r1, i4 r2, i4 r3) {
    i4 a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5) + __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
    i4 b = __builtin_shufflevector(r2, r3, 0, 4, 1, 5) + __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* Halves in the low 16 bits of each lane -> floats, exact for every pattern (NaN stays NaN). No operand is subnormal,
   which some machines multiply slowly. */
static inline f4 f4_from_half(u4 h) {
    u4 sign = (h & 0x8000) << 16, rest = h & 0x7fff;
    f4 normal = (f4)((rest << 13) + ((u4){0} + 0x70000000)) * f4_set(0x1p-112f); /* exponent + 224 - 112 */
    f4 small = (f4)(rest | 0x3f000000) - f4_set(0.5f);
    return (f4)(sign | (u4)f4_select((i4)(rest < 0x400), small, normal));
}
/* Four halves from memory, any alignment. */
static inline f4 f4_from_f16(const void *p) { return f4_from_half(__builtin_convertvector(*(const half4 *)p, u4)); }
/* Four bfloat16 from memory, any alignment. */
static inline f4 f4_from_bf16(const void *p) { return (f4)(__builtin_convertvector(*(const half4 *)p, u4) << 16); }

#endif
