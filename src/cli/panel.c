/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a preset exports beside the picture: a panel's nine parts as an Aseprite slice. */
#include "cli/generate.h"

#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>

/* The share of a side that each border of a panel takes, from the preset; 0 = it is no panel. */
static double border_share(const cli_generate_settings *s)
{
    dgxp_document *document = NULL;
    double share = 0;
    if (s->kind && dgxp_preset_describe(s->kind, NULL, &document) == DGXP_OK) {
        json_t *root = json_loads(dgxp_document_text(document), 0, NULL);
        const json_t *export = json_object_get(root, "export");
        share = json_number_value(json_object_get(export, "nine_slice"));
        json_decref(root);
    }
    dgxp_document_free(document);
    return share > 0 && share < 0.5 ? share : 0;
}

dgxp_status cli_generate_panel(const cli_generate_settings *s, const dgxp_image *image,
                               const char *picture, uint8_t **bytes, size_t *size)
{
    const double share = border_share(s);
    *bytes = NULL;
    if (share == 0) {
        return DGXP_OK;
    }
    dgxp_sheet *sheet = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_slice slice = DGXP_SLICE_INIT;
    slice.name = "panel";
    slice.width = dgxp_image_width(image);
    slice.height = dgxp_image_height(image);
    slice.center_x = (int32_t)(slice.width * share + 0.5);
    slice.center_y = (int32_t)(slice.height * share + 0.5);
    slice.center_width = slice.width - 2 * slice.center_x;
    slice.center_height = slice.height - 2 * slice.center_y;
    dgxp_status status = dgxp_sheet_create(&sheet);
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(dgxp_sheet_add_frame(sheet, image, NULL, 0));
    NEXT(dgxp_sheet_add_slice(sheet, &slice));
    NEXT(dgxp_sheet_pack(sheet, NULL, &atlas));
    NEXT(dgxp_atlas_describe(atlas, sheet, DGXP_ATLAS_ASEPRITE_ARRAY, cli_base(picture), bytes,
                             size));
#undef NEXT
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
    return status;
}
