/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Optional finishing of native pixels: orphans, jaggies, outlines, trimming. */
#include "image/cleanup.h"

#include "core/error.h"
#include "core/log.h"
#include "core/params.h"
#include "image/color.h"

#include <math.h>
#include <string.h>

const dgxp_choice px_cleanup_outline_choices[] = {
    {DGXP_OUTLINE_OUTER, "outer", "around the subject; the picture grows where it must"},
    {DGXP_OUTLINE_INNER, "inner", "on the subject's own edge cells"},
};
const int32_t px_cleanup_outline_count =
    (int32_t)(sizeof px_cleanup_outline_choices / sizeof *px_cleanup_outline_choices);

const dgxp_choice px_cleanup_pivot_choices[] = {
    {DGXP_PIVOT_FEET, "feet", "the middle of the lowest row, on its lower edge"},
    {DGXP_PIVOT_CENTER, "center", "the middle of what is visible"},
    {DGXP_PIVOT_TOP_LEFT, "top-left", "the result's corner"},
};
const int32_t px_cleanup_pivot_count =
    (int32_t)(sizeof px_cleanup_pivot_choices / sizeof *px_cleanup_pivot_choices);

enum { PADDING_MAX = 1024 };

/* Cells outside the picture are transparent. */
static const uint8_t *find_cell(const dgxp_image *image, int32_t x, int32_t y)
{
    static const uint8_t outside[4] = {0, 0, 0, 0};
    const bool inside = x >= 0 && y >= 0 && x < image->width && y < image->height;
    return inside ? px_image_at(image, x, y) : outside;
}

static bool are_equal(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 4) == 0;
}

/* A copy to change; refuses NULL for what the caller gave. */
static dgxp_status start_copy(const char *what, const dgxp_image *image, dgxp_image *const *out,
                              dgxp_image **copy)
{
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: %s is NULL", what,
                            image ? "out" : "image");
    }
    dgxp_status status = px_image_blank(what, image->width, image->height, copy);
    if (!status) {
        memcpy((*copy)->rgba, image->rgba, px_image_count(image) * 4);
        status = px_image_copy_texts(image, *copy);
    }
    if (status) {
        dgxp_image_free(*copy);
    }
    return status;
}

static void tell_count(const char *what, int32_t count, int32_t *changed)
{
    px_log(DGXP_LOG_DEBUG, "%s: %d cells", what, count);
    if (changed) {
        *changed = count;
    }
}

/* ------------------------------------------------------------------------------------ orphans */

bool px_cleanup_is_orphan(const dgxp_image *image, int32_t x, int32_t y)
{
    const uint8_t *cell = px_image_at(image, x, y);
    for (int32_t dy = -1; dy <= 1; dy++) {
        for (int32_t dx = -1; dx <= 1; dx++) {
            if ((dx || dy) && are_equal(cell, find_cell(image, x + dx, y + dy))) {
                return false;
            }
        }
    }
    return true;
}

/* The commonest opaque color around (x, y), of equally common ones the nearest, then the first. */
static const uint8_t *find_majority(const dgxp_image *image, int32_t x, int32_t y, float *distance2)
{
    const px_lab own = px_color_lab(px_image_at(image, x, y));
    const uint8_t *around[8], *best = NULL;
    int32_t count = 0, most = 0;
    for (int32_t dy = -1; dy <= 1; dy++) {
        for (int32_t dx = -1; dx <= 1; dx++) {
            const uint8_t *cell = find_cell(image, x + dx, y + dy);
            if ((dx || dy) && cell[3] == 255) {
                around[count++] = cell;
            }
        }
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t votes = 0;
        for (int32_t j = 0; j < count; j++) {
            votes += are_equal(around[i], around[j]);
        }
        const float d = px_color_distance2(own, px_color_lab(around[i]));
        if (votes > most || (votes == most && d < *distance2)) {
            most = votes;
            best = around[i];
            *distance2 = d;
        }
    }
    return best;
}

dgxp_status dgxp_cleanup_orphans(const dgxp_image *image, float distance, int32_t *changed,
                                 dgxp_image **out)
{
    px_error_clear();
    const float limit = distance > 0 ? distance : 0.06f;
    int32_t count = 0;
    dgxp_image *result = NULL;
    if (!(distance >= 0 && distance <= 2)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_cleanup_orphans: distance %g is not 0..2", (double)distance);
    }
    const dgxp_status status = start_copy("dgxp_cleanup_orphans", image, out, &result);
    if (status) {
        return status;
    }
    /* Judged on the original, so that the order of cells does not matter. */
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            float d2 = INFINITY;
            if (px_image_at(image, x, y)[3] < 255 || !px_cleanup_is_orphan(image, x, y)) {
                continue;
            }
            const uint8_t *color = find_majority(image, x, y, &d2);
            if (color && d2 < limit * limit) {
                memcpy(px_image_at(result, x, y), color, 4);
                count++;
            }
        }
    }
    tell_count("orphans", count, changed);
    *out = result;
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------ jaggies */

/* Lines are drawn darker than what they divide; without this every one-cell highlight would be a
 * line too. */
static bool is_darker(float lightness, const uint8_t *than)
{
    return than[3] < 128 || lightness < px_color_lab(than).l;
}

bool px_cleanup_is_jaggy(const dgxp_image *image, int32_t x, int32_t y)
{
    const uint8_t *cell = px_image_at(image, x, y);
    if (cell[3] < 255) {
        return false;
    }
    const bool left = are_equal(cell, find_cell(image, x - 1, y));
    const bool right = are_equal(cell, find_cell(image, x + 1, y));
    const bool up = are_equal(cell, find_cell(image, x, y - 1));
    const bool down = are_equal(cell, find_cell(image, x, y + 1));
    if (left == right || up == down) {
        return false; /* not exactly one arm on each axis */
    }
    const int32_t h = left ? -1 : 1, v = up ? -1 : 1;
    const uint8_t *inside = find_cell(image, x + h, y + v);
    if (are_equal(cell, inside) || are_equal(cell, find_cell(image, x - h, y - v))) {
        return false; /* part of an area, or where another line ends */
    }
    const float lightness = px_color_lab(cell).l;
    if (!is_darker(lightness, inside) || !is_darker(lightness, find_cell(image, x - h, y)) ||
        !is_darker(lightness, find_cell(image, x, y - v))) {
        return false;
    }
    return !are_equal(cell, find_cell(image, x + 2 * h, y)) ||
           !are_equal(cell, find_cell(image, x, y + 2 * v));
}

/* What a removed corner becomes: transparent where the outside is, else the color outside it. */
static const uint8_t *find_outside(const dgxp_image *image, int32_t x, int32_t y)
{
    const uint8_t *cell = px_image_at(image, x, y);
    const int32_t h = are_equal(cell, find_cell(image, x - 1, y)) ? 1 : -1;
    const int32_t v = are_equal(cell, find_cell(image, x, y - 1)) ? 1 : -1;
    const uint8_t *beside = find_cell(image, x + h, y), *below = find_cell(image, x, y + v);
    const uint8_t *diagonal = find_cell(image, x + h, y + v);
    return are_equal(beside, below) ? beside : are_equal(below, diagonal) ? below : beside;
}

/* Whether the corner's outer side is transparent and its inner side is not. */
static bool sticks_out(const dgxp_image *image, int32_t x, int32_t y)
{
    const uint8_t *cell = px_image_at(image, x, y);
    const int32_t h = are_equal(cell, find_cell(image, x - 1, y)) ? -1 : 1;
    const int32_t v = are_equal(cell, find_cell(image, x, y - 1)) ? -1 : 1;
    return find_cell(image, x + h, y + v)[3] && !find_cell(image, x - h, y)[3] &&
           !find_cell(image, x, y - v)[3];
}

dgxp_status dgxp_cleanup_jaggies(const dgxp_image *image, int32_t *changed, dgxp_image **out)
{
    px_error_clear();
    int32_t count = 0;
    dgxp_image *result = NULL;
    const dgxp_status status = start_copy("dgxp_cleanup_jaggies", image, out, &result);
    if (status) {
        return status;
    }
    /* First the corners that stick out of the subject, all at once: two of them never follow each
     * other on a line, and a symmetric sprite stays symmetric. */
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            if (px_cleanup_is_jaggy(image, x, y) && sticks_out(image, x, y)) {
                memset(px_image_at(result, x, y), 0, 4);
                count++;
            }
        }
    }
    /* Then the rest in place, row by row: once a corner is gone its neighbour is judged by what is
     * left, so a line never breaks. */
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            if (px_cleanup_is_jaggy(result, x, y)) {
                uint8_t color[4];
                memcpy(color, find_outside(result, x, y), 4);
                memcpy(px_image_at(result, x, y), color, 4);
                count++;
            }
        }
    }
    tell_count("jaggies", count, changed);
    *out = result;
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------ outline */

static bool touches(const dgxp_image *image, int32_t x, int32_t y, bool opaque, bool corners)
{
    for (int32_t dy = -1; dy <= 1; dy++) {
        for (int32_t dx = -1; dx <= 1; dx++) {
            if ((dx == 0) == (dy == 0) && !(corners && dx && dy)) {
                continue;
            }
            if ((find_cell(image, x + dx, y + dy)[3] >= 128) == opaque) {
                return true;
            }
        }
    }
    return false;
}

static void find_darkest(const dgxp_image *image, uint8_t color[4])
{
    float least = INFINITY;
    const size_t count = px_image_count(image);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *cell = image->rgba + i * 4;
        if (cell[3] >= 128) {
            const float l = px_color_lab(cell).l;
            if (l < least) {
                least = l;
                memcpy(color, cell, 3);
            }
        }
    }
    color[3] = 255;
}

/* How many cells the picture must grow on each side for an outer outline to fit: 0 or 1. */
static int32_t find_growth(const dgxp_image *image)
{
    int32_t x, y, width, height;
    if (!px_cleanup_bounds(image, &x, &y, &width, &height)) {
        return 0;
    }
    return x == 0 || y == 0 || x + width == image->width || y + height == image->height;
}

static dgxp_status draw_outline(const dgxp_image *image, const dgxp_outline_params *p,
                                int32_t *changed, dgxp_image **out)
{
    const bool outer = p->kind == DGXP_OUTLINE_OUTER;
    const int32_t grow = outer && !p->no_grow ? find_growth(image) : 0;
    uint8_t color[4];
    int32_t count = 0;
    dgxp_image *result = NULL;
    dgxp_status status = px_image_create("dgxp_cleanup_outline", (int64_t)image->width + 2 * grow,
                                         (int64_t)image->height + 2 * grow, &result);
    status = status ? status : px_image_copy_texts(image, result);
    if (status) {
        dgxp_image_free(result);
        return status;
    }
    memcpy(color, p->color, 4);
    if (color[3] == 0) {
        find_darkest(image, color);
    }
    for (int32_t y = -grow; y < image->height + grow; y++) {
        for (int32_t x = -grow; x < image->width + grow; x++) {
            const uint8_t *cell = find_cell(image, x, y);
            const bool opaque = cell[3] >= 128;
            const bool drawn = opaque != outer && touches(image, x, y, outer, p->corners != 0);
            memcpy(px_image_at(result, x + grow, y + grow), drawn ? color : cell, 4);
            count += drawn;
        }
    }
    tell_count("outline", count, changed);
    *out = result;
    return DGXP_OK;
}

dgxp_status dgxp_cleanup_outline(const dgxp_image *image, const dgxp_outline_params *params,
                                 int32_t *changed, dgxp_image **out)
{
    px_error_clear();
    dgxp_outline_params p;
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_cleanup_outline: %s is NULL",
                            image ? "out" : "image");
    }
    const dgxp_status status = px_params_read("dgxp_cleanup_outline", params, &p, sizeof p);
    if (status) {
        return status;
    }
    if (p.kind < 0 || p.kind >= px_cleanup_outline_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_cleanup_outline: kind %d does not exist; "
                            "dgxp_choices(\"outline\") lists them",
                            p.kind);
    }
    if (p.color[3] != 0 && p.color[3] != 255) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_cleanup_outline: the color's alpha is %d; it must be 255, or 0 "
                            "for the subject's darkest",
                            p.color[3]);
    }
    return draw_outline(image, &p, changed, out);
}

/* --------------------------------------------------------------------------------------- trim */

bool px_cleanup_bounds(const dgxp_image *image, int32_t *x, int32_t *y, int32_t *width,
                       int32_t *height)
{
    int32_t left = image->width, right = -1, top = image->height, bottom = -1;
    for (int32_t row = 0; row < image->height; row++) {
        for (int32_t column = 0; column < image->width; column++) {
            if (px_image_at(image, column, row)[3]) {
                left = column < left ? column : left;
                right = column > right ? column : right;
                top = row < top ? row : top;
                bottom = row;
            }
        }
    }
    *x = left;
    *y = top;
    *width = right - left + 1;
    *height = bottom - top + 1;
    return right >= 0;
}

static void place_pivot(const dgxp_image *result, int32_t kind, int32_t padding,
                        dgxp_trim_report *report)
{
    int32_t first = result->width, last = -1;
    const int32_t lowest = result->height - 1 - padding;
    for (int32_t x = 0; x < result->width; x++) {
        if (px_image_at(result, x, lowest)[3]) {
            first = x < first ? x : first;
            last = x;
        }
    }
    if (kind == DGXP_PIVOT_FEET) {
        report->pivot_x = (float)(first + last + 1) / 2;
        report->pivot_y = (float)(lowest + 1);
    } else if (kind == DGXP_PIVOT_CENTER) {
        report->pivot_x = (float)result->width / 2;
        report->pivot_y = (float)result->height / 2;
    }
}

static dgxp_status cut_image(const dgxp_image *image, const dgxp_trim_params *p,
                             dgxp_trim_report *report, dgxp_image **out)
{
    int32_t x, y, width, height;
    dgxp_image *result = NULL;
    if (!px_cleanup_bounds(image, &x, &y, &width, &height)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_cleanup_trim: nothing in the picture is visible");
    }
    const int32_t pad = p->padding;
    dgxp_status status = px_image_create("dgxp_cleanup_trim", (int64_t)width + 2 * pad,
                                         (int64_t)height + 2 * pad, &result);
    status = status ? status : px_image_copy_texts(image, result);
    if (status) {
        dgxp_image_free(result);
        return status;
    }
    for (int32_t row = 0; row < height; row++) {
        memcpy(px_image_at(result, pad, pad + row), px_image_at(image, x, y + row),
               (size_t)width * 4);
    }
    report->x = x - pad;
    report->y = y - pad;
    report->width = image->width;
    report->height = image->height;
    place_pivot(result, p->pivot, pad, report);
    *out = result;
    return DGXP_OK;
}

dgxp_status dgxp_cleanup_trim(const dgxp_image *image, const dgxp_trim_params *params,
                              dgxp_trim_report *report, dgxp_image **out)
{
    px_error_clear();
    dgxp_trim_params p;
    dgxp_trim_report told = DGXP_TRIM_REPORT_INIT;
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_cleanup_trim: %s is NULL",
                            image ? "out" : "image");
    }
    dgxp_status status = px_params_read("dgxp_cleanup_trim", params, &p, sizeof p);
    if (!status && (p.pivot < 0 || p.pivot >= px_cleanup_pivot_count)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "dgxp_cleanup_trim: pivot %d does not exist; dgxp_choices(\"pivot\") "
                              "lists them",
                              p.pivot);
    }
    if (!status && (p.padding < 0 || p.padding > PADDING_MAX)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "dgxp_cleanup_trim: padding %d is not 0..%d", p.padding, PADDING_MAX);
    }
    dgxp_image *result = NULL;
    status = status ? status : cut_image(image, &p, &told, &result);
    if (!status && report) {
        status = px_params_fill("dgxp_cleanup_trim: report", report, &told, sizeof told);
    }
    if (status) {
        dgxp_image_free(result);
        return status;
    }
    px_log(DGXP_LOG_DEBUG, "trim: %dx%d at %d,%d of %dx%d", result->width, result->height, told.x,
           told.y, told.width, told.height);
    *out = result;
    return DGXP_OK;
}
