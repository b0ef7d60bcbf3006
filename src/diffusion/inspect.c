/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a model's file or folder is, as JSON: checkpoint, folder, bundle, LoRA, VAE, programs. */
#include "diffusion/inspect.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/checkpoint.h"

#include <stdio.h>
#include <string.h>

/* "modelspec.license" may be a whole text, tag statistics of a LoRA megabytes. */
#define METADATA_TEXT 400
#define METADATA_COUNT 64

static uint64_t count_elements(const px_tensor *tensor)
{
    const size_t size = px_safetensors_dtype_size(tensor->dtype);
    return tensor->size / size;
}

/* Files, bytes, tensors and parameters of the sets together; the dtype of most bytes. */
static bool put_totals(json_t *object, px_safetensors *const *sets, int32_t count)
{
    uint64_t bytes = 0, tensors = 0, parameters = 0, of[PX_DTYPES] = {0};
    int32_t files = 0, most = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int32_t j = 0; j < px_safetensors_file_count(sets[i]); j++, files++) {
            bytes += px_safetensors_map(sets[i], j)->size;
        }
        for (int32_t j = 0; j < px_safetensors_count(sets[i]); j++, tensors++) {
            const px_tensor *tensor = px_safetensors_at(sets[i], j);
            of[tensor->dtype] += tensor->size;
            if (px_safetensors_is_float(tensor->dtype)) {
                parameters += count_elements(tensor);
            }
        }
    }
    for (int32_t i = 1; i < PX_DTYPES; i++) {
        most = of[i] > of[most] ? i : most;
    }
    return px_json_put_integer(object, "bytes", (int64_t)bytes) &&
           px_json_put_integer(object, "files", files) &&
           px_json_put_integer(object, "tensors", (int64_t)tensors) &&
           px_json_put_integer(object, "parameters", (int64_t)parameters) &&
           px_json_put_text(object, "dtype", px_safetensors_dtype_name(most));
}

static bool put_metadata(json_t *object, const px_safetensors *set)
{
    const json_t *all = px_safetensors_metadata_all(set);
    const char *key;
    json_t *value, *shown = json_object();
    int count = 0;
    bool fine = shown != NULL;
    json_object_foreach((json_t *)(uintptr_t)all, key, value)
    {
        const char *text = json_string_value(value);
        const size_t size = json_string_length(value);
        if (!fine || count++ == METADATA_COUNT) {
            break;
        }
        /* A cut inside a character leaves a byte that px_json_string() repairs. */
        fine = px_json_put(shown, key,
                           px_json_string(text, size > METADATA_TEXT ? METADATA_TEXT : size));
    }
    if (!fine || json_object_size(shown) == 0) {
        json_decref(shown);
        return fine;
    }
    return px_json_put(object, "metadata", shown);
}

static bool put_license(json_t *object, const px_safetensors *set)
{
    static const char *const keys[] = {"modelspec.license", "license"};
    for (size_t i = 0; i < 2; i++) {
        const char *text = px_safetensors_metadata(set, keys[i]);
        if (text) {
            return px_json_put_text(object, "license", text);
        }
    }
    return px_json_put_text(object, "license", NULL);
}

static bool put_components(json_t *object, const px_checkpoint *checkpoint)
{
    json_t *list = json_object();
    bool fine = list != NULL;
    for (int32_t i = 0; fine && i < PX_COMPONENTS; i++) {
        const px_checkpoint_part *part = &checkpoint->parts[i];
        json_t *entry = part->set < 0 ? json_null() : json_object();
        if (part->set >= 0) {
            const int32_t dtype = px_checkpoint_dtype(checkpoint, (px_component)i);
            fine =
                px_json_put_text(entry, "file",
                                 px_file_name(px_safetensors_path(checkpoint->sets[part->set]))) &&
                px_json_put_text(entry, "layout", part->original ? "original" : "diffusers") &&
                px_json_put_text(entry, "dtype", px_safetensors_dtype_name(dtype));
        }
        fine = px_json_put(list, px_bundle_component(i), entry) && fine;
    }
    return px_json_put(object, "components", list) && fine;
}

static bool put_declared(json_t *object, const px_checkpoint *checkpoint)
{
    /* What the files say by themselves: nothing said is SDXL's own, epsilon. */
    const px_bundle plain = {.latent_channels = 4,
                             .settings = {.prediction = DGXP_PREDICTION_EPSILON,
                                          .spacing = DGXP_SPACING_LEADING,
                                          .scaling = 0.13025}};
    px_bundle_settings settings;
    if (px_checkpoint_settings(checkpoint, checkpoint->bundle ? checkpoint->bundle : &plain,
                               &settings) != DGXP_OK) {
        const bool fine = px_json_put_text(object, "problem", dgxp_last_error());
        px_error_clear();
        return fine;
    }
    return px_json_put_text(object, "prediction",
                            settings.prediction == DGXP_PREDICTION_V ? "v" : "epsilon") &&
           px_json_put_boolean(object, "zero_terminal_snr", settings.zero_terminal_snr) &&
           px_json_put_number(object, "vae_scaling", settings.scaling);
}

static dgxp_status describe_checkpoint(const char *path, json_t *object)
{
    static const char *const kinds[] = {"checkpoint", "diffusers-folder", "bundle"};
    px_checkpoint *checkpoint = NULL;
    const dgxp_status status = px_checkpoint_open(path, NULL, &checkpoint);
    if (status != DGXP_OK) {
        return status;
    }
    const px_bundle *bundle = checkpoint->bundle;
    bool fine = px_json_put_text(object, "type", kinds[checkpoint->kind]) &&
                px_json_put_text(object, "family", bundle ? bundle->architecture : "sdxl");
    if (bundle) {
        fine = fine && px_json_put_text(object, "name", bundle->name) &&
               px_json_put_text(object, "title", bundle->title) &&
               px_json_put_text(object, "license", bundle->license);
    } else if (checkpoint->set_count > 0) {
        const px_safetensors *set = checkpoint->sets[0];
        const char *title = px_safetensors_metadata(set, "modelspec.title");
        fine = fine && (!title || px_json_put_text(object, "title", title)) &&
               put_license(object, set);
    }
    fine = fine && put_totals(object, checkpoint->sets, checkpoint->set_count) &&
           put_declared(object, checkpoint) && put_components(object, checkpoint);
    if (checkpoint->kind == PX_CHECKPOINT_FILE) {
        fine = fine && put_metadata(object, checkpoint->sets[0]);
    }
    px_checkpoint_free(checkpoint);
    return fine ? DGXP_OK : px_error_memory("a description");
}

static dgxp_status describe_programs(const char *path, json_t *object)
{
    px_bundle *bundle = NULL;
    const dgxp_status status = px_bundle_load(path, &bundle);
    if (status != DGXP_OK) {
        return status;
    }
    const bool fine = px_json_put_text(object, "type", "programs") &&
                      px_json_put_text(object, "family", bundle->architecture) &&
                      px_json_put_text(object, "name", bundle->name) &&
                      px_json_put_text(object, "title", bundle->title) &&
                      px_json_put_text(object, "license", bundle->license) &&
                      px_json_put_integer(object, "programs", bundle->program_count);
    px_bundle_free(bundle);
    return fine ? DGXP_OK : px_error_memory("a description");
}

static bool is_programs(const char *path)
{
    px_bundle *bundle = NULL;
    char *file = px_file_join(path, "bundle.json");
    const bool programs = file && px_file_exists(file) &&
                          px_bundle_load(path, &bundle) == DGXP_OK && !bundle->has_weights;
    px_bundle_free(bundle);
    px_mem_free(file);
    px_error_clear();
    return programs;
}

static int64_t find_rank(const px_safetensors *set)
{
    int64_t rank = 0;
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const px_tensor *tensor = px_safetensors_at(set, i);
        if (tensor->rank >= 2 &&
            (strstr(tensor->name, ".lora_down.") || strstr(tensor->name, "lora_A") ||
             strstr(tensor->name, "lora.down"))) {
            rank = tensor->shape[0] > rank ? tensor->shape[0] : rank;
        }
    }
    return rank;
}

/* A file of tensors that is no whole model is described too: `info` says what people have. */
static dgxp_status describe_tensors(const char *path, json_t *object)
{
    static const char *const types[PX_FAMILIES] = {
        [PX_FAMILY_VAE] = "vae", [PX_FAMILY_TEXT] = "text-encoders", [PX_FAMILY_LORA] = "lora"};
    px_safetensors *set = NULL;
    const dgxp_status status = px_safetensors_open(path, NULL, &set);
    if (status != DGXP_OK) {
        return status;
    }
    const px_family family = px_family_of(set);
    bool fine = px_json_put_text(object, "type", types[family] ? types[family] : "checkpoint") &&
                px_json_put_text(object, "family", px_family_name(family)) &&
                px_json_put_text(object, "title", px_family_title(family)) &&
                px_json_put_boolean(object, "usable", types[family] != NULL) &&
                put_license(object, set) && put_totals(object, &set, 1);
    if (family == PX_FAMILY_LORA) {
        fine = fine && px_json_put_integer(object, "rank", find_rank(set));
    }
    fine = fine && put_metadata(object, set);
    px_safetensors_free(set);
    return fine ? DGXP_OK : px_error_memory("a description");
}

static dgxp_status describe_file(const char *path, json_t *object)
{
    dgxp_status status = describe_checkpoint(path, object);
    if (status == DGXP_ERR_UNSUPPORTED && px_family_check_file(path) == DGXP_OK) {
        px_error_clear();
        status = describe_tensors(path, object);
    }
    if (status == DGXP_ERR_LIMIT || status == DGXP_ERR_BAD_FORMAT) {
        /* No model; a picture of another program is called by its name. */
        dgxp_image *image = NULL;
        char said[1024];
        snprintf(said, sizeof said, "%s", dgxp_last_error());
        if (dgxp_image_load(path, &image) != DGXP_ERR_UNSUPPORTED) {
            return px_error_set(status, "%s", said);
        }
        status = DGXP_ERR_UNSUPPORTED;
    }
    return status;
}

dgxp_status px_inspect_model(const char *path, json_t *object)
{
    return !px_file_is_folder(path) ? describe_file(path, object)
           : is_programs(path)      ? describe_programs(path, object)
                                    : describe_checkpoint(path, object);
}
