/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Textual inversions: vectors from files of their own that stand in a prompt for words. */
#ifndef PX_EMBEDDINGS_H
#define PX_EMBEDDINGS_H

#include "diffusion/safetensors.h"

enum { PX_EMBEDDINGS = 64, PX_EMBEDDINGS_VECTORS = 512 }; /* of a prompt; of a file */

/** The ids of vectors that have no place in a vocabulary yet: PX_EMBEDDINGS_ID - index. */
#define PX_EMBEDDINGS_ID (-2)

typedef struct px_embedding {
    char *name;
    px_safetensors *set;
    const px_tensor *vectors[2]; /* [count, width], of each text encoder */
    int32_t count;               /* vectors, the same for both */
    int32_t first;               /* index of its first vector among all */
} px_embedding;

/** The files that one prompt names, each once. */
typedef struct px_embeddings {
    px_embedding items[PX_EMBEDDINGS];
    int32_t count, vectors; /* vectors of all together */
} px_embeddings;

/**
 * The length of `embedding:NAME` at `at` (ComfyUI's spelling, at the beginning of a word), 0 when
 * it is something else.  The name ends at a blank, comma, colon or bracket.
 */
size_t px_embeddings_match(const char *text, const char *at, const char **name, size_t *length);

/**
 * Open what `text` names, from `embeddings/` of the models folders.  A name that is unknown is
 * DGXP_ERR_NOT_FOUND, a file that is none for SDXL's two encoders DGXP_ERR_UNSUPPORTED.  Free with
 * px_embeddings_free(), also after a failure.
 */
dgxp_status px_embeddings_open(const char *text, px_embeddings *out);
void px_embeddings_free(px_embeddings *embeddings);

/** The one of that name, or NULL. */
const px_embedding *px_embeddings_find(const px_embeddings *embeddings, const char *name,
                                       size_t length);
/** Vector `index` among all of them as f32 [width], for the first or second encoder. */
dgxp_status px_embeddings_read(const px_embeddings *embeddings, int32_t index, int32_t encoder,
                               int32_t width, float *out);

/** What `texts` name, for a recipe: [{"name", "sha256", "vectors"}]; NULL when that is nothing. */
dgxp_status px_embeddings_describe(const char *const *texts, int32_t count, json_t **out);

#endif
