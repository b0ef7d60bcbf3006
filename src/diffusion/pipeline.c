/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One batch of jobs: orders the steps, reports progress, looks for cancel. */
#include "diffusion/pipeline.h"

#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"
#include "diffusion/adapters.h"
#include "diffusion/backend.h"
#include "diffusion/canvas.h"
#include "diffusion/estimate.h"
#include "diffusion/finish.h"
#include "diffusion/latents.h"
#include "diffusion/plan.h"
#include "diffusion/resident.h"
#include "diffusion/result.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

/* One call on its way. */
typedef struct call {
    dgxp_model *model;
    const dgxp_generate_params *params;
    dgxp_result *result;
    const dgxp_job *jobs[PX_PLAN_JOBS]; /* those of a part side by side */
    int32_t places[PX_PLAN_JOBS];       /* of each in the result */
    int32_t count;
    int32_t steps, step_count; /* of all parts: done, and to do */
    double began, denoise_began;
} call;

/* The jobs of a call with equally many chunks.  Arrays of pictures are [count, channels, height,
 * width]. */
typedef struct run {
    call *whole;
    dgxp_model *model;
    const dgxp_job *const *jobs;
    const int32_t *places;
    const dgxp_generate_params *params;
    px_plan plan;
    px_conditioning words; /* prompts, then negative prompts */
    float *latents, *known, *start_noise, *mask, *step_noise, *images;
    uint8_t *canvas_masks; /* [count, canvas height, canvas width] */
} run;

/* --------------------------------------------------------------------- progress and cancel */

static dgxp_status report(const call *r, dgxp_phase phase, int32_t step, int32_t step_count,
                          double remaining, const dgxp_image *preview)
{
    dgxp_progress progress = {.struct_size = sizeof progress,
                              .phase = phase,
                              .step = step,
                              .step_count = step_count,
                              .elapsed = px_clock_now() - r->began,
                              .remaining = remaining,
                              .preview = preview};
    if (px_cancel_fired(r->params->cancel) ||
        (r->params->progress && r->params->progress(&progress, r->params->user_data) != 0)) {
        return px_error_set(DGXP_ERR_CANCELLED, "cancelled");
    }
    return DGXP_OK;
}

/* The engine that the model lives in may serve other programs too. */
static dgxp_status take_engine(const call *r)
{
    dgxp_status status;
    while ((status = px_resident_turn(r->model->shim, r->model->backend, 50)) == DGXP_ERR_BUSY) {
        px_error_clear();
        status = report(r, DGXP_PHASE_QUEUED, 0, 0, -1, NULL);
        if (status != DGXP_OK) {
            px_resident_end(r->model->shim, r->model->backend);
            break;
        }
    }
    if (status != DGXP_OK) {
        pthread_mutex_unlock(&r->model->lock);
    }
    return status;
}

/* Wait for the model while others use it; the wait can be cancelled. */
static dgxp_status take_turn(const call *r)
{
    if (pthread_mutex_trylock(&r->model->lock) == 0) {
        return take_engine(r);
    }
    for (;;) {
        const dgxp_status status = report(r, DGXP_PHASE_QUEUED, 0, 0, -1, NULL);
        if (status != DGXP_OK) {
            return status;
        }
        struct timespec deadline;
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_nsec += 50000000;
        deadline.tv_sec += deadline.tv_nsec / 1000000000;
        deadline.tv_nsec %= 1000000000;
        if (pthread_mutex_timedlock(&r->model->lock, &deadline) != ETIMEDOUT) {
            return take_engine(r);
        }
    }
}

/* ------------------------------------------------------------------------------------ words */

static dgxp_status encode_words(run *r)
{
    const char *prompts[2 * PX_PLAN_JOBS];
    px_encoder encoders[PX_ENCODERS];
    const int32_t count = r->plan.count;
    for (int32_t i = 0; i < count; i++) {
        prompts[i] = r->jobs[i]->prompt;
        prompts[count + i] = px_plan_negative(r->model, r->jobs[i]);
    }
    for (int32_t e = 0; e < r->model->encoder_count; e++) {
        encoders[e] = r->model->encoders[e];
        encoders[e].prompt.parity = r->jobs[0]->set.parity != 0;
    }
    return px_conditioning_create(
        r->model->shim, r->model->backend, encoders, r->model->encoder_count, prompts,
        r->plan.table.guided ? 2 * count : count, r->plan.chunks[0], &r->words);
}

/* --------------------------------------------------------------------------------- latents */

static dgxp_status allocate(run *r)
{
    const size_t count = (size_t)r->plan.count, size = px_plan_latents(&r->plan);
    const size_t plane = (size_t)r->plan.latent_width * (size_t)r->plan.latent_height;
    const size_t canvas = (size_t)r->plan.width * (size_t)r->plan.height;
    const size_t channels = (size_t)r->model->bundle->image_channels;
    r->latents = px_mem_array(count, size * sizeof(float));
    r->start_noise = px_mem_array(count, size * sizeof(float));
    r->step_noise = px_mem_array(count, size * sizeof(float));
    r->images = px_mem_array(count, channels * canvas * sizeof(float));
    if (r->plan.has_init) {
        r->known = px_mem_array(count, size * sizeof(float));
    }
    if (r->plan.has_mask) {
        r->mask = px_mem_array(count, plane * sizeof(float));
        r->canvas_masks = px_mem_array(count, canvas);
    }
    const bool ok = r->latents && r->start_noise && r->step_noise && r->images &&
                    (!r->plan.has_init || r->known) &&
                    (!r->plan.has_mask || (r->mask && r->canvas_masks));
    return ok ? DGXP_OK : px_error_memory("the latents");
}

static dgxp_status encode_init(run *r)
{
    const px_plan *plan = &r->plan;
    const int32_t channels = r->model->bundle->image_channels;
    const size_t canvas = (size_t)plan->width * (size_t)plan->height;
    const size_t size = px_plan_latents(plan);
    px_shim_error error = {""};
    dgxp_status status = px_model_need(r->model, PX_VAE_ENCODER, DGXP_TILING_NONE);
    float *moments = px_mem_array(2 * size, sizeof *moments);
    if (status == DGXP_OK && !moments) {
        status = px_error_memory("the init image");
    }
    for (int32_t i = 0; i < plan->count && status == DGXP_OK; i++) {
        const dgxp_job *job = r->jobs[i];
        px_canvas_from_image(job->init, channels, plan->width, plan->height, r->images);
        status = px_backend_status(
            r->model->shim->encode_image(r->model->backend, r->images, 1, plan->height, plan->width,
                                         moments, plan->latent_height, plan->latent_width, &error),
            &error);
        if (status == DGXP_OK) {
            px_latents_scale(&r->model->settings, plan, moments, r->known + (size_t)i * size);
        }
        if (status == DGXP_OK && plan->has_mask) {
            uint8_t *mask = r->canvas_masks + (size_t)i * canvas;
            px_canvas_from_mask(job->mask, plan->width, plan->height, mask);
            px_canvas_mask_to_latents(mask, plan->width, plan->height, r->model->bundle->vae_factor,
                                      r->mask + (size_t)i * (size / (size_t)plan->channels));
        }
    }
    px_mem_free(moments);
    return status;
}

/* x at the first row: noise alone, or the known picture with noise on it. */
static void start_latents(run *r)
{
    const size_t total = (size_t)r->plan.count * px_plan_latents(&r->plan);
    const px_schedule *table = &r->plan.table;
    for (size_t i = 0; i < total; i++) {
        r->latents[i] = (float)(table->start_noise * r->start_noise[i] +
                                (r->known ? table->start_known * r->known[i] : 0.0));
    }
}

/* --------------------------------------------------------------------------------- painting */

static dgxp_status begin_denoising(run *r)
{
    const px_plan *plan = &r->plan;
    const size_t count = (size_t)plan->count;
    float time_ids[6 * PX_PLAN_JOBS];
    for (size_t i = 0; i < count; i++) {
        const float ids[6] = {(float)plan->height, (float)plan->width, 0, 0,
                              (float)plan->height, (float)plan->width};
        memcpy(time_ids + 6 * i, ids, sizeof ids);
    }
    const size_t words = count * (size_t)r->words.tokens * (size_t)r->words.width;
    const size_t pooled = count * (size_t)r->words.pooled_width;
    const px_denoise denoise = {
        .batch = plan->count,
        .height = plan->latent_height,
        .width = plan->latent_width,
        .tokens = r->words.tokens,
        .context_width = r->words.width,
        .pooled_width = r->words.pooled_width,
        .context = r->words.context,
        .pooled = r->words.pooled,
        .negative_context = plan->table.guided ? r->words.context + words : NULL,
        .negative_pooled = plan->table.guided ? r->words.pooled + pooled : NULL,
        .time_ids = time_ids,
        .negative_time_ids = time_ids,
        .latents = r->latents,
        .known = plan->has_mask ? r->known : NULL,
        .start_noise = plan->has_mask ? r->start_noise : NULL,
        .mask = r->mask,
        .rescale = plan->set.rescale,
        .program = plan->set.tiling,
        .steps = plan->table.steps,
        .step_count = plan->table.count,
    };
    px_shim_error error = {""};
    return px_backend_status(r->model->shim->denoise_begin(r->model->backend, &denoise, &error),
                             &error);
}

/* A linear map from the latents of the first picture, as the bundle gives it. */
static dgxp_status make_preview(run *r, dgxp_image **out)
{
    const px_bundle *bundle = r->model->bundle;
    const int32_t width = r->plan.latent_width, height = r->plan.latent_height;
    const size_t plane = (size_t)width * (size_t)height;
    px_shim_error error = {""};
    dgxp_status status = px_backend_status(
        r->model->shim->latents_read(r->model->backend, 1, r->latents, &error), &error);
    if (status == DGXP_OK) {
        status = dgxp_image_create(width, height, NULL, out);
    }
    if (status != DGXP_OK) {
        return status;
    }
    uint8_t *pixels = dgxp_image_pixels_mut(*out);
    for (size_t i = 0; i < plane; i++) {
        for (int32_t k = 0; k < 4; k++) {
            double value = k < bundle->image_channels ? bundle->preview_bias[k] : 1.0;
            for (int32_t c = 0; c < r->plan.channels && k < bundle->image_channels; c++) {
                value += bundle->preview[c][k] * (double)r->latents[(size_t)c * plane + i];
            }
            pixels[4 * i + (size_t)k] = (uint8_t)(255.0 * fmin(fmax(value, 0.0), 1.0) + 0.5);
        }
    }
    return DGXP_OK;
}

/* A preview is of the call's first job, so it comes with that job's part. */
static dgxp_status report_step(run *r, int32_t done)
{
    const int32_t count = r->whole->step_count, every = r->params->preview_every;
    const int32_t all = r->whole->steps + done;
    const double spent = px_clock_now() - r->whole->denoise_began;
    dgxp_image *preview = NULL;
    dgxp_status status = DGXP_OK;
    if (every > 0 && done > 0 && done % every == 0 && r->model->bundle->has_preview &&
        r->places[0] == 0) {
        status = make_preview(r, &preview);
    }
    if (status == DGXP_OK) {
        status = report(r->whole, DGXP_PHASE_DENOISE, all, count,
                        all ? spent / all * (count - all) : -1, preview);
    }
    dgxp_image_free(preview);
    return status;
}

static dgxp_status denoise(run *r)
{
    const px_shim *shim = r->model->shim;
    px_shim_error error = {""};
    dgxp_status status = begin_denoising(r);
    for (int32_t step = 0; step < r->plan.table.count && status == DGXP_OK; step++) {
        const bool noisy = r->plan.table.steps[step].b_n != 0;
        status = report_step(r, step);
        if (status == DGXP_OK && noisy) {
            status = px_latents_noise(&r->plan, r->jobs, 1 + step, r->step_noise);
        }
        if (status == DGXP_OK) {
            status = px_backend_status(
                shim->denoise_step(r->model->backend, step, noisy ? r->step_noise : NULL, &error),
                &error);
        }
    }
    if (status == DGXP_OK) {
        status = report_step(r, r->plan.table.count);
        r->whole->steps += r->plan.table.count;
    }
    if (status == DGXP_OK) {
        status =
            px_backend_status(shim->latents_read(r->model->backend, 0, r->latents, &error), &error);
    }
    shim->denoise_end(r->model->backend);
    return status;
}

static dgxp_status check_finite(const float *values, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return px_error_set(DGXP_ERR_BACKEND,
                                "%s holds values that are not finite: the model overflows in this "
                                "dtype; try `dtype` bf16 or f32, or less guidance",
                                what);
        }
    }
    return DGXP_OK;
}

static dgxp_status decode(run *r)
{
    const px_plan *plan = &r->plan;
    const size_t size = px_plan_latents(plan), count = (size_t)plan->count;
    const size_t pixels = (size_t)plan->width * (size_t)plan->height;
    const int32_t channels = r->model->bundle->image_channels;
    dgxp_result *result = r->whole->result;
    px_shim_error error = {""};
    dgxp_status status = check_finite(r->latents, count * size, "what the UNet painted");
    if (status == DGXP_OK && r->params->keep_latents) {
        const int32_t shape[3] = {plan->channels, plan->latent_height, plan->latent_width};
        memcpy(result->latent_shape, shape, sizeof shape);
        for (size_t i = 0; i < count && status == DGXP_OK; i++) {
            float *copy = px_mem_array(size, sizeof *copy);
            status = copy ? DGXP_OK : px_error_memory("the latents");
            if (copy) {
                memcpy(copy, r->latents + i * size, size * sizeof *copy);
            }
            result->pictures[r->places[i]].latents = copy;
        }
    }
    if (status != DGXP_OK) {
        return status;
    }
    px_latents_unscale(&r->model->settings, plan, r->latents);
    status = px_backend_status(r->model->shim->decode(r->model->backend, plan->set.tiling,
                                                      r->latents, plan->count, plan->latent_height,
                                                      plan->latent_width, r->images, plan->height,
                                                      plan->width, &error),
                               &error);
    if (status == DGXP_OK) {
        status = check_finite(r->images, count * pixels * (size_t)channels, "what the VAE decoded");
    }
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        px_picture *picture = &result->pictures[r->places[i]];
        status = px_canvas_to_image(r->images + i * pixels * (size_t)channels, channels,
                                    plan->width, plan->height, &picture->canvas);
        if (status == DGXP_OK && plan->has_mask) {
            px_canvas_keep_unmasked(picture->canvas, r->jobs[i]->init,
                                    r->canvas_masks + i * pixels);
        }
    }
    return status;
}

static dgxp_status finish(run *r, int32_t done)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < r->plan.count && status == DGXP_OK; i++) {
        px_picture *picture = &r->whole->result->pictures[r->places[i]];
        status = report(r->whole, DGXP_PHASE_FINISH, done + i, r->whole->count, -1, NULL);
        if (status == DGXP_OK) {
            picture->recipe = px_plan_recipe(&r->plan, r->model, r->jobs[i], i);
            const px_finish_params params = {.width = r->plan.sprite_width,
                                             .height = r->plan.sprite_height,
                                             .at_border = r->plan.set.tiling != DGXP_TILING_NONE,
                                             .native = r->model->bundle->pixel_scale == 1,
                                             .steps = r->plan.finish[i],
                                             .recipe = picture->recipe};
            status = picture->recipe ? px_finish(picture->canvas, &params, &picture->image)
                                     : px_error_memory("a recipe");
        }
    }
    return status;
}

/* ------------------------------------------------------------------------------------ entry */

static dgxp_status prepare(run *r, json_t *loras)
{
    dgxp_status status = allocate(r);
    r->plan.loras = json_incref(loras);
    status = status == DGXP_OK ? encode_words(r) : status;
    if (status == DGXP_OK && r->plan.has_init) {
        status = encode_init(r);
    }
    status = status == DGXP_OK ? px_latents_noise(&r->plan, r->jobs, 0, r->start_noise) : status;
    if (status == DGXP_OK) {
        start_latents(r);
    }
    return status;
}

/* Each phase of all parts before the next one, as progress is told. */
static dgxp_status paint_parts(call *c, run *parts, int32_t count, double *denoise_seconds)
{
    json_t *loras = NULL;
    dgxp_status status = px_stack_apply(c->model, c->jobs, c->count, &loras);
    for (int32_t i = 0; i <= count && status == DGXP_OK; i++) {
        status = report(c, DGXP_PHASE_ENCODE, i, count, -1, NULL);
        status = i < count && status == DGXP_OK ? prepare(&parts[i], loras) : status;
    }
    c->denoise_began = px_clock_now();
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        status = denoise(&parts[i]);
    }
    *denoise_seconds = px_clock_now() - c->denoise_began;
    for (int32_t i = 0; i <= count && status == DGXP_OK; i++) {
        status = report(c, DGXP_PHASE_DECODE, i, count, -1, NULL);
        status = i < count && status == DGXP_OK ? decode(&parts[i]) : status;
    }
    json_decref(loras);
    return status;
}

static dgxp_status paint(call *c, run *parts, int32_t count)
{
    dgxp_model *model = c->model;
    const int32_t tiling = parts[0].plan.set.tiling;
    const double turn = px_clock_now();
    double denoise_seconds = 0;
    if (!model->fingerprint) { /* takes its time while the picture is painted */
        model->fingerprint = px_fingerprint_begin(model->checkpoint);
    }
    if (model->lost) {
        return px_error_set(DGXP_ERR_DEVICE_LOST,
                            "the device failed earlier; restart the process to use it again");
    }
    dgxp_status status = px_model_need(model, PX_UNET, tiling);
    status = status == DGXP_OK ? px_model_need(model, PX_VAE_DECODER, tiling) : status;
    status = status == DGXP_OK ? paint_parts(c, parts, count, &denoise_seconds) : status;
    model->lost = status == DGXP_ERR_DEVICE_LOST;
    if (status == DGXP_OK && !model->timed && count == 1) {
        px_estimate_note(model, &parts[0].plan, denoise_seconds, px_clock_now() - turn);
    }
    return status;
}

static void free_run(run *r)
{
    px_plan_free(&r->plan);
    px_conditioning_free(&r->words);
    px_mem_free(r->latents);
    px_mem_free(r->known);
    px_mem_free(r->start_noise);
    px_mem_free(r->mask);
    px_mem_free(r->step_noise);
    px_mem_free(r->images);
    px_mem_free(r->canvas_masks);
}

/* The call's jobs in parts; `*parts` [returned in `*count`]. */
static dgxp_status divide(call *c, const dgxp_job *const *jobs, run **parts, int32_t *count)
{
    px_plan plan;
    int32_t ends[PX_PLAN_JOBS];
    dgxp_status status = px_plan_create(c->model, jobs, c->count, &plan);
    if (status != DGXP_OK) {
        return status;
    }
    const int32_t made = px_plan_parts(&plan, c->places, ends);
    run *list = px_mem_zero((size_t)made, sizeof *list);
    status = list ? DGXP_OK : px_error_memory("a call's parts");
    for (int32_t i = 0; i < c->count; i++) {
        c->jobs[i] = jobs[c->places[i]];
    }
    for (int32_t i = 0; i < made && status == DGXP_OK; i++) {
        const int32_t first = i ? ends[i - 1] : 0;
        list[i] = (run){.whole = c,
                        .model = c->model,
                        .params = c->params,
                        .jobs = c->jobs + first,
                        .places = c->places + first};
        if (made == 1) {
            list[i].plan = plan;
        } else {
            status = px_plan_create(c->model, list[i].jobs, ends[i] - first, &list[i].plan);
        }
        c->step_count += list[i].plan.table.count;
    }
    if (made > 1 || status != DGXP_OK) {
        px_plan_free(&plan);
    }
    *parts = list;
    *count = made;
    return status;
}

dgxp_status px_pipeline_paint(dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                              const dgxp_generate_params *params, dgxp_result **out)
{
    call c = {.model = model, .params = params, .count = count, .began = px_clock_now()};
    run *parts = NULL;
    int32_t part_count = 0, finished = 0;
    dgxp_status status = divide(&c, jobs, &parts, &part_count);
    if (status == DGXP_OK) {
        status = px_result_create(count, &c.result);
    }
    if (status == DGXP_OK) {
        status = take_turn(&c);
        if (status == DGXP_OK) {
            status = paint(&c, parts, part_count);
            px_resident_end(model->shim, model->backend);
            pthread_mutex_unlock(&model->lock);
        }
    }
    /* The pixels need no model: the next caller may have it. */
    for (int32_t i = 0; i < part_count && status == DGXP_OK; i++) {
        status = finish(&parts[i], finished);
        finished += parts[i].plan.count;
    }
    if (status == DGXP_OK) {
        status = report(&c, DGXP_PHASE_FINISH, count, count, 0, NULL);
    }
    for (int32_t i = 0; i < part_count && parts; i++) {
        free_run(&parts[i]);
    }
    px_mem_free(parts);
    if (status != DGXP_OK) {
        dgxp_result_free(c.result);
        return status;
    }
    *out = c.result;
    return DGXP_OK;
}
