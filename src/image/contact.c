/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A contact sheet for people: frames enlarged by whole pixels, on a checkerboard, numbered. */
#include "image/contact.h"

#include "core/error.h"
#include "core/params.h"
#include "image/sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GAP 8      /* pixels between frames */
#define LABEL 2    /* pixels a dot of the labels */
#define CHECK 8    /* pixels a square of the checkerboard */
#define AROUND 128 /* pixels that a frame should about have */

/* ' ' to '`', then '{' to '~': five rows of three dots each, one octal digit a row. */
static const uint16_t font[] = {
    000000, 022202, 055000, 057575, 036736, 051245, 025253, 022000, 012221, 042224, 005250, 002720,
    000024, 000700, 000002, 011244, 075557, 026227, 071747, 071317, 055711, 074717, 074757, 071122,
    075757, 075717, 002020, 002024, 012421, 007070, 042124, 061202, 025743, 025755, 065656, 034443,
    065556, 074647, 074644, 034553, 055755, 072227, 011152, 055655, 044447, 057755, 065555, 025552,
    065644, 025563, 065655, 034216, 072222, 055557, 055552, 055775, 055255, 055222, 071247, 032223,
    044211, 062226, 025000, 000007, 042000, 032623, 022222, 062326, 003600,
};

static uint16_t find_glyph(char c)
{
    const unsigned char code = (unsigned char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    if (code >= ' ' && code <= '`') {
        return font[code - ' '];
    }
    return code >= '{' && code <= '~' ? font[code - '{' + '`' - ' ' + 1] : font['?' - ' '];
}

/* A filled rectangle, cut at the picture's border. */
static void fill(dgxp_image *image, int32_t x, int32_t y, int32_t width, int32_t height,
                 const uint8_t rgba[4])
{
    for (int32_t row = y < 0 ? 0 : y; row < y + height && row < image->height; row++) {
        for (int32_t column = x < 0 ? 0 : x; column < x + width && column < image->width;
             column++) {
            memcpy(px_image_at(image, column, row), rgba, 4);
        }
    }
}

void px_font_write(dgxp_image *image, int32_t x, int32_t y, int32_t scale, const uint8_t rgba[4],
                   const char *text)
{
    for (; *text && x < image->width; text++, x += (PX_FONT_WIDTH + 1) * scale) {
        const uint16_t glyph = find_glyph(*text);
        for (int32_t i = 0; i < PX_FONT_WIDTH * PX_FONT_HEIGHT; i++) {
            if (glyph >> (PX_FONT_WIDTH * PX_FONT_HEIGHT - 1 - i) & 1) {
                fill(image, x + i % PX_FONT_WIDTH * scale, y + i / PX_FONT_WIDTH * scale, scale,
                     scale, rgba);
            }
        }
    }
}

static void draw_frame(dgxp_image *page, const dgxp_image *frame, int32_t x, int32_t y,
                       int32_t scale)
{
    static const uint8_t light[4] = {204, 204, 204, 255}, dark[4] = {153, 153, 153, 255};
    for (int32_t row = 0; row < frame->height * scale; row++) {
        for (int32_t column = 0; column < frame->width * scale; column++) {
            const uint8_t *back = (row / CHECK + column / CHECK) & 1 ? dark : light;
            const uint8_t *from = px_image_at(frame, column / scale, row / scale);
            uint8_t *to = px_image_at(page, x + column, y + row);
            for (int c = 0; c < 3; c++) {
                to[c] = (uint8_t)((from[c] * from[3] + back[c] * (255 - from[3]) + 127) / 255);
            }
        }
    }
}

static void write_label(dgxp_image *page, const dgxp_sheet *sheet, size_t index, int32_t x,
                        int32_t y, int32_t width, int32_t names)
{
    static const uint8_t ink[4] = {230, 230, 230, 255};
    char label[PX_SHEET_NAME_MAX + 32];
    const size_t room = (size_t)(width / ((PX_FONT_WIDTH + 1) * LABEL));
    snprintf(label, sizeof label, "%zu%s%s", index, names ? " " : "",
             names ? sheet->frames[index].name : "");
    if (strlen(label) > room) {
        label[room] = '\0';
    }
    px_font_write(page, x, y, LABEL, ink, label);
}

dgxp_status dgxp_sheet_contact(const dgxp_sheet *sheet, const dgxp_contact_params *params,
                               dgxp_image **out)
{
    static const uint8_t paper[4] = {32, 32, 36, 255}, border[4] = {96, 96, 104, 255};
    px_error_clear();
    dgxp_contact_params p;
    dgxp_image *page = NULL;
    int32_t width, height;
    if (!sheet || !out || !sheet->frame_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_contact: %s",
                            !sheet ? "sheet is NULL"
                            : !out ? "out is NULL"
                                   : "the sheet has no frame; add one");
    }
    dgxp_status status = px_params_read("dgxp_sheet_contact", params, &p, sizeof p);
    if (status) {
        return status;
    }
    if (p.columns < 0 || p.scale < 0 || p.scale > 64) {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "dgxp_sheet_contact: columns %d, scale %d; the limits are 0.. and 0..64", p.columns,
            p.scale);
    }
    px_sheet_canvas(sheet, &width, &height);
    const int32_t count = (int32_t)sheet->frame_count, longer = width > height ? width : height;
    const int32_t fitting = AROUND / longer > 1 ? AROUND / longer : 1;
    const int64_t scale = p.scale ? p.scale : fitting;
    int32_t columns = p.columns ? p.columns : (int32_t)ceil(sqrt(count));
    columns = columns > count ? count : columns;
    const int32_t rows = (count + columns - 1) / columns;
    const int32_t label = p.no_labels ? 0 : (PX_FONT_HEIGHT + 2) * LABEL;
    const int64_t step_x = width * scale + GAP, step_y = height * scale + GAP + label;
    status =
        px_image_create("dgxp_sheet_contact", columns * step_x + GAP, rows * step_y + GAP, &page);
    if (status) {
        return status;
    }
    fill(page, 0, 0, page->width, page->height, paper);
    for (int32_t i = 0; i < count; i++) {
        const dgxp_image *frame = sheet->frames[i].image;
        const int32_t cell_x = (int32_t)(GAP + i % columns * step_x);
        const int32_t cell_y = (int32_t)(GAP + i / columns * step_y), times = (int32_t)scale;
        int32_t x, y;
        px_sheet_stand(width, height, frame, &x, &y);
        x = cell_x + x * times;
        y = cell_y + y * times;
        fill(page, x - 1, y - 1, frame->width * times + 2, frame->height * times + 2, border);
        draw_frame(page, frame, x, y, times);
        if (!p.no_labels) {
            write_label(page, sheet, (size_t)i, cell_x, cell_y + height * times + 2 * LABEL,
                        width * times, p.names);
        }
    }
    *out = page;
    return DGXP_OK;
}
