/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A model on disk in any of its three forms, and the tensors behind each program parameter. */
#ifndef PX_CHECKPOINT_H
#define PX_CHECKPOINT_H

#include "diffusion/bundle.h"
#include "diffusion/family.h"
#include "diffusion/names.h"
#include "diffusion/safetensors.h"

typedef enum px_checkpoint_kind {
    PX_CHECKPOINT_FILE,   /* one .safetensors file */
    PX_CHECKPOINT_FOLDER, /* a diffusers folder */
    PX_CHECKPOINT_BUNDLE  /* a folder with a bundle.json of kind "model" */
} px_checkpoint_kind;

typedef struct px_checkpoint_options {
    const char *vae;           /* a file or folder for what the checkpoint lacks; or NULL */
    const char *text_encoders; /* likewise */
    bool copy;                 /* read the files into memory instead of mapping them */
} px_checkpoint_options;

/** Where a component's tensors lie. */
typedef struct px_checkpoint_part {
    int32_t set;        /* index, -1: missing */
    bool original;      /* named as in the original single file */
    const char *prefix; /* before every name */
} px_checkpoint_part;

#define PX_CHECKPOINT_SETS 8

typedef struct px_checkpoint {
    char *path;
    px_checkpoint_kind kind;
    px_bundle *bundle; /* NULL unless kind is PX_CHECKPOINT_BUNDLE */
    px_safetensors *sets[PX_CHECKPOINT_SETS];
    int32_t set_count;
    px_checkpoint_part parts[PX_COMPONENTS];
    px_names_plan plan; /* of the original layout, learned from the files */
    json_t *scheduler;  /* scheduler_config.json, or NULL */
    json_t *vae_config; /* vae/config.json, or NULL */
    char *scheduler_path, *vae_config_path;
} px_checkpoint;

/**
 * Open a file or folder.  Files that are no SDXL (another family, a pickle, a LoRA …) are
 * DGXP_ERR_UNSUPPORTED with a sentence that says what they are.  A missing component is no error
 * yet: px_checkpoint_require() names it.  NULL options are the defaults.
 */
dgxp_status px_checkpoint_open(const char *path, const px_checkpoint_options *options,
                               px_checkpoint **out);
void px_checkpoint_free(px_checkpoint *checkpoint);

/** DGXP_ERR_MISMATCH when a component that `bundle` has (its text encoders, UNet, VAE) is missing.
 */
dgxp_status px_checkpoint_require(const px_checkpoint *checkpoint, const px_bundle *bundle);

/** The dtype of most of a component's bytes, a px_dtype; -1 when it is missing. */
int32_t px_checkpoint_dtype(const px_checkpoint *checkpoint, px_component component);

/**
 * What this model declares: the architecture's settings, then its own scheduler and VAE
 * configuration, metadata and marker tensors.  A bundle's own bundle.json says everything.
 */
dgxp_status px_checkpoint_settings(const px_checkpoint *checkpoint, const px_bundle *architecture,
                                   px_bundle_settings *out);

/** The tensor behind program parameter `name`, and how to change it; NULL when there is none. */
const px_tensor *px_checkpoint_find(const px_checkpoint *checkpoint, px_component component,
                                    const char *name, px_names_source *how);

/** Whether every key shape of `bundle` is there; if not, `why` (or NULL) says what differs. */
bool px_checkpoint_fits(const px_checkpoint *checkpoint, const px_bundle *bundle, char *why,
                        size_t size);

/** A parameter of a program, as px_shim.parameter_describe() gives it. */
typedef struct px_parameter {
    const char *name;
    int32_t rank;
    int64_t shape[8];
} px_parameter;

/**
 * The bytes behind every parameter of a component, in the parameters' order.
 *
 * `bindings` has room for `count`; they borrow the names and the checkpoint's mapping.  A parameter
 * without a tensor, a shape that differs, a tensor bound twice, or a layer in the file that the
 * program does not have is DGXP_ERR_MISMATCH.
 */
dgxp_status px_checkpoint_bind(const px_checkpoint *checkpoint, px_component component,
                               const px_parameter *parameters, int32_t count, px_binding *bindings);

/**
 * Log the tensors that belong to no component and are not known to be useless (EMA copies,
 * optimizer states, position ids …).  Returns how many there are.
 */
int32_t px_checkpoint_report_unused(const px_checkpoint *checkpoint);

#endif
