/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a model's file or folder is, as JSON: checkpoint, folder, bundle, LoRA, VAE, programs. */
#ifndef PX_INSPECT_H
#define PX_INSPECT_H

#include "dgxpixels.h"

#include <jansson.h>

/** Put what `path` is into `object`; DGXP_ERR_UNSUPPORTED when it is no model of any kind. */
dgxp_status px_inspect_model(const char *path, json_t *object);

#endif
