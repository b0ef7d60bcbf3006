/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The game's folder: where it is, what its Cargo.toml says, its settings. */
#ifndef PX_PROJECT_H
#define PX_PROJECT_H

#include "dgxpixels.h"

#include <stdbool.h>

#define PX_PROJECT_FILE "dgx-pixels.json"
#define PX_PROJECT_LOCK "dgx-pixels.lock.json"
#define PX_PROJECT_STATE ".dgx-pixels"
#define PX_PROJECT_RECIPES "dgx-pixels.recipes"

typedef struct px_project {
    char *folder; /* absolute, links resolved */
    char *assets; /* the folder of assets, relative to it: "assets" */
    int root;     /* the folder, open */
} px_project;

/**
 * Open the project at `path`, which must itself hold Cargo.toml or dgx-pixels.json; NULL looks for
 * one from the working folder upwards.  DGXP_ERR_NOT_FOUND says where it looked.
 */
dgxp_status px_project_open(const char *path, px_project *out);
void px_project_close(px_project *project);

/**
 * Open the project that the file at `path` is an asset of, and tell its place below the assets in a
 * new string.  DGXP_ERR_NOT_FOUND when no folder above is a project, or its assets lie elsewhere.
 */
dgxp_status px_project_of_asset(const char *path, px_project *out, char **asset);

/** Whether a line of a file's text begins so: a table of a Cargo.toml. */
bool px_project_has_line(const char *text, const char *start);

/**
 * What would keep a running game from reloading files, as a sentence, or NULL: Bevy's feature
 * `file_watcher` (or `dev`, which has it) is named neither in Cargo.toml nor in the workspace's.
 */
const char *px_project_warn_watcher(const px_project *project);

#endif
