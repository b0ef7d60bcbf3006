/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One picture to paint: what the setters of dgxp_job collect. */
#ifndef PX_JOB_H
#define PX_JOB_H

#include "dgxpixels.h"
#include "diffusion/setting.h"

#include <jansson.h>
#include <stdbool.h>

enum { PX_JOB_LORAS = 64 };

/** An adapter that a job asks for, as it was named. */
typedef struct px_job_lora {
    char *name;
    double unet, text;
} px_job_lora;

struct dgxp_job {
    char *prompt;
    char *negative; /* never NULL */
    bool has_negative;
    char *kind; /* the preset that made it, for the recipe; or NULL */
    char *subject;
    char *style, *speed; /* likewise */
    json_t *fields;      /* of the preset: {"view": "side"}, or NULL */
    json_t
        *finish; /* the pixel steps of px_fix_steps_check(), laid over the model's own; or NULL */
    bool finish_alone; /* nothing lies under them; without steps the canvas comes out as painted */
    int32_t size_low, size_high, size_multiple; /* what the preset allows a side; 0 = anything */
    px_setting_values set;                      /* what is unset is recommended or native */
    int32_t chunks; /* the prompt is padded to so many at least, as a batch did for its longest */
    bool has_seed;
    uint64_t seed;
    dgxp_image *init, *mask;
    float *start_noise, *step_noise;
    size_t start_count, step_count;
    px_job_lora loras[PX_JOB_LORAS];
    int32_t lora_count;
};

#endif
