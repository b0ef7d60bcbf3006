/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Latents become pictures, and pictures latents. */
#include "dgxpixels.h"
#include "model.hpp"

namespace px
{
namespace
{

at::Tensor run_vae(px_shim_model &model, int32_t component, int32_t variant,
                   const at::Tensor &input, at::ScalarType dtype)
{
    const c10::InferenceMode inference;
    const at::Tensor typed = input.to(dtype).contiguous(at::MemoryFormat::ChannelsLast);
    return run_program(model, component, variant, {typed}).toTensor().to(at::kFloat);
}

/* While it lives, one program of a component computes with fp32 copies of its parameters. */
class Upcast
{
  public:
    Upcast(Component &part, int32_t variant) : part_(part), variant_(static_cast<size_t>(variant))
    {
        std::vector<at::Tensor> copies;
        copies.reserve(part.parameters.size());
        const at::NoGradGuard no_grad;
        for (const Parameter &parameter : part.parameters) {
            copies.push_back(parameter.value.to(at::kFloat));
        }
        for (size_t i = 0; i < copies.size(); i++) {
            set_slot(part.parameters[i].slots[variant_], copies[i]);
        }
    }
    ~Upcast()
    {
        for (Parameter &parameter : part_.parameters) {
            set_slot(parameter.slots[variant_], parameter.value);
        }
    }
    Upcast(const Upcast &) = delete;
    Upcast &operator=(const Upcast &) = delete;

  private:
    Component &part_;
    const size_t variant_;
};

/* One sample at a time: a sample is the same in every batch, and the peak stays that of one. */
void run_samples(px_shim_model &model, int32_t component, int32_t variant, const float *input,
                 at::IntArrayRef input_shape, float *output, at::IntArrayRef output_shape,
                 int32_t batch, const char *what)
{
    Component &part = component_of(model, component);
    const int64_t from = c10::multiply_integers(input_shape);
    const int64_t to = c10::multiply_integers(output_shape);
    for (int32_t i = 0; i < batch; i++) {
        const at::Tensor sample = tensor_from(model, input + i * from, input_shape, at::kFloat);
        float *target = output + i * to;
        copy_out(run_vae(model, component, variant, sample, part.dtype), output_shape, what,
                 target);
        bool finite = all_finite(target, static_cast<size_t>(to));
        if (!finite && part.dtype != at::kFloat) {
            const Upcast upcast(part, variant);
            copy_out(run_vae(model, component, variant, sample, at::kFloat), output_shape, what,
                     target);
            finite = all_finite(target, static_cast<size_t>(to));
        }
        if (!finite) {
            throw Refusal(DGXP_ERR_BACKEND,
                          format("%s %d: has values that are not finite, in fp32 too: the "
                                 "weights of the VAE or its input are broken",
                                 what, i));
        }
    }
}

void check_batch(int32_t batch, int32_t height, int32_t width, int32_t image_height,
                 int32_t image_width)
{
    check_size(batch > 0, "batch", batch);
    check_size(height > 0 && height <= 4096, "latent height", height);
    check_size(width > 0 && width <= 4096, "latent width", width);
    check_size(image_height > 0 && image_height <= 32768, "image height", image_height);
    check_size(image_width > 0 && image_width <= 32768, "image width", image_width);
}

} // namespace

void decode_latents(px_shim_model &model, int32_t variant, const float *latents, int32_t batch,
                    int32_t height, int32_t width, float *image, int32_t image_height,
                    int32_t image_width)
{
    check_batch(batch, height, width, image_height, image_width);
    run_samples(model, PX_VAE_DECODER, variant, latents, {1, model.latent_channels, height, width},
                image, {1, model.image_channels, image_height, image_width}, batch, "picture");
}

void encode_image(px_shim_model &model, const float *image, int32_t batch, int32_t image_height,
                  int32_t image_width, float *moments, int32_t height, int32_t width)
{
    check_batch(batch, height, width, image_height, image_width);
    run_samples(model, PX_VAE_ENCODER, 0, image,
                {1, model.image_channels, image_height, image_width}, moments,
                {1, 2 * model.latent_channels, height, width}, batch, "latents of picture");
}

} // namespace px
