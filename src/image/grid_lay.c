/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The lines between cells: straight ones, or such as follow the picture where it drifts. */
#include "image/grid_search.h"

#include "core/error.h"
#include "core/mem.h"

#include <math.h>

#define STRAIGHT 0.08 /* cells rms: below this, bending would only follow noise */

/* Makes straight cells of a size that begin at an offset. */
void px_grid_set_straight(dgxp_grid *grid, int32_t kind, const double cell[2],
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
void px_grid_set_even(dgxp_grid *grid, int32_t kind, int32_t width, int32_t height)
{
    const int32_t count[2] = {width, height};
    const double cell[2] = {(double)grid->image_width / width, (double)grid->image_height / height};
    px_grid_set_straight(grid, kind, cell, (double[2]){0, 0}, count);
}

dgxp_status px_grid_edges(px_grid_search *self)
{
    return self->edges.across ? DGXP_OK : px_edges_build(self->images, self->count, &self->edges);
}

dgxp_status px_grid_measure(px_grid_search *self, const double cell[2])
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
void px_grid_adopt(px_grid_search *self, int32_t count[2])
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
static dgxp_status bend_centers(px_grid_search *self, const double origin[2])
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
dgxp_status px_grid_lay(px_grid_search *self, int32_t kind, const int32_t count[2])
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
    px_grid_set_straight(self->grid, kind, cell, offset, count);
    const double spread = fmax(self->axis[0].spread, self->axis[1].spread);
    if (spread < STRAIGHT || self->params.straight || self->params.at_border) {
        return DGXP_OK;
    }
    return bend_centers(self, origin);
}
