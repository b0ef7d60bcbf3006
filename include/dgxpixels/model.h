/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * Models, the devices that they run on, and LoRA adapters.
 *
 *     dgxp_model *model = NULL;
 *     dgxp_lora *style = NULL;
 *     // the starter, on the best device
 *     if (dgxp_model_open(NULL, NULL, &model) == DGXP_OK &&
 *         dgxp_lora_load("mystyle", model, &style) == DGXP_OK) {
 *         const dgxp_lora_use use = {style, 0.8, 0.8, 0.8};
 *         dgxp_model_set_loras(model, &use, 1, 0, NULL);
 *     }
 *     dgxp_lora_free(style); // the model keeps what it needs
 *     dgxp_model_free(model);
 */
#ifndef DGXPIXELS_MODEL_H
#define DGXPIXELS_MODEL_H

#include "image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------- devices */

typedef struct dgxp_device_info {
    uint32_t struct_size;
    int32_t available;     /* 0: the entry says in `name` why it is not */
    char id[16];           /* "cpu", "cuda:0": what dgxp_model_params.device takes */
    char name[112];        /* "AMD EPYC", "NVIDIA GB10" */
    uint64_t memory_total; /* bytes */
    uint64_t memory_free;  /* bytes, now */
} dgxp_device_info;

/** Devices that the backend sees; opens it.  A machine without CUDA has just "cpu". */
DGXP_API dgxp_status dgxp_device_count(int32_t *count);
DGXP_API dgxp_status dgxp_device_describe(int32_t index, dgxp_device_info *info);

/**
 * What the library found: its own version and folder, backend, torch, devices, models.  When the
 * backend cannot be opened that is returned, but `*out` tells the rest all the same: free it.
 */
DGXP_API dgxp_status dgxp_doctor(int32_t verify_hashes, dgxp_document **out);

/* ----------------------------------------------------------------------------------- models */

/** A model, opened and resident on one device.  Calls on one model queue inside. */
typedef struct dgxp_model dgxp_model;

typedef enum dgxp_dtype {
    DGXP_DTYPE_AUTO = 0, /* CUDA: the file's 16-bit type; CPU: bf16 with AMX, else fp32 */
    DGXP_DTYPE_F32 = 1,
    DGXP_DTYPE_BF16 = 2,
    DGXP_DTYPE_F16 = 3
} dgxp_dtype;

typedef enum dgxp_prediction {
    DGXP_PREDICTION_AUTO = 0, /* what the model declares */
    DGXP_PREDICTION_EPSILON = 1,
    DGXP_PREDICTION_V = 2
} dgxp_prediction;

typedef struct dgxp_model_params {
    uint32_t struct_size;
    int32_t dtype;         /* a dgxp_dtype */
    int32_t prediction;    /* a dgxp_prediction */
    int32_t threads;       /* CPU threads, 0 = all cores */
    int32_t no_mmap;       /* 1: copy the weights, and its LoRAs'; for files that others may truncate */
    int32_t no_graph;      /* 1: no captured CUDA graphs */
    int32_t describe_only; /* 1: read the files but load nothing; enough for descriptions */
    const char *device;    /* "cpu", "cuda", "cuda:1"; NULL = cuda when there is one, else cpu */
    const char *vae;       /* takes the place of the checkpoint's: a path, or a name in vae/ of the
                              models folders; or NULL */
    const char *text_encoders; /* likewise, in text_encoders/ */
} dgxp_model_params;
#define DGXP_MODEL_PARAMS_INIT {sizeof(dgxp_model_params), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL}

/**
 * Open a single-file SDXL checkpoint (.safetensors), a diffusers folder or a bundle.
 *
 * `path` NULL is the default model, the starter; a name without a slash is looked up in the models
 * folders.  Weights are memory-mapped: nobody may truncate the files while the model is open (a
 * process that reads a truncated mapping dies of SIGBUS; `no_mmap` copies instead).
 */
DGXP_API dgxp_status dgxp_model_open(const char *path, const dgxp_model_params *params,
                                     dgxp_model **out);
DGXP_API void dgxp_model_free(dgxp_model *model);
/** Name, kind, licence, device, dtype, canvas rules, memory, opening time, programs' hashes. */
DGXP_API dgxp_status dgxp_model_describe(const dgxp_model *model, dgxp_document **out);

/** What a file or folder is: checkpoint, diffusers folder, bundle, LoRA or PNG.  No backend. */
DGXP_API dgxp_status dgxp_inspect(const char *path, dgxp_document **out);
/** The models that dgxp_model_open() finds by name, with the memory each needs.  No backend. */
DGXP_API dgxp_status dgxp_list_models(dgxp_document **out);
/**
 * Vouch for a TorchScript program (programs are code).  Its SHA-256 is added to the user's list of
 * trusted programs, `$XDG_CONFIG_HOME/dgx-pixels/trusted-programs`.
 */
DGXP_API dgxp_status dgxp_trust_program(const char *path, dgxp_document **out);

/* ------------------------------------------------------------------------------------ LoRA */

/**
 * An adapter file (.safetensors), read and checked.  Any number of threads may use one.
 *
 * Kinds: LoRA, LoCon (with lora_mid), LoHa, LoKr, DoRA, full differences (.diff, .diff_b) and norms;
 * keys as kohya (SGM and diffusers block names), PEFT, diffusers, LyCORIS and OneTrainer write them.
 */
typedef struct dgxp_lora dgxp_lora;

/**
 * Read an adapter: a path (it holds a slash or ends with `.safetensors`), or a name that is looked
 * up in `loras/` of the models folders and then, with a `model` (else NULL), in the model's own
 * `loras/`.  A name is a file's name without `.safetensors`; one that is unknown or fits several files is refused with the candidates.
 *
 * Every tensor is checked: one that is not finite, a factor without its partner or of another rank
 * is DGXP_ERR_BAD_FORMAT; a file without any adapter in it DGXP_ERR_UNSUPPORTED.  The file is
 * memory-mapped, so nobody may truncate it while it is open, unless `model` was opened with
 * `no_mmap`: then it is read into memory.  Needs no backend.
 */
DGXP_API dgxp_status dgxp_lora_load(const char *name_or_path, const dgxp_model *model,
                                    dgxp_lora **out);
/** Models that use it keep what they need: it may be freed at any time. */
DGXP_API void dgxp_lora_free(dgxp_lora *lora);
/** Kind, base, ranks, modules by component, alpha, trigger words, training metadata. */
DGXP_API dgxp_status dgxp_lora_describe(const dgxp_lora *lora, dgxp_document **out);
/** The adapters that are found by name; with a `model` (else NULL) its own too.  No backend. */
DGXP_API dgxp_status dgxp_list_loras(const dgxp_model *model, dgxp_document **out);

/** An adapter and how strongly each part of the model takes it: 1 as trained, 0 not at all. */
typedef struct dgxp_lora_use {
    const dgxp_lora *lora;
    double unet;           /* -100..100, like the others */
    double text_1, text_2; /* first and second text encoder */
} dgxp_lora_use;

/**
 * Make the model's weights its own plus those of `count` (0..64) adapters:
 * W = W0 + sum of weight x delta, summed in fp32 from the weights as they were read and rounded
 * once.  It replaces what was set before; 0 adapters restore every byte.
 *
 * Strict unless `partial` is 1: an adapter of which any module finds no place is refused
 * (DGXP_ERR_MISMATCH or DGXP_ERR_UNSUPPORTED), and the sentence says what the file is ("this is an
 * SD 1.5 LoRA (attn2 width 768) …"); nothing has changed then.  With `partial` such modules are
 * skipped and reported, but an adapter with none that fits is still refused.  `report` (or NULL) is
 * filled on success: what was applied and what was skipped and why, by component.
 *
 * After DGXP_ERR_OUT_OF_MEMORY the model works, with what was set before or with no adapters.
 * Waits while a dgxp_generate() uses the model.
 */
DGXP_API dgxp_status dgxp_model_set_loras(dgxp_model *model, const dgxp_lora_use *uses,
                                          int32_t count, int32_t partial, dgxp_document **report);
/**
 * Sets of merged weights that are kept beyond the one in use, so that coming back to one costs
 * nothing: at most so many bytes, the least recently used leave first.  Negative (the default): a
 * quarter of the memory that is free when a set is merged.
 */
DGXP_API dgxp_status dgxp_model_keep_loras(dgxp_model *model, int64_t bytes);
/**
 * For tests: a parameter as it is computed with, adapters included, as f32.  `component` is "unet",
 * "text_1" or "text_2", `parameter` its name in diffusers, `count` how many values it has.
 */
DGXP_API dgxp_status dgxp_model_read_weight(dgxp_model *model, const char *component,
                                            const char *parameter, float *values, size_t count);

/* ---------------------------------------------------------------------- the resident engine */

/**
 * A process of this user that keeps models open, so that programs which come and go need not open
 * them anew; pictures are the same bytes as without it.  It listens on a Unix socket (mode 0600) in
 * $XDG_RUNTIME_DIR/dgx-pixels, serves only its own user and only programs of its own build, paints
 * one call at a time in the order of asking, gives up the model that was used longest ago when less
 * than a tenth of the memory is free, and leaves when it was idle long enough or when the library
 * on disk is newer.
 */
#define DGXP_RESIDENT_IDLE_MAX 604800

/** What dgxp_resident_use() asks for. */
typedef enum dgxp_resident_mode {
    DGXP_RESIDENT_OFF = 0,        /* models are opened in this process */
    DGXP_RESIDENT_WHEN_THERE = 1, /* the engine's, when one runs */
    DGXP_RESIDENT_START = 2       /* one is started when none runs */
} dgxp_resident_mode;

/**
 * Where models that are opened from now on live: "off", "auto" (in the engine when one runs), or how
 * long an engine that is started for it stays without work: "10m", "90s", "2h", at most 7 days.
 * NULL: what the variable DGX_PIXELS_RESIDENT says in the same words, else off.  An engine that
 * cannot be started costs a warning in the log, and the model is opened here.  Any thread.
 */
DGXP_API dgxp_status dgxp_resident_use(const char *wish);

/** Called once programs can connect. */
typedef void (*dgxp_resident_ready)(void *user_data);
/**
 * Be the engine, until it is idle for `idle_seconds` (1..DGXP_RESIDENT_IDLE_MAX), is told to stop,
 * or SIGTERM or SIGINT comes (their handlers are replaced).  DGXP_ERR_BUSY: one runs already.
 */
DGXP_API dgxp_status dgxp_resident_serve(int32_t idle_seconds, dgxp_resident_ready ready,
                                         void *user_data);
/**
 * Start one as a program of its own (`dgx-pixels resident serve`) unless it runs; returns once it
 * serves.  `idle` is how long it stays without work, as in dgxp_resident_use(): "10m".
 */
DGXP_API dgxp_status dgxp_resident_start(const char *idle);
/** {"engines": [{"pid", "backend", "memory_mib", "models": [...], "log", ...}]} */
DGXP_API dgxp_status dgxp_resident_status(dgxp_document **out);
/** Stop all engines of this user after the call that each is in; how many in `*count`. */
DGXP_API dgxp_status dgxp_resident_stop(int32_t *count);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_MODEL_H */
