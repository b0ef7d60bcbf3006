/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Samplers: the model's noise schedule and a sampler's settings compiled to a table of steps. */
#ifndef PX_SCHEDULER_H
#define PX_SCHEDULER_H

#include "diffusion/bundle.h"
#include "shim.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PX_SCHEDULER_STEPS = 1000,   /* at most */
    PX_SCHEDULER_GRID_STEPS = 50 /* of LCM and TCD at most: the steps they were distilled on */
};

/** What a table is made from.  The enums are never AUTO. */
typedef struct px_scheduler_params {
    const px_bundle_settings *model; /* prediction, betas, train_steps, steps_offset, zero SNR */
    px_setting_values set; /* resolved.  steps: at most the model's train_steps; LCM and TCD 1..50.
                             eta: negative is 0 of DDIM and 0.3 of TCD.  strength: with has_init the
                             share of `steps` that is painted */
    bool has_init;         /* start from a picture */
    bool has_mask;         /* with has_init: at strength 1 the start is noise alone */
    bool alpha_to_one;     /* DDIM's last step ends without noise, not at timestep 0's */
    bool final_sigma_min;  /* Euler and DPM++ end at timestep 0's noise, not without */
} px_scheduler_params;

/**
 * A sampler as a table (docs/architecture.md).  x is in the units of diffusers' scheduler of the
 * same name: Euler's is x0 + sigma noise, the others' is that divided by sqrt(sigma^2 + 1). At the
 * first row x = start_known known + start_noise noise.
 */
typedef struct px_schedule {
    px_step *steps;
    double *sigmas; /* [count + 1]: noise over x0 before each row and after the last; may be inf */
    int32_t count;  /* rows */
    int32_t first;  /* how many steps were left out before them, because of the strength */
    int32_t guided; /* rows with guidance above 1 */
    int32_t noisy;  /* rows that add noise: b_n is not 0 */
    double start_known, start_noise;
} px_schedule;

/**
 * Compile a table, in double precision; equal to diffusers' schedulers run on alphas_cumprod of
 * that precision.  Free it with px_scheduler_free().
 *
 * DPM++ takes the range of Karras and exponential noise levels from the whole schedule, Euler from
 * the spacing's; LCM and TCD have a grid of their own, whatever the spacing.  Timesteps stay below
 * train_steps whatever the offset.
 * DGXP_ERR_UNSUPPORTED: Karras or exponential with DDIM, LCM or TCD, which walk whole timesteps;
 * more steps than a grid or the training has; zero terminal SNR with a model that predicts epsilon
 * in those three.  DGXP_ERR_INVALID_ARGUMENT: a number out of range, a strength that paints no
 * step, betas that are no schedule.
 */
dgxp_status px_scheduler_build(const px_scheduler_params *params, px_schedule *out);

/** A zeroed table is fine. */
void px_scheduler_free(px_schedule *table);

#endif
