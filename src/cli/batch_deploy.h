/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Batches for a game: painted outside its assets, deployed when all is there. */
#ifndef DGXP_CLI_BATCH_DEPLOY_H
#define DGXP_CLI_BATCH_DEPLOY_H

#include "cli/cli.h"

/** Where a batch is painted and where it goes from there; zeroed it goes nowhere. */
typedef struct cli_batch_deploy {
    bool wanted;
    bool force;
    const char *project, *to; /* as given, or NULL */
    const char *brp;          /* where the running game is asked about its pixels, or NULL */
    char *root, *folder;      /* found: the project, and the folder inside assets/ */
    char *base;               /* of the staging folders for this place: BASE, BASE-2 … */
    char *staging;            /* where the batch is painted meanwhile */
} cli_batch_deploy;

/**
 * With `wanted`, or when `output` lies inside a Bevy project's assets/ (a running game must not see
 * journals and halves): find the project and its folder. Returns an exit code.
 */
int cli_batch_deploy_prepare(cli_batch_deploy *self, const char *output);
/**
 * dgxp_batch_open() in the staging folder, which is named after `output` or the list; each batch has
 * its own and finds it again, for the next list into the same folder of the game is another batch.
 */
dgxp_status cli_batch_deploy_open(cli_batch_deploy *self, dgxp_batch_params *params,
                                  dgxp_batch **out);
/**
 * Deploy every picture of the staging folder; returns an exit code.  With `whole` nothing of the
 * batch is missing: then the staging folders of earlier lists for this place, whole and deployed
 * too, are removed; this one stays, for --resume.
 */
int cli_batch_deploy_finish(const cli_batch_deploy *self, bool whole, bool quiet);
void cli_batch_deploy_free(cli_batch_deploy *self);

#endif
