/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The whole way from a picture to a finished sprite, in one call. */
#ifndef PX_FIX_H
#define PX_FIX_H

#include "dgxpixels.h"

#include <stdbool.h>

/** Below this confidence a recovered grid is told as uncertain. */
#define PX_FIX_CONFIDENCE 3.0

typedef struct px_fixing {
    const dgxp_image *const *images; /* [count] as given */
    int32_t count;
    dgxp_fix_params params;
    dgxp_image **frames; /* [count] after the last step */
    dgxp_grid *own_grid;
    const dgxp_grid *grid; /* NULL: native */
    bool flat, visible;
    double residual; /* of the worst frame */
    bool matted;
    dgxp_matte_report matte; /* counts of all frames together, shares of the worst */
    dgxp_palette *own_palette;
    const dgxp_palette *palette; /* NULL: colors stay as they are */
    int32_t orphans, jaggies, outline;
    bool trimmed;
    dgxp_trim_report trim;
} px_fixing;

/** The document of dgxp_fix() after its last step. */
dgxp_status px_fix_report(const px_fixing *self, dgxp_document **out);

#endif
