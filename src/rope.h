/* Rotary frequencies and tables of cosines and sines. */
#ifndef PAL_ROPE_H
#define PAL_ROPE_H

#include "model.h"

/* freq [n_rot/2], radians per position. reach: the largest position that will occur (chooses long or short factors). */
void pal_rope_frequencies(const pal_rope_spec *s, uint32_t reach, double *freq);
/* cs [n][2][n_rot/2]: cosines, then sines, at positions first .. first + n - 1. */
void pal_rope_table(const pal_rope_spec *s, const double *freq, uint64_t first, uint32_t n, float *cs);
/* Numbers of a table below 2 in magnitude, as round(x * 2^14). */
void pal_rope_fixed(const float *cs, uint32_t n, int16_t *cs16);
/* cs [2][n_rot/2] that turns what the table has rotated back by n positions; the magnitude stays. */
void pal_rope_back(const pal_rope_spec *s, const double *freq, uint32_t n, float *cs);

#endif
