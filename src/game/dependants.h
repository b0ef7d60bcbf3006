/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a running game builds on: a deployment may not change what a file is beneath its users. */
#ifndef PX_DEPENDANTS_H
#define PX_DEPENDANTS_H

#include "game/payload.h"

/**
 * DGXP_ERR_MISMATCH, naming file and user, when one of the payloads would become another kind of file
 * than the lock's `entries` say of its path, when an array would lose tiles or change their size, or
 * when a sheet's picture would have another size than the sheet says.  What is deployed together is looked at together.
 */
dgxp_status px_dependants_check(const json_t *entries, const px_payload *payloads, size_t count);

#endif
