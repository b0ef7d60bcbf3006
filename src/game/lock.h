/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgx-pixels.lock.json: what was deployed, by path (docs/deploy.md has the format). */
#ifndef PX_LOCK_H
#define PX_LOCK_H

#include "game/project.h"

#include <jansson.h>

/** What stands in the file, an object from path to entry; empty when there is none.  Yours. */
dgxp_status px_lock_load(const px_project *project, json_t **entries);

/** Write it, sorted by path, through `staging` (an open folder beside it) and a rename. */
dgxp_status px_lock_save(const px_project *project, int staging, const json_t *entries);

/** The text of field `field` of entry `path`; NULL when absent.  Borrowed. */
const char *px_lock_text(const json_t *entries, const char *path, const char *field);

#endif
