/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the canvas to the sprite: native pixels, hard alpha, palette, clean-up, the recipe. */
#include "diffusion/finish.h"

#include "core/json.h"
#include "image/fix_steps.h"
#include "image/metadata.h"

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

/* The recipe in A1111's terms and order, so that every reader of theirs reads ours. */
static json_t *to_parameters(const json_t *recipe, const dgxp_image *sprite)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = {{"Steps", "steps"},
                 {"Sampler", "sampler"},
                 {"Schedule type", "schedule"},
                 {"CFG scale", "guidance"},
                 {"Seed", "seed"}};
    json_t *fields = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        px_json_put(fields, names[i].theirs, json_incref(json_object_get(recipe, names[i].ours)));
    }
    px_json_put(fields, "Size",
                json_sprintf("%dx%d", dgxp_image_width(sprite), dgxp_image_height(sprite)));
    const json_t *model = json_object_get(recipe, "model");
    px_json_put(fields, "Model", json_incref(json_object_get(model, "file")));
    const json_t *hash = json_object_get(model, "sha256");
    if (json_is_string(hash)) { /* the ten digits that A1111 shows */
        px_json_put(fields, "Model hash", json_sprintf("%.10s", json_string_value(hash)));
    }
    px_json_put(fields, "RNG", json_string("NV")); /* A1111's name for CUDA's Philox noise */
    px_json_put(fields, "Version", json_sprintf("dgx-pixels %s", dgxp_version_text()));
    json_t *parameters = json_object();
    px_json_put(parameters, "prompt", json_incref(json_object_get(recipe, "prompt")));
    px_json_put(parameters, "negative_prompt",
                json_incref(json_object_get(recipe, "negative_prompt")));
    px_json_put(parameters, "fields", fields);
    return parameters;
}

dgxp_status px_finish_recipe(dgxp_image *sprite, const char *text)
{
    json_t *recipe = NULL;
    dgxp_status status = px_json_parse("the recipe", text, strlen(text), &recipe);
    if (status == DGXP_OK) {
        json_t *parameters = to_parameters(recipe, sprite);
        status = px_metadata_write(sprite, parameters, recipe);
        json_decref(parameters);
    }
    json_decref(recipe);
    return status;
}

/* As dgxp_fix() does it, with the number of cells given where a size was asked for. */
static dgxp_status take_steps(const dgxp_image *canvas, const px_finish_params *params, bool same,
                              dgxp_image **sprite)
{
    px_fix_steps steps;
    dgxp_status status = px_fix_steps_read("the pixel steps", params->steps, &steps);
    if (status == DGXP_OK) {
        steps.fix.tile = params->at_border;
        steps.fix.native = same && (params->native || params->width != 0);
        steps.grid.width = same ? 0 : params->width;
        steps.grid.height = same ? 0 : params->height;
        steps.grid.at_border = params->at_border;
        status = dgxp_fix(canvas, &steps.fix, NULL, sprite);
        px_fix_steps_free(&steps);
    }
    return status;
}

dgxp_status px_finish(const dgxp_image *canvas, const px_finish_params *params, dgxp_image **out)
{
    dgxp_image *sprite = NULL;
    const bool same = params->width == 0 || (params->width == dgxp_image_width(canvas) &&
                                             params->height == dgxp_image_height(canvas));
    dgxp_status status =
        params->steps ? take_steps(canvas, params, same, &sprite)
        : same        ? dgxp_image_copy(canvas, &sprite)
                      : shrink(canvas, params->width, params->height, params->at_border, &sprite);
    if (status == DGXP_OK) {
        harden_alpha(sprite);
        status = px_finish_recipe(sprite, params->recipe);
    }
    if (status != DGXP_OK) {
        dgxp_image_free(sprite);
        return status;
    }
    *out = sprite;
    return DGXP_OK;
}
