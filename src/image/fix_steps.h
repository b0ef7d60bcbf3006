/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The steps of dgxp_fix() as JSON: a job's, a preset's, a bundle's. */
#ifndef PX_FIX_STEPS_H
#define PX_FIX_STEPS_H

#include "dgxpixels.h"

#include <jansson.h>

/** Everything dgxp_fix() is pointed at; plain data but for the palette. */
typedef struct px_fix_steps {
    dgxp_fix_params fix;
    dgxp_grid_params grid;
    dgxp_downscale_params downscale;
    dgxp_matte_params matte;
    dgxp_palette *palette;
    dgxp_palette_params extract;
    dgxp_quantize_params quantize;
    dgxp_outline_params outline;
    dgxp_trim_params trim;
} px_fix_steps;

/** `*out` points into itself: do not copy it.  Free it with px_fix_steps_free(). */
dgxp_status px_fix_steps_read(const char *where, const json_t *steps, px_fix_steps *out);
void px_fix_steps_free(px_fix_steps *steps);

/**
 * Check the steps of dgxp_job_set_finish() and make them whole: a palette's name or path becomes
 * its name and colors, so that a recipe needs no file.  `where` begins errors; `*out` is yours.
 */
dgxp_status px_fix_steps_check(const char *where, const json_t *steps, json_t **out);

/** `over` laid over `under` (or NULL): its steps replace those of the same name, nulls stay.  A new
 * object, NULL when memory runs out. */
json_t *px_fix_steps_lay(const json_t *under, const json_t *over);

#endif
