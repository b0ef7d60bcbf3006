/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A batch of jobs with every default filled in and every rule checked: what will be painted. */
#include "diffusion/plan.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "image/fix_steps.h"

#include <string.h>

/* Jobs of one batch share the table of steps and the shape of their latents. */
static dgxp_status check_alike(const dgxp_job *const *jobs, int32_t count)
{
    const dgxp_job *a = jobs[0];
    for (int32_t i = 1; i < count; i++) {
        const dgxp_job *b = jobs[i];
        const char *what = px_setting_differ(&a->set, &b->set);
        what = what && strcmp(what, "strength") == 0 && !a->init ? NULL : what;
        what = !a->init != !b->init ? "init image (some have one, some not)" : what;
        what = !a->mask != !b->mask ? "mask (some have one, some not)" : what;
        if (what) {
            return px_error_set(DGXP_ERR_MISMATCH,
                                "jobs 0 and %d differ in %s: paint them in calls of their own", i,
                                what);
        }
    }
    return DGXP_OK;
}

/* ----------------------------------------------------------------------------------- canvas */

static int32_t nearest_side(const px_bundle *bundle, int32_t side)
{
    const int32_t multiple = bundle->canvas_multiple;
    int32_t nearest = (side + multiple / 2) / multiple * multiple;
    const int32_t low = (bundle->canvas_min + multiple - 1) / multiple * multiple;
    const int32_t high = bundle->canvas_max / multiple * multiple;
    nearest = nearest < low ? low : nearest;
    return nearest > high ? high : nearest;
}

static dgxp_status check_canvas(const px_bundle *bundle, int32_t width, int32_t height)
{
    const int32_t near_width = nearest_side(bundle, width);
    const int32_t near_height = nearest_side(bundle, height);
    if (near_width == width && near_height == height) {
        return DGXP_OK;
    }
    return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                        "canvas %dx%d: %s paints multiples of %d from %d to %d pixels; the nearest "
                        "is %dx%d",
                        width, height, bundle->name, bundle->canvas_multiple, bundle->canvas_min,
                        bundle->canvas_max, near_width, near_height);
}

/*
 * The canvas for a sprite: its size in the model's own cells, enlarged by the largest whole number
 * that stays within the native canvas, because a model paints best near its native size.
 */
static void canvas_for_size(const px_bundle *bundle, const int32_t size[2], int32_t canvas[2])
{
    const int32_t width = size[0] * bundle->pixel_scale, height = size[1] * bundle->pixel_scale;
    int32_t times = 1;
    while ((times + 1) * width <= bundle->native_width &&
           (times + 1) * height <= bundle->native_height) {
        times++;
    }
    canvas[0] = nearest_side(bundle, times * width);
    canvas[1] = nearest_side(bundle, times * height);
}

static dgxp_status resolve_canvas(const px_bundle *bundle, const dgxp_job *job, px_plan *plan)
{
    int32_t canvas[2] = {job->set.canvas[0], job->set.canvas[1]};
    if (canvas[0] == 0 && job->set.size[0] > 0) {
        canvas_for_size(bundle, job->set.size, canvas);
    } else if (canvas[0] == 0) {
        canvas[0] = bundle->native_width;
        canvas[1] = bundle->native_height;
    }
    for (int i = 0; i < 2 && job->set.size[i] && job->size_high; i++) {
        if (job->set.size[i] < job->size_low || job->set.size[i] > job->size_high ||
            job->set.size[i] % job->size_multiple) {
            return px_error_set(
                DGXP_ERR_INVALID_ARGUMENT,
                "size %dx%d: the preset '%s' makes sprites of %d to %d pixels a side "
                "in steps of %d",
                job->set.size[0], job->set.size[1], job->kind, job->size_low, job->size_high,
                job->size_multiple);
        }
    }
    if (job->set.size[0] > canvas[0] || job->set.size[1] > canvas[1]) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "size %dx%d: is more than the canvas of %dx%d pixels holds",
                            job->set.size[0], job->set.size[1], canvas[0], canvas[1]);
    }
    memcpy(plan->set.canvas, canvas, sizeof canvas);
    plan->width = canvas[0];
    plan->height = canvas[1];
    plan->sprite_width = job->set.size[0];
    plan->sprite_height = job->set.size[1];
    plan->latent_width = canvas[0] / bundle->vae_factor;
    plan->latent_height = canvas[1] / bundle->vae_factor;
    plan->channels = bundle->latent_channels;
    return check_canvas(bundle, canvas[0], canvas[1]);
}

/* ---------------------------------------------------------------------------------- settings */

/* The job's word, else the model's recommendation, else the table's. */
static void resolve_settings(const dgxp_model *model, const dgxp_job *job, px_plan *plan)
{
    px_setting_values recommended = model->bundle->defaults.set;
    if (!recommended.spacing) { /* what the checkpoint's scheduler was trained with */
        recommended.spacing = model->settings.spacing;
    }
    px_setting_resolve(&job->set, &recommended, &plan->set);
    if (!job->init) {
        plan->set.strength = -1;
    }
    plan->has_init = job->init != NULL;
    plan->has_mask = job->mask != NULL;
}

static dgxp_status resolve_seeds(const dgxp_job *const *jobs, px_plan *plan)
{
    for (int32_t i = 0; i < plan->count; i++) {
        plan->seeds[i] = jobs[i]->seed;
        if (!jobs[i]->has_seed) {
            const dgxp_status status = px_rng_seed(&plan->seeds[i]);
            if (status != DGXP_OK) {
                return status;
            }
        }
    }
    return DGXP_OK;
}

static dgxp_status resolve_finish(const dgxp_model *model, const dgxp_job *const *jobs,
                                  px_plan *plan)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < plan->count && status == DGXP_OK; i++) {
        status = px_plan_finish(model, jobs[i], &plan->finish[i]);
    }
    return status;
}

/* A recipe asks for as many as its picture was painted with. */
static dgxp_status resolve_chunks(const dgxp_model *model, const dgxp_job *const *jobs,
                                  px_plan *plan)
{
    px_encoder encoders[PX_ENCODERS];
    dgxp_status status = DGXP_OK;
    for (int32_t e = 0; e < model->encoder_count; e++) {
        encoders[e] = model->encoders[e];
        encoders[e].prompt.parity = jobs[0]->set.parity != 0;
    }
    for (int32_t i = 0; i < plan->count && status == DGXP_OK; i++) {
        const char *texts[] = {jobs[i]->prompt, px_plan_negative(model, jobs[i])};
        plan->chunks[i] = jobs[i]->chunks > 1 ? jobs[i]->chunks : 1;
        for (int32_t k = 0; k < (plan->table.guided ? 2 : 1) && status == DGXP_OK; k++) {
            int32_t chunks = 0;
            status = px_conditioning_chunks(encoders, model->encoder_count, texts[k], &chunks);
            plan->chunks[i] = chunks > plan->chunks[i] ? chunks : plan->chunks[i];
        }
    }
    return status;
}

static dgxp_status build_table(const dgxp_model *model, px_plan *plan)
{
    const px_scheduler_params params = {
        .model = &model->settings,
        .set = plan->set,
        .has_init = plan->has_init,
        .has_mask = plan->has_mask,
    };
    return px_scheduler_build(&params, &plan->table);
}

void px_plan_free(px_plan *plan)
{
    px_scheduler_free(&plan->table);
    json_decref(plan->loras);
    for (int32_t i = 0; i < plan->count; i++) {
        json_decref(plan->finish[i]);
    }
}

dgxp_status px_plan_create(const dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                           px_plan *out)
{
    px_plan plan = {.count = count};
    dgxp_status status = check_alike(jobs, count);
    if (status == DGXP_OK && jobs[0]->mask && !jobs[0]->init) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "a mask needs an init image: the picture that it masks");
    }
    if (status == DGXP_OK) {
        resolve_settings(model, jobs[0], &plan);
        status = resolve_canvas(model->bundle, jobs[0], &plan);
    }
    if (status == DGXP_OK) {
        status = resolve_seeds(jobs, &plan);
    }
    if (status == DGXP_OK) {
        status = resolve_finish(model, jobs, &plan);
    }
    if (status == DGXP_OK) {
        status = build_table(model, &plan);
    }
    if (status == DGXP_OK) {
        status = resolve_chunks(model, jobs, &plan);
    }
    if (status != DGXP_OK) {
        px_plan_free(&plan);
        return status;
    }
    *out = plan;
    return DGXP_OK;
}

int32_t px_plan_parts(const px_plan *plan, int32_t order[PX_PLAN_JOBS], int32_t ends[PX_PLAN_JOBS])
{
    int32_t parts = 0;
    for (int32_t i = 0; i < plan->count; i++) {
        int32_t at = i;
        for (; at > 0 && plan->chunks[order[at - 1]] > plan->chunks[i]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    for (int32_t i = 1; i <= plan->count; i++) {
        if (i == plan->count || plan->chunks[order[i]] != plan->chunks[order[i - 1]]) {
            ends[parts++] = i;
        }
    }
    return parts;
}

const char *px_plan_negative(const dgxp_model *model, const dgxp_job *job)
{
    const char *recommended = model->bundle->defaults.negative;
    return job->has_negative || !recommended ? job->negative : recommended;
}

dgxp_status px_plan_finish(const dgxp_model *model, const dgxp_job *job, json_t **out)
{
    const json_t *under = job->finish_alone ? NULL : model->bundle->defaults.finish;
    const char *name;
    json_t *value;
    void *next;
    *out = NULL;
    if (!under && !job->finish) {
        return DGXP_OK;
    }
    json_t *steps = px_fix_steps_lay(under, job->finish);
    if (!steps) {
        return px_error_memory("the pixel steps");
    }
    json_object_foreach_safe(steps, next, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(steps, name);
        }
    }
    *out = steps;
    return DGXP_OK;
}

size_t px_plan_latents(const px_plan *plan)
{
    return (size_t)plan->channels * (size_t)plan->latent_width * (size_t)plan->latent_height;
}
