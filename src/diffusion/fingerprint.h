/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a model's weights are, whatever they are called: their SHA-256, taken once. */
#ifndef PX_FINGERPRINT_H
#define PX_FINGERPRINT_H

#include "core/hash.h"
#include "diffusion/checkpoint.h"

/**
 * The hash of a file, from the user's cache when device, inode, size and time of change are those
 * that it was taken from.  `cancel` (or NULL) is looked at between pieces.
 */
dgxp_status px_fingerprint_file(const char *path, const dgxp_cancel *cancel, char hex[PX_HASH_HEX]);

/** The hash of a checkpoint's weights, being taken by a thread of its own. */
typedef struct px_fingerprint px_fingerprint;

/** Begin; NULL when that is impossible.  The checkpoint must outlive it. */
px_fingerprint *px_fingerprint_begin(const px_checkpoint *checkpoint);
/**
 * Wait for it: one file's own SHA-256 (whose beginning A1111 calls the model hash), of several
 * files that of their hashes in order.  Empty when a file could not be read.  Any thread may ask.
 */
const char *px_fingerprint_wait(px_fingerprint *fingerprint);
void px_fingerprint_free(px_fingerprint *fingerprint); /* stops it */

#endif
