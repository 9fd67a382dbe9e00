/* The feed-forward layer.
   GLU (Shazeer, arXiv 2002.05202): y = W_down (act(W_gate x) * W_up x); without a gate (GPT-2): y = W_down act(W_up x).
   state: none. scratch: gate and up, 2 * chunk * n_ff floats. multiplications per token: 3 * dim * n_ff. */
#include "layer.h"

static uint64_t state_bytes(const pal_layer *l, const pal_bounds *b) {
    (void)l, (void)b;
    return 0;
}

static uint64_t scratch_bytes(const pal_layer *l, const pal_bounds *b) {
    return 2 * pal_align((uint64_t)b->chunk * l->mlp.up.w.rows * sizeof(float));
}

static uint32_t widest(const pal_layer *l) { return l->mlp.down.w.cols > l->dim ? l->mlp.down.w.cols : l->dim; }

/* gate = act(gate) * up for what only RetNet uses. */
static void gate_rarely(float *gate, const float *up, uint32_t n, uint32_t act) {
    if (act == PAL_ACT_GELU_ERF) pal_gelu_erf(gate, n);
    for (uint32_t i = 0; i < n; i++) gate[i] = (act == PAL_ACT_RELU && !(gate[i] > 0) ? 0 : gate[i]) * up[i];
}

static void forward(const pal_layer *l, const pal_chunk *c, void *state, const float *x, float *y) {
    const pal_mlp *m = &l->mlp;
    uint32_t n_ff = m->up.w.rows;
    float *up = (float *)c->scratch;
    float *hidden = (float *)(c->scratch + pal_align((size_t)c->bounds->chunk * n_ff * sizeof(float)));
    pal_act in = pal_act_make(x, c->n, l->dim, c->act);
    (void)state;

    pal_products(c->team, &in, (pal_product[]){{&m->up, up}, {&m->gate, hidden}}, m->gate.w.format ? 2 : 1);
    if (m->gate.w.format) {
        if (m->act == PAL_ACT_SILU)
            pal_silu_mul(hidden, up, c->n * n_ff);
        else if (m->act == PAL_ACT_GELU)
            pal_gelu_mul(hidden, up, c->n * n_ff);
        else
            gate_rarely(hidden, up, c->n * n_ff, m->act);
    } else {
        hidden = up;
        pal_gelu(hidden, c->n * n_ff);
    }
    pal_act mid = pal_act_make(hidden, c->n, n_ff, c->act);
    pal_products(c->team, &mid, &(pal_product){&m->down, y}, 1);
}

const pal_kind pal_mlp_kind = {"mlp", state_bytes, scratch_bytes, pal_zero_state, pal_any_state, forward, widest};
