/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: samplers' tables.  Trajectories beside diffusers: tests/python/test_scheduler.py. */
#include "core/mem.h"
#include "diffusion/scheduler.h"
#include "px_check.h"

#include <math.h>

static px_bundle_settings sdxl(void)
{
    return (px_bundle_settings){.prediction = DGXP_PREDICTION_EPSILON,
                                .train_steps = 1000,
                                .beta_start = 0.00085,
                                .beta_end = 0.012,
                                .betas = PX_BETAS_SCALED_LINEAR,
                                .spacing = DGXP_SPACING_LEADING,
                                .steps_offset = 1};
}

static px_scheduler_params params_for(const px_bundle_settings *model, int32_t sampler,
                                      int32_t steps)
{
    return (px_scheduler_params){.model = model,
                                 .set = {.sampler = sampler,
                                         .schedule = DGXP_SCHEDULE_NORMAL,
                                         .spacing = DGXP_SPACING_LEADING,
                                         .steps = steps,
                                         .guidance = 5.0,
                                         .cfg_stop = 1.0,
                                         .temperature = 1.0,
                                         .eta = -1.0,
                                         .strength = 1.0}};
}

static void expect_list(const double *got, const double *expected, int32_t count, const char *what)
{
    for (int32_t i = 0; i < count; i++) {
        ck_assert_msg(fabs(got[i] - expected[i]) <= 1e-6 * (1.0 + fabs(expected[i])),
                      "%s %d is %.9g, expected %.9g", what, i, got[i], expected[i]);
    }
}

static void expect_table(const px_schedule *table, int32_t count, const double *times,
                         const double *sigmas)
{
    ck_assert_int_eq(table->count, count);
    for (int32_t i = 0; i < count; i++) {
        expect_list(&table->steps[i].timestep, &times[i], 1, "timestep");
    }
    if (sigmas) {
        expect_list(table->sigmas, sigmas, count + 1, "sigma");
    }
}

/* Expected values: s = SCHEDULER(beta_start=.00085, beta_end=.012, beta_schedule="scaled_linear",
 * steps_offset=1, …); s.alphas_cumprod = the same in float64; s.set_timesteps(N);
 * print(s.timesteps, s.sigmas, s.init_noise_sigma), of diffusers 0.42.1. */

START_TEST(euler_on_each_spacing)
{
    const px_bundle_settings model = sdxl();
    px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, 4);
    px_schedule table;
    /* EulerDiscreteScheduler(timestep_spacing="trailing"), 4 */
    params.set.spacing = DGXP_SPACING_TRAILING;
    ck_assert_ok(px_scheduler_build(&params, &table));
    expect_table(&table, 4, (const double[]){999, 749, 499, 249},
                 (const double[]){14.6146412, 4.08172941, 1.61288619, 0.69320488, 0});
    ck_assert_double_eq_tol(table.start_noise, 14.6146412, 1e-6);
    ck_assert_double_eq(table.start_known, 0);
    px_scheduler_free(&table);
    /* (timestep_spacing="leading"), 20 and 30 */
    params.set.spacing = DGXP_SPACING_LEADING;
    params.set.steps = 20;
    ck_assert_ok(px_scheduler_build(&params, &table));
    ck_assert_double_eq(table.steps[0].timestep, 951);
    ck_assert_double_eq(table.steps[19].timestep, 1);
    ck_assert_double_eq_tol(table.sigmas[0], 11.0283308, 1e-6);
    ck_assert_double_eq_tol(table.start_noise, 11.073576, 1e-6);
    px_scheduler_free(&table);
    params.set.steps = 30;
    ck_assert_ok(px_scheduler_build(&params, &table));
    ck_assert_double_eq(table.steps[0].timestep, 958);
    ck_assert_double_eq(table.steps[1].timestep, 925);
    ck_assert_double_eq_tol(table.sigmas[0], 11.4768467, 1e-6);
    ck_assert_double_eq_tol(table.start_noise, 11.5203304, 1e-6);
    px_scheduler_free(&table);
    px_scheduler_free(&table); /* and once more: it is zeroed */
}
END_TEST

START_TEST(karras_of_euler_and_dpm)
{
    const px_bundle_settings model = sdxl();
    static const double sigmas[] = {
        14.6146412,  9.10292816,  5.47839212,   3.16860318,   1.74941707, 0.914072275,
        0.446918219, 0.201398298, 0.0819102377, 0.0291671585, 0};
    px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, 10);
    px_schedule table;
    /* EulerDiscreteScheduler(timestep_spacing="linspace", use_karras_sigmas=True), 10 */
    params.set.schedule = DGXP_SCHEDULE_KARRAS;
    params.set.spacing = DGXP_SPACING_LINSPACE;
    ck_assert_ok(px_scheduler_build(&params, &table));
    expect_table(&table, 10,
                 (const double[]){999, 916.283936, 815.044678, 687.152771, 523.198059, 327.145996,
                                  145.938065, 40.8564339, 6.73229694, 0},
                 sigmas);
    px_scheduler_free(&table);
    /* DPMSolverMultistepScheduler(use_karras_sigmas=True), 10 */
    params.set.sampler = DGXP_SAMPLER_DPMPP_2M;
    params.set.spacing = DGXP_SPACING_LEADING;
    ck_assert_ok(px_scheduler_build(&params, &table));
    expect_table(&table, 10, (const double[]){999, 916, 815, 687, 523, 327, 146, 41, 7, 0}, sigmas);
    ck_assert_double_eq(table.start_noise, 1);
    px_scheduler_free(&table);
}
END_TEST

START_TEST(grids_of_dpm_and_lcm)
{
    const px_bundle_settings model = sdxl();
    px_scheduler_params params = params_for(&model, DGXP_SAMPLER_DPMPP_2M_SDE, 8);
    px_schedule table;
    /* DPMSolverMultistepScheduler(timestep_spacing="leading"), 8 */
    ck_assert_ok(px_scheduler_build(&params, &table));
    expect_table(&table, 8, (const double[]){889, 778, 667, 556, 445, 334, 223, 112}, NULL);
    ck_assert_int_eq(table.noisy, 7); /* the last step ends without */
    px_scheduler_free(&table);
    /* LCMScheduler(), 4 and 8 */
    params.set.sampler = DGXP_SAMPLER_LCM;
    ck_assert_ok(px_scheduler_build(&params, &table));
    expect_table(&table, 8, (const double[]){999, 879, 759, 639, 499, 379, 259, 139}, NULL);
    px_scheduler_free(&table);
    params.set.steps = 4;
    ck_assert_ok(px_scheduler_build(&params, &table));
    expect_table(&table, 4, (const double[]){999, 759, 499, 259}, NULL);
    ck_assert_int_eq(table.noisy, 3);
    px_scheduler_free(&table);
}
END_TEST

START_TEST(guidance_stops)
{
    const px_bundle_settings model = sdxl();
    static const struct {
        double guidance, stop;
        int32_t steps, guided;
    } cases[] = {{5, 1, 20, 20},  {5, 0.5, 20, 10}, {5, 0.5, 25, 13}, {5, 0, 20, 0},
                 {5, 0.7, 10, 7}, {1, 1, 20, 0},    {0, 1, 20, 0},    {1.5, 0.01, 8, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, cases[i].steps);
        px_schedule table;
        params.set.guidance = cases[i].guidance;
        params.set.cfg_stop = cases[i].stop;
        ck_assert_ok(px_scheduler_build(&params, &table));
        ck_assert_int_eq(table.guided, cases[i].guided);
        for (int32_t k = 0; k < table.count; k++) {
            ck_assert_double_eq(table.steps[k].guidance, k < table.guided        ? cases[i].guidance
                                                         : cases[i].guidance < 1 ? 0
                                                                                 : 1);
        }
        px_scheduler_free(&table);
    }
}
END_TEST

START_TEST(guidance_starts)
{
    const px_bundle_settings model = sdxl();
    static const struct {
        double start, stop;
        int32_t first, last; /* guided rows of 20 */
    } cases[] = {{0, 1, 0, 20},    {0.2, 1, 4, 20}, {0.3, 0.7, 6, 14},
                 {0.22, 1, 5, 20}, {1, 1, 20, 20},  {0.6, 0.5, 20, 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, 20);
        px_schedule table;
        params.set.cfg_start = cases[i].start;
        params.set.cfg_stop = cases[i].stop;
        ck_assert_ok(px_scheduler_build(&params, &table));
        ck_assert_int_eq(table.guided, cases[i].last - cases[i].first);
        for (int32_t k = 0; k < table.count; k++) {
            const bool on = k >= cases[i].first && k < cases[i].last;
            ck_assert_double_eq(table.steps[k].guidance, on ? 5 : 1);
        }
        px_scheduler_free(&table);
    }
}
END_TEST

START_TEST(strength_leaves_out_the_first_steps)
{
    const px_bundle_settings model = sdxl();
    px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, 20);
    px_schedule whole, part;
    ck_assert_ok(px_scheduler_build(&params, &whole));
    params.has_init = true;
    params.set.strength = 0.3;
    params.set.cfg_stop = 0.5;
    ck_assert_ok(px_scheduler_build(&params, &part));
    /* StableDiffusionXLImg2ImgPipeline.get_timesteps(20, 0.3, None): 6 steps */
    ck_assert_int_eq(part.count, 6);
    ck_assert_int_eq(part.first, 14);
    ck_assert_int_eq(part.guided, 3); /* of the painted ones */
    ck_assert_double_eq(part.start_known, 1);
    ck_assert_double_eq(part.start_noise, whole.sigmas[14]);
    for (int32_t i = 0; i < part.count; i++) {
        ck_assert_double_eq(part.steps[i].timestep, whole.steps[14 + i].timestep);
        ck_assert_double_eq(part.steps[i].b_0, whole.steps[14 + i].b_0);
        ck_assert_double_eq(part.steps[i].k_n, part.sigmas[i + 1]);
    }
    px_scheduler_free(&part);
    /* At full strength a picture still shines through; with a mask it does not. */
    params.set.strength = 1.0;
    ck_assert_ok(px_scheduler_build(&params, &part));
    ck_assert_double_eq(part.start_known, 1);
    ck_assert_double_eq(part.start_noise, whole.sigmas[0]);
    px_scheduler_free(&part);
    params.has_mask = true;
    ck_assert_ok(px_scheduler_build(&params, &part));
    ck_assert_double_eq(part.start_known, 0);
    ck_assert_double_eq(part.start_noise, whole.start_noise);
    px_scheduler_free(&part);
    px_scheduler_free(&whole);
}
END_TEST

/* One model whose x0 is always the same: a sampler without noise must end exactly there. */
START_TEST(a_perfect_model_ends_at_its_picture)
{
    px_bundle_settings model = sdxl();
    model.prediction = DGXP_PREDICTION_V;
    model.zero_terminal_snr = true;
    for (int32_t sampler = DGXP_SAMPLER_EULER; sampler <= DGXP_SAMPLER_TCD; sampler++) {
        px_scheduler_params params = params_for(&model, sampler, 12);
        px_schedule table;
        params.alpha_to_one = true;
        params.set.spacing = DGXP_SPACING_TRAILING;
        ck_assert_ok(px_scheduler_build(&params, &table));
        const double picture = 0.625;
        double x = table.start_noise * -1.5, before = 0;
        for (int32_t i = 0; i < table.count; i++) {
            const px_step *s = &table.steps[i];
            const double m = (picture - s->a_x * x) / s->a_m, x0 = s->a_x * x + s->a_m * m;
            ck_assert_double_eq_tol(x0, picture, 1e-9);
            x = s->b_x * x + s->b_0 * x0 + s->b_p * before + s->b_n * (i % 2 ? 1.0 : -1.0);
            before = x0;
        }
        /* TCD ends on timestep 0, not behind it, so a share of the noise (0.029) stays; LCM's c_out
         * is not quite 1. */
        ck_assert_double_eq_tol(x, picture, sampler == DGXP_SAMPLER_TCD ? 0.1 : 1e-6);
        px_scheduler_free(&table);
    }
}
END_TEST

START_TEST(one_step_starts_at_the_top)
{
    const px_bundle_settings model = sdxl();
    for (int32_t sampler = DGXP_SAMPLER_EULER; sampler <= DGXP_SAMPLER_TCD; sampler++) {
        for (int32_t schedule = DGXP_SCHEDULE_NORMAL; schedule <= DGXP_SCHEDULE_EXPONENTIAL;
             schedule++) {
            px_scheduler_params params = params_for(&model, sampler, 1);
            px_schedule table;
            params.set.schedule = schedule;
            params.set.spacing = DGXP_SPACING_TRAILING;
            if (px_scheduler_build(&params, &table) != DGXP_OK) {
                continue; /* not with this schedule: see malformed */
            }
            ck_assert_int_eq(table.count, 1);
            ck_assert_double_eq(table.steps[0].timestep, 999);
            /* EulerDiscreteScheduler(…).sigmas[0] before set_timesteps() */
            ck_assert_double_eq_tol(table.sigmas[0], 14.614641229, 1e-8);
            ck_assert_int_eq(table.noisy, 0);
            px_scheduler_free(&table);
        }
    }
}
END_TEST

START_TEST(equal_noise_levels_divide_nothing_by_zero)
{
    const px_bundle_settings model = sdxl();
    for (int32_t sampler = DGXP_SAMPLER_EULER; sampler <= DGXP_SAMPLER_DDIM; sampler++) {
        for (int32_t spacing = DGXP_SPACING_LEADING; spacing <= DGXP_SPACING_LINSPACE; spacing++) {
            px_scheduler_params params = params_for(&model, sampler, 1000);
            px_schedule table;
            params.set.spacing = spacing;
            params.final_sigma_min = true;
            ck_assert_ok(px_scheduler_build(&params, &table));
            for (int32_t i = 0; i < table.count; i++) {
                const px_step *s = &table.steps[i];
                ck_assert(isfinite(s->a_x + s->a_m + s->b_x + s->b_0 + s->b_p + s->b_n));
                ck_assert(s->timestep >= 0 && s->timestep <= 999);
            }
            px_scheduler_free(&table);
        }
    }
}
END_TEST

static dgxp_status build(const px_scheduler_params *params)
{
    px_schedule table = {.count = -1};
    const dgxp_status status = px_scheduler_build(params, &table);
    if (status == DGXP_OK) {
        px_scheduler_free(&table);
    } else {
        ck_assert_int_eq(table.count, -1); /* no output on failure */
    }
    return status;
}

START_TEST(combinations_that_make_no_sense_are_named)
{
    px_bundle_settings model = sdxl();
    px_scheduler_params params = params_for(&model, DGXP_SAMPLER_DDIM, 20);
    params.set.schedule = DGXP_SCHEDULE_KARRAS;
    ck_assert_refused(build(&params), DGXP_ERR_UNSUPPORTED,
                      "schedule karras does not fit sampler ddim");
    params.set.sampler = DGXP_SAMPLER_LCM;
    ck_assert_refused(build(&params), DGXP_ERR_UNSUPPORTED,
                      "use schedule normal, or sampler euler");
    params.set.sampler = DGXP_SAMPLER_TCD;
    params.set.schedule = DGXP_SCHEDULE_EXPONENTIAL;
    ck_assert_refused(build(&params), DGXP_ERR_UNSUPPORTED,
                      "schedule exponential does not fit sampler tcd");
    params.set.schedule = DGXP_SCHEDULE_NORMAL;
    params.set.steps = 51;
    ck_assert_refused(build(&params), DGXP_ERR_UNSUPPORTED, "sampler tcd takes 1 to 50");
    params.set.steps = 50;
    ck_assert_ok(build(&params));
    model.train_steps = 49;
    params.set.steps = 4;
    ck_assert_refused(build(&params), DGXP_ERR_UNSUPPORTED, "this one: 49");
    params.set.sampler = DGXP_SAMPLER_EULER;
    params.set.steps = 50;
    ck_assert_refused(build(&params), DGXP_ERR_UNSUPPORTED, "trained on 49 timesteps");
    params.set.steps = 49;
    ck_assert_ok(build(&params));
}
END_TEST

START_TEST(zero_snr_needs_v)
{
    px_bundle_settings model = sdxl();
    model.zero_terminal_snr = true;
    px_scheduler_params params = params_for(&model, DGXP_SAMPLER_DDIM, 20);
    params.set.spacing = DGXP_SPACING_TRAILING;
    ck_assert_refused(build(&params), DGXP_ERR_UNSUPPORTED, "timestep 999 is noise alone");
    model.prediction = DGXP_PREDICTION_V;
    ck_assert_ok(build(&params));
    model.prediction = DGXP_PREDICTION_EPSILON;
    params.set.sampler = DGXP_SAMPLER_EULER;
    px_schedule table;
    ck_assert_ok(px_scheduler_build(&params, &table));
    /* EulerDiscreteScheduler(rescale_betas_zero_snr=True): alphas_cumprod[-1] is 2^-24 */
    ck_assert_double_eq_tol(table.sigmas[0], 4096, 1e-3);
    px_scheduler_free(&table);
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
    static const struct {
        size_t at;
        double value;
        const char *part;
    } cases[] = {
#define CASE(field, value, part) {offsetof(px_scheduler_params, set.field), value, part}
        CASE(guidance, NAN, "guidance is nan: use 0 to 100"),
        CASE(guidance, -1, "guidance is -1"),
        CASE(guidance, INFINITY, "guidance is inf"),
        CASE(cfg_stop, 1.5, "cfg_stop is 1.5"),
        CASE(cfg_stop, NAN, "cfg_stop is nan"),
        CASE(temperature, 1.01, "temperature is 1.01"),
        CASE(eta, 1.01, "eta is 1.01: use 0 to 1"),
        CASE(eta, NAN, "eta is nan"),
        CASE(strength, -0.1, "strength is -0.1"),
        CASE(strength, NAN, "strength is nan"),
        CASE(strength, 0, "strength 0 of 20 steps paints none: use a strength of at least 0.05"),
        CASE(strength, 0.049, "paints none"),
#undef CASE
    };
    const px_bundle_settings model = sdxl();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        px_scheduler_params params = params_for(&model, DGXP_SAMPLER_DDIM, 20);
        params.has_init = true;
        memcpy((char *)&params + cases[i].at, &cases[i].value, sizeof(double));
        ck_assert_refused(build(&params), DGXP_ERR_INVALID_ARGUMENT, cases[i].part);
    }
    static const int32_t steps[] = {0, -1, 1001, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, steps[i]);
        ck_assert_refused(build(&params), DGXP_ERR_INVALID_ARGUMENT, "use 1 to 1000");
    }
    px_scheduler_params params = params_for(&model, 8, 20);
    ck_assert_refused(build(&params), DGXP_ERR_INVALID_ARGUMENT, "sampler is 8");
    params = params_for(&model, DGXP_SAMPLER_EULER, 20);
    params.set.schedule = DGXP_SCHEDULE_AUTO;
    ck_assert_refused(build(&params), DGXP_ERR_INVALID_ARGUMENT, "schedule is 0");
    params = params_for(&model, DGXP_SAMPLER_EULER, 20);
    params.set.spacing = 4;
    ck_assert_refused(build(&params), DGXP_ERR_INVALID_ARGUMENT, "spacing is 4");
}
END_TEST

START_TEST(noise_schedules_that_are_none_are_refused)
{
    static const struct {
        double start, end;
        int32_t betas, train;
        const char *part;
    } cases[] = {{0, 0.012, PX_BETAS_LINEAR, 1000, "beta 0 at timestep 0"},
                 {-0.1, 0.012, PX_BETAS_SCALED_LINEAR, 1000, "at timestep 0"},
                 {NAN, 0.012, PX_BETAS_LINEAR, 1000, "beta nan"},
                 {0.001, 1, PX_BETAS_LINEAR, 1000, "mend beta_start and beta_end"},
                 {0.9, 0.9, PX_BETAS_LINEAR, 1000, "nothing of the picture is left"},
                 {0.001, 0.01, PX_BETAS_LINEAR, 1, "train_steps is 1"},
                 {0.001, 0.01, PX_BETAS_LINEAR, 10001, "train_steps is 10001"},
                 {0.001, 0.01, 3, 1000, "beta_schedule is 3"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        px_bundle_settings model = sdxl();
        const px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, 1);
        model.beta_start = cases[i].start;
        model.beta_end = cases[i].end;
        model.betas = (px_bundle_betas)cases[i].betas;
        model.train_steps = cases[i].train;
        ck_assert_refused(build(&params), DGXP_ERR_INVALID_ARGUMENT, cases[i].part);
    }
    px_bundle_settings model = sdxl();
    const px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, 20);
    model.steps_offset = 1001;
    ck_assert_refused(build(&params), DGXP_ERR_INVALID_ARGUMENT, "steps_offset is 1001");
    model.steps_offset = 1000; /* beyond the training: stays at its end */
    ck_assert_ok(build(&params));
}
END_TEST

/* An allocator that fails at the n-th allocation and counts what is alive. */
typedef struct faulty {
    int32_t left, alive;
} faulty;

static void *resize_faulty(void *block, size_t size, void *user_data)
{
    faulty *f = user_data;
    if (f->left-- <= 0) {
        return NULL;
    }
    f->alive += block ? 0 : 1;
    return realloc(block, size ? size : 1);
}

static void free_faulty(void *block, void *user_data)
{
    ((faulty *)user_data)->alive -= block ? 1 : 0;
    free(block);
}

START_TEST(out_of_memory_leaves_nothing)
{
    const px_bundle_settings model = sdxl();
    const px_scheduler_params params = params_for(&model, DGXP_SAMPLER_EULER, 20);
    faulty state = {0, 0};
    const dgxp_allocator allocator = {sizeof allocator, resize_faulty, free_faulty, &state};
    int32_t failures = 0;
    for (dgxp_status status = DGXP_ERR_OUT_OF_MEMORY; status != DGXP_OK; failures++) {
        state = (faulty){failures, 0};
        dgxp_set_allocator(&allocator);
        status = build(&params);
        dgxp_set_allocator(NULL);
        ck_assert_int_eq(state.alive, 0);
        ck_assert(status == DGXP_OK || status == DGXP_ERR_OUT_OF_MEMORY);
        ck_assert_int_lt(failures, 100);
    }
    ck_assert_int_gt(failures, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler");
    TCase *core = tcase_create("core");
    tcase_add_test(core, euler_on_each_spacing);
    tcase_add_test(core, karras_of_euler_and_dpm);
    tcase_add_test(core, grids_of_dpm_and_lcm);
    tcase_add_test(core, guidance_stops);
    tcase_add_test(core, guidance_starts);
    tcase_add_test(core, strength_leaves_out_the_first_steps);
    tcase_add_test(core, a_perfect_model_ends_at_its_picture);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_add_test(limits, one_step_starts_at_the_top);
    tcase_add_test(limits, equal_noise_levels_divide_nothing_by_zero);
    tcase_add_test(limits, out_of_memory_leaves_nothing);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(malformed, combinations_that_make_no_sense_are_named);
    tcase_add_test(malformed, zero_snr_needs_v);
    tcase_add_test(malformed, numbers_out_of_range_are_refused);
    tcase_add_test(malformed, noise_schedules_that_are_none_are_refused);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
