/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames of one character: started from the first, one palette, feet aligned, every format. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/job.h"
#include "diffusion/model.h"
#include "flow/workflow.h"
#include "image/fix_steps.h"

#include <string.h>

enum { FRAMES_LIMIT = 64, DURATION = 120 };

/** What one frame is made from. */
typedef struct plan {
    const json_t *changes; /* the frame's own words, strength and duration taken out */
    double strength;
    int64_t duration;
} plan;

typedef struct animation {
    px_workflow *w;
    int32_t count;
    plan plans[FRAMES_LIMIT];
    dgxp_image *canvases[FRAMES_LIMIT];
    dgxp_image *sprites[FRAMES_LIMIT];
    dgxp_image *recipe; /* the first frame as it was finished alone: its metadata is the sheet's */
    uint64_t seed;
    json_t *owned; /* keeps the changes */
} animation;

static void free_animation(animation *a)
{
    for (int32_t i = 0; i < a->count; i++) {
        dgxp_image_free(a->canvases[i]);
        dgxp_image_free(a->sprites[i]);
    }
    dgxp_image_free(a->recipe);
    json_decref(a->owned);
}

static dgxp_status read_frames(animation *a)
{
    px_json root, frames, frame;
    double strength = 0.4;
    int64_t duration = DURATION;
    dgxp_status status = px_json_root(a->w->where, a->w->document, &root);
    PX_NEXT(px_json_array(&root, "frames", PX_JSON_REQUIRED, FRAMES_LIMIT, &frames));
    PX_NEXT(px_json_number(&root, "strength", PX_JSON_OPTIONAL, 0.01, 1, &strength));
    PX_NEXT(px_json_integer(&root, "duration", PX_JSON_OPTIONAL, 1, 65535, &duration));
    if (status == DGXP_OK && px_json_count(&frames) == 0) {
        status = px_json_refuse(&frames, DGXP_ERR_BAD_FORMAT, "has no frame");
    }
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&frames); i++) {
        plan *p = &a->plans[i];
        *p = (plan){NULL, strength, duration};
        PX_NEXT(px_json_element_object(&frames, i, &frame));
        PX_NEXT(px_json_number(&frame, "strength", PX_JSON_OPTIONAL, 0.01, 1, &p->strength));
        PX_NEXT(px_json_integer(&frame, "duration", PX_JSON_OPTIONAL, 1, 65535, &p->duration));
        json_t *changes = status == DGXP_OK ? json_deep_copy(frame.value) : NULL;
        json_object_del(changes, "strength");
        json_object_del(changes, "duration");
        if (status == DGXP_OK) {
            status = json_object_set_new(changes, "seed", json_integer((json_int_t)a->seed)) == 0 &&
                             px_json_append(a->owned, changes)
                         ? DGXP_OK
                         : px_error_memory("a frame");
            p->changes = changes;
        }
        a->count = (int32_t)i + 1;
    }
    return status;
}

/* The approved first frame when the workflow names one, else painted. */
static dgxp_status make_first(animation *a)
{
    px_json root;
    const char *first = NULL;
    dgxp_status status = px_json_root(a->w->where, a->w->document, &root);
    status =
        status == DGXP_OK ? px_json_text(&root, "first", PX_JSON_OPTIONAL, 4096, &first) : status;
    if (status == DGXP_OK && first && *first) {
        char *path = *first == '/' || !*a->w->folder ? px_mem_text(first)
                                                     : px_mem_format("%s/%s", a->w->folder, first);
        status = path ? dgxp_image_load(path, &a->canvases[0]) : px_error_memory("a path");
        px_mem_free(path);
        return status;
    }
    dgxp_job *job = NULL;
    dgxp_result *result = NULL;
    status = status == DGXP_OK ? px_workflow_job(a->w, a->plans[0].changes, &job) : status;
    if (status == DGXP_OK) {
        status = px_workflow_paint(a->w, (const dgxp_job *const[]){job}, 1, &result);
    }
    if (status == DGXP_OK) {
        status = dgxp_image_copy(dgxp_result_canvas(result, 0), &a->canvases[0]);
    }
    if (status == DGXP_OK) {
        status = dgxp_image_copy(dgxp_result_image(result, 0), &a->recipe);
    }
    dgxp_result_free(result);
    dgxp_job_free(job);
    return status;
}

/* All that begin alike and are painted for equally many steps share a batch. */
static dgxp_status make_others(animation *a)
{
    dgxp_status status = DGXP_OK;
    for (int32_t from = 1, to; from < a->count && status == DGXP_OK; from = to) {
        dgxp_job *jobs[FRAMES_LIMIT] = {NULL};
        dgxp_result *result = NULL;
        to = from;
        while (to < a->count && a->plans[to].strength == a->plans[from].strength &&
               status == DGXP_OK) {
            status = px_workflow_job(a->w, a->plans[to].changes, &jobs[to - from]);
            if (status == DGXP_OK) {
                status =
                    dgxp_job_set_init_image(jobs[to - from], a->canvases[0], a->plans[to].strength);
            }
            to++;
        }
        if (status == DGXP_OK) {
            status = px_workflow_paint(a->w, (const dgxp_job *const *)jobs, to - from, &result);
        }
        for (int32_t i = from; i < to && status == DGXP_OK; i++) {
            status = dgxp_image_copy(dgxp_result_canvas(result, i - from), &a->canvases[i]);
        }
        dgxp_result_free(result);
        for (int32_t i = 0; i < to - from; i++) {
            dgxp_job_free(jobs[i]);
        }
    }
    return status;
}

/* A given first frame may be a sprite: it is brought to the canvas of the others. */
static dgxp_status fit_first(animation *a)
{
    const dgxp_image *other = a->canvases[a->count > 1 ? 1 : 0];
    const int32_t width = dgxp_image_width(other), height = dgxp_image_height(other);
    const dgxp_image *first = a->canvases[0];
    const int32_t times = width / dgxp_image_width(first);
    if (width == dgxp_image_width(first) && height == dgxp_image_height(first)) {
        return DGXP_OK;
    }
    if (times < 1 || times * dgxp_image_width(first) != width ||
        times * dgxp_image_height(first) != height) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "the first frame of %dx%d pixels does not fit a canvas of %dx%d by "
                            "whole pixels: give the request that size",
                            dgxp_image_width(first), dgxp_image_height(first), width, height);
    }
    dgxp_image *larger = NULL;
    const dgxp_status status = dgxp_image_create(width, height, NULL, &larger);
    if (status == DGXP_OK) {
        uint8_t *to = dgxp_image_pixels_mut(larger);
        const uint8_t *from = dgxp_image_pixels(first);
        const size_t across = (size_t)dgxp_image_width(first);
        for (size_t y = 0; y < (size_t)height; y++) {
            for (size_t x = 0; x < (size_t)width; x++, to += 4) {
                memcpy(to, from + 4 * (y / (size_t)times * across + x / (size_t)times), 4);
            }
        }
        dgxp_image_free(a->canvases[0]);
        a->canvases[0] = larger;
    }
    return status;
}

/* One grid, one palette, one matte for all: nothing may flicker that did not move.  The steps are
 * those of the request and its preset. */
static dgxp_status finish_frames(animation *a)
{
    dgxp_job *job = NULL;
    dgxp_document *report = NULL;
    px_fix_steps steps;
    dgxp_status status = px_workflow_job(a->w, a->plans[0].changes, &job);
    json_t *finish = NULL;
    status = status == DGXP_OK ? px_workflow_finish(a->w, job, &finish) : status;
    status = status == DGXP_OK ? px_fix_steps_read("the pixel steps", finish, &steps) : status;
    if (status == DGXP_OK) {
        const bool same =
            job->set.size[0] == 0 || (job->set.size[0] == dgxp_image_width(a->canvases[0]) &&
                                      job->set.size[1] == dgxp_image_height(a->canvases[0]));
        steps.fix.native = same && (a->w->model->bundle->pixel_scale == 1 || job->set.size[0] != 0);
        steps.grid.width = same ? 0 : job->set.size[0];
        steps.grid.height = same ? 0 : job->set.size[1];
        status = dgxp_fix_frames((const dgxp_image *const *)a->canvases, a->count, &steps.fix,
                                 &report, a->sprites);
        px_fix_steps_free(&steps);
    }
    if (status == DGXP_OK) {
        json_t *about = json_loads(dgxp_document_text(report), 0, NULL);
        status = px_json_put(a->w->report, "pixels", about) ? DGXP_OK : px_error_memory("a report");
    }
    dgxp_document_free(report);
    json_decref(finish);
    dgxp_job_free(job);
    return status;
}

/* The frames beside each other, then cut again with their feet on one spot. */
static dgxp_status align_feet(animation *a, dgxp_sheet **out)
{
    dgxp_sheet *loose = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_status status = dgxp_sheet_create(&loose);
    for (int32_t i = 0; i < a->count && status == DGXP_OK; i++) {
        status = dgxp_sheet_add_frame(loose, a->sprites[i], NULL, 0);
    }
    dgxp_pack_params pack = DGXP_PACK_PARAMS_INIT;
    pack.columns = a->count;
    status = status == DGXP_OK ? dgxp_sheet_pack(loose, &pack, &atlas) : status;
    if (status == DGXP_OK) {
        dgxp_cut_params cut = DGXP_CUT_PARAMS_INIT;
        cut.cell_width = dgxp_image_width(a->sprites[0]);
        cut.cell_height = dgxp_image_height(a->sprites[0]);
        cut.align = DGXP_ALIGN_FEET;
        cut.keep_empty = 1;
        status = dgxp_sheet_cut(dgxp_atlas_image(atlas), &cut, out);
    }
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(loose);
    return status;
}

/* The sheet's tags; without a sheet they are only checked. */
static dgxp_status add_tags(const animation *a, dgxp_sheet *sheet)
{
    static const char *const directions[] = {"forward", "reverse", "pingpong", "pingpong_reverse"};
    px_json root, tags, at;
    dgxp_status status = px_json_root(a->w->where, a->w->document, &root);
    PX_NEXT(px_json_array(&root, "tags", PX_JSON_OPTIONAL, FRAMES_LIMIT, &tags));
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&tags); i++) {
        int64_t from = 0, to = a->count - 1;
        int32_t direction = 0;
        dgxp_tag tag = DGXP_TAG_INIT;
        PX_NEXT(px_json_element_object(&tags, i, &at));
        PX_NEXT(px_json_text(&at, "name", PX_JSON_REQUIRED, 255, &tag.name));
        PX_NEXT(px_json_integer(&at, "from", PX_JSON_OPTIONAL, 0, a->count - 1, &from));
        PX_NEXT(px_json_integer(&at, "to", PX_JSON_OPTIONAL, from, a->count - 1, &to));
        PX_NEXT(px_json_choice(&at, "direction", PX_JSON_OPTIONAL, directions, 4, &direction));
        tag.from = (int32_t)from;
        tag.to = (int32_t)to;
        tag.direction = direction;
        PX_NEXT(sheet ? dgxp_sheet_add_tag(sheet, &tag) : DGXP_OK);
    }
    return status;
}

static dgxp_status make_sheet(animation *a, dgxp_sheet **out)
{
    dgxp_sheet *cut = NULL, *sheet = NULL;
    dgxp_status status = align_feet(a, &cut);
    status = status == DGXP_OK ? dgxp_sheet_create(&sheet) : status;
    for (int32_t i = 0; i < a->count && status == DGXP_OK; i++) {
        status = dgxp_sheet_add_frame(sheet, dgxp_sheet_frame(cut, i), NULL,
                                      (int32_t)a->plans[i].duration);
    }
    for (int32_t i = 0; status == DGXP_OK && i < dgxp_sheet_slice_count(cut); i++) {
        dgxp_slice slice = DGXP_SLICE_INIT;
        status = dgxp_sheet_slice(cut, i, &slice);
        status = status == DGXP_OK ? dgxp_sheet_add_slice(sheet, &slice) : status;
    }
    status = status == DGXP_OK ? add_tags(a, sheet) : status;
    dgxp_sheet_free(cut);
    if (status != DGXP_OK) {
        dgxp_sheet_free(sheet);
        return status;
    }
    *out = sheet;
    return DGXP_OK;
}

dgxp_status px_workflow_animate(px_workflow *w)
{
    animation a = {.w = w, .owned = json_array()};
    dgxp_sheet *sheet = NULL;
    const json_t *seed = json_object_get(w->request, "seed");
    dgxp_status status = a.owned ? DGXP_OK : px_error_memory("an animation");
    a.seed = json_is_integer(seed) ? (uint64_t)json_integer_value(seed) : 0;
    PX_NEXT(json_is_integer(seed) ? DGXP_OK : dgxp_random_seed(&a.seed));
    PX_NEXT(read_frames(&a));
    PX_NEXT(make_first(&a));
    PX_NEXT(make_others(&a));
    PX_NEXT(fit_first(&a));
    PX_NEXT(finish_frames(&a));
    PX_NEXT(make_sheet(&a, &sheet));
    PX_NEXT(px_workflow_save_atlas(w, sheet, ".json", NULL, a.recipe));
    PX_NEXT(px_workflow_save_animation(w, sheet, DGXP_SHEET_ASEPRITE, ".aseprite"));
    PX_NEXT(px_workflow_save_animation(w, sheet, DGXP_SHEET_APNG, ".apng"));
    if (status == DGXP_OK) {
        const bool fine = px_json_put_integer(w->report, "frames", a.count) &&
                          px_json_put_integer(w->report, "seed", (int64_t)a.seed);
        status = fine ? DGXP_OK : px_error_memory("a report");
    }
    dgxp_sheet_free(sheet);
    free_animation(&a);
    return status;
}

dgxp_status px_workflow_animate_check(px_workflow *w)
{
    static const char *const known[] = {"frames", "strength", "duration", "first", "tags"};
    animation a = {.w = w, .owned = json_array()};
    px_json root;
    dgxp_status status = a.owned ? DGXP_OK : px_error_memory("an animation");
    PX_NEXT(px_json_root(w->where, w->document, &root));
    PX_NEXT(px_json_only(&root, "field", known, sizeof known / sizeof *known));
    PX_NEXT(read_frames(&a));
    for (int32_t i = 0; i < a.count && status == DGXP_OK; i++) {
        status = px_workflow_check(w, a.plans[i].changes);
    }
    PX_NEXT(add_tags(&a, NULL));
    free_animation(&a);
    return status;
}
