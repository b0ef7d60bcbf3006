/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * What the library asks of a tensor backend, in plain C and on the level of a model.
 *
 * A backend is a shared object that exports one function, px_shim_entry().  Three exist: torch (CPU,
 * and CUDA through a plug-in of its own) and a stub without tensors for tests.  Calls on one model
 * come from one thread at a time; every call is noexcept and leaves the model usable after
 * DGXP_ERR_OUT_OF_MEMORY.  Statuses are dgxp_status values; texts go into `px_shim_error`.
 *
 * Programs are called with these shapes (B batch, C latent channels, h w latent size, N tokens):
 *   text          ids i64 [R, T]                            -> hidden [R, T, W], pooled [R, P]
 *   unet          sample [B, C, h, w], timestep f32 [B], context [B, N, D], pooled [B, P],
 *                 time_ids f32 [B, 6]                       -> [B, C, h, w]
 *   vae_decoder   latents [B, C, h, w]                      -> image [B, channels, H, W], -1..1
 *   vae_encoder   image [B, channels, H, W], -1..1          -> moments [B, 2 C, h, w]: mean, log var
 * Latents given to the decoder are already divided by the scaling factor.  Arrays in this interface
 * are always f32 (ids: i32), host memory, row-major; the backend converts to its compute dtype.
 */
#ifndef PX_SHIM_H
#define PX_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PX_SHIM_VERSION 2

typedef enum px_component {
    PX_TEXT_1,
    PX_TEXT_2,
    PX_UNET,
    PX_VAE_DECODER,
    PX_VAE_ENCODER,
    PX_COMPONENTS
} px_component;

typedef enum px_dtype {
    PX_F32 = 0,
    PX_F16 = 1,
    PX_BF16 = 2,
    PX_F64 = 3,
    PX_F8_E4M3 = 4,
    PX_F8_E5M2 = 5,
    PX_I64 = 6,
    PX_I32 = 7,
    PX_I16 = 8,
    PX_I8 = 9,
    PX_U8 = 10,
    PX_BOOL = 11,
    PX_DTYPES
} px_dtype;

typedef struct px_shim_error {
    char text[768];
} px_shim_error;

typedef struct px_shim_device {
    int32_t available;
    char id[16];
    char name[112];
    uint64_t memory_total, memory_free;
} px_shim_device;

typedef struct px_shim_options {
    const char *device;     /* "cpu", "cuda:0" */
    int32_t threads;        /* 0 = all cores */
    int32_t use_graphs;     /* CUDA graphs, when the device has them */
    int32_t latent_channels;
    int32_t image_channels; /* 3 or 4 */
} px_shim_options;

/**
 * One parameter of a program and the bytes that it takes its value from.  Slices of rows and
 * squeezed axes are already done by `data` and `shape`.  `data` is a read-only mapping that outlives
 * the model; `fd` and `offset` name the same bytes for pread() (fd -1: use `data`).
 */
typedef struct px_binding {
    const char *parameter; /* as px_shim.parameter_name() gives it */
    const void *data;
    int32_t fd;
    uint64_t offset;
    int32_t dtype; /* a px_dtype: of the bytes */
    int32_t rank;
    int64_t shape[8];  /* of the parameter */
    int32_t transpose; /* 1: rank 2, stored as [shape[1], shape[0]] */
} px_binding;

/** A factor of an adapter as its file has it: read-only, maybe not aligned; `data` NULL: absent. */
typedef struct px_factor {
    const void *data;
    int32_t dtype; /* a px_dtype that is a float */
    int32_t rank;
    int64_t shape[8];
} px_factor;

/**
 * A matrix [rows, columns x kernel] from factors:
 *   whole                               as it is
 *   a [p, r], b [r, q]                  a b
 *   a [r, p], b [r, q], core [r, r, k]  sum_ij core[i, j, k] a[i, p] b[j, q]       (LyCORIS' Tucker)
 * With `a_first` the core's form has a [p, r].  Trailing axes of a and b are flattened.
 */
typedef struct px_product {
    px_factor whole, a, b, core;
    int32_t a_first;
} px_product;

typedef enum px_delta_kind {
    PX_DELTA_PRODUCT,  /* x */
    PX_DELTA_HADAMARD, /* x o y, element by element */
    PX_DELTA_KRONECKER /* kron(x, y), the kernel is y's */
} px_delta_kind;

typedef enum px_delta_norm {
    PX_NORM_NONE,
    PX_NORM_ROWS,   /* DoRA: one magnitude an output */
    PX_NORM_COLUMNS /* one an input */
} px_delta_norm;

/**
 * What one adapter adds to one parameter W0:  weight factor D  with D from `kind`, x and y;
 * with a norm (DoRA, Liu et al. 2024, eq. 5)  weight (m V / |V| - W0),  V = W0 + factor D.
 */
typedef struct px_delta {
    int32_t kind; /* a px_delta_kind */
    int32_t norm; /* a px_delta_norm */
    double factor, weight;
    px_product x, y;
    px_factor magnitude; /* m, with a norm */
} px_delta;

/** A parameter, the bytes that it was bound to, and all that a set of adapters adds to it. */
typedef struct px_merge {
    int32_t component;
    px_binding base;
    const px_delta *deltas;
    int32_t delta_count;
} px_merge;

/**
 * One row of a sampler's table (docs/architecture.md).  m is the model's output after guidance.
 *   x0     = a_x x + a_m m
 *   x_next = b_x x + b_0 x0 + b_p x0_prev + b_n noise
 *   input  = c_in x at `timestep`
 * With a mask: x_next = mask x_next + (1 - mask) (k_0 known + k_n start_noise).
 */
typedef struct px_step {
    double timestep;
    double c_in;
    double a_x, a_m;
    double b_x, b_0, b_p, b_n;
    double k_0, k_n;
    double guidance; /* at most 1: the conditional half alone is run */
} px_step;

/** Everything that stays the same during one denoising loop.  Pointers live until begin returns. */
typedef struct px_denoise {
    int32_t batch, height, width;     /* latent size */
    int32_t tokens, context_width, pooled_width;
    const float *context;             /* [batch, tokens, context_width] */
    const float *pooled;              /* [batch, pooled_width] */
    const float *negative_context;    /* same shapes; NULL when no step has guidance */
    const float *negative_pooled;
    const float *time_ids;            /* [batch, 6] */
    const float *negative_time_ids;   /* [batch, 6] */
    const float *latents;             /* [batch, C, height, width]: x at the first step */
    const float *known;               /* [batch, C, height, width] or NULL: inpainting */
    const float *start_noise;         /* [batch, C, height, width], with `known` */
    const float *mask;                /* [batch, 1, height, width] 0..1, with `known` */
    double rescale;                   /* guidance rescale phi, 0 = off */
    int32_t program;                  /* which UNet variant: a dgxp_tiling */
    const px_step *steps;
    int32_t step_count;
} px_denoise;

typedef struct px_shim_memory {
    uint64_t host_bytes;   /* parameters that had to be converted or copied */
    uint64_t mapped_bytes; /* parameters that are views of the mapping */
    uint64_t device_bytes; /* on the accelerator */
    uint64_t device_peak;
} px_shim_memory;

typedef struct px_shim_model px_shim_model;

typedef struct px_shim {
    int32_t version;         /* PX_SHIM_VERSION */
    int32_t reserved;
    const char *name;        /* "torch", "stub" */
    const char *build;       /* "2.11.0": what it was built against */
    const char *running;     /* "2.11.0+cu130": what it runs on */

    int32_t (*device_count)(int32_t *count, px_shim_error *error);
    int32_t (*device_describe)(int32_t index, px_shim_device *device, px_shim_error *error);
    /** The dtype to compute in on this device for weights stored as `stored` (both px_dtype). */
    int32_t (*preferred_dtype)(const char *device, int32_t stored);

    int32_t (*open)(const px_shim_options *options, px_shim_model **out, px_shim_error *error);
    void (*close)(px_shim_model *model);

    /**
     * Load a program from memory.  `variant` is a dgxp_tiling (0 for what has none); all variants of
     * a component share one set of parameters.  `dtype` is what it computes in.  The first program
     * loaded for a component decides its parameters.
     */
    int32_t (*program_load)(px_shim_model *model, int32_t component, int32_t variant, int32_t dtype,
                            const void *bytes, size_t size, px_shim_error *error);
    int32_t (*parameter_count)(const px_shim_model *model, int32_t component);
    /** Name (borrowed), rank and shape[8] of parameter `index`. */
    const char *(*parameter_describe)(const px_shim_model *model, int32_t component, int32_t index,
                                      int32_t *rank, int64_t *shape);
    /** Give every parameter of a component its value; all must be named, none twice. */
    int32_t (*bind)(px_shim_model *model, int32_t component, const px_binding *bindings,
                    int32_t count, px_shim_error *error);
    /** Read or overwrite one parameter as f32 [its shape]; a write does not touch the mapping. */
    int32_t (*parameter_read)(px_shim_model *model, int32_t component, const char *name,
                              float *values, size_t count, px_shim_error *error);
    int32_t (*parameter_write)(px_shim_model *model, int32_t component, const char *name,
                               const float *values, size_t count, px_shim_error *error);

    /**
     * Make the weights of all components what they were bound to, plus the adapters of `merges`
     * (each parameter once): summed in f32 from the bound bytes and rounded once.  Parameters that
     * are not named get their bytes back, bit for bit; no merges undo everything.
     *
     * `set` names what is merged.  A set that is in use, or that the model still keeps, is taken as
     * it is, without looking at `merges`.  Beyond the set in use, and its base where that cannot be
     * bound again, at most `keep` bytes of merged values stay.  On failure no set is in use, or the
     * one that was before.
     */
    int32_t (*merge)(px_shim_model *model, const char *set, const px_merge *merges, int32_t count,
                     uint64_t keep, px_shim_error *error);
    /** Whether merge() would take `set` without looking at its merges. */
    int32_t (*merged)(const px_shim_model *model, const char *set);

    /** ids [rows, length]; hidden [rows, length, width]; pooled [rows, pooled_width] or NULL. */
    int32_t (*encode_text)(px_shim_model *model, int32_t component, const int32_t *ids,
                           int32_t rows, int32_t length, float *hidden, int32_t width,
                           float *pooled, int32_t pooled_width, px_shim_error *error);

    int32_t (*denoise_begin)(px_shim_model *model, const px_denoise *plan, px_shim_error *error);
    /** Run row `step`; `noise` [batch, C, h, w] when the row's b_n is not 0, else NULL. */
    int32_t (*denoise_step)(px_shim_model *model, int32_t step, const float *noise,
                            px_shim_error *error);
    /** x as it stands, [batch, C, h, w]; with `x0` the last estimate of the clean latents. */
    int32_t (*latents_read)(px_shim_model *model, int32_t x0, float *latents, px_shim_error *error);
    /** Frees what begin allocated; safe at any time. */
    void (*denoise_end)(px_shim_model *model);

    /** latents [batch, C, h, w] -> image [batch, channels, H, W]; retried in fp32 if not finite. */
    int32_t (*decode)(px_shim_model *model, int32_t variant, const float *latents, int32_t batch,
                      int32_t height, int32_t width, float *image, int32_t image_height,
                      int32_t image_width, px_shim_error *error);
    /** image [batch, channels, H, W] -> moments [batch, 2 C, h, w]. */
    int32_t (*encode_image)(px_shim_model *model, const float *image, int32_t batch,
                            int32_t image_height, int32_t image_width, float *moments,
                            int32_t height, int32_t width, px_shim_error *error);

    int32_t (*memory)(const px_shim_model *model, px_shim_memory *memory, px_shim_error *error);
} px_shim;

/** The backend's table; lives as long as the shared object. */
const px_shim *px_shim_entry(void);

#ifdef __cplusplus
}
#endif

#endif
