/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signs of art at its own size: short runs, sharp steps, few colors. */
#ifndef PX_NATIVE_H
#define PX_NATIVE_H

#include "dgxpixels.h"

#include <stdbool.h>

/** The share of one-color runs shorter than 0.6 of a cell (x, y), 0..1. */
double px_native_short_runs(const dgxp_image *image, const double cell[2]);

/** The correlation of neighbouring steps, -1..1: high where borders are blurred. */
double px_native_softness(const dgxp_image *image);

/** At most 256 colors, and not a black and white photograph. */
bool px_native_few_colors(const dgxp_image *image);

/* The correlation of steps: 99 % of 8,236 hand-made sprites lie below 0.095, undithered GIFs of
 * soft canvases with 64 to 256 colors above 0.127.  Dithering hides softness: there --cell helps.
 */
#define PX_NATIVE_SOFT 0.11

/** Art at its own size, if there is no grid: few colors, or sharp steps in a small picture. */
bool px_native_own_size(const dgxp_image *image, bool few);

#endif
