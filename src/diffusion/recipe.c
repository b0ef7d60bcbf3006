/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The recipe: everything that is needed to paint a picture again, as JSON. */
#include "core/choice.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/adapters.h"
#include "diffusion/backend.h"
#include "diffusion/choices.h"
#include "diffusion/estimate.h"
#include "diffusion/plan.h"

#include <stdio.h>
#include <string.h>

enum { RECIPE_FORMAT = 1 };

/* The name of an enum's value as dgxp_choices() spells it. */
static const char *choice_name(const char *type, int32_t value)
{
    int32_t count = 0;
    const dgxp_choice *choices = px_diffusion_choices(type, &count);
    const char *name = px_choice_name(choices, count, value);
    return name ? name : "unknown";
}

/* Of the weights and of all programs together, to know them again. */
static void put_hashes(const dgxp_model *model, json_t *about)
{
    const char *weights = px_fingerprint_wait(model->fingerprint);
    char hex[PX_HASH_HEX];
    uint8_t digest[32];
    px_hash hash;
    px_hash_begin(&hash);
    for (int32_t i = 0; i < model->bundle->program_count; i++) {
        px_hash_add(&hash, model->bundle->programs[i].sha256, PX_HASH_HEX - 1);
    }
    px_hash_end(&hash, digest);
    px_hash_hex(digest, hex);
    if (*weights) {
        px_json_put_text(about, "sha256", weights);
    }
    px_json_put_text(about, "programs", hex);
}

static json_t *describe_model(const dgxp_model *model)
{
    json_t *about = json_object();
    px_json_put_text(about, "architecture", model->bundle->architecture);
    px_json_put_text(about, "file", px_file_name(model->checkpoint->path));
    px_json_put_text(about, "prediction", choice_name("prediction", model->settings.prediction));
    if (model->backend) {
        px_json_put_text(about, "device", model->device);
        px_json_put_text(about, "dtype", px_safetensors_dtype_name(model->dtype));
        px_json_put_text(about, "backend", model->shim->name);
        px_json_put_text(about, "torch", model->shim->running);
        put_hashes(model, about);
        if (model->threads) {
            px_json_put_integer(about, "threads", model->threads);
        }
    }
    return about;
}

/* What an init image or a mask shows, whatever file it came from. */
static bool put_picture(json_t *recipe, const char *name, const dgxp_image *image)
{
    if (!image) {
        return true;
    }
    char size[32], hex[PX_HASH_HEX];
    uint8_t digest[32];
    px_hash hash;
    const int32_t width = dgxp_image_width(image), height = dgxp_image_height(image);
    snprintf(size, sizeof size, "%dx%d ", width, height);
    px_hash_begin(&hash);
    px_hash_add(&hash, size, strlen(size));
    px_hash_add(&hash, dgxp_image_pixels(image), 4 * (size_t)width * (size_t)height);
    px_hash_end(&hash, digest);
    px_hash_hex(digest, hex);
    return px_json_put_text(recipe, name, hex);
}

/* The textual inversions that both prompts name; of files that went away meanwhile nothing is told.
 */
static bool put_embeddings(json_t *recipe, const dgxp_model *model, const dgxp_job *job)
{
    const char *texts[] = {job->prompt, px_plan_negative(model, job)};
    json_t *list = NULL;
    return px_embeddings_describe(texts, 2, &list) != DGXP_OK || !list ||
           px_json_put(recipe, "embeddings", list);
}

static bool put_unread(json_t *recipe, const dgxp_model *model, const dgxp_job *job)
{
    json_t *list = NULL;
    return px_words_unread(model->bundle->words, job->prompt, &list) &&
           (!list || px_json_put(recipe, "unread", list));
}

/* What both the recipe and a dry run tell; false when memory runs out. */
static bool put_settings(json_t *recipe, const dgxp_model *model, const px_plan *plan,
                         const dgxp_job *job, int32_t index)
{
    const json_t *finish = plan->finish[index];
    return (!job->kind || px_json_put_text(recipe, "kind", job->kind)) &&
           (!job->subject || px_json_put_text(recipe, "subject", job->subject)) &&
           (!job->style || px_json_put_text(recipe, "style", job->style)) &&
           (!job->speed || px_json_put_text(recipe, "speed", job->speed)) &&
           (!job->fields || px_json_put(recipe, "fields", json_incref(job->fields))) &&
           px_json_put_text(recipe, "prompt", job->prompt) &&
           px_json_put_text(recipe, "negative_prompt", px_plan_negative(model, job)) &&
           put_unread(recipe, model, job) && put_embeddings(recipe, model, job) &&
           px_setting_put(recipe, &plan->set) && put_picture(recipe, "init_pixels", job->init) &&
           put_picture(recipe, "mask_pixels", job->mask) &&
           (!finish || px_json_put(recipe, "finish", json_deep_copy(finish))) &&
           (!plan->loras || px_json_put(recipe, "loras", json_incref(plan->loras)));
}

char *px_plan_recipe(const px_plan *plan, const dgxp_model *model, const dgxp_job *job,
                     int32_t index)
{
    json_t *recipe = json_object();
    json_t *batch = json_object();
    const bool ok = px_json_put_integer(recipe, "format", RECIPE_FORMAT) &&
                    px_json_put_text(recipe, "version", dgxp_version_text()) &&
                    px_json_put_integer(recipe, "seed", (int64_t)plan->seeds[index]) &&
                    put_settings(recipe, model, plan, job, index) &&
                    px_json_put_integer(batch, "size", plan->count) &&
                    px_json_put_integer(batch, "position", index) &&
                    px_json_put_integer(batch, "chunks", plan->chunks[index]) &&
                    px_json_put(recipe, "batch", json_incref(batch)) &&
                    px_json_put(recipe, "model", describe_model(model));
    char *text = ok ? px_json_print(recipe) : NULL;
    json_decref(batch);
    json_decref(recipe);
    return text;
}

static json_t *describe_steps(const px_plan *plan)
{
    json_t *rows = json_array();
    for (int32_t i = 0; i < plan->table.count; i++) {
        px_json_append(rows, json_real(plan->table.steps[i].timestep));
    }
    return rows;
}

dgxp_status dgxp_job_describe(const dgxp_job *job, const dgxp_model *model, dgxp_document **out)
{
    if (!(job && model && out)) {
        return px_error_begin("dgxp_job_describe", false, "a job, a model and out");
    }
    px_plan plan;
    px_error_clear();
    dgxp_status status = px_plan_create(model, &job, 1, &plan);
    if (status != DGXP_OK) {
        return status;
    }
    status = px_stack_describe(model, job, &plan.loras);
    if (status == DGXP_OK) {
        json_t *about = json_object();
        const bool ok = px_json_put_integer(about, "seed", (int64_t)plan.seeds[0]) &&
                        put_settings(about, model, &plan, job, 0) &&
                        px_json_put_integer(about, "prompt_chunks", plan.chunks[0]) &&
                        px_json_put(about, "timesteps", describe_steps(&plan)) &&
                        px_json_put_integer(about, "unet_passes", px_estimate_passes(&plan)) &&
                        px_json_put(about, "estimate", px_estimate(model, &plan)) &&
                        px_json_put(about, "model", describe_model(model));
        if (!ok) {
            json_decref(about);
            about = NULL;
        }
        status = px_json_document(about, out);
    }
    px_plan_free(&plan);
    return status;
}
