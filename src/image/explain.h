/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How well cells explain a picture: flat inside, different from their neighbours. */
#ifndef PX_EXPLAIN_H
#define PX_EXPLAIN_H

#include "image/grid.h"

#include <stdbool.h>

typedef struct px_explained {
    double inside;  /* variance inside cells over that between neighbouring ones */
    double shifted; /* variance inside cells over that inside cells moved by half of one */
} px_explained;

/** A grid of true cells has little of both; of a photograph `shifted` is near 1.  Frames add up. */
px_explained px_explain(const dgxp_image *const *images, int32_t count, const dgxp_grid *grid);

/** What true cells leave inside at most, unless an enlarger rounded them. */
#define PX_EXPLAIN_FLAT 0.12

/**
 * Whether cells are in the picture.  True ones are flat, however blurred and noisy; a photograph's
 * texture, its brush strokes and JPEG's blocks have as much inside as between.  Where cells explain
 * less (rounded by an enlarger, deep noise), the edges must agree, too.  `spread` is how far the
 * lines wander, cells rms; `first` that no other period has more edges in step.
 */
bool px_explain_accepts(const dgxp_grid_info *info, const px_explained *why, double spread,
                        bool first);

#endif
