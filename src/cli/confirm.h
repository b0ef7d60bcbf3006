/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether a running game has the new pixels (docs/deploy.md). */
#ifndef DGXP_CLI_CONFIRM_H
#define DGXP_CLI_CONFIRM_H

#include "cli/cli.h"

#include <jansson.h>

#define CLI_CONFIRM_URL "http://127.0.0.1:15702/"
#define CLI_CONFIRM_HELP                                                                           \
    "ask the running game whether it has the new pixels;\n"                                        \
    "exit code 1 and the reason when it has not within 10 s"
#define CLI_CONFIRM_BRP_HELP "where the game answers (default: " CLI_CONFIRM_URL ")"

typedef struct cli_confirm cli_confirm;

/** Ask what the game has before anything is deployed; `report` is a dry run's document, whose
 * pictures it looks up by "path". */
cli_confirm *cli_confirm_begin(const char *url, const json_t *report);
/**
 * Wait for the pixels of `report`'s files, up to 5 s for the watcher and 5 s after a forced reload,
 * and put "confirmed" {"state", "reason"} into each picture's entry.  Ends `confirm`.  True when
 * all pictures are confirmed.
 */
bool cli_confirm_end(cli_confirm *confirm, json_t *report);

#endif
