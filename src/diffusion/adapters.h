/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Adapters in a model: fitted to its modules, merged into its weights, reported. */
#ifndef PX_ADAPTERS_H
#define PX_ADAPTERS_H

#include "diffusion/job.h"
#include "diffusion/lora_map.h"
#include "diffusion/model.h"

enum { PX_ADAPTERS_USES = 256 }; /* of the model, a job and its prompt together */

/** Whose wish it is, for the recipe: "model", "job" or "prompt". */
typedef enum px_use_from { PX_USE_MODEL, PX_USE_JOB, PX_USE_PROMPT } px_use_from;

/** An adapter with the weights that it is merged with. */
typedef struct px_use {
    dgxp_lora *lora;             /* owned */
    double weights[PX_UNET + 1]; /* by component: text_1, text_2, unet */
    px_use_from from;
    bool partial;
} px_use;

/** What a model knows of adapters; guarded by the model's lock. */
struct px_adapters {
    px_lora_map *map;
    px_parameter *listed[PX_COMPONENTS]; /* modules by the files' names, for the stub */
    px_use *uses;                        /* what dgxp_model_set_loras() has set */
    int32_t use_count;
    dgxp_lora **opened; /* what jobs have named, most recently used last */
    size_t opened_count, opened_capacity;
    int64_t keep; /* bytes; negative: a quarter of what is free */
};

/** The model's adapters and their map, made on the first call. */
dgxp_status px_adapters_need(dgxp_model *model);
void px_adapters_free(px_adapters *adapters);

/** How one module of a file fits a model. */
typedef struct px_fit {
    px_lora_fit fit;
    const px_lora_place *place; /* when it fits */
    char why[192];              /* when it does not */
} px_fit;

/** Fit every module; `fits` [module_count] is new, for px_mem_free(). */
dgxp_status px_adapters_fit(const px_lora_map *map, const dgxp_lora *lora, px_fit **fits);
/** Strictness: an error that says what the file is, unless all of it fits (or, partial, any). */
dgxp_status px_adapters_judge(const dgxp_model *model, const px_lora_map *map,
                              const dgxp_lora *lora, const px_fit *fits, bool partial);
/** What became of it: applied and skipped, by component.  NULL when memory runs out. */
json_t *px_adapters_report(const px_use *use, const px_fit *fits);

/**
 * Merge the uses into the model's weights, whatever was in them before.  The model's lock is held.
 * `reports` (or NULL): an array that gets each one's report.
 */
dgxp_status px_adapters_merge(dgxp_model *model, const px_use *uses, int32_t count,
                              json_t *reports);

/**
 * Merge what the model, the jobs and their prompts ask for together; `*recipe` gets the list for
 * the recipe, NULL when there are none.  Jobs that differ are DGXP_ERR_MISMATCH.  Lock held.
 */
dgxp_status px_stack_apply(dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                           json_t **recipe);
/** The same list for a description, without merging; files are read, hashes not taken. */
dgxp_status px_stack_describe(const dgxp_model *model, const dgxp_job *job, json_t **list);

/** The path of an adapter by name or path (dgxp_lora_load()); a new string. */
dgxp_status px_lora_find(const char *name, const dgxp_model *model, char **path);

#endif
