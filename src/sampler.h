/* From logits to one token id. Pure: what it remembers (random state) is in the caller's state block.

   Order, as llama.cpp's default chain: bias, penalties, top_k, typical_p, top_p, min_p, temperature, draw. The
   probabilities inside the filters are softmaxes of what the filters before left over, before temperature. Filters keep
   at least one candidate; equal candidates leave highest id first; nothing is sorted, the cost is linear in n_vocab. */
#ifndef PAL_SAMPLER_H
#define PAL_SAMPLER_H

#include "ops.h"

typedef struct {
    float temperature;       /* 0: greedy (ties: the lowest id), the filters have no say */
    uint32_t top_k;          /* 0: off; else the k most probable */
    float top_p;             /* >= 1: off; else the fewest, most probable first, that reach p; 0 < p */
    float min_p;             /* 0: off; else those at least min_p times as probable as the best; <= 1 */
    float typical_p;         /* >= 1: off; else the fewest, nearest to the entropy first, that reach p; 0 < p */
    float repeat_penalty;    /* 1: off; divides positive and multiplies negative logits of recent tokens; > 0 */
    float presence_penalty;  /* 0: off; subtracted from the logits of recent tokens */
    float frequency_penalty; /* 0: off; times the count among recent tokens, subtracted */
} pal_sampling;

/* 0, or PAL_E_ARGUMENT naming the option that is out of range or NaN. */
int pal_sampling_check(const pal_sampling *s, pal_error *e);

/* Scratch for pal_sampler_pick, 16-byte aligned. */
size_t pal_sampler_bytes(uint32_t n_vocab);

/* s has passed pal_sampling_check; n_vocab >= 1. logits [n_vocab] are destroyed; NaN counts as -inf.
   recent [n_recent]: the last tokens, for the penalties. bias_ids/bias [n_bias]: added to the logits first (-inf
   forbids). Ids outside the vocabulary are passed over. rng: 64-bit state, advanced once when temperature > 0.
   -inf is never drawn, unless all are: then id 0. +inf is taken at once. */
uint32_t pal_sampler_pick(const pal_sampling *s, float *logits, uint32_t n_vocab, const uint32_t *recent,
                          uint32_t n_recent, const uint32_t *bias_ids, const float *bias, uint32_t n_bias,
                          uint64_t *rng, void *scratch);

/* splitmix64: the seed -> a state, and one uniform double in [0,1) with 53 bits. */
uint64_t pal_rng_seed(uint64_t seed);
double pal_rng_next(uint64_t *rng);

#endif
