/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The key map: from every spelling of a module that adapter files use to the module itself. */
#ifndef PX_LORA_MAP_H
#define PX_LORA_MAP_H

#include "diffusion/checkpoint.h"
#include "diffusion/lora.h"

/** A layer of the model that an adapter can change. */
typedef struct px_lora_place {
    int32_t component;          /* a px_component */
    const px_parameter *weight; /* never NULL */
    const px_parameter *bias;   /* or NULL */
    int64_t rows, cols;         /* of the weight: outputs, everything else */
} px_lora_place;

typedef struct px_lora_map px_lora_map;

/** Parameters of a component, as px_lora_map_create() takes them. */
typedef struct px_lora_part {
    const px_parameter *parameters; /* borrowed by the map */
    int32_t count;
} px_lora_part;

/**
 * Build the map forwards, from the model's own parameters: `parts` [PX_COMPONENTS], of which text
 * encoders and UNet are used.
 *
 * Each module is entered under kohya's names (SGM and diffusers blocks), LyCORIS', PEFT's,
 * diffusers' (with and without prefix, and the old attn-processor form) and ComfyUI's; text
 * encoders that share a spelling are told apart by shape.
 */
dgxp_status px_lora_map_create(const px_lora_part *parts, px_lora_map **out);
void px_lora_map_free(px_lora_map *map);

/** How many places there are, in all or (component >= 0) in one. */
int32_t px_lora_map_count(const px_lora_map *map, int32_t component);

typedef enum px_lora_fit {
    PX_LORA_FITS,
    PX_LORA_FITS_IGNORED, /* known to be without use: the projection of a first text encoder */
    PX_LORA_NO_PLACE,     /* no module has this key */
    PX_LORA_OTHER_SHAPE   /* `why` says which */
} px_lora_fit;

/** The place of a file's module.  `why` [size] gets a sentence's end when it does not fit. */
px_lora_fit px_lora_map_find(const px_lora_map *map, const px_lora_module *module,
                             const px_lora_place **place, char *why, size_t size);

/** Inputs of the UNet's cross attention: what its text encoders give together; 0 when unknown. */
int64_t px_lora_map_context(const px_lora_map *map);

#endif
