/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An open model: its files, its programs on one device, what it declares and recommends. */
#ifndef PX_MODEL_H
#define PX_MODEL_H

#include "diffusion/bundle.h"
#include "diffusion/checkpoint.h"
#include "diffusion/conditioning.h"
#include "diffusion/fingerprint.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PX_TILINGS = 4 };

typedef struct px_adapters px_adapters; /* diffusion/adapters.h */

struct dgxp_model {
    px_checkpoint *checkpoint;
    const px_bundle *bundle;     /* the architecture's: programs, canvas rules, defaults */
    px_bundle_settings settings; /* as this very model declares them, overrides applied */
    px_tokenizer *tokenizers[PX_ENCODERS];
    px_encoder encoders[PX_ENCODERS];
    int32_t encoder_count;

    const px_shim *shim; /* NULL: opened for descriptions only */
    px_shim_model *backend;
    char device[32];
    bool no_mmap;      /* its weights and its adapters' are read, not mapped */
    int32_t threads;   /* as asked for; 0 = all cores */
    int32_t dtype;     /* px_dtype that text encoders and UNet compute in */
    int32_t vae_dtype; /* px_dtype of the VAE */
    bool loaded[PX_COMPONENTS][PX_TILINGS];
    px_parameter *parameters[PX_COMPONENTS]; /* of the programs, names borrowed from the backend */
    px_binding *bindings[PX_COMPONENTS];     /* in the same order: the bytes behind each */
    int32_t parameter_counts[PX_COMPONENTS];
    px_adapters *adapters; /* NULL until the first */
    double open_seconds;
    /* Of the weights: begun by the first call that paints, waited for by any that describes. */
    px_fingerprint *_Atomic fingerprint;

    pthread_mutex_t lock; /* held by the call that paints; others queue */
    atomic_int waiting;
    bool timed; /* its speed was noted for estimates */
    bool lost;  /* the device failed: every later call says so */
};

/** "sdxl", "starter": presets choose their prompt template by it. */
const char *px_model_name(const dgxp_model *model);

/**
 * Load the program of a component for a tiling, and bind its weights the first time.  What text to
 * image needs is loaded at opening; the VAE's encoder and the tilings when first asked for.
 */
dgxp_status px_model_need(dgxp_model *model, int32_t component, int32_t tiling);

#endif
