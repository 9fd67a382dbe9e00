/* SHA-256 (FIPS 180-4), streaming: the state is the caller's, bytes are hashed where they lie. */
#ifndef PAL_SHA256_H
#define PAL_SHA256_H

#include "base.h"

typedef struct {
    uint64_t n; /* bytes so far */
    uint32_t h[8];
    uint8_t block[64]; /* holds n % 64 bytes */
} pal_sha256;

void pal_sha256_begin(pal_sha256 *s);
void pal_sha256_add(pal_sha256 *s, const void *bytes, size_t n);
/* Writes the digest; the state must then begin anew. */
void pal_sha256_end(pal_sha256 *s, uint8_t *digest /* [32] */);

#endif
