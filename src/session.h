/* What a session is made of. The public face is pal.h. */
#ifndef PAL_SESSION_H
#define PAL_SESSION_H

#include "forward.h"
#include "pal.h"

struct pal_session {
    const pal_model *model;
    pal_limits limits;
    pal_run run;
    uint32_t last_n; /* tokens of the chunk fed last */
};

const char *pal_policy_name(uint32_t i); /* NULL past the end */

#endif
