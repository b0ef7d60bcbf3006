/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ComfyUI's graphs as nodes and links, whichever format they were saved in; and what bars the way.
 */
#ifndef PX_COMFY_GRAPH_H
#define PX_COMFY_GRAPH_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

enum { PX_COMFY_NODES = 4000, PX_COMFY_CHAIN = 64 };

typedef struct px_comfy_node {
    const char *id, *class_type;
    json_t *inputs;
} px_comfy_node;

/** A graph that is read.  What cannot be done is collected, so that all of it is told at once. */
typedef struct px_comfy {
    const char *where;
    json_t *nodes;      /* id: {"class_type", "inputs"}, the API format */
    json_t *used;       /* ids that were read */
    json_t *notes;      /* what differs, for the user */
    json_t *obstacles;  /* sentences, each once */
    dgxp_status status; /* of the gravest: DGXP_ERR_BAD_FORMAT before DGXP_ERR_UNSUPPORTED */
} px_comfy;

/** A class that we read: its outputs by slot, and its widgets as the editor stores their values. */
typedef struct px_comfy_class {
    const char *class_type, *outputs[3], *widgets[12];
} px_comfy_class;
/** NULL: not one of them. */
const px_comfy_class *px_comfy_class_find(const char *class_type);

/** Adds "node ID (CLASS): …" to the obstacles; always false, so that readers can return it. */
__attribute__((format(printf, 4, 5))) bool
px_comfy_obstacle(px_comfy *g, dgxp_status status, const px_comfy_node *n, const char *format, ...);

/** The node of that id; false (and no obstacle) when it is not there or is no node. */
bool px_comfy_node_find(const px_comfy *g, const char *id, px_comfy_node *out);
/** Where input `input` of `n` leads, behind Reroutes; its output must be of type `wanted`. */
bool px_comfy_follow(px_comfy *g, const px_comfy_node *n, const char *input, const char *wanted,
                     px_comfy_node *out);
/** A number or text of a node, also when a node that holds nothing else gives it. */
bool px_comfy_number(px_comfy *g, const px_comfy_node *n, const char *input, double low,
                     double high, bool whole, double *out);
bool px_comfy_text(px_comfy *g, const px_comfy_node *n, const char *input, const char **out);

/** Every class behind `sink` that is not understood becomes an obstacle. */
void px_comfy_survey(px_comfy *g, const px_comfy_node *sink);

/**
 * The editor's format (nodes with widgets, links in a list) as the API format, a new object: what
 * is muted is left out, what is bypassed, rerouted, set and got or a primitive is followed through.
 */
json_t *px_comfy_from_editor(const json_t *document);

#endif
