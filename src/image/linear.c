/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pixel art that was enlarged by linear interpolation, or by one that is like it. */
#include "image/linear.h"

#include "core/error.h"
#include "core/mem.h"
#include "image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Between two cells' centres the picture is a straight line, so its first differences have no
 * period, but the second ones are nothing except at the centres: a comb whose place is known.
 * What the comb says is then proved: the cells are read, enlarged, and must be the picture.
 */
#define CELL_LEAST 3
#define CELL_MOST 64
#define COMB_SHARE 0.6     /* fewer cells with this share of the best comb are the cells */
#define COMB_LEAST 0.45    /* of both axes together; noise that was blurred stays below */
#define ERROR_SHARE 0.10   /* of the contrast of neighbouring cells: cubic kernels overshoot */
#define ERROR_NOISE 2.0    /* levels, for JPEG */
#define CONTRAST_LEAST 8.0 /* levels */

enum { CELLS_LEAST = 12, ROWS = 192, CANDIDATES = 3 };

static int32_t sum_at(const dgxp_image *image, int32_t x, int32_t y)
{
    const uint8_t *p = px_image_at(image, x, y);
    return (p[0] + p[1] + p[2]) * p[3] / 255;
}

/* profile[i] = how much the picture bends at i along an axis, less its mean; returns their size. */
static double measure_bends(const dgxp_image *image, bool vertical, double *profile)
{
    const int32_t length = vertical ? image->height : image->width;
    const int32_t lines = vertical ? image->width : image->height;
    const int32_t step = lines / ROWS + 1;
    double mean = 0, size = 0;
    memset(profile, 0, (size_t)length * sizeof *profile);
    for (int32_t line = 0; line < lines; line += step) {
        for (int32_t i = 1; i + 1 < length; i++) {
            const int32_t left = vertical ? sum_at(image, line, i - 1) : sum_at(image, i - 1, line);
            const int32_t here = vertical ? sum_at(image, line, i) : sum_at(image, i, line);
            const int32_t right =
                vertical ? sum_at(image, line, i + 1) : sum_at(image, i + 1, line);
            profile[i] += abs(left - 2 * here + right);
        }
    }
    for (int32_t i = 0; i < length; i++) {
        mean += profile[i] / length;
    }
    for (int32_t i = 0; i < length; i++) {
        profile[i] -= mean;
        size += fabs(profile[i]);
    }
    return size;
}

/* How well the bends lie at the centres of so many cells, -1..1. */
static double score_comb(const double *profile, int32_t length, double size, double cells)
{
    const double turn = 2 * M_PI * cells / length;
    double sum = 0;
    for (int32_t i = 0; i < length; i++) {
        sum -= profile[i] * cos(turn * (i + 0.5));
    }
    return size > 0 ? sum / size : 0;
}

typedef struct cells {
    const dgxp_image *image;
    int32_t count[2];
    double (*rgba)[4]; /* [count[1], count[0]] */
} cells;

static void sample(const dgxp_image *image, double x, double y, double to[4])
{
    const double fx = fmin(fmax(x, 0), image->width - 1), fy = fmin(fmax(y, 0), image->height - 1);
    const int32_t x0 = (int32_t)fx, y0 = (int32_t)fy;
    const int32_t x1 = x0 + 1 < image->width ? x0 + 1 : x0,
                  y1 = y0 + 1 < image->height ? y0 + 1 : y0;
    const double a = fx - x0, b = fy - y0;
    for (int c = 0; c < 4; c++) {
        const double top =
            px_image_at(image, x0, y0)[c] * (1 - a) + px_image_at(image, x1, y0)[c] * a;
        const double low =
            px_image_at(image, x0, y1)[c] * (1 - a) + px_image_at(image, x1, y1)[c] * a;
        to[c] = top * (1 - b) + low * b;
    }
}

/* The rms of the steps between neighbouring cells, in levels. */
static double read_cells(cells *self)
{
    const double w = (double)self->image->width / self->count[0];
    const double h = (double)self->image->height / self->count[1];
    double squares = 0, steps = 0;
    for (int32_t j = 0; j < self->count[1]; j++) {
        for (int32_t i = 0; i < self->count[0]; i++) {
            double *here = self->rgba[(size_t)j * (size_t)self->count[0] + (size_t)i];
            sample(self->image, (i + 0.5) * w - 0.5, (j + 0.5) * h - 0.5, here);
            for (int c = 0; c < 4 && i; c++) {
                const double step = here[c] - here[c - 4];
                squares += step * step;
                steps += 1;
            }
        }
    }
    return steps > 0 ? sqrt(squares / steps) : 0;
}

static double clamp_to(double value, double most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* The rms of what the enlarged cells leave, in levels, on rows spread over the picture. */
static double measure_rest(const cells *self)
{
    const dgxp_image *image = self->image;
    const int32_t step = image->height / ROWS + 1, wide = self->count[0], high = self->count[1];
    double squares = 0, values = 0;
    for (int32_t y = 0; y < image->height; y += step) {
        const double v = clamp_to((y + 0.5) * high / image->height - 0.5, high - 1);
        const int32_t j = v >= high - 1 ? high - 2 : (int32_t)v;
        for (int32_t x = 0; x < image->width; x++) {
            const double u = clamp_to((x + 0.5) * wide / image->width - 0.5, wide - 1);
            const int32_t i = u >= wide - 1 ? wide - 2 : (int32_t)u;
            const double (*top)[4] = (const double (*)[4])self->rgba + (size_t)j * (size_t)wide + i;
            const double (*low)[4] = top + wide;
            const uint8_t *p = px_image_at(image, x, y);
            for (int c = 0; c < 4; c++) {
                const double upper = top[0][c] + (top[1][c] - top[0][c]) * (u - i);
                const double lower = low[0][c] + (low[1][c] - low[0][c]) * (u - i);
                const double rest = upper + (lower - upper) * (v - j) - p[c];
                squares += rest * rest;
            }
            values += 4;
        }
    }
    return values > 0 ? sqrt(squares / values) : 0;
}

static dgxp_status try_count(const dgxp_image *image, const int32_t count[2], bool *explains)
{
    cells self = {.image = image, .count = {count[0], count[1]}};
    self.rgba = px_mem_array((size_t)count[0] * (size_t)count[1], sizeof *self.rgba);
    if (!self.rgba) {
        return px_error_memory("the cells of an image");
    }
    const double contrast = read_cells(&self);
    *explains =
        contrast >= CONTRAST_LEAST && measure_rest(&self) <= ERROR_SHARE * contrast + ERROR_NOISE;
    px_mem_free(self.rgba);
    return DGXP_OK;
}

/* The combs' scores of `least`..`most` cells across, both axes together. */
static void score_counts(const dgxp_image *image, double *profiles, int32_t least, int32_t most,
                         double *scores)
{
    double *across = profiles, *down = profiles + image->width;
    const double size_x = measure_bends(image, false, across);
    const double size_y = measure_bends(image, true, down);
    for (int32_t n = least; n <= most; n++) {
        const double high = rint((double)n * image->height / image->width);
        scores[n] = score_comb(across, image->width, size_x, n) +
                    score_comb(down, image->height, size_y, high);
    }
}

dgxp_status px_linear_find(const dgxp_image *image, int32_t count[2], bool *found)
{
    const int32_t shorter = px_image_least(image->width, image->height);
    const int32_t least = (int32_t)fmax(CELLS_LEAST, ceil((double)image->width / CELL_MOST));
    const int32_t most = (int32_t)(image->width / CELL_LEAST);
    dgxp_status status = DGXP_OK;
    *found = false;
    if (most <= least || shorter < CELLS_LEAST * 3) {
        return DGXP_OK;
    }
    double *profiles = px_mem_array((size_t)image->width + (size_t)image->height, sizeof *profiles);
    double *scores = px_mem_zero((size_t)most + 1, sizeof *scores);
    if (profiles && scores) {
        score_counts(image, profiles, least, most, scores);
    } else {
        status = px_error_memory("the search for linear cells");
    }
    for (int turn = 0; turn < CANDIDATES && !status && !*found; turn++) {
        double best = 0;
        int32_t chosen = 0;
        for (int32_t n = least; n <= most; n++) {
            best = fmax(best, scores[n]);
        }
        for (int32_t n = least; n <= most && !chosen && best > COMB_LEAST; n++) {
            const bool peak = (n == least || scores[n] >= scores[n - 1]) &&
                              (n == most || scores[n] >= scores[n + 1]);
            chosen = peak && scores[n] >= COMB_SHARE * best ? n : 0;
        }
        if (!chosen) {
            break;
        }
        count[0] = chosen;
        count[1] = (int32_t)fmax(2, rint((double)chosen * image->height / image->width));
        status = try_count(image, count, found);
        scores[chosen] = 0;
    }
    px_mem_free(profiles);
    px_mem_free(scores);
    return status;
}
