/* Products of the float formats: rows as they are in the file, 16 running sums (matmul.h). */
#include "matmul.h"
#include "half.h"
#include "quant_rows.h"
#include "simd.h"

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
    uint8_t tail[2][64] = {{0}};
    float xs[2][16] = {{0}};
    PAL_ROLLED for (uint32_t c = 0; c < cols; c += 16) {
        const uint32_t rest = cols - c;
        for (uint32_t r = 0; r < R; r++) at[r] = w[r] + (size_t)c * f->bytes;
        for (uint32_t t = 0; t < T; t++) of[t] = x[t] + c;
        if (rest < 16) {
            for (uint32_t r = 0; r < R; r++) pal_copy(tail[r], at[r], rest * f->bytes), at[r] = tail[r];
            for (uint32_t t = 0; t < T; t++) pal_copy(xs[t], of[t], rest * 4), of[t] = xs[t];
        }
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
        const uint8_t *row = w->data + (size_t)(w->first + r) * a->cols * f->bytes;
        const uint8_t *at[2] = {row, row + (size_t)(rows - 1) * a->cols * f->bytes};
        for (uint32_t t = 0, T; t < a->n; t += T) {
            const float *x = a->x + (size_t)t * a->cols, *of[2] = {x, x + a->cols};
            float out[2][2];
            T = a->n - t < 2 ? 1 : 2;
            if (T == 2)
                float_tile(f, at, of, a->cols, 2, 2, out);
            else
                float_tile(f, at, of, a->cols, 2, 1, out);
            PAL_ROLLED for (uint32_t j = 0; j < T; j++) for (uint32_t i = 0; i < rows; i++)
                y[(size_t)(t + j) * stride + (r - row0) + i] = out[i][j];
        }
    }
}

#define FLOATS(F)                                                                                          \
    PAL_APART void product_##F(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, \
                               uint32_t stride) {                                                          \
        const floats f = {PAL_BYTES_##F, load_##F};                                                        \
        float_walk(&f, w, a, row0, row1, y, stride);                                                       \
    }
FLOATS(F32)
FLOATS(F16)
FLOATS(BF16)

void pal_matmul_float(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, uint32_t stride) {
    if (w->format->type == PAL_TYPE_F32)
        product_F32(w, a, row0, row1, y, stride);
    else if (w->format->type == PAL_TYPE_F16)
        product_F16(w, a, row0, row1, y, stride);
    else
        product_BF16(w, a, row0, row1, y, stride);
}
