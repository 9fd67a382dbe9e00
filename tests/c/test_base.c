/* Ground: halves against a slow reference, hash, arena, errors. */
#include "../../src/half.h"
#include "../../src/simd_int.h"
#include "test.h"

/* The value of a half by its definition; the caller leaves out inf and NaN. */
static double half_value(uint32_t h) {
    uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
    double v = exponent ? 1024 + fraction : fraction;
    for (uint32_t e = exponent ? exponent : 1; e < 25; e++) v /= 2;
    for (uint32_t e = 25; e < exponent; e++) v *= 2;
    return h & 0x8000 ? -v : v;
}

/* Nearest half, ties to the even one, by walking to it: the slow reference. */
static uint32_t slow_half(float f) {
    uint32_t sign = pal_f32_bits(f) >> 16 & 0x8000, low = 0, high = 0x7c00; /* 0x7c00 stands for 2^16 here */
    double a = f < 0 ? -(double)f : f;
    if (a >= 65536) return sign | 0x7c00;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (half_value(middle) <= a)
            low = middle;
        else
            high = middle;
    }
    double down = a - half_value(low), up = half_value(high) - a;
    return sign | (down < up || (down == up && low % 2 == 0) ? low : high);
}

static void halves_to_floats(void) {
    uint32_t wrong = 0, changed = 0, lanes = 0;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = pal_f16_f32((uint16_t)h);
        bool special = (h & 0x7c00) == 0x7c00, nan = special && (h & 0x3ff);
        if (nan)
            wrong += f == f || pal_f32_bits(f) >> 31 != h >> 15;
        else if (special)
            wrong += f != (h & 0x8000 ? -__builtin_inff() : __builtin_inff());
        else
            wrong += f != half_value(h) || pal_f32_bits(f) >> 31 != h >> 15;
        uint32_t back = pal_f32_f16(f);
        changed += nan ? (back & 0x7c00) != 0x7c00 || !(back & 0x3ff) || back >> 15 != h >> 15 : back != h;
        uint16_t four[4] = {0x3c00, (uint16_t)h, 0xfbff, (uint16_t)(h ^ 0x8000)};
        f4 v = f4_from_f16(four);
        lanes += v[0] != 1 || v[2] != -65504;
        if (nan)
            lanes += v[1] == v[1] || v[3] == v[3]; /* a signalling NaN may become quiet */
        else
            lanes += pal_f32_bits(v[1]) != pal_f32_bits(f) || pal_f32_bits(v[3]) != (pal_f32_bits(f) ^ 0x80000000);
    }
    CHECK(wrong == 0);
    CHECK(changed == 0);
    CHECK(lanes == 0);
}

static void floats_to_halves(void) {
    uint32_t wrong = 0;
    for (uint32_t h = 0; h < 0x7c00; h++) { /* the tie between neighbours, and the floats right beside it */
        double next = h == 0x7bff ? 65536 : half_value(h + 1);
        uint32_t tie = pal_f32_bits((float)((half_value(h) + next) / 2));
        for (uint32_t bits = tie - 1; bits <= tie + 1; bits++) {
            wrong += pal_f32_f16(pal_bits_f32(bits)) != slow_half(pal_bits_f32(bits));
            uint32_t minus = bits | 0x80000000;
            wrong += pal_f32_f16(pal_bits_f32(minus)) != slow_half(pal_bits_f32(minus));
        }
    }
    CHECK(wrong == 0);
    uint64_t seed = 5;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t bits = (uint32_t)test_random(&seed);
        if ((bits & 0x7f800000) == 0x7f800000) continue;
        wrong += pal_f32_f16(pal_bits_f32(bits)) != slow_half(pal_bits_f32(bits));
        bits = (bits & 0x83ffffff) + 0x32000000 + (i % 28 << 23); /* most floats lie outside the range of halves */
        wrong += pal_f32_f16(pal_bits_f32(bits)) != slow_half(pal_bits_f32(bits));
    }
    CHECK(wrong == 0);
    CHECK(pal_f32_f16(65519.996f) == 0x7bff && pal_f32_f16(65520) == 0x7c00 && pal_f32_f16(-1e30f) == 0xfc00);
    CHECK(pal_f32_f16(0x1p-25f) == 0 && pal_f32_f16(0x1.000002p-25f) == 1 && pal_f32_f16(0x1p-149f) == 0);
    CHECK(pal_f32_f16(__builtin_inff()) == 0x7c00 && (pal_f32_f16(__builtin_nanf("")) & 0x7fff) == 0x7e00);
}

static void hashes(void) {
    uint8_t bytes[64];
    uint64_t seen[65];
    for (uint32_t i = 0; i < 64; i++) bytes[i] = (uint8_t)(i * 37);
    for (uint32_t n = 0; n <= 64; n++) {
        seen[n] = pal_hash(0, bytes, n);
        for (uint32_t m = 0; m < n; m++) CHECK(seen[m] != seen[n]);
    }
    for (uint32_t n = 1; n <= 24; n++)
        for (uint32_t bit = 0; bit < n * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(pal_hash(0, bytes, n) != seen[n]);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    CHECK(pal_hash(1, bytes, 9) != seen[9] && pal_hash(seen[9], bytes, 9) != seen[9]);
    uint8_t shifted[65];
    pal_copy(shifted + 1, bytes, 64);
    CHECK(pal_hash(0, shifted + 1, 61) == seen[61]);
    CHECK(seen[0] == 0xcbf29ce44fd0bfc1); /* frozen: saved states carry such hashes */
    CHECK(seen[7] == 0x5c4123d7a2ecbb2b);
    CHECK(seen[64] == 0x148df2afa7936f7b);

    for (uint32_t n = 0; n <= 64; n++) {
        seen[n] = pal_hash_wide(bytes, n);
        for (uint32_t m = 0; m < n; m++) CHECK(seen[m] != seen[n]);
    }
    for (uint32_t bit = 0; bit < 64 * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(pal_hash_wide(bytes, 64) != seen[64]);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(seen[0] == 0x90f54fe726066c93 && seen[31] == 0x4ff6c46831393bbf); /* frozen: kept pieces carry such hashes */
    CHECK(seen[63] == 0x65c43a74e7ccfddb && seen[64] == 0xba1818a9958635f);
}

static void arena(void) {
    uint8_t *block = test_take(112);
    for (int i = 0; i < 112; i++) block[i] = 0xff;
    pal_arena a = {block, 0, 112};
    uint8_t *first = pal_take(&a, 1), *second = pal_take(&a, 17);
    CHECK(first == block && second == block + 16 && first[0] == 0 && first[1] == 0xff);
    uint32_t sum = 0;
    for (int i = 0; i < 17; i++) sum += second[i];
    CHECK(sum == 0 && second[17] == 0xff && a.used == 33);
    CHECK(pal_take(&a, 65) == NULL && a.used == 33);
    CHECK(pal_take(&a, SIZE_MAX) == NULL && pal_take(&a, SIZE_MAX - 47) == NULL && a.used == 33);
    CHECK(pal_take(&a, 64) == block + 48 && a.used == 112 && block[111] == 0);
    CHECK(pal_take(&a, 1) == NULL && pal_take(&a, 0) == block + 112);
    pal_arena odd = {block, 0, 17};
    CHECK(pal_take(&odd, 17) == block && pal_take(&odd, 0) == NULL); /* its aligned start would lie behind the block */
    CHECK(pal_align(0) == 0 && pal_align(1) == 16 && pal_align(16) == 16 && pal_align(17) == 32);
}

static bool text_is(const pal_error *e, const char *want) {
    size_t n = 0;
    while (want[n]) n++;
    return pal_bytes_equal(e->text, want, n + 1);
}

static void errors(void) {
    pal_error e = {0};
    CHECK(pal_fail(NULL, PAL_E_MEMORY, PAL_STR("x"), "y") == PAL_E_MEMORY);
    CHECK(pal_fail(&e, PAL_E_FORMAT, PAL_STR("a\n\xff"), "is bad; mend it") == PAL_E_FORMAT);
    CHECK(e.code == PAL_E_FORMAT && text_is(&e, "a??: is bad; mend it"));
    CHECK(pal_fail(&e, PAL_E_FULL, PAL_STR(""), "second") == PAL_E_FULL);
    CHECK(e.code == PAL_E_FORMAT && text_is(&e, "a??: is bad; mend it")); /* the first failure stays */
    pal_error plain = {0};
    pal_fail(&plain, PAL_E_FULL, PAL_STR(""), "no subject");
    CHECK(text_is(&plain, "no subject"));
    char huge[400];
    for (int i = 0; i < 399; i++) huge[i] = 'h';
    huge[399] = 0;
    pal_error cut = {0}, full = {0};
    pal_fail(&cut, PAL_E_FULL, (pal_str){huge, 399}, "end");
    CHECK(cut.text[95] == 'h' && pal_bytes_equal(cut.text + 96, "...: end", 9));
    pal_fail(&full, PAL_E_FULL, (pal_str){huge, 399}, huge);
    CHECK(full.text[250] == 'h' && full.text[251] == 0);
}

void test_base(void) {
    halves_to_floats();
    floats_to_halves();
    hashes();
    arena();
    errors();
    const uint8_t le[8] = {1, 2, 3, 0x84, 5, 6, 7, 0x88};
    CHECK(pal_read16(le) == 0x0201 && pal_read32(le) == 0x84030201 && pal_read64(le) == 0x8807060584030201);
    CHECK(pal_str_is(PAL_STR("abc"), "abc") && pal_str_is(PAL_STR(""), "") && !pal_str_is(PAL_STR("ab"), "abc"));
    CHECK(!pal_str_is(PAL_STR("abc"), "ab") && !pal_str_is(PAL_STR("abc"), "abd"));
    CHECK(pal_bytes_equal("ab", "ac", 1) && !pal_bytes_equal("ab", "ac", 2) && pal_bytes_equal("a", "b", 0));
}
