/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PNG bytes into a picture and back. */
#ifndef PX_PNG_H
#define PX_PNG_H

#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PX_PNG_BYTES_MAX ((size_t)1 << 30) /* of a file that is read */

/** Whether the bytes begin with PNG's signature. */
bool px_png_matches(const void *bytes, size_t size);

/** dgxp_image_decode(); `name` begins each sentence. */
dgxp_status px_png_decode(const char *name, const void *bytes, size_t size, dgxp_image **out);

/** dgxp_image_encode() with params already read; `name` begins each sentence. */
dgxp_status px_png_encode(const char *name, const dgxp_image *image, const dgxp_png_params *params,
                          uint8_t **bytes, size_t *size);

#endif
