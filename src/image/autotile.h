/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Autotile sets composed from quarters. */
#ifndef PX_AUTOTILE_H
#define PX_AUTOTILE_H

#include "dgxpixels.h"

extern const dgxp_choice px_autotile_tileset_choices[];
extern const int32_t px_autotile_tileset_count;

#endif
