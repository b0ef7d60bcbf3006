/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256, in one call or piece by piece. */
#ifndef PX_HASH_H
#define PX_HASH_H

#include "dgxpixels.h"

#include <stddef.h>
#include <stdint.h>

#define PX_HASH_HEX 65 /* 64 lower-case digits and the NUL */

typedef struct px_hash {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t block[64];
} px_hash;

void px_hash_begin(px_hash *hash);
void px_hash_add(px_hash *hash, const void *bytes, size_t size);
void px_hash_end(px_hash *hash, uint8_t digest[32]);

void px_hash_hex(const uint8_t digest[32], char hex[PX_HASH_HEX]);

/** The digest of a buffer as text. */
void px_hash_bytes(const void *bytes, size_t size, char hex[PX_HASH_HEX]);

/** The digest of a regular file as text, read in pieces; `cancel` (or NULL) is looked at between.
 */
dgxp_status px_hash_file(const char *path, const dgxp_cancel *cancel, char hex[PX_HASH_HEX]);

#endif
