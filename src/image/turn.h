/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Turning and resizing small pictures without a new color: quarter turns, RotSprite's way, rows. */
#ifndef PX_TURN_H
#define PX_TURN_H

#include "image/image.h"
#include "image/zones.h"

/**
 * Turn what is visible of `image` clockwise by `degrees` about the middle of `box`, into `out` of the
 * same size, which is all transparent.
 *
 * Multiples of 90 are exact.  Others go RotSprite's way (Xenowhirl): three times Scale2x, then the
 * nearest of the enlarged pixels; every pixel is one of the picture's.
 */
dgxp_status px_turn(const dgxp_image *image, const px_box *box, double degrees, dgxp_image *out);

/**
 * Make what lies in `box` `width` by `height` pixels (at least 1; a negative width is mirrored) by
 * leaving out or repeating whole rows and columns, those that resemble their neighbours; it stands at
 * the middle of the box's lower edge.  `out` as above.
 */
dgxp_status px_turn_resize(const dgxp_image *image, const px_box *box, int32_t width,
                           int32_t height, dgxp_image *out);

#endif
