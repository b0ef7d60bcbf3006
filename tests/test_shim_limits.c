/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the torch backend refuses, and what it survives. */
#include "shim_fixture.h"

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
    int code;
    if (!begin_suite(&code)) {
        return code;
    }
    Suite *suite = suite_create("shim_limits");
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
