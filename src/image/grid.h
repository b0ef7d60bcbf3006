/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cells of a picture: how many, how large and where each one's middle lies. */
#ifndef PX_GRID_H
#define PX_GRID_H

#include "dgxpixels.h"

#include <stdbool.h>

struct dgxp_grid {
    int32_t image_width, image_height;
    dgxp_grid_info info;
    bool linear;    /* an interpolated enlargement: a cell's color is at its very middle */
    float *centers; /* [height, width, 2] pixel positions x, y; NULL when lines are straight */
};

/** The values of dgxp_grid_kind with name and help, and how many there are. */
extern const dgxp_choice px_grid_kind_choices[];
extern const int32_t px_grid_kind_count;

/** The middle of a cell in pixels. */
static inline void px_grid_center(const dgxp_grid *grid, int32_t x, int32_t y, double at[2])
{
    if (grid->centers) {
        const float *center =
            grid->centers + ((size_t)y * (size_t)grid->info.width + (size_t)x) * 2;
        at[0] = center[0];
        at[1] = center[1];
    } else {
        at[0] = grid->info.offset_x + (x + 0.5) * grid->info.cell_width;
        at[1] = grid->info.offset_y + (y + 0.5) * grid->info.cell_height;
    }
}

#endif
