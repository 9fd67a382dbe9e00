/* One tile, four rows (one per lane) times up to 16 tokens, instantiated per format. The order of every sum is in matmul.h;
   the scalar twin that must give the same bits is in tests/c/test_matmul.c.
   Tried, not kept: an own tile for one token (in one noisy run from slower to a third faster decode in Node, for 45 % more code). */
#include "matmul.h"
#include "matmul_blocks.h"

/* ---- activations ---- */

size_t pal_act_bytes(uint32_t n, uint32_t cols) {
    if (cols % 32) return 0;
    size_t runs = (size_t)n * (cols / 32);
    return pal_align(runs * 32) + pal_align(runs * 4) + pal_align(runs * 4);
}

/* 32 activations: scale max|x|/127, codes rounded to nearest even; below 2^-100 all is zero. The maximum is taken over
   the bits of |x|, which order like the values and put NaN above inf: a block that is not finite gets codes 0 and that
   scale, so y is NaN. */
static float quantise32(const float *x, int8_t *q, int16_t *s) {
    i4 most = {0};
    for (uint32_t i = 0; i < 32; i += 4) {
        i4 v = (i4)f4_abs(f4_load(x + i)), more = v > most;
        most = (more & v) | (~more & most);
    }
    int32_t top = most[0];
    for (uint32_t i = 1; i < 4; i++) top = most[i] > top ? most[i] : top;
    float max = pal_bits_f32((uint32_t)top);
    bool usual = max >= 0x1p-100f && top < 0x7f800000; /* else the codes are 0: too small, or not finite */
    float inverse = usual ? 127.0f / max : 0;
    for (uint32_t half = 0; half < 2; half++) {
        i4 sum = {0};
        for (uint32_t i = 16 * half; i < 16 * half + 16; i += 4) {
            const i4 magic =
                i4_set(0x4b400000); /* 1.5 * 2^23: the addition rounds to an integer, found in the low bits */
            i4 code = usual ? (i4)(f4_load(x + i) * f4_set(inverse) + (f4)magic) - magic : i4_set(0);
            for (uint32_t j = 0; j < 4; j++) q[i + j] = (int8_t)code[j];
            sum += code;
        }
        s[half] = (int16_t)i4_sum(sum);
    }
    return max >= 0x1p-100f || top > 0x7f800000 ? max / 127.0f : 0;
}

pal_act pal_act_make(const float *x, uint32_t n, uint32_t cols, void *scratch) {
    if (cols % 32) return (pal_act){.x = x, .n = n, .cols = cols};
    int8_t *q = scratch;
    float *d = (float *)(q + pal_align((size_t)n * cols));
    int16_t *s = (int16_t *)((uint8_t *)d + pal_align((size_t)n * (cols / 32) * 4));
    for (size_t b = 0; b < (size_t)n * (cols / 32); b++) d[b] = quantise32(x + 32 * b, q + 32 * b, s + 2 * b);
    return (pal_act){x, q, d, s, n, cols};
}

/* ---- integer formats ---- */

/* What the compiler must know of a format to build its tile; all constant after inlining. */
typedef struct {
    uint32_t runs, bytes;  /* runs of 32 and bytes per block */
    int32_t offset;        /* subtracted from each code */
    bool pairs, min, wide; /* a scale per 16; a minimum; codes of the whole int8 range */
    head (*head)(const uint8_t *const at[4]);
    scales (*scale)(const head *h, uint32_t s);
    void (*codes)(const uint8_t *at, uint32_t s, b16 w[2]);
} kind;

/* One run of 32 of four rows times one token. */
PAL_INLINE f4 run(const kind *f, const scales *z, const b16 (*w)[2], const int8_t *q, f4 dx, const int16_t *s, f4 acc) {
    b16 x0 = b16_load(q), x1 = b16_load(q + 16);
    i4 low[4], high[4], sum, zero = {0};
    PAL_UNROLL for (int r = 0; r < 4; r++) {
        low[r] = f->wide ? i4_dot_b16(w[r][0], x0, zero) : i4_dot_b16_u7(x0, w[r][0], zero);
        i4 start = f->pairs ? zero : low[r];
        high[r] = f->wide ? i4_dot_b16(w[r][1], x1, start) : i4_dot_b16_u7(x1, w[r][1], start);
    }
    sum = i4_sum4(high[0], high[1], high[2], high[3]);
    if (f->pairs)
        sum =
            (i4_sum4(low[0], low[1], low[2], low[3]) - f->offset * s[0]) * z->g[0] + (sum - f->offset * s[1]) * z->g[1];
    else
        sum -= f->offset * (s[0] + s[1]);
    acc = f4_madd(z->A * dx, f4_from(sum), acc);
    if (!f->min) return acc;
    return f4_madd(z->B * dx, f4_from(f->pairs ? z->m[0] * s[0] + z->m[1] * s[1] : i4_set(s[0] + s[1])), acc);
}

/* Rows row[0..3] times T tokens from t0 into acc[T], one row per lane. The weights are unpacked once for all T. */
PAL_INLINE void tile(const kind *f, const uint8_t *const row[4], const pal_act *a, uint32_t t0, uint32_t T, f4 *acc) {
    size_t runs = a->cols / 32, at = 0;
    for (uint32_t t = 0; t < T; t++) acc[t] = f4_set(0);
    PAL_ROLLED for (size_t k = t0 * runs; k < (t0 + 1) * runs; at += f->bytes) {
        const uint8_t *block[4] = {row[0] + at, row[1] + at, row[2] + at, row[3] + at};
        head h = f->head(block);
        PAL_ROLLED for (uint32_t j = 0; j < f->runs; j++, k++) {
            scales z = f->scale(&h, j);
            b16 w[4][2];
            PAL_UNROLL for (int r = 0; r < 4; r++) f->codes(block[r], j, w[r]);
            size_t of = k;
            PAL_ROLLED for (uint32_t t = 0; t < T; t++, of += runs) acc[t] =
                run(f, &z, w, a->q + of * 32, f4_set(a->d[of]), a->s + of * 2, acc[t]);
        }
    }
}

enum { TOKENS = 16 }; /* of one tile */

/* Walks rows by four and tokens by TOKENS; the last rows are repeated to fill the tile. */
PAL_INLINE void walk(const kind *f, const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y,
                     uint32_t stride) {
    size_t row_bytes = (size_t)(a->cols / (32 * f->runs)) * f->bytes;
    for (uint32_t r = row0; r < row1; r += 4) {
        const uint8_t *row[4];
        uint32_t rows = row1 - r < 4 ? row1 - r : 4;
        for (uint32_t i = 0; i < 4; i++) row[i] = w->data + (size_t)(r + (i < rows ? i : rows - 1)) * row_bytes;
        for (uint32_t t = 0; t < a->n; t += TOKENS) {
            f4 acc[TOKENS];
            uint32_t T = a->n - t < TOKENS ? a->n - t : TOKENS;
            tile(f, row, a, t, T, acc);
            for (uint32_t j = 0; j < T; j++)
                for (uint32_t i = 0; i < rows; i++) y[(size_t)(t + j) * stride + (r - row0) + i] = acc[j][i];
        }
    }
}

typedef void product(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, uint32_t stride);

#define INTEGER(F, head, scale, offset, pairs, min, wide)                                                     \
    static void product_##F(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y,       \
                            uint32_t stride) {                                                                \
        const kind f = {PAL_BLOCK_##F / 32, PAL_BYTES_##F, offset, pairs, min, wide, head, scale, codes_##F}; \
        walk(&f, w, a, row0, row1, y, stride);                                                                \
    }
// clang-format off
/*      format  head       scale       offset pairs  min    wide */
INTEGER(Q4_0,   head_d,    scale_d,    8,     false, false, false)
INTEGER(Q4_1,   head_dm,   scale_d,    0,     false, true,  false)
INTEGER(Q5_0,   head_d,    scale_d,    16,    false, false, false)
INTEGER(Q5_1,   head_dm,   scale_d,    0,     false, true,  false)
INTEGER(Q8_0,   head_d,    scale_d,    0,     false, false, true)
INTEGER(Q2_K,   head_Q2_K, scale_Q2_K, 0,     true,  true,  false)
INTEGER(Q3_K,   head_Q3_K, scale_Q3_K, 4,     true,  false, false)
INTEGER(Q4_K,   head_K,    scale_K,    0,     false, true,  false)
INTEGER(Q5_K,   head_K,    scale_K,    0,     false, true,  false)
INTEGER(Q6_K,   head_Q6_K, scale_Q6_K, 32,    true,  false, false)
// clang-format on

/* ---- float formats ---- */

PAL_INLINE f4 load_F32(const uint8_t *p) {
    f4 v;
    pal_copy(&v, p, 16);
    return v;
}
PAL_INLINE f4 load_F16(const uint8_t *p) { return f4_from_f16(p); }
PAL_INLINE f4 load_BF16(const uint8_t *p) { return f4_from_bf16(p); }

typedef struct {
    uint32_t bytes; /* per weight */
    f4 (*load)(const uint8_t *p);
} floats;

/* 16 columns of R rows and T tokens into their 16 running sums. */
PAL_INLINE void step16(const floats *f, const uint8_t *const *w, const float *const *x, const uint32_t R,
                       const uint32_t T, f4 (*sum)[2][4]) {
    PAL_UNROLL for (uint32_t i = 0; i < 4; i++) PAL_UNROLL for (uint32_t r = 0; r < R; r++) {
        f4 v = f->load(w[r] + 4 * i * f->bytes);
        PAL_UNROLL for (uint32_t t = 0; t < T; t++) sum[r][t][i] = f4_madd(v, f4_load(x[t] + 4 * i), sum[r][t][i]);
    }
}

/* Rows w[0..R-1] times tokens x[0..T-1], all of them cols long; the tail is padded with zeros. */
PAL_INLINE void float_tile(const floats *f, const uint8_t *const *w, const float *const *x, uint32_t cols,
                           const uint32_t R, const uint32_t T, float (*y)[2]) {
    f4 sum[2][2][4] = {{{{0}}}};
    const uint8_t *at[2];
    const float *of[2];
    uint32_t c = 0;
    PAL_ROLLED for (; c + 16 <= cols; c += 16) {
        for (uint32_t r = 0; r < R; r++) at[r] = w[r] + (size_t)c * f->bytes;
        for (uint32_t t = 0; t < T; t++) of[t] = x[t] + c;
        step16(f, at, of, R, T, sum);
    }
    if (c < cols) {
        uint8_t tail[2][64] = {{0}};
        float xs[2][16] = {{0}};
        uint32_t rest = cols - c;
        for (uint32_t r = 0; r < R; r++)
            pal_copy(tail[r], w[r] + (size_t)c * f->bytes, rest * f->bytes), at[r] = tail[r];
        for (uint32_t t = 0; t < T; t++) pal_copy(xs[t], x[t] + c, rest * 4), of[t] = xs[t];
        step16(f, at, of, R, T, sum);
    }
    for (uint32_t r = 0; r < R; r++)
        for (uint32_t t = 0; t < T; t++)
            y[r][t] = f4_sum((sum[r][t][0] + sum[r][t][2]) + (sum[r][t][1] + sum[r][t][3]));
}

/* Two rows at a time times two tokens or one. */
PAL_INLINE void float_walk(const floats *f, const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y,
                           uint32_t stride) {
    for (uint32_t r = row0; r < row1; r += 2) {
        uint32_t rows = row1 - r < 2 ? 1 : 2;
        const uint8_t *row = w->data + (size_t)r * a->cols * f->bytes;
        const uint8_t *at[2] = {row, row + (size_t)(rows - 1) * a->cols * f->bytes};
        for (uint32_t t = 0, T; t < a->n; t += T) {
            const float *x = a->x + (size_t)t * a->cols, *of[2] = {x, x + a->cols};
            float out[2][2];
            T = a->n - t < 2 ? 1 : 2;
            if (T == 2)
                float_tile(f, at, of, a->cols, 2, 2, out);
            else
                float_tile(f, at, of, a->cols, 2, 1, out);
            for (uint32_t j = 0; j < T; j++)
                for (uint32_t i = 0; i < rows; i++) y[(size_t)(t + j) * stride + (r - row0) + i] = out[i][j];
        }
    }
}

#define FLOATS(F)                                                                                       \
    static void product_##F(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, \
                            uint32_t stride) {                                                          \
        const floats f = {PAL_BYTES_##F, load_##F};                                                     \
        float_walk(&f, w, a, row0, row1, y, stride);                                                    \
    }
FLOATS(F32)
FLOATS(F16)
FLOATS(BF16)

/* ---- entries ---- */

void pal_matmul_rows(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, uint32_t stride) {
    PAL_ASSERT(a->cols == w->cols && w->cols % w->format->block == 0 && row1 <= w->rows);
    PAL_ASSERT(!w->format->integer || a->q);
    switch (w->format->type) {
#define X(F, type, block, bytes, integer)         \
    case type:                                    \
        product_##F(w, a, row0, row1, y, stride); \
        break;
        PAL_FORMATS(X)
#undef X
    default:
        PAL_ASSERT(false);
    }
}

void pal_mat_row(const pal_mat *w, uint32_t row, float *out) {
    PAL_ASSERT(row < w->rows);
    w->format->unpack(w->data + (size_t)row * pal_format_bytes(w->format, w->cols), out, w->cols);
}
