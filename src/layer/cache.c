#include "cache.h"

#include "../ops.h"

/* Four floats of a row from element i, i % 4 = 0: what a format has to say about reading. Rows are padded to 16 bytes and
   the padding stays zero, so whole vectors can be read and the hash of a state is that of its numbers. */
typedef f4 four_of(const void *row, uint32_t i);

PAL_INLINE void load_rows(four_of *four, uint32_t bytes, const void *rows, uint32_t n, uint32_t from, uint32_t wide,
                          const pal_cache_turn *turn, float *out) {
    uint32_t half = turn && turn->cs ? turn->n_rot / 2 : 0, turned = half % 4 ? 0 : half;
    for (uint32_t j = 0; j < n; j++, out += wide) {
        const uint8_t *row = (const uint8_t *)rows + (size_t)j * bytes;
        const float *cs = half ? turn->cs + (size_t)turn->rank[j] * turn->n_rot : NULL;
        for (uint32_t i = 0; i < turned; i += 4) { /* pal_rope on the way */
            f4 a = four(row, i), b = four(row, half + i), c = f4_load(cs + i), s = f4_load(cs + half + i);
            f4_store(out + i, a * c - b * s);
            f4_store(out + half + i, a * s + b * c);
        }
        for (uint32_t i = 2 * turned; i < wide; i += 4) f4_store(out + i, four(row, from + i));
        if (turned != half) pal_rope(out, cs, turn->n_rot);
    }
}

static uint32_t f32_bytes(uint32_t d) { return (uint32_t)pal_align(d * sizeof(float)); }
static void f32_store(void *row, const float *x, uint32_t d) { pal_copy(row, x, d * sizeof(float)); }
static inline f4 f32_four(const void *row, uint32_t i) { return f4_load((const float *)row + i); }
static void f32_load(const void *rows, uint32_t n, uint32_t d, uint32_t from, uint32_t wide, const pal_cache_turn *turn,
                     float *out) {
    load_rows(f32_four, f32_bytes(d), rows, n, from, wide, turn, out);
}

/* Halves without subnormals, infinity and NaN: a number below 2^-14 is stored as the nearer of 0 and 2^-14, one above
   65504 as 65504. Read back they are a mask, a shift and a product by a power of two that meets no subnormal. */
static uint32_t f16_bytes(uint32_t d) { return (uint32_t)pal_align(d * sizeof(uint16_t)); }
static void f16_store(void *row, const float *x, uint32_t d) {
    uint16_t *to = row;
    for (uint32_t i = 0; i < d; i++) {
        uint32_t bits = pal_f32_bits(x[i]), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
        uint32_t half = (rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13; /* to the nearest, ties to even */
        half = rest >= 0x477ff000 ? 0x7bff : rest < 0x38000000 ? 0 : rest < 0x38800000 ? 0x400 : half;
        to[i] = (uint16_t)(sign | half);
    }
}
typedef int16_t short4 __attribute__((vector_size(8), aligned(1), may_alias));
static inline f4 f16_four(const void *row, uint32_t i) {
    u4 wide =
        (u4) __builtin_convertvector(*(const short4 *)((const uint16_t *)row + i), i4); /* the sign fills the top */
    return (f4)(wide << 13 & 0x8fffe000) * f4_set(0x1p112f);
}
static void f16_load(const void *rows, uint32_t n, uint32_t d, uint32_t from, uint32_t wide, const pal_cache_turn *turn,
                     float *out) {
    load_rows(f16_four, f16_bytes(d), rows, n, from, wide, turn, out);
}

/* scale = max|x| / 127, then d bytes round(x / scale) */
static uint32_t q8_bytes(uint32_t d) { return (uint32_t)pal_align(sizeof(float) + d); }
static void q8_store(void *row, const float *x, uint32_t d) {
    float most = 0, *scale = row;
    int8_t *to = (int8_t *)(scale + 1);
    for (uint32_t i = 0; i < d; i++) {
        float a = x[i] < 0 ? -x[i] : x[i];
        if (a > most) most = a;
    }
    float inverse = most > 0 ? 127 / most : 0;
    *scale = most / 127;
    for (uint32_t i = 0; i < d; i++) {
        float v = x[i] * inverse;
        v = v > 127 ? 127 : v < -127 ? -127 : v == v ? v : 0;
        to[i] = (int8_t)(v + (v < 0 ? -0.5f : 0.5f));
    }
}
typedef int8_t byte4 __attribute__((vector_size(4), aligned(1), may_alias));
static inline f4 q8_four(const void *row, uint32_t i) {
    const float *scale = row;
    return f4_from(__builtin_convertvector(*(const byte4 *)((const int8_t *)(scale + 1) + i), i4)) * f4_set(*scale);
}
static void q8_load(const void *rows, uint32_t n, uint32_t d, uint32_t from, uint32_t wide, const pal_cache_turn *turn,
                    float *out) {
    load_rows(q8_four, q8_bytes(d), rows, n, from, wide, turn, out);
}

static const pal_cache_format formats[] = {
    {"f32", f32_bytes, f32_store, f32_load},
    {"f16", f16_bytes, f16_store, f16_load},
    {"q8", q8_bytes, q8_store, q8_load},
};

const pal_cache_format *pal_cache_row(uint32_t i) { return i < sizeof formats / sizeof *formats ? &formats[i] : NULL; }

/* Four rows' partial sums -> one vector whose lane r is f4_sum of row r. */
static inline f4 sums4(const f4 *r) {
    f4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5) + __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    f4 b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5) + __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* Tiles of `heads` (a constant, at most 3) by four rows, or by four vectors: 12 sums live in registers. */
PAL_INLINE void dots(const float *q, uint32_t heads, const float *rows, uint32_t n, uint32_t d4, float *s,
                     uint32_t stride) {
    for (uint32_t j = 0; j < n; j += 4, rows += 4 * d4) {
        f4 sum[3][4] = {{{0}}};
        PAL_ROLLED
        for (uint32_t i = 0; i < d4; i += 4) {
            PAL_UNROLL
            for (uint32_t r = 0; r < 4; r++) {
                f4 k = f4_load(rows + r * d4 + i);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) sum[h][r] = f4_madd(f4_load(q + h * d4 + i), k, sum[h][r]);
            }
        }
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) f4_store(s + h * stride + j, sums4(sum[h]));
    }
}
void pal_cache_dots(const float *q, uint32_t heads, const float *rows, uint32_t n, uint32_t d4, float *s,
                    uint32_t stride) {
    for (; heads > 4 || heads == 3; heads -= 3, q += 3 * d4, s += 3 * stride) dots(q, 3, rows, n, d4, s, stride);
    for (; heads > 1; heads -= 2, q += 2 * d4, s += 2 * stride) dots(q, 2, rows, n, d4, s, stride);
    if (heads) dots(q, 1, rows, n, d4, s, stride);
}

PAL_INLINE void mix(const float *p, uint32_t stride, uint32_t heads, const float *rows, uint32_t n, uint32_t step,
                    uint32_t wide, float *o, uint32_t o_stride) {
    f4 sum[3][4];
    PAL_UNROLL
    for (uint32_t h = 0; h < heads; h++) PAL_UNROLL
    for (uint32_t w = 0; w < wide; w++) sum[h][w] = f4_load(o + h * o_stride + 4 * w);
    PAL_ROLLED
    for (uint32_t j = 0; j < n; j++, rows += step) {
        f4 weight[3];
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) weight[h] = f4_set(p[h * stride + j]);
        PAL_UNROLL
        for (uint32_t w = 0; w < wide; w++) {
            f4 v = f4_load(rows + 4 * w);
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) sum[h][w] = f4_madd(weight[h], v, sum[h][w]);
        }
    }
    PAL_UNROLL
    for (uint32_t h = 0; h < heads; h++) PAL_UNROLL
    for (uint32_t w = 0; w < wide; w++) f4_store(o + h * o_stride + 4 * w, sum[h][w]);
}
PAL_INLINE void mix_rows(const float *p, uint32_t stride, uint32_t heads, const float *rows, uint32_t n, uint32_t wide,
                         float *o, uint32_t o_stride) {
    uint32_t i = 0;
    for (; i + 16 <= wide; i += 16) mix(p, stride, heads, rows + i, n, wide, 4, o + i, o_stride);
    for (; i < wide; i += 4) mix(p, stride, heads, rows + i, n, wide, 1, o + i, o_stride);
}
void pal_cache_mix(const float *p, uint32_t stride, uint32_t heads, const float *rows, uint32_t n, uint32_t wide,
                   float *o, uint32_t o_stride) {
    for (; heads > 4 || heads == 3; heads -= 3, p += 3 * stride, o += 3 * o_stride)
        mix_rows(p, stride, 3, rows, n, wide, o, o_stride);
    for (; heads > 1; heads -= 2, p += 2 * stride, o += 2 * o_stride)
        mix_rows(p, stride, 2, rows, n, wide, o, o_stride);
    if (heads) mix_rows(p, stride, 1, rows, n, wide, o, o_stride);
}
