/* Classes of code points, found in a table of runs, and UTF-8.
   Source: Unicode 15.1 (the table is generated, see unicode_table.py). */
#include "unicode.h"

#include "unicode_table.h"

static bool is_space(uint32_t cp) { /* White_Space=yes */
    return (cp >= 9 && cp <= 13) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
           cp == 0x3000;
}

uint32_t pal_cp_class(uint32_t cp) {
    if (is_space(cp)) return PAL_CP_SPACE;
    const uint32_t n_runs = sizeof unicode_runs / sizeof *unicode_runs;
    uint32_t low = 0, high = sizeof unicode_starts / sizeof *unicode_starts; /* starts[low] <= cp < starts[high] */
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (unicode_starts[middle] <= cp)
            low = middle;
        else
            high = middle;
    }
    uint32_t at = unicode_starts[low];
    for (uint32_t run = low * UNICODE_STRIDE; run < n_runs; run++) {
        at += unicode_runs[run] >> 3;
        if (cp < at) return unicode_runs[run] & 7;
    }
    return PAL_CP_OTHER;
}

size_t pal_utf8_get(const uint8_t *p, size_t n, uint32_t *cp) {
    uint32_t lead = p[0];
    *cp = lead;
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    *cp = 0xfffd;
    if (lead < 0xc0 || lead >= 0xf8 || length > n) return 1;
    uint32_t value = lead & (0x7f >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 1;
        value = value << 6 | (p[i] & 0x3f);
    }
    if (value > 0x10ffff) return 1;
    *cp = value;
    return length;
}

size_t pal_utf8_put(uint8_t *p, uint32_t cp) {
    if (cp < 0x80) {
        p[0] = (uint8_t)cp;
        return 1;
    }
    size_t length = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i; i--, cp >>= 6) p[i] = (uint8_t)(0x80 | (cp & 0x3f));
    p[0] = (uint8_t)(0xf00 >> length | cp); /* 110xxxxx, 1110xxxx, 11110xxx */
    return length;
}
