/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ComfyUI graph on its way to a workflow: what has been read of it. */
#ifndef PX_COMFY_READ_H
#define PX_COMFY_READ_H

#include "flow/comfy_graph.h"

typedef px_comfy_node node;

typedef struct graph {
    px_comfy g;
    json_t *workflow, *request;
    json_t *model_line, *positive_line, *negative_line; /* adapters from the checkpoint on */
    const char *checkpoint;                             /* of the model's line */
    double guidance;
} graph;

#define WRONG DGXP_ERR_BAD_FORMAT
#define UNDONE DGXP_ERR_UNSUPPORTED
#define COUNT(array) (sizeof array / sizeof *array)

/** A name as people store files here: without folders and suffix, as --model finds it. */
json_t *px_comfy_plain_name(const char *name);
/** Something that the user should know. */
void px_comfy_note(graph *g, const char *sentence);

/** Walks MODEL or CLIP links back to their checkpoint and collects the adapters on the way. */
bool px_comfy_walk(graph *g, const node *from, const char *input, const char *type, json_t *line,
                   const char **checkpoint);
/** Two files are the same when their names are; `name` is where `n` takes its `what` from. */
void px_comfy_check_checkpoint(graph *g, const node *n, const char *what, const char *name);
/** The adapters of both lines: one that is on the model's alone leaves the words as they are, one
 * on the CLIP's alone the model. */
void px_comfy_put_loras(graph *g);
/** The words behind a sampler's input, and the line of their CLIP. */
bool px_comfy_words(graph *g, const node *sampler, const char *input, const char *field,
                    json_t *line);

#endif
