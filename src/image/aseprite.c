/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sheets into .aseprite files: one layer, trimmed cels, tags, slices, palette. */
#include "image/aseprite.h"

#include "core/buffer.h"
#include "core/error.h"
#include "core/mem.h"
#include "image/color_table.h"
#include "image/sheet.h"

#include <string.h>
#include <zlib.h>

enum { COLOR_SLOTS = 1024 }; /* four times the colors of an indexed file */

typedef struct writer {
    const char *name;
    px_buffer file;
    uint8_t palette[256][4];
    int32_t colors; /* of an indexed file, transparent entry 0 included; 0 = RGBA */
    px_color_slot slots[COLOR_SLOTS]; /* the entry of each color */
    int32_t width, height;
} writer;

/* A little-endian number of 1, 2 or 4 bytes. */
static void put(writer *to, int64_t value, size_t size)
{
    uint8_t bytes[4];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)((uint64_t)value >> (8 * i));
    }
    px_buffer_put(&to->file, bytes, size);
}

static void put_zeros(writer *to, size_t count)
{
    static const uint8_t zeros[84];
    px_buffer_put(&to->file, zeros, count);
}

static void put_text(writer *to, const char *text)
{
    put(to, (int64_t)strlen(text), 2);
    px_buffer_put(&to->file, text, strlen(text));
}

/* Fill in a size that was not known when its four bytes were written. */
static void patch_size(writer *to, size_t at)
{
    if (!to->file.no_memory) {
        const size_t size = to->file.size - at;
        for (size_t i = 0; i < 4; i++) {
            to->file.bytes[at + i] = (uint8_t)(size >> (8 * i));
        }
    }
}

static size_t begin_chunk(writer *to, int type)
{
    const size_t at = to->file.size;
    put(to, 0, 4);
    put(to, type, 2);
    return at;
}

/* ------------------------------------------------------------------------------------- chunks */

static px_color_slot *find_entry(writer *in, const uint8_t *rgba)
{
    return px_color_find(in->slots, COLOR_SLOTS, px_color_word(rgba));
}

/* Entry 0 is transparent, the others are in order of appearance; 0 colors when there are too many.
 */
static void collect_colors(writer *to, const dgxp_sheet *sheet)
{
    to->colors = 1;
    for (size_t f = 0; f < sheet->frame_count; f++) {
        const dgxp_image *image = sheet->frames[f].image;
        const size_t count = px_image_count(image);
        for (size_t i = 0; i < count; i++) {
            const uint8_t *pixel = image->rgba + i * 4;
            if (!pixel[3] || (i && memcmp(pixel, pixel - 4, 4) == 0)) {
                continue;
            }
            px_color_slot *entry = find_entry(to, pixel);
            if (entry->value) {
                continue;
            }
            if (to->colors == 256) {
                to->colors = 0;
                return;
            }
            entry->value = (uint64_t)to->colors;
            memcpy(to->palette[to->colors++], pixel, 4);
        }
    }
}

static void put_header(writer *to, const dgxp_sheet *sheet)
{
    put(to, 0, 4);
    put(to, PX_ASE_MAGIC, 2);
    put(to, (int64_t)sheet->frame_count, 2);
    put(to, to->width, 2);
    put(to, to->height, 2);
    put(to, to->colors ? 8 : 32, 2);
    put(to, 1, 4); /* layer opacity is valid */
    put(to, PX_SHEET_DURATION, 2);
    put_zeros(to, 8);
    put(to, 0, 1); /* the transparent entry */
    put_zeros(to, 3);
    put(to, to->colors, 2);
    put(to, 1, 1); /* square pixels */
    put(to, 1, 1);
    put_zeros(to, 4);
    put(to, 16, 2); /* the editor's grid */
    put(to, 16, 2);
    put_zeros(to, 84);
}

static void put_palette(writer *to)
{
    const size_t at = begin_chunk(to, PX_ASE_PALETTE);
    put(to, to->colors, 4);
    put(to, 0, 4);
    put(to, to->colors - 1, 4);
    put_zeros(to, 8);
    for (int32_t i = 0; i < to->colors; i++) {
        put(to, 0, 2);
        px_buffer_put(&to->file, to->palette[i], 4);
    }
    patch_size(to, at);
}

static void put_layer(writer *to)
{
    const size_t at = begin_chunk(to, PX_ASE_LAYER);
    put(to, 3, 2); /* visible, editable */
    put_zeros(to, 10);
    put(to, 255, 1);
    put_zeros(to, 3);
    put_text(to, "Sprite");
    patch_size(to, at);
}

static void put_tags(writer *to, const dgxp_sheet *sheet)
{
    const size_t at = begin_chunk(to, PX_ASE_TAGS);
    put(to, (int64_t)sheet->tag_count, 2);
    put_zeros(to, 8);
    for (size_t i = 0; i < sheet->tag_count; i++) {
        const px_sheet_tag *tag = &sheet->tags[i];
        put(to, tag->from, 2);
        put(to, tag->to, 2);
        put(to, tag->direction, 1);
        put(to, tag->repeat, 2);
        put_zeros(to, 10);
        put_text(to, tag->name);
    }
    patch_size(to, at);
}

static void put_slice(writer *to, const dgxp_slice *slice)
{
    const bool center = slice->center_width && slice->center_height;
    const size_t at = begin_chunk(to, PX_ASE_SLICE);
    put(to, 1, 4);
    put(to, (center ? 1 : 0) | (slice->has_pivot ? 2 : 0), 4);
    put(to, 0, 4);
    put_text(to, slice->name);
    put(to, 0, 4); /* from the first frame on */
    put(to, slice->x, 4);
    put(to, slice->y, 4);
    put(to, slice->width, 4);
    put(to, slice->height, 4);
    if (center) {
        put(to, slice->center_x, 4);
        put(to, slice->center_y, 4);
        put(to, slice->center_width, 4);
        put(to, slice->center_height, 4);
    }
    if (slice->has_pivot) {
        put(to, slice->pivot_x, 4);
        put(to, slice->pivot_y, 4);
    }
    patch_size(to, at);
}

/* --------------------------------------------------------------------------------------- cels */

typedef struct box {
    int32_t x, y, width, height;
} box;

/* What is visible of a picture; false when nothing is. */
static bool find_visible(const dgxp_image *image, box *found)
{
    int32_t left = image->width, right = -1, top = image->height, bottom = -1;
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            if (px_image_at(image, x, y)[3]) {
                left = x < left ? x : left;
                right = x > right ? x : right;
                top = y < top ? y : top;
                bottom = y;
            }
        }
    }
    *found = (box){left, top, right - left + 1, bottom - top + 1};
    return right >= 0;
}

static dgxp_status put_pixels(writer *to, const dgxp_image *image, const box *part)
{
    const size_t each = to->colors ? 1 : 4;
    const size_t size = (size_t)part->width * (size_t)part->height * each;
    uLongf packed_size = compressBound(size);
    uint8_t *raw = px_mem_alloc(size), *packed = px_mem_alloc(packed_size);
    dgxp_status status = DGXP_OK;
    if (!raw || !packed) {
        status = px_error_memory("a cel of an .aseprite file");
        goto done;
    }
    uint8_t *at = raw;
    for (int32_t y = 0; y < part->height; y++) {
        const uint8_t *from = px_image_at(image, part->x, part->y + y);
        for (int32_t x = 0; x < part->width; x++, from += 4, at += each) {
            if (to->colors) {
                *at = from[3] ? (uint8_t)find_entry(to, from)->value : 0;
            } else {
                memcpy(at, from, 4);
            }
        }
    }
    if (compress2(packed, &packed_size, raw, size, Z_DEFAULT_COMPRESSION) != Z_OK) {
        status = px_error_memory("zlib");
        goto done;
    }
    px_buffer_put(&to->file, packed, packed_size);
done:
    px_mem_free(raw);
    px_mem_free(packed);
    return status;
}

/* Linked to the frame before when that shows the same, as animators do it by hand. */
static dgxp_status put_cel(writer *to, const dgxp_sheet *sheet, size_t frame, size_t *linked)
{
    const dgxp_image *image = sheet->frames[frame].image;
    dgxp_status status = DGXP_OK;
    box part;
    int32_t x, y;
    if (!find_visible(image, &part)) {
        *linked = frame + 1; /* no cel here: nothing can link to it */
        return DGXP_OK;
    }
    const bool same =
        frame && *linked < frame && px_image_equal(sheet->frames[*linked].image, image);
    px_sheet_stand(to->width, to->height, image, &x, &y);
    const size_t at = begin_chunk(to, PX_ASE_CEL);
    put(to, 0, 2);
    put(to, x + part.x, 2);
    put(to, y + part.y, 2);
    put(to, 255, 1);
    put(to, same ? 1 : 2, 2);
    put_zeros(to, 7);
    if (same) {
        put(to, (int64_t)*linked, 2);
    } else {
        *linked = frame;
        put(to, part.width, 2);
        put(to, part.height, 2);
        status = put_pixels(to, image, &part);
    }
    patch_size(to, at);
    return status;
}

static dgxp_status put_frame(writer *to, const dgxp_sheet *sheet, size_t frame, size_t *linked)
{
    const size_t at = to->file.size;
    uint32_t chunks = 0;
    put(to, 0, 4);
    put(to, PX_ASE_FRAME_MAGIC, 2);
    put(to, 0, 2);
    put(to, sheet->frames[frame].duration, 2);
    put_zeros(to, 6);
    if (frame == 0) {
        const size_t profile = begin_chunk(to, PX_ASE_PROFILE);
        put(to, 1, 2); /* sRGB */
        put_zeros(to, 14);
        patch_size(to, profile);
        if (to->colors) {
            put_palette(to);
        }
        put_layer(to);
        if (sheet->tag_count) {
            put_tags(to, sheet);
        }
        for (size_t i = 0; i < sheet->slice_count; i++) {
            put_slice(to, &sheet->slices[i]);
        }
        chunks = 2u + (to->colors > 0) + (sheet->tag_count > 0) + (uint32_t)sheet->slice_count;
    }
    const size_t before = to->file.size;
    const dgxp_status status = put_cel(to, sheet, frame, linked);
    chunks += to->file.size > before;
    patch_size(to, at);
    if (!to->file.no_memory) { /* the chunk counts, old and new */
        for (size_t i = 0; i < 4; i++) {
            to->file.bytes[at + 12 + i] = (uint8_t)(chunks >> (8 * i));
        }
        const uint32_t old = chunks < 0xFFFF ? chunks : 0xFFFF;
        to->file.bytes[at + 6] = (uint8_t)old;
        to->file.bytes[at + 7] = (uint8_t)(old >> 8);
    }
    return status;
}

dgxp_status px_aseprite_encode(const char *name, const dgxp_sheet *sheet, int32_t truecolor,
                               uint8_t **bytes, size_t *size)
{
    writer to = {.name = name};
    size_t linked = 0;
    px_sheet_canvas(sheet, &to.width, &to.height);
    if (!truecolor) {
        collect_colors(&to, sheet);
    }
    put_header(&to, sheet);
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < sheet->frame_count && !status && !to.file.no_memory; i++) {
        status = put_frame(&to, sheet, i, &linked);
    }
    patch_size(&to, 0);
    if (!status && to.file.no_memory) {
        status = px_error_memory("an .aseprite file");
    }
    if (!status && to.file.size > PX_SHEET_BYTES_MAX) {
        status = px_error_set(DGXP_ERR_LIMIT, "%s: over %zu bytes; split the sheet", name,
                              PX_SHEET_BYTES_MAX);
    }
    if (status) {
        px_mem_free(to.file.bytes);
    } else {
        *bytes = to.file.bytes;
        *size = to.file.size;
    }
    return status;
}
