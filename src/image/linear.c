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
#define CERTAIN 2.15 /* the confidence at which edges overrule bends */
#define CELL_MOST 64
#define COMB_LEAST 0.15    /* of both axes together: a comb to try */
#define ERROR_SHARE 0.10   /* of the contrast of neighbouring cells */
#define ERROR_NOISE 2.0    /* levels, for JPEG */
#define CONTRAST_LEAST 8.0 /* levels */
#define HOPELESS 2.5       /* times what may be left: no other kernel mends it */
#define ASIDE 0.07         /* of the number of cells: a wrong one */
#define DISTINCT 0.6       /* of what wrong ones leave */

enum { CELLS_LEAST = 12, ROWS = 192, COMBS = 6, GLANCE = 8, LOOK = 64, TAPS = 6 };

/* What pictures are enlarged with: between neighbours linear, cubic (-0.5), Lanczos of three lobes. */
typedef enum kernel { LINEAR, CUBIC, LANCZOS, KERNELS } kernel;

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

/* Cells that are read when a row needs them. */
typedef struct cells {
    const dgxp_image *image;
    int32_t count[2];
    float (*rgba)[4]; /* [count[1], count[0]] */
    uint8_t *read;    /* [count[1]] */
    double squares;   /* of the steps between cells that were read ... */
    double steps;     /* ... and their number */
} cells;

static void sample(const dgxp_image *image, double x, double y, float to[4])
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
        to[c] = (float)(top * (1 - b) + low * b);
    }
}

static const float (*read_row(cells *self, int32_t j))[4]
{
    float (*row)[4] = self->rgba + (size_t)j * (size_t)self->count[0];
    if (!self->read[j]) {
        const double w = (double)self->image->width / self->count[0];
        const double h = (double)self->image->height / self->count[1];
        self->read[j] = 1;
        for (int32_t i = 0; i < self->count[0]; i++) {
            sample(self->image, (i + 0.5) * w - 0.5, (j + 0.5) * h - 0.5, row[i]);
            for (int c = 0; c < 4 && i; c++) {
                const double step = row[i][c] - row[i - 1][c];
                self->squares += step * step;
            }
            self->steps += i ? 4 : 0;
        }
    }
    return (const float (*)[4])row;
}

static double weigh(kernel kind, double at)
{
    const double x = fabs(at);
    if (kind == LINEAR) {
        return x < 1 ? 1 - x : 0;
    }
    if (kind == CUBIC) {
        return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    }
    return x < 1e-9 ? 1 : x < 3 ? 3 * sin(M_PI * x) * sin(M_PI * x / 3) / (M_PI * M_PI * x * x) : 0;
}

/* The cells that make pixel `at` of `length`, and their weights; the border's cells go on. */
static void find_taps(kernel kind, int32_t at, int32_t length, int32_t count, int32_t cell[TAPS],
                      float weight[TAPS])
{
    const double u = (at + 0.5) * count / length - 0.5;
    const int32_t first = (int32_t)floor(u) - TAPS / 2 + 1;
    double sum = 0;
    for (int k = 0; k < TAPS; k++) {
        const int32_t i = first + k;
        cell[k] = i < 0 ? 0 : i >= count ? count - 1 : i;
        weight[k] = (float)weigh(kind, u - i);
        sum += weight[k];
    }
    for (int k = 0; k < TAPS; k++) {
        weight[k] /= (float)sum;
    }
}

/* The rms of what the enlarged cells leave, in levels, on `rows` rows; `line` holds a row of cells. */
static double measure_rest(cells *self, kernel kind, int32_t rows, float (*line)[4])
{
    const dgxp_image *image = self->image;
    const int32_t step = image->height / rows + 1, wide = self->count[0];
    const int32_t skip = image->width / (rows * 8) + 1;
    double squares = 0, values = 0;
    int32_t cell[TAPS];
    float weight[TAPS];
    for (int32_t y = step / 2; y < image->height; y += step) {
        find_taps(kind, y, image->height, self->count[1], cell, weight);
        memset(line, 0, (size_t)wide * sizeof *line);
        for (int k = 0; k < TAPS; k++) {
            const float (*row)[4] = weight[k] != 0 ? read_row(self, cell[k]) : NULL;
            for (int32_t i = 0; i < wide && row; i++) {
                for (int c = 0; c < 4; c++) {
                    line[i][c] += weight[k] * row[i][c];
                }
            }
        }
        for (int32_t x = 0; x < image->width; x += skip) {
            const uint8_t *p = px_image_at(image, x, y);
            find_taps(kind, x, image->width, wide, cell, weight);
            for (int c = 0; c < 4; c++) {
                float value = 0;
                for (int k = 0; k < TAPS; k++) {
                    value += weight[k] * line[cell[k]][c];
                }
                const double rest = fmin(fmax(value, 0), 255) - p[c];
                squares += rest * rest;
            }
            values += 4;
        }
    }
    return values > 0 ? sqrt(squares / values) : 0;
}

/* `*left` = the least of what a kernel leaves, over what may be left: at most 1 explains.  Only what
 * a glance does not refuse is looked at. */
static dgxp_status try_count(const dgxp_image *image, const int32_t count[2], double *left)
{
    cells self = {.image = image, .count = {count[0], count[1]}};
    dgxp_status status = DGXP_OK;
    self.rgba = px_mem_array(((size_t)count[1] + 1) * (size_t)count[0], sizeof *self.rgba);
    self.read = px_mem_zero((size_t)count[1], 1);
    *left = HUGE_VAL;
    if (!self.rgba || !self.read) {
        status = px_error_memory("the cells of an image");
    }
    float (*line)[4] = status ? NULL : self.rgba + (size_t)count[1] * (size_t)count[0];
    for (int turn = 0; turn < 2 && !status; turn++) {
        if (turn && *left > 1) {
            break;
        }
        *left = HUGE_VAL;
        for (kernel kind = LINEAR; kind < KERNELS; kind++) {
            const double rest = measure_rest(&self, kind, turn ? LOOK : GLANCE, line);
            const double contrast = sqrt(self.squares / fmax(self.steps, 1));
            const double most = ERROR_SHARE * contrast + ERROR_NOISE;
            *left = contrast >= CONTRAST_LEAST ? fmin(*left, rest / most) : *left;
            if (*left > HOPELESS) {
                break;
            }
        }
    }
    px_mem_free(self.rgba);
    px_mem_free(self.read);
    return status;
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

/* Leaves the COMBS highest peaks, and the counts that edges hint at, as what is above 0. */
static void choose_counts(double *scores, int32_t least, int32_t most, const double *hints,
                          int32_t hint_count, int32_t wide)
{
    double limit = COMB_LEAST, tops[COMBS] = {0};
    for (int32_t n = least; n <= most; n++) {
        const bool peak =
            (n == least || scores[n] >= scores[n - 1]) && (n == most || scores[n] >= scores[n + 1]);
        for (int k = 0; k < COMBS && peak; k++) {
            if (scores[n] > tops[k]) {
                memmove(tops + k + 1, tops + k, (size_t)(COMBS - 1 - k) * sizeof *tops);
                tops[k] = scores[n];
                break;
            }
        }
    }
    limit = fmax(limit, tops[COMBS - 1]);
    double last = -HUGE_VAL;
    for (int32_t n = least; n <= most; n++) {
        const double here = scores[n], next = n < most ? scores[n + 1] : -HUGE_VAL;
        scores[n] = here >= last && here >= next && here >= limit ? 1 : 0;
        last = here;
    }
    for (int32_t k = 0; k < hint_count; k++) {
        const int32_t n = (int32_t)rint(wide / hints[k]);
        if (n >= least && n <= most) {
            scores[n] = 1;
        }
    }
}

/* `*left` of so many cells across. */
static dgxp_status try_across(const dgxp_image *image, int32_t wide, int32_t count[2], double *left)
{
    count[0] = wide;
    count[1] = (int32_t)fmax(2, rint((double)wide * image->height / image->width));
    return try_count(image, count, left);
}

/*
 * Whether about so many cells are it: they, or one more or less, since combs may be one off.  A
 * smooth picture is explained by any number that is large enough; only the true one leaves far less
 * than its neighbours.
 */
static dgxp_status try_around(const dgxp_image *image, int32_t wide, int32_t count[2], bool *found)
{
    const int32_t aside = (int32_t)fmax(2, rint(wide * ASIDE));
    double left, other, best = HUGE_VAL;
    int32_t size[2], chosen = wide;
    dgxp_status status = try_across(image, wide, size, &left);
    if (status || left > HOPELESS) {
        return status;
    }
    for (int32_t n = wide - 1; n <= wide + 1 && !status; n++) {
        status = try_across(image, n, size, &left);
        if (!status && left < best) {
            best = left;
            chosen = n;
        }
    }
    for (int side = -1; side <= 1 && best <= 1 && !status; side += 2) {
        status = try_across(image, chosen + side * aside, size, &other);
        best = !status && best < DISTINCT * other ? best : HUGE_VAL;
    }
    *found = !status && best <= 1;
    count[0] = chosen;
    count[1] = (int32_t)fmax(2, rint((double)chosen * image->height / image->width));
    return status;
}

dgxp_status px_linear_find(const dgxp_image *image, const double *hints, int32_t hint_count,
                           int32_t count[2], bool *found)
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
        choose_counts(scores, least, most, hints, hint_count, image->width);
    } else {
        status = px_error_memory("the search for linear cells");
    }
    for (int32_t n = least; n <= most && !status && !*found; n++) {
        if (scores[n] > 0) {
            status = try_around(image, n, count, found);
        }
    }
    px_mem_free(profiles);
    px_mem_free(scores);
    return status;
}

bool px_linear_is_harmonic(const dgxp_grid_info *info, double edges, int32_t bends)
{
    const double share = bends / edges;
    return info->confidence >= CERTAIN && share > 1.5 && fabs(share - rint(share)) < .1;
}
