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

/** Write contact.png over all pictures; does nothing when they are too many. */
dgxp_status px_batch_contact(dgxp_batch *batch, bool *written);

#endif
