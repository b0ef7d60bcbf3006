/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between pictures and the planes of floats that a VAE reads and writes. */
#ifndef PX_CANVAS_H
#define PX_CANVAS_H

#include "dgxpixels.h"

/**
 * [channels, height, width] in -1..1 to an image: (x / 2 + 0.5) clamped, times 255, rounded half to
 * even, as diffusers does.  3 channels give opaque pixels, 4 keep the model's alpha.  A value that
 * is not finite becomes 0; the caller has checked before.
 */
dgxp_status px_canvas_to_image(const float *planes, int32_t channels, int32_t width, int32_t height,
                               dgxp_image **out);

/**
 * An image to planes in -1..1, resized to width x height: by whole pixels when the ratio is whole,
 * else each target pixel is the average of what it covers.  With 3 channels, transparent pixels are
 * laid over white; with 4, alpha is the fourth plane and colours under alpha 0 are black.
 */
void px_canvas_from_image(const dgxp_image *image, int32_t channels, int32_t width, int32_t height,
                          float *planes);

/**
 * A mask, resized in the same way, to 0 or 1 per canvas pixel: luma (BT.601) times alpha, at least
 * one half is 1.
 */
void px_canvas_from_mask(const dgxp_image *mask, int32_t width, int32_t height, uint8_t *values);

/** Every `factor`-th value of a canvas mask: what diffusers' nearest interpolation takes. */
void px_canvas_mask_to_latents(const uint8_t *values, int32_t width, int32_t height, int32_t factor,
                               float *mask);

/** Where the mask is 0 the init image's own pixels come back, bit for bit when it has their size.
 */
void px_canvas_keep_unmasked(dgxp_image *image, const dgxp_image *init, const uint8_t *mask);

#endif
