/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One pixel of each cell: median, centre, dominant, k-centroid, detail. */
#ifndef PX_DOWNSCALE_H
#define PX_DOWNSCALE_H

#include "dgxpixels.h"

/** The values of dgxp_cell_rule with name and help, and how many there are. */
extern const dgxp_choice px_downscale_rule_choices[];
extern const int32_t px_downscale_rule_count;

#endif
