/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths that must stay below one folder: rules for their names, and opening without any link. */
#ifndef PX_BENEATH_H
#define PX_BENEATH_H

#include "core/hash.h"
#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PX_BENEATH_PATH_MAX = 1024, PX_BENEATH_NAME_MAX = 200 };

/**
 * Refuse, as DGXP_ERR_INVALID_ARGUMENT, a path that is not a plain relative one on every system:
 * absolute, with ".." or "." or an empty name, hidden, not UTF-8, with control characters or any of
 * \ : * ? " < > | # %, ending in a dot or a blank, too long, or a device of Windows ("con", "nul").
 * `path` may be "" only with `folder`, which then is the root itself.
 */
dgxp_status px_beneath_check(const char *path, bool folder);

/**
 * What two names have in common that are one file where case or the way accents are written is
 * ignored: a new string for px_mem_free(), NULL when memory runs out.
 */
char *px_beneath_key(const char *name);

/**
 * Open folder `path` below the open folder `root`, one name at a time and never through a symbolic
 * link, so that nothing that is swapped meanwhile leads outside.  `make` makes what is missing,
 * unless a name that differs only in case or accents is there.  `shown` is what errors call `root`.
 */
dgxp_status px_beneath_open(int root, const char *shown, const char *path, bool make, int *fd);

/** The same for one name, which may be hidden and is not checked. */
dgxp_status px_beneath_enter(int folder, const char *shown, const char *name, bool make, int *fd);

/**
 * Refuse a new `name` in a folder that has another one which differs only in case or accents: on
 * Windows and macOS both would be one file.
 */
dgxp_status px_beneath_alone(int folder, const char *shown, const char *name);

/**
 * Read a regular file of at most `limit` bytes, not through a link.  DGXP_ERR_NOT_FOUND when it is
 * absent; a link, a folder or a device is DGXP_ERR_MISMATCH.  `*bytes` is yours: px_mem_free().
 */
dgxp_status px_beneath_read(int folder, const char *shown, const char *name, size_t limit,
                            uint8_t **bytes, size_t *size);

/** The hash of such a file, "" when it is absent. */
dgxp_status px_beneath_hash(int folder, const char *shown, const char *name, size_t limit,
                            char hash[PX_HASH_HEX]);

/** Make a new file with these bytes, synced to the disk; on failure nothing is left. */
dgxp_status px_beneath_create(int folder, const char *shown, const char *name, const void *bytes,
                              size_t size);

#endif
