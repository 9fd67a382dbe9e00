/* Ground: fixed-width types, asserts, errors and the arena over memory that the caller owns. */
#ifndef PAL_BASE_H
#define PAL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arguments from inside are asserted; bytes from outside are checked and answered with an error. */
#ifdef NDEBUG
#define PAL_ASSERT(c) ((void)sizeof(!(c)))
#else
#define PAL_ASSERT(c) ((c) ? (void)0 : __builtin_trap())
#endif

#define pal_copy(to, from, n) __builtin_memcpy((to), (from), (n))
#define pal_move(to, from, n) __builtin_memmove((to), (from), (n))
#define pal_zero(to, n) __builtin_memset((to), 0, (n))

/* Kinds of failure, all negative. The text that names the key or tensor and the remedy is in pal_error. */
#define PAL_ERRORS(X)                                                        \
    X(MORE, -1)     /* not a failure: more bytes of the header are needed */ \
    X(FORMAT, -2)   /* the bytes are not what they claim to be */            \
    X(SUPPORT, -3)  /* well formed, but of a kind that this engine lacks */  \
    X(MEMORY, -4)   /* the block that the caller gave is too small */        \
    X(ARGUMENT, -5) /* an option or id outside its range */                  \
    X(PINNED, -6)   /* pinned tokens alone exceed the budget */              \
    X(FULL, -7)     /* policy `full` has no slot left */                     \
    X(FOREIGN, -8)  /* a saved state of another model, layout or version */

enum {
#define X(name, code) PAL_E_##name = code,
    PAL_ERRORS(X)
#undef X
};

typedef struct {
    const char *data; /* not terminated */
    size_t n;         /* bytes */
} pal_str;

#define PAL_STR(literal) ((pal_str){(literal), sizeof(literal) - 1})

typedef struct {
    int32_t code;   /* 0 or PAL_E_* */
    char text[252]; /* "subject: why; remedy", terminated, valid UTF-8 if the subject was */
} pal_error;

/* Writes "subject: why" (why is a literal that ends in the remedy; subject may be empty) and returns code.
   e may be NULL. The first failure stays. Bytes of the subject outside printable ASCII become '?'. */
int pal_fail(pal_error *e, int code, pal_str subject, const char *why);

bool pal_str_is(pal_str s, const char *terminated);
bool pal_bytes_equal(const void *a, const void *b, size_t n);

/* 64-bit hash of bytes (FNV-1a over 8-byte words, then bytes), chainable through seed; 0 starts. */
uint64_t pal_hash(uint64_t seed, const void *bytes, size_t n);
/* Another one, four words at a time: three times as fast over many bytes. */
uint64_t pal_hash_wide(const void *bytes, size_t n);

/* An arena hands out 16-byte aligned pieces of one block. Size first, then use: functions named *_size tell
   how large the block must be. */
typedef struct {
    uint8_t *base;
    size_t used, size;
} pal_arena;

/* NULL when the block is too small. The piece is zeroed. */
void *pal_take(pal_arena *a, size_t bytes);

/* Sizes of blocks are counted in 64 bits: what does not fit in 32-bit wasm must be seen to be too large. */
static inline uint64_t pal_align(uint64_t n) { return (n + 15) & ~(uint64_t)15; }

static inline uint16_t pal_read16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t pal_read32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t pal_read64(const uint8_t *p) { return pal_read32(p) | (uint64_t)pal_read32(p + 4) << 32; }
static inline float pal_bits_f32(uint32_t bits) {
    float f;
    pal_copy(&f, &bits, 4);
    return f;
}
static inline uint32_t pal_f32_bits(float f) {
    uint32_t bits;
    pal_copy(&bits, &f, 4);
    return bits;
}

/* IEEE half -> float, exact for every bit pattern (subnormals, inf, NaN). */
static inline float pal_f16_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = (uint32_t)(h & 0x7fff) << 13;
    if ((h & 0x7c00) == 0x7c00) return pal_bits_f32(sign | 0x7f800000 | rest);
    float magnitude = pal_bits_f32(rest) * 0x1p112f; /* exact: a power of two, no rounding */
    return pal_bits_f32(sign | pal_f32_bits(magnitude));
}
/* float -> IEEE half, round to nearest even, overflow to inf, NaN kept. */
uint16_t pal_f32_f16(float f);

#endif
