/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pictures that are pixel art already: every cell is one flat color. */
#ifndef PX_FLAT_H
#define PX_FLAT_H

#include "image/stretch.h"

#include <stdbool.h>

typedef struct px_flat {
    int32_t cell[2];   /* the largest cells that are all flat, x and y; 0: no line was seen */
    int32_t origin[2]; /* where a line between cells runs, 0..cell - 1 */
    bool stretched;    /* no whole size fits, but another one does */
    px_stretch stretch[2];
} px_flat;

/** Transparent pixels are equal whatever their color.  False when memory runs out. */
bool px_flat_measure(const dgxp_image *const *images, int32_t count, px_flat *out);

enum { PX_FLAT_COLORS = 8192 };

/** The number of different colors, counted up to `limit` + 1; `limit` is at most PX_FLAT_COLORS. */
int32_t px_flat_count_colors(const dgxp_image *image, int32_t limit);

#endif
