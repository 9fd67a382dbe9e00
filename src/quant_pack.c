/* Packing floats into the number formats whose layouts are drawn in quant.c. The formats of 32 round as ggml's reference
   does. The K formats fit each run by least squares: several step widths are tried, the best scale (and minimum) for the
   codes of each is solved for, and the one with the least weighted error stays; then scales are rounded to the grid of
   the block and the codes are chosen anew for the scales as stored. */
#include "quant_rows.h"

/* n weights made harmless: NaN and what every format rounds to zero become zero, the rest fits into a half. */
static void take(const float *from, float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        float v = from[i], size = v < 0 ? -v : v;
        x[i] = !(size > 0x1p-28f) ? 0 : size < 65504 ? v : v < 0 ? -65504.0f : 65504.0f;
    }
}

static float put_half(uint8_t *p, float v) {
    uint16_t h = pal_f32_f16(v);
    p[0] = (uint8_t)h, p[1] = (uint8_t)(h >> 8);
    return pal_f16_f32(h);
}

static float reciprocal(float v) { return v > 0x1p-60f || v < -0x1p-60f ? 1.0f / v : 0; }

/* Nearest integer within low..high, half away from zero. */
static int32_t nearest(float v, int32_t low, int32_t high) {
    if (!(v > (float)low)) return low;
    if (v >= (float)high) return high;
    int32_t whole = (int32_t)v;
    float rest = v - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

static uint32_t code_above(float v, uint32_t high) {
    return v < (float)high ? (uint32_t)(v + 0.5f) : high;
} /* v >= 0 */

static float largest(const float *x, uint32_t n) { /* by size, with its sign; the first of equals */
    float top = 0, size = 0;
    for (uint32_t i = 0; i < n; i++) {
        float v = x[i] < 0 ? -x[i] : x[i];
        if (v > size) size = v, top = x[i];
    }
    return top;
}

/* ---- floats ---- */

void pal_pack_F32(const float *from, uint8_t *to, size_t n) { pal_copy(to, from, n * 4); }
void pal_pack_F16(const float *from, uint8_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) put_half(to + 2 * i, from[i]);
}
void pal_pack_BF16(const float *from, uint8_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = pal_f32_bits(from[i]), nan = (bits & 0x7fffffff) > 0x7f800000;
        bits = nan ? bits >> 16 | 64 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        to[2 * i] = (uint8_t)bits, to[2 * i + 1] = (uint8_t)(bits >> 8);
    }
}

/* ---- blocks of 32 ---- */

static void put_nibbles(uint8_t *p, const uint32_t *code) {
    for (uint32_t i = 0; i < 16; i++) p[i] = (uint8_t)((code[i] & 15) | (code[i + 16] & 15) << 4);
}
static void put_fifth(uint8_t *p, const uint32_t *code) {
    pal_zero(p, 4);
    for (uint32_t i = 0; i < 32; i++) p[i / 8] = (uint8_t)(p[i / 8] | (code[i] >> 4) << i % 8);
}

/* One end of the grid, -half, falls on the largest weight. */
static void symmetric(const float *from, uint8_t *to, uint32_t half, uint32_t *code) {
    float x[32];
    take(from, x, 32);
    float d = largest(x, 32) / -(float)half, inverse = reciprocal(d);
    put_half(to, d);
    for (uint32_t i = 0; i < 32; i++) code[i] = code_above(x[i] * inverse + (float)half, 2 * half - 1);
}
/* The grid reaches from the smallest to the largest weight. */
static void spanning(const float *from, uint8_t *to, uint32_t high, uint32_t *code) {
    float x[32];
    take(from, x, 32);
    float min = x[0], max = x[0];
    for (uint32_t i = 1; i < 32; i++) min = x[i] < min ? x[i] : min, max = x[i] > max ? x[i] : max;
    float d = (max - min) / (float)high, inverse = reciprocal(d);
    put_half(to, d), put_half(to + 2, min);
    for (uint32_t i = 0; i < 32; i++) code[i] = code_above((x[i] - min) * inverse, high);
}

void pal_pack_Q4_0(const float *from, uint8_t *to, size_t n) {
    uint32_t code[32];
    for (; n; n -= 32, from += 32, to += PAL_BYTES_Q4_0) symmetric(from, to, 8, code), put_nibbles(to + 2, code);
}
void pal_pack_Q4_1(const float *from, uint8_t *to, size_t n) {
    uint32_t code[32];
    for (; n; n -= 32, from += 32, to += PAL_BYTES_Q4_1) spanning(from, to, 15, code), put_nibbles(to + 4, code);
}
void pal_pack_Q5_0(const float *from, uint8_t *to, size_t n) {
    uint32_t code[32];
    for (; n; n -= 32, from += 32, to += PAL_BYTES_Q5_0) {
        symmetric(from, to, 16, code);
        put_fifth(to + 2, code), put_nibbles(to + 6, code);
    }
}
void pal_pack_Q5_1(const float *from, uint8_t *to, size_t n) {
    uint32_t code[32];
    for (; n; n -= 32, from += 32, to += PAL_BYTES_Q5_1) {
        spanning(from, to, 31, code);
        put_fifth(to + 4, code), put_nibbles(to + 8, code);
    }
}
void pal_pack_Q8_0(const float *from, uint8_t *to, size_t n) {
    for (; n; n -= 32, from += 32, to += PAL_BYTES_Q8_0) {
        float x[32];
        take(from, x, 32);
        float top = largest(x, 32), d = (top < 0 ? -top : top) / 127, inverse = reciprocal(d);
        put_half(to, d);
        for (uint32_t i = 0; i < 32; i++) to[2 + i] = (uint8_t)nearest(x[i] * inverse, -127, 127);
    }
}

/* ---- K formats: the least-squares search ---- */

/* The scale of 16 weights for codes -half..half-1, large weights counting more (x^2). */
static float fit_scale(const float *x, int32_t half) {
    float top = largest(x, 16), best = 0, scale = 0;
    if (top == 0) return 0;
    for (int32_t step = -9; step <= 9; step++) {
        float inverse = -((float)half + 0.1f * (float)step) / top, xq = 0, qq = 0;
        for (uint32_t i = 0; i < 16; i++) {
            float q = (float)nearest(x[i] * inverse, -half, half - 1), w = x[i] * x[i];
            xq += w * x[i] * q, qq += w * q * q;
        }
        float gain = qq > 0 ? xq * (xq / qq) : 0; /* what the error loses against all codes zero */
        if (gain > best) best = gain, scale = xq / qq;
    }
    return scale;
}

/* Scale and minimum (value = scale code - min, min >= 0) of n weights for codes 0..high, weighted by mean|x| + |x|. */
static void fit_span(const float *x, uint32_t n, uint32_t high, float *scale, float *min) {
    float low = 0, top = x[0], mean = 0, best = 0, w[32], sw = 0, sx = 0;
    for (uint32_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low, top = x[i] > top ? x[i] : top;
        w[i] = x[i] < 0 ? -x[i] : x[i], mean += w[i] / (float)n;
    }
    *scale = 0, *min = -low;
    if (!(top > low)) return;
    for (uint32_t i = 0; i < n; i++) w[i] += mean, sw += w[i], sx += w[i] * x[i];
    for (int32_t step = 0; step <= 20; step++) {
        float inverse = ((float)high - 1.0f + 0.1f * (float)step) / (top - low);
        float q[32], sq = 0, sqq = 0, sxq = 0, error = 0;
        for (uint32_t i = 0; i < n; i++) {
            q[i] = (float)code_above((x[i] - low) * inverse, high);
            sq += w[i] * q[i], sqq += w[i] * q[i] * q[i], sxq += w[i] * x[i] * q[i];
        }
        float det = sw * sqq - sq * sq, a = 0, b = 1;
        if (det > 1e-5f * sw * sqq) a = (sw * sxq - sx * sq) / det, b = (sqq * sx - sq * sxq) / det;
        if (b > 0) b = 0, a = sxq / sqq; /* also when all codes are equal */
        for (uint32_t i = 0; i < n; i++) {
            float e = a * q[i] + b - x[i];
            error += w[i] * e * e;
        }
        if (*scale == 0 || error < best) best = error, *scale = a, *min = -b;
    }
}

/* Rounds n values, none negative, to the grid step * 0..high; returns the step as stored at p. */
static float put_grid(uint8_t *p, const float *v, uint32_t n, uint32_t high, uint32_t *code) {
    float top = largest(v, n), step = put_half(p, top / (float)high), inverse = reciprocal(step);
    for (uint32_t i = 0; i < n; i++) code[i] = code_above(v[i] * inverse, high);
    return step;
}

/* ---- K formats: blocks of 256 ---- */

/* Q4_K, Q5_K: fits all eight runs, writes the head, and gives the codes. */
static void pack_K(const float *from, uint8_t *b, uint32_t high, uint32_t *code) {
    float x[256], scale[8], min[8];
    uint32_t sc[8], mn[8];
    take(from, x, 256);
    for (uint32_t s = 0; s < 8; s++) fit_span(x + 32 * s, 32, high, &scale[s], &min[s]);
    float d = put_grid(b, scale, 8, 63, sc), m = put_grid(b + 2, min, 8, 63, mn);
    for (uint32_t j = 0; j < 4; j++) {
        b[4 + j] = (uint8_t)(sc[j] | sc[j + 4] >> 4 << 6);
        b[8 + j] = (uint8_t)(mn[j] | mn[j + 4] >> 4 << 6);
        b[12 + j] = (uint8_t)((sc[j + 4] & 15) | (mn[j + 4] & 15) << 4);
    }
    for (uint32_t i = 0; i < 256; i++) {
        float inverse = reciprocal(d * (float)sc[i / 32]), above = x[i] + m * (float)mn[i / 32];
        code[i] = (uint32_t)nearest(above * inverse, 0, (int32_t)high);
    }
}
void pal_pack_Q4_K(const float *from, uint8_t *b, size_t n) {
    uint32_t code[256];
    for (; n; n -= 256, from += 256, b += PAL_BYTES_Q4_K) {
        pack_K(from, b, 15, code);
        for (uint32_t i = 0; i < 128; i++) {
            const uint32_t *low = code + i / 32 * 64 + i % 32;
            b[16 + i] = (uint8_t)(low[0] | low[32] << 4);
        }
    }
}
void pal_pack_Q5_K(const float *from, uint8_t *b, size_t n) {
    uint32_t code[256];
    for (; n; n -= 256, from += 256, b += PAL_BYTES_Q5_K) {
        pack_K(from, b, 31, code);
        pal_zero(b + 16, 160);
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t s = i / 32;
            b[16 + i % 32] |= (uint8_t)((code[i] >> 4) << s);
            b[48 + s / 2 * 32 + i % 32] |= (uint8_t)((code[i] & 15) << s % 2 * 4);
        }
    }
}

void pal_pack_Q2_K(const float *from, uint8_t *b, size_t n) {
    for (; n; n -= 256, from += 256, b += PAL_BYTES_Q2_K) {
        float x[256], scale[16], min[16];
        uint32_t sc[16], mn[16];
        take(from, x, 256);
        for (uint32_t j = 0; j < 16; j++) fit_span(x + 16 * j, 16, 3, &scale[j], &min[j]);
        float d = put_grid(b + 80, scale, 16, 15, sc), m = put_grid(b + 82, min, 16, 15, mn);
        for (uint32_t j = 0; j < 16; j++) b[j] = (uint8_t)(sc[j] | mn[j] << 4);
        pal_zero(b + 16, 64);
        for (uint32_t i = 0; i < 256; i++) {
            float inverse = reciprocal(d * (float)sc[i / 16]), above = x[i] + m * (float)mn[i / 16];
            b[16 + i / 128 * 32 + i % 32] |= (uint8_t)(nearest(above * inverse, 0, 3) << i / 32 % 4 * 2);
        }
    }
}

/* Q3_K, Q6_K: fits all sixteen runs; the largest scale falls on -high of the signed grid. Gives codes 0..2 half - 1. */
static void pack_signed(const float *from, uint8_t *d_at, int32_t half, int32_t high, int32_t *sc, uint32_t *code) {
    float x[256], scale[16];
    take(from, x, 256);
    for (uint32_t j = 0; j < 16; j++) scale[j] = fit_scale(x + 16 * j, half);
    float d = put_half(d_at, largest(scale, 16) / -(float)high), inverse = reciprocal(d);
    for (uint32_t j = 0; j < 16; j++) sc[j] = nearest(scale[j] * inverse, -high, high - 1);
    for (uint32_t i = 0; i < 256; i++)
        code[i] = (uint32_t)(nearest(x[i] * reciprocal(d * (float)sc[i / 16]), -half, half - 1) + half);
}
void pal_pack_Q3_K(const float *from, uint8_t *b, size_t n) {
    int32_t sc[16];
    uint32_t code[256];
    for (; n; n -= 256, from += 256, b += PAL_BYTES_Q3_K) {
        pack_signed(from, b + 108, 4, 32, sc, code);
        pal_zero(b, 108);
        for (uint32_t j = 0; j < 16; j++) {
            uint32_t v = (uint32_t)(sc[j] + 32);
            b[96 + j % 8] |= (uint8_t)((v & 15) << j / 8 * 4);
            b[104 + j % 4] |= (uint8_t)((v >> 4) << j / 4 * 2);
        }
        for (uint32_t i = 0; i < 256; i++) {
            b[i % 32] |= (uint8_t)((code[i] >> 2) << i / 32);
            b[32 + i / 128 * 32 + i % 32] |= (uint8_t)((code[i] & 3) << i / 32 % 4 * 2);
        }
    }
}
void pal_pack_Q6_K(const float *from, uint8_t *b, size_t n) {
    int32_t sc[16];
    uint32_t code[256];
    for (; n; n -= 256, from += 256, b += PAL_BYTES_Q6_K) {
        pack_signed(from, b + 208, 32, 128, sc, code);
        pal_zero(b, 192);
        for (uint32_t j = 0; j < 16; j++) b[192 + j] = (uint8_t)sc[j];
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t s = i / 32;
            b[s / 4 * 64 + s % 2 * 32 + i % 32] |= (uint8_t)((code[i] & 15) << s % 4 / 2 * 4);
            b[128 + s / 4 * 32 + i % 32] |= (uint8_t)((code[i] >> 4) << s % 4 * 2);
        }
    }
}
