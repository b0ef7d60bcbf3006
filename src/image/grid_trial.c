/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which period's cells explain the picture. */
#include "image/grid_search.h"

#include "core/mem.h"

#include <math.h>

#define SIMPLER 2.0 /* times what the finer cells leave inside, a coarser cell may leave */
#define SIMPLER_NOISE 0.01
#define FAINT 0.05        /* of the first candidate's score */
#define OBLONG_SCORE 0.25 /* of both sides: fewer edges agree by chance */

/* Lays cells of about this size. */
static dgxp_status try_cell(px_grid_search *self, const double wanted[2], double confidence,
                            px_grid_trial *out)
{
    dgxp_grid *grid = self->grid;
    const dgxp_grid_params asked = self->params;
    double cell[2] = {wanted[0], wanted[1]};
    int32_t count[2];
    self->params.snap = self->params.at_border = self->params.straight = 0;
    dgxp_status status = px_grid_measure(self, cell);
    if (!status) {
        /* again from the better period: nearer phases slip less */
        const double shared = px_lattice_share(self->axis);
        cell[0] = self->params.non_square ? self->axis[0].measured : shared;
        cell[1] = self->params.non_square ? self->axis[1].measured : shared;
        status = px_grid_measure(self, cell);
    }
    if (!status) {
        grid->info.bent = 0;
        px_grid_adopt(self, count);
        status = px_grid_lay(self, DGXP_GRID_CELLS, count);
    }
    self->params = asked;
    grid->info.confidence = confidence;
    *out = (px_grid_trial){.info = grid->info, .centers = grid->centers};
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
static dgxp_status try_periods(px_grid_search *self, const px_period *x, const px_period *y,
                               px_grid_trial *best)
{
    const int32_t length[2] = {self->grid->image_width, self->grid->image_height};
    const int32_t longer = length[0] > length[1] ? length[0] : length[1];
    dgxp_status status = DGXP_OK;
    bool found = best->info.width > 0;
    for (int32_t k = 0; k < x->count && k < y->count && !status; k++) {
        const double cell[2] = {x->peaks[k].period, y->peaks[k].period};
        const double ratio = found ? cell[0] / best->info.cell_width : 0;
        const bool coarser = ratio > 1.5 && ratio < 3.5 && fabs(ratio - rint(ratio)) < 0.03 * ratio;
        if (longer / fmin(cell[0], cell[1]) < PX_GRID_PHASE_CELLS || (found && !coarser) ||
            x->peaks[k].score < FAINT * x->peaks[0].score) {
            continue;
        }
        px_grid_trial one;
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
static bool is_simpler(const px_grid_trial *oblong, const px_grid_trial *square)
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
dgxp_status px_grid_try_all(px_grid_search *self, const px_period found[3], px_grid_trial *best)
{
    dgxp_grid_info *info = &self->grid->info;
    const bool separate = self->params.non_square;
    const px_period *x = &found[separate ? PX_PERIOD_X : PX_PERIOD_BOTH];
    const px_period *y = &found[separate ? PX_PERIOD_Y : PX_PERIOD_BOTH];
    enum { SHOWN = sizeof info->candidates / sizeof info->candidates[0] };
    *best = (px_grid_trial){.why = {1, 1}};
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
    if (fabs(log(across->peaks[0].period / down->peaks[0].period)) < PX_GRID_OBLONG ||
        fmin(across->peaks[0].score, down->peaks[0].score) < OBLONG_SCORE) {
        return status;
    }
    px_grid_trial oblong = {.why = {1, 1}};
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
dgxp_status px_grid_settle(px_grid_search *self, const px_grid_trial *chosen)
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
    self->params.non_square = non_square || fabs(log(cell[0] / cell[1])) > PX_GRID_OBLONG;
    dgxp_status status = px_grid_measure(self, cell);
    if (!status) {
        px_grid_adopt(self, count);
        status = px_grid_lay(self, DGXP_GRID_CELLS, count);
    }
    self->params.non_square = non_square;
    return status;
}
