/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Optional finishing of native pixels: orphans, jaggies, outlines, trimming. */
#ifndef PX_CLEANUP_H
#define PX_CLEANUP_H

#include "image/image.h"

extern const dgxp_choice px_cleanup_outline_choices[];
extern const int32_t px_cleanup_outline_count;
extern const dgxp_choice px_cleanup_pivot_choices[];
extern const int32_t px_cleanup_pivot_count;

/** Whether no cell of the eight around (x, y) has the same bytes. */
bool px_cleanup_is_orphan(const dgxp_image *image, int32_t x, int32_t y);

/**
 * Whether (x, y) doubles a corner of a one-cell line darker than what it divides: two cells of its
 * color at a right angle beside it, none between or opposite them, and an arm that turns at once.
 */
bool px_cleanup_is_jaggy(const dgxp_image *image, int32_t x, int32_t y);

/** The smallest rectangle of visible cells (alpha above 0); false when there is none. */
bool px_cleanup_bounds(const dgxp_image *image, int32_t *x, int32_t *y, int32_t *width,
                       int32_t *height);

#endif
