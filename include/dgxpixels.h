/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * DGX-Pixels: words in, finished pixel art out.  The whole public surface, in manuals.
 *
 * Two halves that meet only in dgxp_generate():
 *   - pixels:    images, grids, mattes, palettes, sheets, reports.  No model, no GPU, no torch.
 *   - diffusion: models, jobs and pictures.  Needs a backend, opened when a model is loaded.
 *
 * Conventions
 *   Status    What can fail returns a dgxp_status; the sentence behind it is in dgxp_last_error(),
 *             per thread, until that thread's next call.  On failure no output is written.
 *   Ownership Handles are opaque.  A pointer returned is borrowed and lives as long as its owner; a
 *             handle filled through `**out` is yours: free it with its dgxp_<type>_free(), which
 *             takes NULL.  You never call free().
 *   Threads   A `const` handle may be shared between threads, any other belongs to one thread at a
 *             time.  Different handles are independent.
 *   Params    Structs named dgxp_*_params begin with their own size; start from the _INIT macro.
 *             Zero always means the default.
 *   Text      UTF-8.  Paths are given to the system as they are.
 *   Pixels    8-bit sRGB, straight alpha, R G B A in memory, rows top-down without padding.
 *   The library never prints, aborts or exits.
 */
#ifndef DGXPIXELS_H
#define DGXPIXELS_H

#include "dgxpixels/base.h"
#include "dgxpixels/image.h"
#include "dgxpixels/sheet.h"
#include "dgxpixels/motion.h"
#include "dgxpixels/model.h"
#include "dgxpixels/job.h"
#include "dgxpixels/game.h"
#include "dgxpixels/batch.h"

#endif /* DGXPIXELS_H */
