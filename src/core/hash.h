/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256, in one call or piece by piece. */
#ifndef PX_HASH_H
#define PX_HASH_H

#include "dgxpixels.h"

#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

#define PX_HASH_HEX 65 /* 64 lower-case digits and the NUL */

/* libcrypto's own functions and not its EVP: they need no memory, so a hash cannot fail, and seeds
 * come from hashes. */
typedef struct px_hash {
    SHA256_CTX state;
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
