/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether a running game has the new pixels (docs/deploy.md). */
#ifndef PX_CONFIRM_H
#define PX_CONFIRM_H

#include "dgxpixels.h"

#include <jansson.h>

typedef struct px_confirm px_confirm;

/** Read what the caller says of a game; NULL is fine. */
dgxp_status px_confirm_read(const dgxp_game *given, dgxp_game *game);

/**
 * Ask what the game has before anything is deployed; `report` is a dry run's document, whose
 * pictures it looks up by "path".  With no `game` there is nothing to do: `*out` is NULL.
 */
dgxp_status px_confirm_begin(const dgxp_game *game, const json_t *report, px_confirm **out);
/**
 * Wait for the pixels of `report`'s files, up to 5 s for the watcher and 5 s after a forced reload,
 * and put "confirmed" {"state", "reason"} into each picture's entry, and into the report whether all
 * are.  NULL is fine.
 */
void px_confirm_end(px_confirm *confirm, json_t *report);
/** NULL is fine. */
void px_confirm_free(px_confirm *confirm);

#endif
