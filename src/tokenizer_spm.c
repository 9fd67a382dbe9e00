/* SentencePiece BPE (`llama`): the whole text, its spaces written as U+2581, is merged by the scores of the tokens;
   characters without a token become byte tokens. Source: Kudo and Richardson 2018; behaviour of llama.cpp's
   llm_tokenizer_spm (among equal scores the leftmost pair merges first). */
#include "tokenizer_internal.h"

/* A space takes three bytes; one more may stand in front. */
size_t pal_spm_scratch(size_t n) { return merge_scratch(3 * (n + 1)); }

/* Higher scores first; the bits of a float in the order of its values, turned round. */
static uint32_t score_key(const pal_tokenizer *t, const uint8_t *left, size_t left_bytes, size_t right_bytes) {
    int32_t id = pal_vocab_find_word(t, left, left_bytes + right_bytes);
    if (id < 0) return UINT32_MAX;
    float score = (float)pal_kv_number(t->scores, (uint32_t)id);
    if (score != score) return UINT32_MAX - 1;
    uint32_t bits = pal_f32_bits(score + 0.0f); /* -0 is 0 */
    return bits >> 31 ? bits : ~(bits | 0x80000000);
}

void pal_spm_encode(const pal_tokenizer *t, const uint8_t *text, size_t n, bool prefix, id_list *out,
                    pal_arena *scratch) {
    merge_state s;
    size_t spaces = prefix;
    for (size_t i = 0; i < n; i++) spaces += text[i] == ' ';
    pal_merge_take(&s, scratch, n + prefix + 2 * spaces);
    s.m = 0;
    for (size_t i = 0; i < n + prefix; i++) {
        uint8_t c = i < prefix ? ' ' : text[i - prefix];
        if (c == ' ')
            s.m += pal_utf8_put(s.word + s.m, 0x2581);
        else
            s.word[s.m++] = c;
    }
    for (size_t i = 0, length; i < s.m; i += length) { /* characters by their first byte, whatever follows it */
        length = s.word[i] >= 0xf0 ? 4 : s.word[i] >= 0xe0 ? 3 : s.word[i] >= 0xc0 ? 2 : 1;
        if (length > s.m - i) length = s.m - i;
        s.span[i] = s.span[i + length - 1] = (uint32_t)length;
    }
    pal_merge_run(&s, t, score_key);
    for (size_t i = 0; i < s.m; i += s.span[i]) {
        int32_t id = pal_vocab_find_word(t, s.word + i, s.span[i]);
        if (id >= 0) id_push(out, (uint32_t)id);
        for (size_t b = i; id < 0 && b < i + s.span[i]; b++)
            if (t->byte_id[s.word[b]] >= 0) id_push(out, (uint32_t)t->byte_id[s.word[b]]);
    }
}
