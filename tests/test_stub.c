/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The stub backend: deterministic, batch-independent, a true sprite, and faults where asked for. */
#include "px_check.h"
#include "shim.h"

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>

#define TOKENS 5
#define WIDTH 8
#define LATENT (4 * 16 * 16)
#define SIDE 128

static const px_shim *shim;
static px_shim_error error;
static const px_step rows[3] = {{.guidance = 5}, {.guidance = 5}, {.guidance = 5}};

static px_shim_model *open_stub(int32_t channels, const char *fault)
{
    if (fault) {
        setenv("DGXP_STUB_FAULT", fault, 1);
    } else {
        unsetenv("DGXP_STUB_FAULT");
    }
    const px_shim_options options = {
        .device = "cpu", .latent_channels = 4, .image_channels = channels};
    px_shim_model *model = NULL;
    ck_assert_int_eq(shim->open(&options, &model, &error), DGXP_OK);
    return model;
}

static void fill(float *values, size_t count, double step)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)sin(step * (double)(i + 1));
    }
}

/* Text to picture in one call; the first status that is not OK. */
static int32_t paint(px_shim_model *model, int32_t batch, const double *seeds, float *image)
{
    static float context[3 * TOKENS * WIDTH], pooled[3 * WIDTH], latents[3 * LATENT], ids[3 * 6];
    static const int32_t words[TOKENS] = {1, 2, 3, 4, 5};
    for (int32_t i = 0; i < batch; i++) {
        const int32_t status =
            shim->encode_text(model, PX_TEXT_1, words, 1, TOKENS, context + i * TOKENS * WIDTH,
                              WIDTH, pooled + i * WIDTH, WIDTH, &error);
        if (status != DGXP_OK) {
            return status;
        }
        fill(latents + i * LATENT, LATENT, seeds[i]);
    }
    const px_denoise plan = {.batch = batch,
                             .height = 16,
                             .width = 16,
                             .tokens = TOKENS,
                             .context_width = WIDTH,
                             .pooled_width = WIDTH,
                             .context = context,
                             .pooled = pooled,
                             .time_ids = ids,
                             .latents = latents,
                             .steps = rows,
                             .step_count = 3};
    int32_t status = shim->denoise_begin(model, &plan, &error);
    for (int32_t step = 0; step < 3 && status == DGXP_OK; step++) {
        status = shim->denoise_step(model, step, NULL, &error);
    }
    if (status == DGXP_OK) {
        status = shim->latents_read(model, 0, latents, &error);
    }
    shim->denoise_end(model);
    return status == DGXP_OK
               ? shim->decode(model, 0, latents, batch, 16, 16, image, SIDE, SIDE, &error)
               : status;
}

START_TEST(stub_paints_the_same_in_any_batch)
{
    static float alone[3 * SIDE * SIDE], together[3 * 3 * SIDE * SIDE];
    static const double seeds[] = {0.3, 0.7, 0.9};
    px_shim_model *model = open_stub(3, NULL);
    ck_assert_int_eq(paint(model, 3, seeds, together), DGXP_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(paint(model, 1, seeds + i, alone), DGXP_OK);
        ck_assert_mem_eq(alone, together + i * 3 * SIDE * SIDE, sizeof alone);
    }
    ck_assert_mem_ne(together, together + 3 * SIDE * SIDE, sizeof alone);
    shim->close(model);
}
END_TEST

/* Cells of 8 pixels, a mirror image, 3 to 6 colors, hard alpha, and neither empty nor full. */
START_TEST(stub_sprite_is_pixel_art)
{
    static float image[4 * SIDE * SIDE];
    for (int seed = 1; seed <= 20; seed++) {
        const double step = 0.01 * seed;
        float colors[16];
        int count = 0, solid = 0;
        px_shim_model *model = open_stub(4, NULL);
        ck_assert_int_eq(paint(model, 1, &step, image), DGXP_OK);
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                const float *at = image + y * SIDE + x;
                const float *first = image + y / 8 * 8 * SIDE + x / 8 * 8;
                const float *mirror = image + y * SIDE + SIDE - 1 - x;
                bool same = fabsf(at[3 * SIDE * SIDE]) == 1.0f;
                for (size_t c = 0; c < 4 * SIDE * SIDE; c += SIDE * SIDE) {
                    same = same && at[c] == first[c] && at[c] == mirror[c];
                }
                ck_assert_msg(same, "seed %d at %d,%d", seed, x, y);
                solid += at[3 * SIDE * SIDE] > 0;
                int known = 0;
                while (known < count && colors[known] != at[0]) {
                    known++;
                }
                if (known == count) {
                    ck_assert_int_lt(count, 6);
                    colors[count++] = at[0];
                }
            }
        }
        ck_assert_int_ge(count, 3);
        ck_assert_int_gt(solid, SIDE * SIDE / 20);
        ck_assert_int_lt(solid, SIDE * SIDE * 3 / 4);
        shim->close(model);
    }
}
END_TEST

/* Calls: encode 1, steps 2 to 4, decode 5; then 6 to 10 again. */
static const struct {
    const char *fault;
    int32_t first, second;
} faults[] = {
    {"oom@1", DGXP_ERR_OUT_OF_MEMORY, DGXP_OK},
    {"oom@3", DGXP_ERR_OUT_OF_MEMORY, DGXP_OK},
    {"oom@5", DGXP_ERR_OUT_OF_MEMORY, DGXP_OK},
    {"lost@2", DGXP_ERR_DEVICE_LOST, DGXP_ERR_DEVICE_LOST},
    {"nan@4", DGXP_ERR_BACKEND, DGXP_OK},
    {"nan@5", DGXP_ERR_BACKEND, DGXP_OK},
    {"oom@6", DGXP_OK, DGXP_ERR_OUT_OF_MEMORY},
    {"nonsense", DGXP_OK, DGXP_OK},
};

START_TEST(stub_fails_where_it_is_told_to)
{
    static float image[3 * SIDE * SIDE], again[3 * SIDE * SIDE];
    static const double seed = 0.3;
    px_shim_model *model = open_stub(3, faults[_i].fault);
    ck_assert_int_eq(paint(model, 1, &seed, image), faults[_i].first);
    ck_assert_int_eq(paint(model, 1, &seed, image), faults[_i].second);
    shim->close(model);
    if (faults[_i].second == DGXP_OK) {
        model = open_stub(3, NULL);
        ck_assert_int_eq(paint(model, 1, &seed, again), DGXP_OK);
        ck_assert_mem_eq(image, again, sizeof image);
        shim->close(model);
    }
}
END_TEST

START_TEST(stub_refuses_what_it_lacks)
{
    px_shim_options options = {.device = "cuda:0", .latent_channels = 4, .image_channels = 3};
    px_shim_model *model = NULL;
    ck_assert_int_eq(shim->open(&options, &model, &error), DGXP_ERR_BACKEND);
    ck_assert_ptr_null(model);
    options.device = "cpu";
    options.image_channels = 2;
    ck_assert_int_eq(shim->open(&options, &model, &error), DGXP_ERR_INVALID_ARGUMENT);
    model = open_stub(3, NULL);
    ck_assert_int_eq(shim->program_load(model, PX_UNET, 0, PX_F32, "", 0, &error),
                     DGXP_ERR_BAD_FORMAT);
    ck_assert_int_eq(shim->program_load(model, PX_UNET, 0, PX_F32, "x", 1, &error), DGXP_OK);
    ck_assert_int_eq(shim->denoise_step(model, 0, NULL, &error), DGXP_ERR_INTERNAL);
    shim->close(model);
}
END_TEST

int main(void)
{
    void *handle = dlopen(PX_STUB, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        return EXIT_FAILURE;
    }
    const px_shim *(*entry)(void);
    *(void **)&entry = dlsym(handle, "px_shim_entry");
    shim = entry();
    Suite *suite = suite_create("stub");
    TCase *core = tcase_create("core");
    tcase_set_timeout(core, 120);
    tcase_add_test(core, stub_paints_the_same_in_any_batch);
    tcase_add_test(core, stub_sprite_is_pixel_art);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_add_loop_test(limits, stub_fails_where_it_is_told_to, 0, 8);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(malformed, stub_refuses_what_it_lacks);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
