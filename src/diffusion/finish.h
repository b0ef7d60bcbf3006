/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the canvas to the sprite: native pixels, hard alpha, the recipe in its metadata. */
#ifndef PX_FINISH_H
#define PX_FINISH_H

#include "dgxpixels.h"

/**
 * Make the sprite of a canvas.  With a size, exactly so many pixels come out (grid recovery with
 * the number of cells given); without, the canvas itself, where a model that paints its own alpha
 * gets it hard.  `at_border` keeps a tile's cells at its edge.  The sprite is yours.
 */
dgxp_status px_finish(const dgxp_image *canvas, int32_t width, int32_t height, int32_t at_border,
                      const char *recipe, dgxp_image **out);

#endif
