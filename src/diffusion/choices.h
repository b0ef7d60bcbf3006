/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names of the enums of models and jobs, by the enum's name. */
#ifndef PX_DIFFUSION_CHOICES_H
#define PX_DIFFUSION_CHOICES_H

#include "dgxpixels.h"

/** As dgxp_choices(), of this room's enums; NULL and 0 for others. */
const dgxp_choice *px_diffusion_choices(const char *enum_name, int32_t *count);

#endif
