/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Palettes as files: HEX, GPL, JASC, RIFF, ACT, paint.net and PNG strips. */
#include "image/palette.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/number.h"
#include "image/image.h"
#include "image/png.h"

#include <stdarg.h>
#include <string.h>

enum { LINE_MAX_BYTES = 40, HEAD_MAX_BYTES = 256 };

/* Every text format: a head and one line a color, in a block that holds the longest ones. */
typedef struct writer {
    char *text;
    size_t length, capacity;
} writer;

__attribute__((format(printf, 2, 3))) static void put_text(writer *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int put =
        px_number_vprint(to->text + to->length, to->capacity - to->length, format, arguments);
    va_end(arguments);
    to->length += put > 0 ? (size_t)put : 0;
}

static bool has_alpha(const dgxp_palette *palette)
{
    for (int32_t i = 0; i < palette->count; i++) {
        if (palette->rgba[i * 4 + 3] < 255) {
            return true;
        }
    }
    return false;
}

static void write_colors(writer *to, const dgxp_palette *palette, int32_t format, bool alpha)
{
    for (int32_t i = 0; i < palette->count; i++) {
        const uint8_t *c = palette->rgba + i * 4;
        if (format == DGXP_PALETTE_GPL) {
            put_text(to, "%3d %3d %3d", c[0], c[1], c[2]);
            if (alpha) {
                put_text(to, " %3d", c[3]);
            }
            put_text(to, "\t#%02x%02x%02x\n", c[0], c[1], c[2]);
        } else if (format == DGXP_PALETTE_JASC) {
            put_text(to, "%d %d %d\r\n", c[0], c[1], c[2]);
        } else if (format == DGXP_PALETTE_PAINT) {
            put_text(to, "%02X%02X%02X%02X\r\n", c[3], c[0], c[1], c[2]);
        } else if (c[3] == 255) {
            put_text(to, "%02x%02x%02x\n", c[0], c[1], c[2]);
        } else {
            put_text(to, "#%02x%02x%02x%02x\n", c[0], c[1], c[2], c[3]);
        }
    }
}

static dgxp_status write_text(const dgxp_palette *palette, int32_t format, uint8_t **bytes,
                              size_t *size)
{
    writer to = {.capacity = HEAD_MAX_BYTES + (size_t)palette->count * LINE_MAX_BYTES};
    to.text = px_mem_alloc(to.capacity);
    if (!to.text) {
        return px_error_memory("a palette file");
    }
    const bool alpha = has_alpha(palette);
    if (format == DGXP_PALETTE_GPL) {
        put_text(&to, "GIMP Palette\n%sName: %s\nColumns: 8\n#\n", alpha ? "Channels: RGBA\n" : "",
                 palette->name[0] ? palette->name : "Untitled");
    } else if (format == DGXP_PALETTE_JASC) {
        put_text(&to, "JASC-PAL\r\n0100\r\n%d\r\n", (int)palette->count);
    } else if (format == DGXP_PALETTE_PAINT) {
        put_text(&to, "; paint.net Palette File\r\n");
    }
    write_colors(&to, palette, format, alpha);
    *bytes = (uint8_t *)to.text;
    *size = to.length;
    return DGXP_OK;
}

static void put_little(uint8_t *at, uint32_t value, int count)
{
    for (int i = 0; i < count; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static dgxp_status write_riff(const dgxp_palette *palette, uint8_t **bytes, size_t *size)
{
    const uint32_t data = 4 + (uint32_t)palette->count * 4;
    uint8_t *to = px_mem_zero(1, 20 + data);
    if (!to) {
        return px_error_memory("a palette file");
    }
    memcpy(to, "RIFF....PAL data", 16);
    put_little(to + 4, 12 + data, 4);
    put_little(to + 16, data, 4);
    put_little(to + 20, 0x0300, 2);
    put_little(to + 22, (uint32_t)palette->count, 2);
    for (int32_t i = 0; i < palette->count; i++) {
        memcpy(to + 24 + i * 4, palette->rgba + i * 4, 3);
    }
    *bytes = to;
    *size = 20 + data;
    return DGXP_OK;
}

static dgxp_status write_act(const dgxp_palette *palette, uint8_t **bytes, size_t *size)
{
    uint8_t *to = px_mem_zero(1, PX_PALETTE_ACT_LONG);
    if (!to) {
        return px_error_memory("a palette file");
    }
    int transparent = 0xFFFF;
    for (int32_t i = 0; i < palette->count; i++) {
        memcpy(to + i * 3, palette->rgba + i * 4, 3);
        if (palette->rgba[i * 4 + 3] == 0) {
            transparent = i;
        }
    }
    to[768] = (uint8_t)(palette->count >> 8);
    to[769] = (uint8_t)palette->count;
    to[770] = (uint8_t)(transparent >> 8);
    to[771] = (uint8_t)transparent;
    *bytes = to;
    *size = PX_PALETTE_ACT_LONG;
    return DGXP_OK;
}

static dgxp_status write_png(const char *what, const dgxp_palette *palette, uint8_t **bytes,
                             size_t *size)
{
    dgxp_image *image = NULL;
    dgxp_status status = px_image_blank(what, palette->count, 1, &image);
    if (!status) {
        memcpy(image->rgba, palette->rgba, (size_t)palette->count * 4);
        const dgxp_png_params params = DGXP_PNG_PARAMS_INIT;
        status = px_png_encode(what, image, &params, bytes, size);
        dgxp_image_free(image);
    }
    return status;
}

dgxp_status px_palette_encode(const char *what, const dgxp_palette *palette, int32_t format,
                              uint8_t **bytes, size_t *size)
{
    switch (format) {
    case DGXP_PALETTE_HEX:
    case DGXP_PALETTE_GPL:
    case DGXP_PALETTE_JASC:
    case DGXP_PALETTE_PAINT:
        return write_text(palette, format, bytes, size);
    case DGXP_PALETTE_RIFF:
        return write_riff(palette, bytes, size);
    case DGXP_PALETTE_ACT:
        return write_act(palette, bytes, size);
    case DGXP_PALETTE_PNG:
        return write_png(what, palette, bytes, size);
    default:
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "%s: %d is no palette format; dgxp_choices(\"palette_format\") lists "
                            "them",
                            what, (int)format);
    }
}
