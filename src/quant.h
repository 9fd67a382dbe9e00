/* The table of number formats, one row each: how GGUF stores a run of weights, and its exact value.
   Block layouts after ggml-quants (ggml-org/llama.cpp); results are bit-exact with its dequantisation. */
#ifndef PAL_QUANT_H
#define PAL_QUANT_H

#include "base.h"

typedef struct {
    const char *name; /* as in GGUF file names: "Q4_K" */
    uint32_t type;    /* ggml type id */
    uint32_t block;   /* weights per block: 1, 32 or 256 */
    uint32_t bytes;   /* bytes per block */
    bool integer;     /* products run on int8 activations (else on f32 activations) */
    void (*unpack)(const uint8_t *from, float *to, size_t n); /* n: a multiple of block */
    void (*pack)(const float *from, uint8_t *to, size_t n);   /* round to nearest in the block's own grid */
} pal_format;

/* NULL for a type that this engine lacks. */
const pal_format *pal_format_of(uint32_t ggml_type);
/* Rows of the table in order; NULL past the end (for listing what is supported). */
const pal_format *pal_format_row(uint32_t i);

static inline size_t pal_format_bytes(const pal_format *f, uint64_t n) { return (size_t)(n / f->block) * f->bytes; }

#endif
