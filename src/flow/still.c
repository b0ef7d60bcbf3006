/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a workflow or a wish does with a finished sprite: other colors, motions, a normal map. */
#include "image/still.h"
#include "core/error.h"
#include "core/json.h"
#include "flow/workflow.h"
#include "job/preset.h"

#include <stdio.h>

/* What this very sprite lacks, a ramp or eyes, is told of the wish that asks for it. */
static dgxp_status name_wish(const px_workflow *w, dgxp_status status)
{
    char said[1024];
    snprintf(said, sizeof said, "%s", dgxp_last_error());
    return status == DGXP_OK ? status : px_error_set(status, "%s: %s: %s", w->where, w->stem, said);
}

static dgxp_status save_sheet(px_workflow *w, const px_still *s, const dgxp_image *image)
{
    dgxp_sheet *sheet = NULL, *maps = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_status status = name_wish(w, dgxp_motion(image, &s->motion, NULL, &sheet));
    PX_NEXT(px_workflow_save_atlas(w, sheet, ".json", NULL, NULL));
    PX_NEXT(px_workflow_save_animation(w, sheet, DGXP_SHEET_ASEPRITE, ".aseprite"));
    PX_NEXT(px_workflow_save_animation(w, sheet, DGXP_SHEET_APNG, ".apng"));
    if (status == DGXP_OK && s->maps) {
        PX_NEXT(dgxp_sheet_normal(sheet, &s->normal, &maps));
        PX_NEXT(dgxp_sheet_pack(maps, NULL, &atlas));
        PX_NEXT(px_workflow_save_image(w, ".n.png", dgxp_atlas_image(atlas)));
    }
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(maps);
    dgxp_sheet_free(sheet);
    return status;
}

dgxp_status px_workflow_steps(const json_t *own, const json_t *request, const char *presets,
                              json_t **out)
{
    json_t *under = NULL;
    const dgxp_status status = px_preset_still(request, presets, &under);
    *out = status == DGXP_OK ? px_still_lay(under, own) : NULL;
    json_decref(under);
    return status != DGXP_OK || *out ? status : px_error_memory("a sprite's steps");
}

dgxp_status px_workflow_still(px_workflow *w, const dgxp_image *image)
{
    px_still s;
    dgxp_image *recolored = NULL, *map = NULL;
    dgxp_status status = px_still_read(w->where, w->document, &s);
    if (status == DGXP_OK && s.recolors) {
        status = name_wish(w, dgxp_recolor(image, &s.recolor, NULL, &recolored));
        image = recolored;
    }
    if (status == DGXP_OK && s.moves) {
        status = save_sheet(w, &s, image);
    } else {
        PX_NEXT(px_workflow_save_image(w, ".png", image));
        if (status == DGXP_OK && s.maps) {
            PX_NEXT(dgxp_normal(image, &s.normal, NULL, &map));
            PX_NEXT(px_workflow_save_image(w, ".n.png", map));
        }
    }
    dgxp_image_free(map);
    dgxp_image_free(recolored);
    return status;
}
