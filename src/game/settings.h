/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgx-pixels.json: a game's defaults and wished-for assets (docs/project.md has the format). */
#ifndef PX_SETTINGS_H
#define PX_SETTINGS_H

#include "core/hash.h"
#include "game/project.h"

#include <jansson.h>

typedef enum px_wish_kind {
    PX_WISH_SPRITE,    /* a picture; with motions the same as an animation; perhaps NAME.n.png */
    PX_WISH_ANIMATION, /* a sheet, its description in Aseprite's JSON, and NAME.aseprite */
    PX_WISH_TILESET    /* a composed set, and its description for Tiled */
} px_wish_kind;

enum { PX_WISH_BESIDE = 3 };

typedef struct px_wish {
    const char *path; /* below the assets; borrowed from the document */
    const char *from; /* a picture below the assets that it is made of without a model, or NULL */
    px_wish_kind kind;
    char *beside[PX_WISH_BESIDE]; /* paths of the files that are made with it, the description
                                   * first; NULL where there is none */
    json_t *request;              /* defaults with the wish laid over them, and a seed */
    json_t *workflow; /* how an animation or a tile set is made of it, as in a workflow file */
    int32_t tile_width, tile_height;
    bool array;                  /* whether Bevy is to cut it into an array of its tiles */
    char hash[PX_HASH_HEX];      /* of everything it depends on but the bytes of `from` */
    char made_from[PX_HASH_HEX]; /* with those: what the lock file keeps */
} px_wish;

typedef struct px_settings {
    json_t *document; /* as it was read; an empty object when there is no file */
    char *file;       /* its path, for sentences */
    char *model;      /* a name, or a path that is relative to the working folder; or NULL */
    char *presets;    /* the folder of the project's own presets, or NULL */
    px_wish *wishes;  /* [count] */
    size_t count;
} px_settings;

/** Read and check all of it: unknown fields, ranges, paths, presets.  Free it. */
dgxp_status px_settings_load(const px_project *project, px_settings *out);
void px_settings_free(px_settings *settings);

#endif
