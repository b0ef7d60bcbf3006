/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pixel art that was enlarged by linear interpolation, or by one that is like it. */
#ifndef PX_LINEAR_H
#define PX_LINEAR_H

#include "dgxpixels.h"

#include <stdbool.h>

/**
 * Whether the whole picture is an even linear, cubic or Lanczos enlargement of `count` cells: these
 * read at their centres and enlarged again are the picture.  `hints` are periods in pixels to try
 * beside those that the bends say.  `*found` is false when none explains it.
 */
dgxp_status px_linear_find(const dgxp_image *image, const double *hints, int32_t hint_count,
                           int32_t count[2], bool *found);

/**
 * Whether `bends` cells are a multiple of the `edges` that the grid's candidates say.  Cells that were
 * blurred bend at their edges, two or three times a cell, and finer cells explain them as well: where
 * edges tell a whole part of the count, edges are right.
 */
bool px_linear_is_harmonic(const dgxp_grid_info *info, double edges, int32_t bends);

#endif
