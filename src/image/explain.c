/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How well cells explain a picture: flat inside, different from their neighbours. */
#include "image/explain.h"

#include "image/image.h"

#include <string.h>

/* Limits of the tuning half of tests/pixels/suite.py, beside photographs and painted pictures: of true
 * grids `inside` reaches 0.10 (0.30 rounded), of photographs it begins at 0.12 with few large cells. */
#define FLAT_FEW 0.02
#define SOME_CELLS 16
#define ROUND 0.32
#define ROUND_SHIFTED 0.5
#define AGREED 1.3
#define FEW_CELLS 28
#define LOOSE 0.5  /* cells rms: lines that wander more follow noise */
#define REACH 0.25 /* cells: how far from its middle a cell is looked at */

enum { POINTS = 9, LINES = 48, CHANNELS = 4, FRAMES = 8 };

/* The mean of POINTS around a place, and their variance; false where they leave the picture. */
static bool read_place(const dgxp_image *image, const double at[2], const double cell[2],
                       double mean[CHANNELS], double *variance)
{
    double squares = 0;
    for (int c = 0; c < CHANNELS; c++) {
        mean[c] = 0;
    }
    for (int k = 0; k < POINTS; k++) {
        const double x = at[0] + (k % 3 - 1) * REACH * cell[0];
        const double y = at[1] + (k / 3 - 1) * REACH * cell[1];
        if (x < 0 || y < 0 || x >= image->width || y >= image->height) {
            return false;
        }
        const uint8_t *p = px_image_at(image, (int32_t)x, (int32_t)y);
        for (int c = 0; c < CHANNELS; c++) {
            const double value = c < 3 ? p[c] * p[3] / 255.0 : p[3];
            mean[c] += value;
            squares += value * value;
        }
    }
    *variance = squares / POINTS;
    for (int c = 0; c < CHANNELS; c++) {
        mean[c] /= POINTS;
        *variance -= mean[c] * mean[c];
    }
    return true;
}

typedef struct sums {
    double inside, moved, between; /* squares */
    double places, pairs, halves;  /* of how many */
} sums;

static void add_row(const dgxp_image *image, const dgxp_grid *grid, int32_t y, sums *to)
{
    const double cell[2] = {grid->info.cell_width, grid->info.cell_height};
    double last[CHANNELS] = {0};
    bool before = false;
    for (int32_t x = 0; x < grid->info.width; x++) {
        double at[2], mean[CHANNELS], variance = 0;
        px_grid_center(grid, x, y, at);
        const bool here = read_place(image, at, cell, mean, &variance);
        for (int c = 0; c < CHANNELS && here && before; c++) {
            to->between += (mean[c] - last[c]) * (mean[c] - last[c]);
        }
        to->pairs += here && before;
        to->inside += here ? variance : 0;
        to->places += here;
        before = here;
        memcpy(last, mean, sizeof last);
        at[0] += cell[0] / 2;
        at[1] += cell[1] / 2;
        if (read_place(image, at, cell, mean, &variance)) {
            to->moved += variance;
            to->halves += 1;
        }
    }
}

px_explained px_explain(const dgxp_image *const *images, int32_t count, const dgxp_grid *grid)
{
    const int32_t step = grid->info.height / LINES + 1, frames = count / FRAMES + 1;
    sums all = {0};
    for (int32_t i = 0; i < count; i += frames) {
        for (int32_t y = 0; y < grid->info.height; y += step) {
            add_row(images[i], grid, y, &all);
        }
    }
    px_explained out = {.inside = 1, .shifted = 1};
    if (all.between > 0 && all.moved > 0) {
        out.inside = 2 * (all.inside / all.places) / (all.between / all.pairs);
        out.shifted = (all.inside / all.places) / (all.moved / all.halves);
    }
    return out;
}

bool px_explain_accepts(const dgxp_grid_info *info, const px_explained *why, double spread,
                        bool first)
{
    const int32_t across = px_image_most(info->width, info->height);
    if (spread >= LOOSE) {
        return false;
    }
    if (why->inside < (across < SOME_CELLS ? FLAT_FEW : PX_EXPLAIN_FLAT)) {
        return true;
    }
    return first && across >= FEW_CELLS && why->inside < ROUND && why->shifted < ROUND_SHIFTED &&
           info->confidence >= AGREED;
}
