/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* job: a request's fields, names, types and ranges, and the job that it becomes. */
#include "job/request.h"

#include "core/json.h"
#include "core/mem.h"
#include "px_stub.h"

static json_t *parse(const char *text)
{
    json_t *request = json_loads(text, 0, NULL);
    ck_assert_msg(request != NULL, "%s", text);
    return request;
}

START_TEST(request_text_takes_its_fields_type)
{
    static const struct {
        const char *name, *text, *expected;
    } cases[] = {
        {"steps", "8", "{\"steps\":8}"},
        {"guidance", "2.5", "{\"guidance\":2.5}"},
        {"parity", "yes", "{\"parity\":true}"},
        {"parity", "0", "{\"parity\":false}"},
        {"size", "32x48", "{\"size\":[32,48]}"},
        {"size", "16", "{\"size\":[16,16]}"},
        {"negative-prompt", "12", "{\"negative_prompt\":\"12\"}"},
    };
    static const struct {
        const char *name, *text, *part;
    } faults[] = {
        {"steps", "8.5", "list:3: field 'steps' is \"8.5\": must be a whole number"},
        {"guidance", "2,5", "must be a number"},
        {"parity", "maybe", "must be true or false"},
        {"size", "32x", "must be a size like 32x48"},
        {"stepz", "8", "there is no field 'stepz'; there are: kind, subject"},
        {"finish", "{}", "there is no field 'finish'"},
        {"lora.a.weight", "heavy", "must be a number"},
        {"lora.a.weight", "0.5", "the request's 'loras' have none to weigh"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *request = json_object();
        ck_assert_ok(px_request_put("list:3", request, cases[i].name, cases[i].text));
        char *text = px_json_dump(request, JSON_COMPACT);
        ck_assert_str_eq(text, cases[i].expected);
        px_mem_free(text);
        json_decref(request);
    }
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        json_t *request = json_object();
        ck_assert_refused(px_request_put("list:3", request, faults[i].name, faults[i].text),
                          DGXP_ERR_BAD_FORMAT, faults[i].part);
        ck_assert_uint_eq(json_object_size(request), 0);
        json_decref(request);
    }
}
END_TEST

START_TEST(request_weights_go_to_the_named_adapter)
{
    json_t *request = parse("{\"loras\": [{\"name\": \"a\"}, {\"name\": \"b\", \"unet\": 2}]}");
    ck_assert_ok(px_request_put("x", request, "lora.a.weight", "0.5"));
    char *text = px_json_dump(request, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(text, "{\"loras\":[{\"name\":\"a\",\"text\":0.5,\"unet\":0.5},"
                           "{\"name\":\"b\",\"unet\":2}]}");
    px_mem_free(text);
    ck_assert_ok(px_request_put("x", request, "lora.weight", "1.5"));
    text = px_json_dump(request, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(text, "{\"loras\":[{\"name\":\"a\",\"text\":1.5,\"unet\":1.5},"
                           "{\"name\":\"b\",\"text\":1.5,\"unet\":1.5}]}");
    px_mem_free(text);
    json_decref(request);
}
END_TEST

START_TEST(request_check_names_field_and_range)
{
    static const struct {
        const char *request, *part;
    } faults[] = {
        {"{}", "says not what to paint"},
        {"[]", "r.json"},
        {"{\"subject\": \"a\", \"steps\": 0}", "'steps' is 0"},
        {"{\"subject\": \"a\", \"steps\": \"8\"}", "'steps'"},
        {"{\"subject\": \"a\", \"seed\": 9007199254740993}", "'seed'"},
        {"{\"subject\": \"a\", \"cfg_stop\": 1.5}", "'cfg_stop' is 1.5"},
        {"{\"subject\": \"a\", \"sampler\": \"eular\"}", "'sampler'"},
        {"{\"subject\": \"a\", \"size\": [0, 8]}", "size of 0 pixels"},
        {"{\"subject\": \"a\", \"size\": [1.5, 8]}", "size of 1.5 pixels"},
        {"{\"subject\": \"a\", \"negative-prompt\": \"b\"}", "no field 'negative-prompt'"},
        {"{\"subject\": \"a\", \"strength\": 0.5}", "'strength' needs 'init'"},
        {"{\"subject\": \"a\", \"mask\": \"m.png\"}", "'mask' needs 'init'"},
        {"{\"subject\": \"a\", \"lora\": \"style:heavy\"}", "whose weight is no number"},
        {"{\"subject\": \"a\", \"loras\": [{}]}", "loras[0].name"},
        {"{\"subject\": \"a\", \"loras\": [{\"name\": \"b\", \"unet\": 101}]}", "loras[0].unet"},
        {"{\"subject\": \"a\", \"colors\": 257}", "'colors' is 257"},
        {"{\"subject\": \"a\", \"finish\": {\"palettte\": 1}}", "palettte"},
        {"{\"subject\": \"a\", \"finish\": []}", "'finish'"},
        {"{\"subject\": \"a\", \"kind\": 7}", "'kind'"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        json_t *request = parse(faults[i].request);
        ck_assert_refused(px_request_check("r.json", request, NULL), DGXP_ERR_BAD_FORMAT,
                          faults[i].part);
        json_decref(request);
    }
    static const char *const good[] = {
        "{\"subject\": \"a\"}", "{\"prompt\": \"a\", \"init\": \"/not/opened.png\"}",
        "{\"kind\": \"character\", \"subject\": \"a\", \"style\": \"16bit\", \"view\": \"side\"}",
        "{\"prompt\": \"a\", \"size\": 32, \"lora\": \"style:0.8, lcm:1:0\"}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        json_t *request = parse(good[i]);
        ck_assert_ok(px_request_check("r.json", request, NULL));
        json_decref(request);
    }
}
END_TEST

/* A recipe is a request: what a picture's text says paints it again, byte for byte. */
START_TEST(request_of_a_recipe_is_the_same_picture)
{
    dgxp_model *model = px_stub_open();
    const char *request = "{\"kind\": \"item\", \"subject\": \"red potion\", \"seed\": 7, "
                          "\"steps\": 2, \"size\": [16, 16], \"palette\": \"pico-8\"}";
    char *recipes[2] = {NULL, NULL};
    uint8_t *pixels[2] = {NULL, NULL};
    size_t size = 0;
    for (int i = 0; i < 2; i++) {
        dgxp_job *job = NULL;
        dgxp_result *result = NULL;
        ck_assert_ok(dgxp_job_request(model, i ? recipes[0] : request, NULL, &job));
        ck_assert_ok(dgxp_generate(model, (const dgxp_job *const *)&job, 1, NULL, &result));
        const dgxp_image *image = dgxp_result_image(result, 0);
        size = (size_t)dgxp_image_width(image) * (size_t)dgxp_image_height(image) * 4;
        recipes[i] = px_mem_text(dgxp_result_recipe(result, 0));
        pixels[i] = px_mem_array(size, 1);
        memcpy(pixels[i], dgxp_image_pixels(image), size);
        dgxp_result_free(result);
        dgxp_job_free(job);
    }
    ck_assert_uint_eq(size, 16 * 16 * 4);
    ck_assert_int_eq(memcmp(pixels[0], pixels[1], size), 0);
    ck_assert_str_eq(recipes[0], recipes[1]);
    for (int i = 0; i < 2; i++) {
        px_mem_free(recipes[i]);
        px_mem_free(pixels[i]);
    }
    dgxp_model_free(model);
}
END_TEST

START_TEST(request_pictures_begin_at_the_folder)
{
    dgxp_model *model = px_stub_open();
    dgxp_job *job = NULL;
    dgxp_request_params params = DGXP_REQUEST_PARAMS_INIT;
    params.folder = "/no/where";
    ck_assert_refused(
        dgxp_job_request(model, "{\"prompt\": \"a\", \"init\": \"b.png\"}", &params, &job),
        DGXP_ERR_NOT_FOUND, "/no/where/b.png");
    ck_assert_refused(dgxp_job_request(model, "{\"prompt\": ", NULL, &job), DGXP_ERR_BAD_FORMAT,
                      "the request");
    ck_assert_status(dgxp_job_request(NULL, "{}", NULL, &job), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(job);
    dgxp_model_free(model);
}
END_TEST

int main(void)
{
    px_stub_find();
    Suite *suite = suite_create("request");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_test(core, request_text_takes_its_fields_type);
    tcase_add_test(core, request_weights_go_to_the_named_adapter);
    tcase_add_test(core, request_of_a_recipe_is_the_same_picture);
    tcase_add_test(malformed, request_check_names_field_and_range);
    tcase_add_test(malformed, request_pictures_begin_at_the_folder);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
