/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who works on what: processes that share one folder take groups, each group once. */
#ifndef PX_CLAIMS_H
#define PX_CLAIMS_H

#include "dgxpixels.h"

#include <stdbool.h>

/**
 * A process's part in a shared piece of work of `count` groups.
 *
 * FOLDER/lock is held shared by everybody who works here and exclusively by who puts things in
 * order; FOLDER/claims has a byte a group, locked while somebody works on it (open-file-description
 * locks: the system lets go of them when a process dies) and written when it is done.
 */
typedef struct px_claims px_claims;

/** `*alone`: nobody else works here, so leftovers may be cleared before px_claims_join(). */
dgxp_status px_claims_open(const char *folder, px_claims **out, bool *alone);
/** While alone: what is done already.  `done` is [count]. */
dgxp_status px_claims_reset(px_claims *claims, const bool *done, int32_t count);
/** Let others in and take part in the work of `count` groups. */
dgxp_status px_claims_join(px_claims *claims, int32_t count);
/** DGXP_ERR_BUSY when another process has this shard, 1..shards. */
dgxp_status px_claims_take_shard(px_claims *claims, int32_t shard, int32_t shards);
/** Nobody else is left: what only the last one may do can be done. */
bool px_claims_last(px_claims *claims);
void px_claims_free(px_claims *claims);

typedef enum px_claim {
    PX_CLAIM_OURS,    /* nobody began it */
    PX_CLAIM_DROPPED, /* ours; somebody began it and is gone: the journals tell how far it came */
    PX_CLAIM_TAKEN,   /* another process works on it */
    PX_CLAIM_DONE     /* or failed in this run */
} px_claim;

/** Threads of one process must not ask for the same group. */
dgxp_status px_claims_try(px_claims *claims, int32_t group, px_claim *out);
/** Let go of a group of ours; `done` also when it failed, so that nobody fails there again. */
dgxp_status px_claims_release(px_claims *claims, int32_t group, bool done);

#endif
