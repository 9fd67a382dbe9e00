/* Sessions on a real file: chunks, save and restore, limits, pins, refusals. */
#include "../../src/pal.h"
#include "../../src/session.h"
#include "test.h"

#define N 40u

typedef struct {
    pal_session *session;
    uint8_t *state;
    pal_limits limits;
} chat;

static const pal_model *open_model(const char *name) {
    test_file file = test_fixture(name);
    pal_file f = {file.bytes, file.n, file.n};
    pal_error e = {0};
    uint64_t need;
    uint32_t which;
    pal_gguf *g = NULL;
    pal_model *m = NULL;
    size_t bytes = (size_t)pal_gguf_size(&f, 1, &need, &which, &e);
    CHECK(pal_gguf_open(&g, test_take(bytes), bytes, &f, 1, &e) == 0);
    bytes = (size_t)pal_model_bytes(g, &e);
    CHECK(pal_model_open(&m, test_take(bytes), bytes, g, &e) == 0);
    CHECK(pal_model_weave(m, 0, file.n, &e) == 0);
    return m;
}

static chat open_chat(const pal_model *m, pal_limits l) {
    pal_error e = {0};
    CHECK(pal_limits_resolve(m, &l, &e) == 0);
    chat c = {test_take(pal_session_bytes()), test_take((size_t)pal_state_bytes(m, &l)), l};
    CHECK(pal_session_open(c.session, m, &l, c.state, test_take((size_t)pal_scratch_bytes(m, &l)), &e) == 0);
    return c;
}

static void tokens(uint32_t *ids, uint32_t n, uint32_t n_vocab) {
    uint64_t random = 7;
    for (uint32_t i = 0; i < n; i++) ids[i] = (uint32_t)(test_random(&random) % n_vocab);
}

static void feed(chat *c, const uint32_t *ids, uint32_t n) {
    pal_error e = {0};
    for (uint32_t at = 0; at < n; at += c->limits.chunk)
        CHECK(pal_feed(c->session, ids + at, n - at < c->limits.chunk ? n - at : c->limits.chunk, false, &e) == 0);
}

static uint64_t logits_hash(chat *c, const pal_model *m) {
    return pal_hash(0, pal_logits(c->session), pal_model_describe(m).n_vocab * sizeof(float));
}

/* Every policy, position mode and cache format: any chunk size gives the same state and logits; copying the state into
   another session continues identically; full with room for all is bit-equal to a bounded policy that never evicts. */
static void chunks_and_copies(const pal_model *m) {
    uint32_t ids[N + 8], n_vocab = pal_model_describe(m).n_vocab, formats = 3;
    tokens(ids, N + 8, n_vocab);
    for (uint32_t i = 0; i < PAL_POLICIES * 2 * formats; i++) {
        pal_limits l = {.policy = i % PAL_POLICIES, .positions = i / PAL_POLICIES % 2, .cache = i / PAL_POLICIES / 2};
        const uint32_t sizes[] = {1, 7, 64};
        uint64_t state[3], logits[3], after[3];
        l.budget = l.policy == PAL_FULL ? N + 8 : 12;
        for (uint32_t k = 0; k < 3; k++) {
            pal_error e = {0};
            l.chunk = sizes[k];
            chat c = open_chat(m, l), copy = open_chat(m, l);
            feed(&c, ids, N);
            state[k] = pal_state_hash(c.session);
            logits[k] = logits_hash(&c, m);
            pal_state_seal(c.session);
            CHECK(pal_state_restore(copy.session, c.state, pal_state_bytes(m, &l), &e) == 0);
            CHECK(logits_hash(&copy, m) == logits[k]);
            feed(&c, ids + N, 8);
            feed(&copy, ids + N, 8);
            after[k] = pal_state_hash(c.session);
            CHECK(pal_state_hash(copy.session) == after[k] && pal_seen(copy.session) == N + 8);
        }
        CHECK(state[0] == state[1] && state[0] == state[2]);
        CHECK(logits[0] == logits[1] && logits[0] == logits[2]);
        CHECK(after[0] == after[1] && after[0] == after[2]);
    }
    chat full = open_chat(m, (pal_limits){.policy = PAL_FULL, .budget = N});
    feed(&full, ids, N);
    for (uint32_t policy = PAL_WINDOW; policy < PAL_POLICIES; policy++) {
        chat c = open_chat(m, (pal_limits){.policy = policy, .budget = N + policy});
        feed(&c, ids, N);
        CHECK(logits_hash(&c, m) == logits_hash(&full, m));
    }
}

static void pins_stay(const pal_model *m) {
    pal_error e = {0};
    uint32_t ids[N], held[16], sets;
    tokens(ids, N, pal_model_describe(m).n_vocab);
    for (uint32_t policy = PAL_WINDOW; policy < PAL_POLICIES; policy++) {
        chat c = open_chat(m, (pal_limits){.policy = policy, .budget = 10});
        CHECK(pal_feed(c.session, ids, 3, true, &e) == 0);
        feed(&c, ids + 3, N - 3);
        for (uint32_t layer = 0; layer < pal_model_describe(m).n_layer; layer++) {
            int32_t n = pal_held(c.session, layer, &sets);
            if (n < 0) continue;
            CHECK(n == 10);
            for (uint32_t set = 0; set < sets; set++) {
                CHECK(pal_retained(c.session, layer, set, held, NULL) == 10);
                CHECK(held[0] == 0 && held[1] == 1 && held[2] == 2);
            }
        }
        CHECK(pal_feed(c.session, ids, 7, true, &e) == 0); /* ten pinned: just the budget */
        feed(&c, ids, 5);
        CHECK(pal_feed(c.session, ids, 1, true, &e) == PAL_E_PINNED && e.code == PAL_E_PINNED);
        CHECK(pal_seen(c.session) == N + 12);
        pal_zero(&e, sizeof e);
    }
}

static void refusals(const pal_model *m) {
    pal_error e = {0};
    pal_limits l = {.policy = PAL_FULL, .budget = 4};
    uint32_t ids[8] = {1, 2, 3, 4, 5, 6, 7, 0}, n_vocab = pal_model_describe(m).n_vocab;
    chat c = open_chat(m, l);
    CHECK(pal_logits(c.session) == NULL);
    CHECK(pal_feed(c.session, ids, 5, false, &e) == PAL_E_FULL && pal_seen(c.session) == 0);
    CHECK(pal_feed(c.session, ids, 4, false, NULL) == 0);
    CHECK(pal_feed(c.session, ids, 1, false, NULL) == PAL_E_FULL);
    CHECK(pal_feed(c.session, &n_vocab, 1, false, NULL) == PAL_E_ARGUMENT);
    float nll;
    CHECK(pal_nll(c.session, &n_vocab, 1, &nll, NULL) == PAL_E_ARGUMENT);
    CHECK(pal_nll(c.session, ids, 5, &nll, NULL) == PAL_E_ARGUMENT);
    const pal_limits bad[] = {
        {.policy = PAL_POLICIES},           {.positions = 2}, {.cache = 3},
        {.budget = PAL_MAX_BUDGET + 1},     {.sinks = 1},     {.recent = 1},
        {.policy = PAL_SINKS, .budget = 4}, {.chunk = 513},   {.policy = PAL_H2O, .budget = 4, .recent = 5}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        l = bad[i];
        pal_error why = {0};
        CHECK(pal_limits_resolve(m, &l, &why) == PAL_E_ARGUMENT && why.text[0]);
    }
    l = (pal_limits){.policy = PAL_TOVA, .budget = 100};
    CHECK(pal_limits_resolve(m, &l, NULL) == 0);
    CHECK(pal_budget_for(m, &l, pal_state_bytes(m, &l)) == 100);
    CHECK(pal_budget_for(m, &l, pal_state_bytes(m, &l) - 1) == 99);
    CHECK(pal_budget_for(m, &l, 0) == 0);
}

/* A saved block that is short, long, flipped anywhere, or of another session is refused and leaves the session as it was. */
static void damaged_states(const pal_model *m) {
    uint32_t ids[N];
    tokens(ids, N, pal_model_describe(m).n_vocab);
    pal_limits l = {.policy = PAL_TOVA, .budget = 8};
    chat c = open_chat(m, l), other = open_chat(m, (pal_limits){.policy = PAL_TOVA, .budget = 9});
    uint64_t n = pal_state_bytes(m, &c.limits), random = 1;
    feed(&c, ids, N);
    pal_state_seal(c.session);
    uint8_t *block = test_take((size_t)n + 1);
    pal_copy(block, c.state, (size_t)n);
    uint64_t before = pal_state_hash(c.session);
    CHECK(pal_state_restore(other.session, block, n, NULL) == PAL_E_FOREIGN);
    for (uint64_t cut = 0; cut < n; cut += cut < 80 ? 1 : 997)
        CHECK(pal_state_restore(c.session, block, cut, NULL) == PAL_E_FOREIGN);
    CHECK(pal_state_restore(c.session, block, n + 1, NULL) == PAL_E_FOREIGN);
    for (uint32_t i = 0; i < 600; i++) {
        uint64_t at = i < 56 ? i : test_random(&random) % n;
        block[at] ^= (uint8_t)(1u << i % 8);
        CHECK(pal_state_restore(c.session, block, n, NULL) == PAL_E_FOREIGN);
        block[at] ^= (uint8_t)(1u << i % 8);
    }
    CHECK(pal_state_hash(c.session) == before);
    CHECK(pal_state_restore(c.session, block, n, NULL) == 0);
}

/* nll of a chunk = logsumexp - logit, token by token. */
static void losses(const pal_model *m) {
    uint32_t ids[N], n_vocab = pal_model_describe(m).n_vocab;
    float nll[N];
    tokens(ids, N, n_vocab);
    chat c = open_chat(m, (pal_limits){.budget = N}), one = open_chat(m, (pal_limits){.budget = N, .chunk = 1});
    feed(&c, ids, N);
    CHECK(pal_nll(c.session, ids + 1, N - 1, nll, NULL) == 0);
    for (uint32_t i = 0; i + 1 < N; i++) {
        feed(&one, ids + i, 1);
        float *logits = pal_logits(one.session);
        CHECK(nll[i] == (float)(pal_logsumexp(logits, n_vocab) - (double)logits[ids[i + 1]]));
    }
}

/* Layers whose sliding window is the smaller bound keep the newest, pinned or not. */
static void pins_and_windows(const pal_model *m) {
    pal_error e = {0};
    uint32_t ids[N], held[64], sets, short_layers = 0;
    tokens(ids, N, pal_model_describe(m).n_vocab);
    chat c = open_chat(m, (pal_limits){.policy = PAL_TOVA, .budget = 36});
    CHECK(pal_feed(c.session, ids, 30, true, &e) == 0);
    feed(&c, ids, N);
    for (uint32_t layer = 0; layer < pal_model_describe(m).n_layer; layer++) {
        int32_t n = pal_held(c.session, layer, &sets);
        if (n < 0) continue;
        pal_retained(c.session, layer, 0, held, NULL);
        if (n == 36)
            CHECK(held[29] == 29);
        else
            CHECK(held[0] == 70 - (uint32_t)n), short_layers++;
    }
    CHECK(short_layers > 0);
}

/* A block that is sealed but contradicts itself would make the policy find nobody to drop. */
static void hostile_states(const pal_model *m) {
    uint32_t ids[N];
    tokens(ids, N, pal_model_describe(m).n_vocab);
    chat c = open_chat(m, (pal_limits){.policy = PAL_TOVA, .budget = 8});
    feed(&c, ids, N);
    uint64_t n = pal_state_bytes(m, &c.limits);
    pal_state *block = test_take((size_t)n);
    pal_bounds b = pal_bounds_of(&c.limits);
    for (uint32_t kind = 0; kind < 9; kind++) {
        pal_copy(block, c.state, (size_t)n);
        pal_slots s = pal_attention_slots(&m->layers[2], &b, (uint8_t *)block + pal_state_layer(m, &b, 2), 0);
        if (kind == 0) s.pinned[s.order[3]] = 1;
        if (kind == 1) s.pinned[s.order[3]] = 7;
        if (kind == 2) s.order[3] = s.order[4];
        if (kind == 3) s.order[0] = 1u << 30;
        if (kind == 4) s.head[1] = s.order[0];
        if (kind == 5) s.head[0] = 7;
        if (kind == 6) s.pos[s.order[7]] = N;
        if (kind == 7) block->n_pinned = 1;
        if (kind == 8) pal_state_recent(block)[5] = 1u << 20;
        block->checksum = pal_state_checksum(block);
        CHECK(pal_state_restore(c.session, block, n, NULL) == PAL_E_FOREIGN);
    }
    const pal_limits others[] = {{.policy = PAL_WINDOW, .budget = 8},
                                 {.policy = PAL_TOVA, .budget = 8, .positions = 1},
                                 {.policy = PAL_TOVA, .budget = 8, .cache = 1}};
    for (uint32_t i = 0; i < 3; i++) {
        chat other = open_chat(m, others[i]);
        feed(&other, ids, N);
        pal_state_seal(other.session);
        CHECK(pal_state_restore(c.session, other.state, pal_state_bytes(m, &other.limits), NULL) == PAL_E_FOREIGN);
    }
}

/* Same seed same tokens; another seed others; the penalty sees the tokens that were fed, also after a copy. */
static void draws(const pal_model *m) {
    uint32_t ids[N], n_vocab = pal_model_describe(m).n_vocab, different = 0;
    pal_sampling plain = {.temperature = 1, .top_p = 1, .typical_p = 1, .repeat_penalty = 1}, shy = plain;
    shy.temperature = 0;
    shy.repeat_penalty = 1e6f;
    tokens(ids, N, n_vocab);
    chat a = open_chat(m, (pal_limits){.budget = N}), b = open_chat(m, (pal_limits){.budget = N}),
         copy = open_chat(m, (pal_limits){.budget = N});
    CHECK(pal_sample(a.session, &plain, 0, NULL, NULL, 0, NULL) == PAL_E_ARGUMENT);
    feed(&a, ids, N);
    feed(&b, ids, N);
    for (uint32_t round = 0; round < 30; round++) {
        pal_session_seed(a.session, round);
        pal_session_seed(b.session, round);
        int64_t drawn = pal_sample(a.session, &plain, 0, NULL, NULL, 0, NULL);
        CHECK(drawn >= 0 && drawn < n_vocab && drawn == pal_sample(b.session, &plain, 0, NULL, NULL, 0, NULL));
        different += drawn != pal_sample(a.session, &plain, 0, NULL, NULL, 0, NULL);
        pal_state_seal(a.session);
        CHECK(pal_state_restore(copy.session, a.state, pal_state_bytes(m, &a.limits), NULL) == 0);
        CHECK(pal_sample(copy.session, &plain, 0, NULL, NULL, 0, NULL) ==
              pal_sample(a.session, &plain, 0, NULL, NULL, 0, NULL));
    }
    CHECK(different > 10);
    float nll, much = 1000;
    pal_session_reset(copy.session, 0);
    feed(&copy, ids, 2);
    pal_state_seal(a.session);
    CHECK(pal_state_restore(copy.session, a.state, pal_state_bytes(m, &a.limits), NULL) == 0);
    CHECK(pal_nll(copy.session, ids, 1, &nll, NULL) == PAL_E_ARGUMENT); /* a restored session has no last chunk */
    for (uint32_t i = N - 3; i < N; i++) { /* lifted above all others, and pressed down again for having been read */
        CHECK(pal_sample(copy.session, &shy, 0, &ids[i], &much, 1, NULL) == ids[i]);
        CHECK(pal_sample(copy.session, &shy, 3, &ids[i], &much, 1, NULL) != ids[i]);
        CHECK(pal_sample(copy.session, &shy, N - 1 - i, &ids[i], &much, 1, NULL) == ids[i]);
    }
    pal_session_reset(copy.session, 5);
    pal_session_reset(b.session, 6);
    CHECK(pal_state_hash(copy.session) != pal_state_hash(b.session) && pal_seen(b.session) == 0);
    pal_session_seed(a.session, 5);
    uint64_t state = pal_state_hash(a.session);
    pal_session_seed(a.session, 6);
    CHECK(pal_state_hash(a.session) != state);
    CHECK(pal_sample(a.session, &plain, PAL_MAX_RECENT + 1, NULL, NULL, 0, NULL) == PAL_E_ARGUMENT);
    CHECK(pal_sample(a.session, &plain, 0, &n_vocab, &nll, 1, NULL) == PAL_E_ARGUMENT);
}

/* A place for n bytes at the end of a pool, so that AddressSanitizer sees one byte too many; NULL when it does not fit. */
typedef struct {
    uint8_t *at;
    uint64_t n;
} pool;
static pool make_pool(uint64_t n) { return (pool){test_take((size_t)n), n}; }
static void *end_of(pool p, uint64_t bytes) { return pal_align(bytes) <= p.n ? p.at + (p.n - pal_align(bytes)) : NULL; }

/* Headers with one byte changed: a model is refused with a reason, or it works within what it says that it needs. */
static void hostile_headers(const char *name, uint32_t step) {
    enum { SMALL = 1 << 17, LARGE = 1 << 21 };
    test_file file = test_fixture(name);
    uint8_t *bytes = test_take(file.n);
    pool directory = make_pool(SMALL), model = make_pool(SMALL), state = make_pool(LARGE), scratch = make_pool(LARGE);
    void *session = test_take(pal_session_bytes());
    uint32_t refused = 0, worked = 0, ids[5] = {1, 2, 3, 4, 5};
    pal_file f = {bytes, file.n, file.n};
    pal_copy(bytes, file.bytes, file.n);
    uint64_t need, end = 0;
    for (uint64_t i = 24; i < (end ? end : 25); i += end ? step : 0) {
        for (uint32_t way = 0; way < 3; way++) {
            uint32_t which;
            pal_gguf *g = NULL;
            pal_model *m = NULL;
            pal_error e = {0};
            const uint8_t was = bytes[i];
            if (end) bytes[i] = way == 0 ? (uint8_t)(was + 1) : way == 1 ? 0xff : (uint8_t)(was ^ 0x10);
            int64_t n = pal_gguf_size(&f, 1, &need, &which, &e);
            int rc = n < 0 || !end_of(directory, (uint64_t)n)
                         ? -1
                         : pal_gguf_open(&g, end_of(directory, (uint64_t)n), (size_t)n, &f, 1, &e);
            n = rc ? -1 : pal_model_bytes(g, &e);
            void *mem = n < 0 ? NULL : end_of(model, (uint64_t)n);
            if (mem) pal_zero(mem, (size_t)n);
            if (mem && pal_model_open(&m, mem, (size_t)n, g, &e) == 0) {
                if (!end) end = g->tensors[0].offset, CHECK(end > 100);
                pal_limits l = {.policy = PAL_TOVA, .budget = 3, .cache = PAL_CACHE_Q8, .positions = 1, .chunk = 4};
                CHECK(pal_limits_resolve(m, &l, NULL) == 0);
                void *s = end_of(state, pal_state_bytes(m, &l)), *w = end_of(scratch, pal_scratch_bytes(m, &l));
                if (s && w && m->n_vocab > 5 && pal_model_weave(m, 0, file.n, &e) == 0) {
                    CHECK(pal_session_open(session, m, &l, s, w, &e) == 0);
                    CHECK(pal_feed(session, ids, 4, false, &e) == 0 && pal_feed(session, ids + 4, 1, false, &e) == 0);
                    worked += pal_logits(session) != NULL;
                }
            } else {
                CHECK(e.text[0] || n < 0 || !mem);
                refused++;
            }
            bytes[i] = was;
            if (!end) break;
        }
        if (!end) break;
    }
    CHECK(worked > 20 && refused > 20);
}

void test_session(void) {
    static const char *const kinds[] = {"mamba", "mamba2_g2", "lfm2", "granitehybrid", "qwen35", "rwkv7"};
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[40] = "arch/";
        uint32_t at = 5;
        for (const char *c = kinds[i]; *c; c++) name[at++] = *c;
        pal_copy(name + at, "/model.gguf", 12);
        hostile_headers(name, 5);
        if (i == 4) chunks_and_copies(open_model(name)); /* states beside every policy */
    }

    const pal_model *llama = open_model("arch/llama_plain/model.gguf"), *gemma = open_model("arch/gemma3/model.gguf");
    chunks_and_copies(llama);
    chunks_and_copies(gemma);
    pins_stay(llama);
    refusals(llama);
    damaged_states(llama);
    losses(llama);
    hostile_states(llama);
    draws(llama);
    pins_and_windows(gemma);
    const pal_model *gpt2 = open_model("arch/gpt2/model.gguf");
    pal_limits cache = {.positions = PAL_POSITIONS_CACHE};
    CHECK(pal_limits_resolve(gpt2, &cache, NULL) == PAL_E_ARGUMENT);
}
