/* Threads, in the builds over shared memory. A helper is a worker of the host that instantiates this module over the
   same memory, sets its own stack and calls team_serve; it stays there until the host ends it. The engine's caller
   works along, so `threads` is the helpers and one.

       caller: job, ticket = (run, parts, its share), wake who sleeps | its share, takes parts | waits until left = 0
       helper: run != seen | takes parts while the ticket has some | spins a little, sleeps on run

   Parts are taken by counting the ticket up: first most of a fair share, then one by one, for every time that two cores
   write to one line of memory costs as much as a thousand products. The ticket carries the number of the run, so a
   helper that comes late cannot take a part of another run, and nobody waits for helpers that slept: only parts that were
   taken count. */
#include "../src/layer/layer.h"
#include "../src/team.h"

#define EXPORT(name) __attribute__((export_name(#name), visibility("default"), used))
#define LINE _Alignas(64)
#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)
#define ADD(x, v) __atomic_add_fetch(&(x), (v), __ATOMIC_SEQ_CST)

enum {
    SPINS = 400000 /* 0.1 to 0.2 ms: longer than what is between two steps of a token */,
    SLICE_MS = 100,
    PATIENCE_MS = 30000
};

static void run(pal_team *t, pal_job *job, void *ctx, uint32_t parts);

static struct {
    pal_team team;   /* threads: how many take part; helpers of a higher number sleep on it */
    uint32_t failed; /* a helper stopped in the middle of a part */
    uint32_t patience_ms;
    LINE union {         /* all that a helper must see to begin, in one line */
        uint64_t ticket; /* run : 32 | parts : 16 | next part : 16 */
        uint32_t half[2];
    };
    pal_job *job;
    void *ctx;
    uint32_t asleep;    /* helpers that must be woken */
    LINE uint32_t left; /* parts that are not done */
    uint32_t waiting;   /* the caller sleeps on left */
} crew = {.team = {1, PAL_AHEAD, run}, .patience_ms = PATIENCE_MS};
static uint32_t *const crew_run = &crew.half[1]; /* counts the runs up */

static bool sleep_on(uint32_t *at, uint32_t value, int64_t ms) { /* false: the time was up */
    return __builtin_wasm_memory_atomic_wait32((int *)at, (int)value, ms < 0 ? -1 : ms * 1000000) != 2;
}
static void wake(uint32_t *at) { __builtin_wasm_memory_atomic_notify((int *)at, UINT32_MAX); }

/* What a thread begins with: three quarters of its fair share, so that a slow core holds up nobody. */
static uint32_t share_of(uint32_t parts) {
    uint32_t share = 3 * parts / (4 * crew.team.threads);
    return share ? share : 1;
}

static void do_parts(uint32_t from, uint32_t n, uint32_t parts) {
    for (uint32_t part = from; part < from + n; part++) crew.job(crew.ctx, part, parts);
    if (ADD(crew.left, -n) == 0 && LOAD(crew.waiting)) wake(&crew.left);
}

static void take_parts(bool first) {
    for (uint64_t ticket = LOAD(crew.ticket);;) {
        const uint32_t parts = (uint32_t)ticket >> 16, part = (uint32_t)ticket & 0xffff;
        if (part >= parts) return;
        const uint32_t share = first ? share_of(parts) : 1, n = share < parts - part ? share : parts - part;
        if (!__atomic_compare_exchange_n(&crew.ticket, &ticket, ticket + n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue; /* ticket is what it is now */
        do_parts(part, n, parts);
        first = false;
        ticket = LOAD(crew.ticket);
    }
}

/* What is left when all helpers are well shrinks; else there is no way to go on. */
static void wait_for_rest(void) {
    uint32_t left, before = 0, waited_ms = 0;
    for (uint32_t i = 0; i < SPINS; i++)
        if (!LOAD(crew.left)) return;
    STORE(crew.waiting, 1);
    while ((left = LOAD(crew.left))) {
        if (left != before) waited_ms = 0;
        before = left;
        if (waited_ms >= crew.patience_ms) STORE(crew.failed, 1);
        if (LOAD(crew.failed)) __builtin_trap();
        if (!sleep_on(&crew.left, left, SLICE_MS)) waited_ms += SLICE_MS;
    }
    STORE(crew.waiting, 0);
}

static void call(uint32_t parts, uint32_t taken) {
    STORE(crew.ticket, (uint64_t)(*crew_run + 1) << 32 | parts << 16 | taken);
    if (LOAD(crew.asleep)) wake(crew_run);
}

static void run(pal_team *t, pal_job *job, void *ctx, uint32_t parts) {
    const uint32_t share = share_of(parts);
    (void)t;
    if (LOAD(crew.failed)) __builtin_trap();
    crew.job = job, crew.ctx = ctx, crew.left = parts;
    call(parts, share);
    do_parts(0, share, parts);
    take_parts(false);
    wait_for_rest();
}

pal_team *pal_wasm_team(void) { return &crew.team; }

/* Helper i >= 1: never returns. */
EXPORT(team_serve) void team_serve(uint32_t i) {
    for (uint32_t seen = 0, spins = 0;;) {
        uint32_t threads = LOAD(crew.team.threads), now = LOAD(*crew_run);
        if (i >= threads)
            sleep_on(&crew.team.threads, threads, -1);
        else if (now != seen)
            seen = now, spins = 0, take_parts(true);
        else if (spins++ == SPINS) {
            ADD(crew.asleep, 1);
            sleep_on(crew_run, seen, -1);
            ADD(crew.asleep, -1u);
            spins = 0;
        }
    }
}
/* From a helper that caught an error: the caller must not wait for it. */
EXPORT(team_fail) void team_fail(void) {
    STORE(crew.failed, 1);
    wake(&crew.left);
}
EXPORT(team_failed) uint32_t team_failed(void) { return LOAD(crew.failed); }
/* How many threads take part: the caller and helpers 1 .. n - 1. */
EXPORT(team_use) void team_use(uint32_t n) {
    STORE(crew.team.threads, n);
    wake(&crew.team.threads);
    call(0, 0); /* who is too many goes to sleep there */
}
/* For tests: where the ticket lies. */
EXPORT(team_ticket) uint64_t *team_ticket(void) { return &crew.ticket; }
/* The caller gives up when no part was done for so long. */
EXPORT(team_patience) void team_patience(uint32_t ms) { crew.patience_ms = ms; }

/* ---- the measurement: steps like those of decoding with a small model ---- */
enum { ROWS = 1536, COLS = 576 };
static pal_linear steps(void *desk, float **x, float **y, void **act) {
    const pal_format *f = pal_format_of(2); /* Q4_0 */
    uint8_t *at = desk;
    pal_linear l = {
        .w = {.format = f, .data = at, .rows = ROWS, .cols = COLS, .woven = ROWS}}; /* zeros: woven or not */
    at += pal_align(ROWS * pal_format_bytes(f, COLS));
    *x = (float *)at, *y = (float *)at + COLS, *act = at + pal_align((COLS + ROWS) * sizeof(float));
    return l;
}
EXPORT(team_desk) uint32_t team_desk(void) {
    float *x, *y;
    void *act;
    steps(NULL, &x, &y, &act);
    return (uint32_t)((uintptr_t)act + pal_act_bytes(1, COLS));
}
/* n steps; the host holds the watch. desk: team_desk bytes. */
EXPORT(team_steps) void team_steps(void *desk, uint32_t n) {
    float *x, *y;
    void *act;
    pal_linear l = steps(desk, &x, &y, &act);
    pal_zero(desk, team_desk());
    for (uint32_t i = 0; i < n; i++) {
        pal_act in = pal_act_make(x, 1, COLS, act);
        pal_products(&crew.team, &in, &(pal_product){&l, y}, 1);
    }
}
