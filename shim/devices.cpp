/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Devices: the CPU, the CUDA plug-in when there is something for it to drive, and opening. */
#include "dgxpixels.h"
#include "model.hpp"

#include <ATen/cpu/Utils.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <unistd.h>

namespace px
{
namespace
{

std::string folder_of(const void *symbol)
{
    Dl_info info;
    if (!dladdr(symbol, &info) || !info.dli_fname) {
        return ".";
    }
    const std::string path = info.dli_fname;
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

void *open_library(const std::string &path, int flags)
{
    void *handle = dlopen(path.c_str(), flags);
    if (!handle) {
        throw Refusal(DGXP_ERR_BACKEND, format("cannot load the CUDA half: %s", dlerror()));
    }
    return handle;
}

/* Without a driver there is no device, and no reason to map hundreds of megabytes to learn it. */
bool has_driver()
{
    void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (driver) {
        dlclose(driver);
    }
    return driver != nullptr;
}

void name_cpu(char *name, size_t capacity)
{
    std::snprintf(name, capacity, "CPU");
    FILE *file = std::fopen("/proc/cpuinfo", "re");
    char line[256];
    while (file && std::fgets(line, sizeof line, file)) {
        const char *value = std::strchr(line, ':');
        if (value && std::strncmp(line, "model name", 10) == 0) {
            std::snprintf(name, capacity, "%.*s", static_cast<int>(std::strcspn(value + 2, "\n")),
                          value + 2);
            break;
        }
    }
    if (file) {
        std::fclose(file);
    }
}

/* "cuda:N" -> N; "cpu" -> -1. */
int32_t parse_device(const char *device)
{
    if (!device || std::strcmp(device, "cpu") == 0) {
        return -1;
    }
    char *end = nullptr;
    const long index =
        std::strncmp(device, "cuda:", 5) == 0 ? std::strtol(device + 5, &end, 10) : -1;
    if (!end || end == device + 5 || *end || index < 0 || index > 127) {
        throw Refusal(DGXP_ERR_INVALID_ARGUMENT,
                      format("device '%s': expected 'cpu' or 'cuda:N'", device));
    }
    return static_cast<int32_t>(index);
}

/* What TorchScript does for repeated small scripts only costs here: no profiling, no fusers. */
void quiet_torchscript()
{
    static std::once_flag once;
    std::call_once(once, [] {
        torch::jit::getProfilingMode() = false;
        torch::jit::getExecutorMode() = false;
        torch::jit::setTensorExprFuserEnabled(false);
    });
}

} // namespace

const AcceleratorTable &load_accelerators()
{
    static std::mutex mutex;
    static const AcceleratorTable *table;
    const std::lock_guard<std::mutex> lock(mutex);
    if (!table) {
        const std::string torch = folder_of(reinterpret_cast<const void *>(&at::globalContext));
        open_library(torch + "/libc10_cuda.so", RTLD_NOW | RTLD_GLOBAL);
        open_library(torch + "/libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
        void *plugin = open_library(folder_of(reinterpret_cast<const void *>(&px_shim_entry)) +
                                        "/libdgxpixels_torch_cuda.so",
                                    RTLD_NOW | RTLD_LOCAL);
        using Entry = const AcceleratorTable *();
        auto *entry = reinterpret_cast<Entry *>(dlsym(plugin, "px_accelerator_entry"));
        const AcceleratorTable *found = entry ? entry() : nullptr;
        if (!found || found->version != PX_SHIM_VERSION) {
            throw Refusal(DGXP_ERR_BACKEND, "libdgxpixels_torch_cuda.so is of another version: "
                                            "build both halves together");
        }
        table = found;
    }
    return *table;
}

int32_t count_devices()
{
    return has_driver() ? 1 + std::max(load_accelerators().count(), 0) : 1;
}

void describe_device(int32_t index, px_shim_device &device)
{
    device = {};
    if (index > 0 && index < count_devices()) {
        load_accelerators().describe(index - 1, &device);
        return;
    }
    check_size(index == 0, "device", index);
    const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    device.available = 1;
    std::snprintf(device.id, sizeof device.id, "cpu");
    name_cpu(device.name, sizeof device.name);
    device.memory_total = page * static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
    device.memory_free = page * static_cast<uint64_t>(sysconf(_SC_AVPHYS_PAGES));
}

int32_t choose_dtype(const char *device, int32_t stored)
{
    const int32_t index = parse_device(device);
    if (index < 0) {
        return at::cpu::init_amx() ? PX_BF16 : PX_F32;
    }
    if (stored == PX_F16) {
        return PX_F16;
    }
    return load_accelerators().has_bf16(index) ? PX_BF16 : PX_F16;
}

px_shim_model *open_model(const px_shim_options &options)
{
    const int32_t index = parse_device(options.device);
    check_size(options.threads >= 0 && options.threads <= 4096, "threads", options.threads);
    check_size(options.latent_channels > 0 && options.latent_channels <= 64, "latent channels",
               options.latent_channels);
    check_size(options.image_channels == 3 || options.image_channels == 4, "image channels",
               options.image_channels);
    quiet_torchscript();
    auto model = std::make_unique<px_shim_model>();
    model->latent_channels = options.latent_channels;
    model->image_channels = options.image_channels;
    model->use_graphs = options.use_graphs != 0;
    static const int all_threads = at::get_num_threads(); /* before any model chose fewer */
    at::set_num_threads(options.threads > 0 ? options.threads : all_threads);
    if (index >= 0) {
        const AcceleratorTable &table = load_accelerators();
        const int32_t count = table.count();
        if (index >= count) {
            throw Refusal(DGXP_ERR_BACKEND, format("device cuda:%d: this machine has %d CUDA "
                                                   "devices; use 'cpu', or check the driver",
                                                   index, std::max(count, 0)));
        }
        model->device = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
        model->accelerator.reset(table.create(index));
    }
    return model.release();
}

} // namespace px
