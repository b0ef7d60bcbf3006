/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A request over its defaults: what refines a kind says nothing to a prompt that is taken as it is. */
#include "job/request.h"

static const char *const refinements[] = {"style",   "speed",  "view",      "facing", "outline",
                                          "shading", "detail", "isometric", "fields"};

enum { REFINEMENTS = sizeof refinements / sizeof *refinements };

const char *px_request_refinement(const json_t *request)
{
    for (int i = 0; i < REFINEMENTS; i++) {
        const json_t *value = json_object_get(request, refinements[i]);
        if (json_is_string(value) || json_object_size(value)) {
            return refinements[i];
        }
    }
    return NULL;
}

json_t *px_request_merge(const json_t *defaults, const json_t *own)
{
    json_t *merged = defaults ? json_copy((json_t *)(uintptr_t)defaults) : json_object();
    if (json_is_string(json_object_get(own, "prompt"))) {
        json_object_del(merged, "subject");
        for (int i = 0; i < REFINEMENTS; i++) {
            json_object_del(merged, refinements[i]);
        }
    } else if (json_is_string(json_object_get(own, "subject"))) {
        json_object_del(merged, "prompt");
    }
    if (!merged || json_object_update(merged, (json_t *)(uintptr_t)own)) {
        json_decref(merged);
        return NULL;
    }
    return merged;
}
