/* Host of the C tests on a native machine: [TEST_FIXTURES=dir] ./tests [name] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "test.h"

static void *taken[4096];
static size_t n_taken;

void test_print(const char *text) { fputs(text, stdout); }

void *test_take(size_t n) {
    void *p = NULL;
    if (n_taken == 4096 || posix_memalign(&p, 64, n ? n : 1)) abort();
    memset(p, 0, n);
    return taken[n_taken++] = p;
}

void host_release(void) {
    while (n_taken) free(taken[--n_taken]);
}

test_file test_fixture(const char *name) {
    char path[1024];
    const char *folder = getenv("TEST_FIXTURES");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "tests/fixtures", name);
    FILE *f = fopen(path, "rb");
    test_check(f != NULL, path, 0, "fixture is missing");
    if (!f) return (test_file){NULL, 0};
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = test_take(n);
    if (fread(bytes, 1, n, f) != n) abort();
    fclose(f);
    return (test_file){bytes, n};
}

int main(int argc, char **argv) {
    int failures = test_run(argc > 1 ? argv[1] : NULL);
    printf("%d passed, %d failed\n", test_checks - failures, failures);
    return failures != 0;
}
