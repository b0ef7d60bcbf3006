/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels fix`: files, animations and sets of pictures through dgxp_fix(). */
#include "cli/fix.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One grid is looked for in so many frames, spread evenly: they are all in memory at once. */
enum { SAMPLE_FRAMES = 16, SAMPLE_PIXELS = 1 << 26 };

void cli_fix_note(cli_fixed *to, dgxp_status status)
{
    to->status = status;
    if (status != DGXP_OK && !to->text) {
        to->text = cli_format("%s", cli_error(status));
    }
}

static bool is_animation_file(const char *path)
{
    return cli_has_suffix(path, ".aseprite") || cli_has_suffix(path, ".ase") ||
           cli_has_suffix(path, ".apng");
}

/* Frames as one file; names, durations and tags come from `like`, when there is one. */
static dgxp_status save_animation(const cli_fixing *fixing, dgxp_image *const *frames, int count,
                                  const dgxp_sheet *like, const char *output)
{
    dgxp_sheet *sheet = NULL;
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    params.scale = fixing->png.scale;
    dgxp_status status = dgxp_sheet_create(&sheet);
    for (int i = 0; i < count && status == DGXP_OK; i++) {
        status =
            dgxp_sheet_add_frame(sheet, frames[i], like ? dgxp_sheet_frame_name(like, i) : NULL,
                                 like ? dgxp_sheet_frame_duration(like, i) : 0);
    }
    const int32_t tags = like ? dgxp_sheet_tag_count(like) : 0;
    for (int32_t i = 0; i < tags && status == DGXP_OK; i++) {
        dgxp_tag tag = DGXP_TAG_INIT;
        status = dgxp_sheet_tag(like, i, &tag);
        status = status == DGXP_OK ? dgxp_sheet_add_tag(sheet, &tag) : status;
    }
    status = status == DGXP_OK ? dgxp_sheet_save(sheet, output, &params) : status;
    dgxp_sheet_free(sheet);
    return status;
}

static void keep_report(const cli_fixing *fixing, dgxp_document *document, dgxp_image **first,
                        cli_fixed *to)
{
    if (to->status == DGXP_OK) {
        to->report = cli_format("%s", dgxp_document_text(document));
        if (fixing->show) {
            to->shown = *first;
            *first = NULL;
        }
    }
    dgxp_document_free(document);
}

/* ----------------------------------------------------------------------------------- one file */

static dgxp_status save_frames(const cli_fixing *fixing, dgxp_image *const *frames, int count,
                               const dgxp_sheet *like, const char *output)
{
    if (fixing->png.strip_text) {
        for (int i = 0; i < count; i++) {
            dgxp_image_set_text(frames[i], NULL, NULL);
        }
    }
    return count > 1 || is_animation_file(output)
               ? save_animation(fixing, frames, count, like, output)
               : dgxp_image_save(frames[0], output, &fixing->png);
}

void cli_fix_file(const cli_fixing *fixing, const char *path, const char *output, cli_fixed *to)
{
    dgxp_sheet *sheet = NULL;
    dgxp_document *report = NULL;
    dgxp_status status = dgxp_sheet_load(path, &sheet);
    const int count = status == DGXP_OK ? dgxp_sheet_frame_count(sheet) : 0;
    const dgxp_image **given = cli_zero((size_t)count, sizeof *given);
    dgxp_image **made = cli_zero((size_t)count + 1, sizeof *made);
    for (int i = 0; i < count; i++) {
        given[i] = dgxp_sheet_frame(sheet, i);
    }
    if (status == DGXP_OK) {
        status = dgxp_fix_frames(given, count, &fixing->params, &report, made);
        if (status != DGXP_OK) {
            to->text = cli_error_at(path, status);
        }
    }
    if (status == DGXP_OK) {
        status = save_frames(fixing, made, count, sheet, output);
    }
    cli_fix_note(to, status);
    keep_report(fixing, report, made, to);
    for (int i = 0; i < count; i++) {
        dgxp_image_free(made[i]);
    }
    free(made);
    free(given);
    dgxp_sheet_free(sheet);
}

/* -------------------------------------------------------------------------------------- a set */

typedef struct fix_set {
    const cli_fixing *fixing;
    const cli_input *input;
    char *const *outputs;
    dgxp_grid *grid;
    dgxp_image **sprites; /* [frame_count] */
    pthread_mutex_t lock;
    double residual; /* of the worst frame */
    cli_fixed *to;
} fix_set;

static dgxp_status find_common_grid(fix_set *self)
{
    const int count = self->input->frame_count;
    dgxp_image *sample[SAMPLE_FRAMES] = {NULL};
    dgxp_status status = dgxp_image_load(self->input->frames[0], &sample[0]);
    int wanted = 1;
    if (status == DGXP_OK) {
        const int64_t pixels = (int64_t)dgxp_image_width(sample[0]) * dgxp_image_height(sample[0]);
        const int64_t room = SAMPLE_PIXELS / pixels;
        wanted = room < 1 ? 1 : room < SAMPLE_FRAMES ? (int)room : SAMPLE_FRAMES;
        wanted = wanted < count ? wanted : count;
    }
    for (int i = 1; i < wanted && status == DGXP_OK; i++) {
        const int at = (int)((int64_t)i * count / wanted);
        status = dgxp_image_load(self->input->frames[at], &sample[i]);
    }
    if (status == DGXP_OK) {
        dgxp_grid_params look = self->fixing->grid;
        look.at_border |= self->fixing->params.tile;
        status =
            dgxp_grid_detect_frames((const dgxp_image *const *)sample, wanted, &look, &self->grid);
    }
    for (int i = 0; i < wanted; i++) {
        dgxp_image_free(sample[i]);
    }
    return status;
}

static void note_frame(fix_set *self, const char *path, dgxp_status status)
{
    pthread_mutex_lock(&self->lock);
    if (status != DGXP_OK && self->to->status == DGXP_OK) {
        self->to->status = status;
        self->to->text = cli_error_at(path, status);
    }
    pthread_mutex_unlock(&self->lock);
}

static void shrink_frame(void *pointer, int index)
{
    fix_set *self = pointer;
    dgxp_image *canvas = NULL;
    double residual = 0;
    const char *path = self->input->frames[index];
    dgxp_status status = dgxp_image_load(path, &canvas);
    if (status == DGXP_OK) {
        status =
            dgxp_downscale(canvas, self->grid, &self->fixing->downscale, &self->sprites[index]);
    }
    if (status == DGXP_OK) {
        status = dgxp_grid_residual(canvas, self->grid, self->sprites[index], &residual);
    }
    dgxp_image_free(canvas);
    note_frame(self, path, status);
    pthread_mutex_lock(&self->lock);
    self->residual = residual > self->residual ? residual : self->residual;
    pthread_mutex_unlock(&self->lock);
}

static void write_frame(void *pointer, int index)
{
    fix_set *self = pointer;
    const char *path = self->outputs[index];
    note_frame(self, path, dgxp_image_save(self->sprites[index], path, &self->fixing->png));
}

/* The steps after the grid, over native pixels: every pixel is a cell now. */
static dgxp_status finish_set(fix_set *self, const dgxp_grid_info *info, dgxp_document **report)
{
    const int count = self->input->frame_count;
    dgxp_fix_params params = self->fixing->params;
    const dgxp_image *const *sprites = (const dgxp_image *const *)self->sprites;
    params.native = 1;
    if (info->kind != DGXP_GRID_FLAT) {
        params.matte = &self->fixing->matte; /* the pictures were not sprites */
        params.extract = &self->fixing->extract;
    }
    dgxp_image **made = cli_zero((size_t)count, sizeof *made);
    const dgxp_status status = dgxp_fix_frames(sprites, count, &params, report, made);
    for (int i = 0; i < count && status == DGXP_OK; i++) {
        dgxp_image_free(self->sprites[i]);
        self->sprites[i] = made[i];
    }
    free(made);
    return status;
}

/* The report says how the cells were found in the pictures, not in the sprites. */
static char *describe_set(const fix_set *self, const dgxp_grid_info *info,
                          const dgxp_document *report)
{
    json_t *root = json_loads(dgxp_document_text(report), 0, NULL);
    json_t *grid = json_object(), *list = json_array();
    int32_t kinds = 0;
    const dgxp_choice *kind = dgxp_choices("grid_kind", &kinds);
    for (int32_t i = 0; i < kinds; i++) {
        if (kind[i].value == info->kind) {
            json_object_set_new(grid, "kind", json_string(kind[i].name));
        }
    }
    json_object_set_new(grid, "width", json_integer(info->width));
    json_object_set_new(grid, "height", json_integer(info->height));
    json_object_set_new(grid, "cell_width", json_real(info->cell_width));
    json_object_set_new(grid, "cell_height", json_real(info->cell_height));
    json_object_set_new(grid, "offset_x", json_real(info->offset_x));
    json_object_set_new(grid, "offset_y", json_real(info->offset_y));
    json_object_set_new(grid, "confidence", json_real(info->confidence));
    json_object_set_new(grid, "bent", json_boolean(info->bent));
    json_object_set_new(grid, "residual", json_real(self->residual));
    for (int32_t i = 0; i < info->candidate_count; i++) {
        json_array_append_new(list, json_pack("{sf, sf}", "cell", info->candidates[i].cell, "score",
                                              info->candidates[i].score));
    }
    json_object_set_new(grid, "candidates", list);
    json_object_set_new(root, "grid", grid);
    if (info->kind == DGXP_GRID_PAINTED) {
        json_array_insert_new(json_object_get(root, "warnings"), 0, json_string("painted"));
    }
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    return text;
}

static dgxp_status save_set(fix_set *self, const char *output)
{
    const int count = self->input->frame_count;
    for (int i = 0; i < count && self->fixing->png.strip_text; i++) {
        dgxp_image_set_text(self->sprites[i], NULL, NULL);
    }
    if (self->outputs) {
        cli_work(count, self->fixing->threads, self->fixing->quiet, "writing", write_frame, self);
        return self->to->status;
    }
    return save_animation(self->fixing, self->sprites, count, NULL, output);
}

void cli_fix_set(const cli_fixing *fixing, const cli_input *input, const char *output,
                 char *const *outputs, cli_fixed *to)
{
    fix_set self = {.fixing = fixing, .input = input, .outputs = outputs, .to = to};
    dgxp_document *report = NULL;
    dgxp_grid_info info = DGXP_GRID_INFO_INIT;
    self.sprites = cli_zero((size_t)input->frame_count, sizeof *self.sprites);
    pthread_mutex_init(&self.lock, NULL);
    dgxp_status status = find_common_grid(&self);
    if (status == DGXP_OK) {
        dgxp_grid_describe(self.grid, &info);
        cli_work(input->frame_count, fixing->threads, fixing->quiet, "reading", shrink_frame,
                 &self);
        status = dgxp_cancel_fired(cli_cancel()) ? DGXP_ERR_CANCELLED : to->status;
    }
    status = status == DGXP_OK ? finish_set(&self, &info, &report) : status;
    status = status == DGXP_OK ? save_set(&self, output) : status;
    cli_fix_note(to, status);
    if (status == DGXP_OK) {
        to->report = describe_set(&self, &info, report);
        if (fixing->show) {
            to->shown = self.sprites[0];
            self.sprites[0] = NULL;
        }
    }
    for (int i = 0; i < input->frame_count; i++) {
        dgxp_image_free(self.sprites[i]);
    }
    free(self.sprites);
    pthread_mutex_destroy(&self.lock);
    dgxp_document_free(report);
    dgxp_grid_free(self.grid);
}

/* --------------------------------------------------------------------------- a shared palette */

typedef struct fix_share {
    const cli_fixing *fixing;
    const cli_inputs *inputs;
    dgxp_histogram *histogram;
} fix_share;

/* Files that fail here fail again, and are told, when they are fixed. */
static void add_colors(void *pointer, int index)
{
    const fix_share *self = pointer;
    const cli_input *input = &self->inputs->items[index];
    dgxp_sheet *sheet = NULL;
    if (input->frame_count || dgxp_sheet_load(input->path, &sheet) != DGXP_OK) {
        return;
    }
    for (int i = 0; i < dgxp_sheet_frame_count(sheet); i++) {
        dgxp_histogram_add_fixed(self->histogram, dgxp_sheet_frame(sheet, i),
                                 &self->fixing->params);
    }
    dgxp_sheet_free(sheet);
}

dgxp_status cli_fix_share_palette(cli_fixing *fixing, const cli_inputs *inputs)
{
    fix_share self = {.fixing = fixing, .inputs = inputs};
    dgxp_status status = dgxp_histogram_create(&self.histogram);
    if (status == DGXP_OK) {
        cli_work(inputs->count, fixing->threads, fixing->quiet, "collecting colors", add_colors,
                 &self);
    }
    if (status == DGXP_OK && dgxp_histogram_colors(self.histogram) > 0) {
        status = dgxp_histogram_extract(self.histogram, &fixing->extract, &fixing->palette);
        fixing->params.palette = fixing->palette;
    }
    dgxp_histogram_free(self.histogram);
    return status;
}
