/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Latents as the VAE and as the UNet count them, and the noise that they begin with. */
#include "diffusion/latents.h"

#include "core/error.h"
#include "core/rng.h"

#include <string.h>

static dgxp_status copy_noise(const float *values, size_t given, size_t offset, size_t size,
                              float *out)
{
    if (given < offset + size) {
        return px_error_set(DGXP_ERR_MISMATCH, "the noise handed in has %zu floats; %zu are needed",
                            given, offset + size);
    }
    memcpy(out, values + offset, size * sizeof *out);
    return DGXP_OK;
}

dgxp_status px_latents_noise(const px_plan *plan, const dgxp_job *const *jobs, int32_t stream,
                             float *out)
{
    const size_t size = px_plan_latents(plan);
    for (int32_t i = 0; i < plan->count; i++) {
        const dgxp_job *job = jobs[i];
        float *values = out + (size_t)i * size;
        const float *given = stream == 0 ? job->start_noise : job->step_noise;
        if (!given) {
            px_rng_normal(plan->seeds[i], (uint32_t)stream, values, size);
            continue;
        }
        const dgxp_status status =
            stream == 0
                ? copy_noise(given, job->start_count, 0, size, values)
                : copy_noise(given, job->step_count, (size_t)(stream - 1) * size, size, values);
        if (status != DGXP_OK) {
            return status;
        }
    }
    return DGXP_OK;
}

void px_latents_scale(const px_bundle_settings *settings, const px_plan *plan, const float *moments,
                      float *latents)
{
    const size_t plane = (size_t)plan->latent_width * (size_t)plan->latent_height;
    for (int32_t c = 0; c < plan->channels; c++) {
        const double shift = settings->per_channel ? settings->mean[c] : settings->shift;
        const double divide = settings->per_channel ? settings->deviation[c] : 1.0;
        for (size_t i = 0; i < plane; i++) {
            const size_t at = (size_t)c * plane + i;
            latents[at] = (float)((moments[at] - shift) / divide * settings->scaling);
        }
    }
}

void px_latents_unscale(const px_bundle_settings *settings, const px_plan *plan, float *latents)
{
    const size_t plane = (size_t)plan->latent_width * (size_t)plan->latent_height;
    for (int32_t i = 0; i < plan->count; i++) {
        for (int32_t c = 0; c < plan->channels; c++) {
            const double shift = settings->per_channel ? settings->mean[c] : settings->shift;
            const double times = settings->per_channel ? settings->deviation[c] : 1.0;
            float *values = latents + ((size_t)i * (size_t)plan->channels + (size_t)c) * plane;
            for (size_t k = 0; k < plane; k++) {
                values[k] = (float)(values[k] / settings->scaling * times + shift);
            }
        }
    }
}
