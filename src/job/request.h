/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A request: one picture as JSON, in the recipe's own words, so that a recipe is a request. */
#ifndef PX_REQUEST_H
#define PX_REQUEST_H

#include "core/json.h"
#include "dgxpixels.h"
#include "diffusion/setting.h"

#include <jansson.h>
#include <stdbool.h>

/** Put `text` (of a table, a flag, a matrix) under `name`, turned into the field's type. */
dgxp_status px_request_put(const char *where, json_t *request, const char *name, const char *text);

/**
 * The job of a request.  Relative paths of `init` and `mask` begin at `folder`; `presets` is a
 * folder of one's own presets, or NULL.
 */
dgxp_status px_request_job(const char *where, const json_t *request, const dgxp_model *model,
                           const char *folder, const char *presets, dgxp_job **out);

/** The first field that only refines a kind's words ("style" …); NULL when there is none. */
const char *px_request_refinement(const json_t *request);
/**
 * `own` over `defaults` (or NULL) in a new object; NULL when memory ran out.  A default that refines
 * a kind's words, or says another subject, stays away from a request that has its own prompt.
 */
json_t *px_request_merge(const json_t *defaults, const json_t *own);

/** What lies beside a request: pictures take the place of those that it names; the rest as above. */
typedef struct px_request_beside {
    const char *folder, *presets;
    const dgxp_image *init, *mask;
} px_request_beside;

dgxp_status px_request_make(const char *where, const json_t *request, const dgxp_model *model,
                            const px_request_beside *beside, dgxp_job **out);

/** The adapters of a request, `loras` and `lora`, into its job. */
dgxp_status px_request_loras(const px_json *root, dgxp_job *job);
/** "weight" counts for all of a model; "unet", and "text" for its text encoders, may differ. */
dgxp_status px_request_weights(const px_json *entry, double *unet, double *text);
/** "lora.weight" and "lora.NAME.weight", which a matrix varies. */
bool px_request_is_lora_weight(const char *name);
dgxp_status px_request_put_lora_weight(const char *where, json_t *request, const char *name,
                                       double weight);

/** Every field's name, type and range, without a model and without opening pictures. */
dgxp_status px_request_check(const char *where, const json_t *request, const char *presets);

#endif
