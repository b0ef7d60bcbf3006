/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The adapters of a request: `loras` as a recipe lists them, `lora` as people write them. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/number.h"
#include "job/request.h"

#include <string.h>

enum { LORAS = 64, TEXT_LIMIT = 4096 };

/* "style:0.8, lcm:1:0" */
static dgxp_status add_written(const px_json *root, const char *text, dgxp_job *job)
{
    char *copy = px_mem_text(text), *rest = NULL;
    dgxp_status status = copy ? DGXP_OK : px_error_memory("a request");
    for (char *word = copy ? strtok_r(copy, ",", &rest) : NULL; word && status == DGXP_OK;
         word = strtok_r(NULL, ",", &rest)) {
        double weights[2] = {1, 1};
        word += strspn(word, " \t");
        char *colon = strchr(word, ':');
        const char *end = NULL;
        if (colon) {
            *colon = '\0';
            weights[0] = weights[1] = px_number_take(colon + 1, &end);
            if (*end == ':') {
                weights[1] = px_number_take(end + 1, &end);
            }
        }
        status = colon && (end == colon + 1 || end[strspn(end, " \t")] != '\0')
                     ? px_json_refuse(root, DGXP_ERR_BAD_FORMAT,
                                      "has the lora '%.60s', whose weight is no number; write "
                                      "NAME:WEIGHT",
                                      word)
                     : dgxp_job_add_lora(job, word, weights[0], weights[1]);
    }
    px_mem_free(copy);
    return status;
}

dgxp_status px_request_weights(const px_json *entry, double *unet, double *text)
{
    dgxp_status status = px_json_number(entry, "weight", PX_JSON_OPTIONAL, -100, 100, unet);
    if (status == DGXP_OK) {
        status = px_json_number(entry, "unet", PX_JSON_OPTIONAL, -100, 100, unet);
    }
    *text = *unet;
    return status == DGXP_OK ? px_json_number(entry, "text", PX_JSON_OPTIONAL, -100, 100, text)
                             : status;
}

dgxp_status px_request_loras(const px_json *root, dgxp_job *job)
{
    px_json list, entry;
    const char *written = NULL;
    dgxp_status status = px_json_text(root, "lora", PX_JSON_OPTIONAL, TEXT_LIMIT, &written);
    status =
        status == DGXP_OK ? px_json_array(root, "loras", PX_JSON_OPTIONAL, LORAS, &list) : status;
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&list); i++) {
        const char *name = NULL, *from = NULL;
        double unet = 1, text = 1;
        status = px_json_element_object(&list, i, &entry);
        PX_NEXT(px_json_text(&entry, "name", PX_JSON_REQUIRED, TEXT_LIMIT, &name));
        PX_NEXT(px_json_text(&entry, "from", PX_JSON_OPTIONAL, 16, &from));
        PX_NEXT(px_request_weights(&entry, &unet, &text));
        if (status == DGXP_OK && (!from || strcmp(from, "prompt") != 0)) { /* its tag says it */
            status = dgxp_job_add_lora(job, name, unet, text);
        }
    }
    return status == DGXP_OK && written ? add_written(root, written, job) : status;
}

bool px_request_is_lora_weight(const char *name)
{
    const size_t length = strlen(name);
    return strcmp(name, "lora.weight") == 0 || (length > 12 && strncmp(name, "lora.", 5) == 0 &&
                                                strcmp(name + length - 7, ".weight") == 0);
}

/* The entry named so, or with "lora.weight" each one. */
dgxp_status px_request_put_lora_weight(const char *where, json_t *request, const char *name,
                                       double weight)
{
    const bool all = strcmp(name, "lora.weight") == 0;
    const size_t length = all ? 0 : strlen(name) - 12;
    json_t *list = json_deep_copy(json_object_get(request, "loras")), *entry;
    size_t i;
    int changed = 0;
    json_array_foreach(list, i, entry)
    {
        const char *known = json_string_value(json_object_get(entry, "name"));
        if (known && (all || (strlen(known) == length && !strncmp(known, name + 5, length)))) {
            px_json_put_number(entry, "unet", weight);
            px_json_put_number(entry, "text", weight);
            changed++;
        }
    }
    if (!changed) {
        json_decref(list);
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: field '%s': the request's 'loras' have none to weigh; "
                            "`set` 'loras=[{\"name\": \"style\"}]' adds one",
                            where, name);
    }
    return px_json_put(request, "loras", list) ? DGXP_OK : px_error_memory("a request");
}
