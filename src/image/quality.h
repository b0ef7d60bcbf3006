/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The quality report: figures, thresholds beside them, one score. */
#ifndef PX_QUALITY_H
#define PX_QUALITY_H

#include "dgxpixels.h"

/* Bands of hand-made art: the 90th percentile over the CC0 sprites, measured with
 * tests/pixels/measure_reference.py.  A threshold is one and a half times it. */
#define PX_QUALITY_ORPHANS_P90 0.27
#define PX_QUALITY_JAGGIES_P90 3.7

#endif
