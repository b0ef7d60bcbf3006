/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether the numbered pictures of a folder are the frames of one animation. */
#include "cli/resemble.h"

#include "cli/cli.h"
#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>

/*
 * Tools number whatever they make (ComfyUI_00001_.png), and unrelated sprites share a size, a white
 * ground and a middle.  So the background does not count: among the places where either picture
 * shows something, the share whose color is about the same must be large, and so must the share of
 * the colors they have in common.
 */
enum {
    SIDE = 48,   /* pictures are compared as thumbnails so wide */
    SHIFT = 3,   /* by which one may lie elsewhere: a walk bobs */
    PAIRS = 8,   /* so many pairs of neighbours are looked at */
    STEPS = 6,   /* of a channel, in the histogram */
    ALIKE = 40,  /* sum of the channels' differences, 0..765 */
    SAME = 55,   /* % of the places that either fills: four in five pairs of real walk cycles, one
                    in twenty of sprites whose names are neighbours, most of these variants */
    COLORS = 75, /* % of the histogram in common */
};

typedef struct thumbnail {
    int16_t rgb[SIDE * SIDE][3];
    bool filled[SIDE * SIDE];
    float histogram[STEPS * STEPS * STEPS]; /* of what is filled; adds up to 1 */
    int32_t count;
} thumbnail;

static int compare_shorts(const void *left, const void *right)
{
    return *(const int16_t *)left - *(const int16_t *)right;
}

/* The median of the border, channel by channel. */
static void find_ground(const thumbnail *t, int16_t ground[3])
{
    int16_t values[4 * SIDE];
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < SIDE; i++) {
            values[4 * i] = t->rgb[i][c];
            values[4 * i + 1] = t->rgb[(SIDE - 1) * SIDE + i][c];
            values[4 * i + 2] = t->rgb[i * SIDE][c];
            values[4 * i + 3] = t->rgb[i * SIDE + SIDE - 1][c];
        }
        qsort(values, 4 * SIDE, sizeof *values, compare_shorts);
        ground[c] = values[2 * SIDE];
    }
}

static int measure_difference(const int16_t a[3], const int16_t b[3])
{
    return abs(a[0] - b[0]) + abs(a[1] - b[1]) + abs(a[2] - b[2]);
}

/* Means of SIDE x SIDE parts, on grey where the picture is transparent. */
static void shrink(const dgxp_image *image, thumbnail *to)
{
    const int32_t width = dgxp_image_width(image), height = dgxp_image_height(image);
    const uint8_t *pixels = dgxp_image_pixels(image);
    int16_t ground[3];
    memset(to, 0, sizeof *to);
    for (int32_t j = 0; j < SIDE; j++) {
        const int32_t top = (int32_t)((int64_t)j * height / SIDE);
        const int32_t bottom = (int32_t)((int64_t)(j + 1) * height / SIDE);
        for (int32_t i = 0; i < SIDE; i++) {
            const int32_t left = (int32_t)((int64_t)i * width / SIDE);
            const int32_t right = (int32_t)((int64_t)(i + 1) * width / SIDE);
            int64_t sums[3] = {0}, count = 0;
            for (int32_t y = top; y < bottom || y == top; y++) {
                for (int32_t x = left; x < right || x == left; x++, count++) {
                    const uint8_t *p = pixels + ((size_t)y * (size_t)width + (size_t)x) * 4;
                    for (int c = 0; c < 3; c++) {
                        sums[c] += p[3] < 128 ? 128 : p[c];
                    }
                }
            }
            for (int c = 0; c < 3; c++) {
                to->rgb[j * SIDE + i][c] = (int16_t)(sums[c] / count);
            }
        }
    }
    find_ground(to, ground);
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int16_t *rgb = to->rgb[i];
        to->filled[i] = measure_difference(rgb, ground) > ALIKE;
        to->count += to->filled[i];
    }
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int16_t *rgb = to->rgb[i];
        if (to->filled[i]) {
            const int bin = (rgb[0] * STEPS / 256 * STEPS + rgb[1] * STEPS / 256) * STEPS +
                            rgb[2] * STEPS / 256;
            to->histogram[bin] += 1.0f / (float)to->count;
        }
    }
}

/* The share, in %, of the places that either fills in which both look the same, `b` moved. */
static int64_t compare_places(const thumbnail *a, const thumbnail *b, int dx, int dy)
{
    int64_t either = 0, same = 0;
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const int at = y * SIDE + x;
            const int moved = (y + dy + SIDE) % SIDE * SIDE + (x + dx + SIDE) % SIDE;
            const bool any = a->filled[at] || b->filled[moved];
            either += any;
            same += any && measure_difference(a->rgb[at], b->rgb[moved]) <= ALIKE;
        }
    }
    return either ? same * 100 / either : 100;
}

static bool are_alike(const thumbnail *a, const thumbnail *b)
{
    float common = a->count || b->count ? 0 : 1;
    for (int i = 0; i < STEPS * STEPS * STEPS; i++) {
        common += a->histogram[i] < b->histogram[i] ? a->histogram[i] : b->histogram[i];
    }
    bool alike = false;
    for (int i = 0; i < (2 * SHIFT + 1) * (2 * SHIFT + 1) && !alike; i++) {
        alike =
            compare_places(a, b, i % (2 * SHIFT + 1) - SHIFT, i / (2 * SHIFT + 1) - SHIFT) >= SAME;
    }
    return alike && common * 100 >= COLORS;
}

static bool read_thumbnail(const char *path, thumbnail *to)
{
    dgxp_image *image = NULL;
    const bool read = dgxp_image_load(path, &image) == DGXP_OK;
    if (read) {
        shrink(image, to);
    }
    dgxp_image_free(image);
    return read;
}

bool cli_resemble(char *const *paths, int count)
{
    thumbnail *pair = cli_zero(2, sizeof *pair);
    const int pairs = count - 1 < PAIRS ? count - 1 : PAIRS;
    bool alike = pairs > 0;
    int last = -1;
    for (int i = 0; i < pairs && alike; i++) {
        const int at = (int)((int64_t)i * (count - 1) / pairs);
        alike = at == last ? (pair[0] = pair[1], true) : read_thumbnail(paths[at], &pair[0]);
        alike = alike && read_thumbnail(paths[at + 1], &pair[1]) && are_alike(&pair[0], &pair[1]);
        last = at + 1;
    }
    free(pair);
    return alike;
}
