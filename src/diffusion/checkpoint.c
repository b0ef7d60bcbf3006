/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A model on disk in any of its three forms: opened, its components located, its settings read. */
#include "diffusion/checkpoint.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

#define CONFIG_LIMIT ((size_t)1 << 20)

typedef struct place {
    const char *prefix;
    bool original;
    bool folder_only; /* too common a name to mean this component in a file of several */
    const char *sign; /* a tensor that only this component in this spelling has */
} place;

#define PLACES 6
static const place places[PX_COMPONENTS][PLACES] = {
    [PX_TEXT_1] = {{"conditioner.embedders.0.transformer.", true, false,
                    "text_model.embeddings.token_embedding.weight"},
                   {"", false, true, "text_model.embeddings.token_embedding.weight"},
                   {"", false, true, "embeddings.token_embedding.weight"}},
    [PX_TEXT_2] = {{"conditioner.embedders.1.model.", true, false, "token_embedding.weight"},
                   {"", false, true, "text_model.embeddings.token_embedding.weight"},
                   {"", false, true, "embeddings.token_embedding.weight"}},
    [PX_UNET] = {{"model.diffusion_model.", true, false, "input_blocks.0.0.weight"},
                 {"diffusion_model.", true, false, "input_blocks.0.0.weight"},
                 {"", true, false, "input_blocks.0.0.weight"},
                 {"", false, false, "conv_in.weight"},
                 {"unet.", false, false, "conv_in.weight"}},
    [PX_VAE_DECODER] = {{"first_stage_model.", true, false, "decoder.mid.block_1.norm1.weight"},
                        {"vae.", true, false, "decoder.mid.block_1.norm1.weight"},
                        {"", true, false, "decoder.mid.block_1.norm1.weight"},
                        {"", false, false, "decoder.mid_block.resnets.0.norm1.weight"},
                        {"vae.", false, false, "decoder.mid_block.resnets.0.norm1.weight"}},
    [PX_VAE_ENCODER] = {{"first_stage_model.", true, false, "encoder.mid.block_1.norm1.weight"},
                        {"vae.", true, false, "encoder.mid.block_1.norm1.weight"},
                        {"", true, false, "encoder.mid.block_1.norm1.weight"},
                        {"", false, false, "encoder.mid_block.resnets.0.norm1.weight"},
                        {"vae.", false, false, "encoder.mid_block.resnets.0.norm1.weight"}},
};

/* Where a diffusers folder keeps a component, and what its weights are called. */
static const struct {
    const char *folder;
    const char *stem;
} homes[PX_COMPONENTS] = {
    [PX_TEXT_1] = {"text_encoder", "model"},
    [PX_TEXT_2] = {"text_encoder_2", "model"},
    [PX_UNET] = {"unet", "diffusion_pytorch_model"},
    [PX_VAE_DECODER] = {"vae", "diffusion_pytorch_model"},
    [PX_VAE_ENCODER] = {"vae", "diffusion_pytorch_model"},
};

/* Every set is opened once: what is at hand under this path already is used again. */
static dgxp_status add_set(px_checkpoint *checkpoint, const char *path, bool copy, int32_t *index)
{
    const px_safetensors_options options = {.copy = copy};
    for (*index = 0; *index < checkpoint->set_count; ++*index) {
        if (strcmp(px_safetensors_path(checkpoint->sets[*index]), path) == 0) {
            return DGXP_OK;
        }
    }
    if (checkpoint->set_count == PX_CHECKPOINT_SETS) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: one file more than a model can have", path);
    }
    dgxp_status status = px_file_has_suffix(path, "json") ? DGXP_OK : px_family_check_file(path);
    PX_NEXT(px_safetensors_open(path, &options, &checkpoint->sets[*index]));
    checkpoint->set_count += status == DGXP_OK;
    return status;
}

/* True when the component lies in the set; its part then says where. */
static bool locate(px_checkpoint *checkpoint, px_component component, int32_t set, bool folder)
{
    char name[PX_NAMES_LENGTH];
    for (const place *at = places[component]; at < places[component] + PLACES && at->sign; at++) {
        snprintf(name, sizeof name, "%s%s", at->prefix, at->sign);
        if ((folder || !at->folder_only) && px_safetensors_find(checkpoint->sets[set], name)) {
            checkpoint->parts[component] = (px_checkpoint_part){set, at->original, at->prefix};
            return true;
        }
    }
    return false;
}

/* `*out` NULL when the folder holds none; pickled weights alone are an error. */
static dgxp_status find_weights(const char *folder, const char *stem, char **out)
{
    static const char *const endings[] = {
        ".safetensors",      ".safetensors.index.json",      ".fp16.safetensors",
        ".bf16.safetensors", ".safetensors.index.fp16.json", ".safetensors.index.bf16.json"};
    *out = NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *path = px_mem_format("%s/%s%s", folder, stem, endings[i]);
        if (!path) {
            return px_error_memory("a path");
        }
        if (px_file_exists(path)) {
            *out = path;
            return DGXP_OK;
        }
        px_mem_free(path);
    }
    char *pickle =
        px_mem_format("%s/%s.bin", folder, strcmp(stem, "model") == 0 ? "pytorch_model" : stem);
    const bool pickled = pickle && px_file_exists(pickle);
    px_mem_free(pickle);
    return !pickled ? DGXP_OK
                    : px_error_set(DGXP_ERR_UNSUPPORTED,
                                   "%s: holds only pickled weights (%s.bin), which are code; take "
                                   "the folder's .safetensors variant",
                                   folder, strcmp(stem, "model") == 0 ? "pytorch_model" : stem);
}

/* A component of a folder: in its own subfolder or, for a folder of one component, in it directly.
 */
static dgxp_status add_folder_component(px_checkpoint *checkpoint, const char *folder,
                                        px_component component, bool direct, bool copy)
{
    char *weights = NULL;
    int32_t set = -1;
    char *home = px_file_join(folder, homes[component].folder);
    dgxp_status status =
        home ? find_weights(home, homes[component].stem, &weights) : px_error_memory("a path");
    if (status == DGXP_OK && !weights && direct) {
        status = find_weights(folder, homes[component].stem, &weights);
    }
    if (status == DGXP_OK && weights) {
        status = add_set(checkpoint, weights, copy, &set);
    }
    if (status == DGXP_OK && weights && !locate(checkpoint, component, set, true)) {
        status = px_error_set(DGXP_ERR_MISMATCH, "%s: does not hold the %s that its place promises",
                              weights, px_names_component(component));
    }
    px_mem_free(weights);
    px_mem_free(home);
    return status;
}

static dgxp_status load_config(const char *folder, const char *name, json_t **out, char **path)
{
    json_t *document = NULL;
    px_json root;
    char *file = px_file_join(folder, name);
    if (!file) {
        return px_error_memory("a path");
    }
    dgxp_status status =
        px_file_exists(file) ? px_json_load(file, CONFIG_LIMIT, &document) : DGXP_OK;
    if (status == DGXP_OK && document) {
        status = px_json_root(file, document, &root);
    }
    if (status != DGXP_OK || !document) {
        json_decref(document);
        px_mem_free(file);
        return status;
    }
    json_decref(*out);
    px_mem_free(*path);
    *out = document;
    *path = file;
    return DGXP_OK;
}

static dgxp_status check_pipeline(const char *folder)
{
    static const struct {
        const char *start;
        px_family family;
    } classes[] = {{"StableDiffusionXL", PX_FAMILY_SDXL},
                   {"StableDiffusion3", PX_FAMILY_SD3},
                   {"Flux", PX_FAMILY_FLUX},
                   {"StableDiffusion", PX_FAMILY_SD1}};
    json_t *index = NULL;
    char *path = NULL;
    const char *name = NULL;
    px_json root;
    dgxp_status status = load_config(folder, "model_index.json", &index, &path);
    if (status == DGXP_OK && !index) {
        status =
            px_error_set(DGXP_ERR_UNSUPPORTED,
                         "%s: has neither bundle.json nor model_index.json, so it is no bundle "
                         "and no diffusers folder",
                         folder);
    }
    PX_NEXT(px_json_root(path, index, &root));
    PX_NEXT(px_json_text(&root, "_class_name", PX_JSON_REQUIRED, 256, &name));
    if (status == DGXP_OK) {
        status = DGXP_ERR_UNSUPPORTED;
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
            if (strncmp(name, classes[i].start, strlen(classes[i].start)) == 0) {
                status = px_family_check(classes[i].family, folder);
                goto done;
            }
        }
        px_error_set(status,
                     "%s: is a folder for %.100s; this library runs StableDiffusionXLPipeline",
                     folder, name);
    }
done:
    json_decref(index);
    px_mem_free(path);
    return status;
}

static dgxp_status open_folder(px_checkpoint *checkpoint, const px_checkpoint_options *options)
{
    const char *folder = checkpoint->path;
    dgxp_status status = DGXP_OK;
    char *bundle = px_file_join(folder, "bundle.json");
    if (!bundle) {
        return px_error_memory("a path");
    }
    checkpoint->kind = px_file_exists(bundle) ? PX_CHECKPOINT_BUNDLE : PX_CHECKPOINT_FOLDER;
    px_mem_free(bundle);
    if (checkpoint->kind == PX_CHECKPOINT_BUNDLE) {
        status = px_bundle_load(folder, &checkpoint->bundle);
        if (status == DGXP_OK && !checkpoint->bundle->has_weights) {
            return px_error_set(DGXP_ERR_UNSUPPORTED,
                                "%s: holds the programs of %s without weights; give a checkpoint",
                                folder, checkpoint->bundle->name);
        }
    } else {
        status = check_pipeline(folder);
        PX_NEXT(load_config(folder, "scheduler/scheduler_config.json", &checkpoint->scheduler,
                            &checkpoint->scheduler_path));
        PX_NEXT(load_config(folder, "vae/config.json", &checkpoint->vae_config,
                            &checkpoint->vae_config_path));
    }
    for (int32_t i = 0; i < PX_COMPONENTS; i++) {
        PX_NEXT(add_folder_component(checkpoint, folder, (px_component)i, false, options->copy));
    }
    if (status == DGXP_OK && checkpoint->parts[PX_UNET].set >= 0) {
        const px_family family = px_family_of(checkpoint->sets[checkpoint->parts[PX_UNET].set]);
        status = px_family_check(family, folder);
    }
    return status;
}

static dgxp_status open_file(px_checkpoint *checkpoint, const px_checkpoint_options *options)
{
    int32_t set = -1;
    dgxp_status status = add_set(checkpoint, checkpoint->path, options->copy, &set);
    PX_NEXT(px_family_check(px_family_of(checkpoint->sets[set]), checkpoint->path));
    for (int32_t i = 0; status == DGXP_OK && i < PX_COMPONENTS; i++) {
        locate(checkpoint, (px_component)i, set, false);
    }
    return status;
}

/* What the user gave beside the checkpoint wins over what is in it. */
static dgxp_status add_beside(px_checkpoint *checkpoint, const char *path, px_component first,
                              px_component second, bool copy)
{
    const px_component both[] = {first, second};
    const bool vae = first == PX_VAE_DECODER;
    int32_t set = -1;
    dgxp_status status = DGXP_OK;
    if (!path) {
        return DGXP_OK;
    }
    checkpoint->parts[first].set = checkpoint->parts[second].set = -1;
    if (px_file_is_folder(path)) {
        PX_NEXT(add_folder_component(checkpoint, path, first, vae, copy));
        PX_NEXT(add_folder_component(checkpoint, path, second, vae, copy));
        if (vae) {
            PX_NEXT(load_config(path, "config.json", &checkpoint->vae_config,
                                &checkpoint->vae_config_path));
            PX_NEXT(load_config(path, "vae/config.json", &checkpoint->vae_config,
                                &checkpoint->vae_config_path));
        }
    } else {
        status = add_set(checkpoint, path, copy, &set);
        for (int i = 0; status == DGXP_OK && i < 2; i++) {
            locate(checkpoint, both[i], set, false);
        }
    }
    for (int i = 0; status == DGXP_OK && i < (vae ? 1 : 2); i++) {
        if (checkpoint->parts[both[i]].set < 0) {
            status = px_error_set(DGXP_ERR_MISMATCH,
                                  "%s: holds no %s; give an SDXL checkpoint or a diffusers folder "
                                  "that has it",
                                  path, px_names_component(both[i]));
        }
    }
    return status;
}

static void learn_plan(px_checkpoint *checkpoint)
{
    for (int32_t i = 0; i < PX_COMPONENTS; i++) {
        const px_checkpoint_part *part = &checkpoint->parts[i];
        if (part->set < 0 || !part->original) {
            continue;
        }
        const px_safetensors *set = checkpoint->sets[part->set];
        const size_t length = strlen(part->prefix);
        for (int32_t j = 0; j < px_safetensors_count(set); j++) {
            const char *name = px_safetensors_at(set, j)->name;
            if (strncmp(name, part->prefix, length) == 0) {
                px_names_learn_original(&checkpoint->plan, (px_component)i, name + length);
            }
        }
    }
    px_names_finish_original(&checkpoint->plan);
}

dgxp_status px_checkpoint_open(const char *path, const px_checkpoint_options *options,
                               px_checkpoint **out)
{
    static const px_checkpoint_options defaults;
    dgxp_status status;
    px_checkpoint *checkpoint = px_mem_zero(1, sizeof *checkpoint);
    if (!checkpoint || !(checkpoint->path = px_mem_text(path))) {
        px_mem_free(checkpoint);
        return px_error_memory("a checkpoint");
    }
    options = options ? options : &defaults;
    for (int32_t i = 0; i < PX_COMPONENTS; i++) {
        checkpoint->parts[i] = (px_checkpoint_part){.set = -1, .prefix = ""};
    }
    status =
        px_file_is_folder(path) ? open_folder(checkpoint, options) : open_file(checkpoint, options);
    PX_NEXT(add_beside(checkpoint, options->vae, PX_VAE_DECODER, PX_VAE_ENCODER, options->copy));
    PX_NEXT(add_beside(checkpoint, options->text_encoders, PX_TEXT_1, PX_TEXT_2, options->copy));
    if (status != DGXP_OK) {
        px_checkpoint_free(checkpoint);
        return status;
    }
    learn_plan(checkpoint);
    *out = checkpoint;
    return DGXP_OK;
}

void px_checkpoint_free(px_checkpoint *checkpoint)
{
    if (!checkpoint) {
        return;
    }
    for (int32_t i = 0; i < checkpoint->set_count; i++) {
        px_safetensors_free(checkpoint->sets[i]);
    }
    px_bundle_free(checkpoint->bundle);
    json_decref(checkpoint->scheduler);
    json_decref(checkpoint->vae_config);
    px_mem_free(checkpoint->scheduler_path);
    px_mem_free(checkpoint->vae_config_path);
    px_mem_free(checkpoint->path);
    px_mem_free(checkpoint);
}

dgxp_status px_checkpoint_require(const px_checkpoint *checkpoint, const px_bundle *bundle)
{
    bool needed[PX_COMPONENTS] = {[PX_UNET] = true, [PX_VAE_DECODER] = true};
    for (int32_t i = 0; i < bundle->text_count; i++) {
        needed[bundle->text[i].component] = true;
    }
    for (int32_t i = 0; i < PX_COMPONENTS; i++) {
        if (needed[i] && checkpoint->parts[i].set < 0) {
            const char *option = i == PX_VAE_DECODER ? "; give it as `vae`"
                                 : i == PX_UNET      ? "; give a whole checkpoint"
                                                     : "; give it as `text_encoders`";
            return px_error_set(DGXP_ERR_MISMATCH, "%s: holds no %s%s", checkpoint->path,
                                px_names_component((px_component)i), option);
        }
    }
    return DGXP_OK;
}

int32_t px_checkpoint_dtype(const px_checkpoint *checkpoint, px_component component)
{
    const px_checkpoint_part *part = &checkpoint->parts[component];
    uint64_t bytes[PX_DTYPES] = {0};
    int32_t most = -1;
    if (part->set < 0) {
        return -1;
    }
    const px_safetensors *set = checkpoint->sets[part->set];
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const px_tensor *tensor = px_safetensors_at(set, i);
        if (strncmp(tensor->name, part->prefix, strlen(part->prefix)) == 0) {
            bytes[tensor->dtype] += tensor->size;
        }
    }
    for (int32_t i = 0; i < PX_DTYPES; i++) {
        most = bytes[i] > (most < 0 ? 0 : bytes[most]) ? i : most;
    }
    return most;
}

static dgxp_status read_scheduler(const char *path, const json_t *document,
                                  px_bundle_settings *settings)
{
    static const char *const predictions[] = {"epsilon", "v_prediction"};
    static const char *const betas[] = {"scaled_linear", "linear", "squaredcos_cap_v2"};
    static const char *const spacings[] = {"leading", "trailing", "linspace"};
    static const int32_t spacing_values[] = {DGXP_SPACING_LEADING, DGXP_SPACING_TRAILING,
                                             DGXP_SPACING_LINSPACE};
    int32_t prediction = -1, spacing = -1, kind = (int32_t)settings->betas;
    int64_t steps = settings->train_steps, offset = settings->steps_offset;
    const char *name = "";
    px_json root;
    dgxp_status status = px_json_root(path, document, &root);
    PX_NEXT(px_json_text(&root, "_class_name", PX_JSON_OPTIONAL, 256, &name));
    if (status == DGXP_OK && (strncmp(name, "EDM", 3) == 0 || strstr(name, "FlowMatch"))) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: asks for %.60s; this library runs models that predict epsilon or "
                            "v on a discrete schedule",
                            path, name);
    }
    if (status == DGXP_OK && json_is_array(json_object_get(document, "trained_betas"))) {
        return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: field 'trained_betas' is not supported",
                            path);
    }
    PX_NEXT(
        px_json_choice(&root, "prediction_type", PX_JSON_OPTIONAL, predictions, 2, &prediction));
    PX_NEXT(px_json_choice(&root, "timestep_spacing", PX_JSON_OPTIONAL, spacings, 3, &spacing));
    PX_NEXT(px_json_choice(&root, "beta_schedule", PX_JSON_OPTIONAL, betas, 3, &kind));
    PX_NEXT(px_json_integer(&root, "num_train_timesteps", PX_JSON_OPTIONAL, 2, 10000, &steps));
    PX_NEXT(px_json_integer(&root, "steps_offset", PX_JSON_OPTIONAL, 0, 1000, &offset));
    PX_NEXT(px_json_number(&root, "beta_start", PX_JSON_OPTIONAL, 0, 0.999, &settings->beta_start));
    PX_NEXT(px_json_number(&root, "beta_end", PX_JSON_OPTIONAL, 0, 0.999, &settings->beta_end));
    PX_NEXT(px_json_boolean(&root, "rescale_betas_zero_snr", PX_JSON_OPTIONAL,
                            &settings->zero_terminal_snr));
    settings->train_steps = (int32_t)steps;
    settings->steps_offset = (int32_t)offset;
    settings->betas = (px_bundle_betas)kind;
    settings->spacing = spacing >= 0 ? spacing_values[spacing] : settings->spacing;
    settings->prediction = prediction == 0   ? DGXP_PREDICTION_EPSILON
                           : prediction == 1 ? DGXP_PREDICTION_V
                                             : settings->prediction;
    return status;
}

static dgxp_status read_vae_config(const char *path, const json_t *document, int32_t channels,
                                   px_bundle_settings *settings)
{
    px_json root, mean = {0}, deviation = {0};
    bool upcast = !settings->f16_safe;
    dgxp_status status = px_json_root(path, document, &root);
    PX_NEXT(
        px_json_number(&root, "scaling_factor", PX_JSON_OPTIONAL, 1e-6, 1e6, &settings->scaling));
    PX_NEXT(px_json_number(&root, "shift_factor", PX_JSON_OPTIONAL, -1e6, 1e6, &settings->shift));
    PX_NEXT(px_json_boolean(&root, "force_upcast", PX_JSON_OPTIONAL, &upcast));
    PX_NEXT(px_json_array(&root, "latents_mean", PX_JSON_OPTIONAL, PX_BUNDLE_CHANNELS, &mean));
    PX_NEXT(px_json_array(&root, "latents_std", PX_JSON_OPTIONAL, PX_BUNDLE_CHANNELS, &deviation));
    settings->f16_safe = !upcast;
    if (status == DGXP_OK && mean.value && deviation.value) {
        PX_NEXT(px_json_numbers(&root, "latents_mean", PX_JSON_REQUIRED, (size_t)channels,
                                settings->mean));
        PX_NEXT(px_json_numbers(&root, "latents_std", PX_JSON_REQUIRED, (size_t)channels,
                                settings->deviation));
        for (int32_t i = 0; status == DGXP_OK && i < channels; i++) {
            if (!(settings->deviation[i] > 0)) {
                return px_json_refuse(&deviation, DGXP_ERR_BAD_FORMAT, "must be above zero");
            }
        }
        settings->per_channel = true;
    }
    return status;
}

/* Fine-tunes that predict v say so by empty tensors, newer tools by metadata. */
static void read_markers(const px_safetensors *set, px_bundle_settings *settings)
{
    const char *declared = px_safetensors_metadata(set, "modelspec.prediction_type");
    if (declared && (strcmp(declared, "v") == 0 || strcmp(declared, "v_prediction") == 0)) {
        settings->prediction = DGXP_PREDICTION_V;
    } else if (declared && strcmp(declared, "epsilon") == 0) {
        settings->prediction = DGXP_PREDICTION_EPSILON;
    }
    if (px_safetensors_find(set, "v_pred")) {
        settings->prediction = DGXP_PREDICTION_V;
    }
    if (px_safetensors_find(set, "ztsnr")) {
        settings->zero_terminal_snr = true; /* its last timestep must be among the steps */
        settings->spacing = DGXP_SPACING_TRAILING;
    }
}

dgxp_status px_checkpoint_settings(const px_checkpoint *checkpoint, const px_bundle *architecture,
                                   px_bundle_settings *out)
{
    px_bundle_settings settings =
        checkpoint->bundle ? checkpoint->bundle->settings : architecture->settings;
    dgxp_status status = DGXP_OK;
    if (checkpoint->scheduler) {
        status = read_scheduler(checkpoint->scheduler_path, checkpoint->scheduler, &settings);
    }
    if (checkpoint->vae_config) {
        PX_NEXT(read_vae_config(checkpoint->vae_config_path, checkpoint->vae_config,
                                architecture->latent_channels, &settings));
    }
    if (checkpoint->kind == PX_CHECKPOINT_FILE && checkpoint->parts[PX_UNET].set >= 0) {
        read_markers(checkpoint->sets[checkpoint->parts[PX_UNET].set], &settings);
    }
    if (status == DGXP_OK) {
        *out = settings;
    }
    return status;
}
