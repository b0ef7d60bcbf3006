/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The game's dgx-pixels.json as commands see it. */
#ifndef DGXP_CLI_PROJECT_H
#define DGXP_CLI_PROJECT_H

#include "cli/generate.h"

#include <jansson.h>

/**
 * The settings of the game whose folder this is (NULL: from here upwards) in `*project`, yours; NULL
 * where there is no game.  Its own presets are found from now on.  Returns an exit code; complaints
 * are printed.
 */
int cli_project_load(const char *folder, json_t **project);

/** Fill in what no option said; texts live as long as `project`. */
void cli_project_apply(const json_t *project, cli_generate_settings *settings);

#endif
