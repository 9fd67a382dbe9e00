/* Merging the symbols of one word, best pair first: shared by BPE (rank of the merge) and SPM (score of the token).

   A symbol is a span of the word; span[] holds its length at its first and at its last byte, so both neighbours are
   found without links. Each symbol is at most once in a heap ordered by (key of the merge with its right neighbour,
   position): equal keys merge from the left. m bytes take O(m log m) steps of bounded cost. */
#include "tokenizer_internal.h"

enum { NOWHERE = 0xffffffff, NO_MERGE = 0xffffffff };

void pal_merge_take(merge_state *s, pal_arena *scratch, size_t m) {
    s->word = pal_take(scratch, m);
    s->span = pal_take(scratch, m * 4);
    s->key = pal_take(scratch, m * 4);
    s->heap = pal_take(scratch, m * 4);
    s->place = pal_take(scratch, m * 4);
    PAL_ASSERT(s->place != NULL);
}

static bool before(const merge_state *s, uint32_t a, uint32_t b) {
    return s->key[a] < s->key[b] || (s->key[a] == s->key[b] && a < b);
}

static void put(merge_state *s, size_t at, uint32_t symbol) {
    s->heap[at] = symbol;
    s->place[symbol] = (uint32_t)at;
}

/* Puts the symbol into the heap at or around `at`, which is free. */
static void settle(merge_state *s, size_t at, uint32_t symbol) {
    while (at && before(s, symbol, s->heap[(at - 1) / 2])) {
        put(s, at, s->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child; (child = 2 * at + 1) < s->n_heap; at = child) {
        if (child + 1 < s->n_heap && before(s, s->heap[child + 1], s->heap[child])) child++;
        if (!before(s, s->heap[child], symbol)) break;
        put(s, at, s->heap[child]);
    }
    put(s, at, symbol);
}

static void take_out(merge_state *s, uint32_t symbol) {
    size_t at = s->place[symbol];
    if (at == NOWHERE) return;
    s->place[symbol] = NOWHERE;
    uint32_t last = s->heap[--s->n_heap];
    if (last != symbol) settle(s, at, last);
}

/* Looks up the merge of the symbol with its right neighbour and files the symbol accordingly. */
static void renew(merge_state *s, const pal_tokenizer *t, merge_key *key, uint32_t symbol) {
    uint32_t n = s->span[symbol];
    take_out(s, symbol);
    s->key[symbol] = symbol + n < s->m ? key(t, s->word + symbol, n, s->span[symbol + n]) : NO_MERGE;
    if (s->key[symbol] != NO_MERGE) settle(s, s->n_heap++, symbol);
}

void pal_merge_run(merge_state *s, const pal_tokenizer *t, merge_key *key) {
    s->n_heap = 0;
    for (uint32_t i = 0; i < s->m; i += s->span[i]) {
        s->place[i] = NOWHERE;
        renew(s, t, key, i);
    }
    while (s->n_heap) {
        uint32_t left = s->heap[0], right = left + s->span[left], n = s->span[left] + s->span[right];
        take_out(s, right);
        s->span[left] = s->span[left + n - 1] = n;
        renew(s, t, key, left);
        if (left) renew(s, t, key, left - s->span[left - 1]);
    }
}
