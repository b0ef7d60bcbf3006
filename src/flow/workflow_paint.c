/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every kind of workflow does: jobs of its request, pictures, files. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/plan.h"
#include "flow/workflow.h"
#include "job/request.h"

#include <string.h>

static json_t *lay_over(const px_workflow *w, const json_t *changes)
{
    json_t *request = json_deep_copy(w->request);
    if (request && changes && json_object_update(request, (json_t *)(uintptr_t)changes) != 0) {
        json_decref(request);
        request = NULL;
    }
    return request;
}

dgxp_status px_workflow_job(const px_workflow *w, const json_t *changes, dgxp_job **out)
{
    json_t *request = lay_over(w, changes);
    const dgxp_status status =
        request ? px_request_job(w->where, request, w->model, w->folder, w->presets, out)
                : px_error_memory("a request");
    json_decref(request);
    return status;
}

dgxp_status px_workflow_finish(const px_workflow *w, const dgxp_job *job, json_t **out)
{
    const dgxp_status status = px_plan_finish(w->model, job, out);
    if (status == DGXP_OK && !*out) {
        *out = json_object();
    }
    return status == DGXP_OK && !*out ? px_error_memory("the pixel steps") : status;
}

dgxp_status px_workflow_check(const px_workflow *w, const json_t *changes)
{
    json_t *request = lay_over(w, changes);
    const dgxp_status status =
        request ? px_request_check(w->where, request, w->presets) : px_error_memory("a request");
    json_decref(request);
    return status;
}

dgxp_status px_workflow_paint(const px_workflow *w, const dgxp_job *const *jobs, int32_t count,
                              dgxp_result **out)
{
    dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
    params.progress = w->params->progress;
    params.user_data = w->params->user_data;
    params.cancel = w->params->cancel;
    return dgxp_generate(w->model, jobs, count, &params, out);
}

dgxp_status px_workflow_save(px_workflow *w, const char *suffix, const void *bytes, size_t size)
{
    if (w->take) {
        return w->take(w->owner, suffix, bytes, size);
    }
    char *path = px_mem_format("%s%s", w->stem, suffix);
    dgxp_status status = path ? px_file_write(path, bytes, size) : px_error_memory("a path");
    if (status == DGXP_OK && !px_json_append(w->files, px_json_string(path, strlen(path)))) {
        status = px_error_memory("a report");
    }
    px_mem_free(path);
    return status;
}

dgxp_status px_workflow_save_image(px_workflow *w, const char *suffix, const dgxp_image *image)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_status status = dgxp_image_encode(image, NULL, &bytes, &size);
    status = status == DGXP_OK ? px_workflow_save(w, suffix, bytes, size) : status;
    dgxp_bytes_free(bytes);
    return status;
}

static dgxp_status describe(px_workflow *w, const dgxp_atlas *atlas, const dgxp_sheet *sheet,
                            int32_t format, const char *suffix)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *image = px_mem_format("%s.png", px_file_name(w->stem));
    dgxp_status status = image ? dgxp_atlas_describe(atlas, sheet, format, image, &bytes, &size)
                               : px_error_memory("a path");
    status = status == DGXP_OK ? px_workflow_save(w, suffix, bytes, size) : status;
    dgxp_bytes_free(bytes);
    px_mem_free(image);
    return status;
}

dgxp_status px_workflow_save_atlas(px_workflow *w, const dgxp_sheet *sheet, const char *json_suffix,
                                   const char *tiled_suffix, dgxp_image *recipe_from)
{
    dgxp_atlas *atlas = NULL;
    dgxp_image *image = NULL;
    dgxp_status status = dgxp_sheet_pack(sheet, NULL, &atlas);
    status = status == DGXP_OK ? dgxp_image_copy(dgxp_atlas_image(atlas), &image) : status;
    for (int32_t i = 0; status == DGXP_OK && recipe_from && i < dgxp_image_text_count(recipe_from);
         i++) {
        const char *key = dgxp_image_text_key(recipe_from, i);
        status = dgxp_image_set_text(image, key, dgxp_image_text(recipe_from, key));
    }
    status = status == DGXP_OK ? px_workflow_save_image(w, ".png", image) : status;
    if (status == DGXP_OK && json_suffix) {
        status = describe(w, atlas, sheet, DGXP_ATLAS_ASEPRITE_ARRAY, json_suffix);
    }
    if (status == DGXP_OK && tiled_suffix) {
        status = describe(w, atlas, sheet, DGXP_ATLAS_TSX, tiled_suffix);
    }
    dgxp_image_free(image);
    dgxp_atlas_free(atlas);
    return status;
}

dgxp_status px_workflow_save_animation(px_workflow *w, const dgxp_sheet *sheet, int32_t format,
                                       const char *suffix)
{
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;
    params.format = format;
    dgxp_status status = dgxp_sheet_encode(sheet, &params, &bytes, &size);
    status = status == DGXP_OK ? px_workflow_save(w, suffix, bytes, size) : status;
    dgxp_bytes_free(bytes);
    return status;
}
