/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An open model: its files, its programs on one device, what it declares and recommends. */
#include "diffusion/model.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/params.h"
#include "diffusion/adapters.h"
#include "diffusion/backend.h"
#include "diffusion/find.h"
#include "diffusion/program.h"
#include "diffusion/resident.h"

#include <string.h>

const char *px_model_name(const dgxp_model *model)
{
    return model->bundle->name;
}

/* --------------------------------------------------------------------------------- programs */

static int32_t component_dtype(const dgxp_model *model, int32_t component)
{
    const bool vae = component == PX_VAE_DECODER || component == PX_VAE_ENCODER;
    return vae ? model->vae_dtype : model->dtype;
}

static dgxp_status bind(dgxp_model *model, int32_t component)
{
    px_shim_error error = {""};
    const int32_t count = model->shim->parameter_count(model->backend, component);
    if (count == 0) { /* the stub: no tensors, nothing to compare the file with */
        return DGXP_OK;
    }
    px_parameter *parameters = px_mem_zero((size_t)count, sizeof *parameters);
    px_binding *bindings = px_mem_zero((size_t)count, sizeof *bindings);
    dgxp_status status = parameters && bindings ? DGXP_OK : px_error_memory("a model's parameters");
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        parameters[i].name = model->shim->parameter_describe(
            model->backend, component, i, &parameters[i].rank, parameters[i].shape);
    }
    if (status == DGXP_OK) {
        status = px_checkpoint_bind(model->checkpoint, (px_component)component, parameters, count,
                                    bindings);
    }
    if (status == DGXP_OK) {
        status = px_backend_status(
            model->shim->bind(model->backend, component, bindings, count, &error), &error);
    }
    if (status == DGXP_OK) {
        model->parameters[component] = parameters;
        model->bindings[component] = bindings;
        model->parameter_counts[component] = count;
        return DGXP_OK;
    }
    px_mem_free(bindings);
    px_mem_free(parameters);
    return status;
}

static dgxp_status load_program(dgxp_model *model, const px_bundle_program *program)
{
    px_shim_error error = {""};
    px_program read;
    const char *name;
    /* Unpacking and hashing it is what a warm opening would wait for. */
    if (px_resident_has(model->shim, model->backend, program->component, program->tiling) &&
        px_program_trusted(program->sha256, &name)) {
        return DGXP_OK;
    }
    char *path = px_file_join(model->bundle->folder, program->file);
    dgxp_status status =
        path ? px_program_read(path, program->sha256, &read) : px_error_memory("a path");
    if (status == DGXP_OK) {
        status = px_backend_status(
            model->shim->program_load(model->backend, program->component, program->tiling,
                                      component_dtype(model, program->component), read.bytes,
                                      read.size, &error),
            &error);
        px_program_free(&read);
    }
    px_mem_free(path);
    return status;
}

dgxp_status px_model_need(dgxp_model *model, int32_t component, int32_t tiling)
{
    bool *loaded = model->loaded[component];
    if (loaded[tiling]) {
        return DGXP_OK;
    }
    const px_bundle_program *program = px_bundle_find(model->bundle, component, tiling);
    if (!program) {
        return px_error_set(DGXP_ERR_UNSUPPORTED, "%s has no program for %s%s", model->bundle->name,
                            px_names_component((px_component)component),
                            tiling ? " with this tiling: its bundle was made without" : "");
    }
    const bool first = !loaded[0] && !loaded[1] && !loaded[2] && !loaded[3];
    dgxp_status status = load_program(model, program);
    if (status == DGXP_OK && first) {
        status = bind(model, component);
    }
    loaded[tiling] = status == DGXP_OK;
    return status;
}

/* ----------------------------------------------------------------------------------- opening */

/* "tokenizer" beside the weights, else beside the programs: single files carry none. */
static dgxp_status load_tokenizer(const dgxp_model *model, const px_bundle_text *text,
                                  px_tokenizer **out)
{
    const bool folder = model->checkpoint->kind != PX_CHECKPOINT_FILE;
    char *path = folder ? px_file_join(model->checkpoint->path, text->tokenizer) : NULL;
    if (!path || !px_file_is_folder(path)) {
        px_mem_free(path);
        path = px_file_join(model->bundle->folder, text->tokenizer);
    }
    const dgxp_status status = path ? px_tokenizer_load(path, out) : px_error_memory("a path");
    px_mem_free(path);
    return status;
}

static dgxp_status load_encoders(dgxp_model *model)
{
    for (int32_t e = 0; e < model->bundle->text_count; e++) {
        const px_bundle_text *text = &model->bundle->text[e];
        const bool shared = e > 0 && strcmp(text->tokenizer, model->bundle->text[0].tokenizer) == 0;
        if (!shared) {
            const dgxp_status status = load_tokenizer(model, text, &model->tokenizers[e]);
            if (status != DGXP_OK) {
                return status;
            }
        }
        model->encoders[e] = (px_encoder){
            .prompt = {.tokenizer = model->tokenizers[shared ? 0 : e],
                       .context = text->context,
                       .bos = text->bos,
                       .eos = text->eos,
                       .pad = text->pad},
            .component = text->component,
            .width = text->width,
            .pooled = text->pooled,
        };
    }
    model->encoder_count = model->bundle->text_count;
    return DGXP_OK;
}

/* The table that turns ids into vectors, where textual inversions are put. */
static void find_vocabulary(const dgxp_model *model, px_encoder *encoder)
{
    static const char end[] = "token_embedding.weight";
    for (int32_t i = 0; i < model->parameter_counts[encoder->component]; i++) {
        const px_parameter *p = &model->parameters[encoder->component][i];
        const size_t length = strlen(p->name);
        if (length >= sizeof end - 1 && strcmp(p->name + length - (sizeof end - 1), end) == 0 &&
            p->rank == 2 && p->shape[1] == encoder->width) {
            encoder->table = p->name;
            encoder->rows = p->shape[0];
        }
    }
}

/* NULL is the first CUDA device when there is one, else the CPU; "cuda" is "cuda:0". */
static dgxp_status choose_device(dgxp_model *model, const char *wanted)
{
    px_shim_error error = {""};
    px_shim_device device;
    int32_t count = 0;
    strcpy(model->device, "cpu");
    if (wanted && strcmp(wanted, "cpu") == 0) {
        return DGXP_OK;
    }
    dgxp_status status = px_backend_status(model->shim->device_count(&count, &error), &error);
    if (status != DGXP_OK && !wanted) { /* a driver without what it takes to use it */
        px_log(DGXP_LOG_WARNING, "no CUDA: %s", error.text);
        px_error_clear();
        return DGXP_OK;
    }
    const char *id = wanted && strcmp(wanted, "cuda") == 0 ? "cuda:0" : wanted;
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        if (model->shim->device_describe(i, &device, &error) != DGXP_OK) {
            continue;
        }
        const bool fits = id ? strcmp(device.id, id) == 0 : strncmp(device.id, "cuda", 4) == 0;
        if (fits && device.available) {
            memcpy(model->device, device.id, sizeof device.id);
            return DGXP_OK;
        }
        if (fits && id) {
            return px_error_set(DGXP_ERR_BACKEND, "device %s is not available: %s", id,
                                device.name);
        }
    }
    if (status == DGXP_OK && id) {
        return px_error_set(DGXP_ERR_BACKEND,
                            "no device '%s'; 'dgx-pixels doctor' lists those there are", wanted);
    }
    return status;
}

static void choose_dtypes(dgxp_model *model, int32_t wanted)
{
    static const int32_t dtypes[] = {
        [DGXP_DTYPE_F32] = PX_F32, [DGXP_DTYPE_BF16] = PX_BF16, [DGXP_DTYPE_F16] = PX_F16};
    const int32_t stored = px_checkpoint_dtype(model->checkpoint, PX_UNET);
    model->dtype = wanted == DGXP_DTYPE_AUTO ? model->shim->preferred_dtype(model->device, stored)
                                             : dtypes[wanted];
    /* SDXL's own VAE overflows in half precision */
    model->vae_dtype = model->dtype == PX_F16 && !model->settings.f16_safe
                           ? (strcmp(model->device, "cpu") == 0 ? PX_F32 : PX_BF16)
                           : model->dtype;
}

static dgxp_status open_backend(dgxp_model *model, const dgxp_model_params *params)
{
    px_shim_error error = {""};
    dgxp_status status = px_resident_backend(params->no_mmap != 0, &model->shim);
    if (status == DGXP_OK) {
        status = choose_device(model, params->device);
    }
    if (status != DGXP_OK) {
        return status;
    }
    model->threads = params->threads;
    choose_dtypes(model, params->dtype);
    const px_shim_options options = {.device = model->device,
                                     .threads = params->threads,
                                     .use_graphs = !params->no_graph,
                                     .latent_channels = model->bundle->latent_channels,
                                     .image_channels = model->bundle->image_channels};
    status = px_backend_status(model->shim->open(&options, &model->backend, &error), &error);
    if (status == DGXP_OK) {
        px_resident_identify(model->shim, model->backend, model->bundle, model->checkpoint,
                             (const int32_t[2]){model->dtype, model->vae_dtype});
    }
    for (int32_t e = 0; e < model->encoder_count && status == DGXP_OK; e++) {
        status = px_model_need(model, model->encoders[e].component, DGXP_TILING_NONE);
        find_vocabulary(model, &model->encoders[e]);
    }
    if (status == DGXP_OK) {
        status = px_model_need(model, PX_UNET, DGXP_TILING_NONE);
    }
    if (status == DGXP_OK) {
        status = px_model_need(model, PX_VAE_DECODER, DGXP_TILING_NONE);
    }
    return status;
}

static dgxp_status check_params(const dgxp_model_params *params)
{
    if (params->dtype < 0 || params->dtype > DGXP_DTYPE_F16 || params->prediction < 0 ||
        params->prediction > DGXP_PREDICTION_V || params->threads < 0) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_model_params: dtype %d, prediction %d or threads %d is out of "
                            "range",
                            params->dtype, params->prediction, params->threads);
    }
    return DGXP_OK;
}

static dgxp_status open_files(dgxp_model *model, const char *path, const dgxp_model_params *params)
{
    char *vae = NULL, *text_encoders = NULL;
    px_bundle *bundle = NULL;
    bool own;
    model->no_mmap = params->no_mmap != 0;
    dgxp_status status = params->vae ? px_find_part("vae", params->vae, &vae) : DGXP_OK;
    if (status == DGXP_OK && params->text_encoders) {
        status = px_find_part("text_encoders", params->text_encoders, &text_encoders);
    }
    const px_checkpoint_options options = {
        .vae = vae, .text_encoders = text_encoders, .copy = model->no_mmap};
    status = status == DGXP_OK ? px_checkpoint_open(path, &options, &model->checkpoint) : status;
    px_mem_free(vae);
    px_mem_free(text_encoders);
    if (status == DGXP_OK) {
        status = px_find_programs(model->checkpoint, &bundle, &own);
        model->bundle = bundle;
    }
    if (status == DGXP_OK) {
        status = px_checkpoint_require(model->checkpoint, bundle);
    }
    if (status == DGXP_OK) {
        status = px_checkpoint_settings(model->checkpoint, bundle, &model->settings);
    }
    if (status == DGXP_OK && params->prediction != DGXP_PREDICTION_AUTO) {
        model->settings.prediction = params->prediction;
    }
    return status;
}

dgxp_status dgxp_model_open(const char *path, const dgxp_model_params *params, dgxp_model **out)
{
    if (!out) {
        return px_error_begin("dgxp_model_open", false, "out");
    }
    dgxp_model_params p;
    px_error_clear();
    const double began = px_clock_now();
    char *found = NULL;
    dgxp_status status = px_params_read("dgxp_model_open", params, &p, sizeof p);
    status = status == DGXP_OK ? check_params(&p) : status;
    if (status != DGXP_OK) {
        return status;
    }
    dgxp_model *model = px_mem_zero(1, sizeof *model);
    if (!model) {
        return px_error_memory("a model");
    }
    pthread_mutex_init(&model->lock, NULL);
    status = px_find_model(path, &found);
    if (status == DGXP_OK) {
        status = open_files(model, found, &p);
    }
    if (status == DGXP_OK) {
        status = load_encoders(model);
    }
    if (status == DGXP_OK && !p.describe_only) {
        status = open_backend(model, &p);
    }
    px_mem_free(found);
    if (status != DGXP_OK) {
        dgxp_model_free(model);
        return status;
    }
    px_checkpoint_report_unused(model->checkpoint);
    model->open_seconds = px_clock_now() - began;
    *out = model;
    return DGXP_OK;
}

void dgxp_model_free(dgxp_model *model)
{
    if (!model) {
        return;
    }
    px_fingerprint_free(model->fingerprint);
    px_adapters_free(model->adapters);
    if (model->backend) {
        model->shim->close(model->backend);
    }
    for (int32_t c = 0; c < PX_COMPONENTS; c++) {
        px_mem_free(model->parameters[c]);
        px_mem_free(model->bindings[c]);
    }
    for (int32_t e = 0; e < PX_ENCODERS; e++) {
        px_tokenizer_free(model->tokenizers[e]);
    }
    if (model->bundle && (!model->checkpoint || model->bundle != model->checkpoint->bundle)) {
        px_bundle_free((px_bundle *)(uintptr_t)model->bundle);
    }
    px_checkpoint_free(model->checkpoint);
    pthread_mutex_destroy(&model->lock);
    px_mem_free(model);
}

/* -------------------------------------------------------------------------------- describing */

static json_t *describe_canvas(const px_bundle *bundle)
{
    json_t *native = json_array();
    px_json_append(native, json_integer(bundle->native_width));
    px_json_append(native, json_integer(bundle->native_height));
    json_t *canvas = json_object();
    px_json_put(canvas, "native", native);
    px_json_put_integer(canvas, "multiple", bundle->canvas_multiple);
    px_json_put_integer(canvas, "minimum", bundle->canvas_min);
    px_json_put_integer(canvas, "maximum", bundle->canvas_max);
    return canvas;
}

/* No figures while it paints: the backend serves one thread at a time. */
static json_t *describe_memory(const dgxp_model *model)
{
    px_shim_memory memory = {0};
    px_shim_error error;
    json_t *about = json_object();
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&model->lock;
    if (!model->backend || pthread_mutex_trylock(lock) != 0) {
        return about;
    }
    if (model->shim->memory(model->backend, &memory, &error) == DGXP_OK) {
        px_json_put_integer(about, "mapped_mib", (int64_t)(memory.mapped_bytes >> 20));
        px_json_put_integer(about, "host_mib", (int64_t)(memory.host_bytes >> 20));
        px_json_put_integer(about, "device_mib", (int64_t)(memory.device_bytes >> 20));
        px_json_put_integer(about, "device_peak_mib", (int64_t)(memory.device_peak >> 20));
    }
    pthread_mutex_unlock(lock);
    return about;
}

dgxp_status dgxp_model_describe(const dgxp_model *model, dgxp_document **out)
{
    if (!(model && out)) {
        return px_error_begin("dgxp_model_describe", false, "a model and out");
    }
    static const char *const kinds[] = {"checkpoint", "diffusers folder", "bundle"};
    px_error_clear();
    const px_bundle *bundle = model->bundle;
    json_t *about = json_object();
    const bool ok =
        px_json_put_text(about, "path", model->checkpoint->path) &&
        px_json_put_text(about, "form", kinds[model->checkpoint->kind]) &&
        px_json_put_text(about, "architecture", bundle->architecture) &&
        px_json_put_text(about, "title", bundle->title) &&
        px_json_put_text(about, "license",
                         model->checkpoint->bundle ? bundle->license : "see where it came from") &&
        px_json_put_text(about, "prediction",
                         model->settings.prediction == DGXP_PREDICTION_V ? "v" : "epsilon") &&
        px_json_put(about, "canvas", describe_canvas(bundle)) &&
        px_json_put_integer(about, "pixel_scale", bundle->pixel_scale) &&
        px_json_put_integer(about, "image_channels", bundle->image_channels) &&
        px_json_put_text(about, "device", model->backend ? model->device : NULL) &&
        px_json_put_text(about, "dtype",
                         model->backend ? px_safetensors_dtype_name(model->dtype) : NULL) &&
        px_json_put_text(about, "vae_dtype",
                         model->backend ? px_safetensors_dtype_name(model->vae_dtype) : NULL) &&
        px_json_put(about, "memory", describe_memory(model)) &&
        px_json_put_number(about, "open_seconds", model->open_seconds);
    if (!ok) {
        json_decref(about);
        about = NULL;
    }
    return px_json_document(about, out);
}
