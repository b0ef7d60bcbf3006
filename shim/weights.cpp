/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Parameters: views of a mapping where that is possible, converted once where it is not. */
#include "dgxpixels.h"
#include "model.hpp"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace px
{
namespace
{

constexpr size_t GROUP_BYTES = size_t(512) << 20; /* uploaded before it is converted */

bool wants_channels_last(const Parameter &parameter)
{
    return parameter.shape.size() == 4 && (parameter.shape[2] > 1 || parameter.shape[3] > 1);
}

std::vector<int64_t> stored_shape(const px_binding &binding)
{
    std::vector<int64_t> shape(binding.shape, binding.shape + binding.rank);
    if (binding.transpose) {
        std::swap(shape[0], shape[1]);
    }
    return shape;
}

void check_binding(const Component &part, const px_binding &binding, const char *component)
{
    const char *name = binding.parameter ? binding.parameter : "";
    const auto at = part.index.find(name);
    if (at == part.index.end()) {
        throw Refusal(DGXP_ERR_MISMATCH, format("%s: has no parameter '%s'", component, name));
    }
    const std::vector<int64_t> &shape = part.parameters[at->second].shape;
    if (binding.rank < 0 || binding.rank > 8 || size_t(binding.rank) != shape.size() ||
        !std::equal(shape.begin(), shape.end(), binding.shape)) {
        throw Refusal(DGXP_ERR_MISMATCH,
                      format("%s: the bytes for '%s' have another shape", component, name));
    }
    if (binding.transpose && binding.rank != 2) {
        throw Refusal(DGXP_ERR_MISMATCH,
                      format("%s: '%s' is no matrix and cannot be transposed", component, name));
    }
    if (!binding.data) {
        throw Refusal(DGXP_ERR_INTERNAL, format("%s: no bytes for '%s'", component, name));
    }
    torch_dtype(binding.dtype);
}

/* In the order of the parameters; each exactly once. */
std::vector<const px_binding *> sort_bindings(const Component &part, const px_binding *bindings,
                                              int32_t count, const char *component)
{
    std::vector<const px_binding *> sorted(part.parameters.size(), nullptr);
    for (int32_t i = 0; i < count; i++) {
        check_binding(part, bindings[i], component);
        const px_binding *&place = sorted[part.index.at(bindings[i].parameter)];
        if (place) {
            throw Refusal(DGXP_ERR_MISMATCH, format("%s: parameter '%s' is bound twice", component,
                                                    bindings[i].parameter));
        }
        place = &bindings[i];
    }
    for (size_t i = 0; i < sorted.size(); i++) {
        if (!sorted[i]) {
            throw Refusal(DGXP_ERR_MISMATCH, format("%s: parameter '%s' is not bound", component,
                                                    part.parameters[i].name.c_str()));
        }
    }
    return sorted;
}

/* torch takes a writable pointer; nothing ever writes through it (see write_parameter). */
at::Tensor view_bytes(const px_binding &binding)
{
    return at::from_blob(const_cast<void *>(binding.data), stored_shape(binding),
                         at::TensorOptions().dtype(torch_dtype(binding.dtype)));
}

bool can_be_view(const Parameter &parameter, const px_binding &binding, at::ScalarType dtype)
{
    return torch_dtype(binding.dtype) == dtype && !binding.transpose &&
           !wants_channels_last(parameter) &&
           reinterpret_cast<uintptr_t>(binding.data) % c10::elementSize(dtype) == 0;
}

/* Bytes of a mapped file that were only read to be converted leave memory; the file still has them.
 */
void release_pages(const px_binding &binding, size_t bytes)
{
    const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t start = reinterpret_cast<uintptr_t>(binding.data);
    const uintptr_t first = (start + page - 1) / page * page;
    const uintptr_t end = (start + bytes) / page * page;
    if (binding.fd >= 0 && first < end) {
        (void)madvise(reinterpret_cast<void *>(first), end - first, MADV_DONTNEED);
    }
}

struct Values {
    std::vector<at::Tensor> tensors;
    std::vector<char> mapped; /* not vector<bool>: threads write neighbours */
};

Values read_on_cpu(const Component &part, const std::vector<const px_binding *> &sorted)
{
    Values values;
    values.tensors.resize(sorted.size());
    values.mapped.resize(sorted.size());
    at::parallel_for(0, static_cast<int64_t>(sorted.size()), 1, [&](int64_t begin, int64_t end) {
        const at::NoGradGuard no_grad;
        for (int64_t at = begin; at < end; at++) {
            const size_t i = static_cast<size_t>(at);
            const Parameter &parameter = part.parameters[i];
            const at::Tensor stored = view_bytes(*sorted[i]);
            if (can_be_view(parameter, *sorted[i], part.dtype)) {
                values.tensors[i] = stored;
                values.mapped[i] = 1;
                continue;
            }
            values.tensors[i] = empty_parameter(parameter, part.dtype, at::kCPU);
            values.tensors[i].copy_(sorted[i]->transpose ? stored.t() : stored);
            release_pages(*sorted[i], stored.nbytes());
        }
    });
    return values;
}

/* Groups bound the memory of what is uploaded but not yet converted. */
Values read_on_device(px_shim_model &model, Component &part,
                      const std::vector<const px_binding *> &sorted)
{
    Values values;
    values.tensors.resize(sorted.size());
    values.mapped.resize(sorted.size());
    const at::NoGradGuard no_grad;
    for (size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
        std::vector<Upload> uploads;
        size_t bytes = 0;
        for (end = begin; end < sorted.size() && (end == begin || bytes < GROUP_BYTES); end++) {
            const px_binding &binding = *sorted[end];
            const at::Tensor raw = at::empty(
                stored_shape(binding),
                at::TensorOptions().dtype(torch_dtype(binding.dtype)).device(model.device));
            values.tensors[end] = raw;
            uploads.push_back(
                {binding.data, binding.fd, binding.offset, raw.nbytes(), raw.mutable_data_ptr()});
            bytes += raw.nbytes();
        }
        model.accelerator->upload(uploads);
        for (size_t i = begin; i < end; i++) {
            Parameter &parameter = part.parameters[i];
            const at::Tensor raw = sorted[i]->transpose ? values.tensors[i].t() : values.tensors[i];
            if (parameter.value.defined()) { /* captured graphs read this address */
                parameter.value.copy_(raw);
                values.tensors[i] = parameter.value;
            } else if (raw.scalar_type() != part.dtype || sorted[i]->transpose ||
                       wants_channels_last(parameter)) {
                values.tensors[i] = empty_parameter(parameter, part.dtype, model.device);
                values.tensors[i].copy_(raw);
            }
        }
    }
    model.accelerator->synchronize();
    return values;
}

Parameter &find_parameter(px_shim_model &model, int32_t component, const char *name, size_t count)
{
    Component &part = component_of(model, component);
    const auto at = part.index.find(name ? name : "");
    if (at == part.index.end()) {
        throw Refusal(DGXP_ERR_NOT_FOUND, format("%s: has no parameter '%s'",
                                                 component_name(component), name ? name : ""));
    }
    Parameter &parameter = part.parameters[at->second];
    if (!parameter.value.defined()) {
        throw Refusal(DGXP_ERR_BACKEND,
                      format("%s: its weights are not bound", component_name(component)));
    }
    if (static_cast<size_t>(parameter.value.numel()) != count) {
        throw Refusal(DGXP_ERR_MISMATCH,
                      format("%s: parameter '%s' has %lld values, not %zu",
                             component_name(component), name,
                             static_cast<long long>(parameter.value.numel()), count));
    }
    return parameter;
}

} // namespace

at::ScalarType torch_dtype(int32_t dtype)
{
    static const at::ScalarType types[PX_DTYPES] = {
        at::kFloat, at::kHalf, at::kBFloat16, at::kDouble, at::kFloat8_e4m3fn, at::kFloat8_e5m2,
        at::kLong,  at::kInt,  at::kShort,    at::kChar,   at::kByte,          at::kBool};
    if (dtype < 0 || dtype >= PX_DTYPES) {
        throw Refusal(DGXP_ERR_UNSUPPORTED, format("no dtype %d", dtype));
    }
    return types[dtype];
}

at::Tensor empty_parameter(const Parameter &parameter, at::ScalarType dtype, at::Device device)
{
    const at::TensorOptions options = at::TensorOptions().dtype(dtype).device(device);
    return wants_channels_last(parameter)
               ? at::empty(parameter.shape, options, at::MemoryFormat::ChannelsLast)
               : at::empty(parameter.shape, options);
}

at::Tensor stored_bytes(px_shim_model &model, const px_binding &binding)
{
    const at::Tensor view = view_bytes(binding);
    if (!model.accelerator) {
        return view;
    }
    const at::Tensor raw = at::empty(view.sizes(), view.options().device(model.device));
    model.accelerator->upload(
        {{binding.data, binding.fd, binding.offset, raw.nbytes(), raw.mutable_data_ptr()}});
    return raw;
}

void set_value(Parameter &parameter, const at::Tensor &value, bool mapped)
{
    parameter.value = value;
    parameter.mapped = mapped;
    for (at::Tensor &slot : parameter.slots) {
        set_slot(slot, value);
    }
}

void set_slot(at::Tensor &slot, const at::Tensor &tensor)
{
    if (slot.defined()) {
        slot.set_data(tensor);
    }
}

void bind_component(px_shim_model &model, int32_t component, const px_binding *bindings,
                    int32_t count)
{
    Component &part = component_of(model, component);
    const std::vector<const px_binding *> sorted =
        sort_bindings(part, bindings, count, component_name(component));
    const Values values =
        model.accelerator ? read_on_device(model, part, sorted) : read_on_cpu(part, sorted);
    for (size_t i = 0; i < sorted.size(); i++) {
        set_value(part.parameters[i], values.tensors[i], values.mapped[i] != 0);
    }
    part.bound = true;
}

void read_parameter(px_shim_model &model, int32_t component, const char *name, float *values,
                    size_t count)
{
    const Parameter &parameter = find_parameter(model, component, name, count);
    copy_out(parameter.value, parameter.shape, name, values);
}

void write_parameter(px_shim_model &model, int32_t component, const char *name, const float *values,
                     size_t count)
{
    Parameter &parameter = find_parameter(model, component, name, count);
    const at::NoGradGuard no_grad;
    const at::Tensor source =
        at::from_blob(const_cast<float *>(values), parameter.shape, at::kFloat);
    if (!parameter.mapped) {
        parameter.value.copy_(source);
        return;
    }
    at::Tensor own = empty_parameter(parameter, parameter.value.scalar_type(), at::kCPU);
    own.copy_(source);
    set_value(parameter, own, false);
}

void measure_memory(const px_shim_model &model, px_shim_memory &memory)
{
    memory = {};
    for (const Component &part : model.components) {
        for (const Parameter &parameter : part.parameters) {
            if (parameter.value.defined() && parameter.value.is_cpu()) {
                (parameter.mapped ? memory.mapped_bytes : memory.host_bytes) +=
                    parameter.value.nbytes();
            }
            if (parameter.base.defined() && parameter.base.is_cpu()) {
                (parameter.base_mapped ? memory.mapped_bytes : memory.host_bytes) +=
                    parameter.base.nbytes();
            }
        }
    }
    for (const Merged &set : model.merged) {
        const bool in_use = model.merged_in_use && &set == &model.merged.front();
        memory.host_bytes += model.accelerator || in_use ? 0 : set.bytes;
    }
    if (model.accelerator) {
        model.accelerator->memory(&memory.device_bytes, &memory.device_peak);
    }
}

} // namespace px
