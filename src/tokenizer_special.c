/* Special tokens: which ids they have, which end a generation, and where a text spells them.

   GGUF files do not say enough, so tokens are also known by their texts. The lists, the defaults and the exceptions are
   llama.cpp's (llama_vocab::impl::load), because the same file shall stop at the same token. Where its result depends
   on the order of a hash table (two candidates for eot), the order of known[] decides. */
#include "tokenizer_internal.h"

enum { FIM_PRE = ID_COUNT, FIM_SUF, FIM_MID, FIM_PAD, FIM_REP, FIM_SEP, ROLE_COUNT, NO_ROLE = 255 };
enum { ENDS = 1, SHOWN = 2 }; /* ends a generation; becomes user-defined */

/* clang-format off */
static const struct {
    const char *text;
    uint8_t role, flags; /* role: taken by the first of its texts when the file names no id */
} known[] = {
    {"<|eot_id|>", ID_EOT, ENDS}, {"<|im_end|>", ID_EOT, ENDS}, {"<|end|>", ID_EOT, ENDS}, {"<end_of_turn>", ID_EOT, ENDS},
    {"<|endoftext|>", ID_EOT, ENDS}, {"<|end_of_text|>", ID_EOT, ENDS}, {"<EOT>", ID_EOT, ENDS}, {"_<EOT>", ID_EOT, ENDS},
    {"[EOT]", ID_EOT, ENDS}, {"<｜end▁of▁sentence｜>", ID_EOT, ENDS}, {"<end_of_utterance>", ID_EOT, ENDS},
    {"<|eom_id|>", ID_EOM, ENDS},
    {"<|return|>", NO_ROLE, ENDS}, {"<|call|>", NO_ROLE, ENDS}, {"<|flush|>", NO_ROLE, ENDS}, {"<|calls|>", NO_ROLE, ENDS},
    {"</s>", NO_ROLE, ENDS}, {"[EOS]", NO_ROLE, ENDS}, {"<eos>", NO_ROLE, ENDS}, {"<turn|>", NO_ROLE, ENDS},
    {"<|tool_response>", NO_ROLE, ENDS}, {"[e~[", NO_ROLE, ENDS},
    {"<|fim_prefix|>", FIM_PRE, 0}, {"<fim-prefix>", FIM_PRE, 0}, {"<fim_prefix>", FIM_PRE, 0}, {"<｜fim▁begin｜>", FIM_PRE, 0},
    {"<PRE>", FIM_PRE, 0}, {"▁<PRE>", FIM_PRE, 0}, {"<|code_prefix|>", FIM_PRE, 0}, {"<|prefix|>", FIM_PRE, 0},
    {"<|fim_suffix|>", FIM_SUF, 0}, {"<fim-suffix>", FIM_SUF, 0}, {"<fim_suffix>", FIM_SUF, 0}, {"<｜fim▁hole｜>", FIM_SUF, 0},
    {"<SUF>", FIM_SUF, 0}, {"▁<SUF>", FIM_SUF, 0}, {"<|code_suffix|>", FIM_SUF, 0}, {"<|suffix|>", FIM_SUF, 0},
    {"<|fim_middle|>", FIM_MID, 0}, {"<fim-middle>", FIM_MID, 0}, {"<fim_middle>", FIM_MID, 0}, {"<｜fim▁end｜>", FIM_MID, 0},
    {"<MID>", FIM_MID, 0}, {"▁<MID>", FIM_MID, 0}, {"<|code_middle|>", FIM_MID, 0}, {"<|middle|>", FIM_MID, 0},
    {"<|fim_pad|>", FIM_PAD, 0}, {"<fim-pad>", FIM_PAD, 0}, {"<fim_pad>", FIM_PAD, 0}, {"<PAD>", FIM_PAD, 0}, {"[PAD]", FIM_PAD, 0},
    {"<|fim_repo|>", FIM_REP, 0}, {"<|repo_name|>", FIM_REP, 0}, {"<fim-repo>", FIM_REP, 0}, {"<REPO>", FIM_REP, 0},
    {"<reponame>", FIM_REP, 0}, {"<|file_sep|>", FIM_SEP, 0},
    {"<|channel|>", NO_ROLE, SHOWN}, {"<|message|>", NO_ROLE, SHOWN}, {"<|start|>", NO_ROLE, SHOWN}, {"<|constrain|>", NO_ROLE, SHOWN},
};
enum { N_KNOWN = sizeof known / sizeof *known };

static const struct {
    const char *key;
    uint8_t role;
} id_keys[] = {
    {"tokenizer.ggml.bos_token_id", ID_BOS}, {"tokenizer.ggml.eos_token_id", ID_EOS}, {"tokenizer.ggml.eot_token_id", ID_EOT},
    {"tokenizer.ggml.eom_token_id", ID_EOM}, {"tokenizer.ggml.unknown_token_id", ID_UNK},
    {"tokenizer.ggml.padding_token_id", ID_PAD}, {"tokenizer.ggml.fim_pre_token_id", FIM_PRE},
    {"tokenizer.ggml.fim_suf_token_id", FIM_SUF}, {"tokenizer.ggml.fim_mid_token_id", FIM_MID},
    {"tokenizer.ggml.fim_pad_token_id", FIM_PAD}, {"tokenizer.ggml.fim_rep_token_id", FIM_REP},
    {"tokenizer.ggml.fim_sep_token_id", FIM_SEP}, {"tokenizer.ggml.prefix_token_id", FIM_PRE},
    {"tokenizer.ggml.suffix_token_id", FIM_SUF}, {"tokenizer.ggml.middle_token_id", FIM_MID},
};

/* clang-format on */

static COLD int32_t find(const pal_tokenizer *t, const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return pal_vocab_find_text(t, text, n);
}

static void set_type(pal_tokenizer *t, int32_t id, uint32_t type) {
    t->attr[id] = (uint8_t)((t->attr[id] & ~ATTR_TYPE) | type);
}

/* An id outside the vocabulary (some files write -1) leaves the default, as in llama.cpp. */
static COLD int read_ids(const pal_tokenizer *t, const pal_gguf *g, int32_t *role, pal_error *e) {
    for (uint32_t i = 0; i < ROLE_COUNT; i++)
        if (role[i] >= (int32_t)t->n) role[i] = -1;
    for (uint32_t i = 0; i < sizeof id_keys / sizeof *id_keys; i++) {
        uint32_t id;
        int found = pal_gguf_u32(g, id_keys[i].key, &id, e);
        if (found < 0) return found;
        if (found && id < t->n) role[id_keys[i].role] = (int32_t)id;
    }
    return 0;
}

static COLD void apply_known(pal_tokenizer *t, int32_t *role) {
    int32_t id[N_KNOWN];
    bool open[ROLE_COUNT];
    for (uint32_t r = 0; r < ROLE_COUNT; r++) open[r] = role[r] < 0;
    for (uint32_t k = 0; k < N_KNOWN; k++) {
        id[k] = find(t, known[k].text);
        if (id[k] < 0) continue;
        uint32_t r = known[k].role;
        bool takes = r != NO_ROLE && open[r];
        if (takes) role[r] = id[k], open[r] = false;
        if (takes || (known[k].flags & ENDS)) set_type(t, id[k], PAL_TOKEN_CONTROL); /* whatever the file calls it */
        if (known[k].flags & ENDS) t->attr[id[k]] |= ATTR_EOG;
        if (known[k].flags & SHOWN) set_type(t, id[k], PAL_TOKEN_USER_DEFINED);
    }
    const uint32_t also[] = {ID_EOS, ID_EOT, ID_EOM, FIM_PAD, FIM_REP, FIM_SEP};
    for (uint32_t i = 0; i < sizeof also / sizeof *also; i++)
        if (role[also[i]] >= 0) t->attr[role[also[i]]] |= ATTR_EOG;
}

static COLD bool ends(const pal_tokenizer *t, const char *text) {
    int32_t id = find(t, text);
    return id >= 0 && (t->attr[id] & ATTR_EOG);
}

/* Models in whose dialect a token that ends others' generations does not. */
static COLD void apply_exceptions(pal_tokenizer *t) {
    bool call = ends(t, "<|call|>") || ends(t, "<|calls|>");
    int32_t end = find(t, "<|end|>"), s = find(t, "</s>");
    if (call && end >= 0 && (ends(t, "<|return|>") || ends(t, "<|flush|>"))) t->attr[end] = PAL_TOKEN_USER_DEFINED;
    if (s >= 0 && ends(t, "<|tool_response>")) t->attr[s] = PAL_TOKEN_NORMAL;
}

static bool is_special(const pal_tokenizer *t, uint32_t id) {
    uint32_t type = t->attr[id] & ATTR_TYPE;
    return type == PAL_TOKEN_UNKNOWN || type == PAL_TOKEN_CONTROL || type == PAL_TOKEN_USER_DEFINED;
}

static COLD bool longer(const pal_tokenizer *t, uint32_t a, uint32_t b) {
    size_t x = pal_vocab_text(t, a).n, y = pal_vocab_text(t, b).n;
    return x > y || (x == y && a < b);
}

/* Heap sort, longest first. */
static COLD void sort_specials(pal_tokenizer *t) {
    uint32_t *s = t->special, n = t->n_special;
    for (uint32_t i = n / 2 + n; i-- > 1;) { /* first n/2 rounds build the heap, the rest empty it */
        uint32_t size = i < n ? i : n, at = i < n ? 0 : i - n, moved;
        if (i < n)
            moved = s[i], s[i] = s[0];
        else
            moved = s[at];
        for (uint32_t child; (child = 2 * at + 1) < size; at = child) {
            if (child + 1 < size && longer(t, s[child], s[child + 1])) child++;
            if (!longer(t, moved, s[child])) break;
            s[at] = s[child];
        }
        s[at] = moved;
    }
}

static COLD bool contains_phi3(pal_str name) {
    for (size_t i = 0; i + 4 <= name.n; i++) {
        const char *p = name.data + i;
        bool phi = (p[0] | 32) == 'p' && (p[1] | 32) == 'h' && (p[2] | 32) == 'i';
        if (phi && (p[3] == '3' || (p[3] == '-' && i + 5 <= name.n && p[4] == '3'))) return true;
    }
    return false;
}

static COLD int apply_strips(pal_tokenizer *t, const pal_gguf *g, bool mask, pal_error *e) {
    pal_str name = {"", 0};
    int32_t id = mask ? find(t, "<mask>") : -1;
    if (id >= 0) t->attr[id] |= ATTR_LSTRIP;
    int found = pal_gguf_str(g, "general.name", &name, e);
    if (found < 0 || mask || !contains_phi3(name)) return found < 0 ? found : 0;
    for (uint32_t i = 0; i < t->n_special; i++) t->attr[t->special[i]] |= ATTR_RSTRIP;
    static const char *const plain[] = {"<unk>", "<s>", "<|endoftext|>"};
    for (uint32_t i = 0; i < 3; i++)
        if ((id = find(t, plain[i])) >= 0) t->attr[id] &= (uint8_t)~ATTR_RSTRIP;
    return 0;
}

static COLD int32_t byte_token(const pal_tokenizer *t, uint8_t b) {
    static const char hex[] = "0123456789ABCDEF";
    char text[6] = {'<', '0', 'x', hex[b >> 4], hex[b & 15], '>'};
    if (!t->spm) return b > 0x20 && b < 0x7f ? pal_vocab_find_word(t, &b, 1) : -1;
    int32_t id = pal_vocab_find_text(t, text, 6);
    if (id < 0) id = pal_vocab_find_text(t, (const char *)&b, 1);
    return id < 0 ? t->id[ID_UNK] : id;
}

static COLD int32_t newline_token(const pal_tokenizer *t) {
    uint32_t id;
    uint64_t scratch[64];
    if (t->spm) return t->byte_id['\n'];
    PAL_ASSERT(pal_encode_scratch(t, 1) <= sizeof scratch);
    return pal_encode(t, "\n", 1, 0, &id, 1, scratch, sizeof scratch) == 1 ? (int32_t)id : t->id[ID_PAD];
}

COLD int pal_special_open(pal_tokenizer *t, const pal_gguf *g, pal_error *e) {
    int32_t role[ROLE_COUNT];
    pal_str pre = PAL_STR("default");
    int flags = 0, code;
    for (uint32_t i = 0; i < ROLE_COUNT; i++) role[i] = -1;
    if (!t->spm && (code = pal_gguf_str(g, "tokenizer.ggml.pre", &pre, e)) < 0) return code;
    if (!t->spm && (flags = pal_pre_open(&t->pre, pre, e)) < 0) return flags;
    if (t->spm)
        role[ID_BOS] = 1, role[ID_EOS] = 2, role[ID_UNK] = 0;
    else
        role[ID_BOS] = flags & PRE_NO_BOS ? -1 : 11, role[ID_EOS] = 11;
    t->ignore_merges = flags & PRE_IGNORE_MERGES;
    t->clean_spaces = flags & PRE_CLEAN;
    t->space_prefix = t->spm;
    t->add_bos = t->spm || (flags & PRE_ADD_BOS);
    if ((code = pal_gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->space_prefix, e)) < 0) return code;
    if ((code = pal_gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, e)) < 0) return code;
    if ((code = pal_gguf_bool(g, "tokenizer.ggml.add_eos_token", &t->add_eos, e)) < 0) return code;
    if ((code = read_ids(t, g, role, e))) return code;
    if (t->add_bos && role[ID_BOS] < 0)
        return pal_fail(
            e, PAL_E_FORMAT, PAL_STR("tokenizer.ggml.bos_token_id"),
            "is missing or outside the vocabulary, but a bos token is to be added; convert the model again");
    if (t->add_eos && role[ID_EOS] < 0)
        return pal_fail(e, PAL_E_FORMAT, PAL_STR("tokenizer.ggml.eos_token_id"),
                        "is missing or outside the vocabulary, but add_eos_token is set; convert the model again");
    apply_known(t, role);
    apply_exceptions(t);
    for (uint32_t i = 0; i < ID_COUNT; i++) t->id[i] = role[i];
    for (uint32_t id = 0; id < t->n; id++)
        if (is_special(t, id) && pal_vocab_text(t, id).n) t->special[t->n_special++] = id;
    sort_specials(t);
    if ((code = apply_strips(t, g, flags & PRE_MASK_LSTRIP, e))) return code;
    for (uint32_t b = 0; b < 256; b++) t->byte_id[b] = byte_token(t, (uint8_t)b);
    t->id[ID_NL] = newline_token(t);
    return 0;
}

/* ---- finding them in a text ---- */

static bool is_blank(char c) { return c == ' ' || (c >= 9 && c <= 13); }

/* All special tokens of one length: claims each free place from the left. firsts: bit per first byte. */
static __attribute__((noinline)) void claim_length(const pal_tokenizer *t, const char *text, size_t n, size_t length,
                                                   bool parse_special, const uint32_t *firsts, uint8_t *owner) {
    size_t stop = 0; /* text[at, stop) is free */
    for (size_t at = 0; at + length <= n;) {
        if (owner[at] != OWNED_FREE) {
            at++;
            continue;
        }
        if (stop < at) stop = at;
        while (stop < n && stop < at + length && owner[stop] == OWNED_FREE) stop++;
        uint8_t first = (uint8_t)text[at];
        int32_t id = stop == at + length && (firsts[first / 32] >> (first % 32) & 1)
                         ? pal_vocab_find_text(t, text + at, length)
                         : -1;
        if (id < 0 || !is_special(t, (uint32_t)id) ||
            (!parse_special && (t->attr[id] & ATTR_TYPE) != PAL_TOKEN_USER_DEFINED)) {
            at++;
            continue;
        }
        for (size_t i = at; (t->attr[id] & ATTR_LSTRIP) && i-- && owner[i] == OWNED_FREE && is_blank(text[i]);)
            owner[i] = OWNED_DROPPED;
        owner[at] = OWNED_FIRST;
        for (size_t i = 1; i < length; i++) owner[at + i] = OWNED_REST;
        at += length;
        for (; (t->attr[id] & ATTR_RSTRIP) && at < n && owner[at] == OWNED_FREE && is_blank(text[at]); at++)
            owner[at] = OWNED_DROPPED;
    }
}

COLD void pal_special_claim(const pal_tokenizer *t, const char *text, size_t n, bool parse_special, uint8_t *owner) {
    for (uint32_t i = 0; i < t->n_special;) {
        size_t length = pal_vocab_text(t, t->special[i]).n;
        uint32_t firsts[8] = {0};
        bool any = false;
        for (; i < t->n_special; i++) {
            pal_str s = pal_vocab_text(t, t->special[i]);
            if (s.n != length) break;
            if (!parse_special && (t->attr[t->special[i]] & ATTR_TYPE) != PAL_TOKEN_USER_DEFINED) continue;
            uint8_t first = (uint8_t)s.data[0];
            firsts[first / 32] |= 1u << (first % 32);
            any = true;
        }
        if (any && length <= n) claim_length(t, text, n, length, parse_special, firsts, owner);
    }
}
