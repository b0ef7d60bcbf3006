/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* GIF files into sheets, by giflib: every frame as a viewer would show it. */
#include "core/error.h"
#include "core/limits.h"
#include "core/mem.h"
#include "image/animation.h"
#include "image/sheet.h"

#include <gif_lib.h>
#include <string.h>

typedef struct reader {
    const char *name;
    const uint8_t *at;
    size_t left;
    GifFileType *gif;
    dgxp_sheet *sheet;
    dgxp_image *canvas; /* what is shown: the newest frame, which the sheet owns */
    dgxp_image *kept;   /* what it was before, when that frame asks to be taken back */
    struct place {
        int32_t left, top, right, bottom; /* inside the canvas */
    } drawn;                              /* where the newest frame was drawn */
    int disposal;                         /* of the newest frame */
    uint64_t unpacked;                    /* pixels of all frames, also outside the canvas */
    GraphicsControlBlock control;
} reader;

bool px_gif_matches(const uint8_t *bytes, size_t size)
{
    return size >= 6 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0);
}

static int read_bytes(GifFileType *gif, GifByteType *out, int count)
{
    reader *self = gif->UserData;
    const size_t wanted = (size_t)count, got = wanted < self->left ? wanted : self->left;
    memcpy(out, self->at, got);
    self->at += got;
    self->left -= got;
    return (int)got;
}

static dgxp_status report_fault(const reader *self, int code)
{
    const char *text = GifErrorString(code);
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM) {
        return px_error_memory("a GIF file");
    }
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: not a sound GIF file, frame %zu: %s", self->name,
                        self->sheet->frame_count, text ? text : "broken");
}

static dgxp_status read_extension(reader *self)
{
    int code;
    GifByteType *block;
    if (DGifGetExtension(self->gif, &code, &block) == GIF_ERROR) {
        return report_fault(self, self->gif->Error);
    }
    while (block) {
        if (code == GRAPHICS_EXT_FUNC_CODE && block[0] == 4) {
            DGifExtensionToGCB(block[0], block + 1, &self->control);
        }
        if (DGifGetExtensionNext(self->gif, &block) == GIF_ERROR) {
            return report_fault(self, self->gif->Error);
        }
    }
    return DGXP_OK;
}

static void draw_row(const reader *self, const GifPixelType *row, int32_t y)
{
    const GifImageDesc *part = &self->gif->Image;
    const ColorMapObject *map = part->ColorMap ? part->ColorMap : self->gif->SColorMap;
    if (part->Top + y >= self->canvas->height) {
        return;
    }
    for (int32_t x = 0; x < part->Width && part->Left + x < self->canvas->width; x++) {
        if (row[x] != self->control.TransparentColor && row[x] < map->ColorCount) {
            const GifColorType *c = &map->Colors[row[x]];
            const uint8_t rgba[4] = {c->Red, c->Green, c->Blue, 255};
            memcpy(px_image_at(self->canvas, part->Left + x, part->Top + y), rgba, 4);
        }
    }
}

static dgxp_status draw_frame(reader *self)
{
    static const int32_t starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    const GifImageDesc *part = &self->gif->Image;
    GifPixelType *row = px_mem_array((size_t)part->Width, sizeof *row);
    dgxp_status status = row ? DGXP_OK : px_error_memory("a row of a GIF file");
    for (int pass = 0; pass < (part->Interlace ? 4 : 1) && !status; pass++) {
        const int32_t start = part->Interlace ? starts[pass] : 0;
        const int32_t step = part->Interlace ? steps[pass] : 1;
        for (int32_t y = start; y < part->Height && !status; y += step) {
            if (DGifGetLine(self->gif, row, part->Width) == GIF_ERROR) {
                status = report_fault(self, self->gif->Error);
            } else {
                draw_row(self, row, y);
            }
        }
    }
    px_mem_free(row);
    return status;
}

/* What the newest frame leaves behind for the next one. */
static void dispose_frame(const reader *self, dgxp_image *next)
{
    const size_t bytes = (size_t)(self->drawn.right - self->drawn.left) * 4;
    for (int32_t y = self->drawn.top; y < self->drawn.bottom; y++) {
        uint8_t *to = px_image_at(next, self->drawn.left, y);
        if (self->disposal == DISPOSE_BACKGROUND) {
            memset(to, 0, bytes); /* the background is what lies under the picture */
        } else if (self->disposal == DISPOSE_PREVIOUS && self->kept) {
            memcpy(to, px_image_at(self->kept, self->drawn.left, y), bytes);
        }
    }
}

/* The canvas of the next frame: the only copy that is made, and only when there is a next one. */
static dgxp_status begin_canvas(reader *self, dgxp_image **out)
{
    const int32_t width = self->gif->SWidth, height = self->gif->SHeight;
    dgxp_image *next = NULL;
    dgxp_status status = px_image_create(self->name, width, height, &next);
    if (!status && self->canvas) {
        memcpy(next->rgba, self->canvas->rgba, px_image_count(next) * 4);
        dispose_frame(self, next);
    }
    dgxp_image_free(self->kept);
    self->kept = NULL;
    if (!status && self->control.DisposalMode == DISPOSE_PREVIOUS) {
        status = px_image_blank(self->name, width, height, &self->kept);
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

static dgxp_status check_frame(reader *self)
{
    const GifImageDesc *part = &self->gif->Image;
    if (part->Width < 1 || part->Height < 1 || part->Left < 0 || part->Top < 0 ||
        part->Width > PX_IMAGE_SIDE_MAX || part->Height > PX_IMAGE_SIDE_MAX) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: frame %zu is %dx%d at %d,%d", self->name,
                            self->sheet->frame_count, part->Width, part->Height, part->Left,
                            part->Top);
    }
    if (!part->ColorMap && !self->gif->SColorMap) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: frame %zu has no colors", self->name,
                            self->sheet->frame_count);
    }
    self->unpacked += (uint64_t)part->Width * (uint64_t)part->Height;
    if (self->unpacked > px_limits_drawn()) {
        return px_error_set(
            DGXP_ERR_LIMIT, "%s: frame %zu: the frames unpack to over %llu pixels; split it",
            self->name, self->sheet->frame_count, (unsigned long long)px_limits_drawn());
    }
    return px_sheet_check_frames(self->name, self->sheet->frame_count + 1, self->gif->SWidth,
                                 self->gif->SHeight);
}

int32_t px_gif_duration(int32_t delay)
{
    return delay < 2                            ? PX_SHEET_DURATION /* browsers know none below 2 */
           : delay > PX_SHEET_DURATION_MAX / 10 ? PX_SHEET_DURATION_MAX
                                                : delay * 10;
}

static dgxp_status read_frame(reader *self)
{
    dgxp_image *next = NULL;
    if (DGifGetImageDesc(self->gif) == GIF_ERROR) {
        return report_fault(self, self->gif->Error);
    }
    const GifImageDesc *part = &self->gif->Image;
    dgxp_status status = check_frame(self);
    status = status ? status : begin_canvas(self, &next);
    if (status) {
        return status;
    }
    self->canvas = next;
    self->drawn = (struct place){px_image_least(part->Left, next->width),
                                 px_image_least(part->Top, next->height),
                                 px_image_least(part->Left + part->Width, next->width),
                                 px_image_least(part->Top + part->Height, next->height)};
    self->disposal = self->control.DisposalMode;
    status = draw_frame(self);
    if (status) {
        dgxp_image_free(next);
    } else {
        status = px_sheet_take_frame(self->name, self->sheet, next, NULL,
                                     px_gif_duration(self->control.DelayTime));
    }
    self->control = (GraphicsControlBlock){.TransparentColor = NO_TRANSPARENT_COLOR};
    return status;
}

static dgxp_status read_records(reader *self)
{
    dgxp_status status = DGXP_OK;
    for (bool more = true; more && !status;) {
        GifRecordType type;
        if (DGifGetRecordType(self->gif, &type) == GIF_ERROR) {
            return report_fault(self, self->gif->Error);
        }
        if (type == IMAGE_DESC_RECORD_TYPE) {
            status = read_frame(self);
        } else if (type == EXTENSION_RECORD_TYPE) {
            status = read_extension(self);
        } else {
            more = type != TERMINATE_RECORD_TYPE;
        }
    }
    if (!status && !self->sheet->frame_count) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: a GIF file without a frame", self->name);
    }
    return status;
}

dgxp_status px_gif_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_sheet **out)
{
    int code = 0;
    reader self = {.name = name, .at = bytes, .left = size};
    self.control.TransparentColor = NO_TRANSPARENT_COLOR;
    dgxp_status status = px_sheet_create(&self.sheet);
    if (status) {
        return status;
    }
    self.gif = DGifOpen(&self, read_bytes, &code);
    if (!self.gif) {
        status = report_fault(&self, code);
        goto done;
    }
    status = px_image_check_header(name, self.gif->SWidth, self.gif->SHeight);
    status = status ? status : read_records(&self);
done:
    if (self.gif) {
        DGifCloseFile(self.gif, NULL);
    }
    dgxp_image_free(self.kept);
    if (status) {
        dgxp_sheet_free(self.sheet);
    } else {
        *out = self.sheet;
    }
    return status;
}
