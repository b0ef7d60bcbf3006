/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files into a Bevy project: what dgxp_deploy() and `build` share. */
#ifndef PX_DEPLOY_H
#define PX_DEPLOY_H

#include "game/project.h"

#include <jansson.h>

/** One file, and what the lock file should remember of its making. */
typedef struct px_deploy_item {
    const char *name;   /* what errors call it */
    const char *target; /* its path below assets/ */
    const void *bytes;
    size_t size;
    const char *wish;                /* SHA-256 of the wish it fulfils, or NULL */
    int32_t tile_width, tile_height; /* of a tile set; 0 = none */
    bool array;                      /* whether Bevy is to cut it into an array of them */
} px_deploy_item;

/**
 * Deploy them, all or none; of `params` only meta, force, no_sidecar and dry_run count.  `*report`
 * (yours) is dgxp_deploy()'s document.
 */
dgxp_status px_deploy_items(const px_project *project, const px_deploy_item *items, size_t count,
                            const dgxp_deploy_params *params, json_t **report);

#endif
