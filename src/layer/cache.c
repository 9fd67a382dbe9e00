#include "cache.h"

/* Rows are padded to 16 bytes; padding stays zero, so that the hash of a state is that of its numbers. */
static uint32_t f32_bytes(uint32_t d) { return (uint32_t)pal_align(d * sizeof(float)); }
static void f32_store(void *row, const float *x, uint32_t d) { pal_copy(row, x, d * sizeof(float)); }
static const float *f32_load(const void *row, float *buffer, uint32_t d) {
    (void)buffer, (void)d;
    return row;
}

static uint32_t f16_bytes(uint32_t d) { return (uint32_t)pal_align(d * sizeof(uint16_t)); }
static void f16_store(void *row, const float *x, uint32_t d) {
    uint16_t *to = row;
    for (uint32_t i = 0; i < d; i++) to[i] = pal_f32_f16(x[i]);
}
static const float *f16_load(const void *row, float *buffer, uint32_t d) {
    const uint16_t *from = row;
    uint32_t i = 0;
    for (; i + 4 <= d; i += 4) f4_store(buffer + i, f4_from_f16(from + i));
    for (; i < d; i++) buffer[i] = pal_f16_f32(from[i]);
    return buffer;
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
static const float *q8_load(const void *row, float *buffer, uint32_t d) {
    const float *scale = row;
    const int8_t *from = (const int8_t *)(scale + 1);
    for (uint32_t i = 0; i < d; i++) buffer[i] = *scale * (float)from[i];
    return buffer;
}

static const pal_cache_format formats[] = {
    {"f32", f32_bytes, f32_store, f32_load},
    {"f16", f16_bytes, f16_store, f16_load},
    {"q8", q8_bytes, q8_store, q8_load},
};

const pal_cache_format *pal_cache_row(uint32_t i) { return i < sizeof formats / sizeof *formats ? &formats[i] : NULL; }
