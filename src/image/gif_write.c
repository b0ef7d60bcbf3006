/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sheets into GIF files, by giflib: every frame whole, with its exact colors. */
#include "core/buffer.h"
#include "core/error.h"
#include "core/mem.h"
#include "image/animation.h"
#include "image/sheet.h"

#include <gif_lib.h>
#include <string.h>

enum { COLORS_MAX = 255, SIDE_MAX = 65535, DELAY_LEAST = 2 }; /* the 256th index is clear */

/* The colors of a frame or of all, in order of their bytes; `count` goes one over when they are too many. */
typedef struct colors {
    uint32_t rgb[COLORS_MAX];
    int count;
} colors;

typedef struct writer {
    const char *name;
    const dgxp_sheet *sheet;
    int32_t scale, width, height; /* of the canvas, before it is enlarged */
    colors all;
    px_buffer bytes;
    GifFileType *gif;
    GifByteType *row; /* [width * scale] */
    int64_t shown;    /* ms of the frames before */
} writer;

static uint32_t pack_color(const uint8_t *rgba)
{
    return (uint32_t)rgba[0] << 16 | (uint32_t)rgba[1] << 8 | rgba[2];
}

/* Where a color is, or would be. */
static int find_color(const colors *c, uint32_t rgb)
{
    int low = 0, high = c->count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (c->rgb[middle] < rgb) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* False when there are too many. */
static bool add_colors(colors *c, const dgxp_image *image)
{
    for (size_t i = 0; i < px_image_count(image); i++) {
        const uint32_t rgb = pack_color(image->rgba + i * 4);
        if (image->rgba[i * 4 + 3] < 128) {
            continue;
        }
        const int at = find_color(c, rgb);
        if (at < c->count && c->rgb[at] == rgb) {
            continue;
        }
        if (c->count == COLORS_MAX) {
            return false;
        }
        memmove(c->rgb + at + 1, c->rgb + at, (size_t)(c->count - at) * sizeof *c->rgb);
        c->rgb[at] = rgb;
        c->count++;
    }
    return true;
}

/* The clear color is the last of the map. */
static ColorMapObject *make_map(const colors *c)
{
    int size = 2;
    while (size < c->count + 1) {
        size *= 2;
    }
    ColorMapObject *map = GifMakeMapObject(size, NULL);
    for (int i = 0; map && i < c->count; i++) {
        map->Colors[i] = (GifColorType){(GifByteType)(c->rgb[i] >> 16),
                                        (GifByteType)(c->rgb[i] >> 8), (GifByteType)c->rgb[i]};
    }
    return map;
}

static int write_bytes(GifFileType *gif, const GifByteType *bytes, int count)
{
    writer *self = gif->UserData;
    px_buffer_put(&self->bytes, bytes, (size_t)count);
    return self->bytes.no_memory ? 0 : count;
}

static dgxp_status refuse(const writer *self)
{
    return self->bytes.no_memory || self->gif->Error == E_GIF_ERR_NOT_ENOUGH_MEM
               ? px_error_memory("a GIF file")
               : px_error_set(DGXP_ERR_INTERNAL, "%s: cannot write: %s", self->name,
                              GifErrorString(self->gif->Error));
}

/* Hundredths of a second; what one frame's rounding takes the next gives back. */
static int take_delay(writer *self, int32_t duration)
{
    const int64_t before = (self->shown + 5) / 10;
    self->shown += duration;
    const int64_t delay = (self->shown + 5) / 10 - before;
    return delay < DELAY_LEAST ? DELAY_LEAST : (int)delay;
}

static dgxp_status write_rows(writer *self, const colors *c, int clear, const dgxp_image *image)
{
    int32_t left, top;
    px_sheet_stand(self->width, self->height, image, &left, &top);
    for (int32_t y = 0; y < self->height; y++) {
        for (int32_t x = 0; x < self->width; x++) {
            const bool inside = x >= left && x < left + image->width && y >= top;
            const uint8_t *pixel = inside ? px_image_at(image, x - left, y - top) : NULL;
            const int index = pixel && pixel[3] >= 128 ? find_color(c, pack_color(pixel)) : clear;
            memset(self->row + (size_t)x * (size_t)self->scale, index, (size_t)self->scale);
        }
        for (int32_t i = 0; i < self->scale; i++) {
            if (EGifPutLine(self->gif, self->row, self->width * self->scale) == GIF_ERROR) {
                return refuse(self);
            }
        }
    }
    return DGXP_OK;
}

static dgxp_status write_frame(writer *self, size_t index)
{
    const px_sheet_frame *frame = &self->sheet->frames[index];
    colors own = {.count = 0};
    const bool shared = self->gif->SColorMap != NULL;
    if (!shared && !add_colors(&own, frame->image)) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: frame %zu has over %d colors, which a GIF cannot hold; write "
                            ".apng or .aseprite, or `dgx-pixels fix` brings it to fewer",
                            self->name, index, COLORS_MAX);
    }
    const colors *c = shared ? &self->all : &own;
    ColorMapObject *map = shared ? self->gif->SColorMap : make_map(&own);
    if (!map) {
        return px_error_memory("a GIF file");
    }
    const int clear = map->ColorCount - 1;
    const GraphicsControlBlock control = {.DisposalMode = DISPOSE_BACKGROUND,
                                          .DelayTime = take_delay(self, frame->duration),
                                          .TransparentColor = clear};
    GifByteType extension[4];
    const size_t length = EGifGCBToExtension(&control, extension);
    const bool good =
        EGifPutExtension(self->gif, GRAPHICS_EXT_FUNC_CODE, (int)length, extension) != GIF_ERROR &&
        EGifPutImageDesc(self->gif, 0, 0, self->width * self->scale, self->height * self->scale,
                         false, shared ? NULL : map) != GIF_ERROR;
    const dgxp_status status = good ? write_rows(self, c, clear, frame->image) : refuse(self);
    if (!shared) {
        GifFreeMapObject(map);
    }
    return status;
}

/* Netscape's block: how often it plays. */
static bool write_loop(writer *self, int32_t plays)
{
    const int32_t again = plays ? plays - 1 : 0; /* 0 = for ever */
    const GifByteType times[3] = {1, (GifByteType)again, (GifByteType)(again >> 8)};
    return plays == 1 ||
           (EGifPutExtensionLeader(self->gif, APPLICATION_EXT_FUNC_CODE) != GIF_ERROR &&
            EGifPutExtensionBlock(self->gif, 11, "NETSCAPE2.0") != GIF_ERROR &&
            EGifPutExtensionBlock(self->gif, 3, times) != GIF_ERROR &&
            EGifPutExtensionTrailer(self->gif) != GIF_ERROR);
}

static dgxp_status write_all(writer *self, int32_t plays)
{
    ColorMapObject *map = NULL;
    bool fits = true;
    for (size_t i = 0; i < self->sheet->frame_count && fits; i++) {
        fits = add_colors(&self->all, self->sheet->frames[i].image);
    }
    map = fits ? make_map(&self->all) : NULL;
    if (fits && !map) {
        return px_error_memory("a GIF file");
    }
    EGifSetGifVersion(self->gif, true);
    const bool good = EGifPutScreenDesc(self->gif, self->width * self->scale,
                                        self->height * self->scale, 8, 0, map) != GIF_ERROR &&
                      write_loop(self, plays);
    GifFreeMapObject(map);
    dgxp_status status = good ? DGXP_OK : refuse(self);
    for (size_t i = 0; i < self->sheet->frame_count && !status; i++) {
        status = write_frame(self, i);
    }
    return status;
}

dgxp_status px_gif_encode(const char *name, const dgxp_sheet *sheet, int32_t scale, int32_t plays,
                          uint8_t **bytes, size_t *size)
{
    writer self = {.name = name, .sheet = sheet, .scale = scale ? scale : 1};
    int code = 0;
    px_sheet_canvas(sheet, &self.width, &self.height);
    if (self.scale < 1 || self.scale > 64 || plays < 0 || plays > SIDE_MAX) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: scale is %d and plays %d; they must be 1 to 64 and 0 to %d", name,
                            self.scale, plays, SIDE_MAX);
    }
    if ((int64_t)self.width * self.scale > SIDE_MAX ||
        (int64_t)self.height * self.scale > SIDE_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: %dx%d pixels, %d times; a GIF has at most %d a side", name,
                            self.width, self.height, self.scale, SIDE_MAX);
    }
    self.row = px_mem_array((size_t)self.width, (size_t)self.scale);
    self.gif = self.row ? EGifOpen(&self, write_bytes, &code) : NULL;
    dgxp_status status = self.gif ? write_all(&self, plays) : px_error_memory("a GIF file");
    if (self.gif && EGifCloseFile(self.gif, &code) == GIF_ERROR && !status) {
        status = px_error_memory("a GIF file");
    }
    px_mem_free(self.row);
    if (status) {
        px_mem_free(self.bytes.bytes);
        return status;
    }
    *bytes = self.bytes.bytes;
    *size = self.bytes.size;
    return DGXP_OK;
}
