/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Motions of a finished sprite: rows of data, and the frames that they make of its own pixels. */
#ifndef PX_MOTION_H
#define PX_MOTION_H

#include "image/zones.h"

#define PX_MOTION_FRAMES_MAX 12
#define PX_MOTION_NAME_MAX 64
#define PX_MOTION_SIDE_MAX 512 /* pixels a side of a sprite that is moved */

/* What a frame changes.  Those before PX_MOVE_WIDTH are pixels of a sprite that is 32 high. */
typedef enum px_move {
    PX_MOVE_X, /* of the whole sprite; y is downwards everywhere */
    PX_MOVE_Y,
    PX_MOVE_AHEAD,   /* towards where it looks */
    PX_MOVE_UPPER_X, /* of all above the hip */
    PX_MOVE_UPPER_Y,
    PX_MOVE_HEAD_X, /* these: beside what the upper part does */
    PX_MOVE_HEAD_Y,
    PX_MOVE_LEFT_ARM_X,
    PX_MOVE_LEFT_ARM_Y,
    PX_MOVE_RIGHT_ARM_X,
    PX_MOVE_RIGHT_ARM_Y,
    PX_MOVE_LEFT_LEG_X, /* of the foot; the hip stays */
    PX_MOVE_LEFT_LEG_Y,
    PX_MOVE_RIGHT_LEG_X,
    PX_MOVE_RIGHT_LEG_Y,
    PX_MOVE_LEAN,   /* of the top row; the feet stay */
    PX_MOVE_WIDTH,  /* percent more than all; -200 is mirrored */
    PX_MOVE_HEIGHT, /* percent more than all */
    PX_MOVE_TURN,   /* degrees, clockwise */
    PX_MOVE_GONE,   /* percent of the pixels that are gone */
    PX_MOVE_RIM,    /* percent of the rim that glows in the lightest color */
    PX_MOVE_COUNT
} px_move;

/** One frame; all zero is the sprite itself. */
typedef struct px_motion_key {
    int32_t ms;
    int32_t moves[PX_MOVE_COUNT];
    bool flash;  /* all of it in its lightest color */
    bool closed; /* its eyes */
} px_motion_key;

typedef struct px_motion {
    char name[PX_MOTION_NAME_MAX + 1];
    char row[PX_MOTION_NAME_MAX + 1]; /* of its file: "walk-side" where a game asks for "walk" */
    bool grounded;      /* the feet keep their row, and the first frame is the sprite itself */
    bool loops;         /* else it plays once */
    double least, most; /* the share of the sprite's opaque area that every frame keeps within */
    int32_t count;
    px_motion_key keys[PX_MOTION_FRAMES_MAX];
} px_motion;

/**
 * Read a motion by name (of `folder`, or NULL, and the searched ones) or by its file's path.  Where
 * there is a `NAME-side` it comes first for a sprite in profile, then a `NAME-wide` for a wide one.
 */
dgxp_status px_motion_load(const char *name, const char *folder, bool side, bool wide,
                           px_motion *out);
/** Whether the name is of such a row. */
bool px_motion_is_variant(const char *name);
/** The names of all, sorted, joined by commas, in a new string; NULL when memory runs out. */
char *px_motion_names(const char *folder);

/** Make it `frames` long (2..12; 0 = as it is) in the same time: keys are left out, or frames put
 * between them.  To be called after px_motion_scale(). */
void px_motion_resample(px_motion *motion, int32_t frames);
/** From the data's pixels to those of a sprite `height` high, `reach` percent far: what moves at all
 * moves by a pixel at least. */
void px_motion_scale(px_motion *motion, int32_t height, int32_t reach);

/** What a frame is drawn from. */
typedef struct px_motion_stage {
    const dgxp_image *sprite;
    px_zones zones;
    int32_t facing; /* a dgxp_facing */
    uint64_t seed;
    uint8_t lightest[4];
    int32_t margin; /* of the stage around the sprite, pixels a side */
} px_motion_stage;

/** One frame, on a canvas that is `margin` larger on each side. */
dgxp_status px_motion_draw(const px_motion_stage *stage, const px_motion_key *key, bool grounded,
                           dgxp_image **out);

extern const dgxp_choice px_motion_facing_choices[];
extern const int32_t px_motion_facing_count;

#endif
