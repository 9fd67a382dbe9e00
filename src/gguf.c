/* The directory of a model: the keys of its first file and the tensors of all its files, found by name.
   The bytes of each file are checked by gguf_read.c; here the files are checked against each other.

   mem:  pal_gguf | kv[n_kv] | tensors[n_tensors] | kv_hash[] | tensor_hash[]

   It takes at most six times the bytes of the headers that it describes, and 512 more. */
#include "gguf_read.h"

enum {
    max_probes = 64, /* the tables are at most a quarter full: honest names need up to 20, names made to collide more */
    nowhere = -1,
};

typedef struct {
    uint32_t n_kv; /* of the first file */
    uint64_t n_tensors, fingerprint;
} totals;

/* ---- files ---- */

static pal_str file_name(char text[static 40], uint32_t i, uint32_t n_files) {
    if (n_files == 1) return PAL_STR("");
    size_t at = pal_put_number(text, pal_put(text, 0, "file "), i + 1);
    return (pal_str){text, pal_put_number(text, pal_put(text, at, " of "), n_files)};
}

static int check_part(const pal_reader *r, const pal_header *h, uint32_t i, uint32_t n_files) {
    if (n_files == 1 && h->split_count < 2) return 0;
    if (h->split_count == n_files && h->split_no == i) return 0;
    char why[252];
    if (!h->split_count) return pal_fail(r->e, PAL_E_FORMAT, r->part, "this is a whole model; give it alone");
    size_t at = pal_put_number(why, pal_put(why, 0, "this is part "), h->split_no + 1);
    at = pal_put_number(why, pal_put(why, at, " of a model split into "), h->split_count);
    pal_put(why, at, "; give all its parts, in order");
    return pal_fail(r->e, PAL_E_FORMAT, r->part, why);
}

/* Walks all headers once. Afterwards the second walk, which stores, cannot fail. */
static int survey(const pal_file *files, uint32_t n_files, totals *t, uint64_t *need, uint32_t *which, pal_error *e) {
    uint32_t announced = 0;
    *t = (totals){0};
    for (uint32_t i = 0; i < n_files; i++) {
        char text[40];
        pal_reader r = {.file = &files[i], .part = file_name(text, i, n_files), .e = e};
        pal_header h = {0};
        int rc = pal_gguf_read(&r, &h, NULL, NULL);
        if (rc == PAL_E_MORE) *need = r.need, *which = i;
        if (rc || (rc = check_part(&r, &h, i, n_files))) return rc;
        if (!i) t->n_kv = h.n_kv, announced = h.split_tensors;
        t->n_tensors += h.n_tensors;
        t->fingerprint = pal_hash(t->fingerprint, files[i].bytes, (size_t)h.bytes);
        if (n_files > 1 && h.split_tensors != announced)
            return pal_fail(e, PAL_E_FORMAT, r.part, "this part is of another model; take all from one place");
        if (t->n_tensors > PAL_MAX_TENSORS)
            return pal_fail(e, PAL_E_SUPPORT, r.part, "more than 65536 tensors are not supported; take another model");
    }
    if (n_files > 1 && t->n_tensors != announced)
        return pal_fail(e, PAL_E_FORMAT, PAL_STR("split.tensors.count"),
                        "the parts hold another number of tensors; download them again");
    return 0;
}

/* ---- directory ---- */

static uint32_t table_size(uint64_t n) {
    uint32_t size = 1;
    while (size < 4 * n) size *= 2;
    return size;
}

static uint64_t directory_bytes(const totals *t) {
    return pal_align(sizeof(pal_gguf)) + pal_align(t->n_kv * sizeof(pal_kv)) +
           pal_align((size_t)t->n_tensors * sizeof(pal_tensor)) + pal_align(table_size(t->n_kv) * sizeof(uint32_t)) +
           pal_align(table_size(t->n_tensors) * sizeof(uint32_t));
}

/* Low bits that depend on all bits of the hash; pal_hash alone puts "key.26561" and "key.26562" side by side. */
static uint32_t spread(uint64_t h) {
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15;
    h = (h ^ h >> 29) * 0x9e3779b97f4a7c15;
    return (uint32_t)(h >> 32);
}

/* Where name is in the table, or where it belongs; nowhere when it is in none of the places it may be in. rows: an
   array of structures that begin with their name. */
static int64_t place_of(const uint32_t *table, uint32_t mask, const void *rows, size_t row_bytes, pal_str name) {
    uint32_t at = spread(pal_hash(0, name.data, name.n)) & mask;
    for (uint32_t i = 0; i < max_probes; i++, at = (at + 1) & mask) {
        if (!table[at]) return at;
        const pal_str *found = (const void *)((const char *)rows + (table[at] - 1) * row_bytes);
        if (found->n == name.n && pal_bytes_equal(found->data, name.data, name.n)) return at;
    }
    return nowhere;
}

static int index_names(uint32_t *table, uint32_t mask, const void *rows, size_t row_bytes, uint32_t n, pal_error *e) {
    for (uint32_t i = 0; i < n; i++) {
        pal_str name = *(const pal_str *)(const void *)((const char *)rows + i * row_bytes);
        int64_t at = place_of(table, mask, rows, row_bytes, name);
        if (at == nowhere)
            return pal_fail(e, PAL_E_FORMAT, name, "the names are made to collide; take the model from elsewhere");
        if (table[at]) return pal_fail(e, PAL_E_FORMAT, name, "this name is there twice; download the model again");
        table[at] = i + 1;
    }
    return 0;
}

static const void *find(const uint32_t *table, uint32_t mask, const void *rows, size_t row_bytes, const char *name) {
    pal_str s = {name, 0};
    while (name[s.n]) s.n++;
    int64_t at = place_of(table, mask, rows, row_bytes, s);
    return at == nowhere || !table[at] ? NULL : (const char *)rows + (table[at] - 1) * row_bytes;
}

int64_t pal_gguf_size(const pal_file *files, uint32_t n_files, uint64_t *need, uint32_t *which, pal_error *e) {
    totals t;
    PAL_ASSERT(n_files);
    int rc = survey(files, n_files, &t, need, which, e);
    return rc ? rc : (int64_t)directory_bytes(&t);
}

int pal_gguf_open(pal_gguf **out, void *mem, size_t mem_bytes, const pal_file *files, uint32_t n_files, pal_error *e) {
    totals t;
    uint64_t need, done = 0;
    uint32_t which;
    PAL_ASSERT(n_files && !((uintptr_t)mem & 15));
    int rc = survey(files, n_files, &t, &need, &which, e);
    if (rc) return rc;
    if (mem_bytes < directory_bytes(&t))
        return pal_fail(e, PAL_E_MEMORY, PAL_STR(""), "the block for the directory is too small; ask pal_gguf_size");

    pal_arena arena = {.base = mem, .size = mem_bytes};
    pal_gguf *g = pal_take(&arena, sizeof *g);
    pal_kv *kv = pal_take(&arena, t.n_kv * sizeof *kv);
    pal_tensor *tensors = pal_take(&arena, (size_t)t.n_tensors * sizeof *tensors);
    uint32_t kv_slots = table_size(t.n_kv), tensor_slots = table_size(t.n_tensors);
    uint32_t *kv_hash = pal_take(&arena, kv_slots * sizeof *kv_hash);
    uint32_t *tensor_hash = pal_take(&arena, tensor_slots * sizeof *tensor_hash);

    for (uint32_t i = 0; i < n_files; i++) {
        pal_reader r = {.file = &files[i], .e = e};
        pal_header h = {0};
        if ((rc = pal_gguf_read(&r, &h, i ? NULL : kv, tensors + done))) return rc;
        if (!i) g->version = h.version;
        for (pal_tensor *one = tensors + done, *end = one + h.n_tensors; one < end; one++) one->file = i;
        done += h.n_tensors;
    }
    if ((rc = index_names(kv_hash, kv_slots - 1, kv, sizeof *kv, t.n_kv, e))) return rc;
    rc = index_names(tensor_hash, tensor_slots - 1, tensors, sizeof *tensors, (uint32_t)t.n_tensors, e);
    if (rc) return rc;
    *g = (pal_gguf){.version = g->version,
                    .n_files = n_files,
                    .n_kv = t.n_kv,
                    .n_tensors = t.n_tensors,
                    .kv = kv,
                    .tensors = tensors,
                    .kv_hash = kv_hash,
                    .tensor_hash = tensor_hash,
                    .kv_mask = kv_slots - 1,
                    .tensor_mask = tensor_slots - 1,
                    .fingerprint = t.fingerprint};
    *out = g;
    return 0;
}

const pal_kv *pal_gguf_find(const pal_gguf *g, const char *key) {
    return find(g->kv_hash, g->kv_mask, g->kv, sizeof *g->kv, key);
}

const pal_tensor *pal_gguf_tensor(const pal_gguf *g, const char *name) {
    return find(g->tensor_hash, g->tensor_mask, g->tensors, sizeof *g->tensors, name);
}

/* ---- values ---- */

static uint64_t bits_of(const pal_kv *kv, uint64_t i, uint32_t bytes) {
    uint64_t bits = 0;
    for (uint32_t b = bytes; b--;) bits = bits << 8 | kv->value[i * bytes + b];
    return bits;
}

static double double_of(uint64_t bits) {
    double x;
    pal_copy(&x, &bits, 8);
    return x;
}

double pal_kv_number(const pal_kv *kv, uint64_t i) {
    PAL_ASSERT(i < kv->n && kv->item_type != PAL_STRING);
    switch (kv->item_type) {
    case PAL_U8:
    case PAL_BOOL:
        return kv->value[i];
    case PAL_I8:
        return (int8_t)kv->value[i];
    case PAL_U16:
        return (uint16_t)bits_of(kv, i, 2);
    case PAL_I16:
        return (int16_t)bits_of(kv, i, 2);
    case PAL_U32:
        return (uint32_t)bits_of(kv, i, 4);
    case PAL_I32:
        return (int32_t)bits_of(kv, i, 4);
    case PAL_F32:
        return (double)pal_bits_f32((uint32_t)bits_of(kv, i, 4));
    case PAL_U64:
        return (double)bits_of(kv, i, 8);
    case PAL_I64:
        return (double)(int64_t)bits_of(kv, i, 8);
    default:
        return double_of(bits_of(kv, i, 8));
    }
}

pal_str pal_kv_string(const pal_kv *kv, uint64_t *at) {
    PAL_ASSERT(kv->item_type == PAL_STRING && *at < kv->bytes);
    pal_str s = {(const char *)kv->value + *at + 8, (size_t)pal_read64(kv->value + *at)};
    *at += 8 + s.n;
    return s;
}

static int refuse(const pal_kv *kv, pal_error *e, const char *why) { return pal_fail(e, PAL_E_FORMAT, kv->key, why); }
static bool is_float(uint32_t type) { return type == PAL_F32 || type == PAL_F64; }

int pal_kv_u32(const pal_kv *kv, uint32_t *out, pal_error *e) {
    if (kv->type == PAL_ARRAY || kv->type == PAL_STRING || is_float(kv->type))
        return refuse(kv, e, "must be a whole number; convert the model again");
    double x = pal_kv_number(kv, 0); /* 64-bit values that rounding touches are out of range in any case */
    if (x < 0 || x > UINT32_MAX) return refuse(kv, e, "must be from 0 to 4294967295; convert the model again");
    *out = (uint32_t)x;
    return 1;
}

int pal_gguf_u32(const pal_gguf *g, const char *key, uint32_t *out, pal_error *e) {
    const pal_kv *kv = pal_gguf_find(g, key);
    return kv ? pal_kv_u32(kv, out, e) : 0;
}

int pal_gguf_f32(const pal_gguf *g, const char *key, float *out, pal_error *e) {
    const pal_kv *kv = pal_gguf_find(g, key);
    if (!kv) return 0;
    if (!is_float(kv->type)) return refuse(kv, e, "must be a decimal number; convert the model again");
    double x = pal_kv_number(kv, 0);
    if (!(x >= -3.4028234663852886e38 && x <= 3.4028234663852886e38)) /* so that no reader has to think of NaN */
        return refuse(kv, e, "must be a finite number; convert the model again");
    *out = (float)x;
    return 1;
}

int pal_gguf_bool(const pal_gguf *g, const char *key, bool *out, pal_error *e) {
    const pal_kv *kv = pal_gguf_find(g, key);
    if (!kv) return 0;
    if (kv->type != PAL_BOOL) return refuse(kv, e, "must be a truth value; convert the model again");
    *out = kv->value[0];
    return 1;
}

int pal_gguf_str(const pal_gguf *g, const char *key, pal_str *out, pal_error *e) {
    const pal_kv *kv = pal_gguf_find(g, key);
    if (!kv) return 0;
    if (kv->type != PAL_STRING) return refuse(kv, e, "must be a text; convert the model again");
    uint64_t at = 0;
    *out = pal_kv_string(kv, &at);
    return 1;
}
