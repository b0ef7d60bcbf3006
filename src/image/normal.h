/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The height that a sprite's outline and lines suggest, and the flat faces that its colors do. */
#ifndef PX_NORMAL_H
#define PX_NORMAL_H

#include "image/image.h"

/** A direction in the picture's own axes: x to the right, y downwards, z towards us. */
typedef struct px_normal {
    float x, y, z;
} px_normal;

/**
 * The square of a height for every pixel, [height, width], 0 outside of the shape: over a disc the
 * half ball, over anything else a cushion, lower along dark lines inside.  `line` marks those lines
 * [height, width] or is NULL.
 */
void px_height_fill(const dgxp_image *sprite, const uint8_t *line, float *square);
/** The surface's direction at a pixel of what px_height_fill() made. */
px_normal px_height_normal(const dgxp_image *sprite, const float *square, int32_t x, int32_t y);

/**
 * Number the flat faces: connected pixels of one color that fill a convex shape of three or four
 * corners.  `face` [height, width] is 0 where there is none, else 1..count.
 */
dgxp_status px_face_find(const dgxp_image *sprite, int32_t *face, int32_t *count);

/** How fast a plane's height grows to the right and downwards. */
typedef struct px_slope {
    double x, y;
} px_slope;

/** The plane of each face [count]: fitted to the height, then joined where faces meet. */
dgxp_status px_face_planes(const dgxp_image *sprite, const float *square, const int32_t *face,
                           int32_t count, px_slope *slopes);

#endif
