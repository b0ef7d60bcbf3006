/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A batch in its folder: what is wished for, what is done, who works on it. */
#ifndef PX_BATCH_H
#define PX_BATCH_H

#include "batch/claims.h"
#include "batch/journal.h"
#include "batch/manifest.h"

#include <pthread.h>

/** Of a picture. */
enum { PX_BATCH_WANTED = 0, PX_BATCH_DAMAGED = 1, PX_BATCH_FINISHED = 2 };

struct dgxp_batch {
    px_manifest *manifest;
    px_claims *claims;   /* NULL: opened for a look only */
    px_journal *journal; /* made when there is something to say */
    char *output, *state, *temporary;
    uint64_t token;    /* names this process's temporary files */
    uint8_t *pictures; /* [pictures] what became of each, as the journals tell */
    int32_t finished;
    size_t broken; /* records that a crash or the disk spoiled */
    int32_t group, threads, shard, shards, scale;
    bool tolerant, verify, contact, matrix;
};

/** Look into the journals again: others may have finished more. */
dgxp_status px_batch_refresh(dgxp_batch *batch);

/**
 * The folder's batch had another list: pictures that this one asks for too are kept, under their names
 * in this one, and journalled.  While alone.
 */
dgxp_status px_batch_adopt(dgxp_batch *batch);

/** The last error with its line in front, "prompts.txt:57: ". */
void px_batch_name_line(const dgxp_batch *batch, int32_t picture, dgxp_status status);
/** A failure as a summary lists it; yours. */
json_t *px_batch_fault(const dgxp_batch *batch, int32_t picture, dgxp_status status,
                       const char *sentence);

/** Asked now and then; false stops. */
typedef bool (*px_batch_go_on)(void *user_data);

/**
 * Make the job of every picture that is left and plan it, as painting would: choices, pictures to
 * start from, and with a model (NULL: none) sizes, prompts and adapters.  `faults` gets the first
 * 100, `*count` is how many there are.  Fails with the first.
 */
dgxp_status px_batch_check(const dgxp_batch *batch, const dgxp_model *model, px_batch_go_on go_on,
                           void *user_data, json_t *faults, int32_t *count);

/** Write contact.png over all pictures; does nothing when they are too many. */
dgxp_status px_batch_contact(dgxp_batch *batch, bool *written);

#endif
