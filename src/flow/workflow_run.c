/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A filled workflow carried out: sprites and batches here, animations and tile sets in their rooms.
 */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "flow/workflow.h"
#include "image/still.h"

#include <string.h>

enum { COUNT_LIMIT = 4096 };

/* ---------------------------------------------------------------------------------- sprites */

/* One after the other with following seeds, each as `regen` paints it again. */
static dgxp_status make_sprites(px_workflow *w)
{
    px_json root;
    int64_t count = 1;
    uint64_t seed = 0;
    json_t *steps = NULL;
    dgxp_status status = px_workflow_steps(w->document, w->request, w->presets, &steps);
    status = status == DGXP_OK ? px_still_check(w->where, steps) : status;
    status = status == DGXP_OK ? px_json_root(w->where, w->document, &root) : status;
    status = status == DGXP_OK
                 ? px_json_integer(&root, "count", PX_JSON_OPTIONAL, 1, COUNT_LIMIT, &count)
                 : status;
    const json_t *given = json_object_get(w->request, "seed");
    status = status == DGXP_OK && !given ? dgxp_random_seed(&seed) : status;
    seed = given ? (uint64_t)json_integer_value(given) : seed;
    for (int64_t i = 0; i < count && status == DGXP_OK; i++) {
        px_workflow each = *w;
        each.document = steps;
        dgxp_job *job = NULL;
        dgxp_result *result = NULL;
        json_t *changes = json_pack("{sI}", "seed", (json_int_t)(seed + (uint64_t)i));
        status = px_workflow_job(w, changes, &job);
        if (status == DGXP_OK) {
            status = px_workflow_paint(w, (const dgxp_job *const[]){job}, 1, &result);
        }
        each.stem = count > 1 ? px_mem_format("%s-%d", w->stem, (int)i + 1) : w->stem;
        if (status == DGXP_OK) {
            status = each.stem ? px_workflow_still(&each, dgxp_result_image(result, 0))
                               : px_error_memory("a path");
        }
        if (each.stem != w->stem) {
            px_mem_free(each.stem);
        }
        json_decref(changes);
        dgxp_result_free(result);
        dgxp_job_free(job);
    }
    json_decref(steps);
    return status;
}

/* ----------------------------------------------------------------------------------- batches */

typedef struct relay {
    const px_workflow *w;
} relay;

static int32_t on_batch(const dgxp_batch_progress *progress, void *user_data)
{
    const relay *r = user_data;
    return progress->painting && r->w->params->progress
               ? r->w->params->progress(progress->painting, r->w->params->user_data)
               : 0;
}

/* Its lines as JSON lines: from there on it is a batch like any other, and resumes like one. */
static dgxp_status make_batch(px_workflow *w)
{
    px_json root, lines, matrix;
    int64_t group = 1;
    const char *axes[6] = {NULL};
    char *text = px_mem_text(""), *defaults = NULL;
    dgxp_batch *batch = NULL;
    dgxp_document *summary = NULL;
    dgxp_status status =
        text ? px_json_root(w->where, w->document, &root) : px_error_memory("lines");
    PX_NEXT(px_json_array(&root, "lines", PX_JSON_REQUIRED, 100000, &lines));
    PX_NEXT(px_json_array(&root, "matrix", PX_JSON_OPTIONAL, 6, &matrix));
    PX_NEXT(px_json_integer(&root, "batch", PX_JSON_OPTIONAL, 1, 64, &group));
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&lines); i++) {
        const px_json at = px_json_element(&lines, i);
        char *line = px_json_print(at.value);
        char *longer = line ? px_mem_format("%s%s\n", text, line) : NULL;
        px_mem_free(line);
        px_mem_free(text);
        text = longer;
        status = text ? DGXP_OK : px_error_memory("lines");
    }
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&matrix); i++) {
        const px_json at = px_json_element(&matrix, i);
        axes[i] = json_string_value(at.value);
        status = axes[i] ? DGXP_OK
                         : px_json_refuse(&at, DGXP_ERR_BAD_FORMAT, "must be text, field=a,b,c");
    }
    if (status == DGXP_OK) {
        defaults = json_is_object(w->request) ? px_json_print(w->request) : px_mem_text("{}");
        char *name = px_mem_format("%s%slines.jsonl", w->folder, *w->folder ? "/" : "");
        dgxp_batch_params params = DGXP_BATCH_PARAMS_INIT;
        params.batch = (int32_t)group;
        params.resume = 1;
        params.manifest = name;
        params.text = text;
        params.text_size = strlen(text);
        params.output = w->params->output;
        params.defaults = defaults;
        params.matrix = axes;
        params.matrix_count = (int32_t)px_json_count(&matrix);
        status = name && defaults ? dgxp_batch_open(&params, &batch) : px_error_memory("a batch");
        px_mem_free(name);
    }
    if (status == DGXP_OK) {
        relay r = {w};
        dgxp_batch_run_params params = DGXP_BATCH_RUN_PARAMS_INIT;
        params.progress = on_batch;
        params.user_data = &r;
        params.cancel = w->params->cancel;
        status = dgxp_batch_run(batch, w->model, &params, &summary);
    }
    if (status == DGXP_OK) {
        json_t *about = json_loads(dgxp_document_text(summary), 0, NULL);
        status = px_json_put(w->report, "batch", about) ? DGXP_OK : px_error_memory("a report");
    }
    dgxp_document_free(summary);
    dgxp_batch_free(batch);
    px_mem_free(defaults);
    px_mem_free(text);
    return status;
}

/* ------------------------------------------------------------------------------------ entry */

/* OUTPUT/NAME, NAME from the params, the workflow or the subject. */
static char *make_stem(const px_workflow *w)
{
    const char *name = w->params->name;
    char slug[DGXP_SLUG_SIZE];
    if (!name) {
        const char *from = json_string_value(json_object_get(w->document, "name"));
        from = from ? from : json_string_value(json_object_get(w->request, "subject"));
        from = from ? from : json_string_value(json_object_get(w->request, "prompt"));
        dgxp_slug(from, slug);
        name = slug;
    }
    return px_file_join(w->params->output, name);
}

static dgxp_status carry_out(px_workflow *w)
{
    const char *kind = json_string_value(json_object_get(w->document, "kind"));
    kind = kind ? kind : "";
    if (strcmp(kind, "batch") != 0 && !json_is_object(w->request)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: has no object 'request'", w->where);
    }
    return strcmp(kind, "sprite") == 0      ? make_sprites(w)
           : strcmp(kind, "animation") == 0 ? px_workflow_animate(w)
           : strcmp(kind, "tileset") == 0   ? px_workflow_tiles(w)
           : strcmp(kind, "batch") == 0
               ? make_batch(w)
               : px_error_set(DGXP_ERR_BAD_FORMAT,
                              "%s: kind '%s': there are sprite, animation, "
                              "tileset, batch",
                              w->where, kind);
}

dgxp_status dgxp_workflow_run(dgxp_model *model, const char *workflow,
                              const dgxp_workflow_params *params, dgxp_document **report)
{
    dgxp_workflow_params p;
    px_error_clear();
    dgxp_status status = px_params_read("dgxp_workflow_run", params, &p, sizeof p);
    if (status == DGXP_OK &&
        (!model || !workflow || !p.output || (p.name && strchr(p.name, '/')))) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "dgxp_workflow_run: needs a model, a workflow, params with an output "
                              "folder, and a name without folders");
    }
    if (status != DGXP_OK) {
        return status;
    }
    json_t *document = NULL;
    status = px_json_parse("the workflow", workflow, strlen(workflow), &document);
    if (status != DGXP_OK) {
        return status;
    }
    const char *folder = json_string_value(json_object_get(document, "folder"));
    px_workflow w = {.where = "the workflow",
                     .document = document,
                     .request = json_object_get(document, "request"),
                     .folder = folder ? folder : "",
                     .model = model,
                     .params = &p,
                     .files = json_array(),
                     .report = json_object()};
    w.stem = make_stem(&w);
    status = w.stem && w.files && w.report ? carry_out(&w) : px_error_memory("a workflow");
    if (status == DGXP_OK && report) {
        const bool fine = px_json_put(w.report, "files", json_incref(w.files));
        status =
            fine ? px_json_document(json_incref(w.report), report) : px_error_memory("a report");
    }
    json_decref(w.files);
    json_decref(w.report);
    json_decref(document);
    px_mem_free(w.stem);
    return status;
}
