/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that are no PNG: what they are instead, and what to do with them. */
#ifndef PX_FOREIGN_H
#define PX_FOREIGN_H

#include "dgxpixels.h"

#include <stddef.h>

/**
 * Refuse bytes that do not begin with PNG's signature: the sentence says what they are by their own
 * signature.  DGXP_ERR_UNSUPPORTED for a format that is known, else DGXP_ERR_BAD_FORMAT.
 */
dgxp_status px_foreign_refuse(const char *name, const void *bytes, size_t size);

#endif
