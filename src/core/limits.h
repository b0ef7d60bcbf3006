/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one file of others may ask of the readers: pixels and bytes, one budget for all formats. */
#ifndef PX_LIMITS_H
#define PX_LIMITS_H

#include "dgxpixels.h"

#include <stddef.h>
#include <stdint.h>

/** Bytes of a file that a reader of pictures takes, for px_file_read(). */
size_t px_limits_bytes(void);
/** Pixels of one picture, or of all frames of one animation. */
size_t px_limits_pixels(void);
/** Pixels of layers that may be drawn onto each other to make them. */
uint64_t px_limits_drawn(void);

/**
 * Refuse `pixels` in all over the budget with DGXP_ERR_LIMIT, before anything is allocated; `name`
 * begins the sentence.  Every reader asks this with what the file's header says: a packed file of
 * a few bytes may honestly hold a large flat picture, so its size says nothing.
 */
dgxp_status px_limits_check_pixels(const char *name, uint64_t pixels);

#endif
