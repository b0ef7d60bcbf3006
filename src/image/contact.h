/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A contact sheet for people, and the tiny font of its labels. */
#ifndef PX_CONTACT_H
#define PX_CONTACT_H

#include "dgxpixels.h"

#define PX_FONT_WIDTH 3
#define PX_FONT_HEIGHT 5

/**
 * Write ASCII (small letters as capitals, anything else as ?) with its upper left corner at `x`,
 * `y`, each dot `scale` pixels; what does not fit is left out.  Letters stand 4 dots apart.
 */
void px_font_write(dgxp_image *image, int32_t x, int32_t y, int32_t scale, const uint8_t rgba[4],
                   const char *text);

#endif
