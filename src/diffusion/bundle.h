/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* bundle.json: what an architecture is, which programs run it, and what a model of it declares. */
#ifndef PX_BUNDLE_H
#define PX_BUNDLE_H

#include "dgxpixels.h"
#include "diffusion/setting.h"
#include "diffusion/words.h"
#include "shim.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PX_BUNDLE_FORMAT 1
#define PX_BUNDLE_CHANNELS 64 /* latent channels at most */

typedef enum px_bundle_betas {
    PX_BETAS_SCALED_LINEAR,
    PX_BETAS_LINEAR,
    PX_BETAS_SQUAREDCOS_CAP_V2
} px_bundle_betas;

/** What differs between models of one architecture. */
typedef struct px_bundle_settings {
    int32_t prediction; /* a dgxp_prediction, never AUTO */
    int32_t train_steps;
    double beta_start, beta_end;
    px_bundle_betas betas;
    int32_t spacing; /* a dgxp_spacing, never AUTO */
    int32_t steps_offset;
    bool zero_terminal_snr;
    /* latents = (moments - shift) * scaling, or, with per_channel, (moments - mean) / std * scaling
     */
    double scaling, shift;
    bool per_channel;
    double mean[PX_BUNDLE_CHANNELS], deviation[PX_BUNDLE_CHANNELS];
    bool f16_safe; /* the VAE may run in half precision */
} px_bundle_settings;

typedef struct px_bundle_text {
    int32_t component;              /* PX_TEXT_1 or PX_TEXT_2 */
    int32_t context, width, pooled; /* pooled 0: the program's second output means nothing */
    int32_t vocabulary, bos, eos, pad;
    int32_t hidden_layer;
    const char *tokenizer; /* folder, relative */
} px_bundle_text;

/** What the model recommends; unset where it says nothing. */
typedef struct px_bundle_defaults {
    px_setting_values set;
    const char *negative; /* NULL: nothing said */
    json_t *finish;       /* pixel steps of px_fix_steps_check(); NULL: none, pixels as painted */
} px_bundle_defaults;

typedef struct px_bundle_shape {
    int32_t component;
    const char *name; /* of a program's parameter */
    int32_t rank;
    int64_t shape[8];
} px_bundle_shape;

typedef struct px_bundle_program {
    int32_t component; /* a px_component */
    int32_t tiling;    /* a dgxp_tiling */
    const char *file;  /* relative */
    uint64_t size;     /* of the program itself, not of its packed file */
    const char *sha256;
} px_bundle_program;

typedef struct px_bundle_file {
    const char *path;
    uint64_t size;
    const char *sha256;
} px_bundle_file;

/** Everything is checked: ranges, relative paths without "..", digests.  Texts live as long as it.
 */
typedef struct px_bundle {
    json_t *document;
    char *folder;
    bool has_weights; /* kind "model" */
    const char *name, *title, *license, *architecture;
    int32_t dtype; /* a px_dtype of the weights, -1 for programs */
    int32_t native_width, native_height, canvas_multiple, canvas_min, canvas_max;
    int32_t pixel_scale, image_channels, latent_channels, vae_factor;
    int32_t context_width, pooled_width, time_ids;
    px_bundle_settings settings;
    px_bundle_text text[2];
    int32_t text_count;
    bool has_preview;
    double preview[PX_BUNDLE_CHANNELS][4], preview_bias[4]; /* 0..1 sRGB from scaled latents */
    px_bundle_defaults defaults;
    px_words *words; /* that its training showed it; NULL: not known */
    px_bundle_shape *shapes;
    int32_t shape_count;
    px_bundle_program *programs;
    int32_t program_count;
    px_bundle_file *files;
    int32_t file_count;
} px_bundle;

/** Read `folder`/bundle.json.  Another format number is DGXP_ERR_UNSUPPORTED. */
dgxp_status px_bundle_load(const char *folder, px_bundle **out);
void px_bundle_free(px_bundle *bundle);

/** The program of a component for a tiling; NULL when there is none. */
const px_bundle_program *px_bundle_find(const px_bundle *bundle, int32_t component, int32_t tiling);

/** The key of a component in files: "text_1", "unet", "vae_decoder" … */
const char *px_bundle_component(int32_t component);

#endif
