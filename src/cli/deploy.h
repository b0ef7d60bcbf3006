/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `deploy`, `generate --deploy` and `build` share. */
#ifndef DGXP_CLI_DEPLOY_H
#define DGXP_CLI_DEPLOY_H

#include "cli/cli.h"

#include <jansson.h>

/** Print dgxp_deploy()'s document: for people the lines to load, warnings on stderr. */
void cli_deploy_print(const json_t *report, bool json);

#endif
