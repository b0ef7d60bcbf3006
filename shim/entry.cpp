/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of the torch backend: each entry is one guarded call. */
#include "dgxpixels.h"
#include "model.hpp"

#include <torch/version.h>

#include <cstring>
#include <dlfcn.h>

namespace px
{

int32_t guarded_on(px_shim_model *model, px_shim_error *error,
                   const std::function<void()> &body) noexcept
{
    if (model->lost) {
        if (error) {
            std::snprintf(error->text, sizeof error->text,
                          "device %s was lost earlier: free the model and open it again",
                          model->device.str().c_str());
        }
        return DGXP_ERR_DEVICE_LOST;
    }
    const int32_t status = guarded(error, [&] {
        const std::unique_ptr<Scope> scope =
            model->accelerator ? model->accelerator->enter() : nullptr;
        body();
    });
    if (status == DGXP_ERR_DEVICE_LOST) {
        model->lost = true;
    }
    if (status == DGXP_ERR_OUT_OF_MEMORY && model->accelerator) {
        guarded(nullptr, [&] {
            const std::unique_ptr<Scope> scope = model->accelerator->enter();
            model->accelerator->synchronize();
            model->running.reset();
            model->loops.clear();
            model->accelerator->release_cache();
        });
    }
    return status;
}

namespace
{

int32_t entry_device_count(int32_t *count, px_shim_error *error)
{
    *count = 1;
    return guarded(error, [&] { *count = count_devices(); });
}

int32_t entry_device_describe(int32_t index, px_shim_device *device, px_shim_error *error)
{
    return guarded(error, [&] { describe_device(index, *device); });
}

int32_t entry_preferred_dtype(const char *device, int32_t stored)
{
    int32_t dtype = PX_F32;
    guarded(nullptr, [&] { dtype = choose_dtype(device, stored); });
    return dtype;
}

int32_t entry_open(const px_shim_options *options, px_shim_model **out, px_shim_error *error)
{
    *out = nullptr;
    return guarded(error, [&] { *out = open_model(*options); });
}

void entry_close(px_shim_model *model)
{
    if (!model) {
        return;
    }
    guarded(nullptr, [&] {
        const std::unique_ptr<Scope> scope =
            model->accelerator && !model->lost ? model->accelerator->enter() : nullptr;
        model->running.reset();
        model->loops.clear();
        model->merged.clear();
        for (Component &component : model->components) {
            component = Component();
        }
        if (scope) {
            model->accelerator->synchronize();
            model->accelerator->release_cache();
        }
    });
    guarded(nullptr, [&] { delete model; });
}

int32_t entry_program_load(px_shim_model *model, int32_t component, int32_t variant, int32_t dtype,
                           const void *bytes, size_t size, px_shim_error *error)
{
    return guarded_on(model, error,
                      [&] { load_program(*model, component, variant, dtype, bytes, size); });
}

int32_t entry_parameter_count(const px_shim_model *model, int32_t component)
{
    return component < 0 || component >= PX_COMPONENTS
               ? 0
               : static_cast<int32_t>(
                     model->components[static_cast<size_t>(component)].parameters.size());
}

const char *entry_parameter_describe(const px_shim_model *model, int32_t component, int32_t index,
                                     int32_t *rank, int64_t *shape)
{
    if (index < 0 || index >= entry_parameter_count(model, component)) {
        return nullptr;
    }
    const Parameter &parameter =
        model->components[static_cast<size_t>(component)].parameters[static_cast<size_t>(index)];
    *rank = static_cast<int32_t>(parameter.shape.size());
    std::copy(parameter.shape.begin(), parameter.shape.end(), shape);
    return parameter.name.c_str();
}

int32_t entry_bind(px_shim_model *model, int32_t component, const px_binding *bindings,
                   int32_t count, px_shim_error *error)
{
    return guarded_on(model, error, [&] { bind_component(*model, component, bindings, count); });
}

int32_t entry_parameter_read(px_shim_model *model, int32_t component, const char *name,
                             float *values, size_t count, px_shim_error *error)
{
    return guarded_on(model, error,
                      [&] { read_parameter(*model, component, name, values, count); });
}

int32_t entry_parameter_write(px_shim_model *model, int32_t component, const char *name,
                              const float *values, size_t count, px_shim_error *error)
{
    return guarded_on(model, error,
                      [&] { write_parameter(*model, component, name, values, count); });
}

int32_t entry_merge(px_shim_model *model, const char *set, const px_merge *merges, int32_t count,
                    uint64_t keep, px_shim_error *error)
{
    return guarded_on(model, error, [&] { merge_adapters(*model, set, merges, count, keep); });
}

int32_t entry_merged(const px_shim_model *model, const char *set)
{
    return is_merged(*model, set);
}

int32_t entry_encode_text(px_shim_model *model, int32_t component, const int32_t *ids, int32_t rows,
                          int32_t length, float *hidden, int32_t width, float *pooled,
                          int32_t pooled_width, px_shim_error *error)
{
    return guarded_on(model, error, [&] {
        encode_text(*model, component, ids, rows, length, hidden, width, pooled, pooled_width);
    });
}

int32_t entry_denoise_begin(px_shim_model *model, const px_denoise *plan, px_shim_error *error)
{
    return guarded_on(model, error, [&] { denoise_begin(*model, *plan); });
}

int32_t entry_denoise_step(px_shim_model *model, int32_t step, const float *noise,
                           px_shim_error *error)
{
    return guarded_on(model, error, [&] { denoise_step(*model, step, noise); });
}

int32_t entry_latents_read(px_shim_model *model, int32_t x0, float *latents, px_shim_error *error)
{
    return guarded_on(model, error, [&] { read_latents(*model, x0 != 0, latents); });
}

void entry_denoise_end(px_shim_model *model)
{
    guarded_on(model, nullptr, [&] { denoise_end(*model); });
}

int32_t entry_decode(px_shim_model *model, int32_t variant, const float *latents, int32_t batch,
                     int32_t height, int32_t width, float *image, int32_t image_height,
                     int32_t image_width, px_shim_error *error)
{
    return guarded_on(model, error, [&] {
        decode_latents(*model, variant, latents, batch, height, width, image, image_height,
                       image_width);
    });
}

int32_t entry_encode_image(px_shim_model *model, const float *image, int32_t batch,
                           int32_t image_height, int32_t image_width, float *moments,
                           int32_t height, int32_t width, px_shim_error *error)
{
    return guarded_on(model, error, [&] {
        encode_image(*model, image, batch, image_height, image_width, moments, height, width);
    });
}

int32_t entry_memory(const px_shim_model *model, px_shim_memory *memory, px_shim_error *error)
{
    *memory = {};
    return guarded(error, [&] { measure_memory(*model, *memory); });
}

/* What is really loaded: the wheel's version.py says it with the +cuNNN of its build. */
const char *running_version()
{
    static const std::string version = [] {
        std::string found = TORCH_VERSION;
        Dl_info info;
        if (dladdr(reinterpret_cast<const void *>(&at::globalContext), &info) && info.dli_fname) {
            std::string path = info.dli_fname;
            for (int i = 0; i < 2; i++) {
                path.erase(std::min(path.rfind('/'), path.size()));
            }
            FILE *file = std::fopen((path + "/version.py").c_str(), "re");
            char line[256];
            while (file && std::fgets(line, sizeof line, file)) {
                char text[64];
                if (std::sscanf(line, "__version__ = '%63[^']'", text) == 1) {
                    found = text;
                }
            }
            if (file) {
                std::fclose(file);
            }
        }
        return found;
    }();
    return version.c_str();
}

} // namespace
} // namespace px

extern "C" __attribute__((visibility("default"))) const px_shim *px_shim_entry(void)
{
    using namespace px;
    static const px_shim table = {
        PX_SHIM_VERSION,
        0,
        "torch",
        TORCH_VERSION,
        running_version(),
        entry_device_count,
        entry_device_describe,
        entry_preferred_dtype,
        entry_open,
        entry_close,
        entry_program_load,
        entry_parameter_count,
        entry_parameter_describe,
        entry_bind,
        entry_parameter_read,
        entry_parameter_write,
        entry_merge,
        entry_merged,
        entry_encode_text,
        entry_denoise_begin,
        entry_denoise_step,
        entry_latents_read,
        entry_denoise_end,
        entry_decode,
        entry_encode_image,
        entry_memory,
    };
    return &table;
}
