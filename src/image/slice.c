/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sheet's picture cut into frames of one size, by cells or by pieces, feet on one line. */
#include "image/slice.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/sheet.h"

#include <string.h>

const dgxp_choice px_slice_align_choices[] = {
    {DGXP_ALIGN_AUTO, "auto", "feet for pieces, none for cells"},
    {DGXP_ALIGN_FEET, "feet", "the middle of the lowest eighth, on the lower edge"},
    {DGXP_ALIGN_CENTER, "center", "the middle of what is visible"},
    {DGXP_ALIGN_NONE, "none", "as it lies"},
};
const int32_t px_slice_align_count =
    (int32_t)(sizeof px_slice_align_choices / sizeof *px_slice_align_choices);

typedef struct cutter {
    const dgxp_image *image;
    dgxp_cut_params p;
    px_slice_part *parts; /* trimmed to what is visible, unless frames stay as they lie */
    int32_t count;
    int32_t *label;     /* of pieces, else NULL */
    int32_t (*feet)[2]; /* of each part, from its corner */
} cutter;

static bool is_visible(const cutter *of, const px_slice_part *part, int32_t x, int32_t y)
{
    const size_t at = (size_t)y * (size_t)of->image->width + (size_t)x;
    return of->image->rgba[at * 4 + 3] && (!of->label || of->label[at] == part->label);
}

/* Shrink a part to what is visible in it; false when that is nothing. */
static bool trim_part(const cutter *of, px_slice_part *part)
{
    int32_t left = INT32_MAX, right = -1, top = INT32_MAX, bottom = -1;
    for (int32_t y = part->y; y < part->y + part->height; y++) {
        for (int32_t x = part->x; x < part->x + part->width; x++) {
            if (is_visible(of, part, x, y)) {
                left = x < left ? x : left;
                right = x > right ? x : right;
                top = y < top ? y : top;
                bottom = y;
            }
        }
    }
    if (right < 0) {
        return false;
    }
    *part = (px_slice_part){left, top, right - left + 1, bottom - top + 1, part->label};
    return true;
}

/* ----------------------------------------------------------------------------------- the parts */

static dgxp_status cut_cells(cutter *self)
{
    const dgxp_cut_params *p = &self->p;
    const int32_t inner_x = self->image->width - 2 * p->margin + p->spacing;
    const int32_t inner_y = self->image->height - 2 * p->margin + p->spacing;
    int32_t columns = p->columns, rows = p->rows, width = p->cell_width, height = p->cell_height;
    if (width || height) {
        width = width ? width : height;
        height = height ? height : width;
        columns = inner_x / (width + p->spacing);
        rows = inner_y / (height + p->spacing);
    } else {
        columns = columns ? columns : 1;
        rows = rows ? rows : 1;
        width = inner_x / columns - p->spacing;
        height = inner_y / rows - p->spacing;
    }
    if (columns < 1 || rows < 1) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_sheet_cut: a picture of %dx%d pixels has no room for a cell of "
                            "%dx%d (margin %d, spacing %d)",
                            self->image->width, self->image->height, width, height, p->margin,
                            p->spacing);
    }
    if (width < 1 || height < 1) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_sheet_cut: a picture of %dx%d pixels has no room for %dx%d cells "
                            "(margin %d, spacing %d)",
                            self->image->width, self->image->height, columns, rows, p->margin,
                            p->spacing);
    }
    dgxp_status status =
        px_sheet_check_frames("dgxp_sheet_cut", (size_t)columns * (size_t)rows, width, height);
    if (status) {
        return status;
    }
    self->parts = px_mem_array((size_t)columns * (size_t)rows, sizeof *self->parts);
    if (!self->parts) {
        return px_error_memory("the cells of a sheet");
    }
    for (int32_t i = 0; i < columns * rows; i++) {
        const px_slice_part cell = {p->margin + i % columns * (width + p->spacing),
                                    p->margin + i / columns * (height + p->spacing), width, height,
                                    0};
        px_slice_part visible = cell;
        if (trim_part(self, &visible) || p->keep_empty) {
            self->parts[self->count++] = p->align == DGXP_ALIGN_NONE ? cell : visible;
        }
    }
    if (!self->count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_sheet_cut: nothing is visible in any of the %dx%d cells", columns,
                            rows);
    }
    return DGXP_OK;
}

static dgxp_status cut_pieces(cutter *self)
{
    self->label = px_mem_array(px_image_count(self->image), sizeof *self->label);
    if (!self->label) {
        return px_error_memory("the pieces of a sheet");
    }
    return px_slice_find_pieces(self->image, self->p.least, self->label, &self->parts,
                                &self->count);
}

/* ------------------------------------------------------------------------------------ alignment */

/* The point of a part that all frames share: between the feet, or its middle. */
static void find_feet(const cutter *of, const px_slice_part *part, int32_t feet[2])
{
    feet[0] = part->width / 2;
    feet[1] = of->p.align == DGXP_ALIGN_CENTER ? part->height / 2 : part->height;
    if (of->p.align != DGXP_ALIGN_FEET) {
        return;
    }
    int32_t left = INT32_MAX, right = -1;
    const int32_t low = part->height / 8 > 1 ? part->height / 8 : 1;
    for (int32_t y = part->y + part->height - low; y < part->y + part->height; y++) {
        for (int32_t x = part->x; x < part->x + part->width; x++) {
            if (is_visible(of, part, x, y)) {
                left = x < left ? x : left;
                right = x > right ? x : right;
            }
        }
    }
    if (right >= 0) {
        feet[0] = (left + right + 1) / 2 - part->x;
    }
}

/* The size that holds every part around the shared point, which is `pivot` there. */
static void measure_frames(cutter *self, int32_t size[2], int32_t pivot[2])
{
    int32_t after[2] = {0, 0};
    pivot[0] = pivot[1] = 0;
    for (int32_t i = 0; i < self->count; i++) {
        const px_slice_part *part = &self->parts[i];
        const int32_t sides[2] = {part->width, part->height};
        if (self->p.align == DGXP_ALIGN_NONE) {
            self->feet[i][0] = self->feet[i][1] = 0;
        } else {
            find_feet(self, part, self->feet[i]);
        }
        for (int axis = 0; axis < 2; axis++) {
            const int32_t before = self->feet[i][axis], behind = sides[axis] - before;
            pivot[axis] = before > pivot[axis] ? before : pivot[axis];
            after[axis] = behind > after[axis] ? behind : after[axis];
        }
    }
    const int32_t padding = self->p.align == DGXP_ALIGN_NONE ? 0 : self->p.padding;
    for (int axis = 0; axis < 2; axis++) {
        pivot[axis] += padding;
        size[axis] = pivot[axis] + after[axis] + padding;
    }
}

static dgxp_status copy_frame(const cutter *self, int32_t index, const int32_t size[2],
                              const int32_t pivot[2], dgxp_sheet *sheet)
{
    const px_slice_part *part = &self->parts[index];
    const int32_t to_x = pivot[0] - self->feet[index][0], to_y = pivot[1] - self->feet[index][1];
    dgxp_image *frame = NULL;
    dgxp_status status = px_image_create("dgxp_sheet_cut", size[0], size[1], &frame);
    if (status) {
        return status;
    }
    for (int32_t y = 0; y < part->height; y++) {
        for (int32_t x = 0; x < part->width; x++) {
            if (is_visible(self, part, part->x + x, part->y + y)) {
                memcpy(px_image_at(frame, to_x + x, to_y + y),
                       px_image_at(self->image, part->x + x, part->y + y), 4);
            }
        }
    }
    if (index == 0) {
        status = px_image_copy_texts(self->image, frame);
        if (status) {
            dgxp_image_free(frame);
            return status;
        }
    }
    return px_sheet_take_frame("dgxp_sheet_cut", sheet, frame, NULL, self->p.duration);
}

static dgxp_status make_sheet(cutter *self, dgxp_sheet **out)
{
    int32_t size[2], pivot[2];
    dgxp_sheet *sheet = NULL;
    self->feet = px_mem_array((size_t)self->count, sizeof *self->feet);
    if (!self->feet) {
        return px_error_memory("the frames of a sheet");
    }
    measure_frames(self, size, pivot);
    dgxp_status status =
        px_sheet_check_frames("dgxp_sheet_cut", (size_t)self->count, size[0], size[1]);
    status = status ? status : px_sheet_create(&sheet);
    for (int32_t i = 0; i < self->count && !status; i++) {
        status = copy_frame(self, i, size, pivot, sheet);
    }
    if (!status && self->p.align != DGXP_ALIGN_NONE) {
        const dgxp_slice slice = {.struct_size = sizeof slice,
                                  .width = size[0],
                                  .height = size[1],
                                  .has_pivot = 1,
                                  .pivot_x = pivot[0],
                                  .pivot_y = pivot[1],
                                  .name = "pivot"};
        status = px_sheet_add_slice("dgxp_sheet_cut", sheet, &slice);
    }
    if (status) {
        dgxp_sheet_free(sheet);
    } else {
        *out = sheet;
    }
    return status;
}

static dgxp_status check_params(const dgxp_cut_params *p)
{
    if (p->align < 0 || p->align >= px_slice_align_count) {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "dgxp_sheet_cut: align %d does not exist; dgxp_choices(\"align\") lists "
            "them",
            p->align);
    }
    const int32_t sides[] = {p->cell_width, p->cell_height, p->columns, p->rows};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        if (sides[i] < 0 || sides[i] > PX_IMAGE_SIDE_MAX) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "dgxp_sheet_cut: cells of %dx%d, %d columns, %d rows; each must be "
                                "0..%d",
                                p->cell_width, p->cell_height, p->columns, p->rows,
                                PX_IMAGE_SIDE_MAX);
        }
    }
    if ((p->cell_width || p->cell_height) && (p->columns || p->rows)) {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "dgxp_sheet_cut: both the size and the number of cells are given; leave "
            "one at 0");
    }
    if (p->margin < 0 || p->margin > 1024 || p->spacing < 0 || p->spacing > 1024 ||
        p->padding < 0 || p->padding > 256 || p->least < 0 || p->duration < 0) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_sheet_cut: margin %d, spacing %d, padding %d, least %d, duration "
                            "%d; the limits are 0..1024, 0..1024, 0..256 and 0 or more",
                            p->margin, p->spacing, p->padding, p->least, p->duration);
    }
    return DGXP_OK;
}

dgxp_status dgxp_sheet_cut(const dgxp_image *image, const dgxp_cut_params *params, dgxp_sheet **out)
{
    px_error_clear();
    cutter self = {.image = image};
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_cut: %s is NULL",
                            image ? "out" : "image");
    }
    dgxp_status status = px_params_read("dgxp_sheet_cut", params, &self.p, sizeof self.p);
    status = status ? status : check_params(&self.p);
    if (status) {
        return status;
    }
    const bool cells = self.p.cell_width || self.p.cell_height || self.p.columns || self.p.rows;
    if (self.p.align == DGXP_ALIGN_AUTO) {
        self.p.align = cells ? DGXP_ALIGN_NONE : DGXP_ALIGN_FEET;
    }
    status = cells ? cut_cells(&self) : cut_pieces(&self);
    status = status ? status : make_sheet(&self, out);
    px_mem_free(self.parts);
    px_mem_free(self.label);
    px_mem_free(self.feet);
    return status;
}
