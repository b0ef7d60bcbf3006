/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * One call of a model: what to paint, painting it, and painting it again from a picture's recipe.
 *
 *     static void paint(dgxp_model *model)
 *     {
 *         dgxp_job *job = NULL;
 *         dgxp_result *result = NULL;
 *         static const char knight[] = "{\"kind\": \"character\", \"subject\": \"medieval knight\"}";
 *         if (dgxp_job_request(model, knight, NULL, &job) == DGXP_OK &&
 *             dgxp_generate(model, (const dgxp_job *const *)&job, 1, NULL, &result) == DGXP_OK) {
 *             dgxp_image_save(dgxp_result_image(result, 0), "knight.png", NULL);
 *         }
 *         dgxp_result_free(result);
 *         dgxp_job_free(job);
 *     }
 */
#ifndef DGXPIXELS_JOB_H
#define DGXPIXELS_JOB_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------- jobs */

typedef enum dgxp_sampler {
    DGXP_SAMPLER_AUTO = 0, /* what the model recommends, else Euler */
    DGXP_SAMPLER_EULER = 1,
    DGXP_SAMPLER_EULER_A = 2,
    DGXP_SAMPLER_DPMPP_2M = 3,
    DGXP_SAMPLER_DPMPP_2M_SDE = 4,
    DGXP_SAMPLER_DDIM = 5,
    DGXP_SAMPLER_LCM = 6,
    DGXP_SAMPLER_TCD = 7
} dgxp_sampler;

typedef enum dgxp_schedule {
    DGXP_SCHEDULE_AUTO = 0, /* what the model declares, else normal */
    DGXP_SCHEDULE_NORMAL = 1,
    DGXP_SCHEDULE_KARRAS = 2,
    DGXP_SCHEDULE_EXPONENTIAL = 3
} dgxp_schedule;

typedef enum dgxp_spacing {
    DGXP_SPACING_AUTO = 0, /* what the model declares, else leading */
    DGXP_SPACING_LEADING = 1,
    DGXP_SPACING_TRAILING = 2,
    DGXP_SPACING_LINSPACE = 3
} dgxp_spacing;

typedef enum dgxp_tiling {
    DGXP_TILING_NONE = 0,
    DGXP_TILING_X = 1, /* the left edge continues at the right one */
    DGXP_TILING_Y = 2,
    DGXP_TILING_XY = 3
} dgxp_tiling;

/** One picture to paint.  Setters check their range at once; a job may be used again. */
typedef struct dgxp_job dgxp_job;

/**
 * `prompt` in A1111's grammar: (word:1.2), [word], BREAK; at most 65,536 bytes.  What the model
 * recommends holds until a setter says otherwise, its pixel steps too (dgxp_job_set_finish()).
 */
DGXP_API dgxp_status dgxp_job_create(const char *prompt, dgxp_job **out);
DGXP_API void dgxp_job_free(dgxp_job *job);
/** What lies beside a request; zero and NULL are the defaults. */
typedef struct dgxp_request_params {
    uint32_t struct_size;
    int32_t reserved;
    const char *folder;     /* where its paths begin; NULL = the working directory */
    const char *presets;    /* the user's own presets, looked into first; NULL = none */
    const dgxp_image *init; /* the picture to start from, in place of the request's "init"; copied */
    const dgxp_image *mask; /* likewise */
} dgxp_request_params;
#define DGXP_REQUEST_PARAMS_INIT {sizeof(dgxp_request_params), 0, NULL, NULL, NULL, NULL}

/**
 * The one door: a job from a request, JSON with the fields that dgxp_settings() lists.  It has a
 * prompt, or a kind and a subject.  A recipe is a request: its prompt is taken as it is, and steps
 * that it does not tell are not taken.  DGXP_ERR_BAD_FORMAT names an unknown field, a wrong type or
 * range, and what an old name is called now.  NULL params are the defaults.
 */
DGXP_API dgxp_status dgxp_job_request(const dgxp_model *model, const char *request,
                                      const dgxp_request_params *params, dgxp_job **out);
/**
 * Set whatever dgxp_settings() lists of a job that is there, but what begins one (its words, its
 * preset, its pictures): `value` is JSON, "0.5", "[32, 48]", "\"ddim\"".  Fails as dgxp_job_request().
 * The settings that most programs set have a function of their own below; the others (temperature, eta,
 * cfg_start …) are set by this one.
 */
DGXP_API dgxp_status dgxp_job_set(dgxp_job *job, const char *name, const char *value);
/**
 * All that a picture can be asked for, as every face has it: {"settings": [{"name", "type" (text,
 * integer, number, boolean, sides: [width, height], choice, json), "low", "high", "shared_high": what
 * a server takes of strangers at most, "bytes", "choices", "default", "unit", "varies": jobs of one
 * call may differ in it, "field": of presets, "in": [request, preset, bundle], "help"}], "renamed":
 * {old name: name}}.
 */
DGXP_API dgxp_status dgxp_settings(dgxp_document **out);
/** The presets that exist: "group" (kind, style, speed, field), name, help, path, content. */
DGXP_API dgxp_status dgxp_list_presets(dgxp_document **out);
/**
 * The contract of one kind, style or speed: its file, with every field's values and their help, and
 * the styles and speeds that go with it.  `folder` is of the user's own presets, looked into first;
 * NULL = none.  DGXP_ERR_NOT_FOUND lists what there is.
 */
DGXP_API dgxp_status dgxp_preset_describe(const char *name, const char *folder,
                                          dgxp_document **out);
DGXP_API dgxp_status dgxp_job_set_negative_prompt(dgxp_job *job, const char *text);
/**
 * Paint with an adapter, beside those that dgxp_model_set_loras() has set: a path, or a name as in
 * dgxp_lora_load().  Weights -100..100.  It is read when the job is painted, and merged strictly;
 * jobs of one batch must agree in their adapters.  `<lora:NAME:W>` in the prompt does the same
 * (A1111's order: the second weight of `<lora:NAME:T:U>` is the UNet's).  At most 64 a job.
 */
DGXP_API dgxp_status dgxp_job_add_lora(dgxp_job *job, const char *name_or_path, double unet_weight,
                                       double text_weight);
/** Canvas pixels, what the model paints; 0 = the model's native canvas. */
DGXP_API dgxp_status dgxp_job_set_canvas(dgxp_job *job, int32_t width, int32_t height);
/** Sprite pixels, what comes out; 0 = whatever the canvas holds. */
DGXP_API dgxp_status dgxp_job_set_size(dgxp_job *job, int32_t width, int32_t height);
/**
 * The pixel steps between canvas and sprite, as a JSON object that is laid over what the job has: a
 * preset's, else the model's own (a bundle's "defaults"; an SDXL checkpoint has none); null takes a
 * step out.  NULL takes out all: the canvas is only brought to its size and its alpha made hard, as
 * it is by default where the model has none.  All may be absent: "background" auto|keep|"#rrggbb",
 * "tolerance", "rule" (dgxp_cell_rule), "palette" (name, path or {"name", "colors": ["#rrggbb"]}; else
 * one is found of at most "colors", 0 = as few as suffice), "dither", "dither_strength", "orphans",
 * "jaggies", "outline" none|outer|inner, "outline_color", "trim", "padding", "pivot": as in
 * dgxp_fix_params.  They stand in the recipe, palette included.
 */
DGXP_API dgxp_status dgxp_job_set_finish(dgxp_job *job, const char *steps);
/** 1..1000; 0 = the model's recommendation. */
DGXP_API dgxp_status dgxp_job_set_steps(dgxp_job *job, int32_t steps);
/** 0..100; at most 1 paints without the negative prompt, twice as fast.  Negative = default. */
DGXP_API dgxp_status dgxp_job_set_guidance(dgxp_job *job, double guidance);
DGXP_API dgxp_status dgxp_job_set_sampler(dgxp_job *job, dgxp_sampler sampler);
DGXP_API dgxp_status dgxp_job_set_schedule(dgxp_job *job, dgxp_schedule schedule);
DGXP_API dgxp_status dgxp_job_set_spacing(dgxp_job *job, dgxp_spacing spacing);
/** 0..2^53-1.  Without one a seed is drawn and reported in the recipe. */
DGXP_API dgxp_status dgxp_job_set_seed(dgxp_job *job, uint64_t seed);
/** A seed from the system's generator, for callers that want to know it beforehand. */
DGXP_API dgxp_status dgxp_random_seed(uint64_t *seed);
/** Room for dgxp_slug(): 40 letters and the end. */
#define DGXP_SLUG_SIZE 41
/** A readable file name of a subject: "Medieval knight, red" -> "medieval-knight-red"; "sprite" when
 * no letter of it fits.  Pictures are named so everywhere. */
DGXP_API void dgxp_slug(const char *subject, char slug[DGXP_SLUG_SIZE]);
DGXP_API dgxp_status dgxp_job_set_tiling(dgxp_job *job, dgxp_tiling tiling);
/**
 * Start from a picture (copied; scaled to the canvas by whole pixels or bilinearly).  `strength`
 * 0..1: the share of the steps that is painted anew.  NULL removes it.
 */
DGXP_API dgxp_status dgxp_job_set_init_image(dgxp_job *job, const dgxp_image *image,
                                             double strength);
/** White paints anew, black keeps the init image bit for bit; read from luma x alpha.  Copied. */
DGXP_API dgxp_status dgxp_job_set_mask(dgxp_job *job, const dgxp_image *mask);
/**
 * For tests: the starting noise [channels, height, width] and each step's noise [steps, …], unit
 * variance, f32, copied.  Counts are in floats; NULL puts the generator back.
 */
DGXP_API dgxp_status dgxp_job_set_noise(dgxp_job *job, const float *start, size_t start_count,
                                        const float *steps, size_t steps_count);

typedef enum dgxp_phase {
    DGXP_PHASE_QUEUED = 0, /* another call is using the model */
    DGXP_PHASE_ENCODE = 1,
    DGXP_PHASE_DENOISE = 2,
    DGXP_PHASE_DECODE = 3,
    DGXP_PHASE_FINISH = 4 /* pixels: grid, matte, palette, report */
} dgxp_phase;

typedef struct dgxp_progress {
    uint32_t struct_size;
    int32_t phase;             /* a dgxp_phase */
    int32_t step;              /* finished steps of this phase */
    int32_t step_count;        /* of this phase */
    double elapsed;            /* seconds since the call began */
    double remaining;          /* seconds, an estimate; negative when unknown */
    const dgxp_image *preview; /* of the first job, when asked for; borrowed for the call */
} dgxp_progress;

/** Called on the thread that generates.  Non-zero stops it: DGXP_ERR_CANCELLED. */
typedef int32_t (*dgxp_progress_callback)(const dgxp_progress *progress, void *user_data);

typedef struct dgxp_generate_params {
    uint32_t struct_size;
    int32_t preview_every; /* steps between previews; 0 = none; needs a preview matrix (bundle) */
    dgxp_progress_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
    int32_t keep_latents; /* 1: dgxp_result_latents() works */
    int32_t at_once;      /* candidates of `best_of` that are painted in one batch, when there are
                             fewer jobs: 1..64; 0 = as many as jobs */
} dgxp_generate_params;
#define DGXP_GENERATE_PARAMS_INIT {sizeof(dgxp_generate_params), 0, NULL, NULL, NULL, 0, 0}

typedef struct dgxp_result dgxp_result;

/**
 * Paint `count` jobs (1..64) of one canvas, step count and sampler as one batch, each with its own
 * prompt and seed.
 *
 * A job's picture is its own in any company: jobs whose prompts fill as many of the encoders' chunks
 * are one batch, the others one of their own within the call, so that no prompt is padded to a
 * mate's length.  At equal batch shape (size, and machine, torch version and threads) the bytes are
 * equal; at another one kernels round differently: f32 latents by at most 1e-4.
 *
 * Jobs with the setting `best_of` are painted so often, the first time with their own seed and then
 * with others that come of it; each result is the candidate whose dgxp_quality() is highest, and its
 * recipe tells that one's seed, and in "chosen" of how many it is and the quality.  Progress counts the
 * steps of all candidates.
 *
 * Cancelling returns within one step.  After a cancelled, failed or out-of-memory call the model
 * works as before.  NULL params are the defaults.  Calls on one model from several threads queue.
 */
DGXP_API dgxp_status dgxp_generate(dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                                   const dgxp_generate_params *params, dgxp_result **out);
DGXP_API int32_t dgxp_result_count(const dgxp_result *result);
/** What came out for job `index`: the sprite. */
DGXP_API const dgxp_image *dgxp_result_image(const dgxp_result *result, int32_t index);
/** What the model painted, before any pixel step. */
DGXP_API const dgxp_image *dgxp_result_canvas(const dgxp_result *result, int32_t index);
/** The recipe as JSON: everything that is needed to paint it again. */
DGXP_API const char *dgxp_result_recipe(const dgxp_result *result, int32_t index);
/** [channels, height, width] f32 final latents; NULL unless kept. */
DGXP_API const float *dgxp_result_latents(const dgxp_result *result, int32_t index,
                                          int32_t shape[3]);
DGXP_API void dgxp_result_free(dgxp_result *result);
/**
 * Aseprite's JSON of a picture whose recipe tells `panel`: a slice "panel" with its nine parts, for a
 * picture that will be called `name` ("frame.png").  `*bytes` is yours, for dgxp_bytes_free(); NULL
 * when the picture is no panel.  DGXP_ERR_BAD_FORMAT: its recipe is broken.
 */
DGXP_API dgxp_status dgxp_panel_describe(const dgxp_image *image, const char *name, uint8_t **bytes,
                                         size_t *size);

/** What a job expands to on this model (prompt chunks, steps, memory), without painting. */
DGXP_API dgxp_status dgxp_job_describe(const dgxp_job *job, const dgxp_model *model,
                                       dgxp_document **out);

/* ------------------------------------------------------------------------ painting it again */

typedef struct dgxp_regen_params {
    uint32_t struct_size;
    int32_t force;          /* 1: paint although hashes differ */
    const char *changes;    /* a request laid over the recipe, JSON: {"seed": 8}; or NULL */
    const dgxp_image *init; /* what the picture was started from, when its recipe names one */
    const dgxp_image *mask; /* likewise */
    dgxp_progress_callback progress;
    void *user_data;
    const dgxp_cancel *cancel;
} dgxp_regen_params;
#define DGXP_REGEN_PARAMS_INIT                                                                     \
    {sizeof(dgxp_regen_params), 0, NULL, NULL, NULL, NULL, NULL, NULL}

/** The recipe in an image's metadata; DGXP_ERR_NOT_FOUND when it has none. */
DGXP_API dgxp_status dgxp_image_recipe(const dgxp_image *image, dgxp_document **out);
/**
 * Give `image` back the texts that dgxp_deploy() took out of the PNG at `path` and put into
 * dgx-pixels.recipes/ of its project.  DGXP_ERR_NOT_FOUND when there is no such file.
 */
DGXP_API dgxp_status dgxp_image_load_sidecar(dgxp_image *image, const char *path);
/**
 * Paint a picture again from the recipe in its metadata: the same pixels on the same kind of machine,
 * torch version and thread count; its place in a batch of that size is repeated too.
 *
 * The hashes of weights, programs, LoRAs, init image and mask are compared first: DGXP_ERR_MISMATCH
 * names the first that differs, unless `force`.  `changes` alter it: a new size drops the recipe's
 * canvas, a new subject its prompt.  `*report` (or NULL) is {"recipe", "differs": [{"what", "recipe",
 * "here"}], "notes": [sentences: another torch, device, version]}; it is filled after a mismatch too.
 * The result is yours.
 */
DGXP_API dgxp_status dgxp_regen(dgxp_model *model, const dgxp_image *image,
                                const dgxp_regen_params *params, dgxp_document **report,
                                dgxp_image **out);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_JOB_H */
