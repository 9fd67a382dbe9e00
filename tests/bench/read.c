/* How fast this machine reads memory from wasm: the roof for a decode, which reads every weight once per token. */
#include "../../src/simd.h"

__attribute__((export_name("read"))) int32_t read(const uint8_t *p, uint32_t bytes) {
    i4 a = i4_set(0), b = a, c = a, d = a;
    for (uint32_t i = 0; i + 64 <= bytes; i += 64) {
        a ^= i4_load((const int32_t *)(p + i)), b ^= i4_load((const int32_t *)(p + i + 16));
        c ^= i4_load((const int32_t *)(p + i + 32)), d ^= i4_load((const int32_t *)(p + i + 48));
    }
    return i4_sum(a ^ b ^ c ^ d);
}
