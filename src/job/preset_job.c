/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a preset's settings to a job. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/adapters.h"
#include "diffusion/choices.h"
#include "diffusion/job.h"
#include "diffusion/model.h"
#include "image/fix_steps.h"
#include "image/image.h"
#include "job/preset.h"
#include "job/request.h"

#include <string.h>

enum { TEXT_LIMIT = 65536, LORAS_LIMIT = 64, PATH_LIMIT = 4096 };

static dgxp_status apply_sizes(const px_json *settings, dgxp_job *job)
{
    px_json sizes;
    int64_t low = 0, high = 0, multiple = 1;
    dgxp_status status = px_json_object(settings, "sizes", PX_JSON_OPTIONAL, &sizes);
    const bool there = status == DGXP_OK && sizes.value;
#define NEXT(call) status = there && status == DGXP_OK ? (call) : status
    NEXT(px_json_integer(&sizes, "min", PX_JSON_REQUIRED, 1, PX_JOB_CANVAS_LIMIT, &low));
    NEXT(px_json_integer(&sizes, "max", PX_JSON_REQUIRED, low, PX_JOB_CANVAS_LIMIT, &high));
    NEXT(px_json_integer(&sizes, "multiple", PX_JSON_OPTIONAL, 1, high, &multiple));
#undef NEXT
    job->size_low = (int32_t)low;
    job->size_high = (int32_t)high;
    job->size_multiple = (int32_t)multiple;
    return status;
}

static dgxp_status apply_finish(const px_json *settings, dgxp_job *job)
{
    px_json finish;
    dgxp_status status = px_json_object(settings, "finish", PX_JSON_OPTIONAL, &finish);
    if (status == DGXP_OK && finish.value) {
        json_decref(job->finish); /* of the section that a later one replaces */
        job->finish = NULL;
        job->finish_alone = true;
        status = px_fix_steps_check(settings->file, finish.value, &job->finish);
    }
    return status;
}

static dgxp_status apply_settings(const px_json *settings, dgxp_job *job)
{
    const char *negative = NULL;
    dgxp_status status =
        px_json_text(settings, "negative_prompt", PX_JSON_OPTIONAL, TEXT_LIMIT, &negative);
    PX_NEXT(negative ? dgxp_job_set_negative_prompt(job, negative) : DGXP_OK);
    PX_NEXT(px_setting_read(settings, PX_SETTING_IN_PRESET, &job->set));
    PX_NEXT(apply_sizes(settings, job));
    PX_NEXT(apply_finish(settings, job));
    return status;
}

/* An optional adapter that is not there is left out, and told: a speed may have settings without.
 */
static dgxp_status add_loras(const px_json *settings, const dgxp_model *model, dgxp_job *job,
                             bool *missing)
{
    px_json list;
    dgxp_status status = px_json_array(settings, "loras", PX_JSON_OPTIONAL, LORAS_LIMIT, &list);
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&list); i++) {
        px_json entry;
        const char *name = NULL;
        double unet = 1, text = 1;
        bool optional = false, decides = false;
        char *path = NULL;
        status = px_json_element_object(&list, i, &entry);
        PX_NEXT(px_json_text(&entry, "name", PX_JSON_REQUIRED, PATH_LIMIT, &name));
        PX_NEXT(px_request_weights(&entry, &unet, &text));
        PX_NEXT(px_json_boolean(&entry, "optional", PX_JSON_OPTIONAL, &optional));
        PX_NEXT(px_json_boolean(&entry, "decides", PX_JSON_OPTIONAL, &decides));
        PX_NEXT(px_lora_find(name, model, &path));
        if (status == DGXP_ERR_NOT_FOUND && optional) {
            px_error_clear();
            *missing = *missing || decides;
            status = DGXP_OK;
        } else if (status == DGXP_OK) {
            status = dgxp_job_add_lora(job, name, unet, text);
        }
        px_mem_free(path);
    }
    return status;
}

static dgxp_status apply_loras(const px_json *settings, const dgxp_model *model, dgxp_job *job)
{
    px_json without;
    bool missing = false;
    dgxp_status status = add_loras(settings, model, job, &missing);
    if (status == DGXP_OK && missing) {
        status = px_json_object(settings, "without", PX_JSON_OPTIONAL, &without);
        if (status == DGXP_OK && without.value) {
            status = apply_settings(&without, job);
        }
    }
    return status;
}

static dgxp_status remember(const px_preset_want *want, dgxp_job *job)
{
    job->kind = px_mem_text(px_preset_kind(want));
    job->subject = px_mem_text(want->subject);
    job->style = want->style ? px_mem_text(want->style) : NULL;
    job->speed = want->speed ? px_mem_text(want->speed) : NULL;
    if (json_object_size(want->fields)) {
        job->fields = json_deep_copy(want->fields);
    }
    const bool fits = job->kind && job->subject && !want->style == !job->style &&
                      !want->speed == !job->speed &&
                      !json_object_size(want->fields) == !job->fields;
    return fits ? DGXP_OK : px_error_memory("a job");
}

dgxp_status px_preset_job(const dgxp_model *model, const px_preset_want *want, dgxp_job **out)
{
    json_t *settings = NULL;
    px_json root;
    dgxp_job *job = NULL;
    const char *prompt = NULL;
    char *where = px_mem_format("the preset '%s'", px_preset_kind(want));
    dgxp_status status =
        where ? px_preset_expand(px_model_name(model), want, &settings) : px_error_memory("a job");
    PX_NEXT(px_json_root(where, settings, &root));
    PX_NEXT(px_json_text(&root, "prompt", PX_JSON_REQUIRED, TEXT_LIMIT, &prompt));
    PX_NEXT(dgxp_job_create(prompt, &job));
    PX_NEXT(apply_settings(&root, job));
    PX_NEXT(apply_loras(&root, model, job));
    PX_NEXT(remember(want, job));
    json_decref(settings);
    px_mem_free(where);
    if (status != DGXP_OK) {
        dgxp_job_free(job);
        return status;
    }
    *out = job;
    return DGXP_OK;
}
