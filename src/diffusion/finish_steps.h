/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The pixel steps of a job as JSON, and as what dgxp_fix() takes. */
#ifndef PX_FINISH_STEPS_H
#define PX_FINISH_STEPS_H

#include "dgxpixels.h"

#include <jansson.h>

/** Everything dgxp_fix() is pointed at; plain data but for the palette. */
typedef struct px_finish_steps {
    dgxp_fix_params fix;
    dgxp_grid_params grid;
    dgxp_downscale_params downscale;
    dgxp_matte_params matte;
    dgxp_palette *palette;
    dgxp_palette_params extract;
    dgxp_quantize_params quantize;
    dgxp_outline_params outline;
    dgxp_trim_params trim;
} px_finish_steps;

/** `*out` points into itself: do not copy it.  Free it with px_finish_steps_free(). */
dgxp_status px_finish_steps_read(const char *where, const json_t *steps, px_finish_steps *out);
void px_finish_steps_free(px_finish_steps *steps);

#endif
