/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the search for a grid's cells shares: the lines that are laid, and the trials that compete. */
#ifndef PX_GRID_SEARCH_H
#define PX_GRID_SEARCH_H

#include "image/edges.h"
#include "image/explain.h"
#include "image/grid.h"
#include "image/lattice.h"
#include "image/period.h"

typedef struct px_grid_search {
    const dgxp_image *const *images;
    int32_t count;
    dgxp_grid_params params;
    px_edges edges; /* built when first needed */
    px_lattice_axis axis[2];
    dgxp_grid *grid;
} px_grid_search;

/* Fewer cells a side have too few edges to agree on a phase. */
#define PX_GRID_PHASE_CELLS 8

/* The logarithm of the sides' ratio below which cells are square. */
#define PX_GRID_OBLONG 0.12

/** Makes straight cells of a size that begin at an offset. */
void px_grid_set_straight(dgxp_grid *grid, int32_t kind, const double cell[2],
                          const double offset[2], const int32_t count[2]);

/** Divides the picture evenly. */
void px_grid_set_even(dgxp_grid *grid, int32_t kind, int32_t width, int32_t height);

/** Builds the edge maps, if they are not there yet. */
dgxp_status px_grid_edges(px_grid_search *self);

/** Follows the phases of cells of about this size (x, y) on both axes. */
dgxp_status px_grid_measure(px_grid_search *self, const double cell[2]);

/** Takes over the periods that the phases say, one for both axes unless asked otherwise. */
void px_grid_adopt(px_grid_search *self, int32_t count[2]);

/** Lays `count` cells over the measured axes. */
dgxp_status px_grid_lay(px_grid_search *self, int32_t kind, const int32_t count[2]);

/** A grid that was laid, and how well its cells explain the picture. */
typedef struct px_grid_trial {
    dgxp_grid_info info;
    float *centers; /* the caller's to free */
    px_explained why;
} px_grid_trial;

/**
 * Fills the candidates and the confidence of the grid from the periods, by px_period_axis, and the
 * best trial: no cells when none explains the picture.
 */
dgxp_status px_grid_try_all(px_grid_search *self, const px_period found[3], px_grid_trial *best);

/**
 * Makes a trial the grid, which owns its centers then.  What the caller wants of its lines comes
 * last: cells are judged by the lines that the picture has.
 */
dgxp_status px_grid_settle(px_grid_search *self, const px_grid_trial *chosen);

#endif
