/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a picture's file says about itself, read without unpacking a pixel. */
#include "image/header.h"

#include "core/error.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "image/animation.h"
#include "image/aseprite.h"
#include "image/cursor.h"
#include "image/picture.h"
#include "image/png.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { TAGS_BYTES_MAX = 4 << 20 };         /* of the chunk that lists an .aseprite file's tags */
#define TEXTS_BYTES_MAX ((size_t)32 << 20) /* of a PNG's text chunks, as they are packed */

typedef struct scanner {
    const char *name;
    FILE *file;
    uint64_t left; /* bytes of the file that were not read or skipped */
    px_header *out;
} scanner;

static dgxp_status refuse_short(const scanner *self)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: the file ends inside a %s chunk; copy it again",
                        self->name, self->out->type);
}

static dgxp_status take_bytes(scanner *self, void *to, size_t size)
{
    if (size > self->left || fread(to, 1, size, self->file) != size) {
        return refuse_short(self);
    }
    self->left -= size;
    return DGXP_OK;
}

static dgxp_status skip_bytes(scanner *self, uint64_t size)
{
    if (size > self->left || fseek(self->file, (long)size, SEEK_CUR) != 0) {
        return refuse_short(self);
    }
    self->left -= size;
    return DGXP_OK;
}

static dgxp_status check_size(const scanner *self)
{
    if (self->out->width < 1 || self->out->height < 1) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: the header says %dx%d pixels", self->name,
                            self->out->width, self->out->height);
    }
    return DGXP_OK;
}

/* ----------------------------------------------------------------------------------------- PNG */

typedef struct texts {
    uint8_t *bytes; /* whole chunks */
    size_t size, capacity;
} texts;

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A text chunk is kept whole, checksum and all, for libpng to read. */
static dgxp_status keep_chunk(scanner *self, texts *kept, const uint8_t head[8], size_t size)
{
    const size_t whole = size + 12;
    if (whole > TEXTS_BYTES_MAX - kept->size) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: over %zu bytes of texts", self->name,
                            TEXTS_BYTES_MAX);
    }
    if (kept->capacity - kept->size < whole) {
        const size_t wanted = kept->capacity + whole + 4096;
        uint8_t *larger = px_mem_resize(kept->bytes, wanted, 1);
        if (!larger) {
            return px_error_memory("the texts of a PNG file");
        }
        kept->bytes = larger;
        kept->capacity = wanted;
    }
    memcpy(kept->bytes + kept->size, head, 8);
    const dgxp_status status = take_bytes(self, kept->bytes + kept->size + 8, size + 4);
    kept->size += status ? 0 : whole;
    return status;
}

/* fcTL: the duration is a fraction of a second, at the same place as in the reader of frames. */
static dgxp_status read_control(scanner *self, size_t size)
{
    uint8_t control[26];
    if (size != sizeof control) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: a fcTL chunk of %zu bytes; it has 26",
                            self->name, size);
    }
    const dgxp_status status = take_bytes(self, control, sizeof control);
    if (!status) {
        self->out->frames++;
        self->out->duration += px_png_duration(control + 20);
    }
    return status ? status : skip_bytes(self, 4);
}

static dgxp_status read_png(scanner *self)
{
    uint8_t head[33];
    texts kept = {NULL, 0, 0};
    bool animated = false;
    dgxp_status status = take_bytes(self, head, sizeof head);
    if (!status && (read_u32(head + 8) != 13 || memcmp(head + 12, "IHDR", 4) != 0 ||
                    (uint32_t)crc32(0, head + 12, 17) != read_u32(head + 29))) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT,
                              "%s: no sound IHDR chunk of 13 bytes at its begin", self->name);
    }
    if (status) {
        return status;
    }
    self->out->width = (int32_t)(read_u32(head + 16) & INT32_MAX);
    self->out->height = (int32_t)(read_u32(head + 20) & INT32_MAX);
    status = check_size(self);
    for (bool more = true; more && !status;) {
        status = take_bytes(self, head, 8);
        const uint32_t size = status ? 0 : read_u32(head);
        const char *type = (const char *)head + 4;
        if (status) {
            break;
        }
        more = memcmp(type, "IEND", 4) != 0;
        animated |= memcmp(type, "acTL", 4) == 0;
        if (!memcmp(type, "tEXt", 4) || !memcmp(type, "zTXt", 4) || !memcmp(type, "iTXt", 4)) {
            status = size > PX_IMAGE_TEXT_MAX ? skip_bytes(self, (uint64_t)size + 4)
                                              : keep_chunk(self, &kept, head, size);
        } else if (animated && memcmp(type, "fcTL", 4) == 0) {
            status = read_control(self, size);
        } else {
            status = skip_bytes(self, (uint64_t)size + 4);
        }
    }
    if (!status && kept.size) {
        status = px_png_decode_texts(self->name, kept.bytes, kept.size, &self->out->texts);
    }
    self->out->frames = self->out->frames ? self->out->frames : 1;
    px_mem_free(kept.bytes);
    return status;
}

/* ----------------------------------------------------------------------------------------- GIF */

/* Sub-blocks end with an empty one; the first bytes of them go to `start`. */
static dgxp_status skip_blocks(scanner *self, uint8_t *start, size_t room)
{
    uint8_t size = 1;
    dgxp_status status = DGXP_OK;
    while (!status && size) {
        status = take_bytes(self, &size, 1);
        const size_t wanted = size < room ? size : room;
        status = status ? status : take_bytes(self, start, wanted);
        status = status ? status : skip_bytes(self, size - wanted);
        room = 0;
    }
    return status;
}

static uint64_t table_bytes(uint8_t flags)
{
    return flags & 0x80 ? (uint64_t)3 << ((flags & 7) + 1) : 0;
}

static dgxp_status read_gif(scanner *self)
{
    uint8_t head[13], delay[4] = {0};
    dgxp_status status = take_bytes(self, head, sizeof head);
    if (status) {
        return status;
    }
    self->out->width = head[6] | head[7] << 8;
    self->out->height = head[8] | head[9] << 8;
    status = check_size(self);
    status = status ? status : skip_bytes(self, table_bytes(head[10]));
    for (bool more = true; more && !status;) {
        uint8_t kind = 0, label = 0, part[9];
        status = take_bytes(self, &kind, 1);
        if (!status && kind == 0x21) {
            status = take_bytes(self, &label, 1);
            status = status ? status : skip_blocks(self, delay, label == 0xF9 ? sizeof delay : 0);
        } else if (!status && kind == 0x2C) {
            status = take_bytes(self, part, sizeof part);
            /* colours, and the byte that says how wide the codes begin */
            status = status ? status : skip_bytes(self, table_bytes(part[8]) + 1);
            status = status ? status : skip_blocks(self, NULL, 0);
            self->out->frames++;
            self->out->duration += px_gif_duration(delay[1] | delay[2] << 8);
            memset(delay, 0, sizeof delay);
        } else if (!status && kind != 0x3B) {
            status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: not a sound GIF file, frame %lld",
                                  self->name, (long long)self->out->frames);
        }
        more = kind != 0x3B;
    }
    if (!status && !self->out->frames) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: a GIF file without a frame", self->name);
    }
    return status;
}

/* ------------------------------------------------------------------------------------ aseprite */

static dgxp_status add_tag(px_header *out, cursor *from)
{
    px_sheet_tag tag = {0};
    size_t length;
    tag.from = (int32_t)px_cursor_take(from, 2);
    tag.to = (int32_t)px_cursor_take(from, 2);
    tag.direction = (int32_t)px_cursor_take(from, 1);
    tag.repeat = (int32_t)px_cursor_take(from, 2);
    px_cursor_skip(from, 10);
    const char *name = px_cursor_text(from, &length);
    if (from->short_of || out->tag_count >= PX_SHEET_TAGS_MAX) {
        return DGXP_OK; /* the reader of pixels is the one that refuses it */
    }
    tag.name = px_mem_textn(name, length);
    if (!tag.name ||
        !px_mem_grow((void **)&out->tags, &out->tag_capacity, out->tag_count, sizeof tag)) {
        px_mem_free(tag.name);
        return px_error_memory("the tags of an .aseprite file");
    }
    out->tags[out->tag_count++] = tag;
    return DGXP_OK;
}

static dgxp_status read_tags(scanner *self, size_t size)
{
    uint8_t *bytes = px_mem_alloc(size);
    dgxp_status status = bytes ? take_bytes(self, bytes, size) : px_error_memory("a chunk of tags");
    if (!status) {
        cursor from = {bytes, size, false};
        const uint32_t count = px_cursor_take(&from, 2);
        px_cursor_skip(&from, 8);
        for (uint32_t i = 0; i < count && !from.short_of && !status; i++) {
            status = add_tag(self->out, &from);
        }
    }
    px_mem_free(bytes);
    return status;
}

static dgxp_status read_ase_frame(scanner *self)
{
    uint8_t bytes[PX_ASE_FRAME_HEADER];
    dgxp_status status = take_bytes(self, bytes, sizeof bytes);
    if (status) {
        return status;
    }
    cursor head = {bytes, sizeof bytes, false};
    const uint32_t size = px_cursor_take(&head, 4), magic = px_cursor_take(&head, 2);
    px_cursor_skip(&head, 2);
    self->out->duration += px_cursor_take(&head, 2);
    if (magic != PX_ASE_FRAME_MAGIC || size < PX_ASE_FRAME_HEADER ||
        size - PX_ASE_FRAME_HEADER > self->left) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: frame %lld is not there: the file is cut or broken", self->name,
                            (long long)self->out->frames);
    }
    const uint64_t behind = self->left - (size - PX_ASE_FRAME_HEADER);
    while (!status && self->left - behind >= PX_ASE_CHUNK_HEADER) {
        status = take_bytes(self, bytes, PX_ASE_CHUNK_HEADER);
        cursor chunk = {bytes, PX_ASE_CHUNK_HEADER, false};
        const uint32_t length = px_cursor_take(&chunk, 4), type = px_cursor_take(&chunk, 2);
        if (!status &&
            (length < PX_ASE_CHUNK_HEADER || length - PX_ASE_CHUNK_HEADER > self->left - behind)) {
            return refuse_short(self);
        }
        const uint32_t body = length - PX_ASE_CHUNK_HEADER;
        if (!status) {
            status = type == PX_ASE_TAGS && body <= TAGS_BYTES_MAX ? read_tags(self, body)
                                                                   : skip_bytes(self, body);
        }
    }
    self->out->frames++;
    return status ? status : skip_bytes(self, self->left - behind);
}

static dgxp_status read_aseprite(scanner *self)
{
    uint8_t bytes[PX_ASE_HEADER];
    dgxp_status status = take_bytes(self, bytes, sizeof bytes);
    if (status) {
        return status;
    }
    cursor head = {bytes, sizeof bytes, false};
    px_cursor_skip(&head, 6);
    const uint32_t frames = px_cursor_take(&head, 2);
    self->out->width = (int32_t)px_cursor_take(&head, 2);
    self->out->height = (int32_t)px_cursor_take(&head, 2);
    status = check_size(self);
    for (uint32_t i = 0; i < frames && !status; i++) {
        status = read_ase_frame(self);
    }
    return status;
}

/* ---------------------------------------------------------------------------------- the whole */

/* JPEG, WebP and BMP are small enough to be read for it. */
static dgxp_status read_whole(const char *path, const char *type, px_header *out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_sheet *sheet = NULL;
    dgxp_status status = px_file_read(path, px_limits_bytes(), &bytes, &size);
    status = status ? status : px_sheet_decode(path, bytes, size, &sheet);
    px_mem_free(bytes);
    if (!status) {
        out->type = type;
        out->width = dgxp_image_width(dgxp_sheet_frame(sheet, 0));
        out->height = dgxp_image_height(dgxp_sheet_frame(sheet, 0));
        out->frames = dgxp_sheet_frame_count(sheet);
        for (int32_t i = 0; i < out->frames && out->frames > 1; i++) {
            out->duration += dgxp_sheet_frame_duration(sheet, i);
        }
    }
    dgxp_sheet_free(sheet);
    return status;
}

dgxp_status px_header_read(const char *path, px_header *out)
{
    static dgxp_status (*const readers[])(scanner *) = {read_png, read_gif, read_aseprite};
    static const char *const types[] = {"png", "gif", "aseprite"};
    uint8_t start[32] = {0};
    int fd = -1;
    size_t size = 0;
    *out = (px_header){0};
    dgxp_status status = px_file_open(path, &fd, &size);
    if (status) {
        return status;
    }
    scanner self = {path, fdopen(fd, "rb"), size, out};
    if (!self.file) {
        return px_error_memory("a file");
    }
    const size_t got = fread(start, 1, sizeof start, self.file);
    const bool matches[] = {px_png_matches(start, got), px_gif_matches(start, got),
                            px_aseprite_matches(start, got)};
    rewind(self.file);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (matches[i]) {
            out->type = types[i];
            status = readers[i](&self);
            break;
        }
    }
    fclose(self.file);
    if (!status && !out->type) {
        const char *type = px_jpeg_matches(start, got)   ? "jpeg"
                           : px_webp_matches(start, got) ? "webp"
                           : px_bmp_matches(start, got)  ? "bmp"
                                                         : NULL;
        status = type ? read_whole(path, type, out) : DGXP_OK;
    }
    return status;
}

void px_header_free(px_header *header)
{
    for (size_t i = 0; i < header->tag_count; i++) {
        px_mem_free(header->tags[i].name);
    }
    px_mem_free(header->tags);
    dgxp_image_free(header->texts);
    *header = (px_header){0};
}
