/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every picture's job is made and planned before any is painted, so that no fault comes late. */
#include "batch/batch.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/adapters.h"
#include "diffusion/plan.h"
#include "job/request.h"

#include <string.h>

enum { FAILURES = 100, TELL_EVERY = 64 }; /* failures that are spelled out */

/* What decides which adapters are read: equal ones are looked at once. */
static char *make_adapters_key(const json_t *request)
{
    static const char *const names[] = {"loras", "lora", "kind", "style", "speed"};
    const char *prompt = json_string_value(json_object_get(request, "prompt"));
    const char *subject = json_string_value(json_object_get(request, "subject"));
    json_t *key = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(request, names[i]);
        if (value) {
            px_json_put(key, names[i], json_incref(value));
        }
    }
    if (prompt && strchr(prompt, '<')) { /* <lora:name:1> */
        px_json_put_text(key, "prompt", prompt);
    }
    if (subject && strchr(subject, '<')) {
        px_json_put_text(key, "subject", subject);
    }
    char *text = key ? px_json_dump(key, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(key);
    return text;
}

static dgxp_status check_on_model(const dgxp_model *model, const json_t *request,
                                  const dgxp_job *job, json_t *seen)
{
    px_plan plan;
    dgxp_status status = px_plan_create(model, &job, 1, &plan);
    if (status != DGXP_OK) {
        return status;
    }
    char *key = make_adapters_key(request);
    if (!key) {
        status = px_error_memory("a check");
    } else if (!json_object_get(seen, key)) {
        status = px_stack_describe(model, job, &plan.loras);
        if (status == DGXP_OK && !px_json_put(seen, key, json_true())) {
            status = px_error_memory("a check");
        }
    }
    px_mem_free(key);
    px_plan_free(&plan);
    return status;
}

static dgxp_status check_picture(const dgxp_batch *batch, const dgxp_model *model, int32_t picture,
                                 json_t *seen)
{
    const px_manifest *m = batch->manifest;
    px_wish wish = {NULL, NULL, NULL};
    dgxp_job *job = NULL;
    char *where = px_manifest_where(m, picture);
    dgxp_status status = where ? px_manifest_wish(m, picture, &wish) : px_error_memory("a line");
    if (status == DGXP_OK) {
        status = px_request_job(where, wish.request, model, px_manifest_folder(m), NULL, &job);
    }
    if (status == DGXP_OK && model) {
        status = check_on_model(model, wish.request, job, seen);
    }
    dgxp_job_free(job);
    px_wish_free(&wish);
    px_mem_free(where);
    return status;
}

void px_batch_name_line(const dgxp_batch *batch, int32_t picture, dgxp_status status)
{
    char *where = px_manifest_where(batch->manifest, picture);
    char *sentence = px_mem_text(dgxp_last_error());
    if (where && sentence && strncmp(sentence, where, strlen(where)) != 0) {
        px_error_set(status, "%s: %s", where, sentence);
    }
    px_mem_free(sentence);
    px_mem_free(where);
}

json_t *px_batch_fault(const dgxp_batch *batch, int32_t picture, dgxp_status status,
                       const char *sentence)
{
    json_t *entry = json_object();
    px_json_put_integer(entry, "picture", picture + 1);
    px_json_put_integer(entry, "line", px_manifest_line(batch->manifest, picture));
    px_json_put_text(entry, "status", dgxp_status_name(status));
    px_json_put_text(entry, "error", sentence ? sentence : "");
    return entry;
}

dgxp_status px_batch_check(const dgxp_batch *batch, const dgxp_model *model, px_batch_go_on go_on,
                           void *user_data, json_t *faults, int32_t *count)
{
    const int32_t pictures = px_manifest_pictures(batch->manifest);
    json_t *seen = json_object();
    dgxp_status first = seen ? DGXP_OK : px_error_memory("a check");
    char *sentence = NULL;
    bool running = first == DGXP_OK;
    *count = 0;
    for (int32_t i = 0; i < pictures && running; i++) {
        if (batch->pictures[i] == PX_BATCH_FINISHED) {
            continue;
        }
        const dgxp_status status = check_picture(batch, model, i, seen);
        if (status != DGXP_OK) {
            px_batch_name_line(batch, i, status);
            if (!sentence) {
                first = status;
                sentence = px_mem_text(dgxp_last_error());
            }
            if (++*count <= FAILURES) {
                px_json_append(faults, px_batch_fault(batch, i, status, dgxp_last_error()));
            }
        }
        running = status != DGXP_ERR_OUT_OF_MEMORY && (i % TELL_EVERY || go_on(user_data));
    }
    json_decref(seen);
    if (first != DGXP_OK && sentence) {
        px_error_set(first, "%s", sentence);
        if (*count > 1) {
            px_error_set(first, "%s (%d pictures have faults: none was painted)", sentence, *count);
        }
    }
    px_mem_free(sentence);
    return first;
}
