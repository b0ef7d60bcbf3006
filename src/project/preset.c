/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Presets: data files that turn a subject into a whole job (docs/presets.md). */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"
#include "diffusion/job.h"
#include "diffusion/model.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { PRESET_LIMIT = 1 << 18, NAME_LIMIT = 64, TEXT_LIMIT = 4096 };

/* Names become file names: letters, digits and '-' only. */
static bool is_name(const char *name)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= NAME_LIMIT && name[length] == '\0';
}

typedef dgxp_status (*preset_visit)(const char *path, void *user_data);

typedef struct walk {
    preset_visit visit;
    void *user_data;
    dgxp_status status;
} walk;

static int is_preset_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && px_file_has_suffix(entry->d_name, "json");
}

static bool visit_folder(const char *folder, void *user_data)
{
    walk *state = user_data;
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_preset_file, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = px_file_join(folder, entries[i]->d_name);
        if (state->status == DGXP_OK) {
            state->status = path ? state->visit(path, state->user_data)
                                 : px_error_memory("the list of presets");
        }
        px_mem_free(path);
        free(entries[i]); /* scandir's, so the system's free() */
    }
    if (count >= 0) {
        free(entries);
    }
    return state->status != DGXP_OK;
}

/* Appends the preset's name, taken from its file's name, to a text. */
static dgxp_status append_name(const char *path, void *user_data)
{
    char **names = user_data;
    const char *name = px_file_name(path);
    char *longer = px_mem_format("%s%s%.*s", *names ? *names : "", *names ? ", " : "",
                                 (int)strcspn(name, "."), name);
    if (!longer) {
        return px_error_memory("the list of presets");
    }
    px_mem_free(*names);
    *names = longer;
    return DGXP_OK;
}

static dgxp_status refuse_unknown(const char *kind)
{
    char *names = NULL;
    walk state = {.visit = append_name, .user_data = &names};
    px_search_folders(PX_SEARCH_PRESETS, visit_folder, &state);
    const dgxp_status status = px_error_set(DGXP_ERR_NOT_FOUND, "no preset '%s'; there are: %s",
                                            kind, names ? names : "none at all");
    px_mem_free(names);
    return status;
}

/* The settings for this model: its own section, else the one for all, "*". */
static dgxp_status open_preset(const char *path, const char *model, json_t **document,
                               px_json *settings)
{
    px_json root, models;
    int64_t format = 0;
    dgxp_status status = px_json_load(path, PRESET_LIMIT, document);
    if (status != DGXP_OK) {
        return status;
    }
    status = px_json_root(path, *document, &root);
    if (status == DGXP_OK) {
        status = px_json_integer(&root, "format", PX_JSON_REQUIRED, 1, 1, &format);
    }
    if (status == DGXP_OK) {
        status = px_json_object(&root, "models", PX_JSON_REQUIRED, &models);
    }
    if (status == DGXP_OK && model) {
        status = px_json_object(&models, model, PX_JSON_OPTIONAL, settings);
    }
    if (status == DGXP_OK && (!model || !settings->value)) {
        status = px_json_object(&models, "*", PX_JSON_REQUIRED, settings);
    }
    return status;
}

/* `template` with every {subject} replaced. */
static char *fill_template(const char *template, const char *subject)
{
    static const char field[] = "{subject}";
    char *text = px_mem_text("");
    while (text) {
        const char *at = strstr(template, field);
        const size_t length = at ? (size_t)(at - template) : strlen(template);
        char *longer = px_mem_format("%s%.*s%s", text, (int)length, template, at ? subject : "");
        px_mem_free(text);
        text = longer;
        if (!at) {
            break;
        }
        template = at + sizeof field - 1;
    }
    return text;
}

static dgxp_status apply_choice(const px_json *settings, const char *field, int32_t *out)
{
    const char *names[16] = {NULL};
    int32_t count = 0, index = -1;
    const dgxp_choice *choices = dgxp_choices(field, &count);
    for (int32_t i = 0; i < count; i++) {
        names[i] = choices[i].name;
    }
    const dgxp_status status =
        px_json_choice(settings, field, PX_JSON_OPTIONAL, names, count, &index);
    if (status == DGXP_OK && index >= 0) {
        *out = choices[index].value;
    }
    return status;
}

static dgxp_status apply_sides(const px_json *settings, const char *field, int32_t sides[2])
{
    double values[2] = {0, 0};
    const dgxp_status status = px_json_numbers(settings, field, PX_JSON_OPTIONAL, 2, values);
    for (int i = 0; i < 2 && status == DGXP_OK; i++) {
        if (values[i] < 0 || values[i] > PX_JOB_CANVAS_LIMIT) {
            return px_json_refuse(settings, DGXP_ERR_BAD_FORMAT, "has a %s of %g; at most %d",
                                  field, values[i], PX_JOB_CANVAS_LIMIT);
        }
        sides[i] = (int32_t)values[i];
    }
    return status;
}

static dgxp_status apply_settings(const px_json *settings, dgxp_job *job)
{
    int64_t steps = 0;
    const char *negative = NULL;
    dgxp_status status =
        px_json_text(settings, "negative", PX_JSON_OPTIONAL, TEXT_LIMIT, &negative);
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(negative ? dgxp_job_set_negative_prompt(job, negative) : DGXP_OK);
    NEXT(px_json_integer(settings, "steps", PX_JSON_OPTIONAL, 1, PX_JOB_STEPS_LIMIT, &steps));
    NEXT(px_json_number(settings, "guidance", PX_JSON_OPTIONAL, 0, 100, &job->guidance));
    NEXT(px_json_number(settings, "guidance_rescale", PX_JSON_OPTIONAL, 0, 1, &job->rescale));
    NEXT(apply_choice(settings, "sampler", &job->sampler));
    NEXT(apply_choice(settings, "schedule", &job->schedule));
    NEXT(apply_choice(settings, "spacing", &job->spacing));
    NEXT(apply_choice(settings, "tiling", &job->tiling));
    NEXT(apply_sides(settings, "canvas", job->canvas));
    NEXT(apply_sides(settings, "size", job->size));
#undef NEXT
    if (status == DGXP_OK && steps) {
        job->steps = (int32_t)steps;
    }
    return status;
}

static dgxp_status make_job(const px_json *settings, const char *kind, const char *subject,
                            dgxp_job **out)
{
    const char *template = NULL;
    dgxp_status status = px_json_text(settings, "prompt", PX_JSON_REQUIRED, TEXT_LIMIT, &template);
    if (status != DGXP_OK) {
        return status;
    }
    char *prompt = fill_template(template, subject);
    dgxp_job *job = NULL;
    status = prompt ? dgxp_job_create(prompt, &job) : px_error_memory("the prompt");
    px_mem_free(prompt);
    if (status == DGXP_OK) {
        status = apply_settings(settings, job);
    }
    if (status == DGXP_OK) {
        job->kind = px_mem_text(kind);
        job->subject = px_mem_text(subject);
        status = job->kind && job->subject ? DGXP_OK : px_error_memory("a job");
    }
    if (status != DGXP_OK) {
        dgxp_job_free(job);
        return status;
    }
    *out = job;
    return DGXP_OK;
}

dgxp_status dgxp_job_create_preset(const dgxp_model *model, const char *kind, const char *subject,
                                   dgxp_job **out)
{
    px_error_clear();
    if (!model || !kind || !subject) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_job_create_preset: the model, kind or subject is NULL");
    }
    char *file = is_name(kind) ? px_mem_format("%s.json", kind) : NULL;
    char *path = file ? px_search_find(PX_SEARCH_PRESETS, file) : NULL;
    json_t *document = NULL;
    px_json settings = {0};
    dgxp_status status =
        path ? open_preset(path, px_model_name(model), &document, &settings) : refuse_unknown(kind);
    if (status == DGXP_OK) {
        status = make_job(&settings, kind, subject, out);
    }
    json_decref(document);
    px_mem_free(path);
    px_mem_free(file);
    return status;
}

static dgxp_status append_preset(const char *path, void *user_data)
{
    json_t *document = NULL;
    px_json settings;
    const dgxp_status status = open_preset(path, NULL, &document, &settings);
    if (status == DGXP_OK) {
        json_object_set_new(document, "path", px_json_string(path, strlen(path)));
        json_array_append(user_data, document);
    }
    json_decref(document);
    return status;
}

dgxp_status dgxp_list_presets(dgxp_document **out)
{
    px_error_clear();
    json_t *list = json_array();
    walk state = {.visit = append_preset, .user_data = list};
    px_search_folders(PX_SEARCH_PRESETS, visit_folder, &state);
    if (state.status != DGXP_OK) {
        json_decref(list);
        return state.status;
    }
    return px_json_document(list, out);
}
