/* The gated short convolution of LFM2: B, C, x = W_in u;  y = W_out (C * conv(B * x)). A convolution alone: y = conv(x).
   state: the convolution's last inputs, (taps - 1) dim floats. */
#include "layer.h"

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    (void)b;
    return pal_conv_state(&l->shortconv.conv) * sizeof(float);
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    return 5 * pal_align((uint64_t)b->chunk * l->dim * sizeof(float));
}

static uint32_t widest(const pal_layer *l) { return l->dim; }

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_shortconv *s = &l->shortconv;
    const uint32_t D = l->dim;
    uint64_t at = (uintptr_t)c->scratch;
    float *in = pal_floats(&at, 3ull * c->n * D), *mixed = pal_floats(&at, (uint64_t)c->n * D);
    pal_act act = pal_act_make(x, c->n, D, c->act);

    pal_products(c->team, &act, &(pal_product){&s->in, in}, 1);
    for (uint32_t t = 0; t < c->n; t++) {
        float *B = in + 3 * (size_t)t * D;
        for (uint32_t i = 0; i < D; i++) B[i] *= B[2 * D + i];
    }
    pal_convolve(c->team, &s->conv, state, in, 3 * D, c->n, false, mixed);
    for (uint32_t t = 0; t < c->n; t++)
        for (uint32_t i = 0; i < D; i++) mixed[(size_t)t * D + i] *= in[(3 * (size_t)t + 1) * D + i];
    act = pal_act_make(mixed, c->n, D, c->act);
    pal_products(c->team, &act, &(pal_product){&s->out, y}, 1);
}

const pal_kind pal_shortconv_kind = {"shortconv",   state_bytes, scratch_bytes, pal_zero_state,
                                     pal_any_state, forward,     widest};

static uint64_t no_scratch(const pal_layer *l, const pal_bounds *b) {
    (void)l, (void)b;
    return 0;
}

static void alone(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    pal_convolve(c->team, &l->shortconv.conv, state, x, l->dim, c->n, false, y);
}

const pal_kind pal_conv_kind = {"conv", state_bytes, no_scratch, pal_zero_state, pal_any_state, alone, widest};
