/* The smallest test kit that runs natively and inside wasm: no libc, no allocation, text through one function. */
#ifndef TEST_H
#define TEST_H

#include "../../src/base.h"

void test_check(bool ok, const char *file, int line, const char *what);
void test_near(double got, double want, double tolerance, const char *file, int line, const char *what);
#define CHECK(c) test_check((c), __FILE__, __LINE__, #c)
#define NEAR(got, want, tolerance) test_near((got), (want), (tolerance), __FILE__, __LINE__, #got)

/* A file of tests/fixtures, by its path below that folder ("formats/Q4_0.gguf"); its absence is a failure. 64-byte aligned. */
typedef struct {
    const uint8_t *bytes;
    size_t n;
} test_file;
test_file test_fixture(const char *name);

/* Zeroed, 64-byte aligned memory until the end of the test; exactly n bytes under AddressSanitizer. */
void *test_take(size_t n);
void test_print(const char *text);
void test_print_number(double x);

/* splitmix64, for test data: the same everywhere. */
uint64_t test_random(uint64_t *state);
float test_uniform(uint64_t *state, float low, float high);

/* One row per test: a function `void test_<name>(void)` in tests/c/. */
#define TESTS(T) \
    T(base)      \
    T(sha256)    \
    T(gguf)      \
    T(quant)     \
    T(matmul)    \
    T(team)      \
    T(math)      \
    T(ops)       \
    T(sampler)   \
    T(tokenizer) \
    T(policy)    \
    T(kinds)     \
    T(session)

#endif
