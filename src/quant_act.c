/* Activations of the integer formats: what of them the products of matmul.c want. */
#include "matmul.h"
#include "simd_int.h"

size_t pal_act_bytes(uint32_t n, uint32_t cols) {
    if (cols % 32) return 0;
    size_t runs = (size_t)n * (cols / 32);
    return pal_align(runs * 32) + pal_align(runs * sizeof(pal_act_run));
}

/* The nearest integers, even at a tie: the addition of 1.5 * 2^23 leaves them in the low bits. */
PAL_INLINE i4 nearest(f4 v) { return (i4)(v + f4_set(0x1.8p23f)) - 0x4b400000; }

/* 32 activations: scale max|x|/127, codes rounded to nearest even; below 2^-90 all is zero. The maximum is taken over
   the bits of |x|, which order like the values and put NaN above inf: a block beyond 2^32, where no model's are, gets
   codes 0 and the scale inf or NaN, so y is NaN. */
static pal_act_run quantise32(const float *x, int8_t *q) {
    pal_act_run made = {0};
    i4 most = {0};
    for (uint32_t i = 0; i < 32; i += 4) most = i4_max((i4)f4_abs(f4_load(x + i)), most);
    float max = pal_bits_f32((uint32_t)i4_top(most)[0]);
    bool usual = max >= 0x1p-90f && max <= 0x1p32f; /* else the codes are 0 */
    float inverse = usual ? 127.0f / max : 0;
    i4 negative = {0};
    for (uint32_t half = 0; half < 2; half++) {
        i4 sum = {0}, codes[4];
        PAL_UNROLL for (uint32_t i = 0; i < 4; i++) {
            i4 code = nearest(f4_load(x + 16 * half + 4 * i) * f4_set(inverse));
            codes[i] = usual ? code : i4_set(0);
            sum += codes[i];
            negative -= codes[i] & (codes[i] < 0);
        }
        b16_store(q + 16 * half, b16_from(codes));
        made.minus[half][0] = (int16_t)(-sum[0] - sum[1]), made.minus[half][1] = (int16_t)(-sum[2] - sum[3]);
    }
    made.below = (int16_t)i4_sum(negative);
    made.d = usual ? max / 127.0f : max < 0x1p-90f ? 0 : max * __builtin_inff();
    return made;
}
static int32_t sum_of(const pal_act_run *x, uint32_t half) { return -(x->minus[half][0] + x->minus[half][1]); }

/* The sums of a block of 256 in units of 1/16383 of the largest of 16 columns; what is not finite makes the unit so. */
PAL_APART void sums256(pal_act_run *x) {
    uint32_t bits = 0; /* they order like the values */
    PAL_ROLLED for (uint32_t i = 0; i < 16; i++) {
        const uint32_t size = pal_f32_bits(x[i / 2].d * (float)sum_of(x + i / 2, i % 2)) & 0x7fffffff;
        bits = size > bits ? size : bits;
    }
    const float most = pal_bits_f32(bits), inverse = most > 0 ? 16383 / most : 0;
    PAL_ROLLED for (uint32_t i = 0; i < 8; i++) {
        const int32_t a = sum_of(x + i, 0), b = sum_of(x + i, 1);
        const i4 code = nearest((f4){(float)a, (float)b, (float)(a + b), 0} * f4_set(x[i].d) * f4_set(inverse));
        x[i].unit = most / 16383;
        x[i].halves[0] = (int16_t)code[0], x[i].halves[1] = (int16_t)code[1];
        x[i].both[0] = (int16_t)code[2];
        if (i % 2) x[i - 1].both[1] = (int16_t)code[2];
    }
}

pal_act pal_act_make(const float *x, uint32_t n, uint32_t cols, void *scratch) {
    if (cols % 32) return (pal_act){.x = x, .n = n, .cols = cols};
    int8_t *q = scratch;
    pal_act_run *runs = (pal_act_run *)(void *)(q + pal_align((size_t)n * cols));
    for (size_t run = 0; run < (size_t)n * (cols / 32); run++) {
        runs[run] = quantise32(x + 32 * run, q + 32 * run);
        if (cols % 256 == 0 && run % 8 == 7) sums256(runs + run - 7);
    }
    return (pal_act){x, q, runs, n, cols, 0};
}
