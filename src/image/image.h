/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The picture that every pixel step takes and gives: RGBA bytes and text metadata. */
#ifndef PX_IMAGE_H
#define PX_IMAGE_H

#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PX_IMAGE_SIDE_MAX 16384
#define PX_IMAGE_PIXELS_MAX ((size_t)1 << 28)
#define PX_IMAGE_TEXTS_MAX 256
#define PX_IMAGE_KEY_MAX 79
#define PX_IMAGE_TEXT_MAX ((size_t)8 << 20)     /* bytes of one text */
#define PX_IMAGE_TEXTS_BYTES ((size_t)16 << 20) /* bytes of all */

typedef struct px_image_entry {
    char key[PX_IMAGE_KEY_MAX + 1];
    char *text; /* UTF-8 */
} px_image_entry;

struct dgxp_image {
    int32_t width, height;
    uint8_t *rgba;         /* [height, width, 4], straight alpha */
    px_image_entry *texts; /* in the order they were set */
    size_t text_count, text_capacity, text_bytes;
};

/**
 * Refuse a size outside 1..16384 a side and 2^28 pixels in all before anything is allocated;
 * `what` begins the sentence ("out.png", "dgxp_image_create").
 */
dgxp_status px_image_check_size(const char *what, int64_t width, int64_t height);

/**
 * The same for what a file's header says: the budget of dgxp_set_limits() holds too, and a side of
 * 0 is DGXP_ERR_BAD_FORMAT.  Every reader asks it first.
 */
dgxp_status px_image_check_header(const char *name, int64_t width, int64_t height);

/** A transparent black picture, or (`px_image_blank`) one whose pixels are not yet written. */
dgxp_status px_image_create(const char *what, int64_t width, int64_t height, dgxp_image **out);
dgxp_status px_image_blank(const char *what, int64_t width, int64_t height, dgxp_image **out);

/** Give `to` every text of `from`, so that metadata survives a step; `to` keeps its others. */
dgxp_status px_image_copy_texts(const dgxp_image *from, dgxp_image *to);
bool px_image_is_utf8(const char *text);
/** dgxp_image_set_text() without clearing the last error. */
dgxp_status px_image_set_text(dgxp_image *image, const char *key, const char *text);

/** Whether any pixel's alpha is below 255. */
bool px_image_has_alpha(const dgxp_image *image);
/** Whether the two have equal size and equal bytes. */
bool px_image_equal(const dgxp_image *a, const dgxp_image *b);

static inline int32_t px_image_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t px_image_most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline size_t px_image_count(const dgxp_image *image)
{
    return (size_t)image->width * (size_t)image->height;
}

static inline uint8_t *px_image_at(const dgxp_image *image, int32_t x, int32_t y)
{
    return image->rgba + ((size_t)y * (size_t)image->width + (size_t)x) * 4;
}

#endif
