/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From many colors to a palette, and from a palette to pixels. */
#ifndef PX_QUANTIZE_H
#define PX_QUANTIZE_H

#include "image/cluster.h"
#include "image/palette.h"

extern const dgxp_choice px_quantize_method_choices[];
extern const int32_t px_quantize_method_count;
extern const dgxp_choice px_quantize_dither_choices[];
extern const int32_t px_quantize_dither_count;

/** libimagequant's palette of at most `wanted` (2..256) colors; unsupported without its plug-in. */
dgxp_status px_imagequant_choose(const px_color_count *colors, size_t count, int32_t wanted,
                                 uint8_t *rgba, int32_t *found);

#endif
