#include "layer.h"

void pal_norm_rows(const pal_norm *norm, const float *x, uint32_t n, uint32_t dim, float *y) {
    for (uint32_t t = 0; t < n; t++, x += dim, y += dim) {
        if (norm->kind == PAL_NORM_RMS)
            pal_rmsnorm(x, norm->w, dim, norm->eps, y);
        else if (norm->kind == PAL_NORM_LAYER)
            pal_layernorm(x, norm->w, norm->b, dim, norm->eps, y);
        else if (y != x)
            pal_copy(y, x, dim * sizeof *y);
    }
}

void pal_linear_rows(const pal_linear *l, const pal_act *x, float *y) {
    pal_matmul(&l->w, x, y);
    if (l->bias)
        for (uint32_t t = 0; t < x->n; t++) pal_add(y + (size_t)t * l->w.rows, l->bias, l->w.rows);
}
