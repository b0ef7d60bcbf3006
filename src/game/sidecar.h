/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgx-pixels.recipes/NAME.json: the metadata that assets/NAME.png was stripped of.  Outside the assets,
 * which games load by the folder and ship to players. */
#ifndef PX_SIDECAR_H
#define PX_SIDECAR_H

#include "dgxpixels.h"

/** Of the asset "sprites/a.png" "dgx-pixels.recipes/sprites/a.json", below the project's folder, in a
 * new string; NULL when memory runs out. */
char *px_sidecar_path(const char *path);

/**
 * The texts of `image` as the file's content, in a new string; `bytes` is the PNG without them, as
 * it is deployed to `path`.  NULL when memory runs out.
 */
char *px_sidecar_make(const char *path, const void *bytes, size_t size, const dgxp_image *image);

#endif
