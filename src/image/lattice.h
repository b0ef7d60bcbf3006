/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where each cell lies: the local phase of the edges, a lattice that bends with the picture. */
#ifndef PX_LATTICE_H
#define PX_LATTICE_H

#include "image/edges.h"

#include <stdbool.h>

/** One axis: the line between cells k - 1 and k runs where position / period - phase - bend = k. */
typedef struct px_lattice_axis {
    double period, phase;  /* pixels; cells */
    double measured;       /* the period that the phases say, pixels */
    double weight;         /* how much edge strength says so */
    double spread;         /* rms of the deviation from straight lines, cells */
    double middle;         /* of the picture, pixels */
    int32_t nx, ny;        /* samples of the bend ... */
    double step_x, step_y; /* ... at (i + 0.5) * step pixels */
    float *bend;           /* [ny, nx] cells, 0 on average */
} px_lattice_axis;

/** Measure one axis (`vertical` false: columns) around the period `seed`, which stays its period.
 */
dgxp_status px_lattice_measure(const px_edges *edges, bool vertical, double seed,
                               px_lattice_axis *out);
/** The same lines, described with another period: the difference moves into the bend. */
void px_lattice_set_period(px_lattice_axis *axis, double period);
void px_lattice_free(px_lattice_axis *axis);

/** The deviation at a pixel position, between samples linear, outside the last one constant. */
double px_lattice_bend(const px_lattice_axis *axis, double along, double across);

/**
 * The period that both axes share.  An axis whose phases slipped by a whole cell over an empty area
 * betrays itself by its spread, so the steadier one has the say.
 */
double px_lattice_share(const px_lattice_axis axis[2]);

/**
 * The first cell of `count` that lie best in view.  `count` decides, not the two borders apart:
 * with a grid shifted by half a cell both border cells show half of themselves, and noise would
 * keep both or none.
 */
double px_lattice_origin(const px_lattice_axis *axis, int32_t length, int32_t count);

/** The usual number of cells within 2.5 %, else the nearest whole one. */
int32_t px_lattice_snap(double count);

#endif
