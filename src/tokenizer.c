/* The public face: text -> ids and ids -> text. Special tokens are cut out first; what is left between them goes to
   BPE or SPM piece by piece, as in llama.cpp. */
#include "tokenizer_internal.h"

uint32_t pal_tokenizer_n(const pal_tokenizer *t) { return t->n; }
int32_t pal_tokenizer_id(const pal_tokenizer *t, uint32_t which) { return which < ID_COUNT ? t->id[which] : -1; }
bool pal_tokenizer_adds_bos(const pal_tokenizer *t) { return t->add_bos; }
bool pal_tokenizer_is_eog(const pal_tokenizer *t, uint32_t id) { return id < t->n && (t->attr[id] & ATTR_EOG); }
uint32_t pal_tokenizer_type(const pal_tokenizer *t, uint32_t id) { return id < t->n ? t->attr[id] & ATTR_TYPE : 0; }

/* ---- text -> ids ---- */

enum { LONGEST_TEXT = 1 << 25 }; /* 32 MB: positions and sizes then fit in 32 bits */

size_t pal_encode_scratch(const pal_tokenizer *t, size_t n) {
    if (n > LONGEST_TEXT) return SIZE_MAX;
    return 3 * 16 + pal_align(n) + (t->spm ? pal_spm_scratch(n) : pal_bpe_scratch(n));
}

/* BPE: a byte that is not UTF-8 becomes three. SPM: a space without a token is three byte tokens, and each special
   token may bring another space. */
size_t pal_encode_max(const pal_tokenizer *t, size_t n) { return (t->spm ? 4 : 3) * n + 8; }

int64_t pal_encode(const pal_tokenizer *t, const char *text, size_t n, uint32_t flags, uint32_t *ids, size_t max_ids,
                   void *scratch, size_t scratch_bytes) {
    if (n > LONGEST_TEXT) return PAL_E_ARGUMENT;
    if (scratch_bytes < pal_encode_scratch(t, n)) return PAL_E_MEMORY;
    pal_arena all = {scratch, 0, scratch_bytes};
    id_list out = {ids, 0, max_ids};
    uint8_t *owner = pal_take(&all, n);
    pal_special_claim(t, text, n, flags & PAL_ENCODE_SPECIAL, owner);
    if ((flags & PAL_ENCODE_BOS) && t->add_bos) id_push(&out, (uint32_t)t->id[ID_BOS]);
    bool after_special = true;
    for (size_t at = 0, end; at < n; at = end) {
        end = at + 1;
        if (owner[at] == OWNED_FIRST) {
            while (end < n && owner[end] == OWNED_REST) end++;
            id_push(&out, (uint32_t)pal_vocab_find_text(t, text + at, end - at));
            after_special = true;
        } else if (owner[at] == OWNED_FREE) {
            while (end < n && owner[end] == OWNED_FREE) end++;
            pal_arena rest = all;
            const uint8_t *piece = (const uint8_t *)text + at;
            if (t->spm)
                pal_spm_encode(t, piece, end - at, t->space_prefix && after_special, &out, &rest);
            else
                pal_bpe_encode(t, piece, end - at, &out, &rest);
            after_special = false;
        }
    }
    if ((flags & PAL_ENCODE_BOS) && t->add_eos) id_push(&out, (uint32_t)t->id[ID_EOS]);
    return out.n > max_ids ? PAL_E_MEMORY : (int64_t)out.n;
}

/* ---- ids -> text ---- */

typedef struct {
    char *out;
    size_t n, max; /* n counts beyond max */
    bool strip;    /* a space in front is dropped */
} writer;

static void put(writer *w, uint8_t byte) {
    bool drop = w->strip && byte == ' ';
    w->strip = false;
    if (drop) return;
    if (w->n < w->max) w->out[w->n] = (char)byte;
    w->n++;
}

static uint32_t hex(char c) {
    return c >= '0' && c <= '9'                 ? (uint32_t)(c - '0')
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10)
                                                : 0;
}

/* A word of BPE as the bytes behind the alphabet; where a character is not of it, all as spelt. */
static COLD void put_bpe(writer *w, const uint8_t *p, size_t n) {
    const uint8_t *at = p, *end = p + n;
    int32_t b;
    while ((b = pal_vocab_next_byte(&at, end)) >= 0) {
    }
    if (b == -1)
        for (at = p; (b = pal_vocab_next_byte(&at, end)) >= 0;) put(w, (uint8_t)b);
    else
        for (size_t i = 0; i < n; i++) put(w, p[i]);
}

static void put_spm(writer *w, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool space = i + 3 <= n && p[i] == 0xe2 && p[i + 1] == 0x96 && p[i + 2] == 0x81;
        put(w, space ? ' ' : p[i]);
        i += space ? 2 : 0;
    }
}

static void put_piece(writer *w, const pal_tokenizer *t, uint32_t id, bool special) {
    if (id >= t->n) return;
    uint32_t type = t->attr[id] & ATTR_TYPE;
    pal_str s = pal_vocab_text(t, id);
    const uint8_t *p = (const uint8_t *)s.data;
    if (type == PAL_TOKEN_NORMAL && t->spm)
        put_spm(w, p, s.n);
    else if (type == PAL_TOKEN_NORMAL)
        put_bpe(w, p, s.n);
    else if (type == PAL_TOKEN_BYTE)
        put(w, (uint8_t)(hex(s.data[3]) << 4 | hex(s.data[4])));
    else if (type == PAL_TOKEN_USER_DEFINED || (special && (type == PAL_TOKEN_CONTROL || type == PAL_TOKEN_UNKNOWN)))
        for (size_t i = 0; i < s.n; i++) put(w, p[i]);
}

size_t pal_piece(const pal_tokenizer *t, uint32_t id, bool special, char *out, size_t max) {
    writer w = {out, 0, max, false};
    put_piece(&w, t, id, special);
    return w.n;
}

static bool two(const char *p, char a, char b) { return p[0] == a && p[1] == b; }

/* What llama.cpp does to the text of older BPE models, one rule at a time over the whole text: no space before ? ! . ,
   none around an apostrophe between spaces, none before 's 'm 're 've. */
static COLD size_t clean_spaces(char *text, size_t n, int rule) {
    size_t kept = n ? 1 : 0;
    for (size_t i = 1; i < n; i++) {
        char c = text[i];
        const char *next = text + i + 1;
        size_t left = n - i - 1;
        bool spaced = text[i - 1] == ' ', quote = spaced && c == '\'' && left, skip = false;
        if (rule == 0 && spaced && (c == '?' || c == '!' || c == '.' || c == ',')) kept--;
        if (rule == 1 && quote && next[0] == ' ') kept--, skip = true;
        if (rule == 2 && quote &&
            (next[0] == 's' || next[0] == 'm' || (left > 1 && (two(next, 'r', 'e') || two(next, 'v', 'e')))))
            kept--;
        if (skip) text[++i] = 0; /* the space behind is gone, also for what follows it */
        text[kept++] = c;
    }
    return kept;
}

size_t pal_decode(const pal_tokenizer *t, const uint32_t *ids, size_t n, bool special, char *out, size_t max) {
    writer w = {out, 0, max, t->space_prefix};
    for (size_t i = 0; i < n; i++) {
        put_piece(&w, t, ids[i], special);
        w.strip = false; /* only the first token loses the space that encoding put in front */
    }
    if (t->clean_spaces && w.n <= max)
        for (int rule = 0; rule < 3; rule++) w.n = clean_spaces(out, w.n, rule);
    return w.n;
}
