/* Shared by the tokenizer's files; nobody else includes it. */
#ifndef PAL_TOKENIZER_INTERNAL_H
#define PAL_TOKENIZER_INTERNAL_H

#include "tokenizer.h"
#include "unicode.h"

/* Runs once while a tokenizer opens: small rather than fast. */
#define COLD __attribute__((cold, noinline))

/* ---- patterns (tokenizer_regex.c): the small part of regular expressions that the pre-tokenizers use ---- */

typedef struct {
    uint32_t ascii[4];   /* one bit per code point below 128 */
    uint8_t classes;     /* from 128: bit per PAL_CP_* */
    bool negated;        /* from 128 */
    uint16_t first, end; /* from 128: ranges, never of white space */
} pre_set;

typedef struct {
    uint8_t op, arg; /* arg: ASCII character or index of a set */
    uint16_t min, max, next;
} pre_step;

enum { PRE_STEPS = 128, PRE_SETS = 32, PRE_RANGES = 96, PRE_PASSES = 6, PRE_ALTERNATIVES = 16 };

typedef struct {
    uint32_t n_steps, n_sets, n_ranges, n_passes;
    uint16_t pass[PRE_PASSES]; /* first step, or PRE_DIGITS_* */
    pre_step step[PRE_STEPS];
    pre_set set[PRE_SETS];
    uint32_t range[PRE_RANGES][2];
} pre_program;

/* Appends a pattern and returns its first step; 0xffff when the program is full or the pattern is not understood. */
uint32_t pal_pre_compile(pre_program *p, const char *pattern);

/* Splits the piece [begin, end) at each match: marks[i] gets PRE_MARK where a piece begins. */
enum { PRE_MARK = 0x80 }; /* in the byte that holds the class of the code point */
void pal_pre_split(const pre_program *p, uint32_t start, const uint32_t *cps, uint8_t *marks, size_t begin, size_t end);

/* ---- pre-tokenizers (tokenizer_pre.c) ---- */

enum { PRE_IGNORE_MERGES = 1, PRE_ADD_BOS = 2, PRE_CLEAN = 4, PRE_NO_BOS = 8, PRE_MASK_LSTRIP = 16 };

/* Compiles the pre-tokenizer of that name. The flags of its row, or PAL_E_SUPPORT when the name is unknown. */
int pal_pre_open(pre_program *p, pal_str name, pal_error *e);
/* The name at i of the table, NULL behind the last. */
const char *pal_pre_name(uint32_t i);
/* cps[n], marks[n] (classes on entry): afterwards PRE_MARK is set where a word begins. */
void pal_pre_run(const pre_program *p, const uint32_t *cps, uint8_t *marks, size_t n);

/* ---- vocabulary (tokenizer_vocab.c) ---- */

enum { ATTR_TYPE = 7, ATTR_LSTRIP = 16, ATTR_RSTRIP = 32, ATTR_EOG = 64 };
enum { ID_BOS, ID_EOS, ID_EOT, ID_UNK, ID_PAD, ID_EOM, ID_NL, ID_COUNT };

struct pal_tokenizer {
    const pal_kv *tokens, *scores, *types, *merges; /* types may be NULL; scores: SPM; merges: BPE */
    uint32_t n, n_merges, n_special;
    bool spm, ignore_merges, clean_spaces, space_prefix, add_bos, add_eos;
    int32_t id[ID_COUNT];
    int32_t byte_id[256];                  /* for bytes that no token covers; -1: they vanish */
    uint32_t longest_token, longest_merge; /* bytes, as words */
    uint8_t *attr;                         /* [n] */
    uint32_t *token_at, *merge_at;         /* [n] [n_merges] byte offsets in the arrays of the file */
    uint32_t *slots, *merge_slots;         /* open addressing: index + 1 in the low bits, hash above; 0 empty */
    uint32_t slot_mask, merge_mask, index_bits, merge_bits;
    uint32_t *special; /* [n_special] ids of control, unknown and user-defined tokens, longest first */
    pre_program pre;
};

pal_str pal_vocab_text(const pal_tokenizer *t, uint32_t id); /* as the file spells it */
/* The token for a word of raw bytes (BPE: before the byte alphabet), or -1. */
int32_t pal_vocab_find_word(const pal_tokenizer *t, const uint8_t *word, size_t n);
/* The token that the file spells so, or -1. */
int32_t pal_vocab_find_text(const pal_tokenizer *t, const char *text, size_t n);
/* Rank of the merge of the words left and right, which lie side by side; UINT32_MAX when there is none. */
uint32_t pal_vocab_merge_rank(const pal_tokenizer *t, const uint8_t *left, size_t left_bytes, size_t right_bytes);
/* Next raw byte of a BPE token's text, -1 at its end, -2 when a character is not in the byte alphabet. */
int32_t pal_vocab_next_byte(const uint8_t **p, const uint8_t *end);

/* ---- special tokens (tokenizer_special.c) ---- */

/* Ids and defaults from the metadata, known texts, what ends a generation, the list of special tokens. */
int pal_special_open(pal_tokenizer *t, const pal_gguf *g, pal_error *e);

/* owner[n], zeroed: afterwards OWNED_* for each byte of the text. Special tokens are taken longest first, each from the
   left, out of what is still free. */
enum { OWNED_FREE, OWNED_FIRST, OWNED_REST, OWNED_DROPPED };
void pal_special_claim(const pal_tokenizer *t, const char *text, size_t n, bool parse_special, uint8_t *owner);

/* ---- encoding ---- */

typedef struct {
    uint32_t *ids;
    size_t n, max; /* n counts beyond max, nothing is written there */
} id_list;

static inline void id_push(id_list *out, uint32_t id) {
    if (out->n < out->max) out->ids[out->n] = id;
    out->n++;
}

/* Scratch for merging a word of m bytes. */
enum { MERGE_BYTES_EACH = 17 };
static inline size_t merge_scratch(size_t m) { return 5 * 16 + m * MERGE_BYTES_EACH; }
size_t pal_bpe_scratch(size_t n);
size_t pal_spm_scratch(size_t n);
void pal_bpe_encode(const pal_tokenizer *t, const uint8_t *text, size_t n, id_list *out, pal_arena *scratch);
void pal_spm_encode(const pal_tokenizer *t, const uint8_t *text, size_t n, bool prefix, id_list *out,
                    pal_arena *scratch);

/* Symbols of one word while they are merged (tokenizer_merge.c). */
typedef struct {
    uint8_t *word;   /* [m] */
    uint32_t *span;  /* [m] bytes of the symbol, at its first and at its last byte */
    uint32_t *key;   /* [m] at the first byte: order of the merge with the next symbol, UINT32_MAX none */
    uint32_t *heap;  /* [m] first bytes, least (key, position) on top */
    uint32_t *place; /* [m] where the symbol is in the heap, UINT32_MAX nowhere */
    size_t m, n_heap;
} merge_state;

/* Carves the five arrays for up to m bytes. */
void pal_merge_take(merge_state *s, pal_arena *scratch, size_t m);
/* Merges until nothing more can be. word and span hold the first symbols. */
typedef uint32_t merge_key(const pal_tokenizer *t, const uint8_t *left, size_t left_bytes, size_t right_bytes);
void pal_merge_run(merge_state *s, const pal_tokenizer *t, merge_key *key);

#endif
