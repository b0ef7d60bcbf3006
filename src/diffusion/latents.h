/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Latents as the VAE and as the UNet count them, and the noise that they begin with. */
#ifndef PX_LATENTS_H
#define PX_LATENTS_H

#include "diffusion/plan.h"

/**
 * Noise of every job, `out` [count, channels, height, width] of unit variance: drawn from the job's
 * seed, or what dgxp_job_set_noise() handed in.  Stream 0 is the starting noise, 1 + step each step's.
 */
dgxp_status px_latents_noise(const px_plan *plan, const dgxp_job *const *jobs, int32_t stream,
                             float *out);

/** The means of one picture's `moments` [2 channels, height, width], scaled as the UNet knows them. */
void px_latents_scale(const px_bundle_settings *settings, const px_plan *plan, const float *moments,
                      float *latents);

/** The latents of all jobs as the VAE decodes them, in place. */
void px_latents_unscale(const px_bundle_settings *settings, const px_plan *plan, float *latents);

#endif
