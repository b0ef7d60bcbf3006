/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sheet's picture cut into frames. */
#ifndef PX_SLICE_H
#define PX_SLICE_H

#include "dgxpixels.h"

extern const dgxp_choice px_slice_align_choices[];
extern const int32_t px_slice_align_count;

/** A part of the sheet's picture; of a piece only the cells with its label belong to it. */
typedef struct px_slice_part {
    int32_t x, y, width, height;
    int32_t label; /* 0: every cell */
} px_slice_part;

/**
 * The parts that connected pieces make, row by row: pieces smaller than `least` cells (0 = 1/16 of
 * the largest) join the nearest one, as do pieces whose boxes overlap by half of the smaller one.
 * `label` [height, width] tells each cell's part.  Free `*parts` with px_mem_free().
 */
dgxp_status px_slice_find_pieces(const dgxp_image *image, int32_t least, int32_t *label,
                                 px_slice_part **parts, int32_t *count);

#endif
