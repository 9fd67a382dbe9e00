/* Number formats: every value of llama.cpp's own blocks, and what packing loses. */
#include "../../src/quant.h"
#include "test.h"

static bool same(uint32_t a, uint32_t b) {
    return a == b || ((a & 0x7fffffff) > 0x7f800000 && (b & 0x7fffffff) > 0x7f800000);
}

static void check_blocks(void) {
    test_file file = test_fixture("formats/blocks.bin");
    uint32_t records = 0;
    for (size_t at = 0; at + 16 <= file.n; records++) {
        const uint8_t *p = file.bytes + at;
        uint32_t block = pal_read32(p + 4), bytes = pal_read32(p + 8), n = pal_read32(p + 12), wrong = 0;
        const pal_format *f = pal_format_of(pal_read32(p));
        CHECK(f && f->block == block && f->bytes == bytes);
        if (!f) return;
        float *got = test_take((size_t)n * block * 4);
        f->unpack(p + 16, got, (size_t)n * block);
        const uint8_t *want = p + 16 + (n * bytes + 3) / 4 * 4;
        for (uint32_t i = 0; i < n * block; i++) wrong += !same(pal_f32_bits(got[i]), pal_read32(want + 4 * i));
        if (wrong) test_print(f->name), test_print(" unpacks wrongly\n");
        CHECK(wrong == 0);
        at = (size_t)(want - file.bytes) + (size_t)n * block * 4;
    }
    CHECK(records == 13 && !pal_format_row(13) && !pal_format_of(9));
}

/* Relative RMS error on 32768 weights close to normal (sums of 12 uniforms), and what llama.cpp's reference quantiser
   (quantize_row_*_ref, Sept 2026) loses on the same weights. */
static const struct {
    uint32_t type;
    double theirs;
} known[] = {{0, 0},       {1, 2.1e-4},   {30, 1.7e-3},  {2, 0.08462},  {3, 0.07729},  {6, 0.04203}, {7, 0.03736},
             {8, 0.00527}, {10, 0.29347}, {11, 0.14828}, {12, 0.07039}, {13, 0.03555}, {14, 0.01748}};

static double square_root(double v) {
    double r = 1;
    for (int i = 0; i < 60; i++) r = (r + v / r) / 2;
    return r;
}

static void check_loss(void) {
    enum { N = 32768 };
    uint64_t seed = 1;
    float *x = test_take(N * 4), *y = test_take(N * 4);
    for (uint32_t i = 0; i < N; i++) {
        float sum = 0;
        for (uint32_t k = 0; k < 12; k++) sum += test_uniform(&seed, 0, 1);
        x[i] = (sum - 6) * 0.02f;
    }
    for (uint32_t i = 0; i < sizeof known / sizeof *known; i++) {
        const pal_format *f = pal_format_of(known[i].type);
        uint8_t *packed = test_take(pal_format_bytes(f, N));
        double error = 0, whole = 0;
        f->pack(x, packed, N);
        f->unpack(packed, y, N);
        for (uint32_t j = 0; j < N; j++)
            error += ((double)x[j] - y[j]) * ((double)x[j] - y[j]), whole += (double)x[j] * x[j];
        double loss = error == 0 ? 0 : square_root(error / whole);
        CHECK(loss <= known[i].theirs * 1.02 && loss >= known[i].theirs * 0.9);
        if (loss > known[i].theirs * 1.02)
            test_print(f->name), test_print(" loses "), test_print_number(loss), test_print("\n");
    }
}

/* Packs one block of a shape and returns the largest error of a weight. */
static float worst(const pal_format *f, float (*weight)(uint32_t i)) {
    float x[256], y[256], most = 0;
    uint8_t packed[256 * 4];
    for (uint32_t i = 0; i < 256; i++) x[i] = weight(i);
    f->pack(x, packed, 256);
    f->unpack(packed, y, 256);
    for (uint32_t i = 0; i < 256; i++) {
        float e = y[i] < x[i] ? x[i] - y[i] : y[i] - x[i];
        most = e <= most ? most : e; /* NaN wins */
    }
    return most;
}

static float zero(uint32_t i) { return i % 2 ? 0.0f : -0.0f; }
static float constant(uint32_t i) { return (void)i, -0.75f; }
static float positive(uint32_t i) { return (void)i, 3.0f; }
static float huge(uint32_t i) { return i % 3 ? 60000.0f : -50000.0f; }
static float tiny(uint32_t i) { return i % 2 ? 1e-9f : -3e-12f; }
static float subnormal(uint32_t i) { return (float)i * 1e-43f; }
static float spike(uint32_t i) { return i == 77 ? 1000.0f : (float)(i % 5) * 0.001f; }
static float ramp(uint32_t i) { return ((float)i - 128) / 128; }
static float step(uint32_t i) { return i == 200 ? 1.0f : 0; }

static void check_odd_blocks(void) {
    for (uint32_t i = 0; i < 13; i++) {
        const pal_format *f = pal_format_row(i);
        bool coarse = f->type == 10 || f->type == 11; /* 2 and 3 bits */
        CHECK(worst(f, zero) == 0);
        NEAR(worst(f, constant), 0, f->integer ? 0.02 : 0);
        NEAR(worst(f, positive), 0, f->integer ? 0.08 : 0);
        NEAR(worst(f, huge), 0, coarse ? 23000 : 7600);
        NEAR(worst(f, tiny), 0, f->block == 1 ? 1e-9 : 3e-8);
        NEAR(worst(f, subnormal), 0, 1e-40);
        NEAR(worst(f, spike), 0, coarse ? 24 : 16);
        NEAR(worst(f, ramp), 0, coarse ? 0.16 : 0.07);
        NEAR(worst(f, step), 0, 0.03);
    }
}

/* What is not finite or beyond every grid is packed to something finite, by every format with codes. */
static void check_hostile_weights(void) {
    float x[256], y[256];
    uint8_t packed[256 * 4];
    uint32_t bits[8] = {0x7fc00000, 0xffffffff, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 1, 0x80000000};
    for (uint32_t i = 0; i < 256; i++) x[i] = pal_bits_f32(bits[i * 7 % 11 % 8]);
    for (uint32_t i = 0; i < 13; i++) {
        const pal_format *f = pal_format_row(i);
        uint32_t bad = 0;
        f->pack(x, packed, 256);
        f->unpack(packed, y, 256);
        for (uint32_t j = 0; j < 256; j++) bad += f->integer ? !(y[j] - y[j] == 0) : (x[j] != x[j]) != (y[j] != y[j]);
        CHECK(bad == 0);
    }
}

void test_quant(void) {
    check_blocks();
    check_loss();
    check_odd_blocks();
    check_hostile_weights();
}
