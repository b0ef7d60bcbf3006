/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PNG bytes into a picture and back. */
#ifndef PX_PNG_H
#define PX_PNG_H

#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Whether the bytes begin with PNG's signature. */
bool px_png_matches(const void *bytes, size_t size);

/** dgxp_image_decode(); `name` begins each sentence. */
dgxp_status px_png_decode(const char *name, const void *bytes, size_t size, dgxp_image **out);

/**
 * The texts of whole tEXt, zTXt and iTXt chunks on a picture of one pixel.  A text that cannot be
 * kept is logged and left out.
 */
dgxp_status px_png_decode_texts(const char *name, const uint8_t *chunks, size_t size,
                                dgxp_image **out);
/** The milliseconds of a fcTL chunk's fraction (numerator and denominator of 2 bytes each). */
int32_t px_png_duration(const uint8_t *fraction);

/** dgxp_image_encode() with params already read; `name` begins each sentence. */
dgxp_status px_png_encode(const char *name, const dgxp_image *image, const dgxp_png_params *params,
                          uint8_t **bytes, size_t *size);

#endif
