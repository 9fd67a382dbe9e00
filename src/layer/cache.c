/* Order of operations (design I4), whatever the tiles:
     f32, f16   q . k   element i goes to lane i mod 4 by madd, in the order of i; then f4_sum
                p v     madd, slot by slot
     q8         q . k   (float)(exact sum) * (scale of k * scale of q)
                p v     per block of 32 slots: madd of (float)(exact sum) and the scale of the block, block by block */
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

/* The vectors of a token's queries in turn 0, and the bytes from turn to turn. */
static inline uint8_t *queries_at(const pal_cache_queries *q, uint32_t token) {
    return q->at + token * pal_cache_token_bytes(q) + 16 * q->group;
}
static inline uint32_t turn_bytes(const pal_cache_queries *q) { return 16 * q->vectors * q->group; }
static inline float *query_scale(const pal_cache_queries *q, uint32_t token, uint32_t head) {
    return (float *)(void *)(q->at + token * pal_cache_token_bytes(q) + 16 * head);
}

/* Four rows, each with the queries of `heads` heads (a constant, at most 3) in its own turn. */
PAL_INLINE void dots(const pal_cache_queries *q, const uint8_t *first, const uint8_t *rest, uint32_t heads,
                     const float *rows, uint32_t n, uint32_t d, float *s, uint32_t stride) {
    for (uint32_t j = 0; j < n; j += 4) {
        f4 sum[3][4];
        PAL_ROLLED
        for (uint32_t r = 0; r < 4; r++, rows += d) {
            const uint8_t *x = first + rest[j + r] * turn_bytes(q);
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
        const uint8_t *x = queries_at(q, t);
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
    uint8_t *out = queries_at(q, token) + 16 * head;
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

/* round(v), ties to even, in the low 16 bits of each lane: there the addition of 1.5 * 2^23 leaves it. */
static inline i4 rounded(f4 v) { return (i4)(v + f4_set(0x1.8p23f)); }

/* ---- q8: d16 bytes round(x / scale) per slot, then the scales of all slots, scale = max|x| / 127, then of keys the sums
   of their bytes, then of those that turn what the bytes left, as bytes of scale / 256. Values are woven as their products
   read them: by slices of 16 columns, four slots; the four bytes of a column follow each other. Two slices are read side
   by side, each from one end to the other (one alone the processor does not bring near fast enough). ---- */

static uint64_t q8_codes_bytes(uint32_t cap, uint32_t d) { return (uint64_t)((cap + 3) & ~3u) * pal_cache_d16(d); }
static uint64_t q8_bytes(uint32_t cap, uint32_t d, pal_cache_use use) {
    return q8_codes_bytes(cap, d) * (use == PAL_CACHE_TURNING_KEYS ? 2 : 1) +
           pal_align(cap * 4ull) * (use == PAL_CACHE_VALUES ? 1 : 2);
}
static float *q8_scales(const pal_cache_rows *c) {
    return (float *)(void *)(c->at + (size_t)q8_codes_bytes(c->cap, c->d));
}
static int32_t *q8_sums(const pal_cache_rows *c) {
    return (int32_t *)(void *)q8_scales(c) + pal_align(c->cap * 4ull) / 4;
}
static int8_t *q8_left(const pal_cache_rows *c, uint32_t slot) {
    return (int8_t *)q8_sums(c) + (size_t)pal_align(c->cap * 4ull) + (size_t)slot * pal_cache_d16(c->d);
}

/* The scale max|x| / most of d16 numbers, and its inverse, 0 where the codes are. The bits of |x| order like the values
   and put NaN above inf. */
static float q8_scale(const float *x, uint32_t d16, float most, float *inverse) {
    i4 top = {0};
    for (uint32_t i = 0; i < d16; i += 16) PAL_UNROLL
    for (uint32_t k = 0; k < 16; k += 4) top = i4_max((i4)f4_abs(f4_load(x + i + k)), top);
    float max = pal_bits_f32((uint32_t)i4_top(top)[0]);
    *inverse = max >= 0x1p-100f ? most / max : 0;
    return max / most;
}
/* The low halves of eight integers. */
static inline h8 h8_of(i4 low, i4 high) {
    return __builtin_shufflevector((h8)low, (h8)high, 0, 2, 4, 6, 8, 10, 12, 14);
}

/* Scale and codes of x, and unless NULL what they leave; returns the sum of the codes. */
static int32_t q8_codes(const pal_cache_rows *c, uint32_t slot, const float *x, uint8_t *to, int8_t *left) {
    uint32_t d = pal_cache_d16(c->d);
    i4 sum = {0};
    float inverse;
    q8_scales(c)[slot] = q8_scale(x, d, 127, &inverse);
    if (inverse == 0) { /* too small, or not finite, which the scale tells */
        pal_zero(to, d);
        if (left) pal_zero(left, d);
        return 0;
    }
    const f4 by = f4_set(256 * inverse);
    for (uint32_t i = 0; i < d; i += 16) { /* 256 code + what is left, -128..127 */
        i4 v[4];
        PAL_UNROLL
        for (uint32_t k = 0; k < 4; k++) v[k] = rounded(f4_load(x + i + 4 * k) * by);
        const h8 low = h8_of(v[0], v[1]), high = h8_of(v[2], v[3]);
        const b16 a = (b16)(low + 128), b = (b16)(high + 128);
        const b16 code = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        b16_store(to + i, code);
        sum = i4_dot_b16_u7(code, (b16)u4_kept(0x1010101), sum);
        if (left) b16_store(left + i, b16_from_h8(low, high));
    }
    return i4_sum(sum);
}
static void q8_key(const pal_cache_rows *c, uint32_t slot, const float *x) {
    q8_sums(c)[slot] = q8_codes(c, slot, x, c->at + (size_t)slot * pal_cache_d16(c->d),
                                c->use == PAL_CACHE_TURNING_KEYS ? q8_left(c, slot) : NULL);
}
/* Where four slots from `slot` on have 16 columns from `column` on. */
static uint8_t *q8_woven(const pal_cache_rows *c, uint32_t slot, uint32_t column) {
    return c->at + (size_t)column * ((c->cap + 3) & ~3u) + (size_t)slot * 16;
}
static void q8_value(const pal_cache_rows *c, uint32_t slot, const float *x) {
    uint8_t codes[PAL_CACHE_WIDEST];
    q8_codes(c, slot, x, codes, NULL);
    for (uint32_t i = 0; i < pal_cache_d16(c->d); i += 16) {
        uint8_t *to = q8_woven(c, slot & ~3u, i) + slot % 4;
        for (uint32_t k = 0; k < 16; k++) to[4 * k] = codes[i + k];
    }
}

typedef int8_t byte8 __attribute__((vector_size(8), aligned(1), may_alias));
static inline h8 h8_of_bytes(const int8_t *p) { return __builtin_convertvector(*(const byte8 *)p, h8); }

static void q8_row(const pal_cache_rows *c, uint32_t slot, float *x) {
    const uint32_t d = pal_cache_d16(c->d);
    const int8_t *code = (const int8_t *)c->at + (size_t)slot * d, *left = q8_left(c, slot);
    const f4 scale = f4_set(q8_scales(c)[slot] / 256);
    for (uint32_t i = 0; i < d; i += 8) {
        h8 v = (h8_of_bytes(code + i) << 8) + h8_of_bytes(left + i);
        f4_store(x + i, f4_from(__builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3), i4)) * scale);
        f4_store(x + i + 4, f4_from(__builtin_convertvector(__builtin_shufflevector(v, v, 4, 5, 6, 7), i4)) * scale);
    }
}

typedef h8 h8_anywhere __attribute__((aligned(2), may_alias));
static inline h8 h8_load(const int16_t *p) { return *(const h8_anywhere *)p; }
static inline void h8_store(int16_t *p, h8 v) { *(h8_anywhere *)p = v; }

/* Queries are integers of 14 bits, eight to a vector. Where sums of four products of bytes are one instruction they are
   bytes: of sixteen, 2^13 added, the high and the low 7 bits, in two vectors that follow each other. */
enum { QUERIES_OF_BYTES = PAL_FAST_DOT && !PAL_NARROW_DOT, HEAD_BYTES = QUERIES_OF_BYTES ? 32 : 16 };

/* They are rotated as int16, by halves of cosines: what a table whose magnitude is below 2 makes of them fits. All turns
   have one scale. */
static void q8_query(const float *x, const pal_cache_turns *t, const pal_cache_queries *q, uint32_t token,
                     uint32_t head) {
    const uint32_t d = q->vectors * 8, half = t->n_rot / 2, turned = half & ~7u;
    uint8_t *out = queries_at(q, token) + HEAD_BYTES * head;
    float inverse, scale = q8_scale(x, d, 0x1.6p12f, &inverse);
    int16_t code[PAL_CACHE_WIDEST], y[PAL_CACHE_WIDEST];
    *query_scale(q, token, head) = 2 * scale * t->scale;
    for (uint32_t i = 0; i < d; i += 8) { /* rounded; of what is not a number the scale tells */
        const h8 both = h8_of(rounded(f4_load(x + i) * f4_set(inverse)), rounded(f4_load(x + i + 4) * f4_set(inverse)));
        h8_store(code + i, both);
        h8_store(y + i, h8_mulr(both, (h8)i4_set(0x40004000)));
    }
    for (uint32_t turn = 0; turn < t->n; turn++) {
        const int16_t *cos = half ? t->cs16 - turn * t->n_rot : code, *sin = cos + half;
        PAL_ROLLED
        for (uint32_t i = 0; i < turned; i += 8) {
            const h8 a = h8_load(code + i), b = h8_load(code + half + i), c = h8_load(cos + i), s = h8_load(sin + i);
            h8_store(y + i, h8_mulr(a, c) - h8_mulr(b, s));
            h8_store(y + half + i, h8_mulr(a, s) + h8_mulr(b, c));
        }
        for (uint32_t i = turned; i < half; i++) {
            const int16_t a = code[i], b = code[half + i];
            y[i] = (int16_t)(h1_mulr(a, cos[i]) - h1_mulr(b, sin[i]));
            y[half + i] = (int16_t)(h1_mulr(a, sin[i]) + h1_mulr(b, cos[i]));
        }
        for (uint32_t i = 0; i < d; i += 16, out += 32 * q->group) {
            h8 a = h8_load(y + i), b = h8_load(y + i + 8);
            if (QUERIES_OF_BYTES) {
                const h8 low = (h8)u4_kept(0x7f007f), middle = (h8)u4_kept(0x20002000);
                a += middle, b += middle;
                const b16 high = b16_narrow(a >> 7, b >> 7);
                b = (h8)b16_narrow(a & low, b & low), a = (h8)high;
            }
            b16_store(out, (b16)a), b16_store(out + (QUERIES_OF_BYTES ? 16 : 16 * q->group), (b16)b);
        }
    }
}

static void q8_bring(const pal_cache_rows *c, uint32_t slot) {
    const int8_t *row = q8_left(c, slot);
    for (uint32_t i = 0; i < pal_cache_d16(c->d); i += 64) pal_touch(row + i);
    pal_touch(row + pal_cache_d16(c->d) - 1);
}

/* Unsigned, for what lies behind the last row of a tile may be anything. */
static inline u4 isums4(const u4 *r) {
    u4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5) + __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    u4 b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5) + __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}
PAL_INLINE void idots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                      uint32_t token, uint32_t head, uint32_t heads, float *s, uint32_t stride) {
    const uint32_t d = pal_cache_d16(c->d), step = QUERIES_OF_BYTES ? 16 : 8;
    const uint8_t *first = queries_at(q, token) + HEAD_BYTES * head;
    const int8_t *row = (const int8_t *)c->at + (size_t)j0 * d;
    const float *scale = q8_scales(c) + j0;
    const int32_t *codes = q8_sums(c) + j0;
    for (uint32_t j = 0; j < n; j += 4) {
        u4 sum[3][4];
        PAL_UNROLL
        for (uint32_t r = 0; r < 4; r++) {
            const uint8_t *x = first + rest[j + r] * turn_bytes(q);
            i4 high[3] = {{0}}, low[3] = {{0}};
            PAL_ROLLED
            for (const int8_t *end = row + d; row < end; row += step, x += 2 * step * q->group) {
                const b16 key = QUERIES_OF_BYTES ? b16_load(row) : (b16)h8_of_bytes(row);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) {
                    const uint8_t *of = x + HEAD_BYTES * h;
                    if (QUERIES_OF_BYTES) {
                        high[h] = i4_dot_b16_u7(key, b16_load(of), high[h]);
                        low[h] = i4_dot_b16_u7(key, b16_load(of + 16), low[h]);
                    } else {
                        low[h] += i4_dot((h8)b16_load(of), (h8)key);
                    }
                }
            }
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) sum[h][r] = ((u4)high[h] << 7) + (u4)low[h];
        }
        const u4 added = QUERIES_OF_BYTES ? (u4)i4_load(codes + j) << 13 : u4_kept(0);
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) {
            const f4 by = f4_set(*query_scale(q, token, head + h));
            f4_store(s + h * stride + j, f4_from((i4)(isums4(sum[h]) - added)) * (f4_load(scale + j) * by));
        }
    }
}
static void q8_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                    float *s, uint32_t stride) {
    for (uint32_t t = 0; t < q->tokens; t++) {
        uint32_t h = 0;
        for (; q->group - h > 4 || q->group - h == 3; h += 3, s += 3 * stride)
            idots(c, j0, n, rest, q, t, h, 3, s, stride);
        for (; q->group - h > 1; h += 2, s += 2 * stride) idots(c, j0, n, rest, q, t, h, 2, s, stride);
        if (h < q->group) idots(c, j0, n, rest, q, t, h, 1, s, stride), s += stride;
    }
}

/* codes: per block of 32 slots round(p * scale of the value / scale of the block) in 0..127; then the scales of the blocks.
   A block that is not finite, which the bits tell (they order like the values), gets codes 0 and that scale. */
static void q8_weights(const pal_cache_rows *c, const float *p, uint32_t n, uint32_t stride, void *codes) {
    uint8_t *to = codes;
    float *scale = (float *)(void *)(to + stride), last[PAL_CACHE_BLOCK] = {0};
    for (uint32_t j = 0; j < n; j += PAL_CACHE_BLOCK, to += PAL_CACHE_BLOCK) {
        const float *from = q8_scales(c) + j;
        f4 w[PAL_CACHE_BLOCK / 4];
        i4 most = {0};
        if (n - j < PAL_CACHE_BLOCK) {
            pal_copy(last, from, (n - j) * sizeof *last);
            from = last;
        }
        PAL_UNROLL
        for (uint32_t i = 0; i < PAL_CACHE_BLOCK / 4; i++) {
            w[i] = f4_load(from + 4 * i) * f4_load(p + j + 4 * i);
            most = i4_max((i4)w[i], most);
        }
        const float max = pal_bits_f32((uint32_t)i4_top(most)[0]);
        if (!(max >= 0x1p-100f && max < __builtin_inff())) {
            *scale++ = max < 1 ? 0 : max;
            pal_zero(to, PAL_CACHE_BLOCK);
            continue;
        }
        *scale++ = max / 127;
        const f4 inverse = f4_set(127 / max);
        PAL_UNROLL
        for (uint32_t i = 0; i < PAL_CACHE_BLOCK / 4; i += 4) {
            i4 code[4];
            PAL_UNROLL
            for (uint32_t k = 0; k < 4; k++) code[k] = rounded(w[i + k] * inverse);
            b16_store(to + 4 * i, b16_from(code));
        }
    }
}

/* 16 columns of some fours of slots, for `heads` (a constant, at most 2); step: bytes from head to head. */
PAL_INLINE void imix(const uint8_t *v, uint32_t fours, uint32_t heads, const uint8_t *codes, const uint8_t *scales,
                     uint32_t step, float *o, uint32_t o_stride) {
    i4 sum[2][4] = {{{0}}};
    PAL_ROLLED
    for (uint32_t j = 0; j < fours; j++, v += 64) {
        b16 w[2];
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) w[h] = b16_four(codes + h * step + 4 * j);
        PAL_UNROLL
        for (uint32_t k = 0; k < 4; k++) {
            b16 four = b16_load(v + 16 * k);
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) sum[h][k] = i4_dot_b16_u7(four, w[h], sum[h][k]);
        }
    }
    PAL_UNROLL
    for (uint32_t h = 0; h < heads; h++, o += o_stride) {
        const f4 d = f4_set(*(const float *)(const void *)(scales + h * step));
        PAL_UNROLL
        for (uint32_t k = 0; k < 4; k++) f4_store(o + 4 * k, f4_madd(d, f4_from(sum[h][k]), f4_load(o + 4 * k)));
    }
}
static void q8_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                   uint32_t o_stride) {
    const uint32_t n = w->seen + w->tokens - 1;
    const uint32_t step = pal_cache_codes_bytes(w->stride);
    for (uint32_t h = 0; h < w->tokens * w->group; h++) pal_zero(o + (size_t)h * o_stride, wide * sizeof *o);
    for (uint32_t j = 0; j < n; j += PAL_CACHE_BLOCK) {
        const uint32_t left = (n - j + 3) / 4, fours = left < PAL_CACHE_BLOCK / 4 ? left : PAL_CACHE_BLOCK / 4;
        const uint32_t blind =
            j < w->seen ? 0 : (j - w->seen + 1) * w->group; /* heads of tokens that see no slot of it */
        for (uint32_t i = 0; i < wide; i += 16) {
            const uint8_t *v = q8_woven(c, j, from + i);
            const uint8_t *codes = (const uint8_t *)w->codes + (size_t)blind * step + j;
            const uint8_t *scales = codes + w->stride - j + j / PAL_CACHE_BLOCK * sizeof(float);
            float *to = o + (size_t)blind * o_stride + i;
            uint32_t heads = w->tokens * w->group - blind;
            for (; heads > 1; heads -= 2, codes += 2 * step, scales += 2 * step, to += 2 * o_stride)
                imix(v, fours, 2, codes, scales, step, to, o_stride);
            if (heads) imix(v, fours, 1, codes, scales, step, to, o_stride);
        }
    }
}

static const pal_cache_format formats[] = {
    {"f32", 4, f32_bytes, f32_store, f32_store, f32_row, NULL, float_query, f32_dots, NULL, f32_mix},
    {"f16", 4, f16_bytes, f16_store, f16_store, f16_row, NULL, float_query, f16_dots, NULL, f16_mix},
    {"q8", 8, q8_bytes, q8_key, q8_value, q8_row, q8_bring, q8_query, q8_dots, q8_weights, q8_mix},
};

const pal_cache_format *pal_cache_row(uint32_t i) { return i < sizeof formats / sizeof *formats ? &formats[i] : NULL; }
