/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One pixel of each cell: median, centre, dominant, k-centroid, detail. */
#include "image/downscale.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color.h"
#include "image/grid.h"
#include "image/image.h"

#include <math.h>
#include <string.h>

const dgxp_choice px_downscale_rule_choices[] = {
    {DGXP_CELL_AUTO, "auto", "median; detail where no grid was found"},
    {DGXP_CELL_MEDIAN, "median", "the median of the inner 60 % of a cell, by channel"},
    {DGXP_CELL_CENTER, "center", "the pixel at the middle of a cell"},
    {DGXP_CELL_DOMINANT, "dominant", "the most frequent color of a cell"},
    {DGXP_CELL_K_CENTROID, "k-centroid", "the larger of two color clusters of a cell"},
    {DGXP_CELL_DETAIL, "detail", "what stands out weighs more (DPID), for painted pictures"},
};
const int32_t px_downscale_rule_count =
    sizeof px_downscale_rule_choices / sizeof px_downscale_rule_choices[0];

/* The pixels of one cell. */
typedef struct sample {
    const dgxp_image *image;
    int32_t left, top, right, bottom; /* [left, right) x [top, bottom), never empty */
} sample;

static int32_t clamp_index(double value, int32_t count)
{
    return !(value > 0) ? 0 : value > count - 1 ? count - 1 : (int32_t)value;
}

/* Pixels whose middle is within `reach` of a cell on both axes; the nearest one when they are fewer
 * than 4. */
static sample select_pixels(const dgxp_image *image, const dgxp_grid *grid, int32_t x, int32_t y,
                            double reach)
{
    double at[2];
    px_grid_center(grid, x, y, at);
    const double rx = reach * grid->info.cell_width, ry = reach * grid->info.cell_height;
    sample s = {.image = image,
                .left = clamp_index(ceil(at[0] - rx - 0.5), image->width),
                .top = clamp_index(ceil(at[1] - ry - 0.5), image->height),
                .right = clamp_index(floor(at[0] + rx - 0.5), image->width) + 1,
                .bottom = clamp_index(floor(at[1] + ry - 0.5), image->height) + 1};
    if (s.right <= s.left || s.bottom <= s.top || (s.right - s.left) * (s.bottom - s.top) < 4) {
        s.left = clamp_index(at[0], image->width);
        s.top = clamp_index(at[1], image->height);
        s.right = s.left + 1;
        s.bottom = s.top + 1;
    }
    return s;
}

static void take_center(const dgxp_image *image, const dgxp_grid *grid, int32_t x, int32_t y,
                        uint8_t out[4])
{
    double at[2];
    px_grid_center(grid, x, y, at);
    memcpy(out,
           px_image_at(image, clamp_index(at[0], image->width), clamp_index(at[1], image->height)),
           4);
}

/* Histograms of one channel: fine to the level, coarse to 16 levels so that a rank is found in at
 * most 32 steps. */
typedef struct histogram {
    uint32_t coarse[16], fine[256];
} histogram;

static inline void count_level(histogram *h, uint8_t level)
{
    h->coarse[level >> 4]++;
    h->fine[level]++;
}

static uint8_t find_rank(const histogram *h, uint32_t rank)
{
    int level = 0;
    for (; level < 15 && rank >= h->coarse[level]; level++) {
        rank -= h->coarse[level];
    }
    for (level *= 16; level < 255 && rank >= h->fine[level]; level++) {
        rank -= h->fine[level];
    }
    return (uint8_t)level;
}

/* Colors count only where the pixel is visible; alpha counts everywhere. */
static void take_median(sample s, uint8_t out[4])
{
    histogram h[4];
    memset(h, 0, sizeof h);
    uint32_t visible = 0, all = 0;
    for (int32_t y = s.top; y < s.bottom; y++) {
        const uint8_t *p = px_image_at(s.image, s.left, y);
        for (int32_t x = s.left; x < s.right; x++, p += 4) {
            count_level(&h[3], p[3]);
            all++;
            if (p[3] >= 128) {
                count_level(&h[0], p[0]);
                count_level(&h[1], p[1]);
                count_level(&h[2], p[2]);
                visible++;
            }
        }
    }
    out[3] = find_rank(&h[3], (all - 1) / 2);
    for (int c = 0; c < 3; c++) {
        out[c] =
            visible ? find_rank(&h[c], (visible - 1) / 2) : px_image_at(s.image, s.left, s.top)[c];
    }
}

static uint8_t round_mean(uint64_t sum, uint64_t count)
{
    return (uint8_t)((sum + count / 2) / count);
}

static void take_dominant(sample s, uint16_t *bins, uint8_t out[4])
{
    enum { BINS = 4097 }; /* 16 levels a channel, and one for what is transparent */
    memset(bins, 0, BINS * sizeof *bins);
    uint32_t best = 0;
    for (int turn = 0; turn < 2; turn++) {
        uint64_t sum[4] = {0}, count = 0;
        for (int32_t y = s.top; y < s.bottom; y++) {
            const uint8_t *p = px_image_at(s.image, s.left, y);
            for (int32_t x = s.left; x < s.right; x++, p += 4) {
                const uint32_t bin =
                    p[3] < 128 ? BINS - 1 : (uint32_t)(p[0] >> 4 << 8 | p[1] >> 4 << 4 | p[2] >> 4);
                if (turn == 0) {
                    bins[bin] += bins[bin] < UINT16_MAX;
                    best = bins[bin] > bins[best] ? bin : best;
                } else if (bin == best) {
                    for (int c = 0; c < 4; c++) {
                        sum[c] += p[c];
                    }
                    count++;
                }
            }
        }
        for (int c = 0; turn == 1 && c < 4; c++) {
            out[c] = round_mean(sum[c], count);
        }
    }
}

/* Two clusters by Lloyd's method from the darkest and the brightest pixel; the larger one's mean.
 */
static void take_centroid(sample s, uint8_t out[4])
{
    float center[2][4] = {{0}};
    int32_t brightness[2] = {INT32_MAX, -1};
    for (int32_t y = s.top; y < s.bottom; y++) {
        const uint8_t *p = px_image_at(s.image, s.left, y);
        for (int32_t x = s.left; x < s.right; x++, p += 4) {
            const int32_t value = (2 * p[0] + 5 * p[1] + p[2]) * p[3];
            for (int k = 0; k < 2; k++) {
                if (k ? value > brightness[1] : value < brightness[0]) {
                    brightness[k] = value;
                    for (int c = 0; c < 4; c++) {
                        center[k][c] = p[c];
                    }
                }
            }
        }
    }
    uint64_t count[2] = {0};
    for (int turn = 0; turn < 8; turn++) {
        uint64_t sum[2][4] = {{0}};
        count[0] = count[1] = 0;
        for (int32_t y = s.top; y < s.bottom; y++) {
            const uint8_t *p = px_image_at(s.image, s.left, y);
            for (int32_t x = s.left; x < s.right; x++, p += 4) {
                float distance[2] = {0, 0};
                for (int c = 0; c < 4; c++) {
                    const float a = p[c] - center[0][c], b = p[c] - center[1][c];
                    distance[0] += a * a;
                    distance[1] += b * b;
                }
                const int nearer = distance[1] < distance[0];
                count[nearer]++;
                for (int c = 0; c < 4; c++) {
                    sum[nearer][c] += p[c];
                }
            }
        }
        bool moved = false;
        for (int k = 0; k < 2; k++) {
            for (int c = 0; c < 4 && count[k]; c++) {
                const float mean = (float)sum[k][c] / (float)count[k];
                moved |= mean != center[k][c];
                center[k][c] = mean;
            }
        }
        if (!moved) {
            break;
        }
    }
    for (int c = 0; c < 4; c++) {
        out[c] = (uint8_t)(center[count[1] > count[0]][c] + 0.5f);
    }
}

/* -------------------------------------------------------------------------------------- detail */

/* Mean color of a cell, each channel weighted by alpha; [4]. */
static void take_mean(sample s, float out[4])
{
    float sum[4] = {0};
    int32_t count = 0;
    for (int32_t y = s.top; y < s.bottom; y++) {
        const uint8_t *p = px_image_at(s.image, s.left, y);
        for (int32_t x = s.left; x < s.right; x++, p += 4, count++) {
            const float alpha = p[3];
            for (int c = 0; c < 3; c++) {
                sum[c] += p[c] * alpha;
            }
            sum[3] += alpha;
        }
    }
    for (int c = 0; c < 3; c++) {
        out[c] = sum[3] > 0 ? sum[c] / sum[3] : 0;
    }
    out[3] = sum[3] / (float)count;
}

/*
 * DPID: N. Weber et al., "Rapid, Detail-Preserving Image Downscaling", SIGGRAPH Asia 2016.  A
 * pixel's weight is its distance from the smoothed small picture to the power of `detail`, so what
 * stands out survives.
 */
static dgxp_status reduce_detail(const dgxp_image *image, const dgxp_grid *grid, double detail,
                                 dgxp_image *out)
{
    const int32_t width = grid->info.width, height = grid->info.height;
    float *mean = px_mem_array((size_t)width * (size_t)height, 4 * sizeof *mean);
    if (!mean) {
        return px_error_memory("the small picture of a downscale");
    }
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            take_mean(select_pixels(image, grid, x, y, 0.5),
                      mean + ((size_t)y * (size_t)width + (size_t)x) * 4);
        }
    }
    /* the power of a distance of 0..sqrt(3), in steps fine enough for 8-bit pixels */
    enum { STEPS = 1024 };
    float power[STEPS + 1];
    for (int i = 0; i <= STEPS; i++) {
        power[i] = (float)pow((double)i / STEPS, detail);
    }
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            float guide[3] = {0}, total = 0;
            for (int32_t dy = -1; dy <= 1; dy++) {
                for (int32_t dx = -1; dx <= 1; dx++) {
                    const int32_t i = clamp_index(x + dx, width), j = clamp_index(y + dy, height);
                    const float *near = mean + ((size_t)j * (size_t)width + (size_t)i) * 4;
                    const float weight = (float)((2 - dx * dx) * (2 - dy * dy)) * near[3];
                    for (int c = 0; c < 3; c++) {
                        guide[c] += weight * near[c];
                    }
                    total += weight;
                }
            }
            const float *own = mean + ((size_t)y * (size_t)width + (size_t)x) * 4;
            const sample s = select_pixels(image, grid, x, y, 0.5);
            float sum[3] = {0}, weights = 0;
            for (int32_t j = s.top; j < s.bottom && total > 0; j++) {
                const uint8_t *p = px_image_at(image, s.left, j);
                for (int32_t i = s.left; i < s.right; i++, p += 4) {
                    float away = 0;
                    for (int c = 0; c < 3; c++) {
                        const float d = p[c] - guide[c] / total;
                        away += d * d;
                    }
                    const float share = sqrtf(away * (1.0f / (3 * 255 * 255)));
                    const float weight = power[(int)(share * STEPS + 0.5f)] * p[3];
                    for (int c = 0; c < 3; c++) {
                        sum[c] += weight * p[c];
                    }
                    weights += weight;
                }
            }
            uint8_t *to = px_image_at(out, x, y);
            for (int c = 0; c < 3; c++) {
                to[c] = (uint8_t)((weights > 0 ? sum[c] / weights : own[c]) + 0.5f);
            }
            to[3] = (uint8_t)(own[3] + 0.5f);
        }
    }
    px_mem_free(mean);
    return DGXP_OK;
}

/* ---------------------------------------------------------------------------------------- all */

static dgxp_status reduce_cells(const dgxp_image *image, const dgxp_grid *grid, int32_t rule,
                                dgxp_image *out)
{
    uint16_t *bins = rule == DGXP_CELL_DOMINANT ? px_mem_array(4097, sizeof *bins) : NULL;
    if (rule == DGXP_CELL_DOMINANT && !bins) {
        return px_error_memory("the histogram of a downscale");
    }
    for (int32_t y = 0; y < out->height; y++) {
        for (int32_t x = 0; x < out->width; x++) {
            uint8_t *to = px_image_at(out, x, y);
            switch (rule) {
            case DGXP_CELL_CENTER:
                take_center(image, grid, x, y, to);
                break;
            case DGXP_CELL_DOMINANT:
                take_dominant(select_pixels(image, grid, x, y, 0.5), bins, to);
                break;
            case DGXP_CELL_K_CENTROID:
                take_centroid(select_pixels(image, grid, x, y, 0.375), to);
                break;
            default:
                take_median(select_pixels(image, grid, x, y, 0.3), to);
                break;
            }
        }
    }
    px_mem_free(bins);
    return DGXP_OK;
}

static void harden_alpha(dgxp_image *image, const dgxp_downscale_params *params)
{
    const size_t count = px_image_count(image);
    const int32_t threshold = params->alpha_threshold ? params->alpha_threshold : 128;
    for (size_t i = 0; i < count; i++) {
        uint8_t *p = image->rgba + i * 4;
        if (!params->soft_alpha) {
            p[3] = p[3] >= threshold ? 255 : 0;
        }
        if (!p[3]) {
            memset(p, 0, 4);
        }
    }
}

static dgxp_status check_arguments(const dgxp_image *image, const dgxp_grid *grid, const void *out,
                                   const char *what)
{
    if (!image || !grid || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: %s is NULL", what,
                            !image  ? "image"
                            : !grid ? "grid"
                                    : "out");
    }
    if (image->width != grid->image_width || image->height != grid->image_height) {
        return px_error_set(
            DGXP_ERR_MISMATCH, "%s: the image is %dx%d, the grid was made for %dx%d; detect again",
            what, image->width, image->height, grid->image_width, grid->image_height);
    }
    return DGXP_OK;
}

dgxp_status dgxp_downscale(const dgxp_image *image, const dgxp_grid *grid,
                           const dgxp_downscale_params *given, dgxp_image **out)
{
    px_error_clear();
    dgxp_downscale_params params;
    dgxp_image *small = NULL;
    dgxp_status status = check_arguments(image, grid, out, "dgxp_downscale");
    status = status ? status : px_params_read("dgxp_downscale", given, &params, sizeof params);
    if (status) {
        return status;
    }
    if (params.rule < 0 || params.rule > DGXP_CELL_DETAIL || params.alpha_threshold < 0 ||
        params.alpha_threshold > 255 ||
        !(params.detail == 0 || (params.detail >= 0.01 && params.detail <= 4))) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_downscale: rule %d is not 0 to %d, alpha_threshold %d not 0 to "
                            "255, or detail %g not 0 or 0.01 to 4",
                            params.rule, DGXP_CELL_DETAIL, params.alpha_threshold, params.detail);
    }
    status = px_image_blank("dgxp_downscale", grid->info.width, grid->info.height, &small);
    if (status) {
        return status;
    }
    const bool flat = grid->info.kind == DGXP_GRID_FLAT;
    const bool painted = grid->info.kind == DGXP_GRID_PAINTED;
    const int32_t rule = flat           ? DGXP_CELL_CENTER
                         : params.rule  ? params.rule
                         : grid->linear ? DGXP_CELL_CENTER
                         : painted      ? DGXP_CELL_DETAIL
                                        : DGXP_CELL_MEDIAN;
    status = rule == DGXP_CELL_DETAIL
                 ? reduce_detail(image, grid, params.detail > 0 ? params.detail : 0.75, small)
                 : reduce_cells(image, grid, rule, small);
    if (!status && !flat) {
        harden_alpha(small, &params);
    }
    status = status ? status : px_image_copy_texts(image, small);
    if (status) {
        dgxp_image_free(small);
    } else {
        *out = small;
    }
    return status;
}

dgxp_status dgxp_grid_residual(const dgxp_image *image, const dgxp_grid *grid,
                               const dgxp_image *sprite, double *residual)
{
    px_error_clear();
    dgxp_status status = check_arguments(image, grid, residual, "dgxp_grid_residual");
    if (!status && !sprite) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_grid_residual: sprite is NULL");
    }
    if (!status && (sprite->width != grid->info.width || sprite->height != grid->info.height)) {
        status = px_error_set(DGXP_ERR_MISMATCH,
                              "dgxp_grid_residual: the sprite is %dx%d, the grid has %dx%d cells",
                              sprite->width, sprite->height, grid->info.width, grid->info.height);
    }
    if (status) {
        return status;
    }
    double sum = 0;
    int64_t count = 0;
    for (int32_t y = 0; y < sprite->height; y++) {
        for (int32_t x = 0; x < sprite->width; x++) {
            const uint8_t *cell = px_image_at(sprite, x, y);
            if (!cell[3]) {
                continue;
            }
            const px_lab own = px_color_lab(cell);
            double at[2];
            px_grid_center(grid, x, y, at);
            for (int i = 0; i < 16; i++) {
                const double dx = ((i & 3) - 1.5) / 4 * grid->info.cell_width;
                const double dy = ((i >> 2) - 1.5) / 4 * grid->info.cell_height;
                const px_lab there =
                    px_color_lab(px_image_at(image, clamp_index(at[0] + dx, image->width),
                                             clamp_index(at[1] + dy, image->height)));
                sum += sqrtf(px_color_distance2(own, there));
                count++;
            }
        }
    }
    *residual = count ? sum / (double)count : 0;
    return DGXP_OK;
}
