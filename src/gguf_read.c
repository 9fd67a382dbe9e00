/* The walk over the header of one GGUF file, whose bytes are hostile.

     "GGUF" version n_tensors n_kv | key type value ... | name dims type offset ... | pad | tensor data ...
     '------------------------------ header, read below in this order ---------------'

   Every check on the bytes of a file is made here and nowhere else. Nothing is believed before it has been seen: no
   memory is reserved by a count, no length is added up before it is compared with what is left. */
#include "gguf_read.h"
#include "quant.h"

enum {
    max_kv = 65536,
    max_key_bytes = 65535,
    max_name_bytes = 64,
    max_header_bytes = 256 << 20, /* the largest real vocabularies take 20 MB; also keeps sums of header sizes small */
    min_kv_bytes = 8 + 1 + 4 + 1,
    min_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8,
    min_alignment = 8,
    default_alignment = 32,
    max_alignment = 65536,
    first_fetch_bytes = 64 << 10,
};
static const uint64_t max_file_bytes = (uint64_t)1 << 53; /* what JavaScript can count */
static const uint64_t max_weights = (uint64_t)1 << 48;    /* of a tensor: times bytes per weight stays far below 2^64 */

static int fail(pal_reader *r, int code, const char *why) { return pal_fail(r->e, code, r->subject, why); }

static uint64_t align_up(uint64_t n, uint32_t alignment) { return (n + alignment - 1) & ~(uint64_t)(alignment - 1); }

/* ---- bytes ---- */

/* Makes n more bytes readable, or says why they are not: the file ends, or they have not arrived yet. */
static int want(pal_reader *r, uint64_t n) {
    const pal_file *f = r->file;
    if (n > f->size - r->at) return fail(r, PAL_E_FORMAT, "the file ends inside its header; download it again");
    if (n > max_header_bytes - r->at)
        return fail(r, PAL_E_FORMAT, "the header claims more than 256 MiB, so it is damaged; download the file again");
    if (n <= f->have - r->at) return 0;
    uint64_t need = r->at + n;
    if (need < first_fetch_bytes) need = first_fetch_bytes;
    if (need < 2 * f->have) need = 2 * f->have; /* a header of 10 MB takes nine calls, not thousands */
    r->need = need < f->size ? need : f->size;
    return PAL_E_MORE;
}

static uint32_t get32(pal_reader *r) { return r->at += 4, pal_read32(r->file->bytes + r->at - 4); }
static uint64_t get64(pal_reader *r) { return r->at += 8, pal_read64(r->file->bytes + r->at - 8); }

static int read_string(pal_reader *r, pal_str *s) {
    int rc = want(r, 8);
    if (rc) return rc;
    uint64_t n = get64(r);
    if ((rc = want(r, n))) return rc;
    *s = (pal_str){(const char *)r->file->bytes + r->at, (size_t)n};
    r->at += n;
    return 0;
}

/* A key or the name of a tensor: neither empty nor endless, and readable. It becomes the subject. */
static int read_name(pal_reader *r, pal_str *s, uint64_t max) {
    int rc = want(r, 8);
    if (rc) return rc;
    if (pal_read64(r->file->bytes + r->at) > max) /* before waiting for the bytes of a damaged length */
        return fail(r, PAL_E_FORMAT, "the name of a key or tensor is too long; the file is damaged, download it again");
    if ((rc = read_string(r, s))) return rc;
    if (!s->n) return fail(r, PAL_E_FORMAT, "a key or tensor has no name; the file is damaged, download it again");
    r->subject = *s;
    for (size_t i = 0; i < s->n; i++)
        if (s->data[i] <= 32 || s->data[i] >= 127)
            return fail(r, PAL_E_FORMAT, "the name holds bytes that no name has; download the file again");
    return 0;
}

/* ---- metadata ---- */

static int read_items(pal_reader *r, uint32_t type, uint64_t n) {
    static const uint8_t item_bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8}; /* of a string: at least its length */
    if (type > PAL_F64)
        return fail(r, PAL_E_FORMAT, "the value has a type that GGUF does not know; download the file again");
    if (type == PAL_ARRAY)
        return fail(r, PAL_E_SUPPORT, "an array of arrays is not supported; use a current converter");
    if (n > max_header_bytes)
        return fail(r, PAL_E_FORMAT, "the array claims to be larger than any header; download the file again");
    int rc = want(r, n * item_bytes[type]);
    if (rc) return rc;
    if (type == PAL_STRING) {
        pal_str s;
        for (; n; n--)
            if ((rc = read_string(r, &s))) return rc;
        return 0;
    }
    const uint8_t *p = r->file->bytes + r->at;
    if (type == PAL_BOOL)
        for (uint64_t i = 0; i < n; i++)
            if (p[i] > 1) return fail(r, PAL_E_FORMAT, "a truth value is neither 0 nor 1; download the file again");
    r->at += n * item_bytes[type];
    return 0;
}

static int read_kv(pal_reader *r, pal_kv *kv) {
    int rc = read_name(r, &kv->key, max_key_bytes);
    if (rc) return rc;
    if ((rc = want(r, 4))) return rc;
    kv->type = kv->item_type = get32(r);
    kv->n = 1;
    if (kv->type == PAL_ARRAY) {
        if ((rc = want(r, 12))) return rc;
        kv->item_type = get32(r);
        kv->n = get64(r);
    }
    kv->value = r->file->bytes + r->at;
    uint64_t start = r->at;
    rc = read_items(r, kv->item_type, kv->n);
    kv->bytes = r->at - start;
    return rc;
}

/* The few keys that this room needs itself. */
static int note_kv(pal_reader *r, pal_header *h, const pal_kv *kv) {
    uint32_t *to = pal_str_is(kv->key, "general.alignment")     ? &h->alignment
                   : pal_str_is(kv->key, "split.no")            ? &h->split_no
                   : pal_str_is(kv->key, "split.count")         ? &h->split_count
                   : pal_str_is(kv->key, "split.tensors.count") ? &h->split_tensors
                                                                : NULL;
    int rc = to ? pal_kv_u32(kv, to, r->e) : 0;
    if (rc < 0) return rc;
    if (h->alignment < min_alignment || h->alignment > max_alignment || (h->alignment & (h->alignment - 1)))
        return fail(r, PAL_E_FORMAT, "must be a power of two from 8 to 65536; convert the model again");
    return 0;
}

/* ---- tensors ---- */

static int fail_type(pal_reader *r, uint32_t type) {
    static const char *const names[] = {
        /* ggml's numbers; those of formats that pal_format_of knows never get here */
        "F32",      "F16",      "Q4_0",    "Q4_1",  "Q4_2",       "Q4_3",       "Q5_0",       "Q5_1",
        "Q8_0",     "Q8_1",     "Q2_K",    "Q3_K",  "Q4_K",       "Q5_K",       "Q6_K",       "Q8_K",
        "IQ2_XXS",  "IQ2_XS",   "IQ3_XXS", "IQ1_S", "IQ4_NL",     "IQ3_S",      "IQ2_S",      "IQ4_XS",
        "I8",       "I16",      "I32",     "I64",   "F64",        "IQ1_M",      "BF16",       "Q4_0_4_4",
        "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",   "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4"};
    char why[252];
    size_t at = pal_put(why, 0, "number format ");
    at = pal_put(why, at, type < sizeof names / sizeof *names ? names[type] : "of an unknown kind");
    at = pal_put(why, at, " (type ");
    at = pal_put_number(why, at, type);
    at = pal_put(why, at, ") is not supported; choose a file in");
    const pal_format *f;
    for (uint32_t i = 0; (f = pal_format_row(i)) && at < sizeof why - 16; i++) {
        at = pal_put(why, at, i ? ", " : " ");
        at = pal_put(why, at, f->name);
    }
    return fail(r, PAL_E_SUPPORT, why);
}

/* The shape, and from it the count of bytes. */
static int read_shape(pal_reader *r, pal_tensor *t) {
    int rc = want(r, 4);
    if (rc) return rc;
    t->n_dims = get32(r);
    if (t->n_dims < 1 || t->n_dims > 4)
        return fail(r, PAL_E_FORMAT, "a tensor has 1 to 4 dimensions, this one not; download the file again");
    if ((rc = want(r, 8 * t->n_dims + 4))) return rc;
    uint64_t weights = 1;
    for (uint32_t i = 0; i < 4; i++) {
        t->ne[i] = i < t->n_dims ? get64(r) : 1;
        if (!t->ne[i]) return fail(r, PAL_E_FORMAT, "a dimension is zero; download the file again");
        if (t->ne[i] > max_weights / weights)
            return fail(r, PAL_E_FORMAT, "the dimensions are too large; the file is damaged, download it again");
        weights *= t->ne[i];
    }
    t->type = get32(r);
    const pal_format *f = pal_format_of(t->type);
    if (!f) return fail_type(r, t->type);
    if (t->ne[0] % f->block)
        return fail(r, PAL_E_FORMAT, "a row is no whole number of blocks of its format; convert the model again");
    t->bytes = weights / f->block * f->bytes; /* not pal_format_bytes: its size_t may have 32 bits */
    return 0;
}

/* As in llama.cpp, data must follow in the order of the directory without gaps. That leaves no room for overlap,
   bad alignment or order, and costs one comparison. */
static int read_tensor(pal_reader *r, pal_header *h, pal_tensor *t) {
    int rc = read_name(r, &t->name, max_name_bytes);
    if (rc) return rc;
    if ((rc = read_shape(r, t))) return rc;
    if ((rc = want(r, 8))) return rc;
    t->offset = get64(r);
    if (t->offset & (h->alignment - 1))
        return fail(r, PAL_E_FORMAT, "the data is not aligned as general.alignment says; convert the model again");
    if (t->offset < h->data_bytes)
        return fail(r, PAL_E_FORMAT, "the data overlaps that of another tensor; download the file again");
    if (t->offset > h->data_bytes)
        return fail(r, PAL_E_FORMAT, "the data does not follow that of the tensor before; convert the model again");
    h->data_end = h->data_bytes + t->bytes;
    h->data_bytes = align_up(h->data_end, h->alignment);
    if (h->data_end > r->file->size) /* also keeps the sum small; the exact check is in check_data */
        return fail(r, PAL_E_FORMAT, "the file ends before the data of this tensor; download it again");
    return 0;
}

/* Bytes behind the last tensor other than its padding are refused though llama.cpp ignores them: they are what a
   count of tensors with a flipped bit leaves, and then all weights would be read from the wrong place. */
static int check_data(pal_reader *r, const pal_header *h, uint64_t start) {
    uint64_t size = r->file->size;
    if (h->n_tensors && (start > size || h->data_end > size - start)) /* the subject is the last tensor */
        return fail(r, PAL_E_FORMAT, "the file ends before the data of this tensor; download it again");
    r->subject = r->part;
    if (size > start && size - start > h->data_bytes)
        return fail(r, PAL_E_FORMAT, "more bytes follow behind the last tensor; download the file again");
    return 0;
}

/* ---- files ---- */

static const char *explain_magic(const uint8_t *p) {
    static const struct {
        const char *magic, *why;
        size_t n;
    } known[] = {
        {"<", "this is a web page, not a model; take the link that downloads the file itself", 1},
        {"vers", "this is a Git LFS pointer, not the model; fetch the file itself (git lfs pull)", 4},
        {"lmgg", "this model is older than GGUF; convert it with a current converter", 4},
        {"tjgg", "this model is older than GGUF; convert it with a current converter", 4},
        {"PK\3\4", "this is a ZIP or PyTorch file; convert the model to GGUF", 4},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (pal_bytes_equal(known[i].magic, p, known[i].n)) return known[i].why;
    return "this is not a GGUF file; give a model in the format GGUF";
}

static int read_preamble(pal_reader *r, pal_header *h) {
    int rc = want(r, 4);
    if (rc) return rc;
    if (!pal_bytes_equal(r->file->bytes, "GGUF", 4)) return fail(r, PAL_E_FORMAT, explain_magic(r->file->bytes));
    if ((rc = want(r, 8))) return rc;
    r->at = 4;
    h->version = get32(r);
    if (h->version && !(h->version & 0xffff))
        return fail(r, PAL_E_SUPPORT, "this GGUF file is big-endian; convert it with gguf_convert_endian.py");
    if (h->version == 1)
        return fail(r, PAL_E_SUPPORT, "this is GGUF version 1; convert the model with a current converter");
    if (h->version != 2 && h->version != 3)
        return fail(r, PAL_E_SUPPORT, "this GGUF version is unknown (2 and 3 are known); take a file of version 3");
    if ((rc = want(r, 16))) return rc;
    uint64_t n_tensors = get64(r), n_kv = get64(r), rest = r->file->size - r->at;
    if (n_tensors > PAL_MAX_TENSORS || n_kv > max_kv || n_tensors * min_tensor_bytes + n_kv * min_kv_bytes > rest)
        return fail(r, PAL_E_FORMAT, "more keys or tensors are announced than the file can hold; download it again");
    h->n_tensors = (uint32_t)n_tensors;
    h->n_kv = (uint32_t)n_kv;
    return 0;
}

int pal_gguf_read(pal_reader *r, pal_header *h, pal_kv *kv, pal_tensor *tensors) {
    uint64_t size = r->file->size;
    r->subject = r->part;
    if (size > max_file_bytes || size != (size_t)size)
        return fail(r, PAL_E_SUPPORT, "the file is larger than can be addressed here; take a smaller number format");
    int rc = read_preamble(r, h);
    if (rc) return rc;
    h->alignment = default_alignment;
    for (uint32_t i = 0; i < h->n_kv; i++) {
        pal_kv one;
        r->subject = r->part;
        if ((rc = read_kv(r, &one))) return rc;
        if ((rc = note_kv(r, h, &one))) return rc;
        if (kv) kv[i] = one;
    }
    for (uint32_t i = 0; i < h->n_tensors; i++) {
        pal_tensor one = {.file = 0};
        r->subject = r->part;
        if ((rc = read_tensor(r, h, &one))) return rc;
        if (tensors) tensors[i] = one;
    }
    h->bytes = r->at;
    uint64_t start = align_up(r->at, h->alignment);
    if ((rc = check_data(r, h, start))) return rc;
    for (uint32_t i = 0; tensors && i < h->n_tensors; i++) {
        tensors[i].offset += start;
        /* an integer sum: without the data in memory yet this is no pointer into an object */
        tensors[i].data = (const uint8_t *)((uintptr_t)r->file->bytes + (uintptr_t)tensors[i].offset);
    }
    return 0;
}
