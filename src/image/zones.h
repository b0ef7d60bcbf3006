/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a sprite's head, arms, legs and eyes are, told from its silhouette and colors alone. */
#ifndef PX_ZONES_H
#define PX_ZONES_H

#include "image/image.h"

typedef enum px_zone {
    PX_ZONE_HEAD,
    PX_ZONE_TORSO,
    PX_ZONE_LEFT_ARM, /* left and right of the picture */
    PX_ZONE_RIGHT_ARM,
    PX_ZONE_LEFT_LEG,
    PX_ZONE_RIGHT_LEG
} px_zone;

typedef struct px_box {
    int32_t x0, y0, x1, y1; /* both ends included */
} px_box;

/** A copy of what lies in the box, which lies in the image; `what` as for px_image_create(). */
dgxp_status px_box_cut(const char *what, const dgxp_image *image, const px_box *box,
                       dgxp_image **out);

/** A sprite's parts; everything is in pixels of the picture. */
typedef struct px_zones {
    px_box box;             /* of all pixels with alpha >= 128 */
    int32_t neck;           /* the torso's first row: what is above is head */
    int32_t hip;            /* the legs' first row */
    int32_t split;          /* the right leg's first column */
    int32_t torso0, torso1; /* the torso's columns: arms are outside them */
    bool two_legs;          /* a gap stands between them; else the lower part was halved */
    int32_t eye_count;      /* 2, or 0 when none can be told */
    px_box eyes[2];
    uint8_t lid[4]; /* the color around them */
} px_zones;

/** The smallest box of pixels with alpha >= 128; false when there are none. */
bool px_zones_box(const dgxp_image *image, px_box *box);

/**
 * Find the parts of a sprite.  False when nothing is visible.
 *
 * Legs are the two runs beside a gap in the lower third, reaching up to where it closes; without a
 * gap the lowest quarter is halved.  The neck is the narrowest row between head and shoulders, else
 * at two fifths.  Eyes are two alike, enclosed by one color, side by side in the upper half.
 */
bool px_zones_find(const dgxp_image *image, px_zones *out);

static inline px_zone px_zones_at(const px_zones *zones, int32_t x, int32_t y)
{
    if (y >= zones->hip) {
        return x < zones->split ? PX_ZONE_LEFT_LEG : PX_ZONE_RIGHT_LEG;
    }
    if (y < zones->neck) {
        return PX_ZONE_HEAD;
    }
    return x < zones->torso0   ? PX_ZONE_LEFT_ARM
           : x > zones->torso1 ? PX_ZONE_RIGHT_ARM
                               : PX_ZONE_TORSO;
}

#endif
