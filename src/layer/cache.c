/* The number formats f32 and f16, and the table of all. Order of operations (design I4), whatever the tiles:
     q . k   element i goes to lane i mod 4 by madd, in the order of i; then f4_sum
     p v     madd, slot by slot */
#include "cache.h"

#include "../half.h"
#include "../ops.h"

/* Rows of one head follow each other; those of the next layer are not near yet, and a core that converts numbers sees only
   a few lines ahead. `row` of `bytes` bytes: what lies 1 KB behind it is brought near, up to the row `last`. */
enum { AHEAD = 1024 };
static inline void bring(const uint8_t *row, uint32_t bytes, const uint8_t *last) {
    const uint8_t *ahead = row + AHEAD < last ? row + AHEAD : row;
    for (uint32_t i = 0; i < bytes; i += 64) pal_touch(ahead + i);
}

/* ---- floats ---- */

/* Four floats of a row from element i, i % 4 = 0: what a float format has to say about reading. Rows are padded to whole
   tiles and the padding stays zero, so whole vectors can be read and the hash of a state is that of its numbers. */
typedef f4 four_of(const uint8_t *row, uint32_t i);

PAL_INLINE void load_rows(four_of *four, uint32_t bytes, const uint8_t *row, const uint8_t *last, uint32_t n,
                          uint32_t from, uint32_t wide, float *out) {
    for (uint32_t j = 0; j < n; j++, row += bytes, out += wide) {
        bring(row, bytes, last);
        PAL_ROLLED
        for (uint32_t at = 0; at < wide; at += 16) {
            PAL_UNROLL
            for (uint32_t k = 0; k < 16; k += 4) f4_store(out + at + k, four(row, from + at + k));
        }
    }
}

/* Four rows' partial sums -> one vector whose lane r is f4_sum of row r. */
static inline f4 sums4(const f4 *r) {
    f4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5) + __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    f4 b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5) + __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* Four rows, each with the queries of `heads` heads (a constant, at most 3) in its own turn. */
PAL_INLINE void dots(const pal_cache_queries *q, const uint8_t *first, const uint8_t *rest, uint32_t heads,
                     const float *rows, uint32_t n, uint32_t d, float *s, uint32_t stride) {
    for (uint32_t j = 0; j < n; j += 4) {
        f4 sum[3][4];
        PAL_ROLLED
        for (uint32_t r = 0; r < 4; r++, rows += d) {
            const uint8_t *x = first + rest[j + r] * pal_cache_turn_bytes(q);
            f4 of[3] = {{0}};
            PAL_ROLLED
            for (uint32_t i = 0; i < d; i += 4, x += 16 * q->group) {
                f4 k = f4_load(rows + i);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) of[h] = f4_madd((f4)b16_load(x + 16 * h), k, of[h]);
            }
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) sum[h][r] = of[h];
        }
        PAL_ROLLED
        for (uint32_t h = 0; h < heads; h++) f4_store(s + h * stride + j, sums4(sum[h]));
    }
}
static void float_dots(const pal_cache_queries *q, const uint8_t *rest, const float *rows, uint32_t n, uint32_t d,
                       float *s, uint32_t stride) {
    for (uint32_t t = 0; t < q->tokens; t++) {
        const uint8_t *x = pal_cache_queries_at(q, t);
        uint32_t heads = q->group;
        for (; heads > 4 || heads == 3; heads -= 3, x += 3 * 16, s += 3 * stride)
            dots(q, x, rest, 3, rows, n, d, s, stride);
        for (; heads > 1; heads -= 2, x += 2 * 16, s += 2 * stride) dots(q, x, rest, 2, rows, n, d, s, stride);
        if (heads) dots(q, x, rest, 1, rows, n, d, s, stride), s += stride;
    }
}

/* Tiles of `heads` (a constant, at most 2) by four vectors: V8 would put some of 12 sums on the stack, and each waits for
   the one before it. */
PAL_INLINE void mix(const float *p, uint32_t stride, uint32_t heads, const float *rows, uint32_t n, uint32_t wide,
                    float *o, uint32_t o_stride) {
    for (uint32_t i = 0; i < wide; i += 16) {
        const float *row = rows + i;
        f4 sum[2][4];
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) PAL_UNROLL
        for (uint32_t w = 0; w < 4; w++) sum[h][w] = f4_load(o + h * o_stride + i + 4 * w);
        PAL_ROLLED
        for (uint32_t j = 0; j < n; j++, row += wide) {
            f4 weight[2];
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) weight[h] = f4_set(p[h * stride + j]);
            PAL_UNROLL
            for (uint32_t w = 0; w < 4; w++) {
                f4 v = f4_load(row + 4 * w);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) sum[h][w] = f4_madd(weight[h], v, sum[h][w]);
            }
        }
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) PAL_UNROLL
        for (uint32_t w = 0; w < 4; w++) f4_store(o + h * o_stride + i + 4 * w, sum[h][w]);
    }
}
static void float_mix(const float *p, uint32_t stride, uint32_t heads, const float *rows, uint32_t n, uint32_t wide,
                      float *o, uint32_t o_stride) {
    for (; heads > 1; heads -= 2, p += 2 * stride, o += 2 * o_stride) mix(p, stride, 2, rows, n, wide, o, o_stride);
    if (heads) mix(p, stride, 1, rows, n, wide, o, o_stride);
}

/* Rows as floats: load_rows of a format. */
typedef void loader(uint32_t bytes, const uint8_t *row, const uint8_t *last, uint32_t n, uint32_t from, uint32_t wide,
                    float *out);

enum { ROOM = 4096 }; /* floats of a block */

static void dots_by(loader *load, uint32_t size, const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest,
                    const pal_cache_queries *q, float *s, uint32_t stride) {
    const uint32_t d = pal_cache_d16(c->d), most = (ROOM / d) & ~3u;
    float rows[ROOM];
    for (uint32_t j = 0, m; j < n; j += m) {
        m = n - j < most ? n - j : most;
        load(d * size, c->at + (size_t)(j0 + j) * d * size, c->at + (size_t)(c->cap - 1) * d * size, m, 0, d, rows);
        float_dots(q, rest + j, rows, m, d, s + j, stride);
    }
}
static void mix_by(loader *load, uint32_t size, const pal_cache_rows *c, uint32_t from, uint32_t wide,
                   const pal_cache_weights *w, float *o, uint32_t o_stride) {
    const uint32_t bytes = pal_cache_d16(c->d) * size, n = w->seen + w->tokens - 1, most = ROOM / PAL_CACHE_COLUMNS;
    float rows[ROOM];
    for (uint32_t h = 0; h < w->tokens * w->group; h++) pal_zero(o + (size_t)h * o_stride, wide * sizeof *o);
    for (uint32_t j = 0, m; j < n; j += m) {
        m = n - j < most ? n - j : most;
        load(bytes, c->at + (size_t)j * bytes, c->at + (size_t)(c->cap - 1) * bytes, m, from, wide, rows);
        if (j + m <= w->seen) {
            float_mix(w->p + j, w->stride, w->tokens * w->group, rows, m, wide, o, o_stride);
            continue;
        }
        for (uint32_t i = 0; i < w->tokens; i++) { /* each token up to itself */
            uint32_t seen = w->seen + i < j ? 0 : w->seen + i - j < m ? w->seen + i - j : m;
            float_mix(w->p + (size_t)i * w->group * w->stride + j, w->stride, w->group, rows, seen, wide,
                      o + (size_t)i * w->group * o_stride, o_stride);
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

static uint64_t f32_bytes(uint32_t cap, uint32_t d, pal_cache_use use) {
    return (void)use, (uint64_t)cap * pal_cache_d16(d) * 4;
}
static void f32_store(const pal_cache_rows *c, uint32_t slot, const float *x) {
    uint32_t d = pal_cache_d16(c->d);
    pal_copy(c->at + (size_t)slot * d * 4, x, d * sizeof *x);
}
static inline f4 f32_four(const uint8_t *row, uint32_t i) { return f4_load((const float *)(const void *)row + i); }
PAL_APART void f32_rows(uint32_t bytes, const uint8_t *row, const uint8_t *last, uint32_t n, uint32_t from,
                        uint32_t wide, float *out) {
    load_rows(f32_four, bytes, row, last, n, from, wide, out);
}
static void f32_row(const pal_cache_rows *c, uint32_t slot, float *x) {
    const uint32_t d = pal_cache_d16(c->d);
    pal_copy(x, c->at + (size_t)slot * d * 4, d * sizeof *x);
}
static void f32_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                     float *s, uint32_t stride) {
    dots_by(f32_rows, 4, c, j0, n, rest, q, s, stride);
}
static void f32_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                    uint32_t o_stride) {
    mix_by(f32_rows, 4, c, from, wide, w, o, o_stride);
}

/* Halves without subnormals, infinity and NaN: a number below 2^-14 is stored as the nearer of 0 and 2^-14, one above
   65504 as 65504. Read back they are a mask, a shift and a product by a power of two that meets no subnormal. */
static uint64_t f16_bytes(uint32_t cap, uint32_t d, pal_cache_use use) {
    return (void)use, (uint64_t)cap * pal_cache_d16(d) * 2;
}
static void f16_store(const pal_cache_rows *c, uint32_t slot, const float *x) {
    uint32_t d = pal_cache_d16(c->d);
    uint16_t *to = (uint16_t *)(void *)c->at + (size_t)slot * d;
    for (uint32_t i = 0; i < d; i++) {
        uint32_t bits = pal_f32_bits(x[i]), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
        uint32_t half = (rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13; /* to the nearest, ties to even */
        half = rest >= 0x477ff000 ? 0x7bff : rest < 0x38000000 ? 0 : rest < 0x38800000 ? 0x400 : half;
        to[i] = (uint16_t)(sign | half);
    }
}
static inline f4 f16_four(const uint8_t *row, uint32_t i) { return f4_from_tame16(row + 2 * i) * f4_kept(0x1p112f); }
PAL_APART void f16_rows(uint32_t bytes, const uint8_t *row, const uint8_t *last, uint32_t n, uint32_t from,
                        uint32_t wide, float *out) {
    load_rows(f16_four, bytes, row, last, n, from, wide, out);
}
static void f16_row(const pal_cache_rows *c, uint32_t slot, float *x) {
    const uint32_t d = pal_cache_d16(c->d);
    const uint8_t *at = c->at + (size_t)slot * d * 2;
    f16_rows(d * 2, at, at, 1, 0, d, x);
}
static void f16_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                     float *s, uint32_t stride) {
    dots_by(f16_rows, 2, c, j0, n, rest, q, s, stride);
}
static void f16_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                    uint32_t o_stride) {
    mix_by(f16_rows, 2, c, from, wide, w, o, o_stride);
}

static const pal_cache_format f32 = {"f32", 4,           f32_bytes, f32_store, f32_store, f32_row,
                                     NULL,  float_query, f32_dots,  NULL,      f32_mix};
static const pal_cache_format f16 = {"f16", 4,           f16_bytes, f16_store, f16_store, f16_row,
                                     NULL,  float_query, f16_dots,  NULL,      f16_mix};
static const pal_cache_format *const formats[] = {&f32, &f16, &pal_cache_q8};

const pal_cache_format *pal_cache_row(uint32_t i) { return i < sizeof formats / sizeof *formats ? formats[i] : NULL; }
