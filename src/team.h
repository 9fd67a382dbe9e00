/* Who works: the parts of one step of a layer, shared out among threads. A part is rows of a product or a head, never
   a share of a sum, so that no bit depends on how many threads there are or which of them took what (design I4). */
#ifndef PAL_TEAM_H
#define PAL_TEAM_H

#include "base.h"

#define PAL_MAX_PARTS 0xffffu

/* Does part `part` of `parts`. Parts of one run read nothing that another of them writes. */
typedef void pal_job(void *ctx, uint32_t part, uint32_t parts);

typedef struct pal_team pal_team;
struct pal_team {
    uint32_t threads;
    uint32_t ahead; /* bytes, see pal_team_ahead */
    void (*run)(pal_team *t, pal_job *job, void *ctx, uint32_t parts);
};

/* Runs job(ctx, 0 .. parts - 1, parts), each once, in any order, and returns when all are done. No team (NULL): the
   caller does them all. Threads take the next part when they are done with one: with a few parts for each thread a slow
   core holds up nobody. */
void pal_team_run(pal_team *t, pal_job *job, void *ctx, uint32_t parts);

static inline uint32_t pal_team_threads(const pal_team *t) { return t ? t->threads : 1; }

/* How memory is brought near ahead of the products of one token (pal_act.ahead): 8 lines, or what was measured to be better.
   Some cores look far ahead themselves, and are only disturbed; others wait for each line that nobody has asked for in time,
   or read several places at once faster than one. */
#define PAL_AHEAD 512u
static inline uint32_t pal_team_ahead(const pal_team *t) { return t ? t->ahead : PAL_AHEAD; }

/* How many parts to make of n units (rows, tiles, heads) that cost `work` multiplications in all: a few for each thread,
   and none so small that handing it over costs more than doing it. */
uint32_t pal_team_parts(const pal_team *t, uint32_t n, uint64_t work);
/* The first unit of a part, of n in all; part = parts: the end. As even as whole units allow. */
static inline uint32_t pal_part_from(uint32_t n, uint32_t part, uint32_t parts) {
    return (uint32_t)((uint64_t)n * part / parts);
}

#endif
