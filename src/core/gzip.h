/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One gzip member, unpacked into memory with a limit. */
#ifndef PX_GZIP_H
#define PX_GZIP_H

#include "dgxpixels.h"

#include <stddef.h>
#include <stdint.h>

/**
 * Unpack one gzip member with nothing behind it.  A NUL byte follows the last one, so text can be
 * parsed in place.  `name` begins the sentences of failures; more than `limit` bytes is
 * DGXP_ERR_LIMIT.  Free the result with px_mem_free().
 */
dgxp_status px_gzip_unpack(const char *name, const void *packed, size_t packed_size, size_t limit,
                           uint8_t **bytes, size_t *size);

/** Read a file, unpacked when its name ends in `.gz`. */
dgxp_status px_gzip_read(const char *path, size_t limit, uint8_t **bytes, size_t *size);

#endif
