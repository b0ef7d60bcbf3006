/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Single figures about finished sprites; the quality report puts them together. */
#include "image/measure.h"

#include "core/error.h"
#include "core/mem.h"
#include "image/cleanup.h"
#include "image/color.h"
#include "image/pieces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLORS_LISTED = 65536, COLORS_PAIRED = 256 };

typedef struct color_run {
    uint32_t rgb;
    int64_t count;
} color_run;

static bool is_opaque(const uint8_t *cell)
{
    return cell[3] >= 128;
}

static double measure_distance(const uint8_t *a, const uint8_t *b)
{
    return sqrt((double)px_color_distance2(px_color_lab(a), px_color_lab(b)));
}

static int compare_colors(const void *left, const void *right)
{
    const uint32_t a = ((const color_run *)left)->rgb, b = ((const color_run *)right)->rgb;
    return (a > b) - (a < b);
}

/* Sorted, and each color once. */
static size_t merge_runs(color_run *runs, size_t count)
{
    size_t kept = 0;
    qsort(runs, count, sizeof *runs, compare_colors);
    for (size_t i = 0; i < count; i++) {
        if (kept && runs[kept - 1].rgb == runs[i].rgb) {
            runs[kept - 1].count += runs[i].count;
        } else {
            runs[kept++] = runs[i];
        }
    }
    return kept;
}

/* Room for one more; the table is as large as there are colors, not cells. */
static bool make_room(color_run **runs, size_t *capacity, size_t *count)
{
    if (*count < *capacity) {
        return true;
    }
    *count = *capacity ? merge_runs(*runs, *count) : 0;
    if (*count < *capacity / 2) {
        return true;
    }
    const size_t wanted = *capacity ? *capacity * 2 : 1024;
    color_run *larger = px_mem_resize(*runs, wanted, sizeof **runs);
    if (larger) {
        *runs = larger;
        *capacity = wanted;
    }
    return larger != NULL;
}

/* The opaque colors of a picture, sorted, with how many cells have each; NULL when memory runs out.
 */
static color_run *list_colors(const dgxp_image *image, size_t *count)
{
    const size_t cells = px_image_count(image);
    color_run *runs = NULL;
    size_t capacity = 0;
    *count = 0;
    bool fits = make_room(&runs, &capacity, count);
    for (size_t i = 0; i < cells && fits; i++) {
        const uint8_t *cell = image->rgba + i * 4;
        const uint32_t rgb = (uint32_t)cell[0] << 16 | (uint32_t)cell[1] << 8 | (uint32_t)cell[2];
        if (!is_opaque(cell)) {
            continue;
        }
        if (*count && runs[*count - 1].rgb == rgb) {
            runs[*count - 1].count++;
        } else if ((fits = make_room(&runs, &capacity, count))) {
            runs[(*count)++] = (color_run){rgb, 1};
        }
    }
    if (!fits) {
        px_mem_free(runs);
        return NULL;
    }
    *count = merge_runs(runs, *count);
    return runs;
}

static int compare_runs(const void *left, const void *right)
{
    const color_run *a = left, *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return (a->rgb > b->rgb) - (a->rgb < b->rgb);
}

static int64_t count_near_pairs(const color_run *runs, int64_t count)
{
    const float near2 = 0.02f * 0.02f;
    px_lab lab[COLORS_PAIRED];
    int64_t pairs = 0;
    const int64_t listed = count < COLORS_PAIRED ? count : COLORS_PAIRED;
    for (int64_t i = 0; i < listed; i++) {
        const uint8_t rgb[3] = {(uint8_t)(runs[i].rgb >> 16), (uint8_t)(runs[i].rgb >> 8),
                                (uint8_t)runs[i].rgb};
        lab[i] = px_color_lab(rgb);
        for (int64_t j = 0; j < i; j++) {
            pairs += px_color_distance2(lab[i], lab[j]) < near2;
        }
    }
    return pairs;
}

static dgxp_status count_colors(const dgxp_image *image, px_measure_sprite *out)
{
    size_t count;
    color_run *runs = list_colors(image, &count);
    if (!runs) {
        return px_error_memory("a quality report");
    }
    int64_t cells = 0;
    for (size_t i = 0; i < count; i++) {
        cells += runs[i].count;
    }
    out->colors = (int64_t)(count < COLORS_LISTED ? count : COLORS_LISTED);
    for (int64_t i = 0; i < out->colors; i++) {
        const double share = (double)runs[i].count / (double)cells;
        out->entropy -= share * log2(share);
    }
    qsort(runs, (size_t)out->colors, sizeof *runs, compare_runs);
    out->near_pairs = count_near_pairs(runs, out->colors);
    px_mem_free(runs);
    return DGXP_OK;
}

static bool is_edge(const dgxp_image *image, int32_t x, int32_t y)
{
    return x == 0 || y == 0 || x == image->width - 1 || y == image->height - 1 ||
           !is_opaque(px_image_at(image, x - 1, y)) || !is_opaque(px_image_at(image, x + 1, y)) ||
           !is_opaque(px_image_at(image, x, y - 1)) || !is_opaque(px_image_at(image, x, y + 1));
}

static void count_cells(const dgxp_image *image, px_measure_sprite *out)
{
    const float dark = 0.4f;
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            const uint8_t *cell = px_image_at(image, x, y);
            out->cells++;
            out->soft_alpha += cell[3] != 0 && cell[3] != 255;
            if (!is_opaque(cell)) {
                continue;
            }
            out->opaque++;
            out->orphans += px_cleanup_is_orphan(image, x, y);
            out->border += x == 0 || y == 0 || x == image->width - 1 || y == image->height - 1;
            if (is_edge(image, x, y)) {
                out->edge++;
                out->dark_edge += px_color_lab(cell).l < dark;
                out->jaggies += px_cleanup_is_jaggy(image, x, y);
            }
        }
    }
}

/* Doubled pixels change color only on every second line: then the period found was half the true
 * one.  Of both axes the smaller share counts, of both parities the larger. */
static double find_doubling(const dgxp_image *image)
{
    int64_t changes[2][2] = {{0}};
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            const uint8_t *cell = px_image_at(image, x, y);
            changes[0][x & 1] += x && memcmp(cell, cell - 4, 4) != 0;
            changes[1][y & 1] += y && memcmp(cell, px_image_at(image, x, y - 1), 4) != 0;
        }
    }
    double least = 1;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t even = changes[axis][0], odd = changes[axis][1], all = even + odd;
        const double share = all ? (double)(even > odd ? even : odd) / (double)all : 0.5;
        least = share < least ? share : least;
    }
    return least;
}

static dgxp_status measure_pieces(const dgxp_image *image, px_measure_sprite *out)
{
    const size_t cells = px_image_count(image);
    uint8_t *wanted = px_mem_array(cells, 1);
    int32_t *label = px_mem_array(cells, sizeof *label), *sizes = NULL, largest = 0;
    if (wanted && label) {
        for (size_t i = 0; i < cells; i++) {
            wanted[i] = is_opaque(image->rgba + i * 4);
        }
        const int32_t pieces = px_pieces_label(wanted, image->width, image->height, label, &sizes);
        for (int32_t i = 1; sizes && i <= pieces; i++) {
            largest = sizes[i] > largest ? sizes[i] : largest;
        }
    }
    out->main_share = out->opaque ? (double)largest / (double)out->opaque : 0;
    const bool fits = sizes != NULL;
    px_mem_free(wanted);
    px_mem_free(label);
    px_mem_free(sizes);
    return fits ? DGXP_OK : px_error_memory("a quality report");
}

dgxp_status px_measure_count(const dgxp_image *image, px_measure_sprite *out)
{
    memset(out, 0, sizeof *out);
    count_cells(image, out);
    out->even_changes = find_doubling(image);
    const dgxp_status status = count_colors(image, out);
    return status ? status : measure_pieces(image, out);
}

/* Distance between columns `a` and `b`, or with `rows` between rows, over all their cells. */
static double compare_lines(const dgxp_image *image, bool rows, int32_t a, int32_t b)
{
    double sum = 0;
    const int32_t length = rows ? image->width : image->height;
    for (int32_t i = 0; i < length; i++) {
        sum += rows ? measure_distance(px_image_at(image, i, a), px_image_at(image, i, b))
                    : measure_distance(px_image_at(image, a, i), px_image_at(image, b, i));
    }
    return sum / length;
}

double px_measure_seam(const dgxp_image *image)
{
    double worst = 0;
    for (int axis = 0; axis < 2; axis++) {
        const int32_t lines = axis ? image->height : image->width;
        double inside = 0;
        for (int32_t i = 1; i < lines; i++) {
            inside += compare_lines(image, axis == 1, i - 1, i) / (lines - 1);
        }
        const double seam = compare_lines(image, axis == 1, lines - 1, 0);
        const double ratio = inside > 0 ? seam / inside : seam > 0 ? INFINITY : 0;
        worst = ratio > worst ? ratio : worst;
    }
    return worst;
}

/* ------------------------------------------------------------------------- against the source */

static double find_gap(double position, double offset, double cell)
{
    const double at = (position - offset) / cell;
    return fabs(at - round(at));
}

double px_measure_conformity(const dgxp_image *source, const px_measure_grid *grid)
{
    const double gate = 0.02, close = 0.15;
    double all = 0, on_lines = 0;
    for (int32_t y = 0; y < source->height; y++) {
        for (int32_t x = 0; x < source->width; x++) {
            const uint8_t *cell = px_image_at(source, x, y);
            const double across = x ? measure_distance(cell, cell - 4) - gate : 0;
            const double down =
                y ? measure_distance(cell, px_image_at(source, x, y - 1)) - gate : 0;
            if (across > 0) {
                all += across;
                on_lines += find_gap(x, grid->offset_x, grid->cell_width) <= close ? across : 0;
            }
            if (down > 0) {
                all += down;
                on_lines += find_gap(y, grid->offset_y, grid->cell_height) <= close ? down : 0;
            }
        }
    }
    return all > 0 ? on_lines / all : 1;
}

double px_measure_residual(const dgxp_image *source, const px_measure_grid *grid,
                           const dgxp_image *sprite)
{
    double sum = 0;
    int64_t count = 0;
    for (int32_t y = 0; y < source->height; y++) {
        for (int32_t x = 0; x < source->width; x++) {
            const double column = floor((x + 0.5 - grid->offset_x) / grid->cell_width);
            const double row = floor((y + 0.5 - grid->offset_y) / grid->cell_height);
            if (column < 0 || row < 0 || column >= sprite->width || row >= sprite->height) {
                continue;
            }
            const uint8_t *cell = px_image_at(sprite, (int32_t)column, (int32_t)row);
            if (is_opaque(cell)) {
                sum += measure_distance(cell, px_image_at(source, x, y));
                count++;
            }
        }
    }
    return count ? sum / (double)count : 0;
}

/* ------------------------------------------------------------------------------------- frames */

double px_measure_jaccard(const dgxp_image *a, const dgxp_image *b)
{
    size_t count_a, count_b;
    color_run *of_a = list_colors(a, &count_a), *of_b = list_colors(b, &count_b);
    int64_t both = 0, either = 0;
    for (size_t i = 0, j = 0; of_a && of_b && (i < count_a || j < count_b); either++) {
        const bool has_a = i < count_a && (j >= count_b || of_a[i].rgb <= of_b[j].rgb);
        const bool has_b = j < count_b && (i >= count_a || of_b[j].rgb <= of_a[i].rgb);
        both += has_a && has_b;
        i += has_a;
        j += has_b;
    }
    const bool fits = of_a && of_b;
    px_mem_free(of_a);
    px_mem_free(of_b);
    return !fits ? -1 : either ? (double)both / (double)either : 1;
}

double px_measure_overlap(const dgxp_image *a, const dgxp_image *b)
{
    int64_t both = 0, either = 0;
    const size_t cells = px_image_count(a);
    for (size_t i = 0; i < cells; i++) {
        const bool in_a = is_opaque(a->rgba + i * 4), in_b = is_opaque(b->rgba + i * 4);
        both += in_a && in_b;
        either += in_a || in_b;
    }
    return either ? (double)both / (double)either : 1;
}

static bool is_still_around(const dgxp_image *a, const dgxp_image *b, int32_t x, int32_t y)
{
    for (int32_t dy = -1; dy <= 1; dy++) {
        for (int32_t dx = -1; dx <= 1; dx++) {
            const int32_t nx = x + dx, ny = y + dy;
            if ((dx || dy) && nx >= 0 && ny >= 0 && nx < a->width && ny < a->height &&
                memcmp(px_image_at(a, nx, ny), px_image_at(b, nx, ny), 4) != 0) {
                return false;
            }
        }
    }
    return true;
}

double px_measure_flicker(const dgxp_image *a, const dgxp_image *b)
{
    int64_t still = 0, changed = 0;
    for (int32_t y = 0; y < a->height; y++) {
        for (int32_t x = 0; x < a->width; x++) {
            if (is_still_around(a, b, x, y)) {
                still++;
                changed += memcmp(px_image_at(a, x, y), px_image_at(b, x, y), 4) != 0;
            }
        }
    }
    return still ? (double)changed / (double)still : 0;
}
