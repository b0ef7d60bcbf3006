/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A request: one picture as JSON, in the recipe's own words, so that a recipe is a request. */
#include "job/request.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/number.h"
#include "diffusion/choices.h"
#include "diffusion/job.h"
#include "job/preset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const px_request_field fields[] = {
    {"kind", PX_REQUEST_TEXT, false},          {"subject", PX_REQUEST_TEXT, true},
    {"prompt", PX_REQUEST_TEXT, true},         {"negative_prompt", PX_REQUEST_TEXT, true},
    {"seed", PX_REQUEST_INTEGER, true},        {"size", PX_REQUEST_SIDES, false},
    {"canvas", PX_REQUEST_SIDES, false},       {"steps", PX_REQUEST_INTEGER, false},
    {"guidance", PX_REQUEST_NUMBER, false},    {"guidance_rescale", PX_REQUEST_NUMBER, false},
    {"cfg_stop", PX_REQUEST_NUMBER, false},    {"sampler", PX_REQUEST_TEXT, false},
    {"schedule", PX_REQUEST_TEXT, false},      {"spacing", PX_REQUEST_TEXT, false},
    {"tiling", PX_REQUEST_TEXT, false},        {"eta", PX_REQUEST_NUMBER, false},
    {"temperature", PX_REQUEST_NUMBER, false}, {"init", PX_REQUEST_TEXT, true},
    {"strength", PX_REQUEST_NUMBER, false},    {"mask", PX_REQUEST_TEXT, true},
    {"parity", PX_REQUEST_BOOLEAN, false},     {"style", PX_REQUEST_TEXT, false},
    {"speed", PX_REQUEST_TEXT, false},         {"view", PX_REQUEST_TEXT, true},
    {"facing", PX_REQUEST_TEXT, true},         {"outline", PX_REQUEST_TEXT, true},
    {"shading", PX_REQUEST_TEXT, true},        {"detail", PX_REQUEST_TEXT, true},
    {"isometric", PX_REQUEST_TEXT, true},      {"palette", PX_REQUEST_TEXT, true},
    {"colors", PX_REQUEST_INTEGER, true},      {"background", PX_REQUEST_TEXT, true},
    {"as_painted", PX_REQUEST_BOOLEAN, true},  {"fields", PX_REQUEST_OTHER, true},
    {"finish", PX_REQUEST_OTHER, true},        {"format", PX_REQUEST_OTHER, false},
    {"version", PX_REQUEST_OTHER, false},      {"lora", PX_REQUEST_TEXT, false},
    {"loras", PX_REQUEST_OTHER, false},        {"init_pixels", PX_REQUEST_OTHER, false},
    {"mask_pixels", PX_REQUEST_OTHER, false},  {"model", PX_REQUEST_OTHER, false},
    {"batch", PX_REQUEST_OTHER, false},
};

enum { FIELDS = sizeof fields / sizeof *fields, PATH_LIMIT = 4096 };

const px_request_field *px_request_find(const char *name)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const char *a = fields[i].name, *b = name;
        while (*a && (*a == *b || (*a == '_' && *b == '-'))) {
            a++;
            b++;
        }
        if (!*a && !*b) {
            return &fields[i];
        }
    }
    return NULL;
}

static dgxp_status refuse_name(const char *where, const char *name)
{
    char known[512] = "";
    for (size_t i = 0, used = 0; i < FIELDS && fields[i].type != PX_REQUEST_OTHER; i++) {
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                 fields[i].name);
    }
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: there is no field '%s'; there are: %s", where,
                        name, known);
}

/* ------------------------------------------------------------------------------- from text */

static json_t *parse_sides(const char *text)
{
    int width, height;
    char rest;
    if (sscanf(text, "%5dx%5d%c", &width, &height, &rest) == 2) {
        return json_pack("[i, i]", width, height);
    }
    return sscanf(text, "%5d%c", &width, &rest) == 1 ? json_pack("[i, i]", width, width) : NULL;
}

static json_t *parse_number(const char *text, bool whole)
{
    int64_t integer;
    double real;
    if (whole) {
        return px_number_whole(text, &integer) ? json_integer(integer) : NULL;
    }
    return px_number_parse(text, &real) ? json_real(real) : NULL;
}

static json_t *parse_boolean(const char *text)
{
    const bool yes = !strcmp(text, "true") || !strcmp(text, "1") || !strcmp(text, "yes");
    const bool no = !strcmp(text, "false") || !strcmp(text, "0") || !strcmp(text, "no");
    return yes || no ? json_boolean(yes) : NULL;
}

dgxp_status px_request_put(const char *where, json_t *request, const char *name, const char *text)
{
    const px_request_field *field = px_request_find(name);
    json_t *value = NULL;
    if (px_request_is_lora_weight(name)) {
        double weight;
        return px_number_parse(text, &weight)
                   ? px_request_put_lora_weight(where, request, name, weight)
                   : px_error_set(DGXP_ERR_BAD_FORMAT,
                                  "%s: field '%s' is \"%.60s\": must be a number", where, name,
                                  text);
    }
    if (!field || field->type == PX_REQUEST_OTHER) {
        return refuse_name(where, name);
    }
    switch (field->type) {
    case PX_REQUEST_INTEGER:
    case PX_REQUEST_NUMBER:
        value = parse_number(text, field->type == PX_REQUEST_INTEGER);
        break;
    case PX_REQUEST_BOOLEAN:
        value = parse_boolean(text);
        break;
    case PX_REQUEST_SIDES:
        value = parse_sides(text);
        break;
    case PX_REQUEST_TEXT:
    case PX_REQUEST_OTHER:
        value = px_json_string(text, strlen(text));
        break;
    }
    if (!value) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: field '%s' is \"%.60s\": must be %s", where,
                            field->name, text,
                            field->type == PX_REQUEST_SIDES     ? "a size like 32x48"
                            : field->type == PX_REQUEST_BOOLEAN ? "true or false"
                            : field->type == PX_REQUEST_INTEGER ? "a whole number"
                                                                : "a number");
    }
    return px_json_put(request, field->name, value) ? DGXP_OK : px_error_memory("a request");
}

/* --------------------------------------------------------------------------------- to a job */

static dgxp_status read_choice(const px_json *root, const char *field, int32_t *out)
{
    int32_t count = 0;
    const dgxp_choice *choices = px_diffusion_choices(field, &count);
    return px_json_named(root, field, PX_JSON_OPTIONAL, choices, count, out);
}

static dgxp_status read_sides(const px_json *root, const char *field, int32_t sides[2])
{
    const json_t *value = json_object_get(root->value, field);
    double numbers[2] = {0, 0};
    json_t *parsed = json_is_string(value) ? parse_sides(json_string_value(value)) : NULL;
    if (parsed) {
        value = parsed;
        numbers[0] = json_number_value(json_array_get(value, 0));
        numbers[1] = json_number_value(json_array_get(value, 1));
        json_decref(parsed);
    } else if (json_is_integer(value)) {
        numbers[0] = numbers[1] = json_number_value(value);
    } else {
        const dgxp_status status = px_json_numbers(root, field, PX_JSON_OPTIONAL, 2, numbers);
        if (status != DGXP_OK || !value || json_is_null(value)) {
            return status;
        }
    }
    for (int i = 0; i < 2; i++) {
        if (!(numbers[i] >= 1 && numbers[i] <= PX_JOB_CANVAS_LIMIT) ||
            numbers[i] != (int32_t)numbers[i]) {
            return px_json_refuse(root, DGXP_ERR_BAD_FORMAT,
                                  "has a %s of %g pixels: must be whole, 1 to %d", field,
                                  numbers[i], PX_JOB_CANVAS_LIMIT);
        }
        sides[i] = (int32_t)numbers[i];
    }
    return DGXP_OK;
}

static dgxp_status load_picture(const px_json *root, const char *field, const char *folder,
                                dgxp_image **out)
{
    const char *path = NULL;
    dgxp_status status = px_json_text(root, field, PX_JSON_OPTIONAL, PATH_LIMIT, &path);
    if (status != DGXP_OK || !path || !folder) {
        return status;
    }
    char *full = *path == '/' || !*folder ? px_mem_text(path) : px_file_join(folder, path);
    status = full ? dgxp_image_load(full, out) : px_error_memory("a path");
    px_mem_free(full);
    return status;
}

static dgxp_status read_pictures(const px_json *root, const char *folder, dgxp_job *job)
{
    dgxp_image *init = NULL, *mask = NULL;
    const bool has_init = json_is_string(json_object_get(root->value, "init"));
    if (!has_init) {
        static const char *const needy[] = {"strength", "mask"};
        for (int i = 0; i < 2; i++) {
            const json_t *value = json_object_get(root->value, needy[i]);
            if (value && !json_is_null(value)) {
                return px_error_set(DGXP_ERR_BAD_FORMAT,
                                    "%s: field '%s' needs 'init', the picture to start from",
                                    root->file, needy[i]);
            }
        }
        return DGXP_OK;
    }
    double strength = 0.75;
    dgxp_status status = px_json_number(root, "strength", PX_JSON_OPTIONAL, 0, 1, &strength);
    status = status == DGXP_OK ? load_picture(root, "init", folder, &init) : status;
    status = status == DGXP_OK ? load_picture(root, "mask", folder, &mask) : status;
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
    int64_t steps = 0, seed = -1;
    bool parity = job->parity != 0;
    dgxp_status status =
        px_json_text(root, "negative_prompt", PX_JSON_OPTIONAL, PX_JOB_PROMPT_LIMIT, &negative);
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(negative ? dgxp_job_set_negative_prompt(job, negative) : DGXP_OK);
    NEXT(px_json_integer(root, "seed", PX_JSON_OPTIONAL, 0, (int64_t)PX_JOB_SEED_LIMIT, &seed));
    NEXT(px_json_integer(root, "steps", PX_JSON_OPTIONAL, 1, PX_JOB_STEPS_LIMIT, &steps));
    NEXT(px_json_number(root, "guidance", PX_JSON_OPTIONAL, 0, 100, &job->guidance));
    NEXT(px_json_number(root, "guidance_rescale", PX_JSON_OPTIONAL, 0, 1, &job->rescale));
    NEXT(px_json_number(root, "cfg_stop", PX_JSON_OPTIONAL, 0, 1, &job->cfg_stop));
    NEXT(px_json_number(root, "eta", PX_JSON_OPTIONAL, 0, 1, &job->eta));
    NEXT(px_json_number(root, "temperature", PX_JSON_OPTIONAL, 0, 1, &job->temperature));
    NEXT(read_choice(root, "sampler", &job->sampler));
    NEXT(read_choice(root, "schedule", &job->schedule));
    NEXT(read_choice(root, "spacing", &job->spacing));
    NEXT(read_choice(root, "tiling", &job->tiling));
    NEXT(px_json_boolean(root, "parity", PX_JSON_OPTIONAL, &parity));
    NEXT(read_sides(root, "size", job->size));
    NEXT(read_sides(root, "canvas", job->canvas));
#undef NEXT
    if (status == DGXP_OK) {
        job->parity = parity;
        job->steps = steps ? (int32_t)steps : job->steps;
    }
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

/* "palette", "colors" and "background" are steps of "finish" that people write often. */
static dgxp_status read_finish(const px_json *root, dgxp_job *job)
{
    px_json finish;
    const char *palette = NULL, *background = NULL;
    int64_t colors = 0;
    bool as_painted = false;
    dgxp_status status = px_json_object(root, "finish", PX_JSON_OPTIONAL, &finish);
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(px_json_text(root, "palette", PX_JSON_OPTIONAL, PATH_LIMIT, &palette));
    NEXT(px_json_text(root, "background", PX_JSON_OPTIONAL, 16, &background));
    NEXT(px_json_integer(root, "colors", PX_JSON_OPTIONAL, 1, 256, &colors));
    NEXT(px_json_boolean(root, "as_painted", PX_JSON_OPTIONAL, &as_painted));
    NEXT(as_painted || is_recipe(root) ? dgxp_job_set_finish(job, NULL) : DGXP_OK);
#undef NEXT
    if (status != DGXP_OK || as_painted || !(finish.value || palette || background || colors)) {
        return status;
    }
    json_t *steps = finish.value ? json_copy((json_t *)(uintptr_t)finish.value) : json_object();
    bool fits = !colors || (px_json_put_integer(steps, "colors", colors) &&
                            px_json_put(steps, "palette", json_null()));
    fits = fits && (!palette || px_json_put_text(steps, "palette", palette)) &&
           (!background || px_json_put_text(steps, "background", background));
    char *text = fits ? px_json_print(steps) : NULL;
    status = text ? dgxp_job_set_finish(job, text) : px_error_memory("a request");
    px_mem_free(text);
    json_decref(steps);
    return status == DGXP_ERR_BAD_FORMAT || status == DGXP_ERR_NOT_FOUND
               ? name_place(root->file, status)
               : status;
}

/* "view" and the like stand beside the other settings; "fields" holds those of one's own presets.
 */
static dgxp_status read_fields(const px_json *root, json_t *chosen)
{
    static const char *const named[] = {"view",    "facing", "outline",
                                        "shading", "detail", "isometric"};
    px_json own;
    dgxp_status status = px_json_object(root, "fields", PX_JSON_OPTIONAL, &own);
    if (status == DGXP_OK && own.value &&
        json_object_update(chosen, (json_t *)(uintptr_t)own.value)) {
        status = px_error_memory("a request");
    }
    for (size_t i = 0; i < sizeof named / sizeof *named && status == DGXP_OK; i++) {
        const char *value = NULL;
        status = px_json_text(root, named[i], PX_JSON_OPTIONAL, 64, &value);
        if (status == DGXP_OK && value && !px_json_put_text(chosen, named[i], value)) {
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
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(px_json_text(root, "style", PX_JSON_OPTIONAL, 64, &want.style));
    NEXT(px_json_text(root, "speed", PX_JSON_OPTIONAL, 64, &want.speed));
#undef NEXT
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
    dgxp_status status = px_json_text(root, "style", PX_JSON_OPTIONAL, 64, &style);
    status = status == DGXP_OK ? px_json_text(root, "speed", PX_JSON_OPTIONAL, 64, &speed) : status;
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
    dgxp_status status = px_json_text(root, "kind", PX_JSON_OPTIONAL, 64, &kind);
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(px_json_text(root, "subject", PX_JSON_OPTIONAL, PX_JOB_PROMPT_LIMIT, &subject));
    NEXT(px_json_text(root, "prompt", PX_JSON_OPTIONAL, PX_JOB_PROMPT_LIMIT, &prompt));
#undef NEXT
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
        if (!px_request_find(name) || strchr(name, '-')) {
            return refuse_name(root->file, name);
        }
    }
    return DGXP_OK;
}

static dgxp_status make_job(const char *where, const json_t *request, const dgxp_model *model,
                            const char *folder, const char *presets, dgxp_job **out)
{
    px_json root;
    dgxp_job *job = NULL;
    dgxp_status status = px_json_root(where, request, &root);
    status = status == DGXP_OK ? check_names(&root) : status;
    status = status == DGXP_OK ? start_job(&root, model, presets, &job) : status;
    status = status == DGXP_OK ? read_settings(&root, job) : status;
    status = status == DGXP_OK ? read_finish(&root, job) : status;
    status = status == DGXP_OK ? px_request_loras(&root, job) : status;
    status = status == DGXP_OK ? read_pictures(&root, folder, job) : status;
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
    return make_job(where, request, model, folder, presets, out);
}

dgxp_status px_request_check(const char *where, const json_t *request, const char *presets)
{
    dgxp_job *job = NULL;
    const dgxp_status status = make_job(where, request, NULL, NULL, presets, &job);
    dgxp_job_free(job);
    return status;
}

dgxp_status dgxp_job_create_request(const dgxp_model *model, const char *request,
                                    const char *folder, dgxp_job **out)
{
    px_error_clear();
    json_t *root = NULL;
    if (!model || !request || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_job_create_request: the model, request or out is NULL");
    }
    dgxp_status status = px_json_parse("the request", request, strlen(request), &root);
    if (status == DGXP_OK) {
        status = px_request_job("the request", root, model, folder ? folder : "", NULL, out);
    }
    json_decref(root);
    return status;
}
