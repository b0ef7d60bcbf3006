/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From the canvas to the sprite: native pixels, hard alpha, palette, clean-up, the recipe. */
#ifndef PX_FINISH_H
#define PX_FINISH_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct px_finish_params {
    int32_t width, height; /* of the sprite; 0 = what the canvas holds */
    bool at_border;        /* a tile: its cells begin at the edge */
    bool native;           /* the model paints sprite pixels: a canvas pixel is one */
    const json_t *steps;   /* of px_fix_steps_check(), or NULL: nothing but size and alpha */
    const char *recipe;    /* for the metadata */
} px_finish_params;

/**
 * Make the sprite of a canvas.  With a size, exactly so many pixels come out (grid recovery with
 * the number of cells given); without, the canvas itself, where a model that paints its own alpha
 * gets it hard.  With steps, what they say is done as by dgxp_fix().  The sprite is yours.
 */
dgxp_status px_finish(const dgxp_image *canvas, const px_finish_params *params, dgxp_image **out);

/** Write a recipe into the sprite's metadata, in place of the one that is there. */
dgxp_status px_finish_recipe(dgxp_image *sprite, const char *recipe);

#endif
