/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Workflows: files that say how sprites, animations, tile sets and batches are made. */
#ifndef PX_WORKFLOW_H
#define PX_WORKFLOW_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum px_workflow_kind {
    PX_WORKFLOW_SPRITE,
    PX_WORKFLOW_ANIMATION,
    PX_WORKFLOW_TILESET,
    PX_WORKFLOW_BATCH
} px_workflow_kind;

/** Takes a finished file; `suffix` follows the stem. */
typedef dgxp_status (*px_workflow_take)(void *owner, const char *suffix, const void *bytes,
                                        size_t size);

/** A workflow on its way; everything is borrowed but `files`. */
typedef struct px_workflow {
    const char *where;
    const json_t *document; /* filled: no placeholder is left */
    const json_t *request;
    const char *folder;  /* where its paths begin */
    const char *presets; /* a folder of presets that come first, or NULL */
    dgxp_model *model;
    const dgxp_workflow_params *params;
    char *stem;            /* OUTPUT/NAME: files are stem.png and so on */
    json_t *files;         /* paths written so far */
    px_workflow_take take; /* instead of writing; NULL writes */
    void *owner;           /* of `take` */
    json_t *report;
} px_workflow;

/** A job of the workflow's request with `changes` (or NULL) laid over it. */
dgxp_status px_workflow_job(const px_workflow *w, const json_t *changes, dgxp_job **out);
/** The pixel steps of a job as an object of your own; empty when it asks for none: several pictures
 * still get one palette. */
dgxp_status px_workflow_finish(const px_workflow *w, const dgxp_job *job, json_t **out);
/** Refuse a request with `changes` that no job could be made of; needs no model. */
dgxp_status px_workflow_check(const px_workflow *w, const json_t *changes);
/** Paint `count` jobs with the caller's progress and cancel token. */
dgxp_status px_workflow_paint(const px_workflow *w, const dgxp_job *const *jobs, int32_t count,
                              dgxp_result **out);
/** Write OUTPUT/NAME + `suffix` whole and remember it, or hand it to `take`. */
dgxp_status px_workflow_save(px_workflow *w, const char *suffix, const void *bytes, size_t size);
dgxp_status px_workflow_save_image(px_workflow *w, const char *suffix, const dgxp_image *image);
/** stem.png and the descriptions that engines read. */
dgxp_status px_workflow_save_atlas(px_workflow *w, const dgxp_sheet *sheet, const char *json_suffix,
                                   const char *tiled_suffix, dgxp_image *recipe_from);

/** stem + `suffix`: all frames in one file of this dgxp_sheet_format. */
dgxp_status px_workflow_save_animation(px_workflow *w, const dgxp_sheet *sheet, int32_t format,
                                       const char *suffix);

/** Refuse what would fail when it is carried out, as far as can be told without a model. */
dgxp_status px_workflow_animate_check(px_workflow *w);
dgxp_status px_workflow_tiles_check(px_workflow *w);

/** The kinds that take more than a page. */
dgxp_status px_workflow_animate(px_workflow *w);
dgxp_status px_workflow_tiles(px_workflow *w);
/** What is done with a finished sprite of this request: `own` fields over those of its presets. */
dgxp_status px_workflow_steps(const json_t *own, const json_t *request, const char *presets,
                              json_t **out);
/** What the document's `recolor`, `motion` and `normal` make of a finished sprite: stem.png, of a motion
 * the sheet with .json, .aseprite and .apng, and stem.n.png. */
dgxp_status px_workflow_still(px_workflow *w, const dgxp_image *image);

#endif
