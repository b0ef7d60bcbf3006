/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One picture to paint: what the setters of dgxp_job collect. */
#ifndef PX_JOB_H
#define PX_JOB_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    PX_JOB_PROMPT_LIMIT = 65536, /* bytes */
    PX_JOB_CANVAS_LIMIT = 4096,  /* pixels a side */
    PX_JOB_STEPS_LIMIT = 1000,
    PX_JOB_LORAS = 64
};

/** An adapter that a job asks for, as it was named. */
typedef struct px_job_lora {
    char *name;
    double unet, text;
} px_job_lora;

/** The largest seed: what a JSON number holds exactly. */
#define PX_JOB_SEED_LIMIT 9007199254740991u

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
    int32_t canvas[2];                          /* width, height; 0 = native */
    int32_t size[2];                            /* sprite; 0 = what the canvas holds */
    int32_t steps;                              /* 0 = recommended */
    double guidance; /* negative = recommended; rescale, temperature and eta likewise */
    double rescale, temperature;
    double cfg_stop;
    double eta;
    int32_t sampler, schedule, spacing, tiling;
    int32_t chunks; /* the prompt is padded to so many at least, as a batch did for its longest */
    int32_t parity;
    bool has_seed;
    uint64_t seed;
    dgxp_image *init, *mask;
    double strength;
    float *start_noise, *step_noise;
    size_t start_count, step_count;
    px_job_lora loras[PX_JOB_LORAS];
    int32_t lora_count;
};

#endif
