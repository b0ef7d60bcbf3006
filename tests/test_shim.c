/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Drives the torch backend through shim.h with the programs of tests/shim_programs.py, and compares
 * with what eager Python made of the same weights (NAME.expected, written by the same script). */
#include "px_check.h"
#include "shim.h"

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>

#define CHANNELS 4
#define CONTEXT 8
#define POOLED 6

static const px_shim *shim;
static px_shim_error error;
static const char *folder;

#define ck_assert_shim(call)                                                                       \
    do {                                                                                           \
        error.text[0] = '\0';                                                                      \
        const int32_t px_got = (call);                                                             \
        ck_assert_msg(px_got == DGXP_OK, "%s: %d (%s)", #call, px_got, error.text);                \
    } while (0)

#define ck_assert_shim_refused(call, expected, part)                                               \
    do {                                                                                           \
        error.text[0] = '\0';                                                                      \
        const int32_t px_got = (call);                                                             \
        ck_assert_msg(px_got == (expected) && strstr(error.text, part), "%s: %d (%s)", #call,      \
                      px_got, error.text);                                                         \
    } while (0)

static const px_shim *open_backend(void)
{
    static const char *const libraries[] = {PX_TORCH_DIR "/lib/libc10.so",
                                            PX_TORCH_DIR "/lib/libtorch_cpu.so"};
    for (int i = 0; i < 2; i++) {
        if (!dlopen(libraries[i], RTLD_NOW | RTLD_GLOBAL)) {
            fprintf(stderr, "%s\n", dlerror());
            return NULL;
        }
    }
    void *handle = dlopen(PX_SHIM_SO, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    const px_shim *(*entry)(void);
    *(void **)&entry = dlsym(handle, "px_shim_entry");
    return entry ? entry() : NULL;
}

static void *read_all(const char *name, const char *kind, size_t *size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", folder, name, kind);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is missing: run tests/shim_programs.py", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    void *bytes = aligned_alloc(64, (*size + 127) / 64 * 64);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* As ramp() of the script. */
static float *ramp(size_t count, double scale, double step)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(sin((double)i * step) * scale);
    }
    return values;
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs((double)a[i] - (double)b[i]);
        largest = difference <= largest ? largest : difference; /* NaN wins */
    }
    return largest;
}

static uint16_t bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static px_shim_model *open_cpu(void)
{
    const px_shim_options options = {
        .device = "cpu", .threads = 1, .latent_channels = CHANNELS, .image_channels = 3};
    px_shim_model *model = NULL;
    ck_assert_shim(shim->open(&options, &model, &error));
    return model;
}

static void load(px_shim_model *model, int32_t component, int32_t variant, int32_t dtype,
                 const char *name)
{
    size_t size;
    void *bytes = read_all(name, "pt", &size);
    ck_assert_shim(shim->program_load(model, component, variant, dtype, bytes, size, &error));
    memset(bytes, 0x55, size); /* the program must not live in our buffer */
    free(bytes);
}

/* Bindings over the script's weights, in the program's order.  Returns the weights. */
static float *make_bindings(px_shim_model *model, int32_t component, const char *name,
                            px_binding *bindings, int32_t *count)
{
    size_t size, at = 0;
    float *weights = read_all(name, "weights", &size);
    *count = shim->parameter_count(model, component);
    for (int32_t i = 0; i < *count; i++) {
        bindings[i] = (px_binding){.fd = -1, .dtype = PX_F32, .data = weights + at};
        bindings[i].parameter =
            shim->parameter_describe(model, component, i, &bindings[i].rank, bindings[i].shape);
        size_t values = 1;
        for (int32_t axis = 0; axis < bindings[i].rank; axis++) {
            values *= (size_t)bindings[i].shape[axis];
        }
        at += values;
    }
    ck_assert_uint_eq(at * sizeof *weights, size);
    return weights;
}

static float *load_bound(px_shim_model *model, int32_t component, int32_t dtype, const char *name)
{
    px_binding bindings[32];
    int32_t count;
    load(model, component, 0, dtype, name);
    float *weights = make_bindings(model, component, name, bindings, &count);
    ck_assert_shim(shim->bind(model, component, bindings, count, &error));
    return weights;
}

/* ROWS of the script. */
static const px_step rows[] = {
    {900.0, 0.5, 1.0, -0.8, 0.6, 0.4, 0.0, 0.0, 1.0, 0.7, 5.0},
    {600.0, 0.7, 0.9, -0.5, 0.5, 0.6, -0.1, 0.2, 1.0, 0.4, 5.0},
    {300.0, 0.9, 0.8, -0.3, 0.0, 1.1, -0.1, 0.0, 1.0, 0.0, 1.0},
};

static px_denoise make_plan(int32_t batch, double rescale, bool masked)
{
    const int32_t height = 5, width = 7, tokens = 9;
    const size_t latent = (size_t)(batch * CHANNELS * height * width);
    const size_t text = (size_t)(batch * tokens * CONTEXT), pooled = (size_t)(batch * POOLED);
    float *time_ids = malloc((size_t)batch * 6 * sizeof *time_ids);
    for (int32_t i = 0; i < batch * 6; i++) {
        time_ids[i] = 512.0f;
    }
    px_denoise plan = {.batch = batch,
                       .height = height,
                       .width = width,
                       .tokens = tokens,
                       .context_width = CONTEXT,
                       .pooled_width = POOLED,
                       .context = ramp(text, 1, 0.11),
                       .negative_context = ramp(text, 1, 0.23),
                       .pooled = ramp(pooled, 1, 0.31),
                       .negative_pooled = ramp(pooled, 1, 0.41),
                       .time_ids = time_ids,
                       .negative_time_ids = time_ids,
                       .latents = ramp(latent, 2, 0.37),
                       .rescale = rescale,
                       .steps = rows,
                       .step_count = 3};
    if (masked) {
        float *mask = ramp(latent / CHANNELS, 1, 0.91);
        for (size_t i = 0; i < latent / CHANNELS; i++) {
            mask[i] = mask[i] > 0 ? 1.0f : 0.0f;
        }
        plan.known = ramp(latent, 1, 0.53);
        plan.start_noise = ramp(latent, 1, 0.67);
        plan.mask = mask;
    }
    return plan;
}

static void free_plan(const px_denoise *plan)
{
    const float *const arrays[] = {plan->context,         plan->negative_context, plan->pooled,
                                   plan->negative_pooled, plan->time_ids,         plan->latents,
                                   plan->known,           plan->start_noise,      plan->mask};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        free((void *)arrays[i]);
    }
}

static size_t latent_count(const px_denoise *plan)
{
    return (size_t)(plan->batch * CHANNELS * plan->height * plan->width);
}

/* x at the end, then the last x0. */
static float *run_plan(px_shim_model *model, const px_denoise *plan)
{
    const size_t count = latent_count(plan);
    float *noise = ramp(count, 1, 0.77), *result = malloc(2 * count * sizeof *result);
    ck_assert_shim(shim->denoise_begin(model, plan, &error));
    for (int32_t step = 0; step < plan->step_count; step++) {
        ck_assert_shim(
            shim->denoise_step(model, step, plan->steps[step].b_n != 0 ? noise : NULL, &error));
    }
    ck_assert_shim(shim->latents_read(model, 0, result, &error));
    ck_assert_shim(shim->latents_read(model, 1, result + count, &error));
    shim->denoise_end(model);
    free(noise);
    return result;
}

static void check_expected(const float *got, size_t count, const char *name, double bound)
{
    size_t size;
    float *expected = read_all(name, "expected", &size);
    ck_assert_uint_eq(size, count * sizeof *expected);
    ck_assert_double_le(largest_difference(got, expected, count), bound);
    free(expected);
}

/* -------------------------------------------------------------------------------------- core */

START_TEST(shim_names_itself)
{
    int32_t count = 0;
    px_shim_device device;
    ck_assert_int_eq(shim->version, PX_SHIM_VERSION);
    ck_assert_str_eq(shim->name, "torch");
    ck_assert_int_eq(strncmp(shim->running, shim->build, strlen(shim->build)), 0);
    ck_assert_shim(shim->device_count(&count, &error));
    ck_assert_int_ge(count, 1);
    ck_assert_shim(shim->device_describe(0, &device, &error));
    ck_assert_str_eq(device.id, "cpu");
    ck_assert_int_eq(device.available, 1);
    ck_assert_uint_gt(device.memory_total, 0);
}
END_TEST

static const struct {
    const char *name;
    int32_t batch;
    double rescale;
    bool masked;
} loops[] = {{"plain", 1, 0, false},
             {"batch", 3, 0, false},
             {"rescaled", 2, 0.7, false},
             {"masked", 2, 0, true}};

/* Bound: values up to 20 in f32 against the script's f64 outside the network; seen: 4e-6. */
START_TEST(denoise_follows_its_rows)
{
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_UNET, PX_F32, "unet");
    const px_denoise plan = make_plan(loops[_i].batch, loops[_i].rescale, loops[_i].masked);
    float *result = run_plan(model, &plan);
    check_expected(result, 2 * latent_count(&plan), loops[_i].name, 5e-5);
    free(result);
    free_plan(&plan);
    shim->close(model);
    free(weights);
}
END_TEST

/* bf16 has 8 bits: the network's part of the result is off by some 1/256. */
START_TEST(denoise_in_bf16_stays_near)
{
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_UNET, PX_BF16, "unet");
    const px_denoise plan = make_plan(1, 0, false);
    float *result = run_plan(model, &plan);
    check_expected(result, 2 * latent_count(&plan), "plain", 0.25);
    size_t size;
    float *expected = read_all("plain", "expected", &size);
    ck_assert_double_gt(largest_difference(result, expected, latent_count(&plan)), 1e-4);
    free(expected);
    free(result);
    free_plan(&plan);
    shim->close(model);
    free(weights);
}
END_TEST

START_TEST(denoise_repeats_exactly_after_another_shape)
{
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_UNET, PX_F32, "unet");
    const px_denoise one = make_plan(1, 0, false), three = make_plan(3, 0, true);
    float *first = run_plan(model, &one), *other = run_plan(model, &three);
    float *second = run_plan(model, &one);
    ck_assert_mem_eq(first, second, 2 * latent_count(&one) * sizeof *first);
    free(first);
    free(other);
    free(second);
    free_plan(&one);
    free_plan(&three);
    shim->close(model);
    free(weights);
}
END_TEST

START_TEST(text_gives_hidden_and_pooled)
{
    static const int32_t ids[] = {1, 2, 3, 19, 0, 7};
    float result[6 * CONTEXT + 2 * POOLED];
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_TEXT_2, PX_F32, "text");
    ck_assert_shim(shim->encode_text(model, PX_TEXT_2, ids, 2, 3, result, CONTEXT,
                                     result + 6 * CONTEXT, POOLED, &error));
    check_expected(result, 6 * CONTEXT + 2 * POOLED, "text", 1e-6);
    ck_assert_shim(
        shim->encode_text(model, PX_TEXT_2, ids, 2, 3, result, CONTEXT, NULL, 0, &error));
    shim->close(model);
    free(weights);
}
END_TEST

START_TEST(vae_goes_both_ways)
{
    float image[2 * 3 * 10 * 14], moments[2 * 8 * 5 * 7];
    px_shim_model *model = open_cpu();
    float *decoder = load_bound(model, PX_VAE_DECODER, PX_F32, "decoder");
    float *encoder = load_bound(model, PX_VAE_ENCODER, PX_F32, "encoder");
    float *latents = ramp(2 * CHANNELS * 5 * 7, 1, 0.37), *picture = ramp(2 * 3 * 140, 1, 0.37);
    ck_assert_shim(shim->decode(model, 0, latents, 2, 5, 7, image, 10, 14, &error));
    check_expected(image, 2 * 3 * 10 * 14, "decoder", 1e-5);
    ck_assert_shim(shim->encode_image(model, picture, 2, 10, 14, moments, 5, 7, &error));
    check_expected(moments, 2 * 8 * 5 * 7, "encoder", 1e-5);
    free(latents);
    free(picture);
    shim->close(model);
    free(decoder);
    free(encoder);
}
END_TEST

/* The decoder's square overflows f16; the second try is in f32, and leaves the model in f16. */
START_TEST(decode_is_retried_in_f32)
{
    float image[3 * 10 * 14];
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_VAE_DECODER, PX_F16, "decoder");
    float *latents = ramp(2 * CHANNELS * 5 * 7, 1, 0.37);
    size_t size;
    float *expected = read_all("decoder", "expected", &size);
    for (int i = 0; i < 2; i++) {
        ck_assert_shim(shim->decode(model, 0, latents, 1, 5, 7, image, 10, 14, &error));
        /* the weights were rounded to f16: 2^-11 of values near 1 */
        ck_assert_double_le(largest_difference(image, expected, 3 * 10 * 14), 0.01);
    }
    latents[3] = NAN;
    ck_assert_shim_refused(shim->decode(model, 0, latents, 1, 5, 7, image, 10, 14, &error),
                           DGXP_ERR_BACKEND, "not finite");
    free(expected);
    free(latents);
    shim->close(model);
    free(weights);
}
END_TEST

static float sixteen_bit(int32_t dtype, float value)
{
    uint32_t bits = (uint32_t)bf16_of(value) << 16;
    float rounded;
    memcpy(&rounded, &bits, sizeof rounded);
    return dtype == PX_BF16 ? rounded : value;
}

/* f32 and bf16 files in both compute dtypes; the matrix also stored transposed. */
START_TEST(bind_converts_what_does_not_match)
{
    const int32_t stored = _i & 1 ? PX_BF16 : PX_F32, compute = _i & 2 ? PX_BF16 : PX_F32;
    float matrix[POOLED * CONTEXT], turned[POOLED * CONTEXT], table[20 * CONTEXT];
    float got[POOLED * CONTEXT];
    uint16_t narrow_turned[POOLED * CONTEXT], narrow_table[20 * CONTEXT];
    for (int i = 0; i < 20 * CONTEXT; i++) {
        table[i] = (float)sin(i);
        narrow_table[i] = bf16_of(table[i]);
    }
    for (int r = 0; r < POOLED; r++) {
        for (int c = 0; c < CONTEXT; c++) {
            matrix[r * CONTEXT + c] = turned[c * POOLED + r] = (float)cos(r * CONTEXT + c);
            narrow_turned[c * POOLED + r] = bf16_of(turned[c * POOLED + r]);
        }
    }
    const px_binding bindings[] = {
        {.parameter = "projection.weight",
         .data = stored == PX_BF16 ? (void *)narrow_turned : (void *)turned,
         .fd = -1,
         .dtype = stored,
         .rank = 2,
         .shape = {POOLED, CONTEXT},
         .transpose = 1},
        {.parameter = "embedding.weight",
         .data = stored == PX_BF16 ? (void *)narrow_table : (void *)table,
         .fd = -1,
         .dtype = stored,
         .rank = 2,
         .shape = {20, CONTEXT}},
    };
    px_shim_model *model = open_cpu();
    load(model, PX_TEXT_1, 0, compute, "text");
    ck_assert_shim(shim->bind(model, PX_TEXT_1, bindings, 2, &error));
    ck_assert_shim(
        shim->parameter_read(model, PX_TEXT_1, "projection.weight", got, POOLED * CONTEXT, &error));
    for (int i = 0; i < POOLED * CONTEXT; i++) {
        const int32_t narrow = stored == PX_BF16 || compute == PX_BF16 ? PX_BF16 : PX_F32;
        ck_assert_float_eq(got[i], sixteen_bit(narrow, matrix[i]));
    }
    px_shim_memory memory;
    ck_assert_shim(shim->memory(model, &memory, &error));
    const size_t each = compute == PX_BF16 ? 2 : 4, viewed = stored == compute ? 20 * CONTEXT : 0;
    ck_assert_uint_eq(memory.mapped_bytes, viewed * each);
    ck_assert_uint_eq(memory.host_bytes, (POOLED * CONTEXT + 20 * CONTEXT - viewed) * each);
    shim->close(model);
}
END_TEST

/* A write changes the next run and not the mapping; writing the old values, or binding again,
 * restores the result bit for bit. */
START_TEST(parameter_write_can_be_undone)
{
    float old[16 * (POOLED + 6)], changed[16 * (POOLED + 6)];
    px_binding bindings[32];
    int32_t count;
    px_shim_model *model = open_cpu();
    load(model, PX_UNET, 0, PX_F32, "unet");
    float *weights = make_bindings(model, PX_UNET, "unet", bindings, &count);
    size_t size;
    float *pristine = read_all("unet", "weights", &size);
    ck_assert_shim(shim->bind(model, PX_UNET, bindings, count, &error));
    const px_denoise plan = make_plan(1, 0, false);
    const size_t bytes = 2 * latent_count(&plan) * sizeof(float);
    float *first = run_plan(model, &plan);
    for (int round = 0; round < 2; round++) {
        ck_assert_shim(
            shim->parameter_read(model, PX_UNET, "pooled.weight", old, 16 * (POOLED + 6), &error));
        for (int i = 0; i < 16 * (POOLED + 6); i++) {
            changed[i] = old[i] + 0.25f;
        }
        ck_assert_shim(shim->parameter_write(model, PX_UNET, "pooled.weight", changed,
                                             16 * (POOLED + 6), &error));
        load(model, PX_UNET, 2, PX_F32, "unet"); /* a variant loaded later sees it too */
        px_denoise variant = plan;
        variant.program = 2;
        float *other = run_plan(model, &plan), *same = run_plan(model, &variant);
        ck_assert_mem_ne(first, other, bytes);
        ck_assert_mem_eq(other, same, bytes);
        ck_assert_mem_eq(weights, pristine, size);
        if (round == 0) {
            ck_assert_shim(shim->parameter_write(model, PX_UNET, "pooled.weight", old,
                                                 16 * (POOLED + 6), &error));
        } else {
            ck_assert_shim(shim->bind(model, PX_UNET, bindings, count, &error));
        }
        free(other);
        free(same);
        other = run_plan(model, &plan);
        ck_assert_mem_eq(first, other, bytes);
        free(other);
    }
    free(first);
    free_plan(&plan);
    shim->close(model);
    free(weights);
    free(pristine);
}
END_TEST

/* ------------------------------------------------------------------------------------ limits */

START_TEST(bind_wants_each_parameter_once)
{
    px_binding bindings[32];
    int32_t count;
    px_shim_model *model = open_cpu();
    load(model, PX_UNET, 0, PX_F32, "unet");
    float *weights = make_bindings(model, PX_UNET, "unet", bindings, &count);
    ck_assert_shim_refused(shim->bind(model, PX_UNET, bindings, count - 1, &error),
                           DGXP_ERR_MISMATCH, "conv_out.bias' is not bound");
    px_binding twice = bindings[1];
    bindings[count] = twice;
    ck_assert_shim_refused(shim->bind(model, PX_UNET, bindings, count + 1, &error),
                           DGXP_ERR_MISMATCH, "bound twice");
    bindings[count].parameter = "nobody";
    ck_assert_shim_refused(shim->bind(model, PX_UNET, bindings, count + 1, &error),
                           DGXP_ERR_MISMATCH, "no parameter 'nobody'");
    bindings[0].shape[0]++;
    ck_assert_shim_refused(shim->bind(model, PX_UNET, bindings, count, &error), DGXP_ERR_MISMATCH,
                           "another shape");
    shim->close(model);
    free(weights);
}
END_TEST

START_TEST(calls_out_of_order_are_refused)
{
    float latents[1000];
    px_shim_model *model = open_cpu();
    const px_denoise plan = make_plan(1, 0, false);
    ck_assert_shim_refused(shim->denoise_step(model, 0, NULL, &error), DGXP_ERR_INTERNAL,
                           "without a beginning");
    ck_assert_shim_refused(shim->latents_read(model, 0, latents, &error), DGXP_ERR_INTERNAL,
                           "outside");
    load(model, PX_UNET, 0, PX_F32, "unet");
    ck_assert_shim(shim->denoise_begin(model, &plan, &error));
    ck_assert_shim_refused(shim->denoise_step(model, 0, NULL, &error), DGXP_ERR_BACKEND,
                           "not bound");
    ck_assert_shim_refused(shim->denoise_step(model, 1, NULL, &error), DGXP_ERR_INTERNAL,
                           "needs noise");
    ck_assert_shim_refused(shim->denoise_step(model, 3, NULL, &error), DGXP_ERR_INVALID_ARGUMENT,
                           "step");
    shim->denoise_end(model);
    shim->denoise_end(model);
    free_plan(&plan);
    shim->close(model);
    shim->close(NULL);
}
END_TEST

START_TEST(latents_that_are_not_finite_are_named)
{
    float result[CHANNELS * 5 * 7];
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_UNET, PX_F32, "unet");
    px_denoise plan = make_plan(1, 0, false);
    ((float *)plan.latents)[0] = INFINITY;
    ck_assert_shim(shim->denoise_begin(model, &plan, &error));
    ck_assert_shim(shim->denoise_step(model, 0, NULL, &error));
    ck_assert_shim_refused(shim->latents_read(model, 0, result, &error), DGXP_ERR_BACKEND,
                           "not finite");
    ((float *)plan.latents)[0] = 0;
    float *after = run_plan(model, &plan);
    free(after);
    free_plan(&plan);
    shim->close(model);
    free(weights);
}
END_TEST

/* 16 TiB of pixels: torch's allocator says no, and the model goes on. */
START_TEST(out_of_memory_leaves_a_usable_model)
{
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_UNET, PX_F32, "unet");
    px_denoise plan = make_plan(1, 0, false);
    float *first = run_plan(model, &plan);
    px_denoise huge = plan;
    huge.batch = 4096;
    huge.height = huge.width = 4096;
    ck_assert_shim_refused(shim->denoise_begin(model, &huge, &error), DGXP_ERR_OUT_OF_MEMORY, "");
    float *second = run_plan(model, &plan);
    ck_assert_mem_eq(first, second, 2 * latent_count(&plan) * sizeof *first);
    free(first);
    free(second);
    free_plan(&plan);
    shim->close(model);
    free(weights);
}
END_TEST

START_TEST(devices_that_are_not_there_are_refused)
{
    px_shim_options options = {.device = "cuda:99", .latent_channels = 4, .image_channels = 3};
    px_shim_model *model = NULL;
#ifdef PX_HAVE_CUDA_HALF
    ck_assert_shim_refused(shim->open(&options, &model, &error), DGXP_ERR_BACKEND, "CUDA devices");
#endif
    options.device = "tpu";
    ck_assert_shim_refused(shim->open(&options, &model, &error), DGXP_ERR_INVALID_ARGUMENT, "tpu");
    options.device = "cpu";
    options.image_channels = 5;
    ck_assert_shim_refused(shim->open(&options, &model, &error), DGXP_ERR_INVALID_ARGUMENT, "5");
    ck_assert_ptr_null(model);
}
END_TEST

/* --------------------------------------------------------------------------------- malformed */

START_TEST(programs_that_are_none_are_refused)
{
    size_t size;
    px_shim_model *model = open_cpu();
    char *bytes = read_all("unet", "pt", &size);
    ck_assert_shim_refused(shim->program_load(model, PX_UNET, 0, PX_F32, "PK nonsense", 11, &error),
                           DGXP_ERR_BAD_FORMAT, "no TorchScript program");
    ck_assert_shim_refused(shim->program_load(model, PX_UNET, 0, PX_F32, bytes, size / 2, &error),
                           DGXP_ERR_BAD_FORMAT, "no TorchScript program");
    ck_assert_shim_refused(shim->program_load(model, PX_UNET, 0, PX_I64, bytes, size, &error),
                           DGXP_ERR_UNSUPPORTED, "dtype");
    ck_assert_int_eq(shim->parameter_count(model, PX_UNET), 0);
    load(model, PX_UNET, 0, PX_F32, "unet");
    free(bytes);
    bytes = read_all("decoder", "pt", &size);
    ck_assert_shim_refused(shim->program_load(model, PX_UNET, 1, PX_F32, bytes, size, &error),
                           DGXP_ERR_MISMATCH, "variant 1");
    free(bytes);
    shim->close(model);
}
END_TEST

START_TEST(programs_of_another_shape_are_named)
{
    static const int32_t ids[] = {1, 2, 3}, outside[] = {1, 2, 20};
    float hidden[3 * CONTEXT + 8];
    px_shim_model *model = open_cpu();
    float *weights = load_bound(model, PX_TEXT_1, PX_F32, "text");
    ck_assert_shim_refused(
        shim->encode_text(model, PX_TEXT_1, ids, 1, 3, hidden, CONTEXT + 1, NULL, 0, &error),
        DGXP_ERR_MISMATCH, "gave 1x3x8, expected 1x3x9");
    ck_assert_shim_refused(
        shim->encode_text(model, PX_TEXT_1, outside, 1, 3, hidden, CONTEXT, NULL, 0, &error),
        DGXP_ERR_BACKEND, "index out of range");
    ck_assert_shim(
        shim->encode_text(model, PX_TEXT_1, ids, 1, 3, hidden, CONTEXT, NULL, 0, &error));
    shim->close(model);
    free(weights);
}
END_TEST

int main(void)
{
    folder = getenv("DGXP_SHIM_PROGRAMS");
    if (!folder) {
        printf("SKIPPED: DGXP_SHIM_PROGRAMS is not set: run tests/shim_programs.py FOLDER first\n");
        return EXIT_SUCCESS;
    }
    shim = open_backend();
    if (!shim) {
        return EXIT_FAILURE;
    }
    Suite *suite = suite_create("shim");
    TCase *core = tcase_create("core");
    tcase_set_timeout(core, 120);
    tcase_add_test(core, shim_names_itself);
    tcase_add_loop_test(core, denoise_follows_its_rows, 0, 4);
    tcase_add_test(core, denoise_in_bf16_stays_near);
    tcase_add_test(core, denoise_repeats_exactly_after_another_shape);
    tcase_add_test(core, text_gives_hidden_and_pooled);
    tcase_add_test(core, vae_goes_both_ways);
    tcase_add_test(core, decode_is_retried_in_f32);
    tcase_add_loop_test(core, bind_converts_what_does_not_match, 0, 4);
    tcase_add_test(core, parameter_write_can_be_undone);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_set_timeout(limits, 120);
    tcase_add_test(limits, bind_wants_each_parameter_once);
    tcase_add_test(limits, calls_out_of_order_are_refused);
    tcase_add_test(limits, latents_that_are_not_finite_are_named);
    tcase_add_test(limits, out_of_memory_leaves_a_usable_model);
    tcase_add_test(limits, devices_that_are_not_there_are_refused);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_set_timeout(malformed, 120);
    tcase_add_test(malformed, programs_that_are_none_are_refused);
    tcase_add_test(malformed, programs_of_another_shape_are_named);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
