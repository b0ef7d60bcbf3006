/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The background found and made transparent, on native pixels. */
#ifndef PX_MATTE_H
#define PX_MATTE_H

#include "dgxpixels.h"

extern const dgxp_choice px_matte_background_choices[];
extern const int32_t px_matte_background_count;
extern const dgxp_choice px_matte_warning_choices[];
extern const int32_t px_matte_warning_count;

#endif
