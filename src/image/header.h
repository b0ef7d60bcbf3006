/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a picture's file says about itself, read without unpacking a pixel. */
#ifndef PX_HEADER_H
#define PX_HEADER_H

#include "dgxpixels.h"
#include "image/sheet.h"

#include <stdint.h>

typedef struct px_header {
    const char *type; /* "png", "gif", "aseprite", "jpeg", "webp", "bmp"; NULL: none of them */
    int32_t width, height;
    int64_t frames, duration; /* ms, of all frames */
    px_sheet_tag *tags;
    size_t tag_count, tag_capacity;
    dgxp_image *texts; /* one pixel that carries a PNG's texts; NULL without any */
} px_header;

/**
 * Read the header, the texts and the frames' table of the picture at `path`; chunks of pixels are
 * skipped, so sizes over the budget of dgxp_set_limits() are told, too.  A file of another kind is
 * DGXP_OK with `type` NULL.  `*out` is the caller's, also after a failure: px_header_free().
 */
dgxp_status px_header_read(const char *path, px_header *out);
void px_header_free(px_header *header);

#endif
