/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* .aseprite files into sheets: visible layers blended, frame by frame. */
#include "core/error.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "image/aseprite.h"
#include "image/cursor.h"
#include "image/sheet.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LAYERS_MAX 4096
#define CELS_MAX 262144

enum { LAYER_VISIBLE = 1, LAYER_BACKGROUND = 8, LAYER_REFERENCE = 64 };

typedef struct layer {
    bool shown, background, tilemap;
    uint8_t opacity;
} layer;

typedef struct cel {
    uint16_t frame, layer;
    int16_t x, y, z;
    uint8_t opacity;
    uint16_t type;
    int32_t width, height;
    const uint8_t *data; /* raw or zlib, in the file's bytes */
    size_t size;
} cel;

typedef struct reader {
    const char *name;
    dgxp_sheet *sheet;
    int32_t frames, width, height, depth;
    bool layer_opacity;
    uint8_t transparent;
    bool new_palette;
    uint8_t palette[256][4];
    layer layers[LAYERS_MAX];
    bool shown_at[LAYERS_MAX + 1]; /* visibility of the last layer of each depth */
    int32_t layer_count;
    cel *cels;
    size_t cel_count, cel_capacity;
    size_t *first_cels; /* [frames + 1]: where each frame's cels begin */
    uint64_t drawn;
    dgxp_tag *tags; /* kept until all frames are there */
    size_t tag_count, tag_capacity;
} reader;

bool px_aseprite_matches(const uint8_t *bytes, size_t size)
{
    return size >= 6 && bytes[4] == (PX_ASE_MAGIC & 255) && bytes[5] == PX_ASE_MAGIC >> 8;
}

static dgxp_status refuse_chunk(const reader *self, size_t frame, uint32_t type)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: frame %zu: chunk 0x%04x is cut short", self->name,
                        frame, type);
}

/* ------------------------------------------------------------------------------------- chunks */

/* A linked cel shows an earlier frame's pixels at a place of its own. */
static dgxp_status follow_link(const reader *self, uint32_t link, cel *to)
{
    const cel *found = NULL;
    if (link < to->frame) {
        for (size_t i = self->first_cels[link]; i < self->first_cels[link + 1]; i++) {
            found = self->cels[i].layer == to->layer ? &self->cels[i] : found;
        }
    }
    if (!found) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: frame %d: layer %d links to frame %u, which has no cel there",
                            self->name, to->frame, to->layer, link);
    }
    to->type = found->type;
    to->width = found->width;
    to->height = found->height;
    to->data = found->data;
    to->size = found->size;
    return DGXP_OK;
}

static void read_old_palette(reader *self, cursor *from, int shift)
{
    const uint32_t packets = px_cursor_take(from, 2);
    uint32_t entry = 0;
    for (uint32_t i = 0; i < packets && !from->short_of; i++) {
        entry += px_cursor_take(from, 1);
        const uint32_t count = px_cursor_take(from, 1);
        for (uint32_t c = 0; c < (count ? count : 256) && !from->short_of; c++, entry++) {
            const uint32_t r = px_cursor_take(from, 1), g = px_cursor_take(from, 1),
                           b = px_cursor_take(from, 1);
            if (entry < 256) {
                const uint8_t rgba[4] = {(uint8_t)(r << shift | (shift ? r >> 4 : 0)),
                                         (uint8_t)(g << shift | (shift ? g >> 4 : 0)),
                                         (uint8_t)(b << shift | (shift ? b >> 4 : 0)), 255};
                memcpy(self->palette[entry], rgba, 4);
            }
        }
    }
}

static void read_palette(reader *self, cursor *from)
{
    px_cursor_skip(from, 4);
    const uint32_t first = px_cursor_take(from, 4), last = px_cursor_take(from, 4);
    px_cursor_skip(from, 8);
    for (uint32_t i = first; i <= last && i < 256 && !from->short_of; i++) {
        const uint32_t flags = px_cursor_take(from, 2);
        for (int c = 0; c < 4; c++) {
            self->palette[i][c] = (uint8_t)px_cursor_take(from, 1);
        }
        if (flags & 1) {
            size_t length;
            px_cursor_text(from, &length);
        }
    }
    self->new_palette = true;
}

static dgxp_status read_layer(reader *self, cursor *from)
{
    const uint32_t flags = px_cursor_take(from, 2), type = px_cursor_take(from, 2),
                   level = px_cursor_take(from, 2);
    px_cursor_skip(from, 4);
    const uint32_t blend = px_cursor_take(from, 2), opacity = px_cursor_take(from, 1);
    if (self->layer_count >= LAYERS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: over %d layers; merge some", self->name,
                            LAYERS_MAX);
    }
    /* Groups nest one level at a time, so a level always has its parent above it. */
    const uint32_t depth =
        level > (uint32_t)self->layer_count ? (uint32_t)self->layer_count : level;
    const bool parent = depth ? self->shown_at[depth - 1] : true;
    self->shown_at[depth] = parent && (flags & LAYER_VISIBLE);
    self->layers[self->layer_count] = (layer){
        .shown = self->shown_at[depth] && !(flags & LAYER_REFERENCE) && type != 1,
        .background = flags & LAYER_BACKGROUND,
        .tilemap = type == 2,
        .opacity = self->layer_opacity ? (uint8_t)opacity : 255,
    };
    if (blend && self->layers[self->layer_count].shown) {
        px_log(DGXP_LOG_WARNING, "%s: layer %d has blend mode %u; it is drawn as normal",
               self->name, self->layer_count, blend);
    }
    self->layer_count++;
    return DGXP_OK;
}

static dgxp_status read_cel(reader *self, cursor *from, size_t frame)
{
    cel read = {.frame = (uint16_t)frame};
    read.layer = (uint16_t)px_cursor_take(from, 2);
    read.x = (int16_t)px_cursor_take(from, 2);
    read.y = (int16_t)px_cursor_take(from, 2);
    read.opacity = (uint8_t)px_cursor_take(from, 1);
    read.type = (uint16_t)px_cursor_take(from, 2);
    read.z = (int16_t)px_cursor_take(from, 2);
    px_cursor_skip(from, 5);
    if (read.layer >= self->layer_count) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: frame %zu has a cel of layer %d, there are %d", self->name, frame,
                            read.layer, self->layer_count);
    }
    if (read.type > 3) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: frame %zu has a cel of type %d; 0, 1 and 2 can be read: save it "
                            "with flattened layers",
                            self->name, frame, read.type);
    }
    if (read.type == 3 || self->layers[read.layer].tilemap) {
        if (!self->layers[read.layer].shown) {
            return DGXP_OK;
        }
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: layer %d is a tilemap; convert it to a normal layer", self->name,
                            read.layer);
    }
    if (read.type == 1) {
        const uint32_t link = px_cursor_take(from, 2);
        const dgxp_status status = from->short_of ? DGXP_OK : follow_link(self, link, &read);
        if (status) {
            return status;
        }
    } else {
        read.width = (int32_t)px_cursor_take(from, 2);
        read.height = (int32_t)px_cursor_take(from, 2);
        read.data = from->at;
        read.size = from->left;
    }
    if (from->short_of) {
        return DGXP_OK;
    }
    if (self->cel_count >= CELS_MAX || self->cel_count - self->first_cels[frame] >= LAYERS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: over %d cels, or %d in a frame; merge layers",
                            self->name, CELS_MAX, LAYERS_MAX);
    }
    if (!px_mem_grow((void **)&self->cels, &self->cel_capacity, self->cel_count, sizeof read)) {
        return px_error_memory("the cels of an .aseprite file");
    }
    self->cels[self->cel_count++] = read;
    return DGXP_OK;
}

static dgxp_status read_tags(reader *self, cursor *from)
{
    const uint32_t count = px_cursor_take(from, 2);
    px_cursor_skip(from, 8);
    for (uint32_t i = 0; i < count && !from->short_of; i++) {
        dgxp_tag tag = DGXP_TAG_INIT;
        size_t length;
        tag.from = (int32_t)px_cursor_take(from, 2);
        tag.to = (int32_t)px_cursor_take(from, 2);
        tag.direction = (int32_t)px_cursor_take(from, 1);
        tag.repeat = (int32_t)px_cursor_take(from, 2);
        px_cursor_skip(from, 10);
        const char *name = px_cursor_text(from, &length);
        if (from->short_of) {
            break;
        }
        if (length > PX_SHEET_NAME_MAX || self->tag_count >= PX_SHEET_TAGS_MAX) {
            return px_error_set(DGXP_ERR_LIMIT,
                                "%s: tag %u: a name of %zu bytes; the limits are %d bytes and %d "
                                "tags",
                                self->name, i, length, PX_SHEET_NAME_MAX, PX_SHEET_TAGS_MAX);
        }
        tag.name = px_mem_textn(name, length);
        if (!tag.name ||
            !px_mem_grow((void **)&self->tags, &self->tag_capacity, self->tag_count, sizeof tag)) {
            px_mem_free((char *)(uintptr_t)tag.name);
            return px_error_memory("the tags of an .aseprite file");
        }
        self->tags[self->tag_count++] = tag;
    }
    return DGXP_OK;
}

static dgxp_status read_slice(reader *self, cursor *from)
{
    const uint32_t keys = px_cursor_take(from, 4), flags = px_cursor_take(from, 4);
    size_t length;
    px_cursor_skip(from, 4);
    const char *name = px_cursor_text(from, &length);
    if (!keys) {
        return DGXP_OK;
    }
    dgxp_slice slice = DGXP_SLICE_INIT;
    px_cursor_skip(from, 4);
    slice.x = (int32_t)px_cursor_take(from, 4);
    slice.y = (int32_t)px_cursor_take(from, 4);
    slice.width = (int32_t)px_cursor_take(from, 4);
    slice.height = (int32_t)px_cursor_take(from, 4);
    if (flags & 1) {
        slice.center_x = (int32_t)px_cursor_take(from, 4);
        slice.center_y = (int32_t)px_cursor_take(from, 4);
        slice.center_width = (int32_t)px_cursor_take(from, 4);
        slice.center_height = (int32_t)px_cursor_take(from, 4);
    }
    if (flags & 2) {
        slice.has_pivot = 1;
        slice.pivot_x = (int32_t)px_cursor_take(from, 4);
        slice.pivot_y = (int32_t)px_cursor_take(from, 4);
    }
    if (from->short_of || slice.width == 0 || slice.height == 0) {
        return DGXP_OK; /* a slice that is hidden from the first frame on */
    }
    char *text = length <= PX_SHEET_NAME_MAX ? px_mem_textn(name, length) : NULL;
    if (!text) {
        return length > PX_SHEET_NAME_MAX
                   ? px_error_set(DGXP_ERR_LIMIT,
                                  "%s: a slice's name of %zu bytes; the limit is %d", self->name,
                                  length, PX_SHEET_NAME_MAX)
                   : px_error_memory("a slice of an .aseprite file");
    }
    slice.name = text;
    dgxp_status status = px_sheet_add_slice(self->name, self->sheet, &slice);
    px_mem_free(text);
    return status == DGXP_ERR_INVALID_ARGUMENT ? DGXP_ERR_BAD_FORMAT : status;
}

static dgxp_status read_chunk(reader *self, uint32_t type, cursor from, size_t frame)
{
    dgxp_status status = DGXP_OK;
    switch (type) {
    case PX_ASE_OLD_PALETTE:
    case PX_ASE_OLDER_PALETTE:
        if (!self->new_palette) {
            read_old_palette(self, &from, type == PX_ASE_OLDER_PALETTE ? 2 : 0);
        }
        break;
    case PX_ASE_PALETTE:
        read_palette(self, &from);
        break;
    case PX_ASE_LAYER:
        status = read_layer(self, &from);
        break;
    case PX_ASE_CEL:
        status = read_cel(self, &from, frame);
        break;
    case PX_ASE_TAGS:
        status = read_tags(self, &from);
        break;
    case PX_ASE_SLICE:
        status = read_slice(self, &from);
        break;
    default: /* masks, user data, profiles: nothing that changes a pixel */
        break;
    }
    return status || !from.short_of ? status : refuse_chunk(self, frame, type);
}

/* ------------------------------------------------------------------------------------ blending */

static void read_pixel(const reader *self, const layer *of, const uint8_t *at, uint8_t rgba[4])
{
    if (self->depth == 32) {
        memcpy(rgba, at, 4);
    } else if (self->depth == 16) {
        memcpy(rgba, (uint8_t[4]){at[0], at[0], at[0], at[1]}, 4);
    } else if (at[0] == self->transparent && !of->background) {
        memset(rgba, 0, 4);
    } else {
        memcpy(rgba, self->palette[at[0]], 4);
    }
}

/* The pixels of a cel in a new block; `*owned` NULL when they lie in the file itself. */
static dgxp_status unpack_cel(const reader *self, const cel *of, const uint8_t **pixels,
                              uint8_t **owned)
{
    const size_t size = (size_t)of->width * (size_t)of->height * (size_t)(self->depth / 8);
    if (of->type == 0) {
        if (of->size < size) {
            return refuse_chunk(self, of->frame, PX_ASE_CEL);
        }
        *pixels = of->data;
        return DGXP_OK;
    }
    if (size / 1032 > of->size) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: frame %d: %zu bytes cannot hold a cel of %dx%d pixels", self->name,
                            of->frame, of->size, of->width, of->height);
    }
    *owned = px_mem_alloc(size);
    if (!*owned) {
        return px_error_memory("a cel of an .aseprite file");
    }
    uLongf got = size;
    const int result = uncompress(*owned, &got, of->data, of->size);
    if (result == Z_MEM_ERROR) {
        return px_error_memory("zlib");
    }
    if (result != Z_OK || got != size) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: frame %d: the pixels of a cel of %dx%d do not unpack", self->name,
                            of->frame, of->width, of->height);
    }
    *pixels = *owned;
    return DGXP_OK;
}

static dgxp_status draw_cel(reader *self, const cel *of, dgxp_image *canvas)
{
    const uint8_t *pixels = NULL;
    uint8_t *owned = NULL;
    const layer *on = &self->layers[of->layer];
    const uint32_t opacity = px_aseprite_multiply(on->opacity, of->opacity);
    dgxp_status status = px_image_check_header(self->name, of->width, of->height);
    self->drawn += (uint64_t)of->width * (uint64_t)of->height;
    if (!status && self->drawn > px_limits_drawn()) {
        status = px_error_set(DGXP_ERR_LIMIT, "%s: its cels have over %llu pixels; merge layers",
                              self->name, (unsigned long long)px_limits_drawn());
    }
    status = status ? status : unpack_cel(self, of, &pixels, &owned);
    const size_t bytes = (size_t)self->depth / 8;
    /* Cels may reach out of the canvas on every side. */
    const int32_t left = of->x < 0 ? -of->x : 0, top = of->y < 0 ? -of->y : 0;
    const int32_t right = px_image_least(of->width, canvas->width - of->x);
    const int32_t bottom = px_image_least(of->height, canvas->height - of->y);
    for (int32_t y = top; y < bottom && !status; y++) {
        for (int32_t x = left; x < right; x++) {
            uint8_t rgba[4];
            const size_t at = (size_t)y * (size_t)of->width + (size_t)x;
            read_pixel(self, on, pixels + at * bytes, rgba);
            px_aseprite_blend(px_image_at(canvas, of->x + x, of->y + y), rgba, opacity);
        }
    }
    px_mem_free(owned);
    /* A cel without pixels breaks the format; the caller gave no argument. */
    return status == DGXP_ERR_INVALID_ARGUMENT ? DGXP_ERR_BAD_FORMAT : status;
}

/* Aseprite's rule: layer plus z-index, then the z-index, then as they stand in the file. */
static int compare_cels(const void *left, const void *right)
{
    const cel *a = *(const cel *const *)left, *b = *(const cel *const *)right;
    const int32_t at_a = a->layer + a->z, at_b = b->layer + b->z;
    return at_a != at_b   ? (at_a < at_b ? -1 : 1)
           : a->z != b->z ? (a->z < b->z ? -1 : 1)
                          : (a > b) - (a < b);
}

static dgxp_status finish_frame(reader *self, size_t first, int32_t duration)
{
    dgxp_image *canvas = NULL;
    dgxp_status status = px_image_create(self->name, self->width, self->height, &canvas);
    if (status) {
        return status;
    }
    const size_t count = self->cel_count - first;
    const cel **order = px_mem_array(count, sizeof *order);
    if (!order) {
        status = px_error_memory("the cels of an .aseprite file");
    }
    for (size_t i = 0; i < count && !status; i++) {
        order[i] = &self->cels[first + i];
    }
    if (!status && count) {
        qsort(order, count, sizeof *order, compare_cels);
    }
    for (size_t i = 0; i < count && !status; i++) {
        if (self->layers[order[i]->layer].shown) {
            status = draw_cel(self, order[i], canvas);
        }
    }
    px_mem_free(order);
    if (status) {
        dgxp_image_free(canvas);
        return status;
    }
    return px_sheet_take_frame(self->name, self->sheet, canvas, NULL, duration);
}

/* --------------------------------------------------------------------------------- the whole */

static dgxp_status read_frame(reader *self, cursor *file, size_t frame)
{
    const size_t first = self->cel_count, size = px_cursor_take(file, 4);
    if (px_cursor_take(file, 2) != PX_ASE_FRAME_MAGIC || size < PX_ASE_FRAME_HEADER ||
        size - 6 > file->left) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: frame %zu is not there: the file is cut or broken", self->name,
                            frame);
    }
    cursor inside = {file->at, size - 6, false};
    px_cursor_skip(file, size - 6);
    const uint32_t old_count = px_cursor_take(&inside, 2), duration = px_cursor_take(&inside, 2);
    px_cursor_skip(&inside, 2);
    const uint32_t new_count = px_cursor_take(&inside, 4),
                   count = new_count ? new_count : old_count;
    dgxp_status status = DGXP_OK;
    for (uint32_t i = 0; i < count && !status; i++) {
        const uint32_t length = px_cursor_take(&inside, 4), type = px_cursor_take(&inside, 2);
        if (inside.short_of || length < PX_ASE_CHUNK_HEADER ||
            length - PX_ASE_CHUNK_HEADER > inside.left) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: frame %zu: chunk %u of %u says %u bytes, %zu are left",
                                self->name, frame, i, count, length, inside.left);
        }
        const cursor chunk = {inside.at, length - PX_ASE_CHUNK_HEADER, false};
        px_cursor_skip(&inside, chunk.left);
        status = read_chunk(self, type, chunk, frame);
    }
    self->first_cels[frame + 1] = self->cel_count;
    return status ? status : finish_frame(self, first, (int32_t)duration);
}

static dgxp_status read_header(reader *self, cursor *file, size_t size)
{
    px_cursor_skip(file, 6); /* size and magic */
    self->frames = (int32_t)px_cursor_take(file, 2);
    self->width = (int32_t)px_cursor_take(file, 2);
    self->height = (int32_t)px_cursor_take(file, 2);
    self->depth = (int32_t)px_cursor_take(file, 2);
    self->layer_opacity = px_cursor_take(file, 4) & 1;
    px_cursor_skip(file, 10);
    self->transparent = (uint8_t)px_cursor_take(file, 1);
    px_cursor_skip(file, 99);
    if (file->short_of || !self->frames || !self->width || !self->height) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: the header says %d frames of %dx%d pixels in a file of %zu bytes",
                            self->name, self->frames, self->width, self->height, size);
    }
    if (self->depth != 32 && self->depth != 16 && self->depth != 8) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: a depth of %d bits; it must be 8, 16 or 32",
                            self->name, self->depth);
    }
    if ((size_t)self->frames > (size - PX_ASE_HEADER) / PX_ASE_FRAME_HEADER) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: %zu bytes cannot hold %d frames", self->name,
                            size, self->frames);
    }
    return px_sheet_check_frames(self->name, (size_t)self->frames, self->width, self->height);
}

static dgxp_status add_tags(reader *self)
{
    for (size_t i = 0; i < self->tag_count; i++) {
        dgxp_tag tag = self->tags[i];
        /* Aseprite itself pulls tags back inside when frames were removed. */
        tag.to = tag.to >= self->frames ? self->frames - 1 : tag.to;
        const dgxp_status status = px_sheet_add_tag(self->name, self->sheet, &tag);
        if (status) {
            return status == DGXP_ERR_INVALID_ARGUMENT ? DGXP_ERR_BAD_FORMAT : status;
        }
    }
    return DGXP_OK;
}

dgxp_status px_aseprite_decode(const char *name, const uint8_t *bytes, size_t size,
                               dgxp_sheet **out)
{
    cursor file = {bytes, size, false};
    reader *self = px_mem_zero(1, sizeof *self);
    if (!self) {
        return px_error_memory("an .aseprite reader");
    }
    self->name = name;
    dgxp_status status = px_sheet_create(&self->sheet);
    status = status ? status : read_header(self, &file, size);
    if (!status) {
        self->first_cels = px_mem_zero((size_t)self->frames + 1, sizeof *self->first_cels);
        status = self->first_cels ? DGXP_OK : px_error_memory("an .aseprite reader");
    }
    for (int32_t i = 0; i < self->frames && !status; i++) {
        status = read_frame(self, &file, (size_t)i);
    }
    status = status ? status : add_tags(self);
    for (size_t i = 0; i < self->tag_count; i++) {
        px_mem_free((char *)(uintptr_t)self->tags[i].name);
    }
    px_mem_free(self->tags);
    px_mem_free(self->cels);
    px_mem_free(self->first_cels);
    if (status) {
        dgxp_sheet_free(self->sheet);
    } else {
        *out = self->sheet;
    }
    px_mem_free(self);
    return status;
}
