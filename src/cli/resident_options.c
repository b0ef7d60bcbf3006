/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The options of every command that paints: whether its model lives in the resident engine. */
#include "cli/resident.h"

#include <stdlib.h>

static const char *wish;
static bool never;

void cli_resident_append(cli_option *options, int room)
{
    int end = 0;
    while (options[end].name) {
        end++;
    }
    if (end + 3 > room) {
        return;
    }
    options[end++] = (cli_option){
        .name = "resident",
        .kind = CLI_TEXT,
        .argument = "TIME",
        .target = (void *)&wish,
        .help = "keep the model open in a process of its own, so that the next\n"
                "call need not open it; it leaves after so long without work: 10m, 2h"};
    options[end++] = (cli_option){.name = "no-resident",
                                  .kind = CLI_FLAG,
                                  .target = &never,
                                  .help = "open the model here, even if such a process runs"};
    options[end] = (cli_option){.name = NULL};
}

dgxp_status cli_resident_apply(void)
{
    const char *variable = getenv("DGX_PIXELS_RESIDENT");
    const char *wanted = never ? "off" : wish ? wish : variable && *variable ? NULL : "auto";
    return dgxp_resident_use(wanted);
}
