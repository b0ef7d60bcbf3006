/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cells on their way to an alpha of 0 or 255: what the steps of a matte share. */
#ifndef PX_MATTE_CELLS_H
#define PX_MATTE_CELLS_H

#include "dgxpixels.h"
#include "image/color.h"

#include <stdbool.h>

/* OKLab distances.  A background color repeats within NEAR; a subject farther than SAFE from it is
 * not mistaken for it; a key color has at least KEY of chroma. */
#define PX_MATTE_NEAR 0.05f
#define PX_MATTE_SAFE 0.15f
#define PX_MATTE_KEY 0.1f

enum { PX_MATTE_SUBJECT = 1, PX_MATTE_REMOVED = 0 };

typedef struct px_matting {
    int32_t width, height;
    px_lab *lab;      /* [height, width] */
    uint8_t *kept;    /* [height, width]: PX_MATTE_SUBJECT or PX_MATTE_REMOVED */
    float *distance2; /* [height, width]: to the nearest background color */
    int32_t *queue;   /* cells to look at; room for all */
    int32_t *label;   /* [height, width] */
    uint8_t *pixels;  /* [height, width, 4], the result, changed in place */
    px_lab back[2];   /* background colors */
    int32_t back_count;
    float tolerance;
} px_matting;

/** The neighbour in direction 0..7 (the first four share an edge), or -1 outside. */
int32_t px_matte_neighbour(const px_matting *m, int32_t cell, int direction);
bool px_matte_at_border(const px_matting *m, int32_t cell);
/** Whether any of the first `directions` neighbours was removed. */
bool px_matte_touches_removed(const px_matting *m, int32_t cell, int directions);
/**
 * Nothing of the subject is about the background's color: at most one cell in two hundred lies
 * between `like` (a squared distance) and PX_MATTE_SAFE.
 */
bool px_matte_is_safe(const px_matting *m, float like);
/** A chroma key: every background color is far from grey. */
bool px_matte_is_key(const px_matting *m);

/** The background's colors from the border: one, or two of a painted checkerboard. */
dgxp_status px_matte_find_background(px_matting *m, float *share, bool *found);
/** Fills `distance2`. */
void px_matte_measure_distances(px_matting *m);
/**
 * A smooth background: fills `distance2` from it and `back` with its mean.  False when the border
 * is not smooth.  Uses `label` and `queue`.
 */
bool px_matte_fit_ground(px_matting *m, float *share);

/** Edge cells that mix background and subject: removed, or given the inner color. */
void px_matte_despill(px_matting *m, dgxp_matte_report *report);
/** What is background-colored beside transparency goes; returns how many cells. */
int32_t px_matte_peel(px_matting *m);

#endif
