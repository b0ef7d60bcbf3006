/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Turning and resizing small pictures without a new color: quarter turns, RotSprite's way, rows. */
#include "image/turn.h"

#include "core/error.h"
#include "core/mem.h"

#include <math.h>
#include <string.h>

#define DEGREE (3.14159265358979323846 / 180)

static bool is_inside(const dgxp_image *image, int64_t x, int64_t y)
{
    return x >= 0 && y >= 0 && x < image->width && y < image->height;
}

static uint32_t read_pixel(const dgxp_image *image, int32_t x, int32_t y)
{
    uint32_t pixel = 0;
    if (is_inside(image, x, y)) {
        memcpy(&pixel, px_image_at(image, x, y), 4);
    }
    return pixel;
}

static void put_pixel(dgxp_image *image, int32_t x, int32_t y, uint32_t pixel)
{
    if (is_inside(image, x, y)) {
        memcpy(px_image_at(image, x, y), &pixel, 4);
    }
}

/* ----------------------------------------------------------------------------------- turning */

static void turn_quarters(const dgxp_image *image, const px_box *box, int quarters, dgxp_image *out)
{
    const int32_t width = box->x1 - box->x0 + 1, height = box->y1 - box->y0 + 1;
    const bool lying = quarters % 2;
    const int32_t left = box->x0 + (lying ? (width - height) / 2 : 0);
    const int32_t top = box->y0 + (lying ? (height - width) / 2 : 0);
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            const uint32_t pixel = read_pixel(image, box->x0 + x, box->y0 + y);
            const int32_t to_x = quarters == 1   ? height - 1 - y
                                 : quarters == 2 ? width - 1 - x
                                 : quarters == 3 ? y
                                                 : x;
            const int32_t to_y = quarters == 1   ? x
                                 : quarters == 2 ? height - 1 - y
                                 : quarters == 3 ? width - 1 - x
                                                 : y;
            if (pixel) {
                put_pixel(out, left + to_x, top + to_y, pixel);
            }
        }
    }
}

/* Scale2x (Andrea Mazzoleni): diagonal neighbours that agree round a corner off. */
static dgxp_status double_size(const dgxp_image *image, dgxp_image **out)
{
    const dgxp_status status =
        px_image_create("turning a sprite", image->width * 2, image->height * 2, out);
    for (int32_t y = 0; !status && y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            const uint32_t p = read_pixel(image, x, y);
            const uint32_t above = read_pixel(image, x, y - 1), below = read_pixel(image, x, y + 1);
            const uint32_t left = read_pixel(image, x - 1, y), right = read_pixel(image, x + 1, y);
            const bool apart = above != below && left != right;
            const uint32_t pixels[4] = {
                apart && left == above ? above : p, apart && above == right ? right : p,
                apart && below == left ? left : p, apart && right == below ? below : p};
            memcpy(px_image_at(*out, 2 * x, 2 * y), pixels, 8);
            memcpy(px_image_at(*out, 2 * x, 2 * y + 1), pixels + 2, 8);
        }
    }
    return status;
}

/* One pixel of what double_size() makes. */
static uint32_t read_doubled(const dgxp_image *image, int32_t x, int32_t y)
{
    const int32_t at_x = x >> 1, at_y = y >> 1;
    if (!is_inside(image, at_x, at_y)) {
        return 0;
    }
    const int32_t side_x = x % 2 ? 1 : -1, side_y = y % 2 ? 1 : -1;
    const uint32_t beside = read_pixel(image, at_x + side_x, at_y);
    const bool round = beside == read_pixel(image, at_x, at_y + side_y) &&
                       beside != read_pixel(image, at_x - side_x, at_y) &&
                       beside != read_pixel(image, at_x, at_y - side_y);
    return round ? beside : read_pixel(image, at_x, at_y);
}

dgxp_status px_turn(const dgxp_image *image, const px_box *box, double degrees, dgxp_image *out)
{
    const double turned = degrees - 360 * floor(degrees / 360), quarter = turned / 90;
    if (quarter == floor(quarter)) {
        turn_quarters(image, box, (int)quarter, out);
        return DGXP_OK;
    }
    dgxp_image *large = NULL;
    dgxp_status status = px_box_cut("turning a sprite", image, box, &large);
    for (int i = 0; i < 2 && !status; i++) { /* the third time only where it is looked at */
        dgxp_image *larger = NULL;
        status = double_size(large, &larger);
        dgxp_image_free(large);
        large = larger;
    }
    const double sine = sin(turned * DEGREE), cosine = cos(turned * DEGREE);
    const double half_x = (box->x1 - box->x0 + 1) / 2.0, half_y = (box->y1 - box->y0 + 1) / 2.0;
    const double middle_x = box->x0 + half_x, middle_y = box->y0 + half_y;
    const double radius = hypot(half_x, half_y);
    const int32_t x0 = px_image_most(0, (int32_t)floor(middle_x - radius));
    const int32_t y0 = px_image_most(0, (int32_t)floor(middle_y - radius));
    const int32_t x1 = px_image_least(out->width, (int32_t)ceil(middle_x + radius));
    const int32_t y1 = px_image_least(out->height, (int32_t)ceil(middle_y + radius));
    for (int32_t y = y0; y < y1 && !status; y++) {
        for (int32_t x = x0; x < x1; x++) {
            const double dx = x + 0.5 - middle_x, dy = y + 0.5 - middle_y;
            const double from_x = half_x + dx * cosine + dy * sine;
            const double from_y = half_y - dx * sine + dy * cosine;
            const uint32_t pixel =
                read_doubled(large, (int32_t)floor(from_x * 8), (int32_t)floor(from_y * 8));
            if (pixel) {
                put_pixel(out, x, y, pixel);
            }
        }
    }
    dgxp_image_free(large);
    return status;
}

/* ---------------------------------------------------------------------------------- resizing */

/* How many pixels of a row (or, `across`, a column) differ from the one before. */
static int32_t count_changes(const dgxp_image *image, const px_box *box, bool across, int32_t index)
{
    const int32_t length = across ? box->y1 - box->y0 + 1 : box->x1 - box->x0 + 1;
    int32_t count = 0;
    for (int32_t i = 0; i < length; i++) {
        const int32_t x = box->x0 + (across ? index : i), y = box->y0 + (across ? i : index);
        count +=
            read_pixel(image, x, y) != read_pixel(image, across ? x - 1 : x, across ? y : y - 1);
    }
    return count;
}

/*
 * Which of `from` lines stands at each of `to` places.  The lines are divided into as many bands as
 * there are lines to lose (or to gain), and in each band the line that differs least from the one
 * before goes (or is doubled): outlines at the ends stay.
 */
static void choose_lines(const dgxp_image *image, const px_box *box, bool across, int32_t from,
                         int32_t to, int32_t *lines)
{
    const int32_t change = to > from ? to - from : from - to;
    if (change > from - 2 ||
        to * 2 < from) { /* so little is left that outlines would be most of it */
        for (int32_t i = 0; i < to; i++) {
            lines[i] = (int32_t)((2 * (int64_t)i + 1) * from / (2 * (int64_t)to));
        }
        return;
    }
    int32_t count = 0, band = 0, next = 1;
    lines[count++] = 0;
    for (int32_t i = 1; i < from; i++) {
        if (i == next && band < change) { /* a new band: choose its line */
            const int32_t end = 1 + (int32_t)((int64_t)(band + 1) * (from - 2) / change);
            int32_t least = INT32_MAX, chosen = i;
            for (int32_t k = i; k < end; k++) {
                const int32_t changes = count_changes(image, box, across, k);
                chosen = changes < least ? k : chosen;
                least = changes < least ? changes : least;
            }
            for (int32_t k = i; k < end; k++) {
                const int32_t times = k != chosen ? 1 : to > from ? 2 : 0;
                for (int32_t t = 0; t < times; t++) {
                    lines[count++] = k;
                }
            }
            band++;
            next = end;
            i = end - 1;
        } else {
            lines[count++] = i;
        }
    }
}

dgxp_status px_turn_resize(const dgxp_image *image, const px_box *box, int32_t width,
                           int32_t height, dgxp_image *out)
{
    const int32_t had_width = box->x1 - box->x0 + 1, had_height = box->y1 - box->y0 + 1;
    const int32_t wide = width < 0 ? -width : width;
    int32_t *columns = px_mem_array((size_t)wide, sizeof *columns);
    int32_t *rows = px_mem_array((size_t)height, sizeof *rows);
    if (columns && rows) {
        choose_lines(image, box, true, had_width, wide, columns);
        choose_lines(image, box, false, had_height, height, rows);
        const int32_t left = box->x0 + (had_width - wide) / 2, top = box->y1 - height + 1;
        for (int32_t y = 0; y < height; y++) {
            for (int32_t x = 0; x < wide; x++) {
                const int32_t column = columns[width < 0 ? wide - 1 - x : x];
                put_pixel(out, left + x, top + y,
                          read_pixel(image, box->x0 + column, box->y0 + rows[y]));
            }
        }
    }
    const bool good = columns && rows;
    px_mem_free(columns);
    px_mem_free(rows);
    return good ? DGXP_OK : px_error_memory("a resized sprite");
}
