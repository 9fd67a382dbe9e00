/* libFuzzer target for saved states: a sealed block is damaged, sealed again or not, and restored. What is taken must
   run on without a trap; what is refused must leave the session as it was. Build and run: ./build.sh fuzz

     byte 0      policy, cache format, positions (which session)
     byte 1      bit 0: seal again after the damage; bit 1: the block lies one byte short; bits 2, 3: tokens to feed then
     then        u16 offset, u8 value: overwrites one byte of the block, as often as there are bytes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/session.h"
#include "../../src/state.h"

#define REQUIRE(c) ((c) ? (void)0 : __builtin_trap())
enum { budget = 8, chunk = 4, warm = 21, sessions = PAL_POLICIES * 3 * 2 };

static const char model_path[] = "tests/fixtures/arch/llama_plain/model.gguf";
static pal_model *model;
static struct {
    pal_session *session;
    uint8_t *saved; /* sealed after `warm` tokens */
    uint64_t bytes, hash;
} worlds[sessions];

static void *take(size_t n) {
    void *p = NULL;
    if (posix_memalign(&p, 64, n)) abort();
    memset(p, 0, n);
    return p;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    FILE *f = fopen(model_path, "rb");
    if (!f) fprintf(stderr, "%s is missing; run from the repository's root\n", model_path), exit(1);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = take(n);
    if (fread(bytes, 1, n, f) != n) abort();
    fclose(f);
    static pal_file file; /* stays referenced */
    file = (pal_file){bytes, n, n};
    pal_error e = {0};
    uint64_t need;
    uint32_t which;
    pal_gguf *g;
    int64_t size = pal_gguf_size(&file, 1, &need, &which, &e);
    REQUIRE(size > 0 && !pal_gguf_open(&g, take((size_t)size), (size_t)size, &file, 1, &e));
    size = pal_model_bytes(g, &e);
    REQUIRE(size > 0 && !pal_model_open(&model, take((size_t)size), (size_t)size, g, &e));
    REQUIRE(pal_model_weave(model, 0, n, &e) == 0);
    return 0;
}

static void feed(pal_session *s, uint32_t n) {
    uint32_t n_vocab = pal_model_describe(model).n_vocab;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = (uint32_t)(pal_seen(s) * 7 + i) % n_vocab;
        pal_error e = {0};
        int code = pal_feed(s, &id, 1, false, &e);
        REQUIRE(code == 0 || (code == PAL_E_FULL && e.text[0]));
    }
}

static void make(uint32_t w) {
    pal_limits l = {.policy = w % PAL_POLICIES,
                    .cache = w / PAL_POLICIES % 3,
                    .positions = w / PAL_POLICIES / 3,
                    .budget = budget,
                    .chunk = chunk};
    if (l.policy == PAL_FULL) l.budget = 32;
    REQUIRE(!pal_limits_resolve(model, &l, NULL));
    worlds[w].bytes = pal_state_bytes(model, &l);
    worlds[w].session = take(pal_session_bytes());
    worlds[w].saved = take(worlds[w].bytes);
    void *state = take(worlds[w].bytes);
    REQUIRE(!pal_session_open(worlds[w].session, model, &l, state, take(pal_scratch_bytes(model, &l)), NULL));
    feed(worlds[w].session, warm);
    pal_state_seal(worlds[w].session);
    memcpy(worlds[w].saved, state, worlds[w].bytes);
    worlds[w].hash = pal_state_hash(worlds[w].session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    uint32_t w = data[0] % sessions;
    if (!worlds[w].session) make(w);
    pal_session *s = worlds[w].session;
    uint64_t bytes = worlds[w].bytes;
    REQUIRE(!pal_state_restore(s, worlds[w].saved, bytes, NULL)); /* what the last input left is forgotten */
    REQUIRE(pal_state_hash(s) == worlds[w].hash);

    uint8_t *block = take(bytes);
    memcpy(block, worlds[w].saved, bytes);
    for (size_t i = 2; i + 2 < size; i += 3) block[pal_read16(data + i) % bytes] = data[i + 2];
    pal_state *head = (pal_state *)block;
    if ((data[1] & 1) && head->bytes == bytes) head->checksum = pal_state_checksum(head);
    bool changed = memcmp(block, worlds[w].saved, bytes) != 0, cut = data[1] & 2;

    pal_error e = {0};
    int code = pal_state_restore(s, block, bytes - cut, &e);
    REQUIRE(code == e.code && (code == 0 || (code == PAL_E_FOREIGN && strchr(e.text, ';'))));
    REQUIRE(code || !cut);
    REQUIRE(changed || cut || !code);
    if (code) REQUIRE(pal_state_hash(s) == worlds[w].hash);
    free(block);
    feed(s, data[1] >> 2 & 3);
    if (pal_seen(s)) {
        pal_sampling sampling = {.temperature = 0.8f, .top_p = 1, .typical_p = 1, .repeat_penalty = 1.1f};
        int64_t id = pal_sample(s, &sampling, 64, NULL, NULL, 0, NULL);
        REQUIRE(id < (int64_t)pal_model_describe(model).n_vocab);
    }
    for (uint32_t layer = 0; layer < pal_model_describe(model).n_layer; layer++) {
        uint32_t sets = 0, positions[64];
        int32_t held = pal_held(s, layer, &sets);
        for (uint32_t set = 0; held >= 0 && set < sets; set++)
            REQUIRE(pal_retained(s, layer, set, positions, NULL) <= 32 + chunk);
    }
    return 0;
}
