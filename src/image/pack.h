/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sheet's frames laid out on one picture. */
#ifndef PX_PACK_H
#define PX_PACK_H

#include "dgxpixels.h"

#include <stdbool.h>
#include <stdint.h>

#define PX_PACK_FRAMES_MAX 4096 /* of a packed layout */

struct dgxp_atlas {
    dgxp_image *image;
    dgxp_place *places; /* [count] */
    int32_t count;
    int32_t layout;                  /* a dgxp_layout */
    int32_t cell_width, cell_height; /* of a grid, without extruded pixels */
    int32_t columns, rows;
    int32_t margin, spacing; /* around and between those cells, extruded pixels included */
};

extern const dgxp_choice px_pack_layout_choices[];
extern const int32_t px_pack_layout_count;

/** A place to fill: what to put there, and where it came to lie. */
typedef struct px_maxrects_item {
    int32_t width, height;
    int32_t x, y;
} px_maxrects_item;

/**
 * Lay rectangles into `width` x `height` by best short side fit, largest first, never rotated.
 * `*fits` is false when they do not go in; only memory can fail.
 */
dgxp_status px_maxrects_place(px_maxrects_item *items, int32_t count, int32_t width, int32_t height,
                              bool *fits);

#endif
