/* Four-lane operations; intrinsics are here and in simd_int.h only. Everything else is written with these and compiles
   natively (gcc, clang) and to WebAssembly. One class of bits per build (design I4):
     strict: madd rounds twice (a*b, then +c)         wasm `simd`, native without PAL_FUSED
     fused : madd rounds once                         wasm `relaxed` and `relaxed16`, native with -DPAL_FUSED -mfma
   Integer operations are exact in both (simd_int.h). The compiler must not contract (-ffp-contract=off). */
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
/* Written out where the build is for speed: the module for every browser stays small. */
#if defined(__wasm__) && !defined(__wasm_relaxed_simd__)
#define PAL_UNROLL_FAST PAL_ROLLED
#else
#define PAL_UNROLL_FAST PAL_UNROLL
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
/* Constants of loops, which stay in registers: what is a v128.const within a loop V8 makes anew each time, by three
   instructions. The compiler must not see that it is one. */
#if defined(__wasm__)
#define PAL_UNSEEN(x) __asm__("" : "+r"(x))
#else
#define PAL_UNSEEN(x) (void)(x)
#endif
static inline f4 f4_kept(float x) {
    PAL_UNSEEN(x);
    return f4_set(x);
}
static inline u4 u4_kept(uint32_t x) {
    PAL_UNSEEN(x);
    return (u4){x, x, x, x};
}
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

/* The low bytes of 16 numbers. */
static inline b16 b16_from_h8(h8 low, h8 high) {
    return __builtin_shufflevector((b16)low, (b16)high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

/* The same of numbers 0..255. */
static inline b16 b16_narrow(h8 low, h8 high) {
#if defined(__wasm_simd128__)
    return (b16)wasm_u8x16_narrow_i16x8((v128_t)low, (v128_t)high);
#else
    return b16_from_h8(low, high);
#endif
}

/* The fixed order of every horizontal sum: (0+2)+(1+3), so that two-step shuffles and scalar code agree. */
static inline float f4_sum(f4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
static inline int32_t i4_sum(i4 v) { return v[0] + v[1] + v[2] + v[3]; }

static inline f4 f4_select(i4 mask, f4 yes, f4 no) { return (f4)((mask & (i4)yes) | (~mask & (i4)no)); }
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

static inline f4 f4_min(f4 a, f4 b) { /* b < a ? b : a */
#if defined(__wasm_simd128__)
    return (f4)wasm_f32x4_pmin((v128_t)a, (v128_t)b);
#else
    return f4_select((i4)(b < a), b, a);
#endif
}
static inline f4 f4_max(f4 a, f4 b) { /* a > b ? a : b */
#if defined(__wasm_simd128__)
    return (f4)wasm_f32x4_pmax((v128_t)b, (v128_t)a);
#else
    return f4_select((i4)(a > b), a, b);
#endif
}
static inline i4 i4_max(i4 a, i4 b) {
#if defined(__wasm_simd128__)
    return (i4)wasm_i32x4_max((v128_t)a, (v128_t)b);
#else
    i4 more = a > b;
    return (more & a) | (~more & b);
#endif
}
/* The greatest of the four, in each lane. */
static inline i4 i4_top(i4 v) {
    v = i4_max(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
    return i4_max(v, __builtin_shufflevector(v, v, 1, 0, 3, 2));
}

#endif
