/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * A game's folder: put files into its assets so that a running game reloads them, take that back,
 * and make what its dgx-pixels.json wishes for.
 *
 *     const dgxp_deploy_file file = {.path = "knight.png"};
 *     dgxp_deploy_params params = DGXP_DEPLOY_PARAMS_INIT;
 *     params.to = "sprites/"; // inside assets/ of the game that the working folder is in
 *     if (dgxp_deploy(&file, 1, &params, NULL) == DGXP_OK) {
 *         dgxp_deploy_undo(NULL, 0, NULL); // it never happened
 *     }
 */
#ifndef DGXPIXELS_GAME_H
#define DGXPIXELS_GAME_H

#include "job.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------ games */

typedef enum dgxp_meta {
    DGXP_META_NEAREST = 0, /* beside each PNG: Bevy's settings with nearest sampling */
    DGXP_META_NONE = 1     /* none, unless an array of tiles needs one */
} dgxp_meta;

/** A file to deploy: one on the disk, or bytes that get the name in `path`. */
typedef struct dgxp_deploy_file {
    const char *path;
    const void *bytes; /* NULL = read `path` */
    size_t size;
} dgxp_deploy_file;

/** What a running game said to one question. */
typedef struct dgxp_game_answer {
    uint32_t struct_size;
    int32_t nobody;     /* 1: nobody listens there */
    const char *text;   /* the body of the answer, yours until the next question; NULL = none came */
    size_t size;        /* bytes */
    const char *reason; /* why none came, or NULL */
} dgxp_game_answer;

/** POST `request`, a call of the Bevy Remote Protocol in JSON, within 3 s, and fill in `answer`. */
typedef void (*dgxp_game_callback)(const char *request, dgxp_game_answer *answer, void *user_data);

/** A running game.  The library opens no connection: how it is asked is the caller's. */
typedef struct dgxp_game {
    uint32_t struct_size;
    int32_t reserved;
    dgxp_game_callback ask; /* on the thread of the call */
    void *user_data;
    const dgxp_cancel *cancel; /* of the waiting, or NULL */
} dgxp_game;
#define DGXP_GAME_INIT {sizeof(dgxp_game), 0, NULL, NULL, NULL}

typedef struct dgxp_deploy_params {
    uint32_t struct_size;
    int32_t meta;                    /* a dgxp_meta */
    int32_t tile_width, tile_height; /* of PNGs: the size of a tile set's tiles; one alone is both, 0 =
                                        no tile set */
    int32_t force;                   /* 1: replace files that were not deployed by us */
    int32_t no_sidecar;              /* 1: the metadata taken out of PNGs is not kept */
    int32_t dry_run;                 /* 1: say what would happen */
    const char *project;             /* the game's folder; NULL = from the working folder upwards */
    const char *to;                  /* a folder inside assets/, or of one file its new name; NULL =
                                        assets/ itself */
    int32_t array;                   /* 1: a tile set becomes an array texture, as Bevy's TilemapChunk
                                        wants it; sprites, atlases and other crates want 0 */
    int32_t reserved;
    const dgxp_game *game; /* to be asked whether it has the new pixels; NULL = none */
} dgxp_deploy_params;
#define DGXP_DEPLOY_PARAMS_INIT                                                                    \
    {sizeof(dgxp_deploy_params), 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, NULL}

/**
 * Put `count` (1..65536) files into a Bevy project's assets, all or none, and record them in its
 * dgx-pixels.lock.json (docs/deploy.md).
 *
 * Files are staged outside assets/ and renamed in, a PNG's .meta first, so that a running game
 * reloads whole files.  Nothing outside assets/ is ever written, no link is followed, and a file that
 * is not the one recorded is not replaced: DGXP_ERR_MISMATCH names it.  So is one that would become
 * another kind of file, or another shape than a sheet or a map stands on.  DGXP_ERR_INVALID_ARGUMENT:
 * a name that leads outside or that some system refuses.  DGXP_ERR_BUSY: another process deploys.
 *
 * `*out` (NULL = not wanted) is {"project", "deployment": number, "files": [{"path", "kind", "action":
 * new|replaced|unchanged, "sha256", "width", "height", "layers", "pixels": SHA-256 of the RGBA8 bytes,
 * "meta": new|replaced|unchanged|kept, "sidecar": the same, "load": a line of Rust}], "warnings": []}.
 * NULL params are the defaults.  Any number of threads and processes may deploy.
 *
 * With a `game` the call waits for it, up to 5 s for its watcher and 5 s more after it was asked to
 * reload; each picture has "confirmed": {"state": confirmed|waiting (it has not loaded the path
 * yet)|unconfirmed, "reason"}, and the whole "confirmed": false when one is not.
 */
DGXP_API dgxp_status dgxp_deploy(const dgxp_deploy_file *files, int32_t count,
                                 const dgxp_deploy_params *params, dgxp_document **out);
/**
 * Take back the last deployment: files it replaced come back, new ones go.  May be called again for
 * the one before, up to 16.  A file that was changed since is DGXP_ERR_MISMATCH unless `force`.
 * `project` as in dgxp_deploy_params.  `*out` is {"project", "deployment", "files": [{"path",
 * "action": restored|removed}]}.
 */
DGXP_API dgxp_status dgxp_deploy_undo(const char *project, int32_t force, dgxp_document **out);

/** Write a dgx-pixels.json to begin with into `folder` (NULL = here); one that is there stays. */
DGXP_API dgxp_status dgxp_project_init(const char *folder);
/**
 * The same for a Bevy game in `folder` (NULL = here), which holds a Cargo.toml with [package]: its
 * dgx-pixels.json; in Cargo.toml the crates dgx-pixels-bevy and dgx-pixels-build (by the path of those
 * that came with this library) and a feature `dev` with hot reload; build.rs; .gitignore.  What is
 * there stays; a second call changes nothing.  `*out` is {"changed": [files], "todo": [a sentence for
 * each line that is the person's own to write]}.  DGXP_ERR_NOT_FOUND: no game here, or no crates.
 */
DGXP_API dgxp_status dgxp_project_init_bevy(const char *folder, dgxp_document **out);

/**
 * What an earlier state of the library left in a game's folder, in any other folder or in one file
 * (`path`; NULL = the project from here upwards), and that is gone: old names of settings in
 * dgx-pixels.json, lists (.jsonl .csv .tsv .json), presets, bundles and workflows; `export.nine_slice`
 * of presets; recipes that lie in the assets; batches whose seeds came of the whole list.  With
 * `dry_run` it is told, else mended as far as it can be: a file is made new and its old text kept as
 * FILE.old, a recipe is moved.  Nothing is ever written over; a second call finds nothing to do but
 * what is a person's own.  `*out` is {"folder", "dry_run", "files": [{"path", "kind": project|list|
 * preset|bundle|workflow|recipe|batch, "action": rewrite|move|by-hand, "to", "gone": [sentences]}]}.
 * Folders named target, build and node_modules, hidden ones and links are left out, and so is what
 * lies more than eight folders down.
 */
DGXP_API dgxp_status dgxp_upgrade(const char *path, int32_t dry_run, dgxp_document **out);
/**
 * The game's dgx-pixels.json, read and checked (docs/project.md): {"folder", "assets_folder", "model",
 * "presets": the folder of its own presets, "defaults", "folders", "assets"}.  `project` as in
 * dgxp_deploy_params; a project without the file has empty settings.
 */
DGXP_API dgxp_status dgxp_project_describe(const char *project, dgxp_document **out);

typedef struct dgxp_build_params {
    uint32_t struct_size;
    int32_t force;       /* 1: make those anew that were edited by hand */
    int32_t dry_run;     /* 1: say what would be made; needs no model */
    const char *project; /* as in dgxp_deploy_params */
    const char *model;   /* NULL = the project's, else the default */
    const dgxp_model_params *model_params; /* or NULL */
    /* Before each asset; non-zero stops.  `done` of `count` are made.  Or NULL. */
    int32_t (*asset)(const char *path, int32_t done, int32_t count, void *user_data);
    dgxp_progress_callback progress; /* of the one that is being painted, or NULL */
    void *user_data;
    const dgxp_cancel *cancel;
    const dgxp_game *game; /* as in dgxp_deploy_params */
} dgxp_build_params;
#define DGXP_BUILD_PARAMS_INIT                                                                     \
    {sizeof(dgxp_build_params), 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}

/**
 * Make the wished-for assets of dgx-pixels.json that are missing or whose wish, model or presets
 * changed, and deploy each when it is painted: a build that is stopped goes on where it was.
 *
 * A file that was edited by hand stays and is told in "warnings".  `*out` is {"project", "made",
 * "due", "files": [{"path", "state": current|missing|changed|edited, "action", …}], "warnings"}; a call
 * that fails gives what it did all the same, when it got so far: free it, NULL is fine.
 */
DGXP_API dgxp_status dgxp_build(const dgxp_build_params *params, dgxp_document **out);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_GAME_H */
