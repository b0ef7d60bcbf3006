/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* APNG into sheets and back: the chunks that libpng does not know, around pictures that it does. */
#include "image/animation.h"

#include "core/buffer.h"
#include "core/error.h"
#include "core/mem.h"
#include "image/png.h"
#include "image/sheet.h"

#include <string.h>
#include <zlib.h>

enum { DISPOSE_NONE, DISPOSE_CLEAR, DISPOSE_PREVIOUS };

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t read_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* A PNG file that is put together in memory. */
static void put_u32(px_buffer *to, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
    px_buffer_put(to, bytes, 4);
}

/* A chunk of one or two parts with its checksum. */
static void put_chunk(px_buffer *to, const char *type, const void *head, size_t head_size,
                      const void *body, size_t body_size)
{
    put_u32(to, (uint32_t)(head_size + body_size));
    const size_t from = to->size;
    px_buffer_put(to, type, 4);
    px_buffer_put(to, head, head_size);
    px_buffer_put(to, body, body_size);
    if (!to->no_memory) {
        put_u32(to, (uint32_t)crc32(0, to->bytes + from, (uInt)(to->size - from)));
    }
}

/* ------------------------------------------------------------------------------------- chunks */

typedef struct chunk {
    const uint8_t *whole; /* length, type, data, checksum */
    const uint8_t *data;
    uint32_t size;
} chunk;

typedef struct scanner {
    const char *name;
    const uint8_t *at;
    size_t left;
} scanner;

static bool is_chunk(const chunk *c, const char *type)
{
    return memcmp(c->whole + 4, type, 4) == 0;
}

static dgxp_status next_chunk(scanner *from, chunk *out)
{
    if (from->left < 12 || read_u32(from->at) > from->left - 12) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: the file ends inside a chunk", from->name);
    }
    *out = (chunk){from->at, from->at + 8, read_u32(from->at)};
    from->at += (size_t)out->size + 12;
    from->left -= (size_t)out->size + 12;
    return DGXP_OK;
}

/* libpng checks the chunks that it gets; those of the animation are checked here. */
static dgxp_status check_sum(const char *name, const chunk *c)
{
    const uint32_t told = read_u32(c->data + c->size);
    if ((uint32_t)crc32(0, c->whole + 4, (uInt)(c->size + 4)) != told) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: the checksum of a %.4s chunk is wrong", name,
                            (const char *)c->whole + 4);
    }
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------ reading */

typedef struct control {
    uint32_t width, height, x, y, duration;
    uint8_t dispose, blend;
} control;

typedef struct reader {
    const char *name;
    dgxp_sheet *sheet;
    dgxp_image *canvas;    /* what is shown: the newest frame, which the sheet owns */
    dgxp_image *kept;      /* what it was before, when that frame asks to be taken back */
    px_buffer shared;      /* PLTE and tRNS, which hold for every frame */
    px_buffer once;        /* texts and the like, which come with the first frame */
    px_buffer frame;       /* the frame that is being read, a PNG of its own */
    const uint8_t *header; /* IHDR's 13 bytes */
    uint32_t width, height, frames, sequence;
    control now, drawn; /* of the frame that is read, and of the newest that is shown */
    bool in_frame;      /* a fcTL was read and its frame is not finished */
    bool pixels;        /* IDAT was seen */
} reader;

int32_t px_png_duration(const uint8_t *fraction)
{
    const uint32_t part = read_u16(fraction), told = read_u16(fraction + 2);
    const uint32_t whole = told ? told : 100;
    const uint32_t ms = (part * 1000 + whole / 2) / whole;
    return (int32_t)(ms < 1 ? 1 : ms > PX_SHEET_DURATION_MAX ? PX_SHEET_DURATION_MAX : ms);
}

static dgxp_status read_control(reader *self, const chunk *c)
{
    control *now = &self->now;
    if (c->size != 26 || read_u32(c->data) != self->sequence) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: a fcTL chunk of %u bytes where number %u of 26 bytes was expected",
                            self->name, c->size, self->sequence);
    }
    self->sequence++;
    now->width = read_u32(c->data + 4);
    now->height = read_u32(c->data + 8);
    now->x = read_u32(c->data + 12);
    now->y = read_u32(c->data + 16);
    now->dispose = c->data[24];
    now->blend = c->data[25];
    now->duration = (uint32_t)px_png_duration(c->data + 20);
    if (!now->width || !now->height || now->width > self->width || now->height > self->height ||
        now->x > self->width - now->width || now->y > self->height - now->height ||
        now->dispose > DISPOSE_PREVIOUS || now->blend > 1) {
        return px_error_set(
            DGXP_ERR_BAD_FORMAT,
            "%s: frame %zu is %ux%u at %u,%u (dispose %d, blend %d) on %ux%u pixels", self->name,
            self->sheet->frame_count, now->width, now->height, now->x, now->y, now->dispose,
            now->blend, self->width, self->height);
    }
    return DGXP_OK;
}

/* The PNG that this frame would be alone. */
static void begin_frame(reader *self)
{
    uint8_t header[13];
    memcpy(header, self->header, sizeof header);
    for (int i = 0; i < 4; i++) {
        header[i] = (uint8_t)(self->now.width >> (24 - 8 * i));
        header[4 + i] = (uint8_t)(self->now.height >> (24 - 8 * i));
    }
    self->frame.size = 0;
    px_buffer_put(&self->frame, signature, sizeof signature);
    put_chunk(&self->frame, "IHDR", header, sizeof header, NULL, 0);
    px_buffer_put(&self->frame, self->shared.bytes, self->shared.size);
    px_buffer_put(&self->frame, self->once.bytes, self->once.size);
    self->once.size = 0;
    self->in_frame = true;
}

static void blend_frame(const reader *self, const dgxp_image *frame, dgxp_image *onto)
{
    for (int32_t y = 0; y < frame->height; y++) {
        uint8_t *to = px_image_at(onto, (int32_t)self->now.x, (int32_t)self->now.y + y);
        const uint8_t *from = px_image_at(frame, 0, y);
        for (int32_t x = 0; x < frame->width; x++, to += 4, from += 4) {
            if (!self->now.blend || from[3] == 255 || !to[3]) {
                memcpy(to, from, 4);
            } else if (from[3]) { /* the specification's formula, in integers */
                const uint32_t u = from[3] * 255u, v = (255u - from[3]) * to[3], sum = u + v;
                for (int c = 0; c < 3; c++) {
                    to[c] = (uint8_t)((from[c] * u + to[c] * v) / sum);
                }
                to[3] = (uint8_t)(sum / 255);
            }
        }
    }
}

/* A frame may say to clear its place, or to put back what was there, before the next one. */
static void dispose_frame(const reader *self, dgxp_image *next)
{
    const control *drawn = &self->drawn;
    for (uint32_t y = 0; y < drawn->height; y++) {
        const int32_t at_x = (int32_t)drawn->x, at_y = (int32_t)(drawn->y + y);
        uint8_t *to = px_image_at(next, at_x, at_y);
        if (drawn->dispose == DISPOSE_CLEAR) {
            memset(to, 0, (size_t)drawn->width * 4);
        } else if (drawn->dispose == DISPOSE_PREVIOUS && self->kept) {
            memcpy(to, px_image_at(self->kept, at_x, at_y), (size_t)drawn->width * 4);
        }
    }
}

/* The canvas of the next frame: the only copy that is made, and only when there is a next one. */
static dgxp_status begin_canvas(reader *self, dgxp_image **out)
{
    dgxp_image *next = NULL;
    dgxp_status status = px_image_create(self->name, self->width, self->height, &next);
    if (!status && self->canvas) {
        memcpy(next->rgba, self->canvas->rgba, px_image_count(next) * 4);
        dispose_frame(self, next);
    }
    dgxp_image_free(self->kept);
    self->kept = NULL;
    if (!status && self->now.dispose == DISPOSE_PREVIOUS) {
        status = px_image_blank(self->name, self->width, self->height, &self->kept);
        if (!status) {
            memcpy(self->kept->rgba, next->rgba, px_image_count(next) * 4);
        }
    }
    if (status) {
        dgxp_image_free(next);
    } else {
        *out = next;
    }
    return status;
}

static dgxp_status finish_frame(reader *self)
{
    dgxp_image *frame = NULL, *next = NULL;
    if (!self->in_frame) {
        return DGXP_OK;
    }
    put_chunk(&self->frame, "IEND", NULL, 0, NULL, 0);
    if (self->frame.no_memory) {
        return px_error_memory("a frame of an APNG file");
    }
    dgxp_status status = px_png_decode(self->name, self->frame.bytes, self->frame.size, &frame);
    if (!status && !self->canvas && self->now.width == self->width &&
        self->now.height == self->height && self->now.dispose != DISPOSE_PREVIOUS) {
        next = frame; /* the first frame fills the canvas: it is the canvas */
        frame = NULL;
    } else if (!status) {
        status = begin_canvas(self, &next);
        if (!status) {
            blend_frame(self, frame, next);
            status = px_image_copy_texts(frame, next);
        }
    }
    dgxp_image_free(frame);
    if (status) {
        dgxp_image_free(next);
        return status;
    }
    self->canvas = next;
    self->drawn = self->now;
    self->in_frame = false;
    return px_sheet_take_frame(self->name, self->sheet, next, NULL, (int32_t)self->now.duration);
}

static dgxp_status begin_animation(reader *self, const chunk *c)
{
    if (c->size != 8 || self->frames || self->pixels) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: acTL is not the only one of 8 bytes before the pixels",
                            self->name);
    }
    self->frames = read_u32(c->data);
    if (!self->frames) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: acTL promises no frame", self->name);
    }
    return px_sheet_check_frames(self->name, self->frames, self->width, self->height);
}

static dgxp_status read_chunk(reader *self, const chunk *c)
{
    dgxp_status status = DGXP_OK;
    if (is_chunk(c, "acTL")) {
        status = check_sum(self->name, c);
        return status ? status : begin_animation(self, c);
    }
    if (is_chunk(c, "fcTL")) {
        status = check_sum(self->name, c);
        status = status ? status : finish_frame(self);
        status = status ? status : self->frames ? read_control(self, c) : DGXP_OK;
        if (!status && self->frames) {
            begin_frame(self);
        }
        return status;
    }
    if (is_chunk(c, "IDAT")) {
        self->pixels = true;
        if (self->in_frame) { /* without fcTL before it the still picture is no frame */
            put_chunk(&self->frame, "IDAT", c->data, c->size, NULL, 0);
        }
    } else if (is_chunk(c, "fdAT")) {
        status = check_sum(self->name, c);
        if (!status && (!self->in_frame || c->size < 4 || read_u32(c->data) != self->sequence)) {
            status = px_error_set(DGXP_ERR_BAD_FORMAT,
                                  "%s: a fdAT chunk where number %u of a frame was expected",
                                  self->name, self->sequence);
        }
        if (!status) {
            self->sequence++;
            put_chunk(&self->frame, "IDAT", c->data + 4, c->size - 4, NULL, 0);
        }
    } else if (!self->pixels && !is_chunk(c, "IHDR")) {
        const bool all = is_chunk(c, "PLTE") || is_chunk(c, "tRNS");
        const size_t size = (size_t)c->size + 12;
        if (self->in_frame) {
            px_buffer_put(&self->frame, c->whole, size);
        }
        if (all || !self->in_frame) {
            px_buffer_put(all ? &self->shared : &self->once, c->whole, size);
        }
    }
    return status;
}

static dgxp_status read_animation(reader *self, scanner *from)
{
    dgxp_status status = DGXP_OK;
    for (bool more = true; more && !status;) {
        chunk c;
        status = next_chunk(from, &c);
        if (!status && is_chunk(&c, "IEND")) {
            status = finish_frame(self);
            more = false;
        } else if (!status) {
            status = read_chunk(self, &c);
        }
    }
    if (!status && (self->frame.no_memory || self->shared.no_memory || self->once.no_memory)) {
        status = px_error_memory("an APNG file");
    }
    if (!status && self->sheet->frame_count != self->frames) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: acTL promises %u frames, %zu are there",
                              self->name, self->frames, self->sheet->frame_count);
    }
    return status;
}

static bool is_animated(scanner from)
{
    chunk c;
    while (next_chunk(&from, &c) == DGXP_OK && !is_chunk(&c, "IDAT")) {
        if (is_chunk(&c, "acTL")) {
            return true;
        }
    }
    px_error_clear();
    return false;
}

dgxp_status px_apng_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_sheet **out)
{
    reader self = {.name = name};
    scanner from = {name, bytes + sizeof signature, size - sizeof signature};
    dgxp_image *still = NULL;
    const bool whole = px_png_matches(bytes, size) && size >= 33 && read_u32(bytes + 8) == 13;
    dgxp_status status = px_sheet_create(&self.sheet);
    if (status) {
        return status;
    }
    if (!whole || !is_animated(from)) {
        status = px_png_decode(name, bytes, size, &still);
        status = status ? status : px_sheet_take_frame(name, self.sheet, still, NULL, 0);
        goto done;
    }
    self.header = bytes + 16;
    self.width = read_u32(self.header);
    self.height = read_u32(self.header + 4);
    status = px_image_check_header(name, self.width, self.height);
    status = status ? status : read_animation(&self, &from);
done:
    dgxp_image_free(self.kept);
    px_mem_free(self.shared.bytes);
    px_mem_free(self.once.bytes);
    px_mem_free(self.frame.bytes);
    if (status) {
        dgxp_sheet_free(self.sheet);
    } else {
        *out = self.sheet;
    }
    return status;
}

/* ------------------------------------------------------------------------------------ writing */

/* Every frame fills the canvas: there is nothing to blend, and any viewer gets it right. */
static dgxp_status stand_frame(const char *name, const dgxp_sheet *sheet, size_t index,
                               int32_t width, int32_t height, dgxp_image **out)
{
    const dgxp_image *from = sheet->frames[index].image;
    int32_t x, y;
    dgxp_status status = px_image_create(name, width, height, out);
    if (status) {
        return status;
    }
    px_sheet_stand(width, height, from, &x, &y);
    for (int32_t row = 0; row < from->height; row++) {
        memcpy(px_image_at(*out, x, y + row), px_image_at(from, 0, row), (size_t)from->width * 4);
    }
    if (index == 0) {
        status = px_image_copy_texts(from, *out);
    }
    if (status) {
        dgxp_image_free(*out);
    }
    return status;
}

static void put_control(px_buffer *to, uint32_t sequence, const uint8_t *size, int32_t duration)
{
    uint8_t head[26] = {(uint8_t)(sequence >> 24), (uint8_t)(sequence >> 16),
                        (uint8_t)(sequence >> 8), (uint8_t)sequence};
    memcpy(head + 4, size, 8); /* as IHDR has it */
    head[20] = (uint8_t)(duration >> 8);
    head[21] = (uint8_t)duration;
    head[22] = 1000 >> 8;
    head[23] = 1000 & 255;
    put_chunk(to, "fcTL", head, sizeof head, NULL, 0);
}

/* Take a frame's PNG apart: the first gives the head of the file, each gives its pixels. */
static dgxp_status put_frame(px_buffer *to, const dgxp_sheet *sheet, size_t index, int32_t plays,
                             scanner from, uint32_t *sequence)
{
    bool controlled = false;
    const uint8_t *size = from.at + 8;
    while (from.left) {
        chunk c;
        const dgxp_status status = next_chunk(&from, &c);
        if (status) {
            return status;
        }
        const bool pixels = is_chunk(&c, "IDAT");
        if (pixels && !controlled) {
            put_control(to, (*sequence)++, size, sheet->frames[index].duration);
            controlled = true;
        }
        if (index == 0 && !is_chunk(&c, "IEND")) {
            px_buffer_put(to, c.whole, (size_t)c.size + 12);
        } else if (pixels) {
            const uint32_t n = (*sequence)++;
            const uint8_t head[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                                     (uint8_t)n};
            put_chunk(to, "fdAT", head, sizeof head, c.data, c.size);
        }
        if (index == 0 && is_chunk(&c, "IHDR")) {
            const uint32_t frames = (uint32_t)sheet->frame_count, times = (uint32_t)plays;
            const uint8_t head[8] = {(uint8_t)(frames >> 24), (uint8_t)(frames >> 16),
                                     (uint8_t)(frames >> 8),  (uint8_t)frames,
                                     (uint8_t)(times >> 24),  (uint8_t)(times >> 16),
                                     (uint8_t)(times >> 8),   (uint8_t)times};
            put_chunk(to, "acTL", head, sizeof head, NULL, 0);
        }
    }
    return to->no_memory ? px_error_memory("an APNG file") : DGXP_OK;
}

dgxp_status px_apng_encode(const char *name, const dgxp_sheet *sheet, int32_t scale, int32_t plays,
                           uint8_t **bytes, size_t *size)
{
    const dgxp_png_params params = {sizeof params, scale, 1, 0};
    px_buffer to = {.size = 0};
    uint32_t sequence = 0;
    int32_t width, height;
    dgxp_status status = DGXP_OK;
    if (plays < 0) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: plays %d is negative; 0 is for ever",
                            name, plays);
    }
    px_sheet_canvas(sheet, &width, &height);
    px_buffer_put(&to, signature, sizeof signature);
    for (size_t i = 0; i < sheet->frame_count && !status; i++) {
        dgxp_image *frame = NULL;
        uint8_t *png = NULL;
        size_t png_size = 0;
        status = stand_frame(name, sheet, i, width, height, &frame);
        if (!status) {
            status = px_png_encode(name, frame, &params, &png, &png_size);
            dgxp_image_free(frame);
        }
        if (!status) {
            const scanner from = {name, png + sizeof signature, png_size - sizeof signature};
            status = put_frame(&to, sheet, i, plays, from, &sequence);
            px_mem_free(png);
        }
    }
    put_chunk(&to, "IEND", NULL, 0, NULL, 0);
    if (!status && to.no_memory) {
        status = px_error_memory("an APNG file");
    }
    if (status) {
        px_mem_free(to.bytes);
    } else {
        *bytes = to.bytes;
        *size = to.size;
    }
    return status;
}
