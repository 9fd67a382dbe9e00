/* The number format q8. Order of operations (design I4), whatever the tiles:
     q . k   (float)(exact sum) * (scale of k * scale of q)
     p v     per block of 32 slots: madd of (float)(exact sum) and the scale of the block, block by block */
#include "cache.h"

#include "../ops.h"

/* round(v), ties to even, in the low 16 bits of each lane: there the addition of 1.5 * 2^23 leaves it. */
static inline i4 rounded(f4 v) { return (i4)(v + f4_set(0x1.8p23f)); }

/* d16 bytes round(x / scale) per slot, then the scales of all slots, scale = max|x| / 127, then of keys the sums of their
   bytes (in every build, for a state is the same in all), then of those that turn what the bytes left, as bytes of
   scale / 256. Values are woven as their products
   read them: by slices of 16 columns, four slots; the four bytes of a column follow each other. Two slices are read side
   by side, each from one end to the other (one alone the processor does not bring near fast enough). */

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

/* Queries are integers of 14 bits; two vectors hold sixteen. Where sums of four products of bytes are one instruction they
   are bytes: of all sixteen, 2^13 added, the high 7 bits, and the low ones. In a turn lie, for each TOGETHER heads that
   meet a key in registers (the last ones are fewer; two for a small module), sixteen numbers of each, then the next sixteen. */
enum { QUERIES_OF_BYTES = PAL_FAST_DOT && !PAL_NARROW_DOT, PAIR = 32, TOGETHER = PAL_FAST_DOT ? 4 : 2 };

/* They are rotated as int16, by halves of cosines: what a table whose magnitude is below 2 makes of them fits. All turns
   have one scale. */
static void q8_query(const float *x, const pal_cache_turns *t, const pal_cache_queries *q, uint32_t token,
                     uint32_t head) {
    const uint32_t d = q->vectors * 8, half = t->n_rot / 2, turned = half & ~7u, nth = head % TOGETHER;
    const uint32_t left = q->group - (head - nth), step = PAIR * (left < TOGETHER ? left : TOGETHER);
    uint8_t *to = pal_cache_queries_at(q, token) + (head - nth) * q->vectors * 16 + PAIR * nth;
    float inverse, scale = q8_scale(x, d, 0x1.6p12f, &inverse);
    int16_t code[PAL_CACHE_WIDEST], y[PAL_CACHE_WIDEST];
    *pal_cache_query_scale(q, token, head) = 2 * scale * t->scale;
    for (uint32_t i = 0; i < d; i += 8) { /* rounded; of what is not a number the scale tells */
        const h8 both = h8_of(rounded(f4_load(x + i) * f4_set(inverse)), rounded(f4_load(x + i + 4) * f4_set(inverse)));
        h8_store(code + i, both);
        h8_store(y + i, h8_mulr(both, (h8)i4_set(0x40004000)));
    }
    for (uint32_t turn = 0; turn < t->n; turn++, to += pal_cache_turn_bytes(q)) {
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
        uint8_t *out = to;
        for (uint32_t i = 0; i < d; i += 16, out += step) {
            h8 a = h8_load(y + i), b = h8_load(y + i + 8);
            if (QUERIES_OF_BYTES) {
                const h8 low = (h8)u4_kept(0x7f007f), middle = (h8)u4_kept(0x20002000);
                a += middle, b += middle;
                const b16 high = b16_narrow(a >> 7, b >> 7);
                b = (h8)b16_narrow(a & low, b & low), a = (h8)high;
            }
            b16_store(out, (b16)a), b16_store(out + 16, (b16)b);
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
/* Four rows at a time: neighbours, or from the four quarters of the n. */
PAL_INLINE void idots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                      uint32_t token, uint32_t head, uint32_t heads, float *s, uint32_t stride) {
    const bool far = QUERIES_OF_BYTES && c->apart; /* other builds are slower than memory */
    const uint32_t d = pal_cache_d16(c->d), quarter = (n + 3) / 4, apart = far ? quarter : 1;
    const uint8_t *first = pal_cache_queries_at(q, token) + head * q->vectors * 16;
    const uint32_t turn_bytes = pal_cache_turn_bytes(q);
    const float *scale = q8_scales(c) + j0;
    const int32_t *sums = q8_sums(c) + j0;
    float by[4];
    PAL_UNROLL
    for (uint32_t h = 0; h < heads; h++) by[h] = *pal_cache_query_scale(q, token, head + h);
    for (uint32_t i = 0, j = 0; i < quarter; i++, j += far ? 1 : 4) {
        const uint8_t *query[4]; /* found before the rows are read, which wait for them */
        PAL_UNROLL_FAST
        for (uint32_t r = 0; r < 4; r++) query[r] = first + rest[j + r * apart] * turn_bytes;
        u4 sum[4][4];
        const int8_t *rows = (const int8_t *)c->at + (size_t)(j0 + j) * d;
        PAL_UNROLL_FAST
        for (uint32_t r = 0; r < 4; r++) {
            const int8_t *row = rows + r * apart * d, *end = row + d;
            const uint8_t *x = query[r];
            i4 high[4] = {{0}}, low[4] = {{0}};
            PAL_ROLLED
            do {
                const b16 key = b16_load(row);
                const h8 a = h8_of_bytes(row), b = h8_of_bytes(row + 8);
                PAL_UNROLL
                for (uint32_t h = 0; h < heads; h++) {
                    const b16 first_of = b16_load(x + PAIR * h), second_of = b16_load(x + PAIR * h + 16);
                    if (QUERIES_OF_BYTES) {
                        high[h] = i4_dot_b16_u7(key, first_of, high[h]);
                        low[h] = i4_dot_b16_u7(key, second_of, low[h]);
                    } else {
                        low[h] += i4_dot((h8)first_of, a);
                        low[h] += i4_dot((h8)second_of, b);
                    }
                }
                row += 16, x += PAIR * heads;
            } while (row < end);
            PAL_UNROLL
            for (uint32_t h = 0; h < heads; h++) sum[h][r] = ((u4)high[h] << 7) + (u4)low[h];
        }
        const f4 of_key = {scale[j], scale[j + apart], scale[j + 2 * apart], scale[j + 3 * apart]};
        const i4 sum_of = {sums[j], sums[j + apart], sums[j + 2 * apart], sums[j + 3 * apart]};
        PAL_UNROLL
        for (uint32_t h = 0; h < heads; h++) {
            const u4 all = isums4(sum[h]), added = (u4)sum_of << 13;
            const f4 dot = f4_from((i4)(QUERIES_OF_BYTES ? all - added : all)) * (of_key * f4_set(by[h]));
            float *to = s + h * stride + j;
            if (far) PAL_UNROLL
            for (uint32_t r = 0; r < 4; r++) to[r * quarter] = dot[r];
            else f4_store(to, dot);
        }
    }
}
static void q8_dots(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                    float *s, uint32_t stride) {
    for (uint32_t t = 0; t < q->tokens; t++, s += q->group * stride)
        for (uint32_t h = 0; h < q->group; h += TOGETHER) {
            const uint32_t heads = q->group - h;
            float *to = s + h * stride;
            if (TOGETHER > 3 && heads > 3)
                idots(c, j0, n, rest, q, t, h, 4, to, stride);
            else if (TOGETHER > 2 && heads > 2)
                idots(c, j0, n, rest, q, t, h, 3, to, stride);
            else if (heads > 1)
                idots(c, j0, n, rest, q, t, h, 2, to, stride);
            else
                idots(c, j0, n, rest, q, t, h, 1, to, stride);
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

const pal_cache_format pal_cache_q8 = {"q8",     8,        q8_bytes, q8_key,     q8_value, q8_row,
                                       q8_bring, q8_query, q8_dots,  q8_weights, q8_mix};
