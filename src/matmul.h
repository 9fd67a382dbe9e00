/* Matrix products: y[t][r] = sum over c of w[r][c] * x[t][c], weights in their number format, never expanded.
   The bits of y[t][r] depend on row r and token t alone: not on n, the tiling, or threads (design I4).
     integer formats: x is quantised once per token to int8 per 32 (scale = max|x|/127, f32); per 32 columns an exact
       integer sum s, in ascending order
         blocks of 32    acc = madd(weight scale * x scale, (float)s, acc), then the same of the minimum, where there is one
         blocks of 256   the integers hold the scales of their runs: part = madd(x scale, (float)s, part), from 0. Minima
                         are one exact sum m over the block, of sums of x (of 32 columns, or of 16) in 16 bits, in units u of
                         that block: acc = madd(-min scale * u, (float)m, acc); then acc = madd(scale, part, acc)
     float formats (F32, F16, BF16): 16 running sums, element c into sum c mod 16, madd; then
       sums of 16 are folded as (0..3 + 8..11) + (4..7 + 12..15), and the four lanes by f4_sum */
#ifndef PAL_MATMUL_H
#define PAL_MATMUL_H

#include "quant.h"

typedef struct {
    const pal_format *format;
    const uint8_t *data; /* of a whole tensor, rows of cols weights; no alignment is assumed */
    uint32_t rows, cols;
    uint32_t first; /* row of the tensor that is row 0 here */
    uint32_t woven; /* leading rows of the tensor that are woven (quant_weave.h), a multiple of 16 */
} pal_mat;

/* What is known of 32 activations q of a token. */
typedef struct {
    float d;             /* their scale */
    int16_t minus[2][2]; /* of each half: -sum of q over columns 0 and 1 of each four, over 2 and 3 */
    int16_t below;       /* sum of -q over the q below zero */
    /* In rows of whole blocks of 256, d * sum of q in units of a block: */
    int16_t halves[2], both[2]; /* of each half; of this run, and (of an even one) of the next */
    float unit;
} pal_act_run;

/* A quarter each of the rows in turn, so that memory is read in four places at once (pal_act.ahead). */
#define PAL_STREAMS 4u

/* Activations of n tokens, ready to be multiplied. */
typedef struct {
    const float *x;          /* [n][cols] */
    const int8_t *q;         /* [n][cols], -127..127; NULL when cols is not a multiple of 32 */
    const pal_act_run *runs; /* [n][cols/32] */
    uint32_t n, cols;
    uint32_t ahead; /* how memory is brought near for few tokens: so many bytes ahead, or PAL_STREAMS [0] */
} pal_act;

size_t pal_act_bytes(uint32_t n, uint32_t cols);
/* Quantises x [n][cols] into scratch (pal_act_bytes). x stays referenced. Beyond 2^32 a block of 32 makes y NaN. */
pal_act pal_act_make(const float *x, uint32_t n, uint32_t cols, void *scratch);

/* y[t*stride + r - row0] for rows row0 <= r < row1 of all tokens. */
void pal_matmul_rows(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, uint32_t stride);
/* Its part for the formats with pal_format.integer false (matmul_float.c). */
void pal_matmul_float(const pal_mat *w, const pal_act *a, uint32_t row0, uint32_t row1, float *y, uint32_t stride);
/* y[n][rows] */
static inline void pal_matmul(const pal_mat *w, const pal_act *a, float *y) {
    pal_matmul_rows(w, a, 0, w->rows, y, w->rows);
}
/* One row as floats (embedding lookup): out[cols]. */
void pal_mat_row(const pal_mat *w, uint32_t row, float *out);

#endif
