/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files staged outside the assets and renamed in, with the versions before kept for undo. */
#ifndef PX_STAGE_H
#define PX_STAGE_H

#include "core/hash.h"
#include "game/lock.h"
#include "game/project.h"

#include <stdbool.h>
#include <stddef.h>

/** One process at a time deploys into a project; the others wait, at most this many seconds. */
#define PX_STAGE_WAIT 10

/** How many deployments can be undone. */
#define PX_STAGE_KEPT 16
/** Bytes of a file that is compared or kept. */
#define PX_STAGE_FILE_MAX ((size_t)1 << 30)

/** The project's assets and `.dgx-pixels/`, locked for this process. */
typedef struct px_stage {
    const px_project *project;
    json_t *entries; /* of the lock file: path to entry; changed by px_stage_commit() */
    char *shown;     /* the assets' folder, for sentences */
    int assets, state, staging, history, guard;
    int64_t newest; /* the last deployment's number; 0 = none */
} px_stage;

typedef enum px_stage_act {
    PX_STAGE_NEW,
    PX_STAGE_REPLACE,
    PX_STAGE_UNCHANGED, /* the same bytes are there */
    PX_STAGE_KEEP       /* somebody else's, and `yields`: it stays */
} px_stage_act;

/** One file to put below the assets, or in dgx-pixels.recipes/ beside the lock file. */
typedef struct px_stage_write {
    const char *path;  /* checked by px_beneath_check() */
    const void *bytes; /* borrowed */
    size_t size;
    const char *owned; /* the hash that was recorded when we wrote it last, or NULL */
    bool force;        /* replace it whoever wrote it */
    bool yields;       /* leave somebody else's in place instead of refusing */
    /* What the calls below find. */
    px_stage_act act;
    char hash[PX_HASH_HEX], before[PX_HASH_HEX]; /* of `bytes`; of what was there */
    bool staged, kept, moved;
} px_stage_write;

/**
 * Lock the project's state, make what is missing (assets/ too), finish what a killed process began.
 * DGXP_ERR_BUSY when another deployment does not end in time.  `project` must outlive the stage.
 */
dgxp_status px_stage_open(const px_project *project, px_stage *out);
void px_stage_close(px_stage *stage);

/**
 * The lock's entries as px_lock_load() reads them, after what a killed process began is finished:
 * every reader of a project's state comes through here, or it takes files that are ours for
 * somebody's.  Makes nothing when nothing was begun.
 */
dgxp_status px_stage_load(const px_project *project, json_t **entries);

/**
 * Decide what happens to each file.  Nothing is changed.  A file that is there and is not ours is
 * DGXP_ERR_MISMATCH, named, unless `force` or `yields`.
 */
dgxp_status px_stage_check(px_stage *stage, px_stage_write *writes, size_t count);

/**
 * Put the checked files in place, in this order, and record the deployment and the lock's new
 * entries: `changes` maps paths to entries (null: removed).  All or nothing: on failure what was
 * moved is moved back.  `*number` is the deployment's, 0 when nothing had to be written.
 */
dgxp_status px_stage_commit(px_stage *stage, px_stage_write *writes, size_t count,
                            const json_t *changes, int64_t *number);

/* What undo shares with it (stage_undo.c). */

/** Whether a record in the history is not done: another process is at it, or was killed. */
bool px_stage_is_pending(const px_project *project);

/** "000012-3": what the version before write `index` of deployment `number` is kept as. */
void px_stage_kept_name(int64_t number, size_t index, char name[48]);
#define PX_STAGE_NUMBER_MAX 999999999 /* a larger number is a name that a person made up */
/** "000012.json", or while it is being done "000012.pending.json". */
void px_stage_record_name(int64_t number, bool pending, char name[48]);
/** The record of a deployment; yours. */
dgxp_status px_stage_record(const px_stage *stage, const char *name, json_t **record);
/** Whether a path lies in dgx-pixels.recipes/, so beside the lock file and not below the assets. */
bool px_stage_is_recipe(const char *path);
/** The folder that a path is told and opened from: the assets', of a recipe the project's. */
const char *px_stage_shown(const px_stage *stage, const char *path);
/** Open the folder that the path's names begin from, or one below it; `*fd` is yours to close. */
dgxp_status px_stage_open_folder(const px_stage *stage, const char *path, const char *folder,
                                 bool make, int *fd);
/** Split "a/b/c.png" into its open folder and "c.png", which points into `path`. */
dgxp_status px_stage_folder(const px_stage *stage, const char *path, bool make, int *fd,
                            const char **name);
/** The hash of a file, "" when there is none. */
dgxp_status px_stage_hash(const px_stage *stage, int folder, const char *name,
                          char hash[PX_HASH_HEX]);
/** Save the lock file with `*entries` as the stage's; what it had before takes their place. */
dgxp_status px_stage_adopt(px_stage *stage, json_t **entries);
/** Remove those of a deployment's new folders ("a", "a/b") that nothing is left in. */
void px_stage_clear(const px_stage *stage, const json_t *folders);
/** Apply the lock's side of a record to `entries`: "after" or "before" of each changed path. */
dgxp_status px_stage_merge(json_t *entries, const json_t *record, const char *side);
/** Take back the newest deployment; `*record` (yours) tells what it was. */
dgxp_status px_stage_undo(px_stage *stage, bool force, json_t **record);
/** Finish the newest pending deployment: record what made it, forget the rest. */
dgxp_status px_stage_recover(px_stage *stage);

#endif
