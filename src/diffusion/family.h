/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Families: what a file of tensors is, so that what we do not run is named and not guessed. */
#ifndef PX_FAMILY_H
#define PX_FAMILY_H

#include "diffusion/safetensors.h"

typedef enum px_family {
    PX_FAMILY_UNKNOWN,
    PX_FAMILY_SDXL, /* or of its architecture: a UNet with text and size conditioning */
    PX_FAMILY_VAE,  /* a VAE alone */
    PX_FAMILY_TEXT, /* CLIP text encoders alone */
    PX_FAMILY_LORA,
    PX_FAMILY_SD1,
    PX_FAMILY_SD2,
    PX_FAMILY_SD3,
    PX_FAMILY_FLUX,
    PX_FAMILY_REFINER,
    PX_FAMILY_INPAINT, /* an SDXL UNet with nine input channels */
    PX_FAMILY_EDM,     /* SDXL's UNet trained with another formulation (Playground 2.5) */
    PX_FAMILY_CONTROLNET,
    PX_FAMILY_T2I,
    PX_FAMILY_LLLITE,
    PX_FAMILY_IP_ADAPTER,
    PX_FAMILY_MOTION,
    PX_FAMILY_QWEN,
    PX_FAMILY_Z_IMAGE,
    PX_FAMILY_UPSCALER,
    PX_FAMILY_EMBEDDING,
    PX_FAMILIES
} px_family;

/** By names and shapes of tensors; a UNet in either spelling. */
px_family px_family_of(const px_safetensors *set);

/** "sdxl", "lora", "sd1" …; as people say it, "a Stable Diffusion 1.x checkpoint". */
const char *px_family_name(px_family family);
const char *px_family_title(px_family family);
/** What to do with a file of this family that was given as a LoRA. */
const char *px_family_advice(px_family family);

/** Why a file of this family is no model of ours and what to do, as an error; SDXL is DGXP_OK. */
dgxp_status px_family_check(px_family family, const char *path);

/**
 * By a file's first bytes: what is no safetensors file at all (a pickled checkpoint, GGUF, a web
 * page saved in its place …) is refused with a sentence of its own.
 */
dgxp_status px_family_check_file(const char *path);

#endif
