/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The whole way from a picture to a finished sprite, in one call. */
#include "image/fix.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/number.h"
#include "core/params.h"
#include "image/cleanup.h"
#include "image/color.h"
#include "image/grid.h"
#include "image/image.h"
#include "image/palette.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* OKLab distances within which colors are one, by what neighbouring cells say. */
#define MERGE_MOST 0.02f
#define MERGE_LEAST 0.008f
#define MERGE_SHARE 1.5f
#define MERGE_NONE 0.002f /* of cells that do not wobble at all */

/* Puts the result of a step in the place of what it was made from. */
static void replace_frame(px_fixing *self, int32_t index, dgxp_image *next)
{
    dgxp_image_free(self->frames[index]);
    self->frames[index] = next;
}

/* A part of a picture, or one with room around it: what lies outside is transparent. */
static dgxp_status cut_part(const dgxp_image *from, int32_t x, int32_t y, int32_t width,
                            int32_t height, dgxp_image **out)
{
    dgxp_image *part = NULL;
    dgxp_status status = px_image_create("dgxp_fix", width, height, &part);
    status = status ? status : px_image_copy_texts(from, part);
    if (status) {
        dgxp_image_free(part);
        return status;
    }
    const int32_t left = x < 0 ? 0 : x;
    const int32_t right = x + width < from->width ? x + width : from->width;
    for (int32_t row = 0; row < height && left < right; row++) {
        if (y + row >= 0 && y + row < from->height) {
            memcpy(px_image_at(part, left - x, row), px_image_at(from, left, y + row),
                   (size_t)(right - left) * 4);
        }
    }
    *out = part;
    return DGXP_OK;
}

/* --------------------------------------------------------------------------- to native pixels */

/* Sprites are taken as they are, and treated like pictures whose cells are flat. */
static dgxp_status take_sprites(px_fixing *self)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < self->count && !status; i++) {
        const dgxp_image *first = self->images[0], *image = self->images[i];
        if (image->width != first->width || image->height != first->height) {
            return px_error_set(
                DGXP_ERR_MISMATCH,
                "dgxp_fix: frame %d (from 0) is %dx%d, the first one %dx%d; frames must be "
                "of one size",
                i, image->width, image->height, first->width, first->height);
        }
        status = dgxp_image_copy(image, &self->frames[i]);
    }
    self->flat = true;
    return status;
}

/* A grid may sample more cells than there are pixels; a sprite made that way is no true pixel art.
 */
static dgxp_status check_size(const px_fixing *self)
{
    const dgxp_grid_params *grid = self->params.grid;
    const dgxp_image *image = self->images[0];
    if (grid && (grid->width > image->width || grid->height > image->height)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "size %dx%d: the picture has %dx%d pixels, and a cell needs at least "
                            "one; `scale` enlarges what comes out",
                            grid->width, grid->height, image->width, image->height);
    }
    return DGXP_OK;
}

static dgxp_status find_cells(px_fixing *self)
{
    dgxp_status status = check_size(self);
    if (status) {
        return status;
    }
    self->grid = self->params.found;
    if (!self->grid) {
        dgxp_grid_params look = DGXP_GRID_PARAMS_INIT;
        if (self->params.tile) {
            status = px_params_read("dgxp_fix: grid", self->params.grid, &look, sizeof look);
            look.struct_size = sizeof look;
            look.at_border = 1;
        }
        const dgxp_grid_params *wanted = self->params.tile ? &look : self->params.grid;
        status = status
                     ? status
                     : dgxp_grid_detect_frames(self->images, self->count, wanted, &self->own_grid);
        self->grid = self->own_grid;
    }
    self->flat = !status && self->grid->info.kind == DGXP_GRID_FLAT;
    return status;
}

static dgxp_status shrink_frames(px_fixing *self)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < self->count && !status; i++) {
        status =
            dgxp_downscale(self->images[i], self->grid, self->params.downscale, &self->frames[i]);
    }
    return status;
}

static dgxp_status measure_residual(px_fixing *self)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < self->count && !status && !self->flat; i++) {
        double residual = 0;
        status = dgxp_grid_residual(self->images[i], self->grid, self->frames[i], &residual);
        self->residual = residual > self->residual ? residual : self->residual;
    }
    return status;
}

/* -------------------------------------------------------------------------------------- matte */

static void add_matte(dgxp_matte_report *to, const dgxp_matte_report *frame, bool first)
{
    if (first) {
        *to = *frame;
        return;
    }
    to->warnings |= frame->warnings;
    to->flooded += frame->flooded;
    to->holes += frame->holes;
    to->enclosed += frame->enclosed;
    to->despilled += frame->despilled;
    to->fringe += frame->fringe;
    to->specks += frame->specks;
    to->border_share =
        frame->border_share < to->border_share ? frame->border_share : to->border_share;
    to->main_share = frame->main_share < to->main_share ? frame->main_share : to->main_share;
    to->opaque_share =
        frame->opaque_share < to->opaque_share ? frame->opaque_share : to->opaque_share;
}

static dgxp_status cut_background(px_fixing *self)
{
    dgxp_status status = DGXP_OK;
    if (self->flat && !self->params.matte) {
        return DGXP_OK;
    }
    for (int32_t i = 0; i < self->count && !status; i++) {
        dgxp_matte_report told = DGXP_MATTE_REPORT_INIT;
        dgxp_image *next = NULL;
        status = dgxp_matte(self->frames[i], self->params.matte, &told, &next);
        if (!status) {
            replace_frame(self, i, next);
            add_matte(&self->matte, &told, i == 0);
        }
    }
    self->matted = true;
    return status;
}

static bool has_opaque(const dgxp_image *image)
{
    const size_t count = px_image_count(image);
    for (size_t i = 0; i < count; i++) {
        if (image->rgba[i * 4 + 3] >= 128) {
            return true;
        }
    }
    return false;
}

static bool has_visible_frame(const px_fixing *self)
{
    for (int32_t i = 0; i < self->count; i++) {
        if (has_opaque(self->frames[i])) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------ palette */

/*
 * How far cells of one color lie apart: pixel art has many neighbours of one color, so a quarter of
 * all steps between neighbours is wobble.  Where there is none, close colors are the artist's.
 */
static dgxp_status choose_merge(const px_fixing *self, dgxp_palette_params *params)
{
    const dgxp_image *frame = self->frames[0];
    const size_t count = px_image_count(frame), width = (size_t)frame->width;
    float *steps = px_mem_array(count, sizeof *steps);
    size_t found = 0;
    if (!steps) {
        return px_error_memory("the steps between cells");
    }
    for (size_t i = 1; i < count; i++) {
        const uint8_t *here = frame->rgba + i * 4, *left = here - 4;
        if (i % width && here[3] >= 128 && left[3] >= 128) {
            steps[found++] = px_color_distance2(px_color_lab(here), px_color_lab(left));
        }
    }
    params->merge = MERGE_MOST;
    if (found >= 16) {
        qsort(steps, found, sizeof *steps, px_number_order);
        const float wobble = sqrtf(steps[found / 4]);
        const float least = wobble > 0 ? MERGE_LEAST : MERGE_NONE;
        params->merge = fminf(fmaxf(MERGE_SHARE * wobble, least), MERGE_MOST);
    }
    px_mem_free(steps);
    return DGXP_OK;
}

static dgxp_status extract_palette(px_fixing *self)
{
    dgxp_histogram *histogram = NULL;
    dgxp_palette_params params;
    dgxp_status status =
        px_params_read("dgxp_fix: extract", self->params.extract, &params, sizeof params);
    params.struct_size = sizeof params;
    if (!status && params.merge == 0) { /* NOLINT: exactly what stands for the default */
        status = choose_merge(self, &params);
    }
    status = status ? status : dgxp_histogram_create(&histogram);
    for (int32_t i = 0; i < self->count && !status; i++) {
        status = dgxp_histogram_add(histogram, self->frames[i]);
    }
    if (!status) {
        status = dgxp_histogram_extract(histogram, &params, &self->own_palette);
    }
    dgxp_histogram_free(histogram);
    self->palette = self->own_palette;
    return status;
}

static dgxp_status reduce_colors(px_fixing *self)
{
    const dgxp_fix_params *p = &self->params;
    const bool asked = p->palette || p->extract || p->quantize;
    if (p->keep_colors || (self->flat && !asked) || !self->visible) {
        return DGXP_OK;
    }
    self->palette = p->palette;
    dgxp_status status = p->palette ? DGXP_OK : extract_palette(self);
    for (int32_t i = 0; i < self->count && !status; i++) {
        dgxp_image *next = NULL;
        status = dgxp_quantize(self->frames[i], self->palette, p->quantize, &next);
        if (!status) {
            replace_frame(self, i, next);
        }
    }
    return status;
}

/* ----------------------------------------------------------------------------------- clean-up */

static dgxp_status clean_cells(px_fixing *self)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < self->count && !status; i++) {
        dgxp_image *next = NULL;
        int32_t changed = 0;
        if (self->params.orphans) {
            status = dgxp_cleanup_orphans(self->frames[i], self->params.orphan_distance, &changed,
                                          &next);
            if (status) {
                break;
            }
            replace_frame(self, i, next);
            self->orphans += changed;
        }
        if (self->params.jaggies) {
            status = dgxp_cleanup_jaggies(self->frames[i], &changed, &next);
            if (status) {
                break;
            }
            replace_frame(self, i, next);
            self->jaggies += changed;
        }
    }
    return status;
}

static bool touches_border(const dgxp_image *image)
{
    int32_t x, y, width, height;
    return px_cleanup_bounds(image, &x, &y, &width, &height) &&
           (x == 0 || y == 0 || x + width == image->width || y + height == image->height);
}

/* Frames must stay of one size, so all of them grow when one has to. */
static dgxp_status grow_frames(px_fixing *self, dgxp_outline_params *outline)
{
    bool wanted = false;
    dgxp_status status = DGXP_OK;
    if (self->count == 1 || outline->kind != DGXP_OUTLINE_OUTER || outline->no_grow) {
        return DGXP_OK;
    }
    for (int32_t i = 0; i < self->count; i++) {
        wanted |= touches_border(self->frames[i]);
    }
    for (int32_t i = 0; i < self->count && wanted && !status; i++) {
        dgxp_image *next = NULL;
        const dgxp_image *frame = self->frames[i];
        status = cut_part(frame, -1, -1, frame->width + 2, frame->height + 2, &next);
        if (!status) {
            replace_frame(self, i, next);
        }
    }
    outline->no_grow = 1;
    return status;
}

static dgxp_status draw_outlines(px_fixing *self)
{
    dgxp_outline_params outline;
    if (!self->params.outline) {
        return DGXP_OK;
    }
    dgxp_status status =
        px_params_read("dgxp_fix: outline", self->params.outline, &outline, sizeof outline);
    outline.struct_size = sizeof outline;
    if (!status && outline.color[3] && self->params.palette) {
        const dgxp_palette *palette = self->params.palette; /* it promises every color */
        const int32_t nearest = px_palette_nearest(palette, px_color_lab(outline.color));
        memcpy(outline.color, palette->rgba + (size_t)(nearest < 0 ? 0 : nearest) * 4, 4);
    }
    status = status ? status : grow_frames(self, &outline);
    for (int32_t i = 0; i < self->count && !status; i++) {
        dgxp_image *next = NULL;
        int32_t changed = 0;
        status = dgxp_cleanup_outline(self->frames[i], &outline, &changed, &next);
        if (!status) {
            replace_frame(self, i, next);
            self->outline += changed;
        }
    }
    return status;
}

/* Frames are cut by what is visible in any of them: the subject keeps its place. */
static dgxp_status trim_frames(px_fixing *self)
{
    dgxp_image *all = NULL, *cut = NULL;
    if (!self->params.trim || !self->visible) {
        return DGXP_OK;
    }
    dgxp_status status = dgxp_image_copy(self->frames[0], &all);
    for (int32_t i = 1; i < self->count && !status; i++) {
        const size_t cells = px_image_count(all);
        for (size_t c = 0; c < cells; c++) {
            if (self->frames[i]->rgba[c * 4 + 3]) {
                all->rgba[c * 4 + 3] = 255;
            }
        }
    }
    self->trim = (dgxp_trim_report)DGXP_TRIM_REPORT_INIT;
    status = status ? status : dgxp_cleanup_trim(all, self->params.trim, &self->trim, &cut);
    for (int32_t i = 0; i < self->count && !status; i++) {
        dgxp_image *next = NULL;
        status =
            cut_part(self->frames[i], self->trim.x, self->trim.y, cut->width, cut->height, &next);
        if (!status) {
            replace_frame(self, i, next);
        }
    }
    self->trimmed = !status;
    dgxp_image_free(all);
    dgxp_image_free(cut);
    return status;
}

/* ---------------------------------------------------------------------------------------- all */

static dgxp_status run_steps(px_fixing *self, dgxp_document **report)
{
    dgxp_status status = self->params.native ? take_sprites(self) : find_cells(self);
    if (!self->params.native && !status) {
        status = shrink_frames(self);
    }
    if (report && !status) {
        status = measure_residual(self);
    }
    status = status ? status : cut_background(self);
    self->visible = !status && has_visible_frame(self);
    status = status ? status : reduce_colors(self);
    status = status ? status : clean_cells(self);
    status = status ? status : draw_outlines(self);
    status = status ? status : trim_frames(self);
    return report && !status ? px_fix_report(self, report) : status;
}

dgxp_status dgxp_fix_frames(const dgxp_image *const *images, int32_t count,
                            const dgxp_fix_params *params, dgxp_document **report, dgxp_image **out)
{
    px_error_clear();
    px_fixing self = {.images = images, .count = count};
    dgxp_document *told = NULL;
    if (!images || !out || count < 1 || count > 65536) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_fix: %d images; needs 1 to 65536 and a place for the results",
                            images && out ? count : 0);
    }
    for (int32_t i = 0; i < count; i++) {
        if (!images[i]) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_fix: image %d is NULL", i);
        }
    }
    dgxp_status status = px_params_read("dgxp_fix", params, &self.params, sizeof self.params);
    if (status) {
        return status;
    }
    self.frames = px_mem_zero((size_t)count, sizeof *self.frames);
    status = self.frames ? run_steps(&self, report ? &told : NULL)
                         : px_error_memory("the frames of an animation");
    for (int32_t i = 0; i < count && self.frames; i++) {
        if (status) {
            dgxp_image_free(self.frames[i]);
        } else {
            out[i] = self.frames[i];
        }
    }
    if (report && !status) {
        *report = told;
    }
    px_mem_free(self.frames);
    dgxp_palette_free(self.own_palette);
    dgxp_grid_free(self.own_grid);
    return status;
}

dgxp_status dgxp_fix(const dgxp_image *image, const dgxp_fix_params *params, dgxp_document **report,
                     dgxp_image **out)
{
    return dgxp_fix_frames(&image, 1, params, report, out);
}

dgxp_status dgxp_histogram_add_fixed(dgxp_histogram *histogram, const dgxp_image *image,
                                     const dgxp_fix_params *given)
{
    dgxp_fix_params params;
    dgxp_image *sprite = NULL;
    px_error_clear();
    if (!histogram || !image) {
        return px_error_begin("dgxp_histogram_add_fixed", false, "a histogram and an image");
    }
    dgxp_status status = px_params_read("dgxp_fix_params", given, &params, sizeof params);
    if (status == DGXP_OK) {
        params.keep_colors = 1;
        params.palette = NULL;
        params.extract = NULL;
        params.outline = NULL; /* its color is one of the palette's */
        params.trim = NULL;
        status = dgxp_fix(image, &params, NULL, &sprite);
    }
    status = status == DGXP_OK ? dgxp_histogram_add(histogram, sprite) : status;
    dgxp_image_free(sprite);
    return status;
}
