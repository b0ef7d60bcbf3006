/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A backend whose model lives in another process: the resident engine's, over its socket. */
#ifndef PX_CLIENT_H
#define PX_CLIENT_H

#include "dgxpixels.h"
#include "resident/place.h"
#include "shim.h"

/**
 * The table of the engine at `place`, which is copied.  DGXP_ERR_NOT_FOUND: none listens.  One for
 * the whole process; each of its models has a connection of its own.
 */
dgxp_status px_client_open(const px_place *place, const px_shim **out);

/** Whether this is that table. */
bool px_client_is(const px_shim *shim);

/**
 * Say what a model of this table is, between open() and its first program: two models of one
 * identity and one set of options have the same programs and the same bytes.
 */
void px_client_identify(px_shim_model *model, const char *identity);

/** Whether the engine has this program of the model already: then its bytes are not needed. */
bool px_client_has(px_shim_model *model, int32_t component, int32_t variant);

/**
 * Wait up to `wait_ms` for this model's turn to paint; DGXP_ERR_BUSY: not yet, ask again.  What
 * encodes, denoises, decodes, merges, or reads or writes parameters comes between claim and release.
 */
int32_t px_client_claim(px_shim_model *model, int32_t wait_ms, px_shim_error *error);
/** Give the turn back, or stop waiting for it. */
void px_client_release(px_shim_model *model);

#endif
