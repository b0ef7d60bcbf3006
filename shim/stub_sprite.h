/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the stub backend paints, and its random numbers. */
#ifndef PX_STUB_SPRITE_H
#define PX_STUB_SPRITE_H

#include <stdint.h>

/** splitmix64: the value of `index` in the stream of `seed`. */
uint64_t px_stub_draw(uint64_t seed, uint64_t index);

/**
 * A sprite into `image`, [channels, height, width] in -1..1; 3 or 4 channels.  Cells are 8 pixels
 * wide, on small canvases smaller ones, so that a sprite still fits.
 */
void px_stub_sprite(uint64_t seed, int32_t channels, int32_t height, int32_t width, float *image);

#endif
