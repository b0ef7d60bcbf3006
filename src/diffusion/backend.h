/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tensor backend: found, opened once a process, checked. */
#ifndef PX_BACKEND_H
#define PX_BACKEND_H

#include "dgxpixels.h"
#include "shim.h"

/**
 * The process's backend, opened on the first call and never closed (libtorch cannot be unloaded).
 * A failure is remembered only in its sentence: the next call tries again.
 */
dgxp_status px_backend_open(const px_shim **out);

/**
 * The file of the backend that would be opened, in a new string, and its kind ("torch"); NULL when
 * there is none.  DGX_PIXELS_BACKEND names a file, a folder, or just "stub".
 */
char *px_backend_find(const char **name);
/** The folder of the torch that it would run on, in a new string. */
dgxp_status px_backend_find_torch(char **out);

/** The path of the opened backend, or NULL. */
const char *px_backend_path(void);
/** The folder of the torch that it runs on, or NULL (stub). */
const char *px_backend_torch_folder(void);

/** Turn what a shim call returned into a status of ours, its sentence included. */
dgxp_status px_backend_status(int32_t status, const px_shim_error *error);

#endif
