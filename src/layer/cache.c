/* The number formats f32 and f16, and the table of all. Order of operations (design I4), whatever the tiles:
     q . k   element i goes to lane i mod 4 by madd, in the order of i; then f4_sum
     p v     madd, slot by slot
   Keys are taken from where they lie; values of halves become floats in blocks. */
#include "cache.h"

#include "../half.h"
#include "../ops.h"

/* ---- floats ---- */

/* Four numbers of a row from number i on, i % 4 = 0: what a float format has to say about reading. Rows are padded to whole
   tiles and the padding stays zero, so whole vectors can be read and the hash of a state is that of its numbers. */
typedef f4 four_of(const uint8_t *row, uint32_t i);
static inline f4 f32_four(const uint8_t *row, uint32_t i) { return f4_load((const float *)(const void *)row + i); }
static inline f4 f16_four(const uint8_t *row, uint32_t i) { return f4_from_tame16(row + 2 * i) * f4_kept(0x1p112f); }

/* n rows, from the first to the next `bytes`. */
typedef struct {
    uint8_t *at;
    uint32_t bytes, n;
} rows;
/* Those of n slots from slot j on. */
static rows keys(const pal_cache_rows *c, uint32_t size, uint32_t j, uint32_t n) {
    const uint32_t bytes = pal_cache_d16(c->d) * size;
    return (rows){c->at + (size_t)j * bytes, bytes, n};
}
/* Values lie by slices of PAL_CACHE_COLUMNS columns, each of which is read from one end to the other: the one at `from`. */
static rows values(const pal_cache_rows *c, uint32_t size, uint32_t from, uint32_t j, uint32_t n) {
    const uint32_t left = pal_cache_d16(c->d) - from;
    const uint32_t bytes = (left < PAL_CACHE_COLUMNS ? left : PAL_CACHE_COLUMNS) * size;
    return (rows){c->at + (size_t)c->cap * from * size + (size_t)j * bytes, bytes, n};
}

/* The partial sums of four rows, by heads: their f4_sum in one vector a head. */
PAL_APART void sums(const f4 (*of)[4], uint32_t heads, float *s, uint32_t stride) {
    for (const f4 *r = *of; heads; heads--, r += 4, s += stride) {
        f4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5) + __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
        f4 b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5) + __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
        f4_store(s, __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7));
    }
}

/* Rows, each with the queries of `heads` heads (a constant, at most 4) in its own turn; by twos, for each sum waits for the one
   before it, and far from each other: two streams are brought from memory faster than one. n is rounded up to a multiple
   of 8; what is behind the last row may be anything. */
PAL_INLINE void dots(four_of *four, const rows *k, const uint8_t *rest, const pal_cache_queries *q,
                     const uint8_t *first, uint32_t heads, float *s, uint32_t stride) {
    const uint32_t half = (k->n + 7) / 8 * 4;
    const uint8_t *row = k->at, *below = row + (size_t)half * k->bytes;
    for (uint32_t j = 0; j < half; j += 4) {
        f4 sum[2][4][4];
        PAL_ROLLED
        for (uint32_t r = 0; r < 4; r++, row += k->bytes, below += k->bytes) {
            const uint8_t *x = first + rest[j + r] * pal_cache_turn_bytes(q);
            const uint8_t *y = first + rest[half + j + r] * pal_cache_turn_bytes(q);
            f4 a[4] = {{0}}, b[4] = {{0}};
            PAL_ROLLED
            for (uint32_t i = 0; i < 4 * q->vectors; i += 4, x += 16 * q->group, y += 16 * q->group) {
                f4 key = four(row, i);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) a[h] = f4_madd((f4)b16_load(x + 16 * h), key, a[h]);
                key = four(below, i);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) b[h] = f4_madd((f4)b16_load(y + 16 * h), key, b[h]);
            }
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) sum[0][h][r] = a[h], sum[1][h][r] = b[h];
        }
        PAL_ROLLED
        for (uint32_t k = 0; k < 2; k++) sums(sum[k], heads, s + k * half + j, stride);
    }
}
/* most: heads at a time (a constant, 2 or 4). */
PAL_INLINE void float_dots(four_of *four, uint32_t size, uint32_t most, const pal_cache_rows *c, uint32_t j0,
                           uint32_t n, const uint8_t *rest, const pal_cache_queries *q, float *s, uint32_t stride) {
    const rows k = keys(c, size, j0, n);
    for (uint32_t t = 0; t < q->tokens; t++) {
        const uint8_t *x = pal_cache_queries_at(q, t);
        uint32_t heads = q->group;
        for (; heads >= most; heads -= most, x += most * 16, s += most * stride)
            dots(four, &k, rest, q, x, most, s, stride);
        if (most > 3 && heads == 3) dots(four, &k, rest, q, x, 3, s, stride);
        if (most > 2 && heads == 2) dots(four, &k, rest, q, x, 2, s, stride);
        if (heads == 1) dots(four, &k, rest, q, x, 1, s, stride);
        s += heads * stride;
    }
}

/* o += p v of rows of `wide` floats, in tiles of `heads` (a constant, at most 2) by four vectors: V8 would put some of 12
   sums on the stack, and each waits for the one before it. */
PAL_INLINE void tile(const rows *v, uint32_t wide, uint32_t heads, const float *p, uint32_t stride, float *o,
                     uint32_t o_stride) {
    for (uint32_t i = 0; i < wide; i += 16) {
        const uint8_t *row = v->at + i * sizeof *o;
        f4 sum[2][4];
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) PAL_UNROLL
        for (uint32_t w = 0; w < 4; w++) sum[h][w] = f4_load(o + h * o_stride + i + 4 * w);
        PAL_ROLLED
        for (uint32_t j = 0; j < v->n; j++, row += v->bytes) {
            f4 weight[2];
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) weight[h] = f4_set(p[h * stride + j]);
            PAL_UNROLL
            for (uint32_t w = 0; w < 4; w++) {
                f4 value = f32_four(row, 4 * w);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) sum[h][w] = f4_madd(weight[h], value, sum[h][w]);
            }
        }
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) PAL_UNROLL
        for (uint32_t w = 0; w < 4; w++) f4_store(o + h * o_stride + i + 4 * w, sum[h][w]);
    }
}
static void tiles(const rows *v, uint32_t wide, uint32_t heads, const float *p, uint32_t stride, float *o,
                  uint32_t o_stride) {
    for (; heads > 1; heads -= 2, p += 2 * stride, o += 2 * o_stride) tile(v, wide, 2, p, stride, o, o_stride);
    if (heads) tile(v, wide, 1, p, stride, o, o_stride);
}
/* Halves become floats, a block of rows that stays in the first cache at a time. */
enum { ROOM = 32 * PAL_CACHE_COLUMNS };
PAL_APART void floats(const rows *of, uint32_t wide, float *out) {
    const uint8_t *row = of->at;
    for (uint32_t j = 0; j < of->n; j++, row += of->bytes, out += wide) PAL_ROLLED
    for (uint32_t i = 0; i < wide; i += 16) PAL_UNROLL
    for (uint32_t k = 0; k < 16; k += 4) f4_store(out + i + k, f16_four(row, i + k));
}
static void float_mix(uint32_t size, const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w,
                      float *o, uint32_t o_stride) {
    const uint32_t n = w->seen + w->tokens - 1;
    float room[ROOM];
    for (uint32_t h = 0; h < w->tokens * w->group; h++) pal_zero(o + (size_t)h * o_stride, wide * sizeof *o);
    for (uint32_t j = 0, m; j < n; j += m) {
        const uint32_t left = j < w->seen ? w->seen - j : n - j;
        m = left < ROOM / wide ? left : ROOM / wide;
        rows v = values(c, size, from, j, m);
        if (size == 2) {
            floats(&v, wide, room);
            v.at = (uint8_t *)room, v.bytes = wide * sizeof *room;
        }
        if (j + m <= w->seen) {
            tiles(&v, wide, w->tokens * w->group, w->p + j, w->stride, o, o_stride);
            continue;
        }
        for (uint32_t i = 0; i < w->tokens; i++) { /* each token up to itself */
            const uint32_t seen = w->seen + i < j ? 0 : w->seen + i - j;
            const size_t head = (size_t)i * w->group;
            v.n = seen < m ? seen : m;
            tiles(&v, wide, w->group, w->p + head * w->stride + j, w->stride, o + head * o_stride, o_stride);
        }
    }
}
static void float_query(const float *x, const pal_cache_turns *t, const pal_cache_queries *q, uint32_t token,
                        uint32_t head) {
    uint8_t *out = pal_cache_queries_at(q, token) + 16 * head;
    for (uint32_t i = 0; i < t->n; i++) {
        float y[PAL_CACHE_WIDEST];
        pal_copy(y, x, q->vectors * 16);
        if (t->n_rot) pal_rope(y, t->cs - i * t->n_rot, t->n_rot);
        pal_scale(y, t->scale, q->vectors * 4);
        for (uint32_t v = 0; v < q->vectors; v++, out += 16 * q->group) b16_store(out, b16_load(y + 4 * v));
    }
}

/* Keys are read by eights. */
static uint64_t float_bytes(uint32_t size, uint32_t cap, uint32_t d, pal_cache_use use) {
    return (uint64_t)(use == PAL_CACHE_VALUES ? cap : (cap + 7) & ~7u) * pal_cache_d16(d) * size;
}

/* Stores n numbers x, a multiple of 4. */
typedef void numbers(uint8_t *to, const float *x, uint32_t n);
PAL_INLINE void float_key(numbers *store, uint32_t size, const pal_cache_rows *c, uint32_t slot, const float *x) {
    store(keys(c, size, slot, 1).at, x, pal_cache_d16(c->d));
}
PAL_INLINE void float_value(numbers *store, uint32_t size, const pal_cache_rows *c, uint32_t slot, const float *x) {
    for (uint32_t from = 0; from < pal_cache_d16(c->d); from += PAL_CACHE_COLUMNS) {
        const rows v = values(c, size, from, slot, 1);
        store(v.at, x + from, v.bytes / size);
    }
}

static uint64_t f32_bytes(uint32_t cap, uint32_t d, pal_cache_use use) { return float_bytes(4, cap, d, use); }
static void f32_numbers(uint8_t *to, const float *x, uint32_t n) { pal_copy(to, x, n * sizeof *x); }
static void f32_key(const pal_cache_rows *c, uint32_t slot, const float *x) { float_key(f32_numbers, 4, c, slot, x); }
static void f32_value(const pal_cache_rows *c, uint32_t slot, const float *x) {
    float_value(f32_numbers, 4, c, slot, x);
}
static void f32_row(const pal_cache_rows *c, uint32_t slot, float *x) {
    const rows k = keys(c, 4, slot, 1);
    pal_copy(x, k.at, k.bytes);
}
static void f32_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                     float *s, uint32_t stride) {
    float_dots(f32_four, 4, 2, c, j0, n, rest, q, s, stride);
}
static void f32_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                    uint32_t o_stride) {
    float_mix(4, c, from, wide, w, o, o_stride);
}

/* Halves without subnormals, infinity and NaN: a number below 2^-14 is stored as the nearer of 0 and 2^-14, one above
   65504 as 65504. Read back they are a mask, a shift and a product by a power of two that meets no subnormal. */
static uint64_t f16_bytes(uint32_t cap, uint32_t d, pal_cache_use use) { return float_bytes(2, cap, d, use); }
PAL_APART void f16_numbers(uint8_t *to, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i += 4) {
        const u4 bits = (u4)f4_load(x + i), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
        const u4 half = (rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13; /* to the nearest, ties to even */
        const u4 least = (u4)((i4)rest > 0x37ffffff) & 0x400, most = (u4)((i4)rest > 0x477fefff);
        const u4 usual = (u4)((i4)rest > 0x387fffff);
        const u4 size = (half & usual & ~most) | (least & ~usual) | (most & 0x7bff);
        *(half4 *)(void *)(to + 2 * i) = __builtin_convertvector(sign | size, half4);
    }
}
static void f16_key(const pal_cache_rows *c, uint32_t slot, const float *x) { float_key(f16_numbers, 2, c, slot, x); }
static void f16_value(const pal_cache_rows *c, uint32_t slot, const float *x) {
    float_value(f16_numbers, 2, c, slot, x);
}
static void f16_row(const pal_cache_rows *c, uint32_t slot, float *x) {
    const rows k = keys(c, 2, slot, 1);
    floats(&k, pal_cache_d16(c->d), x);
}
static void f16_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                     float *s, uint32_t stride) {
    float_dots(f16_four, 2, 4, c, j0, n, rest, q, s, stride);
}
static void f16_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                    uint32_t o_stride) {
    float_mix(2, c, from, wide, w, o, o_stride);
}

static const pal_cache_format f32 = {"f32", 4,           f32_bytes, f32_key, f32_value, f32_row,
                                     NULL,  float_query, f32_dots,  NULL,    f32_mix};
static const pal_cache_format f16 = {"f16", 4,           f16_bytes, f16_key, f16_value, f16_row,
                                     NULL,  float_query, f16_dots,  NULL,    f16_mix};
static const pal_cache_format *const formats[] = {&f32, &f16, &pal_cache_q8};

const pal_cache_format *pal_cache_row(uint32_t i) { return i < sizeof formats / sizeof *formats ? formats[i] : NULL; }
