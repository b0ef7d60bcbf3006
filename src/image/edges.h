/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where neighbouring pixels differ: the raw material of grid recovery. */
#ifndef PX_EDGES_H
#define PX_EDGES_H

#include "dgxpixels.h"

#define PX_EDGES_FOLD 4 /* rows of `across` (columns of `down`) that are summed into one */

/**
 * Edge strength sqrt(max(dE_OK - 0.02, 0)) between horizontal and vertical neighbours; the entry at
 * x stands for the line between pixels x - 1 and x.  Colors are weighted by alpha, and a step in
 * alpha is an edge.  Pictures of one size add up.
 */
typedef struct px_edges {
    int32_t width, height;
    int32_t rows;  /* ceil(height / PX_EDGES_FOLD) */
    int32_t cols;  /* ceil(width / PX_EDGES_FOLD) */
    float *across; /* [rows, width] edges between columns */
    float *down;   /* [cols, height] edges between rows, transposed */
} px_edges;

dgxp_status px_edges_build(const dgxp_image *const *images, int32_t count, px_edges *out);
void px_edges_free(px_edges *edges);

#endif
