/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cells of a picture: how many, how large and where each one's middle lies. */
#include "image/grid.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/board.h"
#include "image/flat.h"
#include "image/grid_search.h"
#include "image/image.h"
#include "image/linear.h"
#include "image/native.h"
#include "image/noise.h"

#include <math.h>
#include <string.h>

#define SURE 0.03       /* no photograph's cells come near */
#define PLAIN_SCORE 0.5 /* of edges in step: a picture of few colors has cells, however noisy */
#define SURE_LEAST 3.0
#define CHAOTIC 0.22 /* cells rms: above this there is no lattice at the given period */
#define PHOTO_COLORS                                                                               \
    8000                /* cells of a few flat pixels with more colors are an enlarged painting    \
                         */
#define SHORT_RUNS 0.10 /* share of short runs that clean enlarged pixel art may have */
#define INTERPOLATED 0.45 /* above this a picture may be an interpolated enlargement */
#define NOISY 0.8         /* levels: less hides no cell */
#define LOUD 2.5          /* so much moves borders */
#define EXPLAINED 10      /* the confidence in cells that, enlarged, are the picture */

const dgxp_choice px_grid_kind_choices[] = {
    {DGXP_GRID_PAINTED, "painted", "no grid was found; the picture is divided evenly"},
    {DGXP_GRID_FLAT, "flat", "every cell is one flat color: already pixel art"},
    {DGXP_GRID_CELLS, "cells", "a grid was recovered from soft or drifting cells"},
    {DGXP_GRID_FORCED, "forced", "the caller gave the cells"},
};
const int32_t px_grid_kind_count = sizeof px_grid_kind_choices / sizeof px_grid_kind_choices[0];

static dgxp_status check_params(const dgxp_grid_params *params)
{
    const int32_t size[2] = {params->width, params->height};
    const double cell[3] = {params->cell_width, params->cell_height, params->prior};
    static const char *const size_names[2] = {"width", "height"};
    static const char *const cell_names[3] = {"cell_width", "cell_height", "prior"};
    for (int i = 0; i < 2; i++) {
        if (size[i] < 0 || size[i] > PX_IMAGE_SIDE_MAX) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "dgxp_grid_detect: %s %d is not 1 to %d, or 0 to look for it",
                                size_names[i], size[i], PX_IMAGE_SIDE_MAX);
        }
    }
    for (int i = 0; i < 3; i++) {
        if (!(cell[i] == 0 || (cell[i] >= 1 && cell[i] <= 1024))) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "dgxp_grid_detect: %s %g is not 1 to 1024 pixels, or 0",
                                cell_names[i], cell[i]);
        }
    }
    if ((size[0] || size[1]) && (cell[0] > 0 || cell[1] > 0)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_grid_detect: both a number of cells and the size of a cell are "
                            "given; give one of them");
    }
    return DGXP_OK;
}

/* -------------------------------------------------------------------------------- flat cells */

/* Flat cells of one size: which border cell shows half of itself is decided in integers. */
static bool lay_whole(px_grid_search *self, const px_flat *flat, int32_t count[2])
{
    const int32_t length[2] = {self->grid->image_width, self->grid->image_height};
    double cell[2], offset[2];
    for (int i = 0; i < 2; i++) {
        const int32_t k = flat->cell[i];
        int32_t first = self->params.at_border ? 0 : flat->origin[i] % k;
        first -= first * 2 >= k ? k : 0;
        const int32_t rest = (length[i] - first) % k;
        count[i] = (length[i] - first) / k + (rest * 2 >= k ? 1 : 0);
        cell[i] = k;
        offset[i] = first;
    }
    px_grid_set_straight(self->grid, DGXP_GRID_FLAT, cell, offset, count);
    return count[0] > 0 && count[1] > 0;
}

/* Flat cells whose sizes differ by a pixel. */
static bool lay_stretched(px_grid_search *self, const px_stretch axis[2], int32_t count[2])
{
    const int32_t length[2] = {self->grid->image_width, self->grid->image_height};
    double cell[2], offset[2];
    for (int i = 0; i < 2; i++) {
        const double size = axis[i].cell, phase = axis[i].phase;
        const int32_t last = (int32_t)floor((length[i] - 1 + phase) / size);
        const bool drop = !self->params.at_border && ceil(size - phase) * 2 < size;
        const bool cut = (length[i] - ceil(last * size - phase)) * 2 < size;
        count[i] = last + 1 - drop - cut;
        cell[i] = size;
        offset[i] =
            0.5 - phase + (drop ? size : 0); /* the middle falls into the cell, rounded down */
    }
    px_grid_set_straight(self->grid, DGXP_GRID_FLAT, cell, offset, count);
    return count[0] > 0 && count[1] > 0;
}

static bool try_flat(px_grid_search *self, bool *enough)
{
    px_flat flat;
    *enough = px_flat_measure(self->images, self->count, &flat);
    if (!*enough) {
        return false;
    }
    int32_t count[2], a = flat.cell[0], b = flat.cell[1];
    if (!self->params.non_square || !a || !b) {
        while (b) {
            const int32_t rest = a % b;
            a = b;
            b = rest;
        }
        flat.cell[0] = flat.cell[1] = a;
    }
    const bool whole = flat.cell[0] >= 2 || flat.cell[1] >= 2;
    const double area = whole            ? flat.cell[0] * flat.cell[1]
                        : flat.stretched ? flat.stretch[0].cell * flat.stretch[1].cell
                                         : 1;
    if (area < 2 ||
        (area <= 16 && px_flat_count_colors(self->images[0], PHOTO_COLORS) > PHOTO_COLORS)) {
        return false;
    }
    return whole ? lay_whole(self, &flat, count) : lay_stretched(self, flat.stretch, count);
}

/* An interpolated enlargement has no edges to find; what explains the picture is no guess. */
static dgxp_status try_linear(const px_grid_search *self, const px_period *edges, int32_t count[2],
                              bool *found)
{
    double hints[PX_PERIOD_PEAKS];
    *found = false;
    if (self->count > 1 || self->params.non_square || self->params.prior > 0 ||
        px_native_softness(self->images[0]) < INTERPOLATED) {
        return DGXP_OK;
    }
    for (int32_t k = 0; k < edges->count; k++) {
        hints[k] = edges->peaks[k].period;
    }
    return px_linear_find(self->images[0], hints, edges->count, count, found);
}

/* Cells that were proved. */
static void adopt_even(dgxp_grid *grid, const int32_t count[2], bool linear)
{
    px_grid_set_even(grid, DGXP_GRID_CELLS, count[0], count[1]);
    grid->info.confidence = EXPLAINED;
    grid->linear = linear;
}

static dgxp_status find_grid(px_grid_search *self)
{
    dgxp_grid *grid = self->grid;
    const int32_t length[2] = {grid->image_width, grid->image_height};
    const int32_t longer = px_image_most(length[0], length[1]);
    bool linear = false, small = false;
    int32_t bends[2];
    px_period periods[3];
    px_grid_trial best = {.why = {1, 1}};
    dgxp_status status = px_grid_edges(self);
    status = status ? status : px_period_search(&self->edges, self->params.prior, periods);
    status = status ? status : px_grid_try_all(self, periods, &best);
    if (!status && best.why.inside > PX_EXPLAIN_FLAT / 2) { /* no enlargement is flat inside */
        status = try_linear(self, &periods[PX_PERIOD_BOTH], bends, &linear);
    }
    if (status) {
        px_mem_free(best.centers);
        return status;
    }
    const dgxp_image *image = self->images[0];
    if (!linear && self->count == 1 && !(best.info.cell_width > 1.5 * PX_STRETCH_SMALL)) {
        status = px_stretch_see(image, bends, &small);
    }
    if (status || small) {
        px_mem_free(best.centers);
        adopt_even(grid, bends, false);
        return status;
    }
    const bool few = px_native_few_colors(image);
    const double cell[2] = {best.info.cell_width, best.info.cell_height};
    bool cells = best.info.width > 0;
    if (linear &&
        !(cells && px_linear_is_harmonic(&grid->info, grid->image_width / cell[0], bends[0]))) {
        px_mem_free(best.centers);
        adopt_even(grid, bends, true);
        return DGXP_OK;
    }
    /* what a sprite at its own size repeats (bricks, stripes) is no grid; a noisy picture of few colors
     * has cells that differ from their neighbours all over */
    const bool plain = best.why.inside < SURE && grid->info.candidates[0].score > PLAIN_SCORE;
    cells = cells && (!few || plain || !px_native_own_size(image, few) ||
                      px_native_short_runs(image, cell) < SHORT_RUNS ||
                      px_native_softness(image) > PX_NATIVE_SOFT);
    if (cells) {
        status = px_grid_settle(self, &best);
        if (best.why.inside < SURE) {
            grid->info.confidence = fmax(grid->info.confidence, SURE_LEAST);
        }
        return status;
    }
    px_mem_free(best.centers);
    grid->info.bent = 0;
    if (px_native_own_size(image, few)) {
        px_grid_set_even(grid, DGXP_GRID_FLAT, length[0], length[1]);
        return DGXP_OK;
    }
    const double side = self->params.prior > 0 ? self->params.prior : fmax(1, longer / 128.0);
    px_grid_set_even(grid, DGXP_GRID_PAINTED, (int32_t)fmax(1, rint(length[0] / side)),
                     (int32_t)fmax(1, rint(length[1] / side)));
    return DGXP_OK;
}

/* Cells that noise hides, or whose borders it moves, are looked for when it is smoothed. */
static dgxp_status find_through_noise(px_grid_search *self)
{
    const dgxp_image *const *images = self->images, *shown;
    dgxp_image *smooth = NULL;
    const double noise = self->count == 1 ? px_noise_measure(images[0]) : 0;
    dgxp_status status = noise < LOUD ? find_grid(self) : DGXP_OK;
    if (status || noise < NOISY || (noise < LOUD && self->grid->info.kind != DGXP_GRID_PAINTED)) {
        return status;
    }
    px_edges_free(&self->edges);
    status = px_noise_smooth(images[0], noise, &smooth);
    if (!status) {
        shown = smooth;
        self->images = &shown;
        status = find_grid(self);
    }
    self->images = images;
    dgxp_image_free(smooth);
    return status;
}

/* Flat cells, else what a painted checkerboard does not hide. */
static dgxp_status find_any_grid(px_grid_search *self)
{
    bool enough;
    if (try_flat(self, &enough) || !enough) {
        return enough ? DGXP_OK : px_error_memory("the search for flat cells");
    }
    dgxp_image *plain = NULL;
    const dgxp_image *const *images = self->images, *shown;
    dgxp_status status = self->count == 1 ? px_board_hide(images[0], &plain) : DGXP_OK;
    if (plain) {
        shown = plain;
        self->images = &shown;
    }
    status = status ? status : find_through_noise(self);
    self->images = images;
    dgxp_image_free(plain);
    return status;
}

/* ------------------------------------------------------------------------------------- forced */

/* The cells that the caller wants; their phases are followed where the picture has any. */
static dgxp_status force_grid(px_grid_search *self)
{
    dgxp_grid *grid = self->grid;
    const dgxp_grid_params *params = &self->params;
    const int32_t length[2] = {grid->image_width, grid->image_height};
    int32_t count[2] = {params->width, params->height};
    double cell[2] = {params->cell_width, params->cell_height};
    if (count[0] || count[1]) {
        for (int i = 0; i < 2; i++) {
            if (!count[i]) {
                const double wanted = (double)count[1 - i] * length[i] / length[1 - i];
                count[i] = (int32_t)fmin(fmax(1, rint(wanted)), PX_IMAGE_SIDE_MAX);
            }
        }
        px_grid_set_even(grid, DGXP_GRID_FORCED, count[0], count[1]);
    } else {
        for (int i = 0; i < 2; i++) {
            cell[i] = cell[i] > 0 ? cell[i] : cell[1 - i];
            count[i] = (int32_t)fmax(1, rint(length[i] / cell[i]));
        }
        px_grid_set_straight(grid, DGXP_GRID_FORCED, cell, (double[2]){0, 0}, count);
    }
    const dgxp_grid_info even = grid->info;
    bool enough;
    if (try_flat(self, &enough) && grid->info.width == count[0] && grid->info.height == count[1]) {
        return DGXP_OK;
    }
    grid->info = even;
    cell[0] = even.cell_width;
    cell[1] = even.cell_height;
    if (!enough || cell[0] < 2 || cell[1] < 2 || count[0] < PX_GRID_PHASE_CELLS ||
        count[1] < PX_GRID_PHASE_CELLS) {
        return enough ? DGXP_OK : px_error_memory("the search for flat cells");
    }
    dgxp_status status = px_grid_edges(self);
    status = status ? status : px_grid_measure(self, cell);
    if (status || fmax(self->axis[0].spread, self->axis[1].spread) > CHAOTIC) {
        return status;
    }
    return px_grid_lay(self, DGXP_GRID_FORCED, count);
}

dgxp_status dgxp_grid_detect_frames(const dgxp_image *const *images, int32_t count,
                                    const dgxp_grid_params *params, dgxp_grid **out)
{
    px_error_clear();
    px_grid_search self = {.images = images, .count = count};
    if (!images || !out || count < 1 || count > 65536) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_grid_detect: %d images; needs 1 to 65536 and a place to put the "
                            "grid",
                            images && out ? count : 0);
    }
    for (int32_t i = 0; i < count; i++) {
        if (!images[i]) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_grid_detect: image %d is NULL", i);
        }
        if (images[i]->width != images[0]->width || images[i]->height != images[0]->height) {
            return px_error_set(
                DGXP_ERR_MISMATCH,
                "dgxp_grid_detect: frame %d (from 0) is %dx%d, the first one %dx%d; frames "
                "must be of one size",
                i, images[i]->width, images[i]->height, images[0]->width, images[0]->height);
        }
    }
    dgxp_status status =
        px_params_read("dgxp_grid_detect", params, &self.params, sizeof self.params);
    status = status ? status : check_params(&self.params);
    if (status) {
        return status;
    }
    self.grid = px_mem_zero(1, sizeof *self.grid);
    if (!self.grid) {
        return px_error_memory("a grid");
    }
    self.grid->image_width = images[0]->width;
    self.grid->image_height = images[0]->height;
    const dgxp_grid_params *p = &self.params;
    const bool forced = p->width || p->height || p->cell_width > 0 || p->cell_height > 0;
    status = forced ? force_grid(&self) : find_any_grid(&self);
    px_edges_free(&self.edges);
    px_lattice_free(&self.axis[0]);
    px_lattice_free(&self.axis[1]);
    if (status) {
        dgxp_grid_free(self.grid);
    } else {
        *out = self.grid;
    }
    return status;
}

dgxp_status dgxp_grid_detect(const dgxp_image *image, const dgxp_grid_params *params,
                             dgxp_grid **out)
{
    return dgxp_grid_detect_frames(&image, 1, params, out);
}

dgxp_status dgxp_grid_describe(const dgxp_grid *grid, dgxp_grid_info *info)
{
    px_error_clear();
    if (!grid || !info) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_grid_describe: %s is NULL",
                            grid ? "info" : "grid");
    }
    return px_params_fill("dgxp_grid_describe", info, &grid->info, sizeof *info);
}

void dgxp_grid_free(dgxp_grid *grid)
{
    if (grid) {
        px_mem_free(grid->centers);
        px_mem_free(grid);
    }
}
