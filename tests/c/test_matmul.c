/* Matrix products: the same bits as a plain scalar twin, in every format, for every shape; close to the products of the
   unpacked weights; each token alone as in a batch. */
#include "../../src/half.h"
#include "../../src/matmul.h"
#include "../../src/quant_weave.h"
#include "../../src/simd_int.h"
#include "test.h"

/* ---- the scalar twin: matmul.h in plain C, one weight at a time ---- */

/* One block of 16 weights as integers and two float scales: value = A g (code) + B m. */
typedef struct {
    int32_t code[16], g, m;
    float A, B;
} group;

static float half_at(const uint8_t *p) { return pal_f16_f32(pal_read16(p)); }

static group legacy(uint32_t type, const uint8_t *b, uint32_t j) {
    bool min = type == 3 || type == 7, fifth = type == 6 || type == 7;
    group z = {.g = 1, .m = 1, .A = half_at(b), .B = min ? half_at(b + 2) : 0};
    const uint8_t *bits = b + (min ? 4 : 2), *q = bits + (fifth ? 4 : 0);
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t w = 16 * j + i;
        z.code[i] = (q[i] >> 4 * j & 15) + (fifth ? (bits[w / 8] >> w % 8 & 1) * 16 : 0) - (min ? 0 : fifth ? 16 : 8);
        if (type == 8) z.code[i] = (int8_t)b[2 + w];
    }
    return z;
}

static group wide(uint32_t type, const uint8_t *b, uint32_t j) {
    group z = {.g = 1, .m = 1};
    uint32_t s = j / 2;
    const uint8_t *p = b + 4;
    if (type == 12 || type == 13) {
        z.g = s < 4 ? p[s] & 63 : (p[s + 4] & 15) | p[s - 4] >> 6 << 4;
        z.m = s < 4 ? p[s + 4] & 63 : p[s + 4] >> 4 | p[s] >> 6 << 4;
        z.A = half_at(b), z.B = -half_at(b + 2);
    }
    if (type == 10) z.A = half_at(b + 80), z.B = -half_at(b + 82), z.g = b[j] & 15, z.m = b[j] >> 4;
    if (type == 11) {
        int32_t low = j < 8 ? b[96 + j] & 15 : b[88 + j] >> 4;
        z.A = half_at(b + 108), z.g = (low | (b[104 + j % 4] >> j / 4 * 2 & 3) << 4) - 32;
    }
    if (type == 14) z.A = half_at(b + 208), z.g = (int8_t)b[192 + j];
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t k = j % 2 * 16 + i, quarter = s / 4 * 32 + k; /* place in a run of 32; in a half of 128 */
        if (type == 10) z.code[i] = b[16 + quarter] >> s % 4 * 2 & 3;
        if (type == 11) z.code[i] = (b[32 + quarter] >> s % 4 * 2 & 3) - (b[k] >> s & 1 ? 0 : 4);
        if (type == 12) z.code[i] = b[16 + s / 2 * 32 + k] >> s % 2 * 4 & 15;
        if (type == 13) z.code[i] = (b[48 + s / 2 * 32 + k] >> s % 2 * 4 & 15) + (b[16 + k] >> s & 1) * 16;
        if (type == 14)
            z.code[i] =
                ((b[s / 4 * 64 + s % 2 * 32 + k] >> s % 4 / 2 * 4 & 15) | (b[128 + quarter] >> s % 4 * 2 & 3) << 4) -
                32;
    }
    return z;
}

static bool has_min(const pal_format *f) {
    return f->type == 3 || f->type == 7 || f->type == 10 || f->type == 12 || f->type == 13;
}

/* The integer nearest to v, the even one at a tie. */
static int32_t nearest(float v) {
    int32_t down = (int32_t)(v + 40000.0f) - 40000, best = down; /* only a guess */
    for (int32_t k = down - 2; k <= down + 2; k++) {
        float old = v - (float)best, new = v - (float)k;
        old = old < 0 ? -old : old, new = new < 0 ? -new : new;
        if (new < old || (new == old &&k % 2 == 0)) best = k;
    }
    return best;
}

/* 32 activations: codes, returns their scale. */
static float twin_quantise(const float *x, int32_t q[32]) {
    float max = 0;
    for (uint32_t i = 0; i < 32; i++) {
        float v = x[i] < 0 ? -x[i] : x[i];
        if (v > max || v != v) max = max != max ? max : v;
    }
    const bool usual = max <= 0x1p32f;
    const float d = !usual ? max * __builtin_inff() : max < 0x1p-90f ? 0 : max / 127.0f;
    for (uint32_t i = 0; i < 32; i++) q[i] = usual && d != 0 ? nearest(x[i] * (127.0f / max)) : 0;
    return d;
}

/* acc + the minima of a block of 256: those of 32 columns (both halves have the same), or of 16, times its sums in units. */
static float twin_minima(const pal_format *f, const uint8_t *block, const float *x, float acc) {
    const uint32_t step = f->type == 10 ? 1 : 2;
    float d[16], most = 0;
    int32_t sum[16] = {0}, q[32], all = 0;
    for (uint32_t i = 0; i < 16; i++) {
        d[i] = twin_quantise(x + i / 2 * 32, q);
        for (uint32_t k = 0; k < 16; k++) sum[i] += q[i % 2 * 16 + k];
        float size = d[i] * (float)sum[i];
        size = size < 0 ? -size : size;
        if (size > most || size != size) most = most != most ? most : size;
    }
    for (uint32_t i = 0; i < 16 && most > 0; i += step) {
        const float of = d[i] * (float)(sum[i] + (step > 1 ? sum[i + 1] : 0));
        all += wide(f->type, block, i).m * nearest(of * (16383 / most));
    }
    return f1_madd(wide(f->type, block, 0).B * (most / 16383), (float)all, acc);
}

static float twin_integer(const pal_format *f, const uint8_t *row, uint32_t cols, const float *x) {
    float acc = 0, part = 0;
    for (uint32_t c = 0; c < cols; c += 32) {
        int32_t q[32], dot = 0, ones = 0;
        const float d = twin_quantise(x + c, q);
        const uint8_t *block = row + c / f->block * f->bytes;
        group z[2];
        for (uint32_t j = 0; j < 2; j++) {
            z[j] = f->block == 32 ? legacy(f->type, block, j) : wide(f->type, block, c % 256 / 16 + j);
            for (uint32_t i = 0; i < 16; i++) dot += z[j].g * z[j].code[i] * q[16 * j + i], ones += q[16 * j + i];
        }
        if (f->block == 32) {
            acc = f1_madd(z[0].A * d, (float)dot, acc);
            if (has_min(f)) acc = f1_madd(z[0].B * d, (float)ones, acc);
            continue;
        }
        part = f1_madd(d, (float)dot, part);
        if (c % 256 < 224) continue;
        if (has_min(f)) acc = twin_minima(f, block, x + c - 224, acc);
        acc = f1_madd(z[0].A, part, acc);
        part = 0;
    }
    return acc;
}

static float twin_float(const pal_format *f, const uint8_t *row, uint32_t cols, const float *x) {
    float sum[16] = {0}, four[4];
    for (uint32_t c = 0; c < (cols + 15) / 16 * 16; c++) {
        float w = 0;
        if (c < cols) f->unpack(row + c * f->bytes, &w, 1);
        sum[c % 16] = f1_madd(w, c < cols ? x[c] : 0, sum[c % 16]);
    }
    for (uint32_t i = 0; i < 4; i++) four[i] = (sum[i] + sum[8 + i]) + (sum[4 + i] + sum[12 + i]);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

static float twin(const pal_mat *w, uint32_t row, const float *x) {
    const uint8_t *data = w->data + row * pal_format_bytes(w->format, w->cols);
    return (w->format->integer ? twin_integer : twin_float)(w->format, data, w->cols, x);
}

/* ---- data ---- */

static uint64_t seed = 7;

static void random_bytes(uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)test_random(&seed);
}

/* Where the scale lies in a block; the minimum is behind it. */
static uint32_t scale_at(const pal_format *f) {
    return f->type == 10 ? 80 : f->type == 11 ? 108 : f->type == 14 ? 208 : 0;
}

/* Ordinary scales: halves around 0.01; bfloat and float numbers around 1. */
static void tame_scales(const pal_format *f, uint8_t *p, size_t blocks) {
    for (; blocks; blocks--, p += f->bytes) {
        if (f->type == 0 || f->type == 30) {
            uint32_t one = pal_f32_bits(test_uniform(&seed, -1, 1)) >> (f->type ? 16 : 0);
            pal_copy(p, &one, f->bytes);
            continue;
        }
        for (uint32_t i = 0; i < 1u + has_min(f); i++) {
            uint16_t half = pal_f32_f16(test_uniform(&seed, -0.02f, 0.02f));
            pal_copy(p + scale_at(f) + 2 * i, &half, 2);
        }
    }
}

/* Anything that is allowed: quantised scales are below 64. */
static void wild(const pal_format *f, uint8_t *p, size_t blocks) {
    random_bytes(p, blocks * f->bytes);
    for (; blocks && f->integer; blocks--, p += f->bytes)
        for (uint32_t i = 0; i < 1u + has_min(f); i++) {
            uint16_t h = pal_read16(p + scale_at(f) + 2 * i);
            h = (uint16_t)((h & 0x83ff) | (h >> 10 & 31) % 21 << 10);
            pal_copy(p + scale_at(f) + 2 * i, &h, 2);
        }
}

/* Random payload with ordinary scales. */
static void tame(const pal_format *f, uint8_t *p, size_t blocks) {
    random_bytes(p, blocks * f->bytes);
    tame_scales(f, p, blocks);
}

static bool same(float a, float b) { return pal_f32_bits(a) == pal_f32_bits(b) || (a != a && b != b); }

/* A copy, woven; as unaligned as the first. */
static pal_mat weave(const pal_mat *file) {
    size_t row = pal_format_bytes(file->format, file->cols);
    uint8_t *data = (uint8_t *)test_take(file->rows * row + 1) + 1;
    pal_mat w = {file->format, data, file->rows, file->cols, 0, pal_woven_rows(file->format, file->rows)};
    pal_copy(data, file->data, file->rows * row);
    if (w.format->integer) CHECK(pal_weave(w.format, data, w.rows, w.cols, test_take(16 * row)));
    return w;
}

/* ---- tests ---- */

static void check_shape(const pal_format *f, uint32_t rows, uint32_t n, uint32_t cols, bool hostile, bool woven) {
    size_t bytes = (size_t)rows * pal_format_bytes(f, cols);
    uint8_t *data = (uint8_t *)test_take(bytes + 1) + 1; /* no alignment is promised */
    float *x = test_take((size_t)n * cols * 4), *y = test_take((size_t)n * (rows + 3) * 4);
    if (hostile)
        wild(f, data, bytes / f->bytes);
    else
        tame(f, data, bytes / f->bytes);
    for (uint32_t i = 0; i < n * cols; i++) x[i] = test_uniform(&seed, -3, 3) * (i % 41 ? 1 : 20);
    const float huge[] = {0x1p120f, 0x1p32f, 0x1.000002p32f};
    if (hostile) x[0] = huge[n % 3], x[n * cols - 1] = 1e-41f;
    pal_mat file = {f, data, rows, cols, 0, 0}, w = file;
    pal_act a = pal_act_make(x, n, cols, test_take(pal_act_bytes(n, cols)));
    uint32_t row0 = rows > 4 ? 1 : 0, bad = 0;
    if (woven) w = weave(&file);
    pal_matmul_rows(&w, &a, row0, rows, y, rows + 3);
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t r = row0; r < rows; r++) bad += !same(y[t * (rows + 3) + r - row0], twin(&file, r, x + t * cols));
    if (bad) test_print(f->name), test_print(" differs from its twin\n");
    CHECK(bad == 0);
    for (uint32_t t = 0; t < n; t++) /* nothing is written beside the rows asked for */
        for (uint32_t r = rows - row0; r < rows + 3; r++) CHECK(y[t * (rows + 3) + r] == 0);
}

static void check_twin(const pal_format *f) {
    uint32_t least = f->block == 1 ? 5 : f->block, odd = f->block == 1 ? 37 : f->block == 32 ? 288 : 256;
    for (uint32_t rows = 1; rows <= 9; rows++) check_shape(f, rows, 1 + rows % 5, odd, false, false);
    for (uint32_t rows = 14; rows <= 50; rows += 3) check_shape(f, rows, 1 + rows % 5, odd, false, true);
    for (uint32_t n = 1; n <= 9; n++) check_shape(f, 21, n, f->block == 1 ? 16 + n : 256, false, true);
    check_shape(f, 3, 33, least, false, false);
    check_shape(f, 17, 131, least, false, true);
    check_shape(f, 33, 2, f->block == 256 ? 512 : 480, false, true);
    check_shape(f, 18, 5, f->block == 256 ? 512 : 480, false, true);
    for (uint32_t i = 0; i < 6; i++) check_shape(f, 7 + 3 * i, 1 + i, 256, true, i % 2);
}

/* Sums as large as they can be, which is what 16 bits have to hold in narrow builds: every code the same, activations of
   one sign, or of that of their column within each four. */
static void check_largest(const pal_format *f) {
    enum { ROWS = 32, COLS = 512, N = 4 };
    const uint8_t all[] = {0x00, 0xff, 0x80, 0x7f};
    const size_t bytes = ROWS * pal_format_bytes(f, COLS);
    uint8_t *data = test_take(bytes);
    float *x = test_take(N * COLS * 4), *y = test_take(N * ROWS * 4);
    uint32_t bad = 0;
    for (uint32_t i = 0; i < N * COLS; i++) x[i] = i / COLS % 2 && i % 4 > 1 ? -1 : 1;
    for (uint32_t k = 0; k < 4; k++) {
        for (size_t i = 0; i < bytes; i++) data[i] = all[k];
        tame_scales(f, data, bytes / f->bytes);
        const pal_mat file = {f, data, ROWS, COLS, 0, 0}, w = weave(&file);
        for (uint32_t n = 2; n <= N; n += 2) { /* few, many */
            pal_act a = pal_act_make(x, n, COLS, test_take(pal_act_bytes(n, COLS)));
            pal_matmul(&w, &a, y);
            for (uint32_t i = 0; i < n * ROWS; i++) bad += !same(y[i], twin(&file, i % ROWS, x + i / ROWS * COLS));
        }
    }
    if (bad) test_print(f->name), test_print(" differs from its twin where sums are largest\n");
    CHECK(bad == 0);
}

/* Weaving loses nothing: every row and any bytes come back; a part of the rows multiplies as it does in the whole. */
static void check_weave(const pal_format *f) {
    enum { ROWS = 53, N = 5 };
    uint32_t cols = f->block == 1 ? 40 : 2 * f->block, part = 19;
    size_t row = pal_format_bytes(f, cols), bytes = ROWS * row;
    uint8_t *data = test_take(bytes), *back = test_take(bytes);
    float *a = test_take(cols * 4), *b = test_take(cols * 4), *x = test_take(N * cols * 4),
          *y = test_take(N * ROWS * 4);
    float *some = test_take(N * ROWS * 4);
    wild(f, data, bytes / f->bytes);
    pal_mat file = {f, data, ROWS, cols, 0, 0}, w = weave(&file);
    CHECK(w.woven == (f->integer ? 48 : 0));
    pal_unweave_bytes(f, w.data, w.woven, cols, 0, back, bytes);
    CHECK(pal_bytes_equal(back, data, bytes));
    pal_unweave_bytes(f, w.data, w.woven, cols, bytes / 3, back, 64 < row ? 64 : row);
    CHECK(pal_bytes_equal(back, data + bytes / 3, 64 < row ? 64 : row));
    for (uint32_t r = 0; r < ROWS; r++) {
        pal_mat_row(&file, r, a), pal_mat_row(&w, r, b);
        CHECK(pal_bytes_equal(a, b, cols * 4));
    }
    tame(f, data, bytes / f->bytes);
    for (uint32_t i = 0; i < N * cols; i++) x[i] = test_uniform(&seed, -3, 3);
    w = weave(&file);
    pal_act act = pal_act_make(x, N, cols, test_take(pal_act_bytes(N, cols)));
    pal_matmul(&w, &act, y);
    for (uint32_t first = 0; first + part <= ROWS; first += 17) {
        pal_mat view = {f, w.data, part, cols, first, w.woven};
        pal_matmul(&view, &act, some);
        for (uint32_t t = 0; t < N; t++) CHECK(pal_bytes_equal(some + t * part, y + t * ROWS + first, part * 4));
        pal_mat_row(&view, 3, a), pal_mat_row(&file, first + 3, b);
        CHECK(pal_bytes_equal(a, b, cols * 4));
    }
}

/* Against the unpacked weights in double: off by no more than half a step of each activation. */
static void check_value(const pal_format *f) {
    enum { ROWS = 19, COLS = 512 };
    uint8_t *data = test_take(ROWS * pal_format_bytes(f, COLS));
    float *x = test_take(COLS * 4), *row = test_take(COLS * 4), y[ROWS];
    tame(f, data, ROWS * COLS / f->block);
    for (uint32_t i = 0; i < COLS; i++) x[i] = test_uniform(&seed, -1, 1);
    pal_mat file = {f, data, ROWS, COLS, 0, 0}, w = weave(&file);
    pal_act a = pal_act_make(x, 1, COLS, test_take(pal_act_bytes(1, COLS)));
    pal_matmul(&w, &a, y);
    for (uint32_t r = 0; r < ROWS; r++) {
        double want = 0, slack = 1e-5;
        pal_mat_row(&w, r, row);
        for (uint32_t i = 0; i < COLS; i++) {
            double size = row[i] < 0 ? -row[i] : row[i];
            want += (double)row[i] * x[i];
            slack += size * (f->integer ? 0.5 * a.runs[i / 32].d * 1.001 : 2e-6) + size * 1e-6;
        }
        NEAR(y[r], want, slack);
    }
}

/* Each token alone gives the bits it has in a batch; rows may be split anywhere, and memory brought near from anywhere. */
static void check_alone(const pal_format *f) {
    enum { ROWS = 37, COLS = 256, N = 19 };
    uint8_t *data = test_take(ROWS * pal_format_bytes(f, COLS));
    float *x = test_take(N * COLS * 4), *y = test_take(N * ROWS * 4), *one = test_take(ROWS * 4);
    void *scratch = test_take(pal_act_bytes(N, COLS)), *small = test_take(pal_act_bytes(1, COLS));
    tame(f, data, ROWS * COLS / f->block);
    for (uint32_t i = 0; i < N * COLS; i++) x[i] = test_uniform(&seed, -5, 5);
    pal_mat file = {f, data, ROWS, COLS, 0, 0}, w = weave(&file);
    pal_act a = pal_act_make(x, N, COLS, scratch);
    pal_matmul(&w, &a, y);
    for (uint32_t t = 0; t < N; t++) {
        a = pal_act_make(x + t * COLS, 1, COLS, small);
        uint32_t cut = t % (ROWS + 1);
        a.ahead = t < N - 1 ? 128 * t : UINT32_MAX;
        pal_matmul_rows(&w, &a, 0, cut, one, ROWS);
        pal_matmul_rows(&w, &a, cut, ROWS, one + cut, ROWS);
        CHECK(pal_bytes_equal(one, y + t * ROWS, ROWS * 4));
    }
}

/* However memory is brought near, a large matrix gives the same bits, and nothing behind it is read (sanitizers tell): rows
   enough for four streams, three groups more than they share, and rows so long that they are read piece by piece. */
static void check_near(const pal_format *f) {
    enum { FOUR = 16 * 4 * 8, MOST = FOUR + 16 * 3, N = 3 };
    for (uint32_t i = 0; i < (f->integer ? 2 : 1); i++) {
        const uint32_t cols = i ? 17 * 256 : 256, rows = i ? FOUR : MOST;
        uint8_t *data = test_take(rows * pal_format_bytes(f, cols));
        float *x = test_take(N * cols * 4), *y = test_take(N * MOST * 4), *want = test_take(N * MOST * 4);
        tame(f, data, rows * cols / f->block);
        for (uint32_t k = 0; k < N * cols; k++) x[k] = test_uniform(&seed, -5, 5);
        pal_mat file = {f, data, rows, cols, 0, 0}, w = weave(&file);
        pal_act a = pal_act_make(x, N, cols, test_take(pal_act_bytes(N, cols)));
        pal_matmul(&w, &a, want);
        for (const uint32_t *ahead = (const uint32_t[]){64, 512, PAL_STREAMS, 0}; *ahead; ahead++)
            for (a.n = 1; a.n <= N; a.n += 2) {
                a.ahead = *ahead;
                pal_matmul(&w, &a, y);
                CHECK(pal_bytes_equal(y, want, a.n * rows * 4));
            }
    }
}

/* One hash per class of bits (design I4): every build of the class, native or wasm, must print the same. */
static void check_bits(void) {
    enum { ROWS = 5, COLS = 512, N = 3 };
#ifdef PAL_FUSED
    const uint64_t want = 0x873cfd893d04563c;
#else
    const uint64_t want = 0xebe01997d0ae90ba;
#endif
    uint64_t hash = 0;
    float *x = test_take(N * COLS * 4), *y = test_take(N * ROWS * 4);
    void *scratch = test_take(pal_act_bytes(N, COLS));
    seed = 99;
    for (uint32_t i = 0; i < N * COLS; i++) x[i] = test_uniform(&seed, -4, 4);
    pal_act a = pal_act_make(x, N, COLS, scratch);
    for (uint32_t i = 0; pal_format_row(i); i++) {
        const pal_format *f = pal_format_row(i);
        uint8_t *data = test_take(ROWS * pal_format_bytes(f, COLS));
        tame(f, data, ROWS * COLS / f->block);
        pal_matmul(&(pal_mat){f, data, ROWS, COLS, 0, 0}, &a, y);
        hash = pal_hash(hash, y, N * ROWS * 4);
    }
    bool right = hash == want;
    CHECK(right);
    char digits[18] = "0123456789abcdef\n";
    for (int i = 15; i >= 0; i--, hash >>= 4) digits[i] = "0123456789abcdef"[hash & 15];
    if (!right) test_print("matmul bits: "), test_print(digits);
}

/* A scale of 64, an infinite one and NaN are refused wherever they are, also in the rows that are not woven. */
static void check_refused(const pal_format *f) {
    enum { ROWS = 19 };
    const size_t bytes = ROWS * (size_t)f->bytes;
    uint8_t *data = test_take(bytes), *copy = test_take(bytes), *staging = test_take(16 * f->bytes);
    const uint16_t halves[] = {0x53ff, 0xd3ff, 0x5400, 0xd400, 0x7c00, 0xfe00};
    wild(f, data, ROWS);
    for (uint32_t i = 0; f->integer && i < ROWS * (1u + has_min(f)); i++)
        for (uint32_t k = 0; k < 6; k++) {
            pal_copy(copy, data, bytes);
            pal_copy(copy + i % ROWS * f->bytes + scale_at(f) + i / ROWS * 2, &halves[k], 2);
            CHECK(pal_weave(f, copy, ROWS, f->block, staging) == (k < 2));
        }
}

/* The largest codes and activations: no sum of products saturates or wraps, neither of few tokens nor of many. */
static void check_extremes(const pal_format *f) {
    enum { ROWS = 19, COLS = 256, N = 5 };
    const size_t bytes = ROWS * pal_format_bytes(f, COLS);
    uint8_t *data = test_take(bytes);
    float *x = test_take(N * COLS * 4), *y = test_take(N * ROWS * 4);
    for (int32_t code = -128; code <= 127; code += 255) /* of Q8_0; and all bits */
        for (int32_t sign = -1; sign <= 1; sign += 2)
            for (uint32_t n = 1; n <= N; n += N - 1) {
                for (size_t i = 0; i < bytes; i++) data[i] = f->type == 8 ? (uint8_t)code : 0xff;
                for (uint32_t i = 0; i < N * COLS; i++) x[i] = (float)(sign * 127);
                tame_scales(f, data, bytes / f->bytes);
                pal_mat file = {f, data, ROWS, COLS, 0, 0}, w = weave(&file);
                pal_act a = pal_act_make(x, n, COLS, test_take(pal_act_bytes(n, COLS)));
                pal_matmul(&w, &a, y);
                for (uint32_t i = 0; i < n * ROWS; i++) CHECK(same(y[i], twin(&file, i % ROWS, x)));
            }
}

/* The vector conversions give what the scalar ones give, for every half and every bfloat16. */
static void check_halves(void) {
    uint32_t bad = 0;
    for (uint32_t h = 0; h < 65536; h += 4) {
        uint16_t four[4] = {(uint16_t)h, (uint16_t)(h + 1), (uint16_t)(h + 2), (uint16_t)(h + 3)};
        f4 half = f4_from_f16(four), brain = f4_from_bf16(four);
        for (uint32_t i = 0; i < 4; i++)
            bad += !same(half[i], pal_f16_f32(four[i])) + !same(brain[i], pal_bits_f32((h + i) << 16));
    }
    CHECK(bad == 0);
}

static void check_activations(void) {
    float x[64] = {0}, nan = pal_bits_f32(0x7fc00000), inf = pal_bits_f32(0x7f800000);
    void *scratch = test_take(pal_act_bytes(1, 64));
    x[32] = -2.0f, x[33] = 1.0f, x[34] = 0.5f / 127 * 2, x[35] = 1.5f / 127 * 2, x[63] = 2.0f;
    pal_act a = pal_act_make(x, 1, 64, scratch);
    CHECK(a.runs[0].d == 0 && a.q[0] == 0 && a.runs[0].minus[0][0] == 0);
    CHECK(a.runs[1].d == 2.0f / 127.0f && a.q[32] == -127 && a.q[33] == 64 && a.q[63] == 127);
    CHECK(a.runs[1].minus[0][0] == -a.q[32] - a.q[33] && a.runs[1].minus[0][1] == -a.q[34] - a.q[35]);
    CHECK(a.runs[1].minus[1][0] == 0 && a.runs[1].minus[1][1] == -127 && a.runs[1].below == 127);
    x[3] = nan, x[40] = -inf;
    a = pal_act_make(x, 1, 64, scratch);
    CHECK(a.runs[0].d != a.runs[0].d && a.q[3] == 0 && a.runs[1].d == inf && a.q[40] == 0);
    x[40] = -0x1.000002p32f;
    a = pal_act_make(x, 1, 64, scratch);
    CHECK(a.runs[1].d == inf && a.q[40] == 0);
    CHECK(pal_act_make(x, 1, 33, NULL).q == NULL && pal_act_bytes(1, 33) == 0);

    float long_x[256];
    for (uint32_t i = 0; i < 256; i++) long_x[i] = i / 16 == 5 ? -3 : i / 16 == 4 ? 1 : 0.001f;
    a = pal_act_make(long_x, 1, 256, test_take(pal_act_bytes(1, 256)));
    const pal_act_run *run = a.runs + 2; /* codes 42 and -127 */
    CHECK(run->halves[1] == -16383 && run->halves[0] == 5418 && run->both[0] == -10965);
    CHECK(a.runs[1].both[0] == 11 && a.runs[0].both[1] == 11 && a.runs[7].halves[0] == 5);
    CHECK(run->unit == run->d * (127 * 16) / 16383 && a.runs[7].unit == run->unit);
}

void test_matmul(void) {
    check_halves();
    check_activations();
    check_bits();
    for (uint32_t i = 0; pal_format_row(i); i++) {
        const pal_format *f = pal_format_row(i);
        check_twin(f);
        if (f->integer) check_largest(f);
        check_extremes(f);
        check_value(f);
        check_alone(f);
        check_near(f);
        check_weave(f);
        check_refused(f);
    }
}
