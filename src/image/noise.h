/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Grain and JPEG's ripples, which hide the cells that they lie on. */
#ifndef PX_NOISE_H
#define PX_NOISE_H

#include "dgxpixels.h"

/** The standard deviation of a picture's noise in levels of brightness; 0 when half of it is flat. */
double px_noise_measure(const dgxp_image *image);

/**
 * A copy in which every pixel is the mean of those around it that differ by no more than the noise, so
 * that borders stay; for looking at, not for colors.  `*out` is yours.
 */
dgxp_status px_noise_smooth(const dgxp_image *image, double noise, dgxp_image **out);

#endif
