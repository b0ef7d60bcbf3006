/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where neighbouring pixels differ: the raw material of grid recovery. */
#include "image/edges.h"

#include "core/error.h"
#include "core/mem.h"
#include "image/color.h"
#include "image/image.h"

#include <math.h>
#include <string.h>

#define GATE 0.02f /* dE_OK below which a step is noise */

/* One row of the picture as four planes: OKLab weighted by alpha, and alpha. */
typedef struct lab_row {
    float *l, *a, *b, *alpha;
} lab_row;

static void load_row(const dgxp_image *image, int32_t y, bool has_alpha, lab_row row)
{
    const size_t width = (size_t)image->width;
    const uint8_t *rgba = px_image_at(image, 0, y);
    px_color_planes(rgba, width, row.l, row.a, row.b);
    if (!has_alpha) {
        return;
    }
    for (size_t x = 0; x < width; x++) {
        const float alpha = rgba[x * 4 + 3] * (1.0f / 255);
        row.l[x] *= alpha;
        row.a[x] *= alpha;
        row.b[x] *= alpha;
        row.alpha[x] = alpha;
    }
}

/* to[i] = strength of the step from `p` to `q`, `count` entries. */
static void measure_steps(lab_row p, lab_row q, size_t count, float *restrict to)
{
    for (size_t i = 0; i < count; i++) {
        const float l = p.l[i] - q.l[i], a = p.a[i] - q.a[i], b = p.b[i] - q.b[i];
        const float t = p.alpha[i] - q.alpha[i];
        const float step = sqrtf(l * l + a * a + b * b + t * t) - GATE;
        to[i] = sqrtf(step > 0 ? step : 0);
    }
}

/* `planes` has room for 9 rows of the picture; `down` is [height, cols]. */
static void add_edges(const dgxp_image *image, float *planes, px_edges *edges, float *down)
{
    const size_t width = (size_t)image->width;
    const bool has_alpha = px_image_has_alpha(image);
    memset(planes, 0, 9 * width * sizeof *planes);
    lab_row row[2];
    for (size_t i = 0; i < 2; i++) {
        float *base = planes + i * 4 * width;
        row[i] = (lab_row){base, base + width, base + 2 * width, base + 3 * width};
    }
    float *steps = planes + 8 * width;
    for (int32_t y = 0; y < image->height; y++) {
        const lab_row here = row[y & 1], above = row[~y & 1];
        const lab_row next = {here.l + 1, here.a + 1, here.b + 1, here.alpha + 1};
        load_row(image, y, has_alpha, here);
        measure_steps(here, next, width - 1, steps);
        float *sum = edges->across + (size_t)(y / PX_EDGES_FOLD) * width;
        for (size_t x = 1; x < width; x++) {
            sum[x] += steps[x - 1];
        }
        if (y == 0) {
            continue;
        }
        measure_steps(here, above, width, steps);
        float *to = down + (size_t)y * (size_t)edges->cols;
        for (size_t x = 0; x < width; x++) {
            to[x / PX_EDGES_FOLD] += steps[x];
        }
    }
}

/* In tiles that fit the cache: whole columns of a power-of-two picture fall on few cache lines. */
static void transpose(const float *from, int32_t rows, int32_t cols, float *to)
{
    enum { TILE = 16 };
    for (int32_t y = 0; y < rows; y += TILE) {
        for (int32_t x = 0; x < cols; x += TILE) {
            for (int32_t i = x; i < cols && i < x + TILE; i++) {
                for (int32_t j = y; j < rows && j < y + TILE; j++) {
                    to[(size_t)i * (size_t)rows + (size_t)j] =
                        from[(size_t)j * (size_t)cols + (size_t)i];
                }
            }
        }
    }
}

dgxp_status px_edges_build(const dgxp_image *const *images, int32_t count, px_edges *out)
{
    dgxp_status status = DGXP_OK;
    const int32_t width = images[0]->width, height = images[0]->height;
    px_edges edges = {.width = width,
                      .height = height,
                      .rows = (height + PX_EDGES_FOLD - 1) / PX_EDGES_FOLD,
                      .cols = (width + PX_EDGES_FOLD - 1) / PX_EDGES_FOLD};
    float *planes = px_mem_array((size_t)width, 9 * sizeof *planes);
    float *down = px_mem_zero((size_t)height, (size_t)edges.cols * sizeof *down);
    edges.across = px_mem_zero((size_t)edges.rows * (size_t)width, sizeof *edges.across);
    edges.down = px_mem_array((size_t)edges.cols * (size_t)height, sizeof *edges.down);
    if (!planes || !down || !edges.across || !edges.down) {
        status = px_error_memory("the edges of an image");
    }
    for (int32_t i = 0; i < count && !status; i++) {
        add_edges(images[i], planes, &edges, down);
    }
    if (!status) {
        transpose(down, height, edges.cols, edges.down);
    }
    px_mem_free(down);
    px_mem_free(planes);
    if (status) {
        px_edges_free(&edges);
    } else {
        *out = edges;
    }
    return status;
}

void px_edges_free(px_edges *edges)
{
    px_mem_free(edges->across);
    px_mem_free(edges->down);
    memset(edges, 0, sizeof *edges);
}
