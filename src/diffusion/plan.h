/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A batch of jobs with every default filled in and every rule checked: what will be painted. */
#ifndef PX_PLAN_H
#define PX_PLAN_H

#include "diffusion/job.h"
#include "diffusion/model.h"
#include "diffusion/scheduler.h"

enum { PX_PLAN_JOBS = 64 };

typedef struct px_plan {
    int32_t count;
    int32_t width, height;               /* canvas */
    int32_t sprite_width, sprite_height; /* 0: whatever the canvas holds */
    int32_t latent_width, latent_height, channels;
    px_setting_values set; /* none of the choices AUTO; strength unset without an init image */
    bool has_init, has_mask;
    int32_t chunks[PX_PLAN_JOBS]; /* that a job's prompt and negative prompt are padded to */
    uint64_t seeds[PX_PLAN_JOBS];
    json_t *finish[PX_PLAN_JOBS]; /* the pixel steps of each; NULL: as painted */
    px_schedule table;
    json_t *loras; /* the adapters that it is painted with, for the recipe; NULL: none */
} px_plan;

/**
 * Resolve `count` jobs on a model.  Jobs of one batch must agree in everything but prompt, negative
 * prompt, seed and pictures: DGXP_ERR_MISMATCH names what differs.  Free with px_plan_free().
 */
dgxp_status px_plan_create(const dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                           px_plan *out);
void px_plan_free(px_plan *plan);

/**
 * Sort the jobs of a plan by their chunks into `order`, else as they come, and give the end of each
 * part of equal chunks in `ends`; returns how many parts.  Each part is painted by itself: a padded
 * prompt is another one to the UNet, so a picture would depend on whose company it is painted in.
 */
int32_t px_plan_parts(const px_plan *plan, int32_t order[PX_PLAN_JOBS], int32_t ends[PX_PLAN_JOBS]);

/** The job's negative prompt, or the model's when the job says nothing. */
const char *px_plan_negative(const dgxp_model *model, const dgxp_job *job);

/**
 * The pixel steps of a job: its own, laid over the model's unless it wants those out.  `*out` is
 * yours; NULL means that only size and alpha are seen to.
 */
dgxp_status px_plan_finish(const dgxp_model *model, const dgxp_job *job, json_t **out);

/** Floats of one picture's latents. */
size_t px_plan_latents(const px_plan *plan);

/**
 * The recipe of job `index` as JSON in a new string, NULL when memory runs out: everything that is
 * needed to paint it again.
 */
char *px_plan_recipe(const px_plan *plan, const dgxp_model *model, const dgxp_job *job,
                     int32_t index);

#endif
