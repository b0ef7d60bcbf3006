/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One wish of a project becomes its files, in memory. */
#include "game/make.h"

#include "core/error.h"
#include "core/mem.h"
#include "flow/workflow.h"

#include <string.h>

typedef struct making {
    const px_wish *wish;
    px_made *made;
} making;

static dgxp_status keep(px_made *made, const char *path, const void *bytes, size_t size)
{
    px_made_file *file = &made->files[made->count];
    file->path = px_mem_text(path);
    file->bytes = px_mem_alloc(size);
    file->size = size;
    made->count++;
    if (!file->path || !file->bytes) {
        return px_error_memory(path);
    }
    memcpy(file->bytes, bytes, size);
    return DGXP_OK;
}

/* A workflow makes more files than a game loads: only those that the wish is known by stay. */
static dgxp_status take(void *owner, const char *suffix, const void *bytes, size_t size)
{
    const making *m = owner;
    if (strcmp(suffix, ".png") == 0) {
        return keep(m->made, m->wish->path, bytes, size);
    }
    const size_t stem = strlen(m->wish->path) - 4;
    for (int i = 0; i < PX_WISH_BESIDE; i++) {
        const char *path = m->wish->beside[i];
        if (path && strcmp(suffix, path + stem) == 0) {
            return keep(m->made, path, bytes, size);
        }
    }
    return DGXP_OK;
}

static dgxp_status make_sprite(px_workflow *w, const px_wish *wish, const px_project *project,
                               px_made *out)
{
    dgxp_job *job = NULL;
    dgxp_result *result = NULL;
    dgxp_image *source = NULL;
    dgxp_status status = DGXP_OK;
    if (wish->from) {
        char *path = px_mem_format("%s/%s/%s", project->folder, project->assets, wish->from);
        status = path ? dgxp_image_load(path, &source) : px_error_memory("a path");
        px_mem_free(path);
    } else {
        status = px_workflow_job(w, NULL, &job);
        PX_NEXT(px_workflow_paint(w, (const dgxp_job *const[]){job}, 1, &result));
    }
    PX_NEXT(px_workflow_still(w, source ? source : dgxp_result_image(result, 0)));
    dgxp_image_free(source);
    dgxp_result_free(result);
    dgxp_job_free(job);
    out->files[0].tile_width = wish->tile_width;
    out->files[0].tile_height = wish->tile_height;
    return status;
}

static dgxp_status make_tiles(px_workflow *w, px_made *out)
{
    const dgxp_status status = px_workflow_tiles(w);
    const json_t *side = json_object_get(w->report, "tile");
    out->files[0].tile_width = (int32_t)json_integer_value(side);
    out->files[0].tile_height = out->files[0].tile_width;
    return status;
}

dgxp_status px_make(const px_project *project, const px_settings *settings, const px_wish *wish,
                    dgxp_model *model, const dgxp_build_params *params, px_made *out)
{
    dgxp_workflow_params painting = DGXP_WORKFLOW_PARAMS_INIT;
    making m = {wish, out};
    painting.progress = params->progress;
    painting.user_data = params->user_data;
    painting.cancel = params->cancel;
    px_workflow w = {.where = settings->file,
                     .document = wish->workflow,
                     .request = wish->request,
                     .folder = project->folder,
                     .presets = settings->presets,
                     .model = model,
                     .params = &painting,
                     .stem = px_mem_textn(wish->path, strlen(wish->path) - 4),
                     .files = json_array(),
                     .take = take,
                     .owner = &m,
                     .report = json_object()};
    dgxp_status status = w.stem && w.files && w.report ? DGXP_OK : px_error_memory("a wish");
    *out = (px_made){.count = 0};
    if (status == DGXP_OK) {
        status = wish->kind == PX_WISH_ANIMATION ? px_workflow_animate(&w)
                 : wish->kind == PX_WISH_TILESET ? make_tiles(&w, out)
                                                 : make_sprite(&w, wish, project, out);
    }
    json_decref(w.report);
    json_decref(w.files);
    px_mem_free(w.stem);
    return status;
}

void px_made_free(px_made *made)
{
    for (size_t i = 0; i < made->count; i++) {
        px_mem_free(made->files[i].path);
        px_mem_free(made->files[i].bytes);
    }
    made->count = 0;
}
