/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One picture to paint: what the setters of dgxp_job collect, each checked at once. */
#include "diffusion/job.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/choices.h"
#include "image/fix_steps.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dgxp_status copy_prompt(const char *what, const char *text, char **out)
{
    if (!text) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s is NULL", what);
    }
    const size_t length = strnlen(text, PX_JOB_PROMPT_LIMIT + 1);
    if (length > PX_JOB_PROMPT_LIMIT) {
        return px_error_set(DGXP_ERR_LIMIT, "%s is longer than %d bytes: shorten it", what,
                            PX_JOB_PROMPT_LIMIT);
    }
    char *copy = px_mem_textn(text, length);
    if (!copy) {
        return px_error_memory(what);
    }
    px_mem_free(*out);
    *out = copy;
    return DGXP_OK;
}

dgxp_status dgxp_job_create(const char *prompt, dgxp_job **out)
{
    px_error_clear();
    dgxp_job *job = px_mem_zero(1, sizeof *job);
    if (!job) {
        return px_error_memory("a job");
    }
    px_setting_clear(&job->set);
    dgxp_status status = copy_prompt("the prompt", prompt, &job->prompt);
    if (status == DGXP_OK) {
        status = copy_prompt("the negative prompt", "", &job->negative);
    }
    if (status != DGXP_OK) {
        dgxp_job_free(job);
        return status;
    }
    *out = job;
    return DGXP_OK;
}

void dgxp_job_free(dgxp_job *job)
{
    if (!job) {
        return;
    }
    dgxp_image_free(job->init);
    dgxp_image_free(job->mask);
    px_mem_free(job->prompt);
    px_mem_free(job->negative);
    px_mem_free(job->kind);
    px_mem_free(job->subject);
    px_mem_free(job->style);
    px_mem_free(job->speed);
    json_decref(job->fields);
    json_decref(job->finish);
    px_mem_free(job->start_noise);
    px_mem_free(job->step_noise);
    for (int32_t i = 0; i < job->lora_count; i++) {
        px_mem_free(job->loras[i].name);
    }
    px_mem_free(job);
}

dgxp_status dgxp_job_set_negative_prompt(dgxp_job *job, const char *text)
{
    if (!job) {
        return px_error_begin("dgxp_job_set_negative_prompt", false, "a job");
    }
    px_error_clear();
    const dgxp_status status = copy_prompt("the negative prompt", text ? text : "", &job->negative);
    job->has_negative = job->has_negative || status == DGXP_OK;
    return status;
}

/* Of the setter of that setting, whose job is NULL. */
static dgxp_status refuse_null(const char *name)
{
    char call[64];
    snprintf(call, sizeof call, "dgxp_job_set_%s", name);
    return px_error_begin(call, false, "a job");
}

/* Where a setting of the table lies in the job. */
static void *locate(dgxp_job *job, const px_setting *setting)
{
    return (char *)&job->set + setting->at;
}

static dgxp_status set_sides(dgxp_job *job, const char *name, int32_t width, int32_t height)
{
    if (!job) {
        return refuse_null(name);
    }
    const px_setting *setting = px_setting_find(name);
    const bool native = width == 0 && height == 0;
    px_error_clear();
    if (!native && (width < setting->low || height < setting->low)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s %dx%d: both sides must be at least 1, or both 0 for the default",
                            name, width, height);
    }
    if (width > setting->high || height > setting->high) {
        return px_error_set(DGXP_ERR_LIMIT, "%s %dx%d: a side may be %g pixels at most", name,
                            width, height, setting->high);
    }
    int32_t *sides = locate(job, setting);
    sides[0] = width;
    sides[1] = height;
    return DGXP_OK;
}

dgxp_status dgxp_job_set_canvas(dgxp_job *job, int32_t width, int32_t height)
{
    return set_sides(job, "canvas", width, height);
}

dgxp_status dgxp_job_set_size(dgxp_job *job, int32_t width, int32_t height)
{
    return set_sides(job, "size", width, height);
}

/* Nulls stay: they take out steps of the model's own, which are not known yet. */
dgxp_status dgxp_job_set_finish(dgxp_job *job, const char *steps)
{
    if (!job) {
        return px_error_begin("dgxp_job_set_finish", false, "a job");
    }
    px_error_clear();
    json_t *given = NULL, *merged = NULL, *whole = NULL;
    dgxp_status status = DGXP_OK;
    if (steps) {
        status = px_json_parse("the pixel steps", steps, strlen(steps), &given);
        if (status == DGXP_OK && !json_is_object(given)) {
            status = px_error_set(DGXP_ERR_BAD_FORMAT, "the pixel steps: must be a JSON object");
        }
        merged = status == DGXP_OK ? px_fix_steps_lay(job->finish, given) : NULL;
        if (status == DGXP_OK) {
            status = merged ? px_fix_steps_check("the pixel steps", merged, &whole)
                            : px_error_memory("the pixel steps");
        }
    }
    if (status == DGXP_OK) {
        json_decref(job->finish);
        job->finish = whole;
        job->finish_alone = job->finish_alone || !steps;
    }
    json_decref(merged);
    json_decref(given);
    return status;
}

dgxp_status dgxp_job_set_steps(dgxp_job *job, int32_t steps)
{
    if (!job) {
        return px_error_begin("dgxp_job_set_steps", false, "a job");
    }
    px_error_clear();
    if (steps < 0 || steps > PX_JOB_STEPS_LIMIT) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "steps %d: must be 1 to %d, or 0 for the model's recommendation", steps,
                            PX_JOB_STEPS_LIMIT);
    }
    job->set.steps = steps;
    return DGXP_OK;
}

/* A finite number in the setting's range; negative means the default where that is allowed. */
static dgxp_status set_number(dgxp_job *job, const char *name, double value, bool has_default)
{
    if (!job) {
        return refuse_null(name);
    }
    const px_setting *setting = px_setting_find(name);
    px_error_clear();
    if (!isfinite(value) || value > setting->high || (value < setting->low && !has_default)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s %g: must be a number from %g to %g%s",
                            name, value, setting->low, setting->high,
                            has_default ? ", or negative for the default" : "");
    }
    *(double *)locate(job, setting) = value < 0 ? -1.0 : value;
    return DGXP_OK;
}

dgxp_status dgxp_job_set_guidance(dgxp_job *job, double guidance)
{
    return set_number(job, "guidance", guidance, true);
}

static dgxp_status set_choice(dgxp_job *job, const char *name, int32_t value)
{
    if (!job) {
        return refuse_null(name);
    }
    int32_t count = 0;
    const dgxp_choice *choices = px_diffusion_choices(name, &count);
    px_error_clear();
    for (int32_t i = 0; i < count; i++) {
        if (choices[i].value == value) {
            *(int32_t *)locate(job, px_setting_find(name)) = value;
            return DGXP_OK;
        }
    }
    return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s %d: is not a value of dgxp_%s", name, value,
                        name);
}

dgxp_status dgxp_job_set_sampler(dgxp_job *job, dgxp_sampler sampler)
{
    return set_choice(job, "sampler", (int32_t)sampler);
}

dgxp_status dgxp_job_set_schedule(dgxp_job *job, dgxp_schedule schedule)
{
    return set_choice(job, "schedule", (int32_t)schedule);
}

dgxp_status dgxp_job_set_spacing(dgxp_job *job, dgxp_spacing spacing)
{
    return set_choice(job, "spacing", (int32_t)spacing);
}

dgxp_status dgxp_job_set_tiling(dgxp_job *job, dgxp_tiling tiling)
{
    return set_choice(job, "tiling", (int32_t)tiling);
}

dgxp_status dgxp_job_set_seed(dgxp_job *job, uint64_t seed)
{
    if (!job) {
        return px_error_begin("dgxp_job_set_seed", false, "a job");
    }
    px_error_clear();
    if (seed > PX_JOB_SEED_LIMIT) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "seed %llu: must be 0 to %llu (2^53 - 1)",
                            (unsigned long long)seed, (unsigned long long)PX_JOB_SEED_LIMIT);
    }
    job->seed = seed;
    job->has_seed = true;
    return DGXP_OK;
}

static dgxp_status replace_image(const dgxp_image *image, dgxp_image **slot)
{
    dgxp_image *copy = NULL;
    if (image) {
        const dgxp_status status = dgxp_image_copy(image, &copy);
        if (status != DGXP_OK) {
            return status;
        }
    }
    dgxp_image_free(*slot);
    *slot = copy;
    return DGXP_OK;
}

dgxp_status dgxp_job_set_init_image(dgxp_job *job, const dgxp_image *image, double strength)
{
    if (!job) {
        return px_error_begin("dgxp_job_set_init_image", false, "a job");
    }
    dgxp_status status = set_number(job, "strength", strength, false);
    return status == DGXP_OK ? replace_image(image, &job->init) : status;
}

dgxp_status dgxp_job_set_mask(dgxp_job *job, const dgxp_image *mask)
{
    if (!job) {
        return px_error_begin("dgxp_job_set_mask", false, "a job");
    }
    px_error_clear();
    return replace_image(mask, &job->mask);
}

static dgxp_status copy_floats(const float *values, size_t count, float **slot, size_t *slot_count)
{
    float *copy = NULL;
    if (values) {
        copy = px_mem_array(count, sizeof *copy);
        if (!copy) {
            return px_error_memory("the noise");
        }
        memcpy(copy, values, count * sizeof *copy);
    }
    px_mem_free(*slot);
    *slot = copy;
    *slot_count = values ? count : 0;
    return DGXP_OK;
}

dgxp_status dgxp_job_set_noise(dgxp_job *job, const float *start, size_t start_count,
                               const float *steps, size_t steps_count)
{
    if (!job) {
        return px_error_begin("dgxp_job_set_noise", false, "a job");
    }
    px_error_clear();
    const dgxp_status status =
        copy_floats(start, start_count, &job->start_noise, &job->start_count);
    return status == DGXP_OK ? copy_floats(steps, steps_count, &job->step_noise, &job->step_count)
                             : status;
}

dgxp_status dgxp_job_add_lora(dgxp_job *job, const char *name_or_path, double unet_weight,
                              double text_weight)
{
    if (!job) {
        return px_error_begin("dgxp_job_add_lora", false, "a job");
    }
    px_error_clear();
    if (!name_or_path || !*name_or_path || strlen(name_or_path) > PX_JOB_PROMPT_LIMIT) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "an adapter of a job needs a name or a path");
    }
    /* Written so that NaN is refused too. */
    if (!(fabs(unet_weight) <= 100.0) || !(fabs(text_weight) <= 100.0)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: weights %g and %g must be numbers from -100 to 100", name_or_path,
                            unet_weight, text_weight);
    }
    if (job->lora_count == PX_JOB_LORAS) {
        return px_error_set(DGXP_ERR_LIMIT, "a job takes %d adapters at most", PX_JOB_LORAS);
    }
    char *name = px_mem_text(name_or_path);
    if (!name) {
        return px_error_memory("an adapter's name");
    }
    job->loras[job->lora_count++] =
        (px_job_lora){.name = name, .unet = unet_weight, .text = text_weight};
    return DGXP_OK;
}
