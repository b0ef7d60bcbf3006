/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The denoising loop: one fused update a step, the same code on every device. */
#include "dgxpixels.h"
#include "model.hpp"

#include <cmath>
#include <cstring>

namespace px
{
namespace
{

/* A step's row as the device sees it, f32. */
enum Field { TIMESTEP, C_IN, A_X, A_M, B_X, B_0, B_P, B_N, K_0, K_N, GUIDANCE, RESCALE, FIELDS };

constexpr size_t KEPT_LOOPS = 3; /* shapes whose graphs stay ready */

} // namespace

/* What a captured graph depends on. */
struct Shape {
    int64_t batch, height, width, tokens, context_width, pooled_width;
    int32_t program;
    bool masked, rescaled, negative;

    bool operator==(const Shape &other) const
    {
        return batch == other.batch && height == other.height && width == other.width &&
               tokens == other.tokens && context_width == other.context_width &&
               pooled_width == other.pooled_width && program == other.program &&
               masked == other.masked && rescaled == other.rescaled && negative == other.negative;
    }
};

/* Buffers with addresses that stay, so that graphs captured over them can be replayed. */
struct Loop {
    Shape shape;
    at::Tensor row;                               /* [FIELDS] f32: of the step being run */
    at::Tensor x, x0, noise;                      /* [B, C, h, w] f32 */
    at::Tensor known, start_noise, mask;          /* the same; mask [B, 1, h, w] */
    at::Tensor context, pooled, time_ids;         /* [B or 2 B, ...]: negative half first */
    std::array<std::unique_ptr<Graph>, 2> graphs; /* [guided] */
    std::array<bool, 2> uncapturable{};

    /* Of the plan being run: */
    at::Tensor rows; /* [steps, FIELDS] f32 */
    std::vector<px_step> steps;
};

namespace
{

at::Tensor field(const Loop &loop, Field which)
{
    return loop.row.select(0, which);
}

/* Per sample over channels and space, as diffusers' rescale_noise_cfg. */
at::Tensor rescale(const at::Tensor &guided, const at::Tensor &conditional, const at::Tensor &phi)
{
    static constexpr int64_t list[] = {1, 2, 3};
    const at::IntArrayRef axes(list);
    const at::Tensor factor = conditional.std(axes, /*unbiased=*/true, /*keepdim=*/true) /
                              guided.std(axes, /*unbiased=*/true, /*keepdim=*/true);
    return phi * (guided * factor) + (1 - phi) * guided;
}

at::Tensor predict(px_shim_model &model, const Loop &loop, bool guided)
{
    const int64_t batch = loop.shape.batch;
    const int64_t rows = guided ? 2 * batch : batch;
    const int64_t first = loop.shape.negative && !guided ? batch : 0;
    at::Tensor input = (loop.x * field(loop, C_IN)).to(model.components[PX_UNET].dtype);
    if (guided) {
        input = at::cat({input, input});
    }
    const at::Tensor output =
        run_program(model, PX_UNET, loop.shape.program,
                    {input.contiguous(at::MemoryFormat::ChannelsLast),
                     field(loop, TIMESTEP).expand({rows}).contiguous(),
                     loop.context.narrow(0, first, rows), loop.pooled.narrow(0, first, rows),
                     loop.time_ids.narrow(0, first, rows)})
            .toTensor()
            .to(at::kFloat);
    if (output.dim() != 4 || output.size(0) != rows ||
        output.sizes().slice(1) != loop.x.sizes().slice(1)) {
        throw Refusal(DGXP_ERR_MISMATCH, "unet: its output has not the shape of its input: program "
                                         "and bundle do not belong together");
    }
    if (!guided) {
        return output;
    }
    const at::Tensor negative = output.narrow(0, 0, batch);
    const at::Tensor positive = output.narrow(0, batch, batch);
    const at::Tensor mixed = negative + field(loop, GUIDANCE) * (positive - negative);
    return loop.shape.rescaled ? rescale(mixed, positive, field(loop, RESCALE)) : mixed;
}

/* One row of px_step; everything it reads and writes has a fixed address. */
void advance(px_shim_model &model, Loop &loop, bool guided)
{
    const at::Tensor m = predict(model, loop, guided);
    const at::Tensor x0 = field(loop, A_X) * loop.x + field(loop, A_M) * m;
    at::Tensor next = field(loop, B_X) * loop.x + field(loop, B_0) * x0 +
                      field(loop, B_P) * loop.x0 + field(loop, B_N) * loop.noise;
    if (loop.shape.masked) {
        next = loop.mask * next + (1 - loop.mask) * (field(loop, K_0) * loop.known +
                                                     field(loop, K_N) * loop.start_noise);
    }
    loop.x0.copy_(x0);
    loop.x.copy_(next);
}

/* The first runs choose kernels and allocate; only then is there something to capture. */
Graph *capture(px_shim_model &model, Loop &loop, bool guided)
{
    if (!loop.graphs[guided] && !loop.uncapturable[guided]) {
        const at::Tensor x = loop.x.clone(), x0 = loop.x0.clone();
        for (int i = 0; i < 2; i++) {
            advance(model, loop, guided);
        }
        loop.x.copy_(x);
        loop.x0.copy_(x0);
        loop.graphs[guided] = model.accelerator->capture([&] { advance(model, loop, guided); });
        loop.uncapturable[guided] = !loop.graphs[guided];
    }
    return loop.graphs[guided].get();
}

void check_plan(const px_denoise &plan)
{
    check_size(plan.batch > 0 && plan.batch <= 4096, "batch", plan.batch);
    check_size(plan.height > 0 && plan.height <= 4096, "latent height", plan.height);
    check_size(plan.width > 0 && plan.width <= 4096, "latent width", plan.width);
    check_size(plan.tokens > 0, "tokens", plan.tokens);
    check_size(plan.context_width > 0, "context width", plan.context_width);
    check_size(plan.pooled_width > 0, "pooled width", plan.pooled_width);
    check_size(plan.step_count > 0, "steps", plan.step_count);
    const bool negative = plan.negative_context && plan.negative_pooled && plan.negative_time_ids;
    for (int32_t i = 0; i < plan.step_count; i++) {
        if (plan.steps[i].guidance > 1 && !negative) {
            throw Refusal(DGXP_ERR_INTERNAL, format("step %d has guidance %g, but the plan has no "
                                                    "negative half",
                                                    i, plan.steps[i].guidance));
        }
    }
    if (plan.known && (!plan.start_noise || !plan.mask)) {
        throw Refusal(DGXP_ERR_INTERNAL, "a plan with `known` needs `start_noise` and `mask`");
    }
}

at::Tensor make_rows(px_shim_model &model, const px_denoise &plan)
{
    std::vector<float> values;
    values.reserve(static_cast<size_t>(plan.step_count) * FIELDS);
    for (int32_t i = 0; i < plan.step_count; i++) {
        const px_step &s = plan.steps[i];
        for (const double value : {s.timestep, s.c_in, s.a_x, s.a_m, s.b_x, s.b_0, s.b_p, s.b_n,
                                   s.k_0, s.k_n, s.guidance, plan.rescale}) {
            values.push_back(static_cast<float>(value));
        }
    }
    return tensor_from(model, values.data(), {plan.step_count, FIELDS}, at::kFloat);
}

std::shared_ptr<Loop> make_loop(px_shim_model &model, const Shape &shape)
{
    const at::TensorOptions f32 = at::TensorOptions().dtype(at::kFloat).device(model.device);
    const at::TensorOptions compute = f32.dtype(model.components[PX_UNET].dtype);
    const std::vector<int64_t> latent = {shape.batch, model.latent_channels, shape.height,
                                         shape.width};
    const int64_t rows = shape.negative ? 2 * shape.batch : shape.batch;
    auto loop = std::make_shared<Loop>();
    loop->shape = shape;
    loop->row = at::zeros({FIELDS}, f32);
    loop->x = at::zeros(latent, f32);
    loop->x0 = at::zeros(latent, f32);
    loop->noise = at::zeros(latent, f32);
    if (shape.masked) {
        loop->known = at::zeros(latent, f32);
        loop->start_noise = at::zeros(latent, f32);
        loop->mask = at::zeros({shape.batch, 1, shape.height, shape.width}, f32);
    }
    loop->context = at::zeros({rows, shape.tokens, shape.context_width}, compute);
    loop->pooled = at::zeros({rows, shape.pooled_width}, compute);
    loop->time_ids = at::zeros({rows, 6}, f32);
    return loop;
}

void fill(px_shim_model &model, const at::Tensor &buffer, const float *values)
{
    buffer.copy_(tensor_from(model, values, buffer.sizes(), at::kFloat), /*non_blocking=*/true);
}

void fill_halves(px_shim_model &model, const Loop &loop, const at::Tensor &buffer,
                 const float *negative, const float *positive)
{
    const int64_t batch = loop.shape.batch;
    if (loop.shape.negative) {
        fill(model, buffer.narrow(0, 0, batch), negative);
    }
    fill(model, buffer.narrow(0, loop.shape.negative ? batch : 0, batch), positive);
}

void fill_loop(px_shim_model &model, Loop &loop, const px_denoise &plan)
{
    fill_halves(model, loop, loop.context, plan.negative_context, plan.context);
    fill_halves(model, loop, loop.pooled, plan.negative_pooled, plan.pooled);
    fill_halves(model, loop, loop.time_ids, plan.negative_time_ids, plan.time_ids);
    fill(model, loop.x, plan.latents);
    loop.x0.zero_();
    loop.noise.zero_();
    if (loop.shape.masked) {
        fill(model, loop.known, plan.known);
        fill(model, loop.start_noise, plan.start_noise);
        fill(model, loop.mask, plan.mask);
    }
    loop.rows = make_rows(model, plan);
    loop.steps.assign(plan.steps, plan.steps + plan.step_count);
}

/* The loop of this shape, kept from before with its graphs or made now. */
std::shared_ptr<Loop> take_loop(px_shim_model &model, const Shape &shape)
{
    std::shared_ptr<Loop> loop;
    for (size_t i = 0; i < model.loops.size() && !loop; i++) {
        if (model.loops[i]->shape == shape) {
            loop = model.loops[i];
            model.loops.erase(model.loops.begin() + static_cast<ptrdiff_t>(i));
        }
    }
    return loop ? loop : make_loop(model, shape);
}

} // namespace

void denoise_begin(px_shim_model &model, const px_denoise &plan)
{
    check_plan(plan);
    denoise_end(model);
    const c10::InferenceMode inference;
    const bool negative = plan.negative_context && plan.negative_pooled && plan.negative_time_ids;
    const Shape shape = {plan.batch,         plan.height,       plan.width,   plan.tokens,
                         plan.context_width, plan.pooled_width, plan.program, plan.known != nullptr,
                         plan.rescale != 0,  negative};
    const std::shared_ptr<Loop> loop = take_loop(model, shape);
    fill_loop(model, *loop, plan);
    model.running = loop;
}

void denoise_step(px_shim_model &model, int32_t step, const float *noise)
{
    if (!model.running) {
        throw Refusal(DGXP_ERR_INTERNAL, "a denoising step without a beginning");
    }
    Loop &loop = *model.running;
    check_size(step >= 0 && size_t(step) < loop.steps.size(), "step", step);
    const px_step &row = loop.steps[static_cast<size_t>(step)];
    if (row.b_n != 0 && !noise) {
        throw Refusal(DGXP_ERR_INTERNAL, format("step %d needs noise", step));
    }
    const c10::InferenceMode inference;
    loop.row.copy_(loop.rows.select(0, step), /*non_blocking=*/true);
    if (row.b_n != 0) {
        fill(model, loop.noise, noise);
    }
    const bool guided = row.guidance > 1;
    Graph *graph = model.accelerator && model.use_graphs ? capture(model, loop, guided) : nullptr;
    if (graph) {
        graph->replay();
    } else {
        advance(model, loop, guided);
    }
    if (model.accelerator) {
        model.accelerator->pace();
    }
}

void read_latents(px_shim_model &model, bool x0, float *latents)
{
    if (!model.running) {
        throw Refusal(DGXP_ERR_INTERNAL, "latents are read outside a denoising loop");
    }
    const at::Tensor &tensor = x0 ? model.running->x0 : model.running->x;
    const c10::InferenceMode inference;
    copy_out(tensor, tensor.sizes(), "latents", latents);
    if (!x0 && !all_finite(latents, static_cast<size_t>(tensor.numel()))) {
        throw Refusal(DGXP_ERR_BACKEND,
                      "the latents are not finite: the model overflows in its dtype or its weights "
                      "are broken; try another dtype, or less guidance");
    }
}

void denoise_end(px_shim_model &model)
{
    if (model.running && model.accelerator && model.use_graphs) {
        model.loops.push_back(model.running);
        if (model.loops.size() > KEPT_LOOPS) {
            model.loops.erase(model.loops.begin());
        }
    }
    model.running.reset();
}

} // namespace px

/* Here, where Loop is a complete type. */
px_shim_model::px_shim_model() = default;
px_shim_model::~px_shim_model() = default;
