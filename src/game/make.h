/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One wish of a project becomes its files, in memory. */
#ifndef PX_MAKE_H
#define PX_MAKE_H

#include "game/settings.h"

/** A file that a wish became. */
typedef struct px_made_file {
    char *path; /* below the assets */
    uint8_t *bytes;
    size_t size;
    int32_t tile_width, tile_height; /* of a tile set's picture; 0 = none */
} px_made_file;

typedef struct px_made {
    px_made_file files[1 + PX_WISH_BESIDE]; /* the picture first */
    size_t count;
} px_made;

/**
 * Paint it with `model` and encode what comes of it.  Of `params` only progress, user_data and
 * cancel count.  Free `out` with px_made_free(), also after a failure.
 */
dgxp_status px_make(const px_project *project, const px_settings *settings, const px_wish *wish,
                    dgxp_model *model, const dgxp_build_params *params, px_made *out);
void px_made_free(px_made *made);

#endif
