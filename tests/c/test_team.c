/* Parts of a step: each done once, cut evenly, and no bit depends on how many there are or in which order they come.
   Here a team of its own takes the parts backwards; real threads are in tests/node/threads.test.js. */
#include "../../src/layer/layer.h"
#include "test.h"

static void backwards(pal_team *t, pal_job *job, void *ctx, uint32_t parts) {
    (void)t;
    for (uint32_t part = parts; part-- > 0;) job(ctx, part, parts);
}

enum { UNITS = 37 };
static void count(void *ctx, uint32_t part, uint32_t parts) {
    uint32_t *times = ctx;
    CHECK(part < parts);
    for (uint32_t i = pal_part_from(UNITS, part, parts); i < pal_part_from(UNITS, part + 1, parts); i++) times[i]++;
}

static void cuts(void) {
    for (uint32_t threads = 1; threads <= 5; threads++) {
        pal_team team = {threads, PAL_AHEAD, backwards};
        for (uint32_t parts = 0; parts <= 2 * UNITS; parts++) {
            uint32_t times[UNITS] = {0}, wrong = 0;
            pal_team_run(&team, count, times, parts);
            for (uint32_t i = 0; i < UNITS; i++) wrong += times[i] != (parts > 0);
            CHECK(wrong == 0);
        }
        for (uint32_t n = 0; n < 100; n++) {
            uint32_t parts = pal_team_parts(&team, n, 1 << 24);
            CHECK(parts <= n && (parts >= threads || parts == n || threads == 1) && (n == 0 || parts > 0));
            CHECK(pal_team_parts(&team, n, 100) == (n > 0));
            for (uint64_t work = 1 << 17; work < 1 << 20;
                 work += 9999) { /* even for every thread, or as fine as can be */
                parts = pal_team_parts(&team, n, work);
                CHECK(parts == n || (n >= 2 * parts && (parts < threads || parts % threads == 0)));
            }
        }
    }
    for (uint32_t part = 0; part < 7; part++) { /* no part is more than one unit larger than another */
        uint32_t units = pal_part_from(UNITS, part + 1, 7) - pal_part_from(UNITS, part, 7);
        CHECK(units == UNITS / 7 || units == UNITS / 7 + 1);
    }
    CHECK(pal_part_from(UINT32_MAX, PAL_MAX_PARTS, PAL_MAX_PARTS) == UINT32_MAX);
    pal_team far = {1, 768, NULL};
    CHECK(pal_team_ahead(&far) == 768 && pal_team_ahead(NULL) == PAL_AHEAD);
    CHECK(pal_team_threads(NULL) == 1 && pal_team_parts(NULL, 1000, 1 << 24) == 1);
    uint32_t times[UNITS] = {0};
    pal_team_run(NULL, count, times, 3);
    for (uint32_t i = 0; i < UNITS; i++) CHECK(times[i] == 1);
}

/* Three products with biases over 7 tokens, as q, k and v are: rows that are no multiple of a tile among them. */
static void products(uint32_t type) {
    enum { COLS = 256, N = 7, MATS = 3 }; /* work enough for three parts */
    static const uint32_t rows[MATS] = {100, 16, 33};
    const pal_format *f = pal_format_of(type);
    uint64_t seed = type;
    pal_linear linear[MATS];
    pal_product whole[MATS], split[MATS];
    float *x = test_take(N * COLS * sizeof *x);
    for (uint32_t i = 0; i < N * COLS; i++) x[i] = test_uniform(&seed, -2, 2);
    for (uint32_t m = 0; m < MATS; m++) {
        uint32_t n = rows[m] * COLS;
        float *w = test_take(n * sizeof *w), *bias = test_take(rows[m] * sizeof *bias);
        uint8_t *data = test_take(pal_format_bytes(f, n));
        for (uint32_t i = 0; i < n; i++) w[i] = test_uniform(&seed, -1, 1);
        for (uint32_t i = 0; i < rows[m]; i++) bias[i] = test_uniform(&seed, -1, 1);
        f->pack(w, data, n);
        linear[m] = (pal_linear){{.format = f, .data = data, .rows = rows[m], .cols = COLS}, m == 1 ? NULL : bias};
        whole[m] = (pal_product){&linear[m], test_take(N * rows[m] * sizeof(float))};
        split[m] = (pal_product){&linear[m], test_take(N * rows[m] * sizeof(float))};
    }
    pal_act in = pal_act_make(x, N, COLS, test_take(pal_act_bytes(N, COLS)));
    pal_products(NULL, &in, whole, MATS);
    for (uint32_t m = 0; m < MATS; m++) { /* nobody shares: the matrix product and the bias */
        float *y = test_take(N * rows[m] * sizeof *y);
        pal_matmul(&linear[m].w, &in, y);
        for (uint32_t t = 0; linear[m].bias && t < N; t++) pal_add(y + t * rows[m], linear[m].bias, rows[m]);
        CHECK(pal_bytes_equal(y, whole[m].y, N * rows[m] * sizeof *y));
    }
    for (uint32_t threads = 1; threads <= 4; threads++) {
        pal_team team = {threads, PAL_AHEAD, backwards};
        for (uint32_t m = 0; m < MATS; m++) pal_zero(split[m].y, N * rows[m] * sizeof(float));
        pal_products(&team, &in, split, MATS);
        for (uint32_t m = 0; m < MATS; m++) CHECK(pal_bytes_equal(split[m].y, whole[m].y, N * rows[m] * sizeof(float)));
    }
}

void test_team(void) {
    cuts();
    for (uint32_t i = 0; pal_format_row(i); i++) products(pal_format_row(i)->type);
}
