/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The connected pieces that marked cells form. */
#ifndef PX_PIECES_H
#define PX_PIECES_H

#include <stdint.h>

/**
 * Number the 8-connected pieces of the cells whose `wanted` is not 0: `label` [height, width]
 * becomes 0 outside and 1.. inside, row by row.  `*sizes` [pieces + 1] holds their areas and is
 * freed with px_mem_free(); NULL when memory runs out.  Returns how many there are.
 */
int32_t px_pieces_label(const uint8_t *wanted, int32_t width, int32_t height, int32_t *label,
                        int32_t **sizes);

#endif
