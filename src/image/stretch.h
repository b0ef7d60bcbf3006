/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pixel art that was enlarged without interpolation by a factor that is not whole. */
#ifndef PX_STRETCH_H
#define PX_STRETCH_H

#include "dgxpixels.h"

#include <stdbool.h>

/** Pixel x of an axis shows cell floor((x + phase) / cell). */
typedef struct px_stretch {
    double cell;
    double phase; /* pixels, 0..cell */
} px_stretch;

/**
 * Whether the lines at which neighbours differ (`columns` and `rows`, a byte a pixel) are those of
 * cells of 2 pixels or more, wide and high, none of them cut.  Fills both axes then.  No line may lie
 * elsewhere, and so many must agree that chance is out of the question.
 */
bool px_stretch_find(const uint8_t *columns, int32_t width, const uint8_t *rows, int32_t height,
                     px_stretch out[2]);

/* Pixels: larger cells have a period that can be seen. */
#define PX_STRETCH_SMALL 3.3

/**
 * Whether the picture is `count` cells of 2 to 3.3 pixels, none of them cut, that JPEG rippled: nearly
 * all of its steps lie where such cells end, and with no other number of cells.  `*found` says so.
 */
dgxp_status px_stretch_see(const dgxp_image *image, int32_t count[2], bool *found);

#endif
