/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A picture painted again from the recipe in its metadata. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "diffusion/adapters.h"
#include "diffusion/find.h"
#include "diffusion/finish.h"
#include "diffusion/job.h"
#include "diffusion/plan.h"
#include "image/fix_steps.h"
#include "image/metadata.h"
#include "job/request.h"

#include <string.h>

typedef struct comparison {
    json_t *differs, *notes;
} comparison;

/* -------------------------------------------------------------------------------- comparing */

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void add_difference(comparison *c, const char *what, const char *recipe, const char *here)
{
    json_t *entry = json_object();
    px_json_put_text(entry, "what", what);
    px_json_put_text(entry, "recipe", recipe);
    px_json_put_text(entry, "here", here);
    px_json_append(c->differs, entry);
}

/* What has to be the same, or other pixels are certain. */
static void compare_model(comparison *c, const json_t *theirs, const json_t *ours)
{
    static const struct {
        const char *key, *what;
    } hard[] = {{"architecture", "architecture"},
                {"sha256", "model"},
                {"programs", "programs"},
                {"prediction", "prediction"}};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        const char *recipe = text_at(theirs, hard[i].key), *here = text_at(ours, hard[i].key);
        if (recipe && (!here || strcmp(recipe, here) != 0)) {
            add_difference(c, hard[i].what, recipe, here);
        }
    }
    static const char *const soft[] = {"device", "dtype", "backend", "torch"};
    for (size_t i = 0; i < sizeof soft / sizeof *soft; i++) {
        const char *recipe = text_at(theirs, soft[i]), *here = text_at(ours, soft[i]);
        if (recipe && here && strcmp(recipe, here) != 0) {
            px_json_append(c->notes,
                           json_sprintf("painted with %s %s, here it is %s: pixels may differ",
                                        soft[i], recipe, here));
        }
    }
}

static void compare_picture(comparison *c, const char *what, const json_t *theirs,
                            const json_t *ours, const char *key)
{
    const char *recipe = text_at(theirs, key), *here = text_at(ours, key);
    if (recipe && (!here || strcmp(recipe, here) != 0)) {
        add_difference(c, what, recipe, here);
    }
}

/* Every adapter or textual inversion that the recipe lists, by the hash of the file that has its
 * name here. */
static void compare_files(comparison *c, const json_t *recipe, const char *list,
                          const dgxp_model *model)
{
    const bool loras = strcmp(list, "loras") == 0;
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(recipe, list), i, entry)
    {
        const char *name = text_at(entry, "name"), *theirs = text_at(entry, "sha256");
        char *path = NULL;
        char *what =
            px_mem_format("%s '%s'", loras ? "LoRA" : "textual inversion", name ? name : "?");
        char hex[PX_HASH_HEX] = "";
        dgxp_status status = !name || !what ? DGXP_ERR_NOT_FOUND
                             : loras        ? px_lora_find(name, model, &path)
                                            : px_find_named("embeddings", name, &path);
        status = status == DGXP_OK ? px_fingerprint_file(path, NULL, hex) : status;
        if (status != DGXP_OK || (theirs && strcmp(theirs, hex) != 0)) {
            add_difference(c, what, theirs ? theirs : "no hash", status == DGXP_OK ? hex : NULL);
        }
        px_error_clear();
        px_mem_free(path);
        px_mem_free(what);
    }
}

static void hash_colors(const json_t *colors, char hex[PX_HASH_HEX])
{
    char *text = px_json_print(colors);
    px_hash_bytes(text ? text : "", text ? strlen(text) : 0, hex);
    px_mem_free(text);
}

/* The recipe holds the colors, so a palette that was changed since is told but harms nothing. */
static void compare_palette(comparison *c, const json_t *recipe)
{
    const json_t *theirs = json_object_get(json_object_get(recipe, "finish"), "palette");
    const char *name = text_at(theirs, "name");
    const json_t *colors = json_object_get(theirs, "colors");
    json_t *steps = name && colors ? json_pack("{ss}", "palette", name) : NULL, *here = NULL;
    if (steps && px_fix_steps_check("the palette", steps, &here) == DGXP_OK) {
        const json_t *ours = json_object_get(json_object_get(here, "palette"), "colors");
        if (!json_equal(colors, ours)) {
            char wanted[PX_HASH_HEX], found[PX_HASH_HEX];
            hash_colors(colors, wanted);
            hash_colors(ours, found);
            px_json_append(c->notes,
                           json_sprintf("palette '%.200s' has other colors here (%.16s) than in "
                                        "the recipe (%.16s), whose are taken",
                                        name, found, wanted));
        }
    }
    px_error_clear();
    json_decref(here);
    json_decref(steps);
}

/* ------------------------------------------------------------------------------------ the job */

/* The recipe with the changes laid over it, without what only tells how it went. */
static dgxp_status make_request(const json_t *recipe, const json_t *changes, json_t **out)
{
    json_t *request = json_deep_copy(recipe);
    if (!request) {
        return px_error_memory("a recipe");
    }
    json_object_del(request, "strength");
    if (json_object_get(changes, "size") && !json_object_get(changes, "canvas")) {
        json_object_del(request, "canvas");
    }
    if (!json_object_get(changes, "prompt") &&
        (json_object_get(changes, "subject") || json_object_get(changes, "kind"))) {
        json_object_del(request, "prompt");
    }
    if (changes && json_object_update(request, (json_t *)(uintptr_t)changes) != 0) {
        json_decref(request);
        return px_error_memory("a recipe");
    }
    json_object_del(request, "strength");
    *out = request;
    return DGXP_OK;
}

static dgxp_status make_job(const json_t *recipe, const json_t *changes, const dgxp_model *model,
                            const dgxp_regen_params *params, dgxp_job **out)
{
    json_t *request = NULL;
    dgxp_job *job = NULL;
    dgxp_status status = make_request(recipe, changes, &request);
    status =
        status == DGXP_OK ? px_request_job("the recipe", request, model, "", NULL, &job) : status;
    if (status == DGXP_OK && params->init) {
        const json_t *strength = json_object_get(changes, "strength");
        strength = strength ? strength : json_object_get(recipe, "strength");
        status = dgxp_job_set_init_image(
            job, params->init, json_is_number(strength) ? json_number_value(strength) : 0.75);
    }
    if (status == DGXP_OK && params->mask) {
        status = dgxp_job_set_mask(job, params->mask);
    }
    if (status == DGXP_OK) {
        const json_t *chunks = json_object_get(json_object_get(recipe, "batch"), "chunks");
        const json_int_t count = json_integer_value(chunks);
        job->chunks = count > 0 && count <= PX_JOB_PROMPT_LIMIT ? (int32_t)count : 0;
    }
    json_decref(request);
    if (status != DGXP_OK) {
        dgxp_job_free(job);
        return status;
    }
    *out = job;
    return DGXP_OK;
}

/* ----------------------------------------------------------------------------------- painting */

/* How the picture was found, among how many, is no part of a request: it goes over from the old one. */
static dgxp_status keep_choice(const json_t *old, dgxp_image *image)
{
    json_t *chosen = json_object_get(old, "chosen"), *recipe = NULL;
    if (!chosen) {
        return DGXP_OK;
    }
    dgxp_status status = px_metadata_recipe(image, &recipe);
    if (status == DGXP_OK) {
        px_json_put(recipe, "chosen", json_incref(chosen));
        char *text = px_json_print(recipe);
        status = text ? px_finish_recipe(image, text) : px_error_memory("a recipe");
        px_mem_free(text);
    }
    json_decref(recipe);
    return status;
}

/* The picture in its place among copies of itself: what stands beside it does not change it, how
 * many there are may. */
static dgxp_status paint(dgxp_model *model, const dgxp_job *job, const json_t *recipe,
                         const dgxp_regen_params *params, dgxp_image **out)
{
    const dgxp_job *jobs[PX_PLAN_JOBS];
    const json_t *batch = json_object_get(recipe, "batch");
    json_int_t size = json_integer_value(json_object_get(batch, "size"));
    json_int_t position = json_integer_value(json_object_get(batch, "position"));
    dgxp_result *result = NULL;
    size = size < 1 ? 1 : size > PX_PLAN_JOBS ? PX_PLAN_JOBS : size;
    position = position < 0 || position >= size ? 0 : position;
    for (json_int_t i = 0; i < size; i++) {
        jobs[i] = job;
    }
    dgxp_generate_params generate = DGXP_GENERATE_PARAMS_INIT;
    generate.progress = params->progress;
    generate.user_data = params->user_data;
    generate.cancel = params->cancel;
    dgxp_status status = dgxp_generate(model, jobs, (int32_t)size, &generate, &result);
    if (status == DGXP_OK) {
        status = dgxp_image_copy(dgxp_result_image(result, (int32_t)position), out);
    }
    if (status == DGXP_OK && !params->changes && (status = keep_choice(recipe, *out)) != DGXP_OK) {
        dgxp_image_free(*out);
        *out = NULL;
    }
    dgxp_result_free(result);
    return status;
}

/* The recipe that this job has here, for comparison; nothing is painted. */
static dgxp_status describe_here(const dgxp_model *model, const dgxp_job *job, json_t **out)
{
    px_plan plan;
    dgxp_status status = px_plan_create(model, &job, 1, &plan);
    if (status != DGXP_OK) {
        return status;
    }
    char *text = px_plan_recipe(&plan, model, job, 0);
    status =
        text ? px_json_parse("the recipe", text, strlen(text), out) : px_error_memory("a recipe");
    px_mem_free(text);
    px_plan_free(&plan);
    return status;
}

static dgxp_status judge(const comparison *c, const json_t *recipe, bool force)
{
    const json_t *first = json_array_get(c->differs, 0);
    if (!first || force) {
        return DGXP_OK;
    }
    const char *what = text_at(first, "what"), *here = text_at(first, "here");
    const char *file = text_at(json_object_get(recipe, "model"), "file");
    const bool models = file && strncmp(what, "LoRA", 4) != 0;
    if (!here) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "the picture's %s is missing: its recipe says %.16s…; give it, or "
                            "paint all the same with force",
                            what, text_at(first, "recipe"));
    }
    return px_error_set(DGXP_ERR_MISMATCH,
                        "the picture was painted with another %s: its recipe says %.16s%s%s%s, "
                        "here it is %.16s; give the right one, or paint all the same with force",
                        what, text_at(first, "recipe"), models ? " (of '" : "", models ? file : "",
                        models ? "')" : "", here);
}

static dgxp_status check_call(const dgxp_model *model, const dgxp_image *image)
{
    if (!model || !model->shim || !image) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_regen: needs a model (not describe_only) and an image");
    }
    return DGXP_OK;
}

dgxp_status dgxp_regen(dgxp_model *model, const dgxp_image *image, const dgxp_regen_params *given,
                       dgxp_document **report, dgxp_image **out)
{
    dgxp_regen_params p;
    const dgxp_regen_params *const params = &p;
    json_t *recipe = NULL, *changes = NULL, *here = NULL;
    dgxp_job *job = NULL;
    comparison c = {NULL, NULL};
    px_error_clear();
    dgxp_status status = px_params_read("dgxp_regen", given, &p, sizeof p);
    status = status == DGXP_OK ? check_call(model, image) : status;
    status = status == DGXP_OK ? px_metadata_recipe(image, &recipe) : status;
    if (status == DGXP_OK && params->changes) {
        status = px_json_parse("the changes", params->changes, strlen(params->changes), &changes);
    }
    if (status == DGXP_OK && (!json_is_object(recipe) || (changes && !json_is_object(changes)))) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "the %s is no JSON object",
                              json_is_object(recipe) ? "text of changes" : "image's recipe");
    }
    if (status != DGXP_OK) {
        goto done;
    }
    pthread_mutex_lock(&model->lock);
    if (!model->fingerprint) {
        model->fingerprint = px_fingerprint_begin(model->checkpoint);
    }
    pthread_mutex_unlock(&model->lock);
    status = make_job(recipe, changes, model, params, &job);
    status = status == DGXP_OK ? describe_here(model, job, &here) : status;
    if (status == DGXP_OK) {
        c = (comparison){json_array(), json_array()};
        compare_model(&c, json_object_get(recipe, "model"), json_object_get(here, "model"));
        compare_files(&c, recipe, "loras", model);
        compare_files(&c, recipe, "embeddings", model);
        compare_palette(&c, recipe);
        compare_picture(&c, "init image", recipe, here, "init_pixels");
        compare_picture(&c, "mask", recipe, here, "mask_pixels");
        status = judge(&c, recipe, params->force != 0);
    }
    if (status == DGXP_OK) {
        status = paint(model, job, recipe, params, out);
    }
done:
    if (report && c.differs && (status == DGXP_OK || status == DGXP_ERR_MISMATCH)) {
        char *sentence = px_mem_text(dgxp_last_error());
        json_t *about = json_object();
        px_json_put(about, "recipe", json_incref(recipe));
        px_json_put(about, "differs", json_incref(c.differs));
        px_json_put(about, "notes", json_incref(c.notes));
        if (px_json_document(about, report) == DGXP_OK && status != DGXP_OK) {
            px_error_set(status, "%s", sentence ? sentence : "");
        }
        px_mem_free(sentence);
    }
    json_decref(c.differs);
    json_decref(c.notes);
    json_decref(here);
    json_decref(changes);
    json_decref(recipe);
    dgxp_job_free(job);
    return status;
}
