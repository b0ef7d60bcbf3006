/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a call of dgxp_generate() painted. */
#ifndef PX_RESULT_H
#define PX_RESULT_H

#include "dgxpixels.h"

typedef struct px_picture {
    dgxp_image *image;  /* the sprite */
    dgxp_image *canvas; /* what the model painted */
    char *recipe;       /* JSON */
    float *latents;     /* [channels, height, width] or NULL */
} px_picture;

struct dgxp_result {
    int32_t count;
    int32_t latent_shape[3]; /* channels, height, width */
    px_picture *pictures;
};

/** `count` empty pictures; they belong to the result and are freed with it. */
dgxp_status px_result_create(int32_t count, dgxp_result **out);

#endif
