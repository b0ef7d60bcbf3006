/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The whole way from a picture to a finished sprite, in one call. */
#ifndef PX_FIX_H
#define PX_FIX_H

#include "dgxpixels.h"

/** Below this confidence a recovered grid is told as uncertain. */
#define PX_FIX_CONFIDENCE 3.0

#endif
