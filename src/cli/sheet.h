/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writing a sheet of frames: its picture and what engines want to know about it. */
#ifndef DGXP_CLI_SHEET_H
#define DGXP_CLI_SHEET_H

#include "cli/inputs.h"

typedef struct cli_atlas {
    const char *output;
    cli_list describe;    /* names of atlas formats, or "none" */
    const char *standard; /* the format when none is given */
    dgxp_pack_params pack;
    dgxp_png_params png;
    bool json;
} cli_atlas;

/**
 * Write the sheet's picture and its descriptions beside it (sheet.png, sheet.json), or, when the
 * output ends in .aseprite, .ase, .apng or .gif, one animation file.  Prints what was written; returns an
 * exit code.
 */
int cli_atlas_write(const char *command, const cli_atlas *settings, const dgxp_sheet *sheet);

/** "#rrggbb" or "rrggbb"; false when it is neither. */
bool cli_parse_color(const char *text, uint8_t rgba[4]);

#endif
