/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* BMP pictures: palettes of 1, 4 and 8 bits, 24 and 32 bits, masks; not the packed kinds. */
#include "image/picture.h"

#include "core/error.h"
#include "image/image.h"

#include <string.h>

enum { FILE_HEADER = 14, RAW = 0, MASKS = 3, ALPHA_MASKS = 6 };

typedef struct bmp {
    const uint8_t *bytes;
    size_t size, data, table, entries;
    uint32_t mask[4]; /* red, green, blue, alpha of 16 and 32 bits */
    int32_t bits, entry_size;
    bool downwards;
} bmp;

static uint32_t read_u(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

bool px_bmp_matches(const uint8_t *bytes, size_t size)
{
    return size >= FILE_HEADER + 12 && memcmp(bytes, "BM", 2) == 0 && read_u(bytes + 6, 4) == 0 &&
           read_u(bytes + FILE_HEADER, 4) <= 124;
}

static dgxp_status refuse(const char *name, const char *why)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: not a sound BMP file: %s", name, why);
}

/* The header, of OS/2's 12 bytes or Windows' 40 to 124. */
static dgxp_status read_header(const char *name, bmp *self, int64_t *width, int64_t *height)
{
    const uint8_t *at = self->bytes + FILE_HEADER;
    const uint32_t length = read_u(at, 4);
    uint32_t packing = RAW, colors = 0;
    self->data = read_u(self->bytes + 10, 4);
    if (length != 12 && (length < 40 || self->size < FILE_HEADER + (size_t)length)) {
        return refuse(name, "its header is cut off");
    }
    *width = length == 12 ? (int64_t)read_u(at + 4, 2) : (int32_t)read_u(at + 4, 4);
    *height = length == 12 ? (int64_t)read_u(at + 6, 2) : (int32_t)read_u(at + 8, 4);
    self->bits = (int32_t)read_u(at + (length == 12 ? 10 : 14), 2);
    self->entry_size = length == 12 ? 3 : 4;
    self->table = FILE_HEADER + (size_t)length;
    if (length >= 40) {
        packing = read_u(at + 16, 4);
        colors = read_u(at + 32, 4);
    }
    self->downwards = *height < 0;
    *height = *height < 0 ? -*height : *height;
    if (packing != RAW && packing != MASKS && packing != ALPHA_MASKS) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: is a packed BMP (compression %u), which is not read; save it as "
                            "PNG",
                            name, packing);
    }
    const uint32_t usual[2][4] = {{0x7C00, 0x3E0, 0x1F, 0}, {0xFF0000, 0xFF00, 0xFF, 0}};
    memcpy(self->mask, usual[self->bits == 32], sizeof self->mask);
    if (packing != RAW) {
        const int masks = length >= 56 || packing == ALPHA_MASKS ? 4 : 3;
        if (self->size < FILE_HEADER + 40 + (size_t)masks * 4) {
            return refuse(name, "its masks are cut off");
        }
        for (int i = 0; i < masks; i++) {
            self->mask[i] = read_u(at + 40 + 4 * i, 4);
        }
    }
    self->entries = self->bits <= 8 ? (colors && colors <= 256 ? colors : 1u << self->bits) : 0;
    return DGXP_OK;
}

static uint8_t take_masked(uint32_t value, uint32_t mask, uint8_t without)
{
    if (!mask) {
        return without;
    }
    const int shift = __builtin_ctz(mask);
    const uint64_t most = mask >> shift;
    return (uint8_t)((uint64_t)((value & mask) >> shift) * 255 / most);
}

static void read_row(const bmp *self, const uint8_t *row, int32_t width, uint8_t *to)
{
    for (int32_t x = 0; x < width; x++, to += 4) {
        if (self->bits <= 8) {
            const int32_t per_byte = 8 / self->bits, shift = 8 - self->bits * (x % per_byte + 1);
            const uint32_t index =
                (uint32_t)(row[x / per_byte] >> shift) & ((1u << self->bits) - 1);
            const uint8_t *entry = self->bytes + self->table +
                                   (index < self->entries ? index : 0) * (size_t)self->entry_size;
            to[0] = entry[2], to[1] = entry[1], to[2] = entry[0], to[3] = 255;
        } else if (self->bits == 24) {
            to[0] = row[x * 3 + 2], to[1] = row[x * 3 + 1], to[2] = row[x * 3], to[3] = 255;
        } else {
            const uint32_t value = read_u(row + (size_t)x * (size_t)self->bits / 8, self->bits / 8);
            for (int c = 0; c < 4; c++) {
                to[c] = take_masked(value, self->mask[c], c == 3 ? 255 : 0);
            }
        }
    }
}

dgxp_status px_bmp_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_image **out)
{
    bmp self = {.bytes = bytes, .size = size};
    dgxp_image *image = NULL;
    int64_t width = 0, height = 0;
    dgxp_status status = read_header(name, &self, &width, &height);
    status = status ? status : px_image_check_header(name, width, height);
    if (status) {
        return status;
    }
    const int32_t b = self.bits;
    if (b != 1 && b != 4 && b != 8 && b != 16 && b != 24 && b != 32) {
        return refuse(name, "its bits a pixel are none of 1, 4, 8, 16, 24, 32");
    }
    const size_t stride = ((size_t)width * (size_t)b + 31) / 32 * 4;
    if (self.data > size || (size - self.data) / stride < (size_t)height ||
        (self.entries && self.table + self.entries * (size_t)self.entry_size > size)) {
        return refuse(name, "it ends before its pixels do");
    }
    status = px_image_blank(name, width, height, &image);
    for (int64_t y = 0; y < height && !status; y++) {
        const size_t row = (size_t)(self.downwards ? y : height - 1 - y);
        read_row(&self, bytes + self.data + row * stride, (int32_t)width,
                 px_image_at(image, 0, (int32_t)y));
    }
    *out = status ? *out : image;
    return status;
}
