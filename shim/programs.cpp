/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TorchScript programs: loaded from memory, moved to the device, run. */
#include "dgxpixels.h"
#include "model.hpp"

#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cstring>

namespace px
{
namespace
{

/* The archive that was hashed is the archive that is read: no second look at a file. */
class MemoryReader : public caffe2::serialize::ReadAdapterInterface
{
  public:
    MemoryReader(const void *bytes, size_t size)
        : bytes_(static_cast<const char *>(bytes)), size_(size)
    {
    }
    size_t size() const override
    {
        return size_;
    }
    size_t read(uint64_t position, void *buffer, size_t count, const char *) const override
    {
        if (position >= size_) {
            return 0;
        }
        const size_t length = std::min(count, size_ - static_cast<size_t>(position));
        std::memcpy(buffer, bytes_ + position, length);
        return length;
    }

  private:
    const char *bytes_;
    size_t size_;
};

/* A graph traced on the CPU names that device in constants of its own. */
void retarget_block(torch::jit::Block *block, const std::string &device)
{
    for (torch::jit::Node *node : block->nodes()) {
        if (node->kind() == c10::prim::Constant && node->outputs().size() == 1 &&
            node->output()->type()->kind() == c10::TypeKind::DeviceObjType &&
            node->hasAttribute(c10::attr::value)) {
            node->s_(c10::attr::value, device);
        }
        for (torch::jit::Block *inner : node->blocks()) {
            retarget_block(inner, device);
        }
    }
}

void retarget_module(const torch::jit::Module &module, const std::string &device)
{
    for (const torch::jit::Module &part : module.modules()) {
        for (const torch::jit::Method &method : part.get_methods()) {
            retarget_block(method.graph()->block(), device);
        }
    }
}

void list_parameters(Component &part, const torch::jit::Module &module)
{
    for (const auto &named : module.named_parameters()) {
        Parameter parameter;
        parameter.name = named.name;
        parameter.shape = named.value.sizes().vec();
        if (parameter.shape.size() > 8) {
            throw Refusal(DGXP_ERR_BAD_FORMAT,
                          format("program: parameter '%s' has %zu axes, the limit is 8",
                                 named.name.c_str(), parameter.shape.size()));
        }
        part.index.emplace(parameter.name, part.parameters.size());
        part.parameters.push_back(std::move(parameter));
    }
}

/* All variants of a component compute with one set of parameters. */
void adopt_slots(Component &part, const torch::jit::Module &module, int32_t component,
                 int32_t variant)
{
    std::vector<at::Tensor> slots(part.parameters.size());
    size_t found = 0;
    for (const auto &named : module.named_parameters()) {
        const auto at = part.index.find(named.name);
        if (at == part.index.end() || part.parameters[at->second].shape != named.value.sizes()) {
            throw Refusal(DGXP_ERR_MISMATCH,
                          format("%s: variant %d has a parameter '%s' that the first one lacks or "
                                 "has in another shape: export all variants from one model",
                                 component_name(component), variant, named.name.c_str()));
        }
        at::Tensor slot = named.value;
        slot.set_requires_grad(false);
        slots[at->second] = slot;
        found++;
    }
    if (found != slots.size()) {
        throw Refusal(DGXP_ERR_MISMATCH,
                      format("%s: variant %d has %zu parameters, the first one %zu",
                             component_name(component), variant, found, slots.size()));
    }
    for (size_t i = 0; i < slots.size(); i++) {
        part.parameters[i].slots[variant] = slots[i];
        if (part.bound) {
            set_slot(part.parameters[i].slots[variant], part.parameters[i].value);
        }
    }
}

} // namespace

const char *component_name(int32_t component)
{
    static const char *const names[PX_COMPONENTS] = {"text_1", "text_2", "unet", "vae_decoder",
                                                     "vae_encoder"};
    return component >= 0 && component < PX_COMPONENTS ? names[component] : "?";
}

Component &component_of(px_shim_model &model, int32_t component)
{
    if (component < 0 || component >= PX_COMPONENTS) {
        throw Refusal(DGXP_ERR_INTERNAL, format("no component %d", component));
    }
    return model.components[static_cast<size_t>(component)];
}

void load_program(px_shim_model &model, int32_t component, int32_t variant, int32_t dtype,
                  const void *bytes, size_t size)
{
    Component &part = component_of(model, component);
    if (variant < 0 || variant >= VARIANTS || !bytes) {
        throw Refusal(DGXP_ERR_INTERNAL, format("no variant %d", variant));
    }
    if (dtype != PX_F32 && dtype != PX_F16 && dtype != PX_BF16) {
        throw Refusal(DGXP_ERR_UNSUPPORTED,
                      format("%s: cannot compute in dtype %d", component_name(component), dtype));
    }
    const bool first = part.parameters.empty();
    if (!first && part.dtype != torch_dtype(dtype)) {
        throw Refusal(DGXP_ERR_MISMATCH,
                      format("%s: its variants must share one dtype", component_name(component)));
    }
    auto module = std::make_unique<torch::jit::Module>();
    try {
        *module =
            torch::jit::load(std::make_shared<MemoryReader>(bytes, size), std::nullopt, false);
    } catch (const c10::OutOfMemoryError &) {
        throw;
    } catch (const c10::Error &error) {
        throw Refusal(DGXP_ERR_BAD_FORMAT,
                      format("%s: is no TorchScript program: %.300s", component_name(component),
                             error.what_without_backtrace()));
    }
    if (!module->find_method("forward")) {
        throw Refusal(DGXP_ERR_BAD_FORMAT,
                      format("%s: the program has no forward()", component_name(component)));
    }
    module->eval();
    if (model.device.type() != at::kCPU) {
        retarget_module(*module, model.device.str());
    }
    try {
        if (first) {
            list_parameters(part, *module);
            part.dtype = torch_dtype(dtype);
        }
        adopt_slots(part, *module, component, variant);
    } catch (...) {
        if (first) {
            part.parameters.clear();
            part.index.clear();
        }
        throw;
    }
    part.programs[static_cast<size_t>(variant)] = std::move(module);
    if (component == PX_UNET) {
        model.loops.clear(); /* their graphs may hold the program that was here before */
    }
}

c10::IValue run_program(px_shim_model &model, int32_t component, int32_t variant,
                        std::vector<c10::IValue> inputs)
{
    Component &part = component_of(model, component);
    if (variant < 0 || variant >= VARIANTS || !part.programs[static_cast<size_t>(variant)]) {
        throw Refusal(DGXP_ERR_BACKEND, format("%s: no program is loaded for variant %d",
                                               component_name(component), variant));
    }
    if (!part.bound && !part.parameters.empty()) {
        throw Refusal(DGXP_ERR_BACKEND,
                      format("%s: its weights are not bound", component_name(component)));
    }
    /* This switch belongs to the calling thread. */
    const torch::jit::GraphOptimizerEnabledGuard unoptimized(false);
    return part.programs[static_cast<size_t>(variant)]->forward(std::move(inputs));
}

} // namespace px
