/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How this program asks a running game: HTTP by libcurl; the library opens no connection. */
#ifndef DGXP_CLI_CONFIRM_H
#define DGXP_CLI_CONFIRM_H

#include "cli/brp.h"

#define CLI_CONFIRM_URL "http://127.0.0.1:15702/"
#define CLI_CONFIRM_HELP                                                                           \
    "ask the running game whether it has the new pixels;\n"                                        \
    "exit code 1 and the reason when it has not within 10 s"
#define CLI_CONFIRM_BRP_HELP "where the game answers (default: " CLI_CONFIRM_URL ")"

#endif
