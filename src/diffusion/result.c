/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a call of dgxp_generate() painted. */
#include "diffusion/result.h"

#include "core/error.h"
#include "core/mem.h"

#include <string.h>

dgxp_status px_result_create(int32_t count, dgxp_result **out)
{
    dgxp_result *result = px_mem_zero(1, sizeof *result);
    px_picture *pictures = px_mem_zero((size_t)count, sizeof *pictures);
    if (!result || !pictures) {
        px_mem_free(result);
        px_mem_free(pictures);
        return px_error_memory("a result");
    }
    result->count = count;
    result->pictures = pictures;
    *out = result;
    return DGXP_OK;
}

void dgxp_result_free(dgxp_result *result)
{
    if (!result) {
        return;
    }
    for (int32_t i = 0; i < result->count; i++) {
        dgxp_image_free(result->pictures[i].image);
        dgxp_image_free(result->pictures[i].canvas);
        px_mem_free(result->pictures[i].recipe);
        px_mem_free(result->pictures[i].latents);
    }
    px_mem_free(result->pictures);
    px_mem_free(result);
}

static const px_picture *picture_at(const dgxp_result *result, int32_t index)
{
    return result && index >= 0 && index < result->count ? &result->pictures[index] : NULL;
}

int32_t dgxp_result_count(const dgxp_result *result)
{
    return result ? result->count : 0;
}

const dgxp_image *dgxp_result_image(const dgxp_result *result, int32_t index)
{
    const px_picture *picture = picture_at(result, index);
    return picture ? picture->image : NULL;
}

const dgxp_image *dgxp_result_canvas(const dgxp_result *result, int32_t index)
{
    const px_picture *picture = picture_at(result, index);
    return picture ? picture->canvas : NULL;
}

const char *dgxp_result_recipe(const dgxp_result *result, int32_t index)
{
    const px_picture *picture = picture_at(result, index);
    return picture ? picture->recipe : NULL;
}

const float *dgxp_result_latents(const dgxp_result *result, int32_t index, int32_t shape[3])
{
    const px_picture *picture = picture_at(result, index);
    if (!picture || !picture->latents) {
        return NULL;
    }
    memcpy(shape, result->latent_shape, sizeof result->latent_shape);
    return picture->latents;
}
