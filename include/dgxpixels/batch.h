/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * Many pictures: a list of wishes that may be stopped, shared between machines and gone on with; and
 * workflows, files that say how sprites, animations, tile sets and batches are made.
 *
 *     static void paint_all(dgxp_model *model)
 *     {
 *         dgxp_batch *batch = NULL;
 *         dgxp_batch_params params = DGXP_BATCH_PARAMS_INIT;
 *         params.manifest = "wishes.txt"; // a subject a line
 *         params.output = "sprites";
 *         params.resume = 1; // what is finished stays
 *         if (dgxp_batch_open(&params, &batch) == DGXP_OK) {
 *             dgxp_batch_run(batch, model, NULL, NULL);
 *         }
 *         dgxp_batch_free(batch);
 *     }
 */
#ifndef DGXPIXELS_BATCH_H
#define DGXPIXELS_BATCH_H

#include "job.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------- batches */

/**
 * A list of wishes painted into one folder, by any number of processes, each picture exactly once.
 *
 * The manifest is text (a subject a line, then `--field value …`), JSON lines or CSV; its fields
 * are those of a request, and `count` (pictures of this line) and `name` (of its file).  Texts may
 * hold {a|b} choices and __name__ wildcards; `\{` is a plain brace.  Pictures of one shape are
 * painted in batches fixed by the manifest's order before anything runs, so the result does not
 * depend on who paints what, or when.  Finished files are renamed in whole; OUTPUT/.dgx-pixels/
 * holds the journals. A process may be killed at any moment: the next one with `resume` goes on.
 */
typedef struct dgxp_batch dgxp_batch;

typedef struct dgxp_batch_params {
    uint32_t struct_size;
    int32_t batch;             /* pictures painted at once at most, 1..64; 0 = 1 */
    int32_t threads;           /* that take turns painting and writing, 1..16; 0 = 2 */
    int32_t shard, shards;     /* this process's share, 1..shards; 0 = whatever nobody has taken */
    int32_t scale;             /* integer enlargement of the files, 1..64; 0 = 1 */
    int32_t resume;            /* 1: go on where the folder's journals end */
    int32_t verify;            /* 1: take the hash of every finished file, else look at its size */
    int32_t continue_on_error; /* 1: a line that fails is journalled and the others go on */
    int32_t contact;           /* 1: contact.png when all is done, as with a matrix always */
    int32_t dry_run;           /* 1: touch no folder; for dgxp_batch_describe() only */
    int32_t has_seed;          /* 1: lines derive their seeds from `seed`, not from the manifest */
    uint64_t seed;
    const char *manifest;  /* a file; with `text` only the name that errors call it */
    const char *text;      /* the manifest itself, or NULL */
    size_t text_size;      /* bytes */
    const char *output;    /* a folder; it is made, the one above it must be there */
    const char *model;     /* what the model is called; a batch goes on with the same only */
    const char *defaults;  /* a request that every line refines, JSON; or NULL */
    const char *wildcards; /* the folder of __name__ files; NULL = `wildcards` by the manifest */
    const char *const *matrix; /* "steps=8,20": every line once for each combination */
    int32_t matrix_count;      /* axes, at most 6 */
} dgxp_batch_params;
#define DGXP_BATCH_PARAMS_INIT                                                                     \
    {                                                                                              \
        sizeof(dgxp_batch_params), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, NULL, NULL,  \
            NULL, NULL, NULL, 0                                                                    \
    }

/**
 * Read the whole manifest, check every line, enter the folder.  Needs no model.
 *
 * DGXP_ERR_BAD_FORMAT names file, line and field.  DGXP_ERR_BUSY: another process has this shard.
 * DGXP_ERR_MISMATCH: the folder holds a batch of another manifest or other settings.  A folder that
 * holds finished pictures of this batch needs `resume`, unless others work on it right now.
 */
DGXP_API dgxp_status dgxp_batch_open(const dgxp_batch_params *params, dgxp_batch **out);
/** How many pictures are not finished yet, as far as the journals told when it was opened. */
DGXP_API int32_t dgxp_batch_left(const dgxp_batch *batch);
/** Lines, pictures, batches, and `count` wishes from `first` on: line, file name, request. */
DGXP_API dgxp_status dgxp_batch_describe(const dgxp_batch *batch, int32_t first, int32_t count,
                                         dgxp_document **out);

typedef struct dgxp_batch_progress {
    uint32_t struct_size;
    int32_t pictures; /* of the whole batch */
    int32_t finished; /* those that were there already, and ours so far */
    int32_t failed;
    double elapsed;    /* seconds since the call began */
    double remaining;  /* seconds, an estimate for this process alone; negative unknown */
    int64_t line;      /* of the picture that was just finished or failed, else 0 */
    const char *name;  /* its file's name, else NULL */
    const char *error; /* why it failed, else NULL */
    const dgxp_progress *painting; /* how far the group is that is being painted, else NULL */
} dgxp_batch_progress;

/** Called from any of the batch's threads, one at a time.  Non-zero stops: DGXP_ERR_CANCELLED. */
typedef int32_t (*dgxp_batch_callback)(const dgxp_batch_progress *progress, void *user_data);

typedef struct dgxp_batch_run_params {
    uint32_t struct_size;
    dgxp_batch_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
    int32_t check_only; /* 1: make and plan every picture's job, paint nothing */
} dgxp_batch_run_params;
#define DGXP_BATCH_RUN_PARAMS_INIT                                                                 \
    {                                                                                              \
        sizeof(dgxp_batch_run_params), NULL, NULL, NULL, 0                                         \
    }

/**
 * Paint what is left of a batch (once); `model` may be NULL when nothing is.
 *
 * Before anything is painted every picture's job is made and planned: choices and wildcards, pictures
 * to start from, sizes, prompts, adapters.  The first fault is what the call fails with, and each of the
 * first 100 is in `failures`; with `continue_on_error` lines fail in their turn instead.  With
 * `check_only` that is all: the batch may be opened with `dry_run` (with `continue_on_error` too, so that
 * opening it leaves broken lines to the check), the model with `describe_only`, or be NULL, which
 * leaves sizes and adapters unchecked.
 *
 * `*out` is the summary: pictures, painted, kept, failed, left_to_others, failures (the first 100,
 * with line and sentence), seconds.  With `continue_on_error` failed lines are no failure of the
 * call.  A call that fails or is cancelled gives the summary of what it did all the same: free it.
 */
DGXP_API dgxp_status dgxp_batch_run(dgxp_batch *batch, dgxp_model *model,
                                    const dgxp_batch_run_params *params, dgxp_document **out);
/** Leave the folder. */
DGXP_API void dgxp_batch_free(dgxp_batch *batch);

/* -------------------------------------------------------------------------------- workflows */

/**
 * Read a workflow file (docs/workflows.md), a ComfyUI graph in API format or a PNG of ComfyUI's, and fill its
 * {placeholders} from `values` (a JSON object, or NULL: the defaults).  A value that is no placeholder
 * of the file changes the request's field of that name.
 *
 * `*out` is the filled workflow {"kind", "request", "model" …}, for dgxp_workflow_run().  A
 * placeholder without a value is DGXP_ERR_BAD_FORMAT; of a graph, a node that is not understood is
 * DGXP_ERR_UNSUPPORTED and named with its id and class.  Needs no model.
 */
DGXP_API dgxp_status dgxp_workflow_load(const char *path, const char *values, dgxp_document **out);

typedef struct dgxp_workflow_params {
    uint32_t struct_size;
    const char *output; /* a folder that is there; a batch makes its own */
    const char *name;   /* what files are called, without suffix; NULL = from the subject */
    dgxp_progress_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
} dgxp_workflow_params;
#define DGXP_WORKFLOW_PARAMS_INIT {sizeof(dgxp_workflow_params), NULL, NULL, NULL, NULL, NULL}

/**
 * Carry out a filled workflow.  A sprite becomes NAME.png (several: NAME-1.png …), an animation
 * NAME.png (the sheet), .json (Aseprite's), .aseprite and .apng, a tile set NAME.png, .json, .tsx (Tiled's)
 * and its textures; a batch goes on where it ended.  Files of that name are replaced, each whole.
 *
 * `*report` (or NULL) is {"files": [paths], …}: for an animation also "frames", "seed" and "pixels", the
 * report of dgxp_fix_frames(); for a tile set "inside", "outside" (dgxp_quality()), "tiles",
 * "seam_mean" and "seam_worst" (dgxp_autotile_check()); for a batch "batch", its summary.
 */
DGXP_API dgxp_status dgxp_workflow_run(dgxp_model *model, const char *workflow,
                                       const dgxp_workflow_params *params, dgxp_document **report);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_BATCH_H */
