#include "team.h"

enum {
    PARTS_EACH = 4,    /* of every thread: more even out slow cores, fewer cost less at the counter */
    LEAST_WORK = 65536 /* multiplications of a part: 2 to 15 microseconds, a few times what handing over costs */
};

void pal_team_run(pal_team *t, pal_job *job, void *ctx, uint32_t parts) {
    PAL_ASSERT(parts <= PAL_MAX_PARTS);
    if (t && t->threads > 1 && parts > 1)
        t->run(t, job, ctx, parts);
    else
        for (uint32_t part = 0; part < parts; part++) job(ctx, part, parts);
}

uint32_t pal_team_parts(const pal_team *t, uint32_t n, uint64_t work) {
    uint32_t threads = pal_team_threads(t), most = threads > 1 ? threads * PARTS_EACH : 1;
    if (work / LEAST_WORK < most) most = work < LEAST_WORK ? 1 : (uint32_t)(work / LEAST_WORK);
    if (most > threads) most -= most % threads; /* the same for every thread */
    return n < 2 * most ? n : most;             /* else some parts would be twice as large as others */
}
