/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TorchScript programs: read, unpacked, hashed, and refused unless somebody vouched for them. */
#ifndef PX_PROGRAM_H
#define PX_PROGRAM_H

#include "core/hash.h"

#include <stdbool.h>

/** Unpacked bytes of a program at most. */
#define PX_PROGRAM_LIMIT ((size_t)64 << 20)

typedef struct px_program {
    uint8_t *bytes; /* the archive, unpacked: the very buffer that was hashed */
    size_t size;
    char sha256[PX_HASH_HEX];
} px_program;

/**
 * Read a program (`.pt`, or `.pt.gz` packed) and refuse it with DGXP_ERR_UNTRUSTED unless its hash
 * is compiled into the library or on the user's list.  `expected` (or NULL) is the hash that a
 * bundle.json gives: it proves that the file is whole (DGXP_ERR_MISMATCH), never that it is
 * trusted.
 */
dgxp_status px_program_read(const char *path, const char *expected, px_program *out);
void px_program_free(px_program *program);

/** Whether a hash is trusted; `*name` is what it is known as ("sdxl/unet", "trusted by the user").
 */
bool px_program_trusted(const char sha256[PX_HASH_HEX], const char **name);

#endif
