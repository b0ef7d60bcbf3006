/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames with names and durations, tags over them, slices on them. */
#include "image/sheet.h"

#include "core/error.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/params.h"

#include <string.h>

const dgxp_choice px_sheet_direction_choices[] = {
    {DGXP_DIRECTION_FORWARD, "forward", "first frame to last"},
    {DGXP_DIRECTION_REVERSE, "reverse", "last frame to first"},
    {DGXP_DIRECTION_PINGPONG, "pingpong", "there and back"},
    {DGXP_DIRECTION_PINGPONG_REVERSE, "pingpong_reverse", "back and there"},
};
const int32_t px_sheet_direction_count =
    (int32_t)(sizeof px_sheet_direction_choices / sizeof *px_sheet_direction_choices);

const dgxp_choice px_sheet_format_choices[] = {
    {DGXP_SHEET_AUTO, "auto", "by the file's suffix"},
    {DGXP_SHEET_ASEPRITE, "aseprite", ".aseprite with tags, slices and palette"},
    {DGXP_SHEET_APNG, "apng", "animated PNG: frames and durations"},
    {DGXP_SHEET_GIF, "gif", "GIF: 255 colors a frame, hard alpha, hundredths of a second"},
};
const int32_t px_sheet_format_count =
    (int32_t)(sizeof px_sheet_format_choices / sizeof *px_sheet_format_choices);

static dgxp_status check_name(const char *what, const char *kind, const char *name)
{
    if (strlen(name) > PX_SHEET_NAME_MAX || !px_image_is_utf8(name)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: the name of a %s, '%.40s', is not UTF-8 of at most %d bytes", what,
                            kind, name, PX_SHEET_NAME_MAX);
    }
    return DGXP_OK;
}

dgxp_status px_sheet_create(dgxp_sheet **out)
{
    dgxp_sheet *sheet = px_mem_zero(1, sizeof *sheet);
    if (!sheet) {
        return px_error_memory("a sheet");
    }
    *out = sheet;
    return DGXP_OK;
}

dgxp_status dgxp_sheet_create(dgxp_sheet **out)
{
    px_error_clear();
    if (!out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_create: out is NULL");
    }
    return px_sheet_create(out);
}

void dgxp_sheet_free(dgxp_sheet *sheet)
{
    if (!sheet) {
        return;
    }
    for (size_t i = 0; i < sheet->frame_count; i++) {
        dgxp_image_free(sheet->frames[i].image);
        px_mem_free(sheet->frames[i].name);
    }
    for (size_t i = 0; i < sheet->tag_count; i++) {
        px_mem_free(sheet->tags[i].name);
    }
    for (size_t i = 0; i < sheet->slice_count; i++) {
        px_mem_free((char *)(uintptr_t)sheet->slices[i].name);
    }
    px_mem_free(sheet->frames);
    px_mem_free(sheet->tags);
    px_mem_free(sheet->slices);
    px_mem_free(sheet);
}

/* ------------------------------------------------------------------------------------- frames */

dgxp_status px_sheet_check_frames(const char *what, size_t count, int64_t width, int64_t height)
{
    const dgxp_status status = px_image_check_size(what, width, height);
    if (!status && count > PX_SHEET_FRAMES_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: %zu frames; a sheet holds at most %d: split it",
                            what, count, PX_SHEET_FRAMES_MAX);
    }
    return status ? status
                  : px_limits_check_pixels(what, (uint64_t)width * (uint64_t)height * count);
}

static dgxp_status check_frame(const char *what, const dgxp_sheet *sheet, int64_t pixels,
                               const char *name, int32_t duration)
{
    if (sheet->frame_count >= PX_SHEET_FRAMES_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: no room for frame %zu; a sheet holds at most %d: split it", what,
                            sheet->frame_count, PX_SHEET_FRAMES_MAX);
    }
    const dgxp_status status = px_limits_check_pixels(what, sheet->pixels + (uint64_t)pixels);
    if (status) {
        return status;
    }
    if (duration < 0 || duration > PX_SHEET_DURATION_MAX) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: a duration of %d ms is not 1..%d (or 0 for %d)", what, duration,
                            PX_SHEET_DURATION_MAX, PX_SHEET_DURATION);
    }
    return check_name(what, "frame", name);
}

dgxp_status px_sheet_take_frame(const char *what, dgxp_sheet *sheet, dgxp_image *image,
                                const char *name, int32_t duration)
{
    name = name ? name : "";
    char *copy = NULL;
    const int64_t pixels = (int64_t)px_image_count(image);
    dgxp_status status = check_frame(what, sheet, pixels, name, duration);
    if (status) {
        goto done;
    }
    copy = px_mem_text(name);
    if (!copy || !px_mem_grow((void **)&sheet->frames, &sheet->frame_capacity, sheet->frame_count,
                              sizeof *sheet->frames)) {
        status = px_error_memory("a frame of a sheet");
        goto done;
    }
    sheet->frames[sheet->frame_count++] = (px_sheet_frame){
        .image = image, .name = copy, .duration = duration ? duration : PX_SHEET_DURATION};
    sheet->pixels += (size_t)pixels;
done:
    if (status) {
        px_mem_free(copy);
        dgxp_image_free(image);
    }
    return status;
}

dgxp_status dgxp_sheet_add_frame(dgxp_sheet *sheet, const dgxp_image *image, const char *name,
                                 int32_t duration)
{
    px_error_clear();
    dgxp_image *copy = NULL;
    if (!sheet || !image) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_add_frame: %s is NULL",
                            sheet ? "image" : "sheet");
    }
    dgxp_status status =
        check_frame("dgxp_sheet_add_frame", sheet, (int64_t)px_image_count(image), "", duration);
    status = status ? status : dgxp_image_copy(image, &copy);
    return status ? status
                  : px_sheet_take_frame("dgxp_sheet_add_frame", sheet, copy, name, duration);
}

int32_t dgxp_sheet_frame_count(const dgxp_sheet *sheet)
{
    return sheet ? (int32_t)sheet->frame_count : 0;
}

static const px_sheet_frame *find_frame(const dgxp_sheet *sheet, int32_t index)
{
    const bool inside = sheet && index >= 0 && (size_t)index < sheet->frame_count;
    return inside ? &sheet->frames[index] : NULL;
}

const dgxp_image *dgxp_sheet_frame(const dgxp_sheet *sheet, int32_t index)
{
    const px_sheet_frame *frame = find_frame(sheet, index);
    return frame ? frame->image : NULL;
}

const char *dgxp_sheet_frame_name(const dgxp_sheet *sheet, int32_t index)
{
    const px_sheet_frame *frame = find_frame(sheet, index);
    return frame ? frame->name : NULL;
}

int32_t dgxp_sheet_frame_duration(const dgxp_sheet *sheet, int32_t index)
{
    const px_sheet_frame *frame = find_frame(sheet, index);
    return frame ? frame->duration : 0;
}

void px_sheet_canvas(const dgxp_sheet *sheet, int32_t *width, int32_t *height)
{
    *width = *height = 1;
    for (size_t i = 0; i < sheet->frame_count; i++) {
        const dgxp_image *image = sheet->frames[i].image;
        *width = image->width > *width ? image->width : *width;
        *height = image->height > *height ? image->height : *height;
    }
}

/* ---------------------------------------------------------------------------- tags and slices */

dgxp_status px_sheet_add_tag(const char *what, dgxp_sheet *sheet, const dgxp_tag *tag)
{
    const char *name = tag->name ? tag->name : "";
    dgxp_status status = check_name(what, "tag", name);
    if (status) {
        return status;
    }
    if (tag->from < 0 || tag->from > tag->to || (size_t)tag->to >= sheet->frame_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: tag '%s' spans frames %d to %d, counted from 0; there are %zu",
                            what, name, tag->from, tag->to, sheet->frame_count);
    }
    if (tag->direction < 0 || tag->direction >= px_sheet_direction_count || tag->repeat < 0 ||
        tag->repeat > 65535) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: tag '%s' has direction %d, repeat %d; the limits are 0..%d and "
                            "0..65535",
                            what, name, tag->direction, tag->repeat, px_sheet_direction_count - 1);
    }
    if (sheet->tag_count >= PX_SHEET_TAGS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: over %d tags", what, PX_SHEET_TAGS_MAX);
    }
    char *copy = px_mem_text(name);
    if (!copy || !px_mem_grow((void **)&sheet->tags, &sheet->tag_capacity, sheet->tag_count,
                              sizeof *sheet->tags)) {
        px_mem_free(copy);
        return px_error_memory("a tag of a sheet");
    }
    sheet->tags[sheet->tag_count++] =
        (px_sheet_tag){copy, tag->from, tag->to, tag->direction, tag->repeat};
    return DGXP_OK;
}

dgxp_status dgxp_sheet_add_tag(dgxp_sheet *sheet, const dgxp_tag *tag)
{
    px_error_clear();
    dgxp_tag known;
    if (!sheet || !tag) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_add_tag: %s is NULL",
                            sheet ? "tag" : "sheet");
    }
    const dgxp_status status = px_params_read("dgxp_sheet_add_tag", tag, &known, sizeof known);
    return status ? status : px_sheet_add_tag("dgxp_sheet_add_tag", sheet, &known);
}

/* Coordinates are kept so small that no sum of two overflows. */
static bool is_coordinate(int32_t value, int32_t least)
{
    return value >= least && value <= 65535;
}

dgxp_status px_sheet_add_slice(const char *what, dgxp_sheet *sheet, const dgxp_slice *slice)
{
    const char *name = slice->name ? slice->name : "";
    const dgxp_slice *s = slice;
    dgxp_status status = check_name(what, "slice", name);
    if (status) {
        return status;
    }
    const bool whole = is_coordinate(s->x, -65535) && is_coordinate(s->y, -65535) &&
                       is_coordinate(s->width, 1) && is_coordinate(s->height, 1);
    const bool center = is_coordinate(s->center_x, -65535) && is_coordinate(s->center_y, -65535) &&
                        is_coordinate(s->center_width, 0) && is_coordinate(s->center_height, 0);
    if (!whole || !center || !is_coordinate(s->pivot_x, -65535) ||
        !is_coordinate(s->pivot_y, -65535)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: slice '%s' (%d,%d %dx%d) must have sides of at least 1 and "
                            "coordinates within 65535",
                            what, name, s->x, s->y, s->width, s->height);
    }
    if (sheet->slice_count >= PX_SHEET_SLICES_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: over %d slices", what, PX_SHEET_SLICES_MAX);
    }
    char *copy = px_mem_text(name);
    if (!copy || !px_mem_grow((void **)&sheet->slices, &sheet->slice_capacity, sheet->slice_count,
                              sizeof *sheet->slices)) {
        px_mem_free(copy);
        return px_error_memory("a slice of a sheet");
    }
    sheet->slices[sheet->slice_count] = *slice;
    sheet->slices[sheet->slice_count].struct_size = sizeof *slice;
    sheet->slices[sheet->slice_count++].name = copy;
    return DGXP_OK;
}

dgxp_status dgxp_sheet_add_slice(dgxp_sheet *sheet, const dgxp_slice *slice)
{
    px_error_clear();
    dgxp_slice known;
    if (!sheet || !slice) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_add_slice: %s is NULL",
                            sheet ? "slice" : "sheet");
    }
    const dgxp_status status = px_params_read("dgxp_sheet_add_slice", slice, &known, sizeof known);
    return status ? status : px_sheet_add_slice("dgxp_sheet_add_slice", sheet, &known);
}

int32_t dgxp_sheet_tag_count(const dgxp_sheet *sheet)
{
    return sheet ? (int32_t)sheet->tag_count : 0;
}

int32_t dgxp_sheet_slice_count(const dgxp_sheet *sheet)
{
    return sheet ? (int32_t)sheet->slice_count : 0;
}

dgxp_status dgxp_sheet_tag(const dgxp_sheet *sheet, int32_t index, dgxp_tag *tag)
{
    px_error_clear();
    if (!sheet || !tag || index < 0 || (size_t)index >= sheet->tag_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_tag: there is no tag %d", index);
    }
    const px_sheet_tag *t = &sheet->tags[index];
    dgxp_tag told;
    memset(&told, 0, sizeof told); /* the gap before `name` too: nothing of our stack is told */
    told.from = t->from;
    told.to = t->to;
    told.direction = t->direction;
    told.repeat = t->repeat;
    told.name = t->name;
    return px_params_fill("dgxp_sheet_tag", tag, &told, sizeof told);
}

dgxp_status dgxp_sheet_slice(const dgxp_sheet *sheet, int32_t index, dgxp_slice *slice)
{
    px_error_clear();
    if (!sheet || !slice || index < 0 || (size_t)index >= sheet->slice_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_slice: there is no slice %d",
                            index);
    }
    return px_params_fill("dgxp_sheet_slice", slice, &sheet->slices[index], sizeof *slice);
}
