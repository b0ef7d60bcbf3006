/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pictures of every format that is read, told by their content; and the readers of a still one. */
#ifndef PX_PICTURE_H
#define PX_PICTURE_H

#include "dgxpixels.h"
#include "image/sheet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Any still picture (PNG, JPEG, WebP, BMP), upright; `name` begins each sentence. */
dgxp_status px_picture_decode(const char *name, const uint8_t *bytes, size_t size,
                              dgxp_image **out);

bool px_jpeg_matches(const uint8_t *bytes, size_t size);
dgxp_status px_jpeg_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_image **out);

bool px_webp_matches(const uint8_t *bytes, size_t size);
/** The picture, or an animation's first frame. */
dgxp_status px_webp_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_image **out);
bool px_webp_is_animated(const uint8_t *bytes, size_t size);
dgxp_status px_webp_decode_sheet(const char *name, const uint8_t *bytes, size_t size,
                                 dgxp_sheet **out);

bool px_bmp_matches(const uint8_t *bytes, size_t size);
dgxp_status px_bmp_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_image **out);

#endif
