/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The torch backend paints, encodes and binds what eager Python does with the same weights. */
#include "shim_fixture.h"

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

int main(void)
{
    int code;
    if (!begin_suite(&code)) {
        return code;
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
    return px_check_run(suite);
}
