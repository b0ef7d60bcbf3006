/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Animations of other programs: APNG, GIF, numbered pictures. */
#ifndef PX_ANIMATION_H
#define PX_ANIMATION_H

#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A PNG without animation is one frame; `name` begins each sentence. */
dgxp_status px_apng_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_sheet **out);
/** `scale` 0 = 1; `plays` 0 = for ever. */
dgxp_status px_apng_encode(const char *name, const dgxp_sheet *sheet, int32_t scale, int32_t plays,
                           uint8_t **bytes, size_t *size);

/** A GIF's delay in hundredths of a second as milliseconds. */
int32_t px_gif_duration(int32_t delay);
bool px_gif_matches(const uint8_t *bytes, size_t size);
dgxp_status px_gif_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_sheet **out);
/** `scale` and `plays` as for px_apng_encode(); exact colors, at most 255 a frame. */
dgxp_status px_gif_encode(const char *name, const dgxp_sheet *sheet, int32_t scale, int32_t plays,
                          uint8_t **bytes, size_t *size);

#endif
