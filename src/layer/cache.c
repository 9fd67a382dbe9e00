/* Order of operations (design I4), whatever the tiles:
     f32, f16   q . k   element i goes to lane i mod 4 by madd, in the order of i; then f4_sum
                p v     madd, slot by slot
     q8         q . k   (float)(exact sum) * (scale of q * scale of k / 16)
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
                          uint32_t from, uint32_t wide, const pal_cache_turn *turn, const uint32_t *rank, float *out) {
    uint32_t half = turn ? turn->n_rot / 2 : 0, turned = half % 8 ? 0 : half;
    for (uint32_t j = 0; j < n; j++, row += bytes, out += wide) {
        const float *cs = turn ? turn->cs + (size_t)rank[j] * turn->n_rot : NULL;
        bring(row, bytes, last);
        PAL_ROLLED
        for (uint32_t at = 0; at < turned; at += 8) { /* pal_rope on the way */
            PAL_UNROLL
            for (uint32_t k = 0; k < 8; k += 4) {
                const uint32_t i = at + k;
                f4 a = four(row, i), b = four(row, half + i), c = f4_load(cs + i), s = f4_load(cs + half + i);
                f4_store(out + i, a * c - b * s);
                f4_store(out + half + i, a * s + b * c);
            }
        }
        PAL_ROLLED
        for (uint32_t at = 2 * turned; at < wide; at += 16) {
            PAL_UNROLL
            for (uint32_t k = 0; k < 16; k += 4) f4_store(out + at + k, four(row, from + at + k));
        }
        if (turned != half) pal_rope(out, cs, turn->n_rot);
    }
}

/* Four rows' partial sums -> one vector whose lane r is f4_sum of row r. */
static inline f4 sums4(const f4 *r) {
    f4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5) + __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    f4 b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5) + __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* Tiles of `heads` (a constant, at most 3) by four rows, or by four vectors: 12 sums live in registers. */
PAL_INLINE void dots(const float *q, uint32_t q_stride, uint32_t heads, const float *rows, uint32_t n, uint32_t d,
                     float *s, uint32_t stride) {
    for (uint32_t j = 0; j < n; j += 4, rows += 4 * d) {
        f4 sum[3][4] = {{{0}}};
        PAL_ROLLED
        for (uint32_t i = 0; i < d; i += 4) {
            PAL_UNROLL
            for (uint32_t r = 0; r < 4; r++) {
                f4 k = f4_load(rows + r * d + i);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) sum[h][r] = f4_madd(f4_load(q + h * q_stride + i), k, sum[h][r]);
            }
        }
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) f4_store(s + h * stride + j, sums4(sum[h]));
    }
}
static void float_dots(const float *rows, uint32_t n, uint32_t d, const float *q, uint32_t heads, float *s,
                       uint32_t stride) {
    const uint32_t step = d + 4;
    for (; heads > 4 || heads == 3; heads -= 3, q += 3 * step, s += 3 * stride) dots(q, step, 3, rows, n, d, s, stride);
    for (; heads > 1; heads -= 2, q += 2 * step, s += 2 * stride) dots(q, step, 2, rows, n, d, s, stride);
    if (heads) dots(q, step, 1, rows, n, d, s, stride);
}

PAL_INLINE void mix(const float *p, uint32_t stride, uint32_t heads, const float *rows, uint32_t n, uint32_t wide,
                    float *o, uint32_t o_stride) {
    for (uint32_t i = 0; i < wide; i += 16) {
        const float *row = rows + i;
        f4 sum[3][4];
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) PAL_UNROLL
        for (uint32_t w = 0; w < 4; w++) sum[h][w] = f4_load(o + h * o_stride + i + 4 * w);
        PAL_ROLLED
        for (uint32_t j = 0; j < n; j++, row += wide) {
            f4 weight[3];
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
    for (; heads > 4 || heads == 3; heads -= 3, p += 3 * stride, o += 3 * o_stride)
        mix(p, stride, 3, rows, n, wide, o, o_stride);
    for (; heads > 1; heads -= 2, p += 2 * stride, o += 2 * o_stride) mix(p, stride, 2, rows, n, wide, o, o_stride);
    if (heads) mix(p, stride, 1, rows, n, wide, o, o_stride);
}

/* Rows as floats: load_rows of a format. */
typedef void loader(uint32_t bytes, const uint8_t *row, const uint8_t *last, uint32_t n, uint32_t from, uint32_t wide,
                    const pal_cache_turn *turn, const uint32_t *rank, float *out);

enum { ROOM = 4096 }; /* floats of a block */

static void dots_by(loader *load, uint32_t size, const pal_cache_rows *c, uint32_t j0, uint32_t n,
                    const pal_cache_turn *turn, const float *q, uint32_t heads, float *s, uint32_t stride) {
    const uint32_t d = pal_cache_d16(c->d), most = (ROOM / d) & ~3u;
    float rows[ROOM];
    for (uint32_t j = 0, m; j < n; j += m) {
        m = n - j < most ? n - j : most;
        load(d * size, c->at + (size_t)(j0 + j) * d * size, c->at + (size_t)(c->cap - 1) * d * size, m, 0, d, turn,
             turn ? turn->rank + j0 + j : NULL, rows);
        float_dots(rows, m, d, q, heads, s + j, stride);
    }
}
static void mix_by(loader *load, uint32_t size, const pal_cache_rows *c, uint32_t from, uint32_t wide,
                   const pal_cache_weights *w, float *o, uint32_t o_stride) {
    const uint32_t bytes = pal_cache_d16(c->d) * size, n = w->seen + w->tokens - 1, most = ROOM / PAL_CACHE_COLUMNS;
    float rows[ROOM];
    for (uint32_t h = 0; h < w->tokens * w->group; h++) pal_zero(o + (size_t)h * o_stride, wide * sizeof *o);
    for (uint32_t j = 0, m; j < n; j += m) {
        m = n - j < most ? n - j : most;
        load(bytes, c->at + (size_t)j * bytes, c->at + (size_t)(c->cap - 1) * bytes, m, from, wide, NULL, NULL, rows);
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
static void float_query(const float *x, uint32_t d, float *out) { pal_copy(out, x, pal_cache_d16(d) * sizeof *x); }

static uint64_t f32_bytes(uint32_t cap, uint32_t d) { return (uint64_t)cap * pal_cache_d16(d) * 4; }
static void f32_store(const pal_cache_rows *c, uint32_t slot, const float *x) {
    uint32_t d = pal_cache_d16(c->d);
    pal_copy(c->at + (size_t)slot * d * 4, x, d * sizeof *x);
}
static inline f4 f32_four(const uint8_t *row, uint32_t i) { return f4_load((const float *)(const void *)row + i); }
PAL_APART void f32_rows(uint32_t bytes, const uint8_t *row, const uint8_t *last, uint32_t n, uint32_t from,
                        uint32_t wide, const pal_cache_turn *turn, const uint32_t *rank, float *out) {
    load_rows(f32_four, bytes, row, last, n, from, wide, turn, rank, out);
}
static void f32_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const pal_cache_turn *turn, const float *q,
                     uint32_t heads, float *s, uint32_t stride) {
    dots_by(f32_rows, 4, c, j0, n, turn, q, heads, s, stride);
}
static void f32_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                    uint32_t o_stride) {
    mix_by(f32_rows, 4, c, from, wide, w, o, o_stride);
}

/* Halves without subnormals, infinity and NaN: a number below 2^-14 is stored as the nearer of 0 and 2^-14, one above
   65504 as 65504. Read back they are a mask, a shift and a product by a power of two that meets no subnormal. */
static uint64_t f16_bytes(uint32_t cap, uint32_t d) { return (uint64_t)cap * pal_cache_d16(d) * 2; }
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
                        uint32_t wide, const pal_cache_turn *turn, const uint32_t *rank, float *out) {
    load_rows(f16_four, bytes, row, last, n, from, wide, turn, rank, out);
}
static void f16_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const pal_cache_turn *turn, const float *q,
                     uint32_t heads, float *s, uint32_t stride) {
    dots_by(f16_rows, 2, c, j0, n, turn, q, heads, s, stride);
}
static void f16_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                    uint32_t o_stride) {
    mix_by(f16_rows, 2, c, from, wide, w, o, o_stride);
}

enum { MAGIC = 0x4b400000 }; /* 1.5 * 2^23: the addition rounds to an integer, found in the low bits */

/* ---- q8: d16 bytes round(x / scale) per slot, then the scales of all slots, scale = max|x| / 127. Four values are woven,
   as their products want them: column i of the slots 4 j .. 4 j + 3 are the bytes from 4 d16 j + 4 i on. ---- */

static uint64_t q8_bytes(uint32_t cap, uint32_t d) {
    return (uint64_t)((cap + 3) & ~3u) * pal_cache_d16(d) + pal_align(cap * 4ull);
}
static float *q8_scales(const pal_cache_rows *c) {
    return (float *)(void *)(c->at + (size_t)((c->cap + 3) & ~3u) * pal_cache_d16(c->d));
}

/* The scale max|x| / most of d16 numbers, and its inverse, 0 where the codes are. The bits of |x| order like the values
   and put NaN above inf. */
static float q8_scale(const float *x, uint32_t d16, float most, float *inverse) {
    i4 top = {0};
    for (uint32_t i = 0; i < d16; i += 4) {
        i4 v = (i4)f4_abs(f4_load(x + i)), more = v > top;
        top = (more & v) | (~more & top);
    }
    for (uint32_t i = 1; i < 4; i++) top[0] = top[i] > top[0] ? top[i] : top[0];
    float max = pal_bits_f32((uint32_t)top[0]);
    *inverse = max >= 0x1p-100f ? most / max : 0;
    return max / most;
}
/* round(x * inverse), ties to even; NaN becomes 0. */
static inline i4 codes_of(const float *x, float inverse) {
    f4 v = f4_load(x) * f4_set(inverse);
    return (i4)((f4)((i4)v & (v == v)) + (f4)i4_set(MAGIC)) - i4_set(MAGIC);
}

/* Scale and codes of x. */
static void q8_codes(const pal_cache_rows *c, uint32_t slot, const float *x, uint8_t *to) {
    uint32_t d = pal_cache_d16(c->d);
    float inverse;
    q8_scales(c)[slot] = q8_scale(x, d, 127, &inverse);
    for (uint32_t i = 0; i < d; i += 16) {
        i4 codes[4];
        for (uint32_t k = 0; k < 4; k++) codes[k] = codes_of(x + i + 4 * k, inverse);
        b16_store(to + i, b16_from(codes));
    }
}
static void q8_key(const pal_cache_rows *c, uint32_t slot, const float *x) {
    q8_codes(c, slot, x, c->at + (size_t)slot * pal_cache_d16(c->d));
}
static void q8_value(const pal_cache_rows *c, uint32_t slot, const float *x) {
    uint8_t codes[PAL_CACHE_WIDEST], *to = c->at + (size_t)(slot & ~3u) * pal_cache_d16(c->d) + slot % 4;
    q8_codes(c, slot, x, codes);
    for (uint32_t i = 0; i < pal_cache_d16(c->d); i++, to += 4) *to = codes[i];
}

/* Keys are read as int16: 16 times the code, rotated or not; at most 127 * 16 * sqrt(2) * the table's magnitude (below 2).
   Queries are int16 as large as keeps the sum of d products within int32. out: scale, then the codes from out + 4 on. */
enum { KEY_MOST = 5748 };
static void q8_query(const float *x, uint32_t d, float *out) {
    const uint32_t room = INT32_MAX / (KEY_MOST * pal_cache_d16(d)), most = room < 32767 ? room : 32767;
    int16_t *to = (int16_t *)(void *)(out + 4);
    float inverse;
    out[0] = q8_scale(x, pal_cache_d16(d), (float)most, &inverse);
    for (uint32_t i = 0; i < pal_cache_d16(d); i += 4) {
        i4 codes = codes_of(x + i, inverse);
        for (uint32_t k = 0; k < 4; k++) to[i + k] = (int16_t)codes[k];
    }
}

typedef int8_t byte8 __attribute__((vector_size(8), aligned(1), may_alias));
typedef h8 h8_anywhere __attribute__((aligned(2), may_alias));
static inline h8 h8_load(const int16_t *p) { return *(const h8_anywhere *)p; }

static void load_keys(const pal_cache_rows *c, uint32_t j0, uint32_t n, const pal_cache_turn *turn, int16_t *out) {
    const uint32_t d = pal_cache_d16(c->d), half = turn ? turn->n_rot / 2 : 0, turned = half & ~15u;
    const int8_t *row = (const int8_t *)c->at + (size_t)j0 * d;
    for (uint32_t j = 0; j < n; j++, row += d, out += d) {
        const int16_t *cs = turn ? turn->cs16 + (size_t)turn->rank[j0 + j] * turn->n_rot : NULL;
        for (uint32_t i = half / 4 * 8; i < d; i += 8)
            *(h8_anywhere *)(out + i) = __builtin_convertvector(*(const byte8 *)(row + i), h8) << 4;
        PAL_ROLLED
        for (uint32_t at = 0; at < turned; at += 16) {
            PAL_UNROLL
            for (uint32_t k = 0; k < 16; k += 8) {
                const uint32_t i = at + k;
                h8 a = __builtin_convertvector(*(const byte8 *)(row + i), h8) << 5;
                h8 b = __builtin_convertvector(*(const byte8 *)(row + half + i), h8) << 5;
                h8 cos = h8_load(cs + i), sin = h8_load(cs + half + i);
                *(h8_anywhere *)(out + i) = h8_mulr(a, cos) - h8_mulr(b, sin);
                *(h8_anywhere *)(out + half + i) = h8_mulr(a, sin) + h8_mulr(b, cos);
            }
        }
        for (uint32_t i = turned; i < half; i++) {
            int16_t a = (int16_t)(row[i] * 32), b = (int16_t)(row[half + i] * 32);
            out[i] = (int16_t)(h1_mulr(a, cs[i]) - h1_mulr(b, cs[half + i]));
            out[half + i] = (int16_t)(h1_mulr(a, cs[half + i]) + h1_mulr(b, cs[i]));
        }
    }
}

/* Unsigned, for rows behind the last of a tile are anything and may overflow. */
static inline i4 isums4(const u4 *r) {
    u4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5) + __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    u4 b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5) + __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    return (i4)(__builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7));
}
PAL_INLINE void idots(const float *q, uint32_t heads, const int16_t *rows, const float *scale, uint32_t n, uint32_t d,
                      float *s, uint32_t stride) {
    for (uint32_t j = 0; j < n; j += 4, rows += 4 * d) {
        u4 sum[3][4] = {{{0}}};
        PAL_ROLLED
        for (uint32_t i = 0; i < d; i += 8) {
            h8 x[3];
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++)
                x[h] = h8_load((const int16_t *)(const void *)(q + h * (d + 4) + 4) + i);
            PAL_UNROLL
            for (uint32_t r = 0; r < 4; r++) {
                h8 k = h8_load(rows + r * d + i);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) sum[h][r] += (u4)i4_dot(x[h], k);
            }
        }
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++)
            f4_store(s + h * stride + j, f4_from(isums4(sum[h])) * (f4_load(scale + j) * f4_set(q[h * (d + 4)])));
    }
}
static void q8_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const pal_cache_turn *turn, const float *q,
                    uint32_t heads, float *s, uint32_t stride) {
    const uint32_t d = pal_cache_d16(c->d),
                   most = 2 * ROOM / d < PAL_CACHE_BLOCK ? 2 * ROOM / d & ~3u : PAL_CACHE_BLOCK;
    int16_t rows[2 * ROOM];
    for (uint32_t j = 0, m; j < n; j += m) {
        const float *x = q;
        float scale[PAL_CACHE_BLOCK], *to = s + j;
        m = n - j < most ? n - j : most;
        load_keys(c, j0 + j, m, turn, rows);
        for (uint32_t i = 0; i < m; i++) scale[i] = q8_scales(c)[j0 + j + i] * 0x1p-4f;
        uint32_t left = heads;
        for (; left > 4 || left == 3; left -= 3, x += 3 * (d + 4), to += 3 * stride)
            idots(x, 3, rows, scale, m, d, to, stride);
        for (; left > 1; left -= 2, x += 2 * (d + 4), to += 2 * stride) idots(x, 2, rows, scale, m, d, to, stride);
        if (left) idots(x, 1, rows, scale, m, d, to, stride);
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
            i4 more = (i4)w[i] > most;
            most = (more & (i4)w[i]) | (~more & most);
        }
        int32_t top = most[0];
        for (uint32_t i = 1; i < 4; i++) top = most[i] > top ? most[i] : top;
        float max = pal_bits_f32((uint32_t)top);
        f4 inverse = f4_set(max >= 0x1p-100f && top < 0x7f800000 ? 127 / max : 0);
        *scale++ = max >= 0x1p-100f || top > 0x7f800000 ? max / 127 : 0;
        for (uint32_t i = 0; i < PAL_CACHE_BLOCK / 4; i += 4) {
            i4 code[4];
            PAL_UNROLL
            for (uint32_t k = 0; k < 4; k++) {
                f4 v = top < 0x7f800000 ? w[i + k] * inverse : f4_set(0);
                code[k] = (i4)(v + (f4)i4_set(MAGIC)) - i4_set(MAGIC);
            }
            b16_store(to + 4 * i, b16_from(code));
        }
    }
}

/* 16 columns of some fours of slots, for `heads` (a constant, at most 3); step: bytes from head to head. */
PAL_INLINE void imix(const uint8_t *v, uint32_t stride, uint32_t fours, uint32_t heads, const uint8_t *codes,
                     const uint8_t *scales, uint32_t step, float *o, uint32_t o_stride) {
    i4 sum[3][4] = {{{0}}};
    PAL_ROLLED
    for (uint32_t j = 0; j < fours; j++, v += stride) {
        b16 w[3];
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
/* So many slots are brought near in the order in which they lie in memory, for the products go up and down. */
enum { NEAR = 128 };
static void q8_mix(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                   uint32_t o_stride) {
    const uint32_t stride = 4 * pal_cache_d16(c->d), n = w->seen + w->tokens - 1;
    const uint32_t step = pal_cache_codes_bytes(w->stride);
    for (uint32_t h = 0; h < w->tokens * w->group; h++) pal_zero(o + (size_t)h * o_stride, wide * sizeof *o);
    for (uint32_t j = 0; j < n; j += PAL_CACHE_BLOCK) {
        const uint32_t left = (n - j + 3) / 4, fours = left < PAL_CACHE_BLOCK / 4 ? left : PAL_CACHE_BLOCK / 4;
        const uint32_t blind =
            j < w->seen ? 0 : (j - w->seen + 1) * w->group; /* heads of tokens that see no slot of it */
        for (uint32_t i = j / 4; j % NEAR == 0 && i < (j + NEAR) / 4 && i < (n + 3) / 4; i++)
            for (uint32_t b = 4 * from; b < 4 * (from + wide); b += 64) pal_touch(c->at + (size_t)i * stride + b);
        for (uint32_t i = 0; i < wide; i += 16) {
            const uint8_t *v = c->at + (size_t)j / 4 * stride + 4 * (from + i);
            const uint8_t *codes = (const uint8_t *)w->codes + (size_t)blind * step + j;
            const uint8_t *scales = codes + w->stride - j + j / PAL_CACHE_BLOCK * sizeof(float);
            float *to = o + (size_t)blind * o_stride + i;
            uint32_t heads = w->tokens * w->group - blind;
            for (; heads > 4 || heads == 3; heads -= 3, codes += 3 * step, scales += 3 * step, to += 3 * o_stride)
                imix(v, stride, fours, 3, codes, scales, step, to, o_stride);
            for (; heads > 1; heads -= 2, codes += 2 * step, scales += 2 * step, to += 2 * o_stride)
                imix(v, stride, fours, 2, codes, scales, step, to, o_stride);
            if (heads) imix(v, stride, fours, 1, codes, scales, step, to, o_stride);
        }
    }
}

static const pal_cache_format formats[] = {
    {"f32", f32_bytes, f32_store, f32_store, float_query, f32_dots, NULL, f32_mix},
    {"f16", f16_bytes, f16_store, f16_store, float_query, f16_dots, NULL, f16_mix},
    {"q8", q8_bytes, q8_key, q8_value, q8_query, q8_dots, q8_weights, q8_mix},
};

const pal_cache_format *pal_cache_row(uint32_t i) { return i < sizeof formats / sizeof *formats ? &formats[i] : NULL; }
