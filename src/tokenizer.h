/* Text <-> token ids from the GGUF's own vocabulary: SPM (`llama`) and byte-level BPE (`gpt2`) with its
   pre-tokenizers. Same ids as llama.cpp. */
#ifndef PAL_TOKENIZER_H
#define PAL_TOKENIZER_H

#include "gguf.h"

typedef struct pal_tokenizer pal_tokenizer;

enum {                         /* flags of pal_encode */
       PAL_ENCODE_BOS = 1,     /* add bos/eos as the model asks for (add_bos_token, add_eos_token) */
       PAL_ENCODE_SPECIAL = 2, /* text that spells a special (control) token becomes that token */
};
enum { /* token attributes, as in tokenizer.ggml.token_type */
       PAL_TOKEN_NORMAL = 1,
       PAL_TOKEN_UNKNOWN,
       PAL_TOKEN_CONTROL,
       PAL_TOKEN_USER_DEFINED,
       PAL_TOKEN_UNUSED,
       PAL_TOKEN_BYTE
};

/* Bytes for pal_tokenizer_open, or PAL_E_*. */
int64_t pal_tokenizer_size(const pal_gguf *g, pal_error *e);
int pal_tokenizer_open(pal_tokenizer **t, void *mem, size_t mem_bytes, const pal_gguf *g, pal_error *e);

uint32_t pal_tokenizer_n(const pal_tokenizer *t); /* vocabulary size */
/* Special ids, -1 when absent. which: 0 bos 1 eos 2 eot 3 unk 4 pad 5 eom 6 nl */
int32_t pal_tokenizer_id(const pal_tokenizer *t, uint32_t which);
bool pal_tokenizer_adds_bos(const pal_tokenizer *t);
bool pal_tokenizer_is_eog(const pal_tokenizer *t, uint32_t id); /* ends a generation: eos, eot, eom, <|im_end|>, ... */
uint32_t pal_tokenizer_type(const pal_tokenizer *t, uint32_t id); /* PAL_TOKEN_* */

/* Scratch for a text of n bytes, about 57 n, and the most ids it can give. A text has at most 32 MB. */
size_t pal_encode_scratch(const pal_tokenizer *t, size_t n);
size_t pal_encode_max(const pal_tokenizer *t, size_t n);
/* Ids written, or PAL_E_*. Any bytes are accepted (invalid UTF-8 as llama.cpp does). Time near-linear in n. */
int64_t pal_encode(const pal_tokenizer *t, const char *text, size_t n, uint32_t flags, uint32_t *ids, size_t max_ids,
                   void *scratch, size_t scratch_bytes);

/* Bytes of one token as text (may be part of a character); special: also control tokens as they are spelt, else
   nothing for them. Returns the count of bytes; writes at most max. An unknown id gives 0. */
size_t pal_piece(const pal_tokenizer *t, uint32_t id, bool special, char *out, size_t max);
/* Whole detokenisation, as llama.cpp: strips the leading space that SPM added; older BPE vocabularies also lose spaces
   before punctuation. Returns the bytes of the text; when that is more than max, out is cut and the count is an upper
   bound. */
size_t pal_decode(const pal_tokenizer *t, const uint32_t *ids, size_t n, bool special, char *out, size_t max);

#endif
