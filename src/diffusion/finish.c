/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the canvas to the sprite: native pixels, hard alpha, the recipe in its metadata. */
#include "diffusion/finish.h"

#include <stdbool.h>
#include <string.h>

static dgxp_status shrink(const dgxp_image *canvas, int32_t width, int32_t height,
                          int32_t at_border, dgxp_image **out)
{
    dgxp_grid *grid = NULL;
    dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
    params.width = width;
    params.height = height;
    params.at_border = at_border;
    dgxp_status status = dgxp_grid_detect(canvas, &params, &grid);
    if (status == DGXP_OK) {
        status = dgxp_downscale(canvas, grid, NULL, out);
    }
    dgxp_grid_free(grid);
    return status;
}

static void harden_alpha(dgxp_image *image)
{
    uint8_t *pixel = dgxp_image_pixels_mut(image);
    const size_t count = (size_t)dgxp_image_width(image) * (size_t)dgxp_image_height(image);
    for (size_t i = 0; i < count; i++, pixel += 4) {
        if (pixel[3] < 128) {
            memset(pixel, 0, 4);
        } else {
            pixel[3] = 255;
        }
    }
}

dgxp_status px_finish(const dgxp_image *canvas, int32_t width, int32_t height, int32_t at_border,
                      const char *recipe, dgxp_image **out)
{
    dgxp_image *sprite = NULL;
    const bool same =
        width == 0 || (width == dgxp_image_width(canvas) && height == dgxp_image_height(canvas));
    dgxp_status status =
        same ? dgxp_image_copy(canvas, &sprite) : shrink(canvas, width, height, at_border, &sprite);
    if (status == DGXP_OK) {
        harden_alpha(sprite);
        status = dgxp_image_set_text(sprite, "dgx_pixels", recipe);
    }
    if (status != DGXP_OK) {
        dgxp_image_free(sprite);
        return status;
    }
    *out = sprite;
    return DGXP_OK;
}
