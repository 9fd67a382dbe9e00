/* Host of the C tests inside a shipped engine: the same objects, with these tests in place of entry.c.
   Memory behind __heap_base: the fixtures as one packed blob that the runner (tests/engine-tests.js) wrote there,
   then what test_take gives, grown as needed (a test module may grow its memory; the engine never does).

   blob = u32 count, then per file u32 {name address, name bytes, address, bytes}; addresses are absolute. */
#include "host.h"
#include "test.h"

__attribute__((import_module("env"), import_name("print"))) void host_print(const char *text, size_t n);

extern uint8_t __heap_base;
static const uint32_t *blob;
static uintptr_t first, next;

void test_print(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    host_print(text, n);
}

void *test_take(size_t n) {
    uintptr_t at = (next + 63) & ~(uintptr_t)63, end = at + n;
    if (end < at) __builtin_trap();
    size_t pages = (end + 65535) >> 16, have = __builtin_wasm_memory_size(0);
    if (pages > have && __builtin_wasm_memory_grow(0, pages - have) == (size_t)-1) __builtin_trap();
    next = end;
    pal_zero((void *)at, n);
    return (void *)at;
}

void host_release(void) { next = first; }

test_file test_fixture(const char *name) {
    size_t n = 0;
    while (name[n]) n++;
    for (uint32_t i = 0; i < blob[0]; i++) {
        const uint32_t *file = blob + 1 + 4 * i;
        if (file[1] != n || !pal_bytes_equal((const void *)(uintptr_t)file[0], name, n)) continue;
        uint8_t *bytes = test_take(file[3]); /* a copy: tests may write */
        pal_copy(bytes, (const void *)(uintptr_t)file[2], file[3]);
        return (test_file){bytes, file[3]};
    }
    test_check(false, name, 0, "fixture is missing");
    return (test_file){NULL, 0};
}

__attribute__((export_name("heap"))) uintptr_t heap(void) { return (uintptr_t)&__heap_base; }

/* Test i of the list, or all when only is 0 (else a terminated name); free memory begins at `from`.
   Returns the count of failed checks. */
__attribute__((export_name("run"))) int32_t run(const uint32_t *files, uintptr_t from, const char *only) {
    blob = files;
    first = next = from;
    test_failures = test_checks = 0;
    return test_run(only);
}
__attribute__((export_name("checks"))) int32_t checks(void) { return test_checks; }
