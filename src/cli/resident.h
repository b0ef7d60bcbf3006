/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The options of every command that paints: whether its model lives in the resident engine. */
#ifndef DGXP_CLI_RESIDENT_H
#define DGXP_CLI_RESIDENT_H

#include "cli/cli.h"

/** Append --resident and --no-resident to a table that has room for `room` options. */
void cli_resident_append(cli_option *options, int room);
/** Tell the library what they, or DGX_PIXELS_RESIDENT, ask for. */
dgxp_status cli_resident_apply(void);

#endif
