/* Keys and values of one KV head in their number format, and the two products over them. f16 becomes floats on the way; q8
   stays integers: queries and probabilities are quantised, and every sum of products within a block is exact (design I4). */
#ifndef PAL_CACHE_H
#define PAL_CACHE_H

#include "../simd_int.h"

enum {
    PAL_CACHE_BLOCK = 32,    /* slots */
    PAL_CACHE_COLUMNS = 32,  /* of values, at a time */
    PAL_CACHE_WIDEST = 1024, /* numbers of a head */
};
/* Heads take whole tiles: d16 is d rounded up to a multiple of 16, filled up with zeros. */
static inline uint32_t pal_cache_d16(uint32_t d) { return (d + 15) & ~15u; }

/* Keys that turn are read back, turned and stored again: q8 keeps 16 bits of them. */
typedef enum { PAL_CACHE_VALUES, PAL_CACHE_KEYS, PAL_CACHE_TURNING_KEYS } pal_cache_use;

/* The keys or the values of one KV head. */
typedef struct {
    uint8_t *at;
    uint32_t cap, d;
    pal_cache_use use;
    bool apart; /* best read in several places at once (PAL_STREAMS of matmul.h); no bit depends on it */
} pal_cache_rows;

/* What a query x [d16] is multiplied by: scale, and in turn i the rotation of row cs - i of a table [][n_rot]. */
typedef struct {
    const float *cs;
    const int16_t *cs16; /* the same * 2^14, for q8 */
    uint32_t n_rot, n;
    float scale;
} pal_cache_turns;

/* Queries as `dots` wants them. Of each token the scales of its heads, in 16 bytes each, then [turns][vectors][group]
   vectors of 16 bytes, which q8 pairs, see there. */
typedef struct {
    uint8_t *at;
    uint32_t tokens, turns, vectors, group;
} pal_cache_queries;

static inline size_t pal_cache_token_bytes(const pal_cache_queries *q) {
    return (size_t)16 * q->group * (1 + q->turns * q->vectors);
}
/* The scale of a head of a token; the vectors of a token in turn 0, and the bytes from turn to turn. */
static inline float *pal_cache_query_scale(const pal_cache_queries *q, uint32_t token, uint32_t head) {
    return (float *)(void *)(q->at + token * pal_cache_token_bytes(q) + 16 * head);
}
static inline uint8_t *pal_cache_queries_at(const pal_cache_queries *q, uint32_t token) {
    return q->at + token * pal_cache_token_bytes(q) + 16 * q->group;
}
static inline uint32_t pal_cache_turn_bytes(const pal_cache_queries *q) { return 16 * q->vectors * q->group; }

/* Probabilities of `tokens` tokens and their `group` query heads; token i has seen seen + i slots. */
typedef struct {
    const float *p;    /* [tokens][group][stride], stride a multiple of PAL_CACHE_BLOCK */
    const void *codes; /* [tokens][group][pal_cache_codes_bytes(stride)], see weights */
    uint32_t stride, tokens, group, seen;
} pal_cache_weights;

static inline uint32_t pal_cache_codes_bytes(uint32_t stride) { return stride + stride / PAL_CACHE_BLOCK * 4; }

typedef struct {
    const char *name;
    uint32_t q_vector;                                                     /* numbers of a query in a vector */
    uint64_t (*bytes)(uint32_t cap, uint32_t d, pal_cache_use use);        /* of one head, 16-byte aligned */
    void (*key)(const pal_cache_rows *c, uint32_t slot, const float *x);   /* stores x [d16] */
    void (*value)(const pal_cache_rows *c, uint32_t slot, const float *x); /* the same among values */
    void (*row)(const pal_cache_rows *c, uint32_t slot, float *x);         /* a key that turns, x [d16] */
    void (*bring)(const pal_cache_rows *c, uint32_t slot); /* what of it dots does not read; NULL: nothing */
    /* Stores x [d16] in each turn, as that head of that token. */
    void (*query)(const float *x, const pal_cache_turns *t, const pal_cache_queries *q, uint32_t token, uint32_t head);
    /* s[token][head][j] = query in turn rest[j] . key of slot j0 + j for j = 0 .. n - 1, n rounded up to a multiple of 8
       (s and rest have room); s: [tokens * group][stride]. */
    void (*dots)(const pal_cache_rows *c, uint32_t j0, uint32_t n, const uint8_t *rest, const pal_cache_queries *q,
                 float *s, uint32_t stride);
    /* Probabilities p [stride] of n slots, zeros behind, as `mix` wants them beside p; NULL: it takes p alone. */
    void (*weights)(const pal_cache_rows *c, const float *p, uint32_t n, uint32_t stride, void *codes);
    /* o[token][head][0 .. wide - 1] = sum over the slots it has seen of p * columns from .. from + wide - 1 of the values,
       in the order of the slots; wide <= PAL_CACHE_COLUMNS a multiple of 16; o: [tokens * group][o_stride] */
    void (*mix)(const pal_cache_rows *c, uint32_t from, uint32_t wide, const pal_cache_weights *w, float *o,
                uint32_t o_stride);
} pal_cache_format;

const pal_cache_format *pal_cache_row(uint32_t i); /* NULL past the end */
extern const pal_cache_format pal_cache_q8;

#endif
