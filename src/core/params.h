/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The caller's sized structs: read and filled by one rule, so that fields can be appended. */
#ifndef PX_PARAMS_H
#define PX_PARAMS_H

#include "dgxpixels.h"

#include <stddef.h>

/**
 * Read a caller's struct of `size` known bytes into `known` (both begin with struct_size).  NULL
 * and everything past the caller's struct_size become 0; a byte that is set behind what this
 * version knows is refused, for it asks for something that would not happen.
 */
dgxp_status px_params_read(const char *what, const void *given, void *known, size_t size);

/**
 * Fill a caller's struct with as much of `full` as its struct_size has room for; struct_size stays,
 * and so does what lies behind `size`.
 */
dgxp_status px_params_fill(const char *what, void *given, const void *full, size_t size);

#endif
