/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Single figures about finished sprites; the quality report puts them together. */
#ifndef PX_MEASURE_H
#define PX_MEASURE_H

#include "image/image.h"

/** What one pass over a sprite counts.  Opaque means alpha >= 128. */
typedef struct px_measure_sprite {
    int64_t cells, opaque;
    int64_t soft_alpha;  /* alpha neither 0 nor 255 */
    int64_t orphans;     /* opaque cells without an equal one among the eight around */
    int64_t edge;        /* opaque cells that share an edge with transparency or the outside */
    int64_t dark_edge;   /* of those, the ones darker than L 0.4 */
    int64_t jaggies;     /* doubled corners on the edge */
    int64_t border;      /* opaque cells on the picture's border */
    int64_t colors;      /* different opaque colors; counting stops at 65,536 */
    int64_t near_pairs;  /* pairs of the first 256 colors closer than 0.02 */
    double entropy;      /* bits a cell needs, of the colors' frequencies */
    double even_changes; /* share of color changes on the commoner parity, 0.5..1 */
    double main_share;   /* of the opaque cells in the largest piece */
} px_measure_sprite;

dgxp_status px_measure_count(const dgxp_image *image, px_measure_sprite *out);

/** Mean |last - first| of columns and rows over the mean between neighbours, the worse of both. */
double px_measure_seam(const dgxp_image *image);

typedef struct px_measure_grid {
    double cell_width, cell_height, offset_x, offset_y; /* in pixels of the source */
} px_measure_grid;

/** Share of the source's edge energy within 0.15 cell of the grid's lines. */
double px_measure_conformity(const dgxp_image *source, const px_measure_grid *grid);
/** Mean OKLab distance between the source and the sprite enlarged onto it, where it is opaque. */
double px_measure_residual(const dgxp_image *source, const px_measure_grid *grid,
                           const dgxp_image *sprite);

/* Of two frames of one size. */
/** Colors in both over colors in either; negative when memory runs out. */
double px_measure_jaccard(const dgxp_image *a, const dgxp_image *b);
/** Opaque cells in both over opaque cells in either. */
double px_measure_overlap(const dgxp_image *a, const dgxp_image *b);
/** Of the cells whose eight neighbours all stay the same, the share that changes. */
double px_measure_flicker(const dgxp_image *a, const dgxp_image *b);

#endif
