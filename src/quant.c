/* Number formats as GGUF stores them: the table and the exact value of every weight. Plain scalar code; the drawing above
   each function is the layout of one block, bytes in order. All scales are halves, all results f32. */
#include "quant_rows.h"

static float half_at(const uint8_t *p) { return pal_f16_f32(pal_read16(p)); }

void pal_unpack_F32(const uint8_t *from, float *to, size_t n) { pal_copy(to, from, n * 4); }
void pal_unpack_F16(const uint8_t *from, float *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = half_at(from + 2 * i);
}
/* The upper half of a float. */
void pal_unpack_BF16(const uint8_t *from, float *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = pal_bits_f32((uint32_t)pal_read16(from + 2 * i) << 16);
}

/* | d | 16 bytes: weight i low nibble, i+16 high nibble |   value d (code - 8) */
void pal_unpack_Q4_0(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 32, b += PAL_BYTES_Q4_0, to += 32) {
        float d = half_at(b);
        for (uint32_t i = 0; i < 32; i++) to[i] = (float)((b[2 + i % 16] >> i / 16 * 4 & 15) - 8) * d;
    }
}

/* | d | m | 16 bytes of nibbles as Q4_0 |   value d code + m */
void pal_unpack_Q4_1(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 32, b += PAL_BYTES_Q4_1, to += 32) {
        float d = half_at(b), m = half_at(b + 2);
        for (uint32_t i = 0; i < 32; i++) to[i] = (float)(b[4 + i % 16] >> i / 16 * 4 & 15) * d + m;
    }
}

/* | d | 4 bytes: bit i is the fifth bit of weight i | 16 bytes of nibbles as Q4_0 |   value d (code - 16) */
void pal_unpack_Q5_0(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 32, b += PAL_BYTES_Q5_0, to += 32) {
        float d = half_at(b);
        uint32_t fifth = pal_read32(b + 2);
        for (uint32_t i = 0; i < 32; i++) {
            uint32_t code = (b[6 + i % 16] >> i / 16 * 4 & 15u) | (fifth >> i & 1) << 4;
            to[i] = (float)((int32_t)code - 16) * d;
        }
    }
}

/* | d | m | 4 bytes of fifth bits | 16 bytes of nibbles |   value d code + m */
void pal_unpack_Q5_1(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 32, b += PAL_BYTES_Q5_1, to += 32) {
        float d = half_at(b), m = half_at(b + 2);
        uint32_t fifth = pal_read32(b + 4);
        for (uint32_t i = 0; i < 32; i++) {
            uint32_t code = (b[8 + i % 16] >> i / 16 * 4 & 15u) | (fifth >> i & 1) << 4;
            to[i] = (float)code * d + m;
        }
    }
}

/* | d | 32 bytes: int8 |   value d code */
void pal_unpack_Q8_0(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 32, b += PAL_BYTES_Q8_0, to += 32) {
        float d = half_at(b);
        for (uint32_t i = 0; i < 32; i++) to[i] = (float)(int8_t)b[2 + i] * d;
    }
}

/* | 16 bytes: scale j low nibble, min j high nibble | 64 bytes of 2 bits | d | m |   value d scale code - m min
   Run s of 32 weights lies in bytes 32(s/4).. at bits 2(s%4); a scale covers 16 weights. */
void pal_unpack_Q2_K(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 256, b += PAL_BYTES_Q2_K, to += 256) {
        float d = half_at(b + 80), m = half_at(b + 82);
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t s = i / 32, code = b[16 + s / 4 * 32 + i % 32] >> s % 4 * 2 & 3u, scales = b[i / 16];
            float scale = d * (float)(scales & 15), min = m * (float)(scales >> 4);
            to[i] = scale * (float)code - min;
        }
    }
}

/* | 32 bytes: bit s of byte i is the third bit of weight 32s+i | 64 bytes of 2 bits as Q2_K | 12 bytes of scales | d |
   value d scale (code - 4) */
void pal_unpack_Q3_K(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 256, b += PAL_BYTES_Q3_K, to += 256) {
        float d = half_at(b + 108);
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t s = i / 32, low = b[32 + s / 4 * 32 + i % 32] >> s % 4 * 2 & 3u, third = b[i % 32] >> s & 1u;
            float scale = d * (float)pal_scale_Q3(b + 96, i / 16);
            to[i] = scale * (float)((int32_t)(low | third << 2) - 4);
        }
    }
}

/* | d | m | 12 bytes of scales | 128 bytes: run s of 32 in bytes 32(s/2).., low nibble where s is even |
   value d scale code - m min */
void pal_unpack_Q4_K(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 256, b += PAL_BYTES_Q4_K, to += 256) {
        float d = half_at(b), m = half_at(b + 2);
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t s = i / 32, code = b[16 + s / 2 * 32 + i % 32] >> s % 2 * 4 & 15u;
            float scale = d * (float)pal_scale_K(b + 4, s), min = m * (float)pal_min_K(b + 4, s);
            to[i] = scale * (float)code - min;
        }
    }
}

/* | d | m | 12 bytes of scales | 32 bytes: bit s of byte i is the fifth bit of weight 32s+i | 128 bytes as Q4_K | */
void pal_unpack_Q5_K(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 256, b += PAL_BYTES_Q5_K, to += 256) {
        float d = half_at(b), m = half_at(b + 2);
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t s = i / 32, low = b[48 + s / 2 * 32 + i % 32] >> s % 2 * 4 & 15u, fifth = b[16 + i % 32] >> s & 1u;
            float scale = d * (float)pal_scale_K(b + 4, s), min = m * (float)pal_min_K(b + 4, s);
            to[i] = scale * (float)(low | fifth << 4) - min;
        }
    }
}

/* | 128 bytes: low nibbles | 64 bytes: upper 2 bits | 16 bytes: int8 scale of 16 weights | d |   value d scale (code - 32)
   Run s of 32: nibbles in bytes 64(s/4) + 32(s%2).., low where s%4 < 2; upper bits in bytes 32(s/4).. at bits 2(s%4). */
void pal_unpack_Q6_K(const uint8_t *b, float *to, size_t n) {
    for (; n; n -= 256, b += PAL_BYTES_Q6_K, to += 256) {
        float d = half_at(b + 208);
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t s = i / 32, low = b[s / 4 * 64 + s % 2 * 32 + i % 32] >> s % 4 / 2 * 4 & 15u;
            uint32_t high = b[128 + s / 4 * 32 + i % 32] >> s % 4 * 2 & 3u;
            float scale = d * (float)(int8_t)b[192 + i / 16];
            to[i] = scale * (float)((int32_t)(low | high << 4) - 32);
        }
    }
}

static const pal_format formats[] = {
#define X(name, type, block, bytes, integer) {#name, type, block, bytes, integer, pal_unpack_##name, pal_pack_##name},
    PAL_FORMATS(X)
#undef X
};

const pal_format *pal_format_row(uint32_t i) { return i < sizeof formats / sizeof *formats ? &formats[i] : NULL; }

const pal_format *pal_format_of(uint32_t ggml_type) {
    for (uint32_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].type == ggml_type) return &formats[i];
    return NULL;
}
