/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long a job takes and how much memory: measured on this machine, else a rough guess. */
#ifndef PX_ESTIMATE_H
#define PX_ESTIMATE_H

#include "diffusion/plan.h"

#include <jansson.h>

/** Calls of the UNet that a plan makes for each picture: two a guided step. */
int32_t px_estimate_passes(const px_plan *plan);

/**
 * What was just painted, for later estimates: `denoise` and `whole` seconds.  Kept in the user's
 * cache, once for each opened model; a failure is silent.
 */
void px_estimate_note(dgxp_model *model, const px_plan *plan, double denoise, double whole);

/**
 * An array with one entry for each device that such pictures were painted on, else a guess for a
 * CPU: {"device", "seconds", "memory_mib", "basis"}.  NULL when memory runs out.  No backend.
 */
json_t *px_estimate(const dgxp_model *model, const px_plan *plan);

#endif
