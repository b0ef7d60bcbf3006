/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What libdgxpixels.so asks of libdgxpixels_imagequant.so, and all that the two know of each other. */
#ifndef DGXP_IMAGEQUANT_H
#define DGXP_IMAGEQUANT_H

#include <stddef.h>
#include <stdint.h>

#define PX_IMAGEQUANT_NO_MEMORY 1 /* any other number is libimagequant's own */

/**
 * A palette of at most `wanted` (2..256) colors.  `colors` is [count, 3], `weights` [count];
 * `rgba` [wanted, 4] gets `*found` opaque colors.  Memory comes from `allocate`.  0, or what failed.
 */
typedef int32_t px_imagequant_function(const uint8_t *colors, const uint32_t *weights, size_t count,
                                       int32_t wanted, void *(*allocate)(size_t),
                                       void (*release)(void *), uint8_t *rgba, int32_t *found);

#endif
