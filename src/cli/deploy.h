/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `deploy`, `generate --deploy` and `build` share. */
#ifndef DGXP_CLI_DEPLOY_H
#define DGXP_CLI_DEPLOY_H

#include "cli/cli.h"

#include <jansson.h>

/**
 * dgxp_deploy(), and when `brp` (an address, or NULL) is given whether the running game has the new
 * pixels: each picture of `*report` (yours) then has "confirmed", `*confirmed` tells of all.
 */
dgxp_status cli_deploy_files(const dgxp_deploy_file *files, int32_t count,
                             const dgxp_deploy_params *params, const char *brp, json_t **report,
                             bool *confirmed);

/** What a file's entry says of being confirmed, as a line; nothing when nobody asked. */
void cli_deploy_print_confirmed(const json_t *file);

/** Print dgxp_deploy()'s document: for people the lines to load, warnings on stderr. */
void cli_deploy_print(const json_t *report, bool json);

#endif
