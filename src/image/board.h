/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A painted checkerboard that stands for transparency, hidden from the search for cells. */
#ifndef PX_BOARD_H
#define PX_BOARD_H

#include "dgxpixels.h"

/**
 * Where two greys alternate in equal runs along the border, a copy in which both are one: the board's
 * squares are no cells.  `*out` stays NULL where there is no board; else free it.
 */
dgxp_status px_board_hide(const dgxp_image *image, dgxp_image **out);

#endif
