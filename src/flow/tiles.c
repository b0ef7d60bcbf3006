/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Seamless textures, and whole autotile sets composed from one or two of them. */
#include "core/error.h"
#include "core/json.h"
#include "diffusion/job.h"
#include "flow/workflow.h"
#include "image/fix_steps.h"

#include <string.h>

/* One texture, seamless along both axes unless the request says otherwise. */
static dgxp_status paint_texture(const px_workflow *w, const json_t *changes, dgxp_image **out)
{
    dgxp_job *job = NULL;
    dgxp_result *result = NULL;
    json_t *merged = json_pack("{ss}", "tiling", "xy");
    const json_t *given = json_object_get(w->request, "tiling");
    if (given) {
        json_object_set(merged, "tiling", (json_t *)(uintptr_t)given);
    }
    if (!merged || (changes && json_object_update(merged, (json_t *)(uintptr_t)changes) != 0)) {
        json_decref(merged);
        return px_error_memory("a texture");
    }
    dgxp_status status = px_workflow_job(w, merged, &job);
    if (status == DGXP_OK) {
        status = px_workflow_paint(w, (const dgxp_job *const[]){job}, 1, &result);
    }
    status = status == DGXP_OK ? dgxp_image_copy(dgxp_result_image(result, 0), out) : status;
    dgxp_result_free(result);
    dgxp_job_free(job);
    json_decref(merged);
    return status;
}

/* One palette for both, as the request and its preset say; nothing is cut out. */
static dgxp_status finish_textures(const px_workflow *w, dgxp_image *textures[2], int32_t count)
{
    dgxp_job *job = NULL;
    dgxp_image *finished[2] = {NULL, NULL};
    px_fix_steps steps;
    dgxp_status status = px_workflow_job(w, NULL, &job);
    json_t *finish = NULL;
    status = status == DGXP_OK ? px_workflow_finish(w, job, &finish) : status;
    if (status == DGXP_OK && !px_json_put_text(finish, "background", "keep")) {
        status = px_error_memory("a texture");
    }
    status = status == DGXP_OK ? px_fix_steps_read("the pixel steps", finish, &steps) : status;
    if (status == DGXP_OK) {
        steps.fix.tile = 1;
        steps.fix.native = 1;
        status =
            dgxp_fix_frames((const dgxp_image *const *)textures, count, &steps.fix, NULL, finished);
        px_fix_steps_free(&steps);
    }
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        dgxp_image_free(textures[i]);
        textures[i] = finished[i];
    }
    json_decref(finish);
    dgxp_job_free(job);
    return status;
}

/* The seam as the quality report measures it. */
static dgxp_status measure(px_workflow *w, const char *field, const dgxp_image *texture)
{
    dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
    dgxp_document *report = NULL;
    params.tile = 1;
    params.background = 1;
    dgxp_status status = dgxp_quality(&texture, 1, &params, &report);
    if (status == DGXP_OK) {
        json_t *about = json_loads(dgxp_document_text(report), 0, NULL);
        status = px_json_put(w->report, field, about) ? DGXP_OK : px_error_memory("a report");
    }
    dgxp_document_free(report);
    return status;
}

/* How a set is composed, but for its kind. */
static dgxp_status read_composition(const px_workflow *w, dgxp_autotile_params *params)
{
    px_json root;
    int64_t tile = 0, border = 0, rough = 0;
    const json_t *seed = json_object_get(w->request, "seed");
    dgxp_status status = px_json_root(w->where, w->document, &root);
    PX_NEXT(px_json_integer(&root, "tile", PX_JSON_OPTIONAL, 4, 256, &tile));
    PX_NEXT(px_json_integer(&root, "border", PX_JSON_OPTIONAL, 1, 127, &border));
    PX_NEXT(px_json_integer(&root, "rough", PX_JSON_OPTIONAL, 0, 64, &rough));
    params->tile = (int32_t)tile;
    params->border = (int32_t)border;
    params->rough = (int32_t)rough;
    params->seed = json_is_integer(seed) ? (uint64_t)json_integer_value(seed) : 0;
    return status;
}

static dgxp_status compose(px_workflow *w, dgxp_image *textures[2], int32_t count, int32_t kind)
{
    double mean = 0, worst = 0;
    dgxp_sheet *sheet = NULL;
    dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
    dgxp_status status = read_composition(w, &params);
    params.kind = kind;
    PX_NEXT(dgxp_autotile(textures[0], count > 1 ? textures[1] : NULL, &params, &sheet));
    PX_NEXT(dgxp_autotile_check(sheet, &mean, &worst));
    PX_NEXT(px_workflow_save_atlas(w, sheet, ".json", ".tsx", textures[0]));
    if (status == DGXP_OK) {
        const int32_t side = dgxp_image_width(dgxp_sheet_frame(sheet, 0));
        const bool fine = px_json_put_integer(w->report, "tiles", dgxp_sheet_frame_count(sheet)) &&
                          px_json_put_integer(w->report, "tile", side) &&
                          px_json_put_number(w->report, "seam_mean", mean) &&
                          px_json_put_number(w->report, "seam_worst", worst);
        status = fine ? DGXP_OK : px_error_memory("a report");
    }
    dgxp_sheet_free(sheet);
    return status;
}

static const char *const sets[] = {"blob", "corner", "none"};

dgxp_status px_workflow_tiles(px_workflow *w)
{
    px_json root, outside;
    int32_t set = 2, count = 1;
    dgxp_image *textures[2] = {NULL, NULL};
    dgxp_status status = px_json_root(w->where, w->document, &root);
    PX_NEXT(px_json_choice(&root, "set", PX_JSON_OPTIONAL, sets, 3, &set));
    PX_NEXT(px_json_object(&root, "outside", PX_JSON_OPTIONAL, &outside));
    PX_NEXT(paint_texture(w, NULL, &textures[0]));
    if (status == DGXP_OK && outside.value) {
        count = 2;
        status = paint_texture(w, outside.value, &textures[1]);
    }
    PX_NEXT(finish_textures(w, textures, count));
    PX_NEXT(measure(w, "inside", textures[0]));
    PX_NEXT(count > 1 ? measure(w, "outside", textures[1]) : DGXP_OK);
    if (set == 2) {
        PX_NEXT(px_workflow_save_image(w, ".png", textures[0]));
    } else {
        PX_NEXT(px_workflow_save_image(w, "-inside.png", textures[0]));
        PX_NEXT(count > 1 ? px_workflow_save_image(w, "-outside.png", textures[1]) : DGXP_OK);
        PX_NEXT(compose(w, textures, count, set == 0 ? DGXP_TILESET_BLOB : DGXP_TILESET_CORNER));
    }
    dgxp_image_free(textures[0]);
    dgxp_image_free(textures[1]);
    return status;
}

dgxp_status px_workflow_tiles_check(px_workflow *w)
{
    static const char *const known[] = {"set", "outside", "tile", "border", "rough"};
    dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
    px_json root, outside = {0};
    int32_t set = 0;
    dgxp_status status = px_json_root(w->where, w->document, &root);
    PX_NEXT(px_json_only(&root, "field", known, sizeof known / sizeof *known));
    PX_NEXT(px_json_choice(&root, "set", PX_JSON_OPTIONAL, sets, 3, &set));
    PX_NEXT(px_json_object(&root, "outside", PX_JSON_OPTIONAL, &outside));
    PX_NEXT(read_composition(w, &params));
    PX_NEXT(px_workflow_check(w, NULL));
    PX_NEXT(outside.value ? px_workflow_check(w, outside.value) : DGXP_OK);
    return status;
}
