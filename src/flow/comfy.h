/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ComfyUI graphs, in either format, as workflows of ours. */
#ifndef PX_COMFY_H
#define PX_COMFY_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

/** Whether a JSON document looks like a graph: nodes by id, each with a class_type. */
bool px_comfy_is_graph(const json_t *document);

/**
 * Read a graph in the API format or the editor's, from the saved picture back to its sources.
 * `*out` is a workflow {"model", "request", "count", "vae", "notes" …}, yours.  What cannot be done
 * (a node that is not understood, a link that leads nowhere, an input that is missing or out of
 * range) is DGXP_ERR_UNSUPPORTED or DGXP_ERR_BAD_FORMAT, all of it in one sentence, each named with
 * its node's id and class.  docs/workflows.md has the tables of nodes and schedules.
 */
dgxp_status px_comfy_import(const char *where, const json_t *document, json_t **out);

/** Parse a graph's text: its seeds go to 2^64-1, which our JSON numbers do not hold. */
dgxp_status px_comfy_parse(const char *where, const char *text, size_t size, json_t **out);

#endif
