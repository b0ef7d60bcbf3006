/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The thread's last error: one status, one sentence. */
#ifndef PX_ERROR_H
#define PX_ERROR_H

#include "dgxpixels.h"

#include <stdbool.h>

/**
 * Remember what went wrong and return `status`, so that a failing line reads
 * `return px_error_set(DGXP_ERR_IO, "%s: %s", path, strerror(errno));`.
 *
 * Set once, where the fault is discovered, and never overwritten above: callers that only pass a
 * status on leave the text alone.  Texts name the file, the field and the limit, and end with what
 * to do.  Longer than 1,023 bytes is cut.
 */
dgxp_status px_error_set(dgxp_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Begin a public call: clears the last error, and refuses what a caller left NULL.  `present` says
 * that nothing is missing, `names` what is needed: "a model and out".
 */
dgxp_status px_error_begin(const char *call, bool present, const char *names);
/** The usual failure of an allocation: names what could not be allocated. */
dgxp_status px_error_memory(const char *what);

/** Every public entry that can fail calls this first. */
void px_error_clear(void);

/**
 * The next of several steps, unless one has failed: `status` is the function's own variable.  So a
 * reader is a list of what it reads, and stops at the first failing line.
 */
#define PX_NEXT(call) status = status == DGXP_OK ? (call) : status

#endif
