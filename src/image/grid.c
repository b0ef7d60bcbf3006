/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cells of a picture: how many, how large and where each one's middle lies. */
#include "image/grid.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/board.h"
#include "image/edges.h"
#include "image/explain.h"
#include "image/flat.h"
#include "image/image.h"
#include "image/lattice.h"
#include "image/linear.h"
#include "image/native.h"
#include "image/period.h"

#include <math.h>
#include <string.h>

#define SIMPLER 2.0 /* times what the finer cells leave inside, a coarser cell may leave */
#define SIMPLER_NOISE 0.01
#define FAINT 0.05        /* of the first candidate's score */
#define OBLONG_SCORE 0.25 /* of both sides: fewer edges agree by chance */
#define OBLONG 0.12       /* logarithm of the sides' ratio: below, cells are square */
#define SURE 0.03         /* no photograph's cells come near */
#define PLAIN_SCORE 0.5   /* of edges in step: a picture of few colors has cells, however noisy */
#define SURE_LEAST 3.0
#define STRAIGHT 0.08 /* cells rms: below this, bending would only follow noise */
#define CHAOTIC 0.22  /* cells rms: above this there is no lattice at the given period */
#define PHASE_CELLS 8 /* fewer cells a side have too few edges to agree on a phase */
#define PHOTO_COLORS                                                                               \
    8000                /* cells of a few flat pixels with more colors are an enlarged painting    \
                         */
#define SHORT_RUNS 0.10 /* share of short runs that clean enlarged pixel art may have */
#define INTERPOLATED 0.45 /* above this a picture may be an interpolated enlargement */
#define EXPLAINED 10      /* the confidence in cells that, enlarged, are the picture */

const dgxp_choice px_grid_kind_choices[] = {
    {DGXP_GRID_PAINTED, "painted", "no grid was found; the picture is divided evenly"},
    {DGXP_GRID_FLAT, "flat", "every cell is one flat color: already pixel art"},
    {DGXP_GRID_CELLS, "cells", "a grid was recovered from soft or drifting cells"},
    {DGXP_GRID_FORCED, "forced", "the caller gave the cells"},
};
const int32_t px_grid_kind_count = sizeof px_grid_kind_choices / sizeof px_grid_kind_choices[0];

typedef struct search {
    const dgxp_image *const *images;
    int32_t count;
    dgxp_grid_params params;
    px_edges edges; /* built when first needed */
    px_lattice_axis axis[2];
    dgxp_grid *grid;
} search;

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

/* Makes straight cells of a size that begin at an offset. */
static void set_straight(dgxp_grid *grid, int32_t kind, const double cell[2],
                         const double offset[2], const int32_t count[2])
{
    grid->info.kind = kind;
    grid->info.width = count[0];
    grid->info.height = count[1];
    grid->info.cell_width = cell[0];
    grid->info.cell_height = cell[1];
    grid->info.offset_x = offset[0];
    grid->info.offset_y = offset[1];
}

/* Divides the picture evenly. */
static void set_even(dgxp_grid *grid, int32_t kind, int32_t width, int32_t height)
{
    const int32_t count[2] = {width, height};
    const double cell[2] = {(double)grid->image_width / width, (double)grid->image_height / height};
    set_straight(grid, kind, cell, (double[2]){0, 0}, count);
}

/* -------------------------------------------------------------------------------- flat cells */

/* Flat cells have whole sizes, so which border cell shows half of itself is decided in integers. */
static bool try_flat(search *self, bool *enough)
{
    px_flat flat;
    *enough = px_flat_measure(self->images, self->count, &flat);
    if (!*enough) {
        return false;
    }
    int32_t a = flat.cell[0], b = flat.cell[1];
    if (!self->params.non_square || !a || !b) {
        while (b) {
            const int32_t rest = a % b;
            a = b;
            b = rest;
        }
        flat.cell[0] = flat.cell[1] = a;
    }
    if (flat.cell[0] < 2 && flat.cell[1] < 2) {
        return false;
    }
    if (flat.cell[0] * flat.cell[1] <= 16 &&
        px_flat_count_colors(self->images[0], PHOTO_COLORS) > PHOTO_COLORS) {
        return false;
    }
    const int32_t length[2] = {self->grid->image_width, self->grid->image_height};
    int32_t count[2];
    double cell[2], offset[2];
    for (int i = 0; i < 2; i++) {
        const int32_t k = flat.cell[i];
        int32_t first = self->params.at_border ? 0 : flat.origin[i] % k;
        first -= first * 2 >= k ? k : 0;
        const int32_t rest = (length[i] - first) % k;
        count[i] = (length[i] - first) / k + (rest * 2 >= k ? 1 : 0);
        if (count[i] < 1) {
            return false;
        }
        cell[i] = k;
        offset[i] = first;
    }
    set_straight(self->grid, DGXP_GRID_FLAT, cell, offset, count);
    return true;
}

/* ------------------------------------------------------------------------------------ lattice */

static dgxp_status build_edges(search *self)
{
    return self->edges.across ? DGXP_OK : px_edges_build(self->images, self->count, &self->edges);
}

static dgxp_status measure_axes(search *self, const double cell[2])
{
    for (int i = 0; i < 2; i++) {
        px_lattice_free(&self->axis[i]);
        const dgxp_status status =
            px_lattice_measure(&self->edges, i == 1, cell[i], &self->axis[i]);
        if (status) {
            return status;
        }
    }
    return DGXP_OK;
}

/* Takes over the periods that the phases say, one for both axes unless asked otherwise. */
static void adopt_periods(search *self, int32_t count[2])
{
    px_lattice_axis *axis = self->axis;
    const int32_t length[2] = {self->grid->image_width, self->grid->image_height};
    double period[2] = {axis[0].measured, axis[1].measured};
    if (!self->params.non_square) {
        period[0] = period[1] = px_lattice_share(axis);
    }
    for (int i = 0; i < 2; i++) {
        const double cells = length[i] / period[i];
        count[i] = self->params.snap ? px_lattice_snap(cells) : (int32_t)rint(cells);
        count[i] = count[i] < 1 ? 1 : count[i];
        px_lattice_set_period(&axis[i],
                              self->params.snap ? (double)length[i] / count[i] : period[i]);
    }
}

static double clamp_to(double value, double most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* Solves position / period - phase - bend(position) = cell + 0.5 on both axes by iteration: the
 * bend changes slowly, so three turns are enough. */
static dgxp_status bend_centers(search *self, const double origin[2])
{
    dgxp_grid *grid = self->grid;
    const px_lattice_axis *ax = &self->axis[0], *ay = &self->axis[1];
    const size_t cells = (size_t)grid->info.width * (size_t)grid->info.height;
    grid->centers = px_mem_array(cells, 2 * sizeof *grid->centers);
    if (!grid->centers) {
        return px_error_memory("the centres of a grid");
    }
    float *to = grid->centers;
    for (int32_t j = 0; j < grid->info.height; j++) {
        for (int32_t i = 0; i < grid->info.width; i++) {
            const double u = origin[0] + i + 0.5 + ax->phase, v = origin[1] + j + 0.5 + ay->phase;
            double x = u * ax->period, y = v * ay->period;
            for (int turn = 0; turn < 3; turn++) {
                const double near_x = clamp_to(x, grid->image_width);
                const double near_y = clamp_to(y, grid->image_height);
                x = (u + px_lattice_bend(ax, near_x, near_y)) * ax->period;
                y = (v + px_lattice_bend(ay, near_y, near_x)) * ay->period;
            }
            *to++ = (float)x;
            *to++ = (float)y;
        }
    }
    grid->info.bent = 1;
    return DGXP_OK;
}

/* Lays `count` cells over the measured axes. */
static dgxp_status lay_cells(search *self, int32_t kind, const int32_t count[2])
{
    const int32_t length[2] = {self->grid->image_width, self->grid->image_height};
    double cell[2], offset[2], origin[2];
    for (int i = 0; i < 2; i++) {
        cell[i] = self->axis[i].period;
        if (self->params.at_border) {
            self->axis[i].phase = rint(self->axis[i].phase);
        }
        origin[i] = px_lattice_origin(&self->axis[i], length[i], count[i]);
        offset[i] = (origin[i] + self->axis[i].phase) * cell[i];
    }
    set_straight(self->grid, kind, cell, offset, count);
    const double spread = fmax(self->axis[0].spread, self->axis[1].spread);
    if (spread < STRAIGHT || self->params.straight || self->params.at_border) {
        return DGXP_OK;
    }
    return bend_centers(self, origin);
}

/* ------------------------------------------------------------------------------------- period */

/* A grid that was laid, and how well its cells explain the picture. */
typedef struct trial {
    dgxp_grid_info info;
    float *centers;
    px_explained why;
} trial;

/* Lays cells of about this size. */
static dgxp_status try_cell(search *self, const double wanted[2], double confidence, trial *out)
{
    dgxp_grid *grid = self->grid;
    const dgxp_grid_params asked = self->params;
    double cell[2] = {wanted[0], wanted[1]};
    int32_t count[2];
    self->params.snap = self->params.at_border = self->params.straight = 0;
    dgxp_status status = measure_axes(self, cell);
    if (!status) {
        /* again from the better period: nearer phases slip less */
        const double shared = px_lattice_share(self->axis);
        cell[0] = self->params.non_square ? self->axis[0].measured : shared;
        cell[1] = self->params.non_square ? self->axis[1].measured : shared;
        status = measure_axes(self, cell);
    }
    if (!status) {
        grid->info.bent = 0;
        adopt_periods(self, count);
        status = lay_cells(self, DGXP_GRID_CELLS, count);
    }
    self->params = asked;
    grid->info.confidence = confidence;
    *out = (trial){.info = grid->info, .centers = grid->centers};
    if (!status) {
        out->why = px_explain(self->images, self->count, grid);
    }
    grid->centers = NULL;
    return status;
}

/*
 * Tries the periods by rank.  The first whose cells explain the picture is the cell, unless a
 * multiple of it explains as much: fewer cells are the simpler account.
 */
static dgxp_status try_periods(search *self, const px_period *x, const px_period *y, trial *best)
{
    const int32_t length[2] = {self->grid->image_width, self->grid->image_height};
    const int32_t longer = length[0] > length[1] ? length[0] : length[1];
    dgxp_status status = DGXP_OK;
    bool found = best->info.width > 0;
    for (int32_t k = 0; k < x->count && k < y->count && !status; k++) {
        const double cell[2] = {x->peaks[k].period, y->peaks[k].period};
        const double ratio = found ? cell[0] / best->info.cell_width : 0;
        const bool coarser = ratio > 1.5 && ratio < 3.5 && fabs(ratio - rint(ratio)) < 0.03 * ratio;
        if (longer / fmin(cell[0], cell[1]) < PHASE_CELLS || (found && !coarser) ||
            x->peaks[k].score < FAINT * x->peaks[0].score) {
            continue;
        }
        trial one;
        status = try_cell(self, cell, fmin(x->confidence, y->confidence), &one);
        const double spread = fmax(self->axis[0].spread, self->axis[1].spread);
        const bool better = !status && px_explain_accepts(&one.info, &one.why, spread, k == 0) &&
                            (!found || one.why.inside < SIMPLER * best->why.inside + SIMPLER_NOISE);
        px_mem_free(better ? best->centers : one.centers);
        *best = better ? one : *best;
        found = found || better;
    }
    return status;
}

/* Whether cells that are not square explain the picture where square ones do not, or as well with
 * fewer of them. */
static bool is_simpler(const trial *oblong, const trial *square)
{
    const dgxp_grid_info *a = &oblong->info, *b = &square->info;
    if (a->width < 1 || oblong->why.inside > PX_EXPLAIN_FLAT / 2) {
        return false;
    }
    return b->width < 1 || oblong->why.inside < square->why.inside / 2 ||
           (a->width * a->height < b->width * b->height &&
            oblong->why.inside < SIMPLER * square->why.inside + SIMPLER_NOISE);
}

/* Fills the candidates and the confidence of the grid, and the best trial: no cells when none
 * explains the picture. */
static dgxp_status search_cells(search *self, const px_period found[3], trial *best)
{
    dgxp_grid_info *info = &self->grid->info;
    const bool separate = self->params.non_square;
    const px_period *x = &found[separate ? PX_PERIOD_X : PX_PERIOD_BOTH];
    const px_period *y = &found[separate ? PX_PERIOD_Y : PX_PERIOD_BOTH];
    enum { SHOWN = sizeof info->candidates / sizeof info->candidates[0] };
    *best = (trial){.why = {1, 1}};
    info->confidence = x->count && y->count ? fmin(x->confidence, y->confidence) : 0;
    info->candidate_count = x->count < SHOWN ? x->count : SHOWN;
    for (int32_t k = 0; k < info->candidate_count; k++) {
        info->candidates[k] = (dgxp_grid_candidate){x->peaks[k].period, x->peaks[k].score};
    }
    dgxp_status status = try_periods(self, x, y, best);
    const px_period *across = &found[PX_PERIOD_X], *down = &found[PX_PERIOD_Y];
    if (status || separate || !across->count || !down->count) {
        return status;
    }
    if (fabs(log(across->peaks[0].period / down->peaks[0].period)) < OBLONG ||
        fmin(across->peaks[0].score, down->peaks[0].score) < OBLONG_SCORE) {
        return status;
    }
    trial oblong = {.why = {1, 1}};
    self->params.non_square = 1;
    status = try_periods(self, across, down, &oblong);
    self->params.non_square = 0;
    const bool better = !status && is_simpler(&oblong, best);
    px_mem_free(better ? best->centers : oblong.centers);
    *best = better ? oblong : *best;
    return status;
}

/* Makes a trial the grid.  What the caller wants of its lines comes last: cells are judged by the
 * lines that the picture has. */
static dgxp_status settle(search *self, const trial *chosen)
{
    self->grid->info = chosen->info;
    self->grid->centers = chosen->centers;
    if (!self->params.snap && !self->params.at_border && !self->params.straight) {
        return DGXP_OK;
    }
    const double cell[2] = {chosen->info.cell_width, chosen->info.cell_height};
    const int32_t non_square = self->params.non_square;
    int32_t count[2];
    px_mem_free(self->grid->centers);
    self->grid->centers = NULL;
    self->grid->info.bent = 0;
    self->params.non_square = non_square || fabs(log(cell[0] / cell[1])) > OBLONG;
    dgxp_status status = measure_axes(self, cell);
    if (!status) {
        adopt_periods(self, count);
        status = lay_cells(self, DGXP_GRID_CELLS, count);
    }
    self->params.non_square = non_square;
    return status;
}

/* An interpolated enlargement has no edges to find; what explains the picture is no guess. */
static dgxp_status try_linear(const search *self, const px_period *edges, int32_t count[2],
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

static void adopt_linear(dgxp_grid *grid, const int32_t count[2])
{
    set_even(grid, DGXP_GRID_CELLS, count[0], count[1]);
    grid->info.confidence = EXPLAINED;
    grid->linear = true;
}

static dgxp_status find_grid(search *self)
{
    dgxp_grid *grid = self->grid;
    const int32_t length[2] = {grid->image_width, grid->image_height};
    const int32_t longer = px_image_most(length[0], length[1]);
    bool linear = false;
    int32_t bends[2];
    px_period periods[3];
    trial best = {.why = {1, 1}};
    dgxp_status status = build_edges(self);
    status = status ? status : px_period_search(&self->edges, self->params.prior, periods);
    status = status ? status : search_cells(self, periods, &best);
    if (!status && best.why.inside > PX_EXPLAIN_FLAT / 2) { /* no enlargement is flat inside */
        status = try_linear(self, &periods[PX_PERIOD_BOTH], bends, &linear);
    }
    if (status) {
        px_mem_free(best.centers);
        return status;
    }
    const dgxp_image *image = self->images[0];
    const bool few = px_native_few_colors(image);
    const double cell[2] = {best.info.cell_width, best.info.cell_height};
    bool cells = best.info.width > 0;
    if (linear &&
        !(cells && px_linear_is_harmonic(&grid->info, grid->image_width / cell[0], bends[0]))) {
        px_mem_free(best.centers);
        adopt_linear(grid, bends);
        return DGXP_OK;
    }
    /* what a sprite at its own size repeats (bricks, stripes) is no grid; a noisy picture of few colors
     * has cells that differ from their neighbours all over */
    const bool plain = best.why.inside < SURE && grid->info.candidates[0].score > PLAIN_SCORE;
    cells = cells && (!few || plain || !px_native_own_size(image, few) ||
                      px_native_short_runs(image, cell) < SHORT_RUNS ||
                      px_native_softness(image) > PX_NATIVE_SOFT);
    if (cells) {
        status = settle(self, &best);
        if (best.why.inside < SURE) {
            grid->info.confidence = fmax(grid->info.confidence, SURE_LEAST);
        }
        return status;
    }
    px_mem_free(best.centers);
    grid->info.bent = 0;
    if (px_native_own_size(image, few)) {
        set_even(grid, DGXP_GRID_FLAT, length[0], length[1]);
        return DGXP_OK;
    }
    const double side = self->params.prior > 0 ? self->params.prior : fmax(1, longer / 128.0);
    set_even(grid, DGXP_GRID_PAINTED, (int32_t)fmax(1, rint(length[0] / side)),
             (int32_t)fmax(1, rint(length[1] / side)));
    return DGXP_OK;
}

/* Flat cells, else what a painted checkerboard does not hide. */
static dgxp_status find_any_grid(search *self)
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
    status = status ? status : find_grid(self);
    self->images = images;
    dgxp_image_free(plain);
    return status;
}

/* ------------------------------------------------------------------------------------- forced */

/* The cells that the caller wants; their phases are followed where the picture has any. */
static dgxp_status force_grid(search *self)
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
        set_even(grid, DGXP_GRID_FORCED, count[0], count[1]);
    } else {
        for (int i = 0; i < 2; i++) {
            cell[i] = cell[i] > 0 ? cell[i] : cell[1 - i];
            count[i] = (int32_t)fmax(1, rint(length[i] / cell[i]));
        }
        set_straight(grid, DGXP_GRID_FORCED, cell, (double[2]){0, 0}, count);
    }
    const dgxp_grid_info even = grid->info;
    bool enough;
    if (try_flat(self, &enough) && grid->info.width == count[0] && grid->info.height == count[1]) {
        return DGXP_OK;
    }
    grid->info = even;
    cell[0] = even.cell_width;
    cell[1] = even.cell_height;
    if (!enough || cell[0] < 2 || cell[1] < 2 || count[0] < PHASE_CELLS || count[1] < PHASE_CELLS) {
        return enough ? DGXP_OK : px_error_memory("the search for flat cells");
    }
    dgxp_status status = build_edges(self);
    status = status ? status : measure_axes(self, cell);
    if (status || fmax(self->axis[0].spread, self->axis[1].spread) > CHAOTIC) {
        return status;
    }
    return lay_cells(self, DGXP_GRID_FORCED, count);
}

dgxp_status dgxp_grid_detect_frames(const dgxp_image *const *images, int32_t count,
                                    const dgxp_grid_params *params, dgxp_grid **out)
{
    px_error_clear();
    search self = {.images = images, .count = count};
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
