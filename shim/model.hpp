/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A model as the torch backend holds it, and the verbs of its rooms. */
#ifndef PX_MODEL_HPP
#define PX_MODEL_HPP

#include "accelerator.hpp"
#include "guarded.hpp"
#include "shim.h"
#include "torch.hpp"

#include <array>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace px
{

constexpr int VARIANTS = 4; /* as many as dgxp_tiling has */

struct Parameter {
    std::string name;
    std::vector<int64_t> shape;
    at::Tensor value;    /* what every variant computes with */
    bool mapped = false; /* `value` is a view of somebody's mapping */
    at::Tensor base;     /* while adapters are in `value`: what was bound */
    bool base_mapped = false;
    std::array<at::Tensor, VARIANTS> slots; /* the parameter inside each program */
};

struct Component {
    at::ScalarType dtype = at::kFloat;
    bool bound = false;
    std::vector<Parameter> parameters;
    std::unordered_map<std::string, size_t> index;
    std::array<std::unique_ptr<torch::jit::Module>, VARIANTS> programs;
};

/** A set of adapters, merged. */
struct Merged {
    struct Piece {
        Parameter *parameter;
        at::ScalarType dtype;
        px_binding binding;
        at::Tensor value; /* on the CPU what the programs compute with; elsewhere a copy, if kept */
    };
    std::string name;
    std::vector<Piece> pieces;
    uint64_t bytes = 0;
};

struct Loop; /* denoise.cpp */

} // namespace px

struct px_shim_model {
    px_shim_model();
    ~px_shim_model();

    at::Device device = at::kCPU;
    int64_t latent_channels = 4;
    int64_t image_channels = 3;
    bool use_graphs = true;
    bool lost = false;
    /* Before all that holds device memory, so that it is destroyed last. */
    std::unique_ptr<px::Accelerator> accelerator;
    std::array<px::Component, PX_COMPONENTS> components;
    std::vector<std::shared_ptr<px::Loop>> loops; /* kept for their graphs, newest last */
    std::shared_ptr<px::Loop> running;
    std::list<px::Merged> merged; /* the one in use first, then by last use */
    bool merged_in_use = false;   /* whether the first is in the weights */
};

namespace px
{

/** guarded() on a model: inside its device's scope, and nothing at all once the device is lost. */
int32_t guarded_on(px_shim_model *model, px_shim_error *error,
                   const std::function<void()> &body) noexcept;

/* devices.cpp */
const AcceleratorTable &load_accelerators();
int32_t count_devices();
void describe_device(int32_t index, px_shim_device &device);
int32_t choose_dtype(const char *device, int32_t stored);
px_shim_model *open_model(const px_shim_options &options);

/* programs.cpp */
void load_program(px_shim_model &model, int32_t component, int32_t variant, int32_t dtype,
                  const void *bytes, size_t size);
/** Runs a program that is loaded and bound; throws a Refusal when it is not. */
c10::IValue run_program(px_shim_model &model, int32_t component, int32_t variant,
                        std::vector<c10::IValue> inputs);
Component &component_of(px_shim_model &model, int32_t component);
const char *component_name(int32_t component);

/* weights.cpp */
at::ScalarType torch_dtype(int32_t dtype);
void bind_component(px_shim_model &model, int32_t component, const px_binding *bindings,
                    int32_t count);
/** Make `tensor` the data of one program's parameter. */
void set_slot(at::Tensor &slot, const at::Tensor &tensor);
void read_parameter(px_shim_model &model, int32_t component, const char *name, float *values,
                    size_t count);
void write_parameter(px_shim_model &model, int32_t component, const char *name, const float *values,
                     size_t count);
/** Memory of a parameter's shape and layout, without values. */
at::Tensor empty_parameter(const Parameter &parameter, at::ScalarType dtype, at::Device device);
/** The bytes of a binding as they are stored, on the model's device; a view of them on the CPU. */
at::Tensor stored_bytes(px_shim_model &model, const px_binding &binding);
/** Make `value` what all programs compute with. */
void set_value(Parameter &parameter, const at::Tensor &value, bool mapped);
void measure_memory(const px_shim_model &model, px_shim_memory &memory);

/* merge.cpp */
void merge_adapters(px_shim_model &model, const char *set, const px_merge *merges, int32_t count,
                    uint64_t keep);
bool is_merged(const px_shim_model &model, const char *set);

/* inputs.cpp */
/** A copy of host f32 `values` on the model's device, as `dtype`. */
at::Tensor tensor_from(px_shim_model &model, const float *values, at::IntArrayRef shape,
                       at::ScalarType dtype);
/** Waits, and copies as f32 to the host; throws when the shape is not `shape`. */
void copy_out(const at::Tensor &tensor, at::IntArrayRef shape, const char *what, float *values);
bool all_finite(const float *values, size_t count);
void check_size(bool fits, const char *what, int64_t value);

/* text.cpp, vae.cpp */
void encode_text(px_shim_model &model, int32_t component, const int32_t *ids, int32_t rows,
                 int32_t length, float *hidden, int32_t width, float *pooled, int32_t pooled_width);
void decode_latents(px_shim_model &model, int32_t variant, const float *latents, int32_t batch,
                    int32_t height, int32_t width, float *image, int32_t image_height,
                    int32_t image_width);
void encode_image(px_shim_model &model, const float *image, int32_t batch, int32_t image_height,
                  int32_t image_width, float *moments, int32_t height, int32_t width);

/* denoise.cpp */
void denoise_begin(px_shim_model &model, const px_denoise &plan);
void denoise_step(px_shim_model &model, int32_t step, const float *noise);
void read_latents(px_shim_model &model, bool x0, float *latents);
void denoise_end(px_shim_model &model);

} // namespace px

#endif
