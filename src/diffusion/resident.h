/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which backend a model gets: the resident engine's, where one is wanted, or the process's own. */
#ifndef PX_RESIDENT_H
#define PX_RESIDENT_H

#include "dgxpixels.h"
#include "diffusion/checkpoint.h"
#include "shim.h"

/** The backend for a model; `local`: in any case the process's own. */
dgxp_status px_resident_backend(bool local, const px_shim **out);

/** What is open is this: its programs, its files as they are on disk, what it computes in. */
void px_resident_identify(const px_shim *shim, px_shim_model *backend, const px_bundle *bundle,
                          const px_checkpoint *checkpoint, const int32_t dtypes[2]);

/** Whether the engine has this program of the model, of the hash that its bundle tells. */
bool px_resident_has(const px_shim *shim, px_shim_model *backend, int32_t component,
                     int32_t tiling);

/**
 * Wait up to `wait_ms` for the turn to paint, DGXP_ERR_BUSY if it has not come; at once on the
 * process's own backend.  Everything but opening and closing lies between turn and end.
 */
dgxp_status px_resident_turn(const px_shim *shim, px_shim_model *backend, int32_t wait_ms);
/** The same, however long it takes. */
dgxp_status px_resident_wait(const px_shim *shim, px_shim_model *backend);
void px_resident_end(const px_shim *shim, px_shim_model *backend);

#endif
