/* Counting and printing, shared by every host. The host (native.c, wasm.c) gives memory, fixtures and a place for text. */
#include "test.h"
#include "host.h"

int test_checks, test_failures;

static void put_number(char *at, double x) {
    char digits[24];
    int n = 0;
    if (x != x) {
        *at++ = 'n', *at++ = 'a', *at++ = 'n', *at = 0;
        return;
    }
    if (x < 0) *at++ = '-', x = -x;
    int exponent = 0;
    bool fraction = x < 1e9 && x != (double)(uint32_t)x;
    while (x >= 1e9 && exponent < 400) x /= 10, exponent++;
    while (fraction && x < 1e8 && exponent > -400) x *= 10, exponent--;
    uint64_t whole = (uint64_t)x;
    do digits[n++] = (char)('0' + whole % 10);
    while (whole /= 10);
    while (n) *at++ = digits[--n];
    if (exponent) {
        *at++ = 'e';
        if (exponent < 0) *at++ = '-', exponent = -exponent;
        if (exponent >= 100) *at++ = (char)('0' + exponent / 100);
        if (exponent >= 10) *at++ = (char)('0' + exponent / 10 % 10);
        *at++ = (char)('0' + exponent % 10);
    }
    *at = 0;
}

void test_print_number(double x) {
    char text[48];
    put_number(text, x);
    test_print(text);
}

static void where(const char *file, int line, const char *what) {
    test_print("FAILED ");
    test_print(file);
    test_print(":");
    test_print_number(line);
    test_print(": ");
    test_print(what);
}

void test_check(bool ok, const char *file, int line, const char *what) {
    test_checks++;
    if (ok) return;
    if (test_failures++ < 20) where(file, line, what), test_print("\n");
}

void test_near(double got, double want, double tolerance, const char *file, int line, const char *what) {
    double distance = got > want ? got - want : want - got;
    test_checks++;
    if (distance <= tolerance || got == want) return;
    if (test_failures++ >= 20) return;
    where(file, line, what);
    test_print(" is "), test_print_number(got), test_print(", wanted "), test_print_number(want), test_print("\n");
}

uint64_t test_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

float test_uniform(uint64_t *state, float low, float high) {
    return low + (high - low) * (float)(test_random(state) >> 40) * 0x1p-24f;
}

#define T(name) void test_##name(void);
TESTS(T)
#undef T

static bool same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* Runs all tests, or the one named; returns the count of failures. */
int test_run(const char *only) {
    int ran = 0;
#define T(name)                                                                                           \
    if (!only || same(only, #name)) {                                                                     \
        int before = test_failures, checks = test_checks;                                                 \
        test_##name();                                                                                    \
        host_release();                                                                                   \
        test_print(test_failures == before ? "ok     " : "FAILED "), test_print(#name), test_print(", "); \
        test_print_number(test_checks - checks), test_print(" checks\n");                                 \
        ran++;                                                                                            \
    }
    TESTS(T)
#undef T
    if (!ran) test_print("FAILED: no test of that name\n"), test_failures++;
    return test_failures;
}
