/* Byte-level BPE (`gpt2`): text -> words (tokenizer_pre.c) -> bytes -> merges by rank -> ids. Works on raw bytes; the
   byte alphabet in which the file spells its tokens is undone when the vocabulary is opened.
   Source: Sennrich et al. 2016; Radford et al. 2019 (byte alphabet); behaviour of llama.cpp's llm_tokenizer_bpe. */
#include "tokenizer_internal.h"

/* A byte that is not UTF-8 becomes U+FFFD: up to three bytes of a word for one of text. */
size_t pal_bpe_scratch(size_t n) { return 2 * 16 + n * 5 + merge_scratch(3 * n); }

static void push_symbol(const pal_tokenizer *t, const uint8_t *word, size_t n, id_list *out) {
    int32_t id = pal_vocab_find_word(t, word, n);
    if (id >= 0) {
        id_push(out, (uint32_t)id);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (t->byte_id[word[i]] >= 0) id_push(out, (uint32_t)t->byte_id[word[i]]);
}

static void encode_word(const pal_tokenizer *t, merge_state *s, id_list *out) {
    if (t->ignore_merges || s->m == 1) {
        int32_t id = pal_vocab_find_word(t, s->word, s->m);
        if (id >= 0) {
            id_push(out, (uint32_t)id);
            return;
        }
    }
    for (size_t i = 0; i < s->m; i++) s->span[i] = 1;
    pal_merge_run(s, t, pal_vocab_merge_rank);
    for (size_t i = 0; i < s->m; i += s->span[i]) push_symbol(t, s->word + i, s->span[i], out);
}

void pal_bpe_encode(const pal_tokenizer *t, const uint8_t *text, size_t n, id_list *out, pal_arena *scratch) {
    size_t n_cps = 0, longest = 0, word_bytes = 0;
    uint8_t character[4];
    uint32_t *cps = pal_take(scratch, n * 4);
    uint8_t *marks = pal_take(scratch, n);
    PAL_ASSERT(cps && marks);
    for (size_t at = 0; at < n; n_cps++) {
        at += pal_utf8_get(text + at, n - at, &cps[n_cps]);
        marks[n_cps] = (uint8_t)pal_cp_class(cps[n_cps]);
    }
    pal_pre_run(&t->pre, cps, marks, n_cps);
    for (size_t i = 0; i < n_cps; i++) {
        if (marks[i] & PRE_MARK) word_bytes = 0;
        word_bytes += pal_utf8_put(character, cps[i]);
        if (word_bytes > longest) longest = word_bytes;
    }
    merge_state s;
    pal_merge_take(&s, scratch, longest);
    for (size_t i = 0; i < n_cps;) {
        s.m = 0;
        do s.m += pal_utf8_put(s.word + s.m, cps[i]);
        while (++i < n_cps && !(marks[i] & PRE_MARK));
        encode_word(t, &s, out);
    }
}
