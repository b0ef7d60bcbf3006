/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which way up a camera held the picture. */
#include "image/exif.h"

#include "image/image.h"

#include <string.h>

enum { ORIENTATION = 0x0112, SHORT = 3, ENTRY = 12 };

static uint32_t read_number(const uint8_t *at, int bytes, bool little)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value = value << 8 | at[little ? bytes - 1 - i : i];
    }
    return value;
}

int32_t px_exif_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0)) {
        return 1;
    }
    const bool little = tiff[0] == 'I';
    const size_t table = read_number(tiff + 4, 4, little);
    if (table < 8 || table > size - 2) {
        return 1;
    }
    const size_t entries = read_number(tiff + table, 2, little);
    for (size_t i = 0; i < entries && table + 2 + (i + 1) * ENTRY <= size; i++) {
        const uint8_t *entry = tiff + table + 2 + i * ENTRY;
        if (read_number(entry, 2, little) == ORIENTATION &&
            read_number(entry + 2, 2, little) == SHORT) {
            const uint32_t value = read_number(entry + 8, 2, little);
            return value >= 1 && value <= 8 ? (int32_t)value : 1;
        }
    }
    return 1;
}

int32_t px_exif_of_png(const uint8_t *bytes, size_t size)
{
    for (size_t at = 8; size >= 12 && at <= size - 12;) {
        const size_t length = read_number(bytes + at, 4, false);
        if (length > size - at - 12 || memcmp(bytes + at + 4, "IEND", 4) == 0) {
            return 1;
        }
        if (memcmp(bytes + at + 4, "eXIf", 4) == 0) {
            return px_exif_orientation(bytes + at + 8, length);
        }
        at += length + 12;
    }
    return 1;
}

/* Where the upright picture's pixel at (x, y) lies in the stored one of width w and height h. */
static void find_source(int32_t orientation, int32_t w, int32_t h, int32_t *x, int32_t *y)
{
    if (orientation >= 5) { /* rows are columns */
        const int32_t kept = *x;
        *x = *y;
        *y = kept;
    }
    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) {
        *x = w - 1 - *x;
    }
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {
        *y = h - 1 - *y;
    }
}

dgxp_status px_exif_apply(int32_t orientation, dgxp_image **image)
{
    dgxp_image *from = *image, *upright = NULL;
    if (orientation < 2 || orientation > 8) {
        return DGXP_OK;
    }
    const bool turned = orientation >= 5;
    dgxp_status status = px_image_blank("a turned picture", turned ? from->height : from->width,
                                        turned ? from->width : from->height, &upright);
    status = status ? status : px_image_copy_texts(from, upright);
    for (int32_t y = 0; !status && y < upright->height; y++) {
        for (int32_t x = 0; x < upright->width; x++) {
            int32_t at_x = x, at_y = y;
            find_source(orientation, from->width, from->height, &at_x, &at_y);
            memcpy(px_image_at(upright, x, y), px_image_at(from, at_x, at_y), 4);
        }
    }
    dgxp_image_free(from);
    if (status) {
        dgxp_image_free(upright);
    }
    *image = status ? NULL : upright;
    return status;
}
