/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames with names and durations, tags over them, slices on them. */
#ifndef PX_SHEET_H
#define PX_SHEET_H

#include "dgxpixels.h"
#include "image/image.h"

#include <stddef.h>
#include <stdint.h>

#define PX_SHEET_FRAMES_MAX 65535
#define PX_SHEET_NAME_MAX 255 /* bytes of a name */
#define PX_SHEET_TAGS_MAX 4096
#define PX_SHEET_SLICES_MAX 4096
#define PX_SHEET_DURATION_MAX 65535 /* ms */
#define PX_SHEET_DURATION 100       /* ms, of frames that say nothing */
#define PX_SHEET_BYTES_MAX ((size_t)1 << 30)

typedef struct px_sheet_frame {
    dgxp_image *image;
    char *name;       /* may be empty */
    int32_t duration; /* ms */
    uint8_t wang[8];  /* Tiled's wangid, from the top clockwise; 0 = unset */
} px_sheet_frame;

typedef struct px_sheet_tag {
    char *name;
    int32_t from, to, direction, repeat;
} px_sheet_tag;

/* What a tileset promises of its tiles' edges, for Tiled. */
typedef enum px_wang {
    PX_WANG_NONE = 0,
    PX_WANG_CORNER = 1, /* corners only */
    PX_WANG_MIXED = 2   /* corners and edges */
} px_wang;

struct dgxp_sheet {
    px_sheet_frame *frames;
    size_t frame_count, frame_capacity;
    px_sheet_tag *tags;
    size_t tag_count, tag_capacity;
    dgxp_slice *slices; /* names are ours */
    size_t slice_count, slice_capacity;
    size_t pixels;   /* of all frames */
    int32_t columns; /* what a grid should have; 0 = no wish */
    px_wang wang;
    int32_t wang_colors;
    int32_t tileset; /* the dgxp_tileset it is, with `wang` */
};

extern const dgxp_choice px_sheet_direction_choices[];
extern const int32_t px_sheet_direction_count;
extern const dgxp_choice px_sheet_format_choices[];
extern const int32_t px_sheet_format_count;

/* The same as the public ones; `what` begins each sentence and the last error is not cleared. */
dgxp_status px_sheet_create(dgxp_sheet **out);
/** Takes `image` over, also when it fails.  `duration` 0 = the default. */
dgxp_status px_sheet_take_frame(const char *what, dgxp_sheet *sheet, dgxp_image *image,
                                const char *name, int32_t duration);
dgxp_status px_sheet_add_tag(const char *what, dgxp_sheet *sheet, const dgxp_tag *tag);
dgxp_status px_sheet_add_slice(const char *what, dgxp_sheet *sheet, const dgxp_slice *slice);
dgxp_status px_sheet_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_sheet **out);

/** Refuse `count` frames of a size that go over the limits, before anything is allocated. */
dgxp_status px_sheet_check_frames(const char *what, size_t count, int64_t width, int64_t height);

/** The canvas that holds every frame; the sheet must have one. */
void px_sheet_canvas(const dgxp_sheet *sheet, int32_t *width, int32_t *height);
/** Where a frame of `width` x `height` stands in a larger canvas: in the middle, at the bottom. */
static inline void px_sheet_stand(int32_t canvas_width, int32_t canvas_height,
                                  const dgxp_image *frame, int32_t *x, int32_t *y)
{
    *x = (canvas_width - frame->width) / 2;
    *y = canvas_height - frame->height;
}

#endif
