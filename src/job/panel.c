/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A panel's nine parts as an Aseprite slice, by what the picture's own recipe tells. */
#include "core/error.h"
#include "core/json.h"
#include "diffusion/setting.h"
#include "image/metadata.h"

#include <math.h>

/* The share of a side that each border takes; 0: it is no panel. */
static dgxp_status read_share(const dgxp_image *image, double *share)
{
    json_t *recipe = NULL;
    px_json root;
    const px_setting *panel = px_setting_find("panel");
    dgxp_status status = px_metadata_recipe(image, &recipe);
    *share = 0;
    if (status == DGXP_ERR_NOT_FOUND) { /* nobody painted it */
        px_error_clear();
        return DGXP_OK;
    }
    status = status == DGXP_OK ? px_json_root("the picture's recipe", recipe, &root) : status;
    status = status == DGXP_OK ? px_json_number(&root, panel->name, PX_JSON_OPTIONAL, panel->low,
                                                panel->high, share)
                               : status;
    json_decref(recipe);
    return status;
}

dgxp_status dgxp_panel_describe(const dgxp_image *image, const char *name, uint8_t **bytes,
                                size_t *size)
{
    double share = 0;
    px_error_clear();
    if (!image || !name || !bytes || !size) {
        return px_error_begin("dgxp_panel_describe", false, "an image, a name, bytes and size");
    }
    *bytes = NULL;
    *size = 0;
    dgxp_status status = read_share(image, &share);
    if (status != DGXP_OK || share == 0) {
        return status;
    }
    dgxp_sheet *sheet = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_slice slice = DGXP_SLICE_INIT;
    slice.name = "panel";
    slice.width = dgxp_image_width(image);
    slice.height = dgxp_image_height(image);
    slice.center_x = (int32_t)floor(slice.width * share + 0.5);
    slice.center_y = (int32_t)floor(slice.height * share + 0.5);
    slice.center_width = slice.width - 2 * slice.center_x;
    slice.center_height = slice.height - 2 * slice.center_y;
    status = dgxp_sheet_create(&sheet);
    PX_NEXT(dgxp_sheet_add_frame(sheet, image, NULL, 0));
    PX_NEXT(dgxp_sheet_add_slice(sheet, &slice));
    PX_NEXT(dgxp_sheet_pack(sheet, NULL, &atlas));
    PX_NEXT(dgxp_atlas_describe(atlas, sheet, DGXP_ATLAS_ASEPRITE_ARRAY, name, bytes, size));
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
    return status;
}
