/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a project's, list's, preset's or bundle's text says in old names, and the text in today's. */
#ifndef PX_RENAMES_H
#define PX_RENAMES_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct px_renames {
    const char *kind; /* "project", "list", "preset", "bundle", "workflow"; NULL: none of ours */
    json_t *gone;     /* sentences; empty when nothing is old */
    char *text;       /* in today's names; NULL when nothing is old, or `stuck` */
    bool stuck;       /* something only its author can decide: `gone` says what */
} px_renames;

/** Whether a file of this name may be one of ours: others need not be opened. */
bool px_renames_may(const char *path);

/**
 * Read the text of the file at `path`, which is never written here.  What is none of ours, or cannot
 * be read as its suffix says, has no kind.  Free with px_renames_free(), also after a failure.
 */
dgxp_status px_renames_read(const char *path, const char *text, px_renames *out);
void px_renames_free(px_renames *renames);

#endif
