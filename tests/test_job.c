/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: a job's setters mean what a request's fields mean; the results of a batch. */
#include "core/mem.h"
#include "px_stub.h"

#include <jansson.h>

enum { CHANNELS_LIMIT = 16 };

static dgxp_model *model;

static void set_up(void)
{
    model = px_stub_open();
}

static void tear_down(void)
{
    dgxp_model_free(model);
}

/* What the job is on the model, as one text; yours. */
static char *describe(dgxp_job *job)
{
    dgxp_document *document = NULL;
    ck_assert_ok(dgxp_job_describe(job, model, &document));
    char *text = px_mem_text(dgxp_document_text(document));
    dgxp_document_free(document);
    dgxp_job_free(job);
    return text;
}

static dgxp_job *create(void)
{
    dgxp_job *job = NULL;
    ck_assert_ok(dgxp_job_create("a bat", &job));
    ck_assert_ok(dgxp_job_set_seed(job, 7));
    return job;
}

#define SETTER(name, field, call) {name, field, set_##call}
#define DEFINE(call, ...)                                                                          \
    static dgxp_status set_##call(dgxp_job *job)                                                   \
    {                                                                                              \
        return dgxp_job_set_##call(job, __VA_ARGS__);                                              \
    }
DEFINE(negative_prompt, "blurry")
DEFINE(canvas, 64, 48)
DEFINE(size, 16, 24)
DEFINE(steps, 5)
DEFINE(guidance, 3.5)
DEFINE(sampler, DGXP_SAMPLER_DDIM)
DEFINE(schedule, DGXP_SCHEDULE_KARRAS)
DEFINE(spacing, DGXP_SPACING_LEADING)
DEFINE(tiling, DGXP_TILING_XY)
DEFINE(finish, "{\"colors\": 8}")

static const struct {
    const char *name, *field;
    dgxp_status (*set)(dgxp_job *job); /* NULL: dgxp_job_set() alone */
} setters[] = {
    SETTER("negative_prompt", "\"blurry\"", negative_prompt),
    SETTER("canvas", "[64, 48]", canvas),
    SETTER("size", "[16, 24]", size),
    SETTER("steps", "5", steps),
    SETTER("guidance", "3.5", guidance),
    {"guidance_rescale", "0.25", NULL},
    {"cfg_stop", "0.5", NULL},
    SETTER("sampler", "\"ddim\"", sampler),
    SETTER("schedule", "\"karras\"", schedule),
    SETTER("spacing", "\"leading\"", spacing),
    {"eta", "0.75", NULL},
    {"temperature", "0.5", NULL},
    SETTER("tiling", "\"xy\"", tiling),
    {"parity", "true", NULL},
    SETTER("finish", "{\"colors\": 8}", finish),
};

START_TEST(job_setters_and_requests_make_one_job)
{
    char *plain = describe(create());
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++) {
        dgxp_job *set = create(), *requested = NULL;
        char *request = px_mem_format("{\"prompt\": \"a bat\", \"seed\": 7, \"%s\": %s}",
                                      setters[i].name, setters[i].field);
        ck_assert_ok(setters[i].set ? setters[i].set(set)
                                    : dgxp_job_set(set, setters[i].name, setters[i].field));
        ck_assert_ok(dgxp_job_request(model, request, NULL, &requested));
        dgxp_job *named = create();
        ck_assert_ok(dgxp_job_set(named, setters[i].name, setters[i].field));
        char *one = describe(set), *other = describe(requested), *third = describe(named);
        ck_assert_str_eq(one, other);
        ck_assert_str_eq(one, third);
        ck_assert_msg(strcmp(one, plain) != 0 || strcmp(setters[i].name, "parity") == 0,
                      "%s changes nothing", setters[i].name);
        px_mem_free(one);
        px_mem_free(other);
        px_mem_free(third);
        px_mem_free(request);
    }
    px_mem_free(plain);
}
END_TEST

START_TEST(job_setters_refuse_what_is_out_of_range)
{
    dgxp_job *job = create();
    ck_assert_status(dgxp_job_set_canvas(job, -1, 8), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_job_set_size(job, 8, 1 << 20), DGXP_ERR_LIMIT);
    ck_assert_status(dgxp_job_set_steps(job, 1001), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_job_set_guidance(job, 101), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_job_set(job, "guidance_rescale", "1.5"), DGXP_ERR_BAD_FORMAT);
    ck_assert_status(dgxp_job_set(job, "cfg_stop", "-0.5"), DGXP_ERR_BAD_FORMAT);
    ck_assert_status(dgxp_job_set(job, "eta", "2"), DGXP_ERR_BAD_FORMAT);
    ck_assert_status(dgxp_job_set(job, "temperature", "2"), DGXP_ERR_BAD_FORMAT);
    ck_assert_status(dgxp_job_set_sampler(job, (dgxp_sampler)99), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_job_set_schedule(job, (dgxp_schedule)99), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_job_set_spacing(job, (dgxp_spacing)99), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_job_set_tiling(job, (dgxp_tiling)99), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_job_set_seed(job, UINT64_C(1) << 53), DGXP_ERR_INVALID_ARGUMENT);
    dgxp_job_free(job);
}
END_TEST

/* The mask's black half keeps the first picture's pixels; given noise makes two seeds one. */
START_TEST(job_pictures_noise_and_results)
{
    enum { SIDE = 64 };
    static uint8_t half[SIDE * SIDE * 4], whole[SIDE * SIDE * 4];
    dgxp_image *init = NULL, *mask = NULL;
    dgxp_result *result = NULL;
    for (int i = 0; i < SIDE * SIDE; i++) {
        memcpy(whole + i * 4, "\x40\x80\xc0\xff", 4);
        memcpy(half + i * 4, i % SIDE < SIDE / 2 ? "\0\0\0\xff" : "\xff\xff\xff\xff", 4);
    }
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, whole, &init));
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, half, &mask));
    dgxp_job *jobs[2] = {create(), create()};
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(dgxp_job_set_canvas(jobs[i], SIDE, SIDE));
        ck_assert_ok(dgxp_job_set_steps(jobs[i], 2));
        ck_assert_ok(dgxp_job_set_finish(jobs[i], NULL));
        ck_assert_ok(dgxp_job_set_init_image(jobs[i], init, 1));
        ck_assert_ok(dgxp_job_set_mask(jobs[i], mask));
        ck_assert_ok(dgxp_job_set_seed(jobs[i], (uint64_t)i));
    }
    const dgxp_generate_params params = {.struct_size = sizeof params, .keep_latents = 1};
    ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)jobs, 2, &params, &result));
    ck_assert_int_eq(dgxp_result_count(result), 2);
    const uint8_t *painted = dgxp_image_pixels(dgxp_result_canvas(result, 1));
    for (int y = 0; y < SIDE; y++) {
        ck_assert_int_eq(memcmp(painted + y * SIDE * 4, whole, SIDE / 4 * 4), 0);
    }
    int32_t shape[3] = {0};
    const float *first = dgxp_result_latents(result, 0, shape);
    const size_t count = (size_t)(shape[0] * shape[1] * shape[2]);
    ck_assert(shape[0] > 0 && shape[0] <= CHANNELS_LIMIT && count);
    ck_assert_int_ne(memcmp(first, dgxp_result_latents(result, 1, shape), count * sizeof *first),
                     0);
    ck_assert_ptr_null(dgxp_result_latents(result, 2, shape));
    float *noise = px_mem_zero(count, sizeof *noise);
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(dgxp_job_set_init_image(jobs[i], NULL, 0));
        ck_assert_ok(dgxp_job_set_mask(jobs[i], NULL));
        ck_assert_ok(dgxp_job_set_sampler(jobs[i], DGXP_SAMPLER_EULER));
        ck_assert_ok(dgxp_job_set_noise(jobs[i], noise, count, NULL, 0));
    }
    dgxp_result_free(result);
    ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)jobs, 2, &params, &result));
    ck_assert_int_eq(memcmp(dgxp_result_latents(result, 0, shape),
                            dgxp_result_latents(result, 1, shape), count * sizeof *noise),
                     0);
    dgxp_result_free(result);
    ck_assert_ok(dgxp_job_set_noise(jobs[0], noise, count - 1, NULL, 0));
    ck_assert_status(dgxp_generate(model, (const dgxp_job *const *)jobs, 1, &params, &result),
                     DGXP_ERR_MISMATCH);
    px_mem_free(noise);
    dgxp_job_free(jobs[0]);
    dgxp_job_free(jobs[1]);
    dgxp_image_free(mask);
    dgxp_image_free(init);
}
END_TEST

static dgxp_job *ask(const char *request)
{
    dgxp_job *job = NULL;
    ck_assert_ok(dgxp_job_request(model, request, NULL, &job));
    return job;
}

static double score_of(const dgxp_image *image)
{
    dgxp_document *report = NULL;
    ck_assert_ok(dgxp_quality(&image, 1, NULL, &report));
    json_t *root = json_loads(dgxp_document_text(report), 0, NULL);
    const double score = json_number_value(json_object_get(root, "score"));
    json_decref(root);
    dgxp_document_free(report);
    return score;
}

typedef struct steps_seen {
    int32_t calls, last, count;
} steps_seen;

static int32_t see_steps(const dgxp_progress *now, void *user_data)
{
    steps_seen *seen = user_data;
    if (now->phase == DGXP_PHASE_DENOISE) {
        ck_assert_int_ge(now->step, seen->last);
        *seen = (steps_seen){seen->calls + 1, now->step, now->step_count};
    }
    return 0;
}

/* Whichever is kept, its recipe paints it, and no candidate of the first seeds is better. */
START_TEST(job_best_of_keeps_the_best_candidate)
{
    static const char request[] = "{\"prompt\": \"a bat\", \"seed\": 7, \"steps\": 2, "
                                  "\"size\": [16, 16], \"best_of\": 5}";
    dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
    steps_seen seen = {0, 0, 0};
    dgxp_result *best = NULL, *same = NULL, *again = NULL;
    dgxp_job *job = ask(request);
    params.progress = see_steps;
    params.user_data = &seen;
    ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)&job, 1, &params, &best));
    ck_assert_int_eq(seen.last, 10);
    ck_assert_int_eq(seen.count, 10);
    json_t *recipe = json_loads(dgxp_result_recipe(best, 0), 0, NULL);
    const json_t *chosen = json_object_get(recipe, "chosen");
    ck_assert_int_eq(json_integer_value(json_object_get(chosen, "of")), 5);
    ck_assert_double_eq_tol(json_number_value(json_object_get(chosen, "quality")),
                            score_of(dgxp_result_image(best, 0)), 1e-9);
    ck_assert_ptr_null(json_object_get(recipe, "best_of"));
    ck_assert_str_eq(dgxp_image_text(dgxp_result_image(best, 0), "dgx_pixels"),
                     dgxp_result_recipe(best, 0));
    dgxp_job *told = ask(dgxp_result_recipe(best, 0)), *first = ask(request);
    ck_assert_ok(dgxp_job_set(first, "best_of", "1"));
    ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)&told, 1, NULL, &again));
    ck_assert_mem_eq(dgxp_image_pixels(dgxp_result_image(best, 0)),
                     dgxp_image_pixels(dgxp_result_image(again, 0)), 16 * 16 * 4);
    ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)&first, 1, NULL, &same));
    ck_assert_double_ge(score_of(dgxp_result_image(best, 0)), score_of(dgxp_result_image(same, 0)));
    dgxp_result_free(same);
    params.at_once = 3; /* the same candidates, three in a batch and then two */
    seen = (steps_seen){0, 0, 0};
    ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)&job, 1, &params, &same));
    ck_assert_mem_eq(dgxp_image_pixels(dgxp_result_image(best, 0)),
                     dgxp_image_pixels(dgxp_result_image(same, 0)), 16 * 16 * 4);
    params.at_once = 65;
    dgxp_result *none = NULL;
    ck_assert_refused(dgxp_generate(model, (const dgxp_job *const *)&job, 1, &params, &none),
                      DGXP_ERR_INVALID_ARGUMENT, "at_once is 65");
    const dgxp_job *const other[2] = {job, first};
    ck_assert_refused(dgxp_generate(model, other, 2, NULL, &none), DGXP_ERR_MISMATCH, "best_of");
    json_decref(recipe);
    dgxp_result_free(same);
    dgxp_result_free(again);
    dgxp_result_free(best);
    dgxp_job_free(first);
    dgxp_job_free(told);
    dgxp_job_free(job);
}
END_TEST

START_TEST(job_panels_tell_their_nine_parts)
{
    dgxp_result *result = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_job *job = ask("{\"kind\": \"panel\", \"subject\": \"oak\", \"seed\": 7, \"steps\": 1, "
                        "\"size\": [24, 24], \"panel\": 0.25}");
    ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)&job, 1, NULL, &result));
    ck_assert_ok(dgxp_panel_describe(dgxp_result_image(result, 0), "oak.png", &bytes, &size));
    json_t *root = json_loadb((const char *)bytes, size, 0, NULL);
    const json_t *meta = json_object_get(root, "meta");
    const json_t *slice = json_array_get(json_object_get(meta, "slices"), 0);
    const json_t *key = json_array_get(json_object_get(slice, "keys"), 0);
    const json_t *center = json_object_get(key, "center");
    ck_assert_str_eq(json_string_value(json_object_get(meta, "image")), "oak.png");
    ck_assert_int_eq(json_integer_value(json_object_get(center, "x")), 6);
    ck_assert_int_eq(json_integer_value(json_object_get(center, "w")), 12);
    json_decref(root);
    dgxp_bytes_free(bytes);
    ck_assert_ok(dgxp_panel_describe(dgxp_result_canvas(result, 0), "oak.png", &bytes, &size));
    ck_assert_ptr_null(bytes); /* a canvas has no recipe */
    dgxp_image *broken = NULL;
    ck_assert_ok(dgxp_image_create(8, 8, NULL, &broken));
    ck_assert_ok(dgxp_image_set_text(broken, "dgx_pixels", "{\"panel\": 0.5}"));
    ck_assert_refused(dgxp_panel_describe(broken, "a.png", &bytes, &size), DGXP_ERR_BAD_FORMAT,
                      "'panel' is 0.5");
    ck_assert_status(dgxp_panel_describe(NULL, "a.png", &bytes, &size), DGXP_ERR_INVALID_ARGUMENT);
    dgxp_image_free(broken);
    dgxp_result_free(result);
    dgxp_job_free(job);
}
END_TEST

START_TEST(job_presets)
{
    dgxp_job *job = NULL;
    dgxp_document *document = NULL;
    job = ask("{\"kind\": \"item\", \"subject\": \"red potion\"}");
    char *text = describe(job);
    ck_assert_ptr_nonnull(strstr(text, "red potion"));
    px_mem_free(text);
    job = NULL;
    ck_assert_refused(
        dgxp_job_request(model, "{\"kind\": \"itm\", \"subject\": \"a\"}", NULL, &job),
        DGXP_ERR_NOT_FOUND, "item");
    ck_assert_ptr_null(job);
    ck_assert_ok(dgxp_list_presets(&document));
    json_t *list = json_loads(dgxp_document_text(document), 0, NULL);
    ck_assert_uint_gt(json_array_size(list), 10);
    json_decref(list);
    dgxp_document_free(document);
    ck_assert_ok(dgxp_preset_describe("item", NULL, &document));
    ck_assert_ptr_nonnull(strstr(dgxp_document_text(document), "\"styles\""));
    dgxp_document_free(document);
    ck_assert_status(dgxp_preset_describe("itm", NULL, &document), DGXP_ERR_NOT_FOUND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, set_up, tear_down);
    tcase_add_test(core, job_setters_and_requests_make_one_job);
    tcase_add_test(core, job_setters_refuse_what_is_out_of_range);
    tcase_add_test(core, job_pictures_noise_and_results);
    tcase_add_test(core, job_best_of_keeps_the_best_candidate);
    tcase_add_test(core, job_panels_tell_their_nine_parts);
    tcase_add_test(core, job_presets);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
