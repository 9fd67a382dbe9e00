#include "quant_weave.h"

#include "half.h"
#include "quant_rows.h"

/* Where in a block of the file the half lies that fills no word; the block's end when there is none. */
static uint32_t half_of(const pal_format *f) {
    if (f->bytes % 4 == 0) return f->bytes;
    return f->block == 32 ? 0 : f->bytes - 2;
}
/* The word that is two halves, scale and minimum, where there is no such half. */
static uint32_t scales_of(const pal_format *f) { return f->type == PAL_TYPE_Q2_K ? 20 : 0; }

/* Bit 4k + c of a word of fifth bits goes to bit k of byte c, in four words at once; and back. */
static u4 turn(u4 words) {
    u4 to = {0};
    for (uint32_t c = 0; c < 4; c++) {
        u4 bits = words >> c & 0x11111111;
        bits = (bits | bits >> 3) & 0x03030303;
        bits = (bits | bits >> 6) & 0x000f000f;
        to |= (bits << 8 * c | bits >> 12 << 8 * c) & (0xffu << 8 * c);
    }
    return to;
}
static u4 turn_back(u4 words) {
    u4 to = {0};
    for (uint32_t i = 0; i < 32; i++) to |= (words >> (i / 4 + i % 4 * 8) & 1) << i;
    return to;
}

/* Columns become rows. */
static void transpose(u4 v[4]) {
    u4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
    u4 c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    v[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5), v[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    v[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5), v[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

enum { WORDS = 52, PLACES = 64 }; /* of the longest block */

/* What is kept of a block: `head` words of the file from `from` on, then `bits` words of each run of 32 columns.
   bits 0: the words of the file as they are. */
typedef struct {
    uint32_t bits, from, head;
} order;
static order order_of(const pal_format *f) {
    switch (f->type) {
    case PAL_TYPE_Q5_0:
        return (order){5, 0, 0};
    case PAL_TYPE_Q5_1:
        return (order){5, 0, 1};
    case PAL_TYPE_Q4_K:
        return (order){4, 0, 4};
    case PAL_TYPE_Q5_K:
        return (order){5, 0, 4};
    case PAL_TYPE_Q6_K:
        return (order){6, 48, 4};
    default:
        return (order){0, 0, 0};
    }
}

/* Where the file has the codes of columns 4k .. 4k + 3 of run s: four bits in the bytes of a word, the others in those of
   another, which in Q5_0 and Q5_1 is turned. */
typedef struct {
    uint32_t low, low_shift, high, high_shift, mask;
} place;
static inline place place_of(uint32_t type, uint32_t s, uint32_t k) {
    switch (type) {
    case PAL_TYPE_Q5_0:
        return (place){1 + k % 4, k / 4 * 4, 0, k, 0x01010101};
    case PAL_TYPE_Q5_1:
        return (place){2 + k % 4, k / 4 * 4, 1, k, 0x01010101};
    case PAL_TYPE_Q4_K:
        return (place){4 + s / 2 * 8 + k, s % 2 * 4, 0, 0, 0};
    case PAL_TYPE_Q5_K:
        return (place){12 + s / 2 * 8 + k, s % 2 * 4, 4 + k, s, 0x01010101};
    default:
        return (place){s / 4 * 16 + s % 2 * 8 + k, s % 4 / 2 * 4, 32 + s / 4 * 8 + k, s % 4 * 2, 0x03030303};
    }
}

/* The places of all codes of a block, run by run: found once, for a look at the format costs more than a code. */
static void find(const pal_format *f, place at[PLACES]) {
    for (uint32_t i = 0; i < f->block / 4; i++) at[i] = place_of(f->type, i / 8, i % 8);
}

/* A run's codes c, four columns each, in `bits` words; and back. The upper bits of code 4 + j lie above code j, its `spare`
   lowest in words of their own: as what the word, shifted down, differs by from the code. Of the word with those, all that
   is shifted down with them is taken for such a difference too, so that nobody has to clear it. */
static inline u4 bytes_of(u4 word, uint32_t shift, uint32_t bits) {
    return word >> shift & 0x01010101 * ((1u << bits) - 1);
}
static inline u4 difference(const u4 *words, uint32_t spare, uint32_t j) {
    return spare ? words[j * spare / 8] >> j * spare % 8 : (u4){0};
}
static inline void join(uint32_t bits, const u4 c[8], u4 *to) {
    const uint32_t spare = 2 * bits - 8;
    u4 *words = to + (bits - 4);
    for (uint32_t i = 0; i < bits; i++) to[i] = (u4){0};
    for (uint32_t j = 0; j < 4 && spare; j++)
        to[j * spare / 8] |= bytes_of(c[4 + j] ^ c[j] >> (8 - bits), 0, spare) << j * spare % 8;
    for (uint32_t j = 0; j < 4; j++)
        words[j] = c[j] | bytes_of(c[4 + j] ^ difference(to, spare, j), spare, 8 - bits) << bits;
}
static inline void part(uint32_t bits, const u4 *from, u4 c[8]) {
    const uint32_t spare = 2 * bits - 8;
    for (uint32_t j = 0; j < 4; j++) {
        u4 word = from[bits - 4 + j];
        c[j] = bytes_of(word, 0, bits);
        c[4 + j] = bytes_of(word >> (8 - bits) ^ difference(from, spare, j), 0, bits);
    }
}

/* The words of a block as they are kept, out of those of the file, for formats that are arranged anew; and back. */
static void arrange(const pal_format *f, const place *at, u4 *file, u4 *kept) {
    const order o = order_of(f);
    if (o.bits == 5 && f->block == 32) file[at->high] = turn(file[at->high]);
    for (uint32_t i = 0; i < o.head; i++) kept[i] = file[o.from + i];
    kept += o.head;
    for (uint32_t n = f->block / 32; n; n--, kept += o.bits) {
        u4 c[8];
        for (uint32_t k = 0; k < 8; k++, at++)
            c[k] = bytes_of(file[at->low], at->low_shift, 4) | (file[at->high] >> at->high_shift & at->mask) << 4;
        join(o.bits, c, kept);
    }
}
static void arrange_back(const pal_format *f, const place *at, const u4 *kept, u4 *file) {
    const order o = order_of(f);
    const uint32_t turned = at->high;
    for (uint32_t i = 0; i < f->bytes / 4; i++) file[i] = (u4){0};
    for (uint32_t i = 0; i < o.head; i++) file[o.from + i] = kept[i];
    kept += o.head;
    for (uint32_t n = f->block / 32; n; n--, kept += o.bits) {
        u4 c[8];
        part(o.bits, kept, c);
        for (uint32_t k = 0; k < 8; k++, at++) {
            file[at->low] |= bytes_of(c[k], 0, 4) << at->low_shift;
            file[at->high] |= (c[k] >> 4 & at->mask) << at->high_shift;
        }
    }
    if (o.bits == 5 && f->block == 32) file[turned] = turn_back(file[turned]);
}

/* Halves below 64, one a lane, times 1024. */
static u4 raised(u4 h) {
    u4 v = (u4)(f4_from_half(h) * f4_set(1024)), size = v & 0x7fffffff;
    return (v >> 16 & 0x8000) | ((size - 0x38000000) & (u4)(size > 0)) >> 13;
}
static uint16_t lowered(uint16_t h) { return pal_f32_f16(pal_f16_f32(h) * 0x1p-10f); }

/* The scales of a woven block of 16 rows, raised. False: not all are below 64. */
static bool raise(const pal_format *f, uint8_t *woven) {
    i4 large = {0};
    const bool apart = half_of(f) < f->bytes;
    for (uint32_t r = 0; r < PAL_WEFT; r += 4) {
        uint8_t *at = apart ? woven + 2 * r : woven + 64 * scales_of(f) + 4 * r;
        u4 both = apart ? __builtin_convertvector(*(const half4 *)at, u4) : (u4)b16_load(at);
        u4 low = both & 0xffff, high = both >> 16;
        large |= (i4)((low & 0x7fff) >= 0x5400) | (i4)((high & 0x7fff) >= 0x5400);
        if (apart)
            *(half4 *)at = __builtin_convertvector(raised(low), half4);
        else
            b16_store(at, (b16)(raised(low) | raised(high) << 16));
    }
    return i4_sum(large) == 0;
}

/* Word w of row r goes to first + 64 w + 4 r; words of four rows are read, arranged and written together. */
bool pal_weave_rows(const pal_format *f, const uint8_t *rows, size_t stride, uint32_t there, uint8_t *to) {
    const uint32_t half = half_of(f), skip = half == 0 ? 2 : 0, words = f->bytes / 4;
    uint8_t *const first = to + (half < f->bytes ? 2 * PAL_WEFT : 0);
    const bool anew = order_of(f).bits > 0;
    place at[PLACES];
    if (anew) find(f, at);
    for (uint32_t r = 0; r < PAL_WEFT; r += 4) {
        const uint8_t *from[4];
        u4 file[WORDS], kept[WORDS];
        for (uint32_t i = 0; i < 4; i++) {
            from[i] = rows + (r + i < there ? r + i : there - 1) * stride;
            if (half < f->bytes) pal_copy(to + 2 * (r + i), from[i] + half, 2);
            for (uint32_t w = words & ~3u; w < words; w++) file[w][i] = pal_read32(from[i] + skip + 4 * w);
        }
        for (uint32_t w = 0; w < (words & ~3u); w += 4) {
            for (uint32_t i = 0; i < 4; i++) file[w + i] = (u4)b16_load(from[i] + skip + 4 * w);
            transpose(file + w);
        }
        if (anew) arrange(f, at, file, kept);
        for (uint32_t w = 0; w < words; w++) b16_store(first + 64 * w + 4 * r, (b16)(anew ? kept : file)[w]);
    }
    return raise(f, to);
}

void pal_unweave_block(const pal_format *f, const uint8_t *woven, uint32_t r, uint8_t *to) {
    const uint32_t half = half_of(f), skip = half == 0 ? 2 : 0, words = f->bytes / 4;
    const bool apart = half < f->bytes;
    const uint8_t *first = woven + (apart ? 2 * PAL_WEFT : 0) + 4 * (r & ~3u);
    const bool anew = order_of(f).bits > 0;
    u4 file[WORDS], kept[WORDS];
    place at[PLACES];
    if (anew) find(f, at);
    for (uint32_t w = 0; w < words; w++) kept[w] = (u4)b16_load(first + 64 * w);
    if (anew) arrange_back(f, at, kept, file);
    if (apart) pal_copy(to + half, woven + 2 * r, 2);
    for (uint32_t w = 0; w < words; w++)
        pal_copy(to + skip + 4 * w, (const uint32_t *)&(anew ? file : kept)[w] + r % 4, 4);
    uint8_t *scale = to + (apart ? half : 4 * scales_of(f));
    for (uint32_t i = 0; i < (apart ? 1u : 2u); i++) {
        uint16_t h = lowered(pal_read16(scale + 2 * i));
        pal_copy(scale + 2 * i, &h, 2);
    }
}

bool pal_weave(const pal_format *f, uint8_t *data, uint64_t rows, uint32_t cols, uint8_t *staging) {
    const size_t row = pal_format_bytes(f, cols), group = PAL_WEFT * row;
    const uint32_t woven = pal_woven_rows(f, rows);
    bool tame = true;
    for (uint32_t r = 0; r < woven; r += PAL_WEFT, data += group) {
        pal_copy(staging, data, group);
        for (size_t at = 0; at < row; at += f->bytes)
            tame &= pal_weave_rows(f, staging + at, row, PAL_WEFT, data + PAL_WEFT * at);
    }
    /* The rest is woven later, on its way into products: here only its scales are looked at. */
    for (size_t at = 0; woven < rows && at < row; at += f->bytes)
        tame &= pal_weave_rows(f, data + at, row, (uint32_t)(rows - woven), staging);
    return tame;
}

void pal_unweave_bytes(const pal_format *f, const uint8_t *data, uint32_t woven_rows, uint32_t cols, uint64_t offset,
                       uint8_t *to, size_t n) {
    size_t row = pal_format_bytes(f, cols);
    for (uint64_t woven = woven_rows * (uint64_t)row; n; n--, offset++, to++) {
        uint8_t block[256];
        if (offset >= woven) {
            *to = data[offset];
            continue;
        }
        uint64_t r = offset / row;
        size_t at = offset % row;
        const uint8_t *group = data + (size_t)(r & ~(uint64_t)(PAL_WEFT - 1)) * row;
        pal_unweave_block(f, group + at / f->bytes * f->bytes * PAL_WEFT, (uint32_t)r % PAL_WEFT, block);
        *to = block[at % f->bytes];
    }
}
