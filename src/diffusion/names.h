/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names: where each of our parameters lies in a checkpoint of the original (SGM) layout. */
#ifndef PX_NAMES_H
#define PX_NAMES_H

#include "shim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PX_NAMES_LENGTH 256

/**
 * What the tables must know of an architecture; all zero before the first px_names_learn…().
 * Learned from the parameters of the programs or from the tensors of a file, whichever is at hand:
 * both give the same plan.
 */
typedef struct px_names_plan {
    int32_t layers;        /* resnets a down block of the UNet (an up block has one more) */
    int32_t vae_blocks;    /* up blocks of the VAE's decoder */
    uint64_t up_attention; /* bit i: the UNet's up block i has attention */
    /* While learning from a file: */
    int32_t input_last;        /* the highest n of input_blocks.n */
    int32_t input_down;        /* the lowest that scales down, 0 = none so far */
    uint64_t output_attention; /* bit n: output_blocks.n has attention */
} px_names_plan;

/** Take in one parameter or module name as diffusers spells it; any order. */
void px_names_learn(px_names_plan *plan, px_component component, const char *name);
/** Take in one tensor name of a single file, without the component's prefix; any order. */
void px_names_learn_original(px_names_plan *plan, px_component component, const char *name);
/** After the last name of a file: work out what several of them say together. */
void px_names_finish_original(px_names_plan *plan);

typedef enum px_names_change {
    PX_NAMES_SAME,     /* as stored; axes of length one may differ */
    PX_NAMES_ROWS,     /* rows `part` of `parts` equal pieces along the first axis */
    PX_NAMES_TRANSPOSE /* rank 2, stored the other way round */
} px_names_change;

typedef struct px_names_source {
    char name[PX_NAMES_LENGTH]; /* without the component's prefix */
    px_names_change change;
    int32_t part, parts;
} px_names_source;

/**
 * The original layout's name of parameter `name` ("down_blocks.0.resnets.0.conv1.weight" ->
 * "input_blocks.1.0.in_layers.2.weight").  False when the tables do not know it.  Module paths work
 * too ("down_blocks.0.resnets.0.conv1"): so LoRA keys are made from our module names.  For the
 * second text encoder these are OpenCLIP's names; attention's queries, keys and values are
 * PX_NAMES_ROWS of one tensor.
 */
bool px_names_original(const px_names_plan *plan, px_component component, const char *name,
                       px_names_source *out);

/** What a single file puts before the names of a component: "model.diffusion_model." and so on. */
const char *px_names_prefix(px_component component);

/** The component as people call it: "UNet", "first text encoder". */
const char *px_names_component(px_component component);

#endif
