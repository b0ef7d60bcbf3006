/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `dgx-pixels fix` was asked for, and what became of each input. */
#ifndef DGXP_CLI_FIX_H
#define DGXP_CLI_FIX_H

#include "cli/cli.h"
#include "cli/inputs.h"

typedef struct cli_fixing {
    dgxp_fix_params params; /* points at those below that were asked for */
    dgxp_grid_params grid;
    dgxp_downscale_params downscale;
    dgxp_matte_params matte;
    dgxp_palette_params extract;
    dgxp_quantize_params quantize;
    dgxp_outline_params outline;
    dgxp_trim_params trim;
    dgxp_palette *palette;
    dgxp_png_params png;
    int32_t threads;
    bool quiet, show;
} cli_fixing;

/** Of one input. */
typedef struct cli_fixed {
    bool ready;
    dgxp_status status;
    char *text;        /* the sentence behind a failure */
    char *report;      /* dgxp_fix()'s document */
    dgxp_image *shown; /* of the first frame, for --show */
} cli_fixed;

/** Remember this thread's last failure. */
void cli_fix_note(cli_fixed *to, dgxp_status status);

/** One file, which may be an animation, into one file.  Any number of threads may call. */
void cli_fix_file(const cli_fixing *fixing, const char *path, const char *output, cli_fixed *to);
/**
 * Pictures that belong together: one grid, one palette.  `output` is an animation's file, or
 * `outputs` has a file for each frame.
 */
void cli_fix_set(const cli_fixing *fixing, const cli_input *set, const char *output,
                 char *const *outputs, cli_fixed *to);
/** One line for a person, then the warnings; `report` is the parsed document of dgxp_fix(). */
void cli_fix_print(const cli_fixing *fixing, const char *path, const char *output,
                   const struct json_t *report);
/** One palette for all files, into `fixing->palette`. */
dgxp_status cli_fix_share_palette(cli_fixing *fixing, const cli_inputs *inputs);

#endif
