/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A request: one picture as JSON, in the recipe's own words, so that a recipe is a request. */
#include "job/request.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/number.h"
#include "core/params.h"
#include "diffusion/job.h"
#include "job/preset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dgxp_status refuse_name(const char *where, const char *name)
{
    char known[768] = "";
    size_t count, used = 0;
    const px_setting *list = px_setting_list(&count);
    const char *now = px_setting_renamed(name);
    if (now) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: there is no field '%s'; it is called '%s'",
                            where, name, now);
    }
    for (size_t i = 0; i < count; i++) {
        if (!(list[i].flags & PX_SETTING_TOLD) && used < sizeof known) {
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                     list[i].name);
        }
    }
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: there is no field '%s'; there are: %s", where,
                        name, known);
}

/* ------------------------------------------------------------------------------- from text */

dgxp_status px_request_put(const char *where, json_t *request, const char *name, const char *text)
{
    const px_setting *setting = px_setting_find(name);
    if (px_request_is_lora_weight(name)) {
        double weight;
        return px_number_parse(text, &weight)
                   ? px_request_put_lora_weight(where, request, name, weight)
                   : px_error_set(DGXP_ERR_BAD_FORMAT,
                                  "%s: field '%s' is \"%.60s\": must be a number", where, name,
                                  text);
    }
    if (!setting || setting->type == PX_SETTING_OTHER) {
        return refuse_name(where, name);
    }
    json_t *value = px_setting_parse(setting, text);
    if (!value) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: field '%s' is \"%.60s\": must be %s", where,
                            setting->name, text, px_setting_wants(setting));
    }
    return px_json_put(request, setting->name, value) ? DGXP_OK : px_error_memory("a request");
}

/* --------------------------------------------------------------------------------- to a job */

static dgxp_status load_picture(const px_json *root, const char *field, const char *folder,
                                dgxp_image **out)
{
    const char *path = NULL;
    dgxp_status status = px_setting_text(root, field, &path);
    if (status != DGXP_OK || !path || !folder) {
        return status;
    }
    char *full = *path == '/' || !*folder ? px_mem_text(path) : px_file_join(folder, path);
    status = full ? dgxp_image_load(full, out) : px_error_memory("a path");
    px_mem_free(full);
    return status;
}

/* A picture beside the request takes the place of the one that it names. */
static dgxp_status take_picture(const px_json *root, const char *field, const char *folder,
                                const dgxp_image *beside, dgxp_image **out)
{
    return beside ? dgxp_image_copy(beside, out) : load_picture(root, field, folder, out);
}

static dgxp_status read_pictures(const px_json *root, const px_request_beside *beside,
                                 dgxp_job *job)
{
    dgxp_image *init = NULL, *mask = NULL;
    const char *named = NULL;
    dgxp_status status = px_setting_text(root, "init", &named);
    if (status != DGXP_OK || (!beside->init && !named)) {
        static const char *const needy[] = {"strength", "mask"};
        for (int i = 0; i < 2 && status == DGXP_OK; i++) {
            const json_t *value = json_object_get(root->value, needy[i]);
            if ((value && !json_is_null(value)) || (i == 1 && beside->mask)) {
                return px_error_set(DGXP_ERR_BAD_FORMAT,
                                    "%s: field '%s' needs 'init', the picture to start from",
                                    root->file, needy[i]);
            }
        }
        return status;
    }
    const double strength =
        job->set.strength >= 0 ? job->set.strength : px_setting_find("strength")->fallback;
    status = take_picture(root, "init", beside->folder, beside->init, &init);
    if (status == DGXP_OK) {
        status = take_picture(root, "mask", beside->folder, beside->mask, &mask);
    }
    if (status == DGXP_OK && init) {
        status = dgxp_job_set_init_image(job, init, strength);
    }
    if (status == DGXP_OK && mask) {
        status = dgxp_job_set_mask(job, mask);
    }
    dgxp_image_free(init);
    dgxp_image_free(mask);
    return status;
}

static dgxp_status read_settings(const px_json *root, dgxp_job *job)
{
    const char *negative = NULL;
    int64_t seed = -1;
    dgxp_status status = px_setting_text(root, "negative_prompt", &negative);
    PX_NEXT(negative ? dgxp_job_set_negative_prompt(job, negative) : DGXP_OK);
    PX_NEXT(px_setting_integer(root, "seed", &seed));
    PX_NEXT(px_setting_read(root, 0, &job->set));
    return status == DGXP_OK && seed >= 0 ? dgxp_job_set_seed(job, (uint64_t)seed) : status;
}

/* The last error with the request's own place in front. */
static dgxp_status name_place(const char *where, dgxp_status status)
{
    char said[1024];
    snprintf(said, sizeof said, "%s", dgxp_last_error());
    return px_error_set(status, "%s: %s", where, said);
}

/* A recipe's prompt is taken as it is, and so are its steps: what it does not say was not done, so
 * nothing of the model's own may lie under them. */
static bool is_recipe(const px_json *root)
{
    return json_is_integer(json_object_get(root->value, "format")) &&
           json_is_string(json_object_get(root->value, "prompt"));
}

/* A name or a file, a list of colors, or a palette as recipes tell it; NULL: none is asked for. */
static dgxp_status read_palette(const px_json *root, json_t **out)
{
    json_t *value = json_object_get(root->value, "palette");
    const char *name = NULL;
    *out = NULL;
    if (json_is_object(value)) {
        *out = json_incref(value);
    } else if (json_is_array(value)) {
        *out = json_pack("{s:s, s:O}", "name", "own", "colors", value);
    } else {
        const dgxp_status status = px_setting_text(root, "palette", &name);
        if (status != DGXP_OK || !name) {
            return status;
        }
        *out = px_json_string(name, strlen(name));
    }
    return *out ? DGXP_OK : px_error_memory("a request");
}

/* "palette", "colors" and "background" are steps of "finish" that people write often. */
static dgxp_status read_finish(const px_json *root, dgxp_job *job)
{
    px_json finish;
    json_t *palette = NULL;
    const char *background = NULL;
    int64_t colors = 0;
    bool as_painted = false;
    dgxp_status status = px_json_object(root, "finish", PX_JSON_OPTIONAL, &finish);
    PX_NEXT(px_setting_text(root, "background", &background));
    PX_NEXT(px_setting_integer(root, "colors", &colors));
    PX_NEXT(px_json_boolean(root, "as_painted", PX_JSON_OPTIONAL, &as_painted));
    PX_NEXT(as_painted || is_recipe(root) ? dgxp_job_set_finish(job, NULL) : DGXP_OK);
    PX_NEXT(read_palette(root, &palette));
    if (status != DGXP_OK || as_painted || !(finish.value || palette || background || colors)) {
        json_decref(palette);
        return status;
    }
    json_t *steps = finish.value ? json_copy((json_t *)(uintptr_t)finish.value) : json_object();
    bool fits = !colors || (px_json_put_integer(steps, "colors", colors) &&
                            px_json_put(steps, "palette", json_null()));
    fits = fits && (!palette || px_json_put(steps, "palette", json_incref(palette))) &&
           (!background || px_json_put_text(steps, "background", background));
    char *text = fits ? px_json_print(steps) : NULL;
    status = text ? dgxp_job_set_finish(job, text) : px_error_memory("a request");
    px_mem_free(text);
    json_decref(steps);
    json_decref(palette);
    return status == DGXP_ERR_BAD_FORMAT || status == DGXP_ERR_NOT_FOUND
               ? name_place(root->file, status)
               : status;
}

/* "view" and the like stand beside the other settings; "fields" holds those of one's own presets.
 */
static dgxp_status read_fields(const px_json *root, json_t *chosen)
{
    px_json own;
    dgxp_status status = px_json_object(root, "fields", PX_JSON_OPTIONAL, &own);
    if (status == DGXP_OK && own.value &&
        json_object_update(chosen, (json_t *)(uintptr_t)own.value)) {
        status = px_error_memory("a request");
    }
    size_t count;
    const px_setting *list = px_setting_list(&count);
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        const char *value = NULL;
        if (list[i].flags & PX_SETTING_FIELD) {
            status = px_setting_text(root, list[i].name, &value);
        }
        if (status == DGXP_OK && value && !px_json_put_text(chosen, list[i].name, value)) {
            status = px_error_memory("a request");
        }
    }
    return status;
}

static dgxp_status expand_preset(const px_json *root, const dgxp_model *model, const char *presets,
                                 const char *kind, const char *subject, dgxp_job **out)
{
    px_preset_want want = {.kind = kind, .subject = subject, .folder = presets};
    json_t *chosen = json_object();
    dgxp_status status = chosen ? read_fields(root, chosen) : px_error_memory("a request");
    PX_NEXT(px_setting_text(root, "style", &want.style));
    PX_NEXT(px_setting_text(root, "speed", &want.speed));
    want.fields = chosen;
    if (status == DGXP_OK) {
        status = model ? px_preset_job(model, &want, out) : px_preset_check(&want);
    }
    if (status == DGXP_ERR_NOT_FOUND || status == DGXP_ERR_INVALID_ARGUMENT) {
        status = name_place(root->file, status);
    }
    if (status == DGXP_OK && !model) {
        status = dgxp_job_create(subject, out);
    }
    json_decref(chosen);
    return status;
}

/* A recipe tells what its prompt was expanded from; nothing of it is applied again. */
static dgxp_status put_labels(const px_json *root, dgxp_job *job)
{
    const char *style = NULL, *speed = NULL;
    px_json own;
    json_t *chosen = json_object(); /* the typed fields are told by the prompt, but must be texts */
    dgxp_status status = chosen ? read_fields(root, chosen) : px_error_memory("a request");
    json_decref(chosen);
    status = status == DGXP_OK ? px_setting_text(root, "style", &style) : status;
    status = status == DGXP_OK ? px_setting_text(root, "speed", &speed) : status;
    status = status == DGXP_OK ? px_json_object(root, "fields", PX_JSON_OPTIONAL, &own) : status;
    if (status == DGXP_OK) {
        job->style = style ? px_mem_text(style) : NULL;
        job->speed = speed ? px_mem_text(speed) : NULL;
        job->fields = own.value ? json_deep_copy(own.value) : NULL;
        if ((style && !job->style) || (speed && !job->speed) || (own.value && !job->fields)) {
            status = px_error_memory("a request");
        }
    }
    return status;
}

/* A prompt is taken as it is, kind and subject then only tell where it came from. */
static dgxp_status start_job(const px_json *root, const dgxp_model *model, const char *presets,
                             dgxp_job **out)
{
    const char *kind = NULL, *subject = NULL, *prompt = NULL;
    dgxp_status status = px_setting_text(root, "kind", &kind);
    PX_NEXT(px_setting_text(root, "subject", &subject));
    PX_NEXT(px_setting_text(root, "prompt", &prompt));
    if (status != DGXP_OK) {
        return status;
    }
    if (!prompt && !subject) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: says not what to paint: give it a 'prompt', or a 'subject'",
                            root->file);
    }
    const char *refined = is_recipe(root) ? NULL : px_request_refinement(root->value);
    if (prompt && refined) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: field '%s' refines a kind's own words, but a 'prompt' is taken as "
                            "it is; give a 'subject' instead",
                            root->file, refined);
    }
    if (!prompt && (kind || refined)) {
        return expand_preset(root, model, presets, kind, subject, out);
    }
    status = dgxp_job_create(prompt ? prompt : subject, out);
    if (status == DGXP_OK && prompt) {
        (*out)->kind = kind ? px_mem_text(kind) : NULL;
        (*out)->subject = subject ? px_mem_text(subject) : NULL;
        status = put_labels(root, *out);
    }
    return status;
}

static dgxp_status check_names(const px_json *root)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)root->value, name, value)
    {
        if (!px_setting_find(name) || strchr(name, '-')) {
            return refuse_name(root->file, name);
        }
    }
    return DGXP_OK;
}

dgxp_status px_request_make(const char *where, const json_t *request, const dgxp_model *model,
                            const px_request_beside *beside, dgxp_job **out)
{
    px_json root;
    dgxp_job *job = NULL;
    dgxp_status status = px_json_root(where, request, &root);
    status = status == DGXP_OK ? check_names(&root) : status;
    status = status == DGXP_OK ? start_job(&root, model, beside->presets, &job) : status;
    status = status == DGXP_OK ? read_settings(&root, job) : status;
    status = status == DGXP_OK ? read_finish(&root, job) : status;
    status = status == DGXP_OK ? px_request_loras(&root, job) : status;
    status = status == DGXP_OK ? read_pictures(&root, beside, job) : status;
    if (status != DGXP_OK) {
        dgxp_job_free(job);
        return status;
    }
    *out = job;
    return DGXP_OK;
}

dgxp_status px_request_job(const char *where, const json_t *request, const dgxp_model *model,
                           const char *folder, const char *presets, dgxp_job **out)
{
    const px_request_beside beside = {.folder = folder, .presets = presets};
    return px_request_make(where, request, model, &beside, out);
}

dgxp_status px_request_check(const char *where, const json_t *request, const char *presets)
{
    dgxp_job *job = NULL;
    const dgxp_status status = px_request_job(where, request, NULL, NULL, presets, &job);
    dgxp_job_free(job);
    return status;
}

dgxp_status dgxp_job_request(const dgxp_model *model, const char *request,
                             const dgxp_request_params *given, dgxp_job **out)
{
    dgxp_request_params params;
    json_t *root = NULL;
    px_error_clear();
    dgxp_status status = px_params_read("dgxp_request_params", given, &params, sizeof params);
    if (status == DGXP_OK && (!model || !request || !out)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "dgxp_job_request: the model, request or out is NULL");
    }
    if (status == DGXP_OK) {
        status = px_json_parse("the request", request, strlen(request), &root);
    }
    if (status == DGXP_OK) {
        const px_request_beside beside = {.folder = params.folder ? params.folder : "",
                                          .presets = params.presets,
                                          .init = params.init,
                                          .mask = params.mask};
        status = px_request_make("the request", root, model, &beside, out);
    }
    json_decref(root);
    return status;
}

/* What a job is begun with, or what lies beside its request. */
static bool begins(const px_setting *setting)
{
    static const char *const names[] = {"kind",  "subject", "prompt", "style",
                                        "speed", "fields",  "init",   "mask"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(setting->name, names[i]) == 0) {
            return true;
        }
    }
    return (setting->flags & (PX_SETTING_FIELD | PX_SETTING_TOLD)) != 0;
}

static dgxp_status set_value(dgxp_job *job, const px_setting *setting, const char *value)
{
    json_t *parsed = NULL, *object = NULL;
    px_json root;
    dgxp_status status = px_json_parse(setting->name, value, strlen(value), &parsed);
    if (status == DGXP_OK) {
        object = json_pack("{s:o}", setting->name, parsed);
        status = object ? px_json_root("the job", object, &root) : px_error_memory("a setting");
    }
    status = status == DGXP_OK ? read_settings(&root, job) : status;
    status = status == DGXP_OK ? read_finish(&root, job) : status;
    status = status == DGXP_OK ? px_request_loras(&root, job) : status;
    json_decref(object);
    return status;
}

dgxp_status dgxp_job_set(dgxp_job *job, const char *name, const char *value)
{
    px_error_clear();
    if (!job || !name || !value) {
        return px_error_begin("dgxp_job_set", false, "a job, a name and a value");
    }
    const px_setting *setting = px_setting_find(name);
    if (!setting) {
        return refuse_name("the job", name);
    }
    if (begins(setting)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "'%s' begins a job: put it into the request of dgxp_job_request()",
                            setting->name);
    }
    return set_value(job, setting, value);
}
