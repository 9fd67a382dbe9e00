#include "base.h"

int pal_fail(pal_error *e, int code, pal_str subject, const char *why) {
    if (!e || e->code) return code;
    size_t at = 0, room = sizeof e->text - 1;
    e->code = code;
    size_t shown = subject.n < 96 ? subject.n : 96;
    for (size_t i = 0; i < shown; i++) {
        char c = subject.data[i];
        e->text[at++] = c >= 32 && c < 127 ? c : '?';
    }
    for (const char *dots = subject.n > shown ? "..." : ""; *dots; dots++) e->text[at++] = *dots;
    if (at) e->text[at++] = ':', e->text[at++] = ' ';
    for (; *why && at < room; why++) e->text[at++] = *why;
    e->text[at] = 0;
    return code;
}

bool pal_str_is(pal_str s, const char *t) {
    size_t i = 0;
    for (; i < s.n && t[i]; i++)
        if (s.data[i] != t[i]) return false;
    return i == s.n && !t[i];
}

bool pal_bytes_equal(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i]) return false;
    return true;
}

static const uint64_t PRIME = 0x100000001b3;
static inline uint64_t mixed(uint64_t h, uint64_t word) {
    h = (h ^ word) * PRIME;
    return h ^ h >> 29; /* FNV on words alone never moves high bits down */
}

uint64_t pal_hash(uint64_t h, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    h ^= 0xcbf29ce484222325;
    for (; n >= 8; n -= 8, p += 8) h = mixed(h, pal_read64(p));
    for (; n; n--, p++) h = (h ^ *p) * PRIME;
    return h ^ h >> 32;
}

uint64_t pal_hash_wide(const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (; n >= 32; n -= 32, p += 32) {
        a = mixed(a, pal_read64(p)), b = mixed(b, pal_read64(p + 8));
        c = mixed(c, pal_read64(p + 16)), d = mixed(d, pal_read64(p + 24));
    }
    return pal_hash(mixed(mixed(mixed(a, b), c), d), p, n);
}

void *pal_take(pal_arena *a, size_t bytes) {
    size_t start = (size_t)pal_align(a->used);
    if (start > a->size || bytes > a->size - start) return NULL;
    a->used = start + bytes;
    pal_zero(a->base + start, bytes);
    return a->base + start;
}

uint16_t pal_f32_f16(float f) {
    uint32_t bits = pal_f32_bits(f), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (rest < 0x38800000) { /* subnormal half: let an addition at the right exponent do the rounding */
        float shifted = pal_bits_f32(rest) + 0.5f;
        return (uint16_t)(sign | (pal_f32_bits(shifted) - 0x3f000000));
    }
    uint32_t odd = rest >> 13 & 1;
    return (uint16_t)(sign | ((rest + 0xfff + odd - 0x38000000) >> 13));
}
