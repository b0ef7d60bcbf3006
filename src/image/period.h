/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The size of a cell: a windowed Fourier search over edge profiles. */
#ifndef PX_PERIOD_H
#define PX_PERIOD_H

#include "image/edges.h"

#define PX_PERIOD_MIN 3.0
#define PX_PERIOD_MAX 64.0 /* or a sixteenth of the shorter side, up to ... */
#define PX_PERIOD_LARGE 160.0
#define PX_PERIOD_PEAKS 8

typedef struct px_period_peak {
    double period; /* pixels */
    double score;  /* how much of the edge energy keeps step with it, 0..1 */
} px_period_peak;

typedef struct px_period {
    px_period_peak peaks[PX_PERIOD_PEAKS]; /* the chosen one first, then by falling score */
    int32_t count;                         /* 0: nothing to look at */
    double confidence;                     /* the chosen score over the median of all periods */
} px_period;

/** Which profiles count: both axes for square cells, or one. */
typedef enum px_period_axis { PX_PERIOD_BOTH = 0, PX_PERIOD_X = 1, PX_PERIOD_Y = 2 } px_period_axis;

/**
 * Fills an entry for each px_period_axis.  `prior` is the expected period in pixels, 0 = none: a soft
 * preference, never a limit.
 */
dgxp_status px_period_search(const px_edges *edges, double prior, px_period out[3]);

#endif
