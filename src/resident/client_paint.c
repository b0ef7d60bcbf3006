/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A remote model's calls that paint: each is a request and its answer. */
#include "resident/remote.h"

#include "core/mem.h"

#include <string.h>

static void get_floats(px_answer *from, float *values, size_t count)
{
    size_t size;
    const void *bytes = px_wire_get_bytes(&from->from, &size);
    if (!bytes || size != count * sizeof *values) {
        from->from.bad = true;
        return;
    }
    memcpy(values, bytes, size);
}

static void put_floats(px_buffer *to, const float *values, size_t count)
{
    px_wire_put_bytes(to, values, count * sizeof *values);
}

/* ------------------------------------------------------------------------------------ parameters */

static int32_t read_parameter(px_shim_model *model, int32_t component, const char *parameter,
                              float *values, size_t count, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    const uint64_t wanted = count;
    px_wire_put_i32(&request, component);
    px_wire_put_text(&request, parameter);
    px_buffer_put(&request, &wanted, sizeof wanted);
    const int32_t status = px_remote_call(model, PX_WIRE_READ, &request, &got, error);
    if (status == DGXP_OK) {
        get_floats(&got, values, count);
    }
    return px_remote_end(status, &got, error);
}

static int32_t write_parameter(px_shim_model *model, int32_t component, const char *parameter,
                               const float *values, size_t count, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_wire_put_i32(&request, component);
    px_wire_put_text(&request, parameter);
    put_floats(&request, values, count);
    const int32_t status = px_remote_call(model, PX_WIRE_WRITE, &request, &got, error);
    return px_remote_end(status, &got, error);
}

/* --------------------------------------------------------------------------------------- adapters */

static size_t factor_size(const px_factor *factor)
{
    size_t size = factor->data ? px_wire_dtype_size(factor->dtype) : 0;
    for (int32_t i = 0; i < factor->rank; i++) {
        size *= (size_t)factor->shape[i];
    }
    return size;
}

static void put_factor(px_buffer *to, const px_factor *factor)
{
    px_wire_put_i32(to, factor->dtype);
    px_wire_put_i32(to, factor->rank);
    px_buffer_put(to, factor->shape, sizeof factor->shape);
    px_wire_put_bytes(to, factor->data, factor_size(factor));
}

static void put_product(px_buffer *to, const px_product *product)
{
    put_factor(to, &product->whole);
    put_factor(to, &product->a);
    put_factor(to, &product->b);
    put_factor(to, &product->core);
    px_wire_put_i32(to, product->a_first);
}

static int32_t merge(px_shim_model *model, const char *set, const px_merge *merges, int32_t count,
                     uint64_t keep, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_wire_put_text(&request, set);
    px_buffer_put(&request, &keep, sizeof keep);
    px_wire_put_i32(&request, count);
    for (int32_t i = 0; i < count; i++) {
        px_wire_put_i32(&request, merges[i].component);
        px_wire_put_text(&request, merges[i].base.parameter);
        px_wire_put_i32(&request, merges[i].delta_count);
        for (int32_t k = 0; k < merges[i].delta_count; k++) {
            const px_delta *delta = &merges[i].deltas[k];
            px_wire_put_i32(&request, delta->kind);
            px_wire_put_i32(&request, delta->norm);
            px_buffer_put(&request, &delta->factor, sizeof delta->factor);
            px_buffer_put(&request, &delta->weight, sizeof delta->weight);
            put_product(&request, &delta->x);
            put_product(&request, &delta->y);
            put_factor(&request, &delta->magnitude);
        }
    }
    const int32_t status = px_remote_call(model, PX_WIRE_MERGE, &request, &got, error);
    return px_remote_end(status, &got, error);
}

static int32_t is_merged(const px_shim_model *model, const char *set)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_shim_error error = {""};
    int32_t merged = 0;
    px_wire_put_text(&request, set);
    if (px_remote_call(model, PX_WIRE_MERGED, &request, &got, &error) == DGXP_OK) {
        merged = px_wire_get_i32(&got.from);
    }
    px_mem_free(got.bytes);
    return merged;
}

/* --------------------------------------------------------------------------------------- painting */

static int32_t encode_text(px_shim_model *model, int32_t component, const int32_t *ids,
                           int32_t rows, int32_t length, float *hidden, int32_t width,
                           float *pooled, int32_t pooled_width, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    const size_t count = (size_t)rows * (size_t)length;
    const int32_t numbers[5] = {component, rows, length, width, pooled ? pooled_width : 0};
    px_buffer_put(&request, numbers, sizeof numbers);
    px_wire_put_bytes(&request, ids, count * sizeof *ids);
    const int32_t status = px_remote_call(model, PX_WIRE_ENCODE, &request, &got, error);
    if (status == DGXP_OK) {
        get_floats(&got, hidden, count * (size_t)width);
    }
    if (status == DGXP_OK && pooled) {
        get_floats(&got, pooled, (size_t)rows * (size_t)pooled_width);
    }
    return px_remote_end(status, &got, error);
}

static int32_t denoise_begin(px_shim_model *model, const px_denoise *plan, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    const size_t batch = (size_t)plan->batch;
    const size_t area = (size_t)plan->height * (size_t)plan->width;
    const size_t latents = batch * (size_t)model->options.latent_channels * area;
    const size_t context = batch * (size_t)plan->tokens * (size_t)plan->context_width;
    const size_t pooled = batch * (size_t)plan->pooled_width;
    const int32_t numbers[7] = {plan->batch,         plan->height,       plan->width,  plan->tokens,
                                plan->context_width, plan->pooled_width, plan->program};
    px_buffer_put(&request, numbers, sizeof numbers);
    px_buffer_put(&request, &plan->rescale, sizeof plan->rescale);
    put_floats(&request, plan->context, context);
    put_floats(&request, plan->pooled, pooled);
    put_floats(&request, plan->negative_context, context);
    put_floats(&request, plan->negative_pooled, pooled);
    put_floats(&request, plan->time_ids, batch * 6);
    put_floats(&request, plan->negative_time_ids, batch * 6);
    put_floats(&request, plan->latents, latents);
    put_floats(&request, plan->known, latents);
    put_floats(&request, plan->start_noise, latents);
    put_floats(&request, plan->mask, batch * area);
    px_wire_put_bytes(&request, plan->steps, (size_t)plan->step_count * sizeof *plan->steps);
    const int32_t status = px_remote_call(model, PX_WIRE_BEGIN, &request, &got, error);
    model->latents = latents;
    return px_remote_end(status, &got, error);
}

static int32_t denoise_step(px_shim_model *model, int32_t step, const float *noise,
                            px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_wire_put_i32(&request, step);
    put_floats(&request, noise, model->latents);
    const int32_t status = px_remote_call(model, PX_WIRE_STEP, &request, &got, error);
    return px_remote_end(status, &got, error);
}

static int32_t read_latents(px_shim_model *model, int32_t x0, float *latents, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    px_wire_put_i32(&request, x0);
    const int32_t status = px_remote_call(model, PX_WIRE_LATENTS, &request, &got, error);
    if (status == DGXP_OK) {
        get_floats(&got, latents, model->latents);
    }
    return px_remote_end(status, &got, error);
}

static void denoise_end(px_shim_model *model)
{
    px_answer got;
    px_shim_error error = {""};
    (void)px_remote_call(model, PX_WIRE_END, NULL, &got, &error);
    px_mem_free(got.bytes);
}

static int32_t decode(px_shim_model *model, int32_t variant, const float *latents, int32_t batch,
                      int32_t height, int32_t width, float *image, int32_t image_height,
                      int32_t image_width, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    const int32_t numbers[6] = {variant, batch, height, width, image_height, image_width};
    const size_t area = (size_t)batch * (size_t)height * (size_t)width;
    px_buffer_put(&request, numbers, sizeof numbers);
    put_floats(&request, latents, area * (size_t)model->options.latent_channels);
    const int32_t status = px_remote_call(model, PX_WIRE_DECODE, &request, &got, error);
    if (status == DGXP_OK) {
        get_floats(&got, image,
                   (size_t)batch * (size_t)model->options.image_channels * (size_t)image_height *
                       (size_t)image_width);
    }
    return px_remote_end(status, &got, error);
}

static int32_t encode_image(px_shim_model *model, const float *image, int32_t batch,
                            int32_t image_height, int32_t image_width, float *moments,
                            int32_t height, int32_t width, px_shim_error *error)
{
    px_answer got;
    px_buffer request = {NULL, 0, 0, false};
    const int32_t numbers[5] = {batch, image_height, image_width, height, width};
    const size_t pixels = (size_t)batch * (size_t)image_height * (size_t)image_width;
    px_buffer_put(&request, numbers, sizeof numbers);
    put_floats(&request, image, pixels * (size_t)model->options.image_channels);
    const int32_t status = px_remote_call(model, PX_WIRE_ENCODE_IMAGE, &request, &got, error);
    if (status == DGXP_OK) {
        get_floats(&got, moments,
                   (size_t)batch * 2 * (size_t)model->options.latent_channels * (size_t)height *
                       (size_t)width);
    }
    return px_remote_end(status, &got, error);
}

static int32_t measure_memory(const px_shim_model *model, px_shim_memory *memory,
                              px_shim_error *error)
{
    px_answer got;
    *memory = (px_shim_memory){0};
    const int32_t status = px_remote_call(model, PX_WIRE_MEMORY, NULL, &got, error);
    if (status == DGXP_OK) {
        px_wire_get(&got.from, memory, sizeof *memory);
    }
    return px_remote_end(status, &got, error);
}

void px_remote_paint(px_shim *table)
{
    table->parameter_read = read_parameter;
    table->parameter_write = write_parameter;
    table->merge = merge;
    table->merged = is_merged;
    table->encode_text = encode_text;
    table->denoise_begin = denoise_begin;
    table->denoise_step = denoise_step;
    table->latents_read = read_latents;
    table->denoise_end = denoise_end;
    table->decode = decode;
    table->encode_image = encode_image;
    table->memory = measure_memory;
}
