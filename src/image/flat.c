/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pictures that are pixel art already: every cell is one flat color. */
#include "image/flat.h"

#include "core/mem.h"
#include "image/color_table.h"
#include "image/image.h"
#include "image/stretch.h"

#include <string.h>

static uint32_t read_color(const uint8_t *rgba)
{
    return rgba[3] ? px_color_word(rgba) : 0;
}

/* Marks the columns and rows at which any pixel differs from the one before. */
static void mark_lines(const dgxp_image *image, uint8_t *columns, uint8_t *rows)
{
    const size_t width = (size_t)image->width;
    for (int32_t y = 0; y < image->height; y++) {
        const uint8_t *here = px_image_at(image, 0, y);
        const bool copy = y && memcmp(here, here - width * 4, width * 4) == 0;
        if (copy) {
            continue; /* it marks what the row above has marked */
        }
        for (size_t x = 1; x < width; x++) {
            columns[x] |= read_color(here + x * 4) != read_color(here + x * 4 - 4);
        }
        for (size_t x = 0; y && x < width && !rows[y]; x++) {
            rows[y] = read_color(here + x * 4) != read_color(here + x * 4 - width * 4);
        }
    }
}

/* The greatest common divisor of the distances between marked lines. */
static void measure_axis(const uint8_t *lines, int32_t length, int32_t *cell, int32_t *origin)
{
    int32_t first = 0, divisor = 0;
    for (int32_t at = 1; at < length && divisor != 1; at++) {
        if (!lines[at]) {
            continue;
        }
        if (!first) {
            first = at;
            continue;
        }
        int32_t a = at - first, b = divisor;
        while (b) {
            const int32_t rest = a % b;
            a = b;
            b = rest;
        }
        divisor = a;
    }
    *cell = divisor;
    *origin = first;
}

bool px_flat_measure(const dgxp_image *const *images, int32_t count, px_flat *out)
{
    const int32_t width = images[0]->width, height = images[0]->height;
    uint8_t *columns = px_mem_zero((size_t)width + (size_t)height, 1);
    if (!columns) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        mark_lines(images[i], columns, columns + width);
    }
    measure_axis(columns, width, &out->cell[0], &out->origin[0]);
    measure_axis(columns + width, height, &out->cell[1], &out->origin[1]);
    out->stretched = (out->cell[0] < 2 || out->cell[1] < 2) &&
                     px_stretch_find(columns, width, columns + width, height, out->stretch);
    px_mem_free(columns);
    return true;
}

int32_t px_flat_count_colors(const dgxp_image *image, int32_t limit)
{
    enum { SLOTS = 2 * PX_FLAT_COLORS }; /* a quarter of a megabyte */
    px_color_slot slots[SLOTS] = {{0}};
    const size_t pixels = px_image_count(image);
    int32_t count = 0;
    limit = px_image_least(limit, PX_FLAT_COLORS);
    for (size_t i = 0; i < pixels && count <= limit; i++) {
        const uint32_t color = read_color(image->rgba + i * 4);
        if (i && color == read_color(image->rgba + i * 4 - 4)) {
            continue;
        }
        px_color_slot *slot = px_color_find(slots, SLOTS, color);
        count += slot->value == 0;
        slot->value = 1;
    }
    return count;
}
