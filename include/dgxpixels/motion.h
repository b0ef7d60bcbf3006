/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * What a finished sprite becomes by its own pixels, without a model: an animation, other colors,
 * a normal map.
 *
 *     dgxp_sheet *moves = NULL;
 *     dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
 *     params.motions = "idle,walk,hit,death";
 *     if (dgxp_motion(knight, &params, NULL, &moves) == DGXP_OK) {
 *         dgxp_sheet_save(moves, "knight.aseprite", NULL);
 *     }
 *     dgxp_sheet_free(moves);
 */
#ifndef DGXPIXELS_MOTION_H
#define DGXPIXELS_MOTION_H

#include "sheet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- a still sprite moves: no model */

/** Which side of a sprite is seen. */
typedef enum dgxp_facing {
    DGXP_FACING_FRONT = 0,
    DGXP_FACING_BACK = 1,
    DGXP_FACING_RIGHT = 2, /* it looks to the right of the picture */
    DGXP_FACING_LEFT = 3
} dgxp_facing;

typedef struct dgxp_motion_params {
    uint32_t struct_size;
    int32_t facing;      /* a dgxp_facing: where `attack` goes; in profile legs step fore and aft */
    int32_t frames;      /* of each motion, 2..12; 0 = as many as its data have */
    int32_t reach;       /* how far all moves go, percent, 25..400; 0 = 100 */
    int32_t speed;       /* percent, 10..1000; 0 = 100; what it plays faster it shows shorter */
    int32_t keep_canvas; /* 1: frames have the sprite's size, and what leaves it is cut */
    uint64_t seed;       /* of the order in which pixels dissolve */
    const char *motions; /* names or paths of motion files, "idle,walk,./wave.json"; "all" is every
                            one that this sprite can do; NULL = idle */
    const char *folder;  /* a folder of motions that comes before those shipped, or NULL */
} dgxp_motion_params;
#define DGXP_MOTION_PARAMS_INIT {sizeof(dgxp_motion_params), 0, 0, 0, 0, 0, 0, NULL, NULL}

/**
 * Animate a finished sprite (1..512 pixels a side, one pixel a cell) by its own pixels: idle, walk,
 * hit, death and all that dgxp_list_motions() tells (docs/motion.md has the format of own ones).
 *
 * Rows, columns and parts of the sprite move by whole pixels, so every color is one of the sprite's (a
 * flash takes the lightest).  Turns by 90 degrees are exact, others go RotSprite's way.  `*out` has a
 * tag a motion, frames of one size (the sprite's, larger to both sides, upwards and downwards as far as
 * anything moves) and a slice "pivot" at the feet.  A motion that is *grounded* begins with the sprite itself and
 * keeps its lowest row.
 *
 * `*report` (or NULL) is {"width", "height", "pivot": [x, y], "parts": {"neck", "hip", "legs": "two"|
 * "halved", "eyes": number}, "motions": [{"name", "from", "to", "grounded", "loops", "area": [least,
 * most] of the frames over the sprite's, "exact_turns", "other_turns"}], "skipped": [{"name", "why"}]}.
 * Fails with DGXP_ERR_NOT_FOUND for an unknown motion, DGXP_ERR_UNSUPPORTED when `blink` is asked of a
 * sprite whose eyes cannot be told, DGXP_ERR_LIMIT above 512 pixels.  The same pixels every time; any
 * number of threads may call with the same sprite.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_motion(const dgxp_image *sprite, const dgxp_motion_params *params,
                                 dgxp_document **report, dgxp_sheet **out);
/**
 * The motions there are, by name: [{"name", "help", "frames", "ms": of all frames, "grounded", "loops",
 * "area"}].  `folder` as in dgxp_motion_params.
 */
DGXP_API dgxp_status dgxp_list_motions(const char *folder, dgxp_document **out);

/* -------------------------------------------------------------------------------- colorways */

typedef struct dgxp_recolor_params {
    uint32_t struct_size;
    int32_t variant;      /* 1..1000: every ramp that has a hue takes another, and a sprite that is
                             grey all over takes one; 0 = only what `map` says */
    int32_t keep_skin;    /* 1: what has the color of skin stays */
    int32_t move_outline; /* 1: the outline's dark colors move, too */
    const char *map;      /* ramps by name or color, "red=blue,#c03030=silver"; or NULL */
} dgxp_recolor_params;
#define DGXP_RECOLOR_PARAMS_INIT {sizeof(dgxp_recolor_params), 0, 0, 0, NULL}

/**
 * A colorway of a sprite (at most 4,096 colors): its ramps, colors of one hue found in OKLab, take
 * another hue while every shade stays as light as it is, so that the order of light in a ramp is kept.
 *
 * Names are red, orange, gold, yellow, lime, green, teal, cyan, blue, purple, magenta, pink, brown,
 * silver, grey, white, black.  Dark colors without much hue are the outline and stay.  The same for the
 * same input; alpha and text metadata are kept.  `*report` (or NULL) is {"ramps": [{"name", "pixels",
 * "from": ["#rrggbb", dark to light], "to": the new ones}], "kept": the same}.  Fails with
 * DGXP_ERR_INVALID_ARGUMENT on a color that is none, DGXP_ERR_NOT_FOUND when the sprite has no such
 * ramp.  Any number of threads may call with the same sprite.  NULL params change nothing.
 */
DGXP_API dgxp_status dgxp_recolor(const dgxp_image *sprite, const dgxp_recolor_params *params,
                                  dgxp_document **report, dgxp_image **out);

/* ------------------------------------------------------------------------------- normal maps */

typedef struct dgxp_normal_params {
    uint32_t struct_size;
    int32_t strength;   /* how steep everything is, percent, 10..400; 0 = 100 */
    int32_t no_shading; /* 1: by outline, lines and faces alone */
    int32_t y_down;     /* 1: green points downwards, as Direct3D's maps have it; 0: upwards, as
                           OpenGL, Bevy, Godot and Unity read them */
} dgxp_normal_params;
#define DGXP_NORMAL_PARAMS_INIT {sizeof(dgxp_normal_params), 0, 0, 0}

/**
 * A normal map of a finished sprite (1..512 pixels a side, one pixel a cell), for lights in 2D.
 *
 * The silhouette is filled to a cushion (a disc to half a ball), lower along dark lines inside; flat
 * regions of three or four corners become planes; and where one light explains the shading of the
 * sprite's ramps, what is lighter than its height says turns towards that light.  `*out` has the sprite's
 * size and alpha: R is x to the right, G y, B z towards us, 128 is 0; what is clear is (128, 128, 255).
 *
 * `*report` (or NULL) is {"faces": planes found, "light": where the painted light comes from, degrees
 * clockwise from the top, or null, "explained": share of the shading, 0..1}.  Fails with DGXP_ERR_LIMIT
 * above 512 pixels.  The same for the same input; any number of threads may call with the same sprite.
 * NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_normal(const dgxp_image *sprite, const dgxp_normal_params *params,
                                 dgxp_document **report, dgxp_image **out);
/**
 * The same of every frame: a sheet with the same names, durations, tags and slices, which packs and is
 * written as the one it belongs to (of dgxp_sheet_pack() without trimming).
 */
DGXP_API dgxp_status dgxp_sheet_normal(const dgxp_sheet *sheet, const dgxp_normal_params *params,
                                       dgxp_sheet **out);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_MOTION_H */
