/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* NAME.dgxpx.json beside NAME.png: the metadata that a deployed picture was stripped of. */
#ifndef PX_SIDECAR_H
#define PX_SIDECAR_H

#include "dgxpixels.h"

/** NAME.dgxpx.json of a path that ends in ".png", in a new string; NULL when memory runs out. */
char *px_sidecar_path(const char *path);

/**
 * The texts of `image` as the file's content, in a new string; `bytes` is the PNG without them, as
 * it is deployed to `path`.  NULL when memory runs out.
 */
char *px_sidecar_make(const char *path, const void *bytes, size_t size, const dgxp_image *image);

#endif
