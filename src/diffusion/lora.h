/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An adapter file: its tensors by module, each module's kind checked whole. */
#ifndef PX_LORA_H
#define PX_LORA_H

#include "core/hash.h"
#include "diffusion/lora_keys.h"
#include "diffusion/safetensors.h"

#include <stdatomic.h>
#include <sys/stat.h>

typedef enum px_lora_kind {
    PX_LORA_KIND_LORA,
    PX_LORA_KIND_LOCON, /* with a convolution that is larger than 1x1, or a middle factor */
    PX_LORA_KIND_LOHA,
    PX_LORA_KIND_LOKR,
    PX_LORA_KIND_FULL, /* .diff, .diff_b */
    PX_LORA_KIND_NORM, /* .w_norm, .b_norm */
    PX_LORA_KINDS
} px_lora_kind;

/** What a file does to one module of a model. */
typedef struct px_lora_module {
    const char *key; /* as the file spells it, without the ending */
    const px_tensor *roles[PX_LORA_ROLES];
    px_lora_kind kind;
    int64_t rows;  /* of the weight's change: outputs; 0 when only the bias changes */
    int64_t cols;  /* everything else: inputs x kernel */
    int64_t rank;  /* 0 where there is none */
    double alpha;  /* NAN when the file says nothing */
    double factor; /* alpha / rank and the like; 0: without effect */
} px_lora_module;

/** What an adapter was made for. */
typedef struct px_lora_base {
    const char *name;  /* "sdxl", "sd1", "sd2", "flux", "sd3", "other", "unknown" */
    const char *title; /* "an SDXL LoRA" */
    int64_t width;     /* of attn2's context, 0 when no key tells */
    const char *sign;  /* what gave it away without a width, or NULL */
} px_lora_base;

struct dgxp_lora {
    atomic_int references;
    uint64_t serial; /* no two handles of a process share one */
    px_safetensors *set;
    char *name;              /* the file's, without folder and ending */
    px_lora_module *modules; /* sorted by key */
    int32_t module_count;
    const px_tensor **foreign; /* tensors that are no supported role */
    int32_t foreign_count;
    px_lora_base base;
    char sha256[PX_HASH_HEX]; /* empty until px_lora_hash() */
    struct stat file;         /* as it was when it was opened */
};

/**
 * Read and check the file at `path`; with `copy` into memory, not mapped.  Free with
 * dgxp_lora_free().
 */
dgxp_status px_lora_open(const char *path, bool copy, dgxp_lora **out);
/** One owner more; const, because users may share a handle. */
dgxp_lora *px_lora_keep(const dgxp_lora *lora);

/** Whether the file at its path is still the one that was read. */
bool px_lora_is_current(const dgxp_lora *lora);
/** Take the SHA-256 of the file, once; any thread. */
void px_lora_hash(dgxp_lora *lora);

/** "lora", "locon", "loha" … */
const char *px_lora_kind_name(px_lora_kind kind);
bool px_lora_is_dora(const px_lora_module *module);

/** What the keys and shapes of modules tell of the model that they were made for. */
px_lora_base px_lora_find_base(const px_safetensors *set, const px_lora_module *modules,
                               int32_t count);

/**
 * PEFT's configuration of a file: diffusers' `lora_adapter_metadata`, or adapter_config.json beside
 * an adapter_model.safetensors.  `*out` NULL when there is none; json_decref() it.
 */
dgxp_status px_lora_config(const px_safetensors *set, json_t **out);
/**
 * The factor that a configuration declares for a module of PEFT's or diffusers' spelling: alpha /
 * r, with rsLoRA alpha / sqrt(r) (Kalajdzievski 2023).  LoHa and LoKr call their alpha `alpha`; a
 * LoKr of whole factors, whose rank is 0, is scaled by the rank that the configuration names.
 * `*alpha` and `*factor` stay when it says nothing of the module.  DGXP_ERR_UNSUPPORTED: a method
 * that is none of LoRA, LoHa and LoKr, or a pattern that is no regular expression we can read.
 */
dgxp_status px_lora_config_factor(const json_t *config, const px_lora_module *module, double *alpha,
                                  double *factor);
/** A configuration of a method other than LoRA, LoHa and LoKr is refused by the method's name. */
dgxp_status px_lora_config_check(const px_safetensors *set, const json_t *config);

#endif
