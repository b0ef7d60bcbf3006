/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ComfyUI graphs in API format, of the usual shape, as workflows of ours. */
#ifndef PX_COMFY_H
#define PX_COMFY_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

/** Whether a JSON document looks like a graph: nodes by id, each with a class_type. */
bool px_comfy_is_graph(const json_t *document);

/**
 * Read a graph: checkpoint, LoRA chain, two CLIP encodes, empty latent or a loaded picture,
 * KSampler or KSamplerAdvanced, VAE decode, save.  `*out` is a workflow {"model", "request",
 * "count", "notes" …}, yours.  A node that is not understood, a link that leads nowhere, an input
 * that is missing or out of range is DGXP_ERR_UNSUPPORTED or DGXP_ERR_BAD_FORMAT and named with its
 * id and class; none is ever ignored.  docs/workflows.md has the table of schedules.
 */
dgxp_status px_comfy_import(const char *where, const json_t *document, json_t **out);

/** Parse a graph's text: its seeds go to 2^64-1, which our JSON numbers do not hold. */
dgxp_status px_comfy_parse(const char *where, const char *text, size_t size, json_t **out);

#endif
