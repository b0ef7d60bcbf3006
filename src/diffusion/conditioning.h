/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From prompts to what the UNet is told: hidden states of all encoders side by side, and pooled. */
#ifndef PX_CONDITIONING_H
#define PX_CONDITIONING_H

#include "diffusion/prompt.h"
#include "shim.h"

/** One text encoder of an open model. */
typedef struct px_encoder {
    px_prompt_encoder prompt; /* tokenizer, context and special ids */
    int32_t component;        /* PX_TEXT_1 or PX_TEXT_2 */
    int32_t width;            /* of a hidden state */
    int32_t pooled;           /* width of the pooled vector; 0 = it has none */
    const char *table;        /* the parameter of its vocabulary, [rows, width]; NULL: unknown */
    int64_t rows;
} px_encoder;

enum { PX_ENCODERS = 2 };

typedef struct px_conditioning {
    int32_t count;  /* prompts */
    int32_t tokens; /* chunks x context */
    int32_t width;  /* of all encoders together */
    int32_t pooled_width;
    float *context; /* [count, tokens, width] */
    float *pooled;  /* [count, pooled_width] */
} px_conditioning;

/** The chunks that a prompt fills, counted by the first encoder's context; 1 at least. */
dgxp_status px_conditioning_chunks(const px_encoder *encoders, int32_t encoder_count,
                                   const char *prompt, int32_t *chunks);

/**
 * Encode `count` prompts, each padded to `chunks`, which none exceeds; equal texts are encoded
 * once; the weights of the prompt grammar are applied.  On success free with
 * px_conditioning_free().
 */
dgxp_status px_conditioning_create(const px_shim *shim, px_shim_model *backend,
                                   const px_encoder *encoders, int32_t encoder_count,
                                   const char *const *prompts, int32_t count, int32_t chunks,
                                   px_conditioning *out);
void px_conditioning_free(px_conditioning *conditioning);

#endif
