/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The resident engine: one thread that keeps models open and does what programs ask, in turn. */
#ifndef PX_ENGINE_H
#define PX_ENGINE_H

#include "dgxpixels.h"
#include "resident/place.h"
#include "shim.h"

#include <stdbool.h>

typedef struct px_engine_options {
    const px_shim *shim; /* the real backend */
    double idle;         /* seconds without a program, after which it leaves */
    /** Whether programs that start now would still meet this engine; asked every few seconds. */
    bool (*is_current)(void *user_data);
    void *user_data;
} px_engine_options;

/**
 * Serve at `place`, whose lock the caller holds, until nobody needs it any more, it is told to stop,
 * or SIGTERM or SIGINT comes; `ready` is called once programs can connect.
 */
dgxp_status px_engine_run(const px_place *place, const px_engine_options *options,
                          void (*ready)(void *user_data));

#endif
