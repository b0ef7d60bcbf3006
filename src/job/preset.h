/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Presets: data files that turn a subject into a whole job (docs/presets.md). */
#ifndef PX_PRESET_H
#define PX_PRESET_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct px_preset_want {
    const char *kind; /* NULL: what a style, speed or field refines when nobody says, "character" */
    const char *subject;       /* needed */
    const char *style, *speed; /* or NULL */
    const json_t *fields;      /* {"view": "side"}, or NULL */
    const char *folder;        /* the user's own presets, or NULL */
} px_preset_want;

/** The kind that is wanted: the one rule for all faces. */
const char *px_preset_kind(const px_preset_want *want);

/** The job on this model; `*out` is yours. */
dgxp_status px_preset_job(const dgxp_model *model, const px_preset_want *want, dgxp_job **out);

/** Whether every name exists and every field fits, without a model. */
dgxp_status px_preset_check(const px_preset_want *want);

/**
 * Lay kind, style, speed and fields over each other for a model ("sdxl", "starter"): one object
 * with the settings of a section ("prompt" filled in, "negative_prompt", "steps" …), "finish" and "loras".
 */
dgxp_status px_preset_expand(const char *model, const px_preset_want *want, json_t **out);

/** What the kind, style and speed of a request do with a finished sprite ("recolor", "motion", "normal"):
 * an object, empty without any.  A request that no preset fits has none: px_request_check() says so. */
dgxp_status px_preset_still(const json_t *request, const char *folder, json_t **out);

/* Files (preset_files.c). */

typedef enum px_preset_group {
    PX_PRESET_KIND,
    PX_PRESET_STYLE,
    PX_PRESET_SPEED,
    PX_PRESET_FIELD,
    PX_PRESET_GROUPS
} px_preset_group;

/** The file of a preset, checked for its format and its name; DGXP_ERR_NOT_FOUND lists what there
 * is.  `*path` and `*document` are yours. */
dgxp_status px_preset_load(px_preset_group group, const char *name, const char *folder, char **path,
                           json_t **document);

/** The names of a group joined with ", ", the user's own first; a new string. */
char *px_preset_names(px_preset_group group, const char *folder);

#endif
