/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A list of up to 256 colors: made by hand, from a file, from a name or from pictures. */
#include "image/palette.h"

#include "core/error.h"
#include "core/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

dgxp_status px_palette_create(const char *name, dgxp_palette **out)
{
    dgxp_palette *palette = px_mem_zero(1, sizeof *palette);
    if (!palette) {
        return px_error_memory("a palette");
    }
    snprintf(palette->name, sizeof palette->name, "%s", name);
    *out = palette;
    return DGXP_OK;
}

dgxp_status px_palette_add(const char *what, dgxp_palette *palette, const uint8_t rgba[4])
{
    uint8_t color[4] = {rgba[0], rgba[1], rgba[2], rgba[3]};
    if (color[3] == 0) {
        memset(color, 0, sizeof color); /* one transparent entry, whatever its hidden color was */
    }
    for (int32_t i = 0; i < palette->count; i++) {
        if (memcmp(palette->rgba + i * 4, color, 4) == 0) {
            return DGXP_OK;
        }
    }
    if (palette->count >= PX_PALETTE_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: more than %d different colors; a palette holds at most %d, reduce "
                            "a picture with dgxp_palette_extract() instead",
                            what, PX_PALETTE_MAX, PX_PALETTE_MAX);
    }
    memcpy(palette->rgba + palette->count * 4, color, 4);
    palette->lab[palette->count] = px_color_lab(color);
    palette->opaque += color[3] >= 128;
    palette->count++;
    return DGXP_OK;
}

int32_t px_palette_nearest(const dgxp_palette *palette, px_lab lab)
{
    int32_t best = -1;
    float least = INFINITY;
    for (int32_t i = 0; i < palette->count; i++) {
        const float distance = px_color_distance2(palette->lab[i], lab);
        if (distance < least && palette->rgba[i * 4 + 3] >= 128) {
            least = distance;
            best = i;
        }
    }
    return best;
}

typedef struct sort_entry {
    int32_t group; /* -1 transparent, 0 grey, 1..12 hue */
    uint8_t rgba[4];
    px_lab lab;
} sort_entry;

static int compare_entries(const void *left, const void *right)
{
    const sort_entry *a = left, *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    if (a->lab.l != b->lab.l) {
        return a->lab.l < b->lab.l ? -1 : 1;
    }
    return memcmp(a->rgba, b->rgba, 4);
}

void px_palette_sort(dgxp_palette *palette)
{
    const float grey = 0.03f, turn = 6.2831853f;
    sort_entry entries[PX_PALETTE_MAX] = {0};
    for (int32_t i = 0; i < palette->count; i++) {
        sort_entry *entry = &entries[i];
        memcpy(entry->rgba, palette->rgba + i * 4, 4);
        entry->lab = palette->lab[i];
        const float a = entry->lab.a, b = entry->lab.b;
        if (entry->rgba[3] < 128) {
            entry->group = -1;
        } else if (a * a + b * b < grey * grey) {
            entry->group = 0;
        } else {
            const int32_t twelfth = (int32_t)floorf((atan2f(b, a) / turn + 1) * 12);
            entry->group = 1 + twelfth % 12;
        }
    }
    qsort(entries, (size_t)palette->count, sizeof *entries, compare_entries);
    for (int32_t i = 0; i < palette->count; i++) {
        memcpy(palette->rgba + i * 4, entries[i].rgba, 4);
        palette->lab[i] = entries[i].lab;
    }
}

dgxp_status dgxp_palette_create(const uint8_t *rgba, int32_t count, dgxp_palette **out)
{
    px_error_clear();
    if (!out || !rgba || count < 1) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_palette_create: needs at least one color and a place for the "
                            "palette");
    }
    dgxp_palette *palette = NULL;
    dgxp_status status = px_palette_create("", &palette);
    for (int32_t i = 0; i < count && !status; i++) {
        status = px_palette_add("dgxp_palette_create", palette, rgba + (size_t)i * 4);
    }
    if (status) {
        dgxp_palette_free(palette);
        return status;
    }
    *out = palette;
    return DGXP_OK;
}

int32_t dgxp_palette_count(const dgxp_palette *palette)
{
    return palette ? palette->count : 0;
}

const uint8_t *dgxp_palette_colors(const dgxp_palette *palette)
{
    return palette ? palette->rgba : NULL;
}

const char *dgxp_palette_name(const dgxp_palette *palette)
{
    return palette ? palette->name : "";
}

const dgxp_choice *dgxp_palette_builtins(int32_t *count)
{
    if (count) {
        *count = px_palette_builtin_count;
    }
    return px_palette_builtin_choices;
}

void dgxp_palette_free(dgxp_palette *palette)
{
    px_mem_free(palette);
}
