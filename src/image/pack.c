/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sheet's frames laid out on one picture: a grid, or packed. */
#include "image/pack.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/sheet.h"

#include <math.h>
#include <string.h>

const dgxp_choice px_pack_layout_choices[] = {
    {DGXP_LAYOUT_GRID, "grid", "equal cells: every engine reads it"},
    {DGXP_LAYOUT_PACKED, "packed", "trimmed and packed tightly, for pictures of many sizes"},
};
const int32_t px_pack_layout_count =
    (int32_t)(sizeof px_pack_layout_choices / sizeof *px_pack_layout_choices);

static int32_t round_up_power(int32_t value)
{
    int32_t power = 1;
    while (power < value) {
        power *= 2;
    }
    return power;
}

/* ---------------------------------------------------------------------------------------- grid */

static int32_t choose_columns(const dgxp_sheet *sheet, const dgxp_atlas *atlas, int32_t asked)
{
    const int32_t count = atlas->count;
    int32_t columns = asked ? asked : sheet->columns;
    if (!columns) { /* so many that the picture is about as wide as it is high */
        const double ratio = (double)atlas->cell_height / atlas->cell_width;
        columns = (int32_t)ceil(sqrt(count * ratio) - 1e-9);
    }
    return columns < 1 ? 1 : columns > count ? count : columns;
}

static dgxp_status lay_grid(const dgxp_sheet *sheet, const dgxp_pack_params *p, dgxp_atlas *atlas)
{
    px_sheet_canvas(sheet, &atlas->cell_width, &atlas->cell_height);
    atlas->columns = choose_columns(sheet, atlas, p->columns);
    atlas->rows = (atlas->count + atlas->columns - 1) / atlas->columns;
    atlas->spacing = p->padding + 2 * p->extrude;
    atlas->margin = p->margin + p->extrude;
    const int64_t step_x = atlas->cell_width + atlas->spacing;
    const int64_t step_y = atlas->cell_height + atlas->spacing;
    int64_t width = 2 * atlas->margin + atlas->columns * step_x - atlas->spacing;
    int64_t height = 2 * atlas->margin + atlas->rows * step_y - atlas->spacing;
    dgxp_status status = px_image_check_size("dgxp_sheet_pack", width, height);
    if (status) {
        return status;
    }
    if (p->power_of_two) {
        width = round_up_power((int32_t)width);
        height = round_up_power((int32_t)height);
    }
    for (int32_t i = 0; i < atlas->count; i++) {
        dgxp_place *place = &atlas->places[i];
        /* A frame that is smaller than its cell keeps its place in it: the cell is the frame. */
        *place = (dgxp_place){
            .struct_size = sizeof *place,
            .x = (int32_t)(atlas->margin + i % atlas->columns * step_x),
            .y = (int32_t)(atlas->margin + i / atlas->columns * step_y),
            .width = atlas->cell_width,
            .height = atlas->cell_height,
            .source_width = atlas->cell_width,
            .source_height = atlas->cell_height,
        };
    }
    return px_image_create("dgxp_sheet_pack", width, height, &atlas->image);
}

/* -------------------------------------------------------------------------------------- packed */

/* What is visible of a frame; of an empty one its first pixel. */
static void trim_frame(const dgxp_image *frame, dgxp_place *to)
{
    int32_t left = frame->width, right = -1, top = frame->height, bottom = -1;
    for (int32_t y = 0; y < frame->height; y++) {
        for (int32_t x = 0; x < frame->width; x++) {
            if (px_image_at(frame, x, y)[3]) {
                left = x < left ? x : left;
                right = x > right ? x : right;
                top = y < top ? y : top;
                bottom = y;
            }
        }
    }
    to->source_x = right < 0 ? 0 : left;
    to->source_y = right < 0 ? 0 : top;
    to->width = right < 0 ? 1 : right - left + 1;
    to->height = right < 0 ? 1 : bottom - top + 1;
}

/* Grow the area until all fits, squarely; the sizes tried are the same for the same input. */
static dgxp_status find_area(px_maxrects_item *items, int32_t count, int32_t power_of_two,
                             int32_t *width, int32_t *height)
{
    int64_t area = 0;
    int32_t widest = 1, highest = 1;
    for (int32_t i = 0; i < count; i++) {
        area += (int64_t)items[i].width * items[i].height;
        widest = items[i].width > widest ? items[i].width : widest;
        highest = items[i].height > highest ? items[i].height : highest;
    }
    const int32_t side = (int32_t)ceil(sqrt((double)area));
    *width = side > widest ? side : widest;
    *height = side > highest ? side : highest;
    if (power_of_two) {
        *width = round_up_power(*width);
        *height = round_up_power(*height);
    }
    for (bool fits = false; !fits;) {
        if (*width > PX_IMAGE_SIDE_MAX || *height > PX_IMAGE_SIDE_MAX) {
            return px_error_set(
                DGXP_ERR_LIMIT,
                "dgxp_sheet_pack: %d frames do not fit into %d pixels a side; split "
                "the sheet",
                count, PX_IMAGE_SIDE_MAX);
        }
        const dgxp_status status = px_maxrects_place(items, count, *width, *height, &fits);
        if (status) {
            return status;
        }
        if (!fits) {
            int32_t *grow = *width <= *height ? width : height;
            *grow = power_of_two ? *grow * 2 : *grow + (*grow + 31) / 32;
        }
    }
    return DGXP_OK;
}

static dgxp_status lay_packed(const dgxp_sheet *sheet, const dgxp_pack_params *p, dgxp_atlas *atlas)
{
    const int32_t around = p->padding + 2 * p->extrude;
    int32_t width = 0, height = 0, used_x = 0, used_y = 0;
    if (atlas->count > PX_PACK_FRAMES_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "dgxp_sheet_pack: %d frames; a packed layout takes %d: split the sheet "
                            "or use a grid",
                            atlas->count, PX_PACK_FRAMES_MAX);
    }
    px_maxrects_item *items = px_mem_zero((size_t)atlas->count, sizeof *items);
    if (!items) {
        return px_error_memory("a packed sheet");
    }
    for (int32_t i = 0; i < atlas->count; i++) {
        const dgxp_image *frame = sheet->frames[i].image;
        dgxp_place *place = &atlas->places[i];
        *place = (dgxp_place){.struct_size = sizeof *place,
                              .width = frame->width,
                              .height = frame->height,
                              .source_width = frame->width,
                              .source_height = frame->height};
        if (!p->no_trim) {
            trim_frame(frame, place);
        }
        items[i].width = place->width + around;
        items[i].height = place->height + around;
    }
    /* Each item brings its own padding at the right and below; the last one's is cut off again. */
    dgxp_status status = find_area(items, atlas->count, p->power_of_two, &width, &height);
    for (int32_t i = 0; i < atlas->count && !status; i++) {
        dgxp_place *place = &atlas->places[i];
        place->x = items[i].x + p->margin + p->extrude;
        place->y = items[i].y + p->margin + p->extrude;
        const int32_t right = place->x + place->width + p->extrude + p->margin;
        const int32_t bottom = place->y + place->height + p->extrude + p->margin;
        used_x = right > used_x ? right : used_x;
        used_y = bottom > used_y ? bottom : used_y;
    }
    px_mem_free(items);
    if (status) {
        return status;
    }
    if (p->power_of_two) {
        used_x = round_up_power(used_x);
        used_y = round_up_power(used_y);
    }
    return px_image_create("dgxp_sheet_pack", used_x, used_y, &atlas->image);
}

/* ------------------------------------------------------------------------------------- drawing */

static int32_t clamp(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* A grid's frames stand in their cells; packed ones lie where their visible part was put. */
static void draw_frame(const dgxp_atlas *atlas, const dgxp_image *frame, const dgxp_place *place,
                       int32_t extrude)
{
    int32_t stand_x = 0, stand_y = 0;
    if (atlas->layout == DGXP_LAYOUT_GRID) {
        px_sheet_stand(place->width, place->height, frame, &stand_x, &stand_y);
    }
    for (int32_t y = -extrude; y < place->height + extrude; y++) {
        for (int32_t x = -extrude; x < place->width + extrude; x++) {
            const int32_t from_x = clamp(x, 0, place->width - 1) + place->source_x - stand_x;
            const int32_t from_y = clamp(y, 0, place->height - 1) + place->source_y - stand_y;
            if (from_x >= 0 && from_y >= 0 && from_x < frame->width && from_y < frame->height) {
                memcpy(px_image_at(atlas->image, place->x + x, place->y + y),
                       px_image_at(frame, from_x, from_y), 4);
            }
        }
    }
}

/* Transparent pixels take the color of an opaque neighbour, so that bilinear sampling finds no
 * black. Alpha stays 0, which is also how a pixel that was just colored is told from an opaque one.
 */
static void bleed_colors(dgxp_image *image)
{
    static const int32_t around[8][2] = {{0, -1},  {-1, 0}, {1, 0},  {0, 1},
                                         {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            uint8_t *to = px_image_at(image, x, y);
            for (int i = 0; i < 8 && !to[3]; i++) {
                const int32_t at_x = x + around[i][0], at_y = y + around[i][1];
                if (at_x >= 0 && at_y >= 0 && at_x < image->width && at_y < image->height &&
                    px_image_at(image, at_x, at_y)[3]) {
                    memcpy(to, px_image_at(image, at_x, at_y), 3);
                    break;
                }
            }
        }
    }
}

static dgxp_status check_params(const dgxp_sheet *sheet, const dgxp_pack_params *p)
{
    if (p->layout < 0 || p->layout >= px_pack_layout_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_sheet_pack: layout %d does not exist; dgxp_choices(\"layout\") "
                            "lists them",
                            p->layout);
    }
    if (p->columns < 0 || p->padding < 0 || p->padding > 256 || p->margin < 0 || p->margin > 256 ||
        p->extrude < 0 || p->extrude > 16) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_sheet_pack: columns %d, padding %d, margin %d, extrude %d; the "
                            "limits are 0.., 0..256, 0..256, 0..16",
                            p->columns, p->padding, p->margin, p->extrude);
    }
    if (!sheet->frame_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_sheet_pack: the sheet has no frame; add one");
    }
    return DGXP_OK;
}

dgxp_status dgxp_sheet_pack(const dgxp_sheet *sheet, const dgxp_pack_params *params,
                            dgxp_atlas **out)
{
    px_error_clear();
    dgxp_pack_params p;
    if (!sheet || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_pack: %s is NULL",
                            sheet ? "out" : "sheet");
    }
    dgxp_status status = px_params_read("dgxp_sheet_pack", params, &p, sizeof p);
    status = status ? status : check_params(sheet, &p);
    if (status) {
        return status;
    }
    dgxp_atlas *atlas = px_mem_zero(1, sizeof *atlas);
    if (atlas) {
        atlas->places = px_mem_zero(sheet->frame_count, sizeof *atlas->places);
    }
    if (!atlas || !atlas->places) {
        px_mem_free(atlas);
        return px_error_memory("an atlas");
    }
    atlas->count = (int32_t)sheet->frame_count;
    atlas->layout = p.layout;
    status =
        p.layout == DGXP_LAYOUT_GRID ? lay_grid(sheet, &p, atlas) : lay_packed(sheet, &p, atlas);
    status = status ? status : px_image_copy_texts(sheet->frames[0].image, atlas->image);
    if (status) {
        dgxp_atlas_free(atlas);
        return status;
    }
    for (int32_t i = 0; i < atlas->count; i++) {
        draw_frame(atlas, sheet->frames[i].image, &atlas->places[i], p.extrude);
    }
    if (p.bleed) {
        bleed_colors(atlas->image);
    }
    *out = atlas;
    return DGXP_OK;
}

const dgxp_image *dgxp_atlas_image(const dgxp_atlas *atlas)
{
    return atlas ? atlas->image : NULL;
}

dgxp_status dgxp_atlas_place(const dgxp_atlas *atlas, int32_t index, dgxp_place *place)
{
    px_error_clear();
    if (!atlas || !place || index < 0 || index >= atlas->count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_atlas_place: there is no frame %d",
                            index);
    }
    return px_params_fill("dgxp_atlas_place", place, &atlas->places[index], sizeof *place);
}

void dgxp_atlas_free(dgxp_atlas *atlas)
{
    if (atlas) {
        dgxp_image_free(atlas->image);
        px_mem_free(atlas->places);
        px_mem_free(atlas);
    }
}
