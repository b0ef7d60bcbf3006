/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A backend without tensors for tests: deterministic sprites, a settable delay, faults on demand.
 *
 * A program is any bytes; no component has parameters, so whatever is bound to it is accepted and
 * ignored.  Adapters change what is painted by a hash of all that they would add.  The same text
 * and starting noise give the same picture in any batch. DGXP_STUB_DELAY_MS is slept in each step;
 * all steps but the first wait while the file DGXP_STUB_WHILE is there, so a test sees what it waits for.
 * DGXP_STUB_FAULT is "oom@N", "lost@N" or "nan@N": what happens in a model's N-th call of
 * encode_text, denoise_step, decode and encode_image together, counted from 1.  Both are read when
 * a model is opened. */
#include "shim.h"

#include "dgxpixels.h"
#include "stub_sprite.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum stub_fault { FAULT_NONE, FAULT_OOM, FAULT_LOST, FAULT_NAN } stub_fault;

struct px_shim_model {
    int32_t latent_channels, image_channels;
    long delay_ms;
    const char *gate; /* of the environment */
    stub_fault fault;
    long fault_at, calls;
    bool lost;
    char *set;                        /* of adapters, in use; NULL: none */
    uint64_t adapters[PX_COMPONENTS]; /* what they would add, 0: nothing */
    /* the loop that is running, NULL latents when none is */
    float *latents, *target, *known, *mask; /* [B, C, h, w]; mask [B, 1, h, w] */
    int32_t batch, height, width, step_count;
    px_step *steps;
};

static int32_t fail(px_shim_error *error, int32_t status, const char *text, ...)
    __attribute__((format(printf, 3, 4)));

static int32_t fail(px_shim_error *error, int32_t status, const char *text, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, text);
        vsnprintf(error->text, sizeof error->text, text, arguments);
        va_end(arguments);
    }
    return status;
}

/* ------------------------------------------------------------------------------------ chance */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static float draw_float(uint64_t seed, uint64_t index)
{
    return (float)(px_stub_draw(seed, index) >> 40) / (float)(1 << 23) - 1.0f;
}

/* ------------------------------------------------------------------------------------ faults */

/* "oom@N" and its kin; anything else is no fault. */
static void read_fault(px_shim_model *model, const char *text)
{
    static const char *const names[] = {
        [FAULT_OOM] = "oom@", [FAULT_LOST] = "lost@", [FAULT_NAN] = "nan@"};
    for (int kind = FAULT_OOM; text && kind <= FAULT_NAN; kind++) {
        const size_t length = strlen(names[kind]);
        if (strncmp(text, names[kind], length) == 0) {
            model->fault = (stub_fault)kind;
            model->fault_at = strtol(text + length, NULL, 10);
        }
    }
}

/* Counts a call; `*spoil` when its values must not be finite. */
static int32_t begin_call(px_shim_model *model, bool *spoil, px_shim_error *error)
{
    *spoil = false;
    if (model->lost) {
        return fail(error, DGXP_ERR_DEVICE_LOST, "the stub's device was lost earlier");
    }
    if (++model->calls != model->fault_at) {
        return DGXP_OK;
    }
    *spoil = model->fault == FAULT_NAN;
    switch (model->fault) {
    case FAULT_OOM:
        return fail(error, DGXP_ERR_OUT_OF_MEMORY, "the stub was told to run out of memory");
    case FAULT_LOST:
        model->lost = true;
        return fail(error, DGXP_ERR_DEVICE_LOST, "the stub was told to lose its device");
    default:
        return DGXP_OK;
    }
}

static void sleep_ms(long milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (milliseconds > 0 && nanosleep(&left, &left) != 0) {
    }
}

/* ------------------------------------------------------------------------------------- model */

static int32_t count_devices(int32_t *count, px_shim_error *error)
{
    (void)error;
    *count = 1;
    return DGXP_OK;
}

static int32_t describe_device(int32_t index, px_shim_device *device, px_shim_error *error)
{
    if (index != 0) {
        return fail(error, DGXP_ERR_INVALID_ARGUMENT, "device %d: the stub has one", index);
    }
    *device = (px_shim_device){.available = 1, .id = "cpu", .name = "stub: no tensors"};
    return DGXP_OK;
}

static int32_t choose_dtype(const char *device, int32_t stored)
{
    (void)device;
    (void)stored;
    return PX_F32;
}

static int32_t open_model(const px_shim_options *options, px_shim_model **out, px_shim_error *error)
{
    *out = NULL;
    if (options->device && strcmp(options->device, "cpu") != 0) {
        return fail(error, DGXP_ERR_BACKEND, "device '%s': the stub has only 'cpu'",
                    options->device);
    }
    if (options->latent_channels < 1 || options->latent_channels > 64 ||
        (options->image_channels != 3 && options->image_channels != 4)) {
        return fail(error, DGXP_ERR_INVALID_ARGUMENT, "%d latent and %d image channels",
                    options->latent_channels, options->image_channels);
    }
    px_shim_model *model = calloc(1, sizeof *model);
    if (!model) {
        return fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a model");
    }
    model->latent_channels = options->latent_channels;
    model->image_channels = options->image_channels;
    const char *delay = getenv("DGXP_STUB_DELAY_MS");
    model->delay_ms = delay ? strtol(delay, NULL, 10) : 0;
    model->gate = getenv("DGXP_STUB_WHILE");
    read_fault(model, getenv("DGXP_STUB_FAULT"));
    *out = model;
    return DGXP_OK;
}

static void denoise_end(px_shim_model *model)
{
    free(model->latents);
    free(model->target);
    free(model->known);
    free(model->mask);
    free(model->steps);
    model->latents = model->target = model->known = model->mask = NULL;
    model->steps = NULL;
}

static void close_model(px_shim_model *model)
{
    if (model) {
        denoise_end(model);
        free(model->set);
        free(model);
    }
}

static int32_t program_load(px_shim_model *model, int32_t component, int32_t variant, int32_t dtype,
                            const void *bytes, size_t size, px_shim_error *error)
{
    (void)model;
    (void)variant;
    (void)dtype;
    if (component < 0 || component >= PX_COMPONENTS || !bytes || size == 0) {
        return fail(error, DGXP_ERR_BAD_FORMAT, "an empty program, or for no component");
    }
    return DGXP_OK;
}

static int32_t count_parameters(const px_shim_model *model, int32_t component)
{
    (void)model;
    (void)component;
    return 0;
}

static const char *describe_parameter(const px_shim_model *model, int32_t component, int32_t index,
                                      int32_t *rank, int64_t *shape)
{
    (void)model;
    (void)component;
    (void)index;
    (void)rank;
    (void)shape;
    return NULL;
}

static int32_t bind(px_shim_model *model, int32_t component, const px_binding *bindings,
                    int32_t count, px_shim_error *error)
{
    (void)model;
    (void)component;
    (void)bindings;
    (void)count;
    (void)error;
    return DGXP_OK;
}

static int32_t read_parameter(px_shim_model *model, int32_t component, const char *name,
                              float *values, size_t count, px_shim_error *error)
{
    (void)model;
    (void)component;
    (void)values;
    (void)count;
    return fail(error, DGXP_ERR_NOT_FOUND, "the stub has no parameter '%s'", name);
}

static int32_t write_parameter(px_shim_model *model, int32_t component, const char *name,
                               const float *values, size_t count, px_shim_error *error)
{
    (void)model;
    (void)component;
    (void)values;
    (void)count;
    return fail(error, DGXP_ERR_NOT_FOUND, "the stub has no parameter '%s'", name);
}

/* ---------------------------------------------------------------------------------- adapters */

static uint64_t hash_factor(uint64_t hash, const px_factor *factor)
{
    static const size_t sizes[PX_DTYPES] = {4, 2, 2, 8, 1, 1, 8, 4, 2, 1, 1, 1};
    size_t size = factor->data ? sizes[factor->dtype] : 0;
    for (int32_t i = 0; i < factor->rank; i++) {
        size *= (size_t)factor->shape[i];
    }
    return hash_bytes(hash, factor->data, size);
}

static uint64_t hash_product(uint64_t hash, const px_product *product)
{
    hash = hash_factor(hash_factor(hash, &product->whole), &product->a);
    return hash_factor(hash_factor(hash, &product->b), &product->core);
}

static int32_t merge(px_shim_model *model, const char *set, const px_merge *merges, int32_t count,
                     uint64_t keep, px_shim_error *error)
{
    (void)keep;
    if (model->lost) {
        return fail(error, DGXP_ERR_DEVICE_LOST, "the stub's device was lost earlier");
    }
    if (model->set && strcmp(model->set, set) == 0) {
        return DGXP_OK;
    }
    free(model->set);
    model->set = NULL;
    memset(model->adapters, 0, sizeof model->adapters);
    if (*set == '\0' || count == 0) {
        return DGXP_OK;
    }
    model->set = strdup(set);
    if (!model->set) {
        return fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a set of adapters");
    }
    for (int32_t i = 0; i < count; i++) {
        uint64_t *hash = &model->adapters[merges[i].component];
        *hash = hash_bytes(*hash + 1, merges[i].base.parameter, strlen(merges[i].base.parameter));
        for (int32_t k = 0; k < merges[i].delta_count; k++) {
            const px_delta *delta = &merges[i].deltas[k];
            const double numbers[2] = {delta->factor, delta->weight};
            *hash = hash_bytes(*hash, numbers, sizeof numbers);
            *hash = hash_product(hash_product(*hash, &delta->x), &delta->y);
            *hash = hash_factor(*hash, &delta->magnitude);
        }
    }
    return DGXP_OK;
}

static int32_t is_merged(const px_shim_model *model, const char *set)
{
    return *set == '\0' || (model->set && strcmp(model->set, set) == 0);
}

static int32_t measure_memory(const px_shim_model *model, px_shim_memory *memory,
                              px_shim_error *error)
{
    (void)model;
    (void)error;
    *memory = (px_shim_memory){0};
    return DGXP_OK;
}

/* -------------------------------------------------------------------------------------- text */

static int32_t encode_text(px_shim_model *model, int32_t component, const int32_t *ids,
                           int32_t rows, int32_t length, float *hidden, int32_t width,
                           float *pooled, int32_t pooled_width, px_shim_error *error)
{
    bool spoil;
    const int32_t status = begin_call(model, &spoil, error);
    if (status != DGXP_OK) {
        return status;
    }
    for (int32_t row = 0; row < rows; row++) {
        const int32_t *words = ids + (size_t)row * (size_t)length;
        /* each token's vector knows the words before it, as in a causal encoder */
        uint64_t seed = (uint64_t)component + 1 + model->adapters[component];
        for (int32_t token = 0; token < length; token++) {
            seed = hash_bytes(seed, &words[token], sizeof *words);
            for (int32_t i = 0; i < width; i++) {
                *hidden++ = spoil ? NAN : draw_float(seed, (uint64_t)i);
            }
        }
        for (int32_t i = 0; pooled && i < pooled_width; i++) {
            *pooled++ = draw_float(~seed, (uint64_t)i);
        }
    }
    return DGXP_OK;
}

/* ----------------------------------------------------------------------------------- denoise */

static float *copy_floats(const float *values, size_t count)
{
    float *copy = malloc(count * sizeof *copy);
    return copy ? memcpy(copy, values, count * sizeof *copy) : NULL;
}

static size_t sample_size(const px_shim_model *model)
{
    return (size_t)model->latent_channels * (size_t)model->height * (size_t)model->width;
}

/* What a sample ends at: values drawn from all that it was asked for. */
static void choose_target(px_shim_model *model, const px_denoise *plan, int32_t sample)
{
    const size_t size = sample_size(model), at = (size_t)sample;
    const size_t context = (size_t)plan->tokens * (size_t)plan->context_width;
    const size_t pooled = (size_t)plan->pooled_width;
    uint64_t seed = hash_bytes(UINT64_C(0xcbf29ce484222325) + model->adapters[PX_UNET],
                               plan->context + at * context, context * sizeof(float));
    seed = hash_bytes(seed, plan->pooled + at * pooled, pooled * sizeof(float));
    seed = hash_bytes(seed, plan->latents + at * size, size * sizeof(float));
    if (plan->negative_context) {
        seed = hash_bytes(seed, plan->negative_context + at * context, context * sizeof(float));
    }
    for (size_t i = 0; i < size; i++) {
        model->target[at * size + i] = draw_float(seed, i);
    }
}

static int32_t denoise_begin(px_shim_model *model, const px_denoise *plan, px_shim_error *error)
{
    denoise_end(model);
    if (model->lost) {
        return fail(error, DGXP_ERR_DEVICE_LOST, "the stub's device was lost earlier");
    }
    if (plan->batch < 1 || plan->height < 1 || plan->width < 1 || plan->step_count < 1) {
        return fail(error, DGXP_ERR_INVALID_ARGUMENT, "an empty plan");
    }
    model->batch = plan->batch;
    model->height = plan->height;
    model->width = plan->width;
    model->step_count = plan->step_count;
    const size_t count = sample_size(model) * (size_t)plan->batch;
    model->latents = copy_floats(plan->latents, count);
    model->target = copy_floats(plan->latents, count);
    model->steps = malloc((size_t)plan->step_count * sizeof *model->steps);
    if (plan->known) {
        model->known = copy_floats(plan->known, count);
        model->mask = copy_floats(plan->mask, count / (size_t)model->latent_channels);
    }
    if (!model->latents || !model->target || !model->steps ||
        (plan->known && (!model->known || !model->mask))) {
        denoise_end(model);
        return fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for a denoising loop");
    }
    memcpy(model->steps, plan->steps, (size_t)plan->step_count * sizeof *model->steps);
    for (int32_t sample = 0; sample < plan->batch; sample++) {
        choose_target(model, plan, sample);
    }
    return DGXP_OK;
}

/* A straight way to the target, and at the last step exactly there; the mask keeps what is known.
 */
static int32_t denoise_step(px_shim_model *model, int32_t step, const float *noise,
                            px_shim_error *error)
{
    bool spoil;
    const int32_t status = begin_call(model, &spoil, error);
    if (status != DGXP_OK) {
        return status;
    }
    if (!model->latents || step < 0 || step >= model->step_count) {
        return fail(error, DGXP_ERR_INTERNAL, "step %d of no loop", step);
    }
    if (model->steps[step].b_n != 0 && !noise) {
        return fail(error, DGXP_ERR_INTERNAL, "step %d needs noise", step);
    }
    sleep_ms(model->delay_ms);
    while (step > 0 && model->gate && access(model->gate, F_OK) == 0) {
        sleep_ms(5);
    }
    const size_t size = sample_size(model), area = (size_t)model->height * (size_t)model->width;
    const float left = (float)(model->step_count - step);
    for (size_t i = 0; i < size * (size_t)model->batch; i++) {
        float x = model->latents[i];
        x = left > 1 ? x + (model->target[i] - x) / left : model->target[i];
        if (model->known) {
            const float mask = model->mask[i / size * area + i % area];
            x = mask * x + (1 - mask) * model->known[i];
        }
        model->latents[i] = spoil ? NAN : x;
    }
    return DGXP_OK;
}

static int32_t latents_read(px_shim_model *model, int32_t x0, float *latents, px_shim_error *error)
{
    if (model->lost) {
        return fail(error, DGXP_ERR_DEVICE_LOST, "the stub's device was lost earlier");
    }
    if (!model->latents) {
        return fail(error, DGXP_ERR_INTERNAL, "latents are read outside a denoising loop");
    }
    const size_t count = sample_size(model) * (size_t)model->batch;
    memcpy(latents, x0 ? model->target : model->latents, count * sizeof *latents);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(latents[i])) {
            return fail(error, DGXP_ERR_BACKEND, "the latents are not finite");
        }
    }
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------ images */

static int32_t decode(px_shim_model *model, int32_t variant, const float *latents, int32_t batch,
                      int32_t height, int32_t width, float *image, int32_t image_height,
                      int32_t image_width, px_shim_error *error)
{
    (void)variant;
    bool spoil;
    const int32_t status = begin_call(model, &spoil, error);
    if (status != DGXP_OK) {
        return status;
    }
    if (spoil) {
        return fail(error, DGXP_ERR_BACKEND, "picture 0: has values that are not finite");
    }
    const size_t size = (size_t)model->latent_channels * (size_t)height * (size_t)width;
    const size_t pixels =
        (size_t)model->image_channels * (size_t)image_height * (size_t)image_width;
    for (int32_t i = 0; i < batch; i++) {
        const uint64_t seed = hash_bytes(UINT64_C(0xcbf29ce484222325), latents + (size_t)i * size,
                                         size * sizeof *latents);
        px_stub_sprite(px_stub_draw(seed, 0), model->image_channels, image_height, image_width,
                       image + (size_t)i * pixels);
    }
    return DGXP_OK;
}

/* Means are averages of the pixels under each latent; the variance is as good as none. */
static int32_t encode_image(px_shim_model *model, const float *image, int32_t batch,
                            int32_t image_height, int32_t image_width, float *moments,
                            int32_t height, int32_t width, px_shim_error *error)
{
    bool spoil;
    const int32_t status = begin_call(model, &spoil, error);
    if (status != DGXP_OK) {
        return status;
    }
    const int32_t down = image_height / height, across = image_width / width;
    if (down < 1 || across < 1) {
        return fail(error, DGXP_ERR_INVALID_ARGUMENT, "the picture is smaller than its latents");
    }
    const size_t area = (size_t)image_height * (size_t)image_width;
    for (int32_t i = 0; i < batch; i++) {
        for (int32_t c = 0; c < 2 * model->latent_channels; c++) {
            const float *plane = image + ((size_t)i * (size_t)model->image_channels +
                                          (size_t)(c % model->image_channels)) *
                                             area;
            for (int32_t at = 0; at < height * width; at++) {
                float sum = 0;
                for (int32_t j = 0; j < down * across; j++) {
                    const int32_t y = at / width * down + j / across;
                    const int32_t x = at % width * across + j % across;
                    sum += plane[(size_t)y * (size_t)image_width + (size_t)x];
                }
                const float mean = sum / (float)(down * across);
                *moments++ = spoil ? NAN : c < model->latent_channels ? mean : -30.0f;
            }
        }
    }
    return DGXP_OK;
}

__attribute__((visibility("default"))) const px_shim *px_shim_entry(void)
{
    static const px_shim table = {
        .version = PX_SHIM_VERSION,
        .name = "stub",
        .build = "1",
        .running = "1",
        .device_count = count_devices,
        .device_describe = describe_device,
        .preferred_dtype = choose_dtype,
        .open = open_model,
        .close = close_model,
        .program_load = program_load,
        .parameter_count = count_parameters,
        .parameter_describe = describe_parameter,
        .bind = bind,
        .parameter_read = read_parameter,
        .parameter_write = write_parameter,
        .merge = merge,
        .merged = is_merged,
        .encode_text = encode_text,
        .denoise_begin = denoise_begin,
        .denoise_step = denoise_step,
        .latents_read = latents_read,
        .denoise_end = denoise_end,
        .decode = decode,
        .encode_image = encode_image,
        .memory = measure_memory,
    };
    return &table;
}
