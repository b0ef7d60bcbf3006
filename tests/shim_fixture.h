/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the suites of the torch backend share: it is opened through shim.h, its programs are those
 * of tests/shim_programs.py, and a plan's result is compared with eager Python's (NAME.expected).
 */
#ifndef PX_SHIM_FIXTURE_H
#define PX_SHIM_FIXTURE_H

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

static inline const px_shim *open_backend(void)
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

static inline void *read_all(const char *name, const char *kind, size_t *size)
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
static inline float *ramp(size_t count, double scale, double step)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(sin((double)i * step) * scale);
    }
    return values;
}

static inline double largest_difference(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs((double)a[i] - (double)b[i]);
        largest = difference <= largest ? largest : difference; /* NaN wins */
    }
    return largest;
}

static inline uint16_t bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static inline px_shim_model *open_cpu(void)
{
    const px_shim_options options = {
        .device = "cpu", .threads = 1, .latent_channels = CHANNELS, .image_channels = 3};
    px_shim_model *model = NULL;
    ck_assert_shim(shim->open(&options, &model, &error));
    return model;
}

static inline void load(px_shim_model *model, int32_t component, int32_t variant, int32_t dtype,
                        const char *name)
{
    size_t size;
    void *bytes = read_all(name, "pt", &size);
    ck_assert_shim(shim->program_load(model, component, variant, dtype, bytes, size, &error));
    memset(bytes, 0x55, size); /* the program must not live in our buffer */
    free(bytes);
}

/* Bindings over the script's weights, in the program's order.  Returns the weights. */
static inline float *make_bindings(px_shim_model *model, int32_t component, const char *name,
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

static inline float *load_bound(px_shim_model *model, int32_t component, int32_t dtype,
                                const char *name)
{
    px_binding bindings[32];
    int32_t count;
    load(model, component, 0, dtype, name);
    float *weights = make_bindings(model, component, name, bindings, &count);
    ck_assert_shim(shim->bind(model, component, bindings, count, &error));
    return weights;
}

/* ROWS of the script. */
__attribute__((unused)) static const px_step rows[] = {
    {900.0, 0.5, 1.0, -0.8, 0.6, 0.4, 0.0, 0.0, 1.0, 0.7, 5.0},
    {600.0, 0.7, 0.9, -0.5, 0.5, 0.6, -0.1, 0.2, 1.0, 0.4, 5.0},
    {300.0, 0.9, 0.8, -0.3, 0.0, 1.1, -0.1, 0.0, 1.0, 0.0, 1.0},
};

static inline px_denoise make_plan(int32_t batch, double rescale, bool masked)
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

static inline void free_plan(const px_denoise *plan)
{
    const float *const arrays[] = {plan->context,         plan->negative_context, plan->pooled,
                                   plan->negative_pooled, plan->time_ids,         plan->latents,
                                   plan->known,           plan->start_noise,      plan->mask};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        free((void *)arrays[i]);
    }
}

static inline size_t latent_count(const px_denoise *plan)
{
    return (size_t)(plan->batch * CHANNELS * plan->height * plan->width);
}

/* x at the end, then the last x0. */
static inline float *run_plan(px_shim_model *model, const px_denoise *plan)
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

static inline void check_expected(const float *got, size_t count, const char *name, double bound)
{
    size_t size;
    float *expected = read_all(name, "expected", &size);
    ck_assert_uint_eq(size, count * sizeof *expected);
    ck_assert_double_le(largest_difference(got, expected, count), bound);
    free(expected);
}

/** Opens the backend for a suite; false when the programs are absent (said loudly) or it fails. */
static inline int begin_suite(int *code)
{
    folder = getenv("DGXP_SHIM_PROGRAMS");
    if (!folder) {
        printf("SKIPPED: DGXP_SHIM_PROGRAMS is not set: run tests/shim_programs.py FOLDER first\n");
        *code = EXIT_SUCCESS;
        return 0;
    }
    shim = open_backend();
    *code = EXIT_FAILURE;
    return shim != NULL;
}

#endif
