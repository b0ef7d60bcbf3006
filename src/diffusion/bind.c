/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Binding: which bytes of a checkpoint each parameter of a program takes its value from. */
#include "diffusion/checkpoint.h"

#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

/* diffusers' own older spelling of the VAE's attention. */
static const char *const old_attention[][2] = {{".to_q.", ".query."},
                                               {".to_k.", ".key."},
                                               {".to_v.", ".value."},
                                               {".to_out.0.", ".proj_attn."}};

static const px_tensor *find_named(const px_safetensors *set, const char *prefix, const char *name)
{
    char full[2 * PX_NAMES_LENGTH];
    const int length = snprintf(full, sizeof full, "%s%s", prefix, name);
    return length > 0 && (size_t)length < sizeof full ? px_safetensors_find(set, full) : NULL;
}

/* A diffusers folder has our names, but for what older and newer writers spell otherwise. */
static const px_tensor *find_folder(const px_safetensors *set, const char *prefix,
                                    px_component component, const char *name)
{
    const px_tensor *tensor = find_named(set, prefix, name);
    if (tensor) {
        return tensor;
    }
    if (component <= PX_TEXT_2 && strncmp(name, "text_model.", 11) == 0) {
        return find_named(set, prefix, name + 11); /* transformers 5 drops it */
    }
    for (size_t i = 0; component >= PX_VAE_DECODER && i < 4; i++) {
        char other[PX_NAMES_LENGTH];
        const char *at = strstr(name, old_attention[i][0]);
        if (at && strstr(name, ".attentions.")) {
            snprintf(other, sizeof other, "%.*s%s%s", (int)(at - name), name, old_attention[i][1],
                     at + strlen(old_attention[i][0]));
            return find_named(set, prefix, other);
        }
    }
    return NULL;
}

const px_tensor *px_checkpoint_find(const px_checkpoint *checkpoint, px_component component,
                                    const char *name, px_names_source *how)
{
    const px_checkpoint_part *part = &checkpoint->parts[component];
    *how = (px_names_source){.change = PX_NAMES_SAME, .parts = 1};
    if (part->set < 0) {
        return NULL;
    }
    const px_safetensors *set = checkpoint->sets[part->set];
    if (!part->original) {
        snprintf(how->name, sizeof how->name, "%s", name);
        return find_folder(set, part->prefix, component, name);
    }
    if (!px_names_original(&checkpoint->plan, component, name, how)) {
        return NULL;
    }
    const px_tensor *tensor = find_named(set, part->prefix, how->name);
    if (!tensor && how->change == PX_NAMES_TRANSPOSE) { /* some tools keep the Linear as it is */
        tensor = find_named(set, part->prefix, name);
        how->change = tensor ? PX_NAMES_SAME : how->change;
    }
    return tensor;
}

/* The same numbers in the same order: axes of length one do not matter. */
static bool same_shape(int32_t rank, const int64_t *shape, int32_t other_rank, const int64_t *other)
{
    int32_t i = 0, j = 0;
    for (;;) {
        while (i < rank && shape[i] == 1) {
            i++;
        }
        while (j < other_rank && other[j] == 1) {
            j++;
        }
        if (i == rank || j == other_rank) {
            return i == rank && j == other_rank;
        }
        if (shape[i++] != other[j++]) {
            return false;
        }
    }
}

/* Whether the tensor, changed as told, has the parameter's shape. */
static bool fits_shape(const px_tensor *tensor, const px_names_source *how, int32_t rank,
                       const int64_t *shape)
{
    px_tensor seen = *tensor;
    switch (how->change) {
    case PX_NAMES_ROWS:
        if (tensor->rank < 1 || tensor->shape[0] % how->parts != 0) {
            return false;
        }
        seen.shape[0] /= how->parts;
        break;
    case PX_NAMES_TRANSPOSE:
        if (tensor->rank != 2 || rank != 2) {
            return false;
        }
        seen.shape[0] = tensor->shape[1];
        seen.shape[1] = tensor->shape[0];
        break;
    default:
        break;
    }
    return same_shape(seen.rank, seen.shape, rank, shape);
}

bool px_checkpoint_fits(const px_checkpoint *checkpoint, const px_bundle *bundle, char *why,
                        size_t size)
{
    for (int32_t i = 0; i < bundle->shape_count; i++) {
        const px_bundle_shape *wanted = &bundle->shapes[i];
        px_names_source how;
        char want[160], have[160] = "is missing";
        if (checkpoint->parts[wanted->component].set < 0) {
            continue; /* a missing component says nothing about the architecture */
        }
        const px_tensor *tensor =
            px_checkpoint_find(checkpoint, (px_component)wanted->component, wanted->name, &how);
        if (tensor && fits_shape(tensor, &how, wanted->rank, wanted->shape)) {
            continue;
        }
        if (why) {
            px_safetensors_shape_text(wanted->rank, wanted->shape, want, sizeof want);
            if (tensor) {
                px_safetensors_shape_text(tensor->rank, tensor->shape, have, sizeof have);
            }
            snprintf(why, size, "%s's %s %.200s must be %s, here it %s%s", bundle->name,
                     px_names_component((px_component)wanted->component), wanted->name, want,
                     tensor ? "is " : "", have);
        }
        return false;
    }
    return true;
}

static bool ends(const char *name, const char *end)
{
    const size_t length = strlen(name), wanted = strlen(end);
    return length >= wanted && strcmp(name + length - wanted, end) == 0;
}

/* Leftovers of training and conversion that people's files carry. */
static bool is_useless(const char *name)
{
    static const char *const starts[] = {
        "model_ema.",   "optimizer",      "loss.",       "first_stage_model.loss.",
        "denoiser.",    "alphas_cumprod", "betas",       "sqrt_",
        "posterior_",   "log_one_minus",  "logvar",      "lvlb_weights",
        "scale_factor", "global_step",    "model.betas", "edm_",
        "v_pred",       "ztsnr",          "__"};
    static const char *const tails[] = {"position_ids", "logit_scale", "attn_mask",
                                        "num_batches_tracked"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (strncmp(name, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        if (ends(name, tails[i])) {
            return true;
        }
    }
    return false;
}

/* The VAE's halves share a prefix; the first text encoder's projection is not part of SDXL. */
static bool belongs(px_component component, const char *rest)
{
    switch (component) {
    case PX_VAE_DECODER:
        return strncmp(rest, "decoder.", 8) == 0 || strncmp(rest, "post_quant_conv.", 16) == 0;
    case PX_VAE_ENCODER:
        return strncmp(rest, "encoder.", 8) == 0 || strncmp(rest, "quant_conv.", 11) == 0;
    case PX_TEXT_1:
        return strcmp(rest, "text_projection.weight") != 0;
    default:
        return true;
    }
}

/* A layer that the program lacks would silently be left out of every picture. */
static dgxp_status check_leftovers(const px_checkpoint *checkpoint, px_component component,
                                   const uint8_t *used)
{
    const px_checkpoint_part *part = &checkpoint->parts[component];
    const px_safetensors *set = checkpoint->sets[part->set];
    const size_t length = strlen(part->prefix);
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const px_tensor *tensor = px_safetensors_at(set, i);
        const char *rest = tensor->name + length;
        if (used[i] || strncmp(tensor->name, part->prefix, length) != 0 ||
            !belongs(component, rest) || is_useless(tensor->name)) {
            continue;
        }
        if (ends(rest, "scale_weight") || ends(rest, "weight_scale") || ends(rest, "scaled_fp8") ||
            ends(rest, "comfy_quant") || ends(rest, ".scale_input")) {
            return px_error_set(DGXP_ERR_UNSUPPORTED,
                                "%s: tensor '%.200s' belongs to scaled quantisation, which is not "
                                "supported; use the F16, BF16 or plain F8 form of the model",
                                checkpoint->path, tensor->name);
        }
        if (ends(rest, ".weight") || ends(rest, ".bias")) {
            return px_error_set(
                DGXP_ERR_MISMATCH,
                "%s: tensor '%.200s' has no place in the program of the %s: a model "
                "of another architecture",
                px_safetensors_file_path(set, tensor->file), tensor->name,
                px_names_component(component));
        }
        px_log(DGXP_LOG_WARNING, "%s: nothing uses tensor '%.200s'", checkpoint->path,
               tensor->name);
    }
    return DGXP_OK;
}

static dgxp_status bind_one(const px_checkpoint *checkpoint, px_component component,
                            const px_parameter *parameter, uint8_t *used, px_binding *out)
{
    px_names_source how;
    const px_checkpoint_part *part = &checkpoint->parts[component];
    const px_safetensors *set = checkpoint->sets[part->set];
    const px_tensor *tensor = px_checkpoint_find(checkpoint, component, parameter->name, &how);
    const char *who = px_names_component(component);
    if (!tensor) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: has no tensor '%s%s' (%s, parameter '%.200s'); the file is "
                            "incomplete or of another architecture",
                            px_safetensors_path(set), part->prefix,
                            how.name[0] ? how.name : parameter->name, who, parameter->name);
    }
    const char *path = px_safetensors_file_path(set, tensor->file);
    if (parameter->rank < 0 || parameter->rank > 8 ||
        !fits_shape(tensor, &how, parameter->rank, parameter->shape)) {
        char have[160], want[160];
        px_safetensors_shape_text(tensor->rank, tensor->shape, have, sizeof have);
        px_safetensors_shape_text(parameter->rank, parameter->shape, want, sizeof want);
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: tensor '%.200s' is %s, but the %s's %.200s is %s%s", path,
                            tensor->name, have, who, parameter->name, want,
                            how.change == PX_NAMES_ROWS ? " (a third of it)" : "");
    }
    if (!px_safetensors_is_float(tensor->dtype)) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: tensor '%.200s' is %s; weights must be F32, F16, BF16, F64 or F8",
                            path, tensor->name, px_safetensors_dtype_name(tensor->dtype));
    }
    uint8_t *mark = &used[px_safetensors_index(set, tensor->name)];
    const uint8_t bits = how.change == PX_NAMES_ROWS ? (uint8_t)(1u << how.part) : 0xff;
    if (*mark & bits) {
        return px_error_set(DGXP_ERR_INTERNAL, "%s: tensor '%.200s' is bound twice in the %s", path,
                            tensor->name, who);
    }
    *mark |= bits;
    const uint64_t piece = tensor->size / (uint64_t)how.parts;
    const uint64_t skipped = piece * (uint64_t)how.part;
    const px_map *map = px_safetensors_map(set, tensor->file);
    *out = (px_binding){
        .parameter = parameter->name,
        .data = tensor->data + skipped,
        .fd = map->copied ? -1 : map->fd, /* a copy is a copy of the file as it was */
        .offset = tensor->offset + skipped,
        .dtype = tensor->dtype,
        .rank = parameter->rank,
        .transpose = how.change == PX_NAMES_TRANSPOSE,
    };
    memcpy(out->shape, parameter->shape, sizeof out->shape);
    return DGXP_OK;
}

dgxp_status px_checkpoint_bind(const px_checkpoint *checkpoint, px_component component,
                               const px_parameter *parameters, int32_t count, px_binding *bindings)
{
    const px_checkpoint_part *part = &checkpoint->parts[component];
    dgxp_status status = DGXP_OK;
    if (part->set < 0) {
        return px_error_set(DGXP_ERR_MISMATCH, "%s: holds no %s", checkpoint->path,
                            px_names_component(component));
    }
    uint8_t *used = px_mem_zero((size_t)px_safetensors_count(checkpoint->sets[part->set]), 1);
    if (!used) {
        return px_error_memory("a table of tensors");
    }
    for (int32_t i = 0; status == DGXP_OK && i < count; i++) {
        status = bind_one(checkpoint, component, &parameters[i], used, &bindings[i]);
    }
    if (status == DGXP_OK) {
        status = check_leftovers(checkpoint, component, used);
    }
    px_mem_free(used);
    return status;
}

static bool has_home(const px_checkpoint *checkpoint, int32_t set, const char *name)
{
    for (int32_t i = 0; i < PX_COMPONENTS; i++) {
        const px_checkpoint_part *part = &checkpoint->parts[i];
        if (part->set == set && strncmp(name, part->prefix, strlen(part->prefix)) == 0) {
            return true;
        }
    }
    return false;
}

int32_t px_checkpoint_report_unused(const px_checkpoint *checkpoint)
{
    int32_t count = 0;
    const px_checkpoint_part *unet = &checkpoint->parts[PX_UNET];
    if (unet->set < 0) {
        return 0;
    }
    const px_safetensors *set = checkpoint->sets[unet->set];
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const char *name = px_safetensors_at(set, i)->name;
        if (!is_useless(name) && !has_home(checkpoint, unet->set, name)) {
            px_log(count < 8 ? DGXP_LOG_WARNING : DGXP_LOG_DEBUG,
                   "%s: nothing uses tensor '%.200s'", checkpoint->path, name);
            count++;
        }
    }
    return count;
}
