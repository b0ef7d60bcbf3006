/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `generate` was asked for, and the job that comes of it. */
#ifndef DGXP_CLI_GENERATE_H
#define DGXP_CLI_GENERATE_H

#include "cli/cli.h"

#include <jansson.h>

/** How many are painted at once at most. */
enum { CLI_GENERATE_BATCH = 64 };

typedef struct cli_generate_settings {
    const char *output, *init, *mask, *raw;
    const char *kind, *subject;
    cli_list fields, loras; /* fields of presets of one's own */
    const json_t *defaults; /* a request that the project begins with, or NULL */
    const char *folder;     /* where its paths begin */
    json_t *more;           /* the request that the options of the library's settings make */
    dgxp_model_params model;
    const char *model_path;
    dgxp_deploy_params deploy;
    int64_t seed;
    int32_t count, batch, scale;
    bool dry_run, json, quiet, show, deploys, force;
    bool partial; /* skip what of a LoRA does not fit */
    bool confirm; /* ask the game at `brp` whether it has the new pixels */
    const char *brp;
} cli_generate_settings;

/** Whether an output is meant to be a folder: it is one, or ends with a slash. */
bool cli_names_folder(const char *path);

/** Paint what was asked for, or with dry_run describe it; returns an exit code. */
int cli_generate_paint(const cli_generate_settings *settings);

/** The job, yours, with this seed; `init` and `mask` may be NULL. */
dgxp_status cli_generate_job(const cli_generate_settings *settings, const dgxp_model *model,
                             uint64_t seed, const dgxp_image *init, const dgxp_image *mask,
                             dgxp_job **out);

/**
 * Deploy picture `index`, and its panel; `image` NULL only checks whether it could be, before
 * anything is painted.  `*report` (yours, NULL for a check) is dgxp_deploy()'s document;
 * `*confirmed` becomes false when the game was asked and does not have the new pixels.
 */
dgxp_status cli_generate_deploy(const cli_generate_settings *settings, int index,
                                const dgxp_image *image, json_t **report, bool *confirmed);

#endif
