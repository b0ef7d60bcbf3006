/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files: whole reads with a limit, atomic writes, read-only mappings, paths. */
#ifndef PX_FILE_H
#define PX_FILE_H

#include "dgxpixels.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Open a regular file for reading; a folder, a device or a pipe is refused, and never waited for.
 * `*fd` is the caller's to close; -1 after a failure.
 */
dgxp_status px_file_open(const char *path, int *fd, size_t *size);

/**
 * Read a whole regular file into memory (free it with px_mem_free()); a NUL byte follows the last
 * one, so text can be parsed in place.  Longer than `limit` bytes is DGXP_ERR_LIMIT.  "-" reads
 * standard input to its end.
 */
dgxp_status px_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size);

/**
 * Write a file so that nobody ever sees half of it: a temporary file beside it, every write and
 * close checked, fsync, rename.  On failure the old file is untouched and nothing is left behind.
 * "-" writes to standard output; a device or pipe is written to, never replaced.
 */
dgxp_status px_file_write(const char *path, const void *bytes, size_t size);

/**
 * The same through a temporary file of the caller's choice, which must not exist and must lie on
 * the same file system: for folders that are watched, where it would be seen.
 */
dgxp_status px_file_replace(const char *path, const char *temporary, const void *bytes,
                            size_t size);
/** All of it into an open file, however often write() stops early; false with errno. */
bool px_file_write_all(int fd, const void *bytes, size_t size);

/** Wait until the names in a folder are on disk: what survives a power cut beside fsync. */
dgxp_status px_file_sync_folder(const char *path);

typedef struct px_map {
    const uint8_t *data; /* read-only; NULL when the file is empty */
    size_t size;
    int fd;      /* kept open for pread(); -1 when not */
    bool copied; /* read into memory instead of mapped */
} px_map;

/** Map a regular file read-only; with `copy` its bytes are read into memory instead. */
dgxp_status px_file_map(const char *path, bool copy, px_map *out);
void px_file_unmap(px_map *map);

bool px_file_exists(const char *path);
bool px_file_is_folder(const char *path);
/** For scandir(): by the names' bytes, which is the same order in every locale. */
int px_file_order(const struct dirent **a, const struct dirent **b);
/** For scandir(): JSON files that are not hidden. */
int px_file_is_json(const struct dirent *entry);

/** `folder/name` in a new string; NULL when memory runs out. */
char *px_file_join(const char *folder, const char *name);
/** The part after the last slash; points into `path`. */
const char *px_file_name(const char *path);
/** Whether `name` ends in `suffix` ("png" matches ".PNG" too: ASCII case is ignored). */
bool px_file_has_suffix(const char *name, const char *suffix);

#endif
