/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which way up a camera held the picture. */
#ifndef PX_EXIF_H
#define PX_EXIF_H

#include "dgxpixels.h"

#include <stddef.h>
#include <stdint.h>

/** The orientation, 1 to 8, of an Exif block that begins with its TIFF header; 1 when it says none. */
int32_t px_exif_orientation(const uint8_t *tiff, size_t size);
/** The same of a PNG file's eXIf chunk. */
int32_t px_exif_of_png(const uint8_t *bytes, size_t size);
/** Turn and mirror the picture upright, in place of `*image`, which is freed on failure. */
dgxp_status px_exif_apply(int32_t orientation, dgxp_image **image);

#endif
