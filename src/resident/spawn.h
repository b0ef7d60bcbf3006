/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Engines seen from outside: started as programs of their own, asked, and stopped. */
#ifndef PX_SPAWN_H
#define PX_SPAWN_H

#include "dgxpixels.h"
#include "resident/place.h"

#include <jansson.h>

/**
 * Start `dgx-pixels resident serve` by itself (its own session, its log at the place's), and wait
 * until it serves; DGXP_ERR_BACKEND with the end of its log when it does not.
 */
dgxp_status px_spawn_engine(const px_place *place, int32_t idle_seconds);
/** Append what each live engine of this user says of itself. */
dgxp_status px_spawn_describe(json_t *engines);
/** Stop them all, and wait until they have gone; how many in `*count`. */
dgxp_status px_spawn_stop(int32_t *count);

#endif
