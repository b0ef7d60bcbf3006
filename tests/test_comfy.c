/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* flow: ComfyUI's graphs become workflows, or are refused by node and class. */
#include "flow/comfy.h"

#include "core/json.h"
#include "core/mem.h"
#include "px_check.h"

/* The example that ComfyUI opens with, in its API format; each test changes one text of it. */
static const char plain[] =
    "{\"3\": {\"class_type\": \"KSampler\", \"inputs\": {\"seed\": 18446744073709551615, "
    "\"steps\": 20, \"cfg\": 8.0, \"sampler_name\": \"euler\", \"scheduler\": \"normal\", "
    "\"denoise\": 1.0, \"model\": [\"4\", 0], \"positive\": [\"6\", 0], \"negative\": [\"7\", 0], "
    "\"latent_image\": [\"5\", 0]}},"
    "\"4\": {\"class_type\": \"CheckpointLoaderSimple\", \"inputs\": {\"ckpt_name\": "
    "\"sdxl/tiny.safetensors\"}},"
    "\"5\": {\"class_type\": \"EmptyLatentImage\", \"inputs\": {\"width\": 64, \"height\": 72, "
    "\"batch_size\": 2}},"
    "\"6\": {\"class_type\": \"CLIPTextEncode\", \"inputs\": {\"text\": \"a red slime\", "
    "\"clip\": [\"4\", 1]}},"
    "\"7\": {\"class_type\": \"CLIPTextEncode\", \"inputs\": {\"text\": \"blurry\", "
    "\"clip\": [\"4\", 1]}},"
    "\"8\": {\"class_type\": \"VAEDecode\", \"inputs\": {\"samples\": [\"3\", 0], "
    "\"vae\": [\"4\", 2]}},"
    "\"9\": {\"class_type\": \"SaveImage\", \"inputs\": {\"filename_prefix\": \"slime\", "
    "\"images\": [\"8\", 0]}}}";

/* `plain` with `from` replaced by `to`, imported. */
static dgxp_status import_changed(const char *from, const char *to, json_t **out)
{
    const char *at = strstr(plain, from);
    ck_assert_msg(at != NULL, "%s", from);
    char *text = px_mem_format("%.*s%s%s", (int)(at - plain), plain, to, at + strlen(from));
    json_t *graph = NULL;
    dgxp_status status = px_comfy_parse("g.json", text, strlen(text), &graph);
    ck_assert(status != DGXP_OK || px_comfy_is_graph(graph));
    status = status == DGXP_OK ? px_comfy_import("g.json", graph, out) : status;
    json_decref(graph);
    px_mem_free(text);
    return status;
}

START_TEST(comfy_plain_graph_is_a_workflow)
{
    json_t *workflow = NULL;
    ck_assert_ok(import_changed("18446744073709551615", "156680208700286", &workflow));
    ck_assert_str_eq(json_string_value(json_object_get(workflow, "model")), "tiny");
    ck_assert_int_eq(json_integer_value(json_object_get(workflow, "count")), 2);
    char *text = px_json_dump(json_object_get(workflow, "request"), JSON_COMPACT | JSON_SORT_KEYS);
    /* ComfyUI's own meaning of its fields, as tests/python/test_workflows.py has it, too. */
    ck_assert_str_eq(text,
                     "{\"canvas\":[64,72],\"guidance\":8.0,\"negative_prompt\":\"blurry\","
                     "\"prompt\":\"a red slime\",\"sampler\":\"euler\",\"schedule\":\"normal\","
                     "\"seed\":156680208700286,\"spacing\":\"linspace\",\"steps\":20}");
    px_mem_free(text);
    json_decref(workflow);
}
END_TEST

START_TEST(comfy_seeds_of_64_bits_are_taken)
{
    json_t *workflow = NULL;
    ck_assert_ok(import_changed("blurry", "blurry", &workflow));
    const json_t *request = json_object_get(workflow, "request");
    const int64_t seed = json_integer_value(json_object_get(request, "seed"));
    ck_assert_int_ge(seed, 0);
    ck_assert_int_lt(seed, INT64_C(1) << 53);
    json_decref(workflow);
}
END_TEST

START_TEST(comfy_what_cannot_be_done_names_its_node)
{
    static const struct {
        const char *from, *to, *part;
    } faults[] = {
        {"[\"8\", 0]", "[\"88\", 0]", "88"},
        {"[\"3\", 0]", "[\"8\", 0]", "8"}, /* a circle */
        {"EmptyLatentImage", "EmptyLatentVideo", "EmptyLatentVideo"},
        {"\"steps\": 20", "\"steps\": 0", "steps"},
        {"\"steps\": 20", "\"steps\": \"many\"", "steps"},
        {"\"sampler_name\": \"euler\"", "\"sampler_name\": \"fast\"", "fast"},
        {"\"denoise\": 1.0, ", "", "denoise"},
        {"CheckpointLoaderSimple", "UNETLoader", "whole checkpoint"},
        {"SaveImage", "Note", "g.json"},
        {"\"text\": \"blurry\", ", "", "text"},
        {"\"width\": 64", "\"width\": -64", "width"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        json_t *workflow = NULL;
        const dgxp_status status = import_changed(faults[i].from, faults[i].to, &workflow);
        ck_assert_msg(status == DGXP_ERR_UNSUPPORTED || status == DGXP_ERR_BAD_FORMAT, "%s: %s",
                      faults[i].to, dgxp_status_name(status));
        ck_assert_msg(strstr(dgxp_last_error(), faults[i].part), "%s: %s", faults[i].to,
                      dgxp_last_error());
        ck_assert_ptr_null(workflow);
    }
}
END_TEST

/* Every end of the text: refused with a sentence, or read; never a stray byte. */
START_TEST(comfy_cut_texts_are_refused)
{
    for (size_t length = 0; length + 1 < sizeof plain; length += 7) {
        json_t *graph = NULL;
        char *text = px_mem_textn(plain, length);
        ck_assert_status(px_comfy_parse("g.json", text, length, &graph), DGXP_ERR_BAD_FORMAT);
        ck_assert_ptr_null(graph);
        px_mem_free(text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comfy");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_test(core, comfy_plain_graph_is_a_workflow);
    tcase_add_test(core, comfy_seeds_of_64_bits_are_taken);
    tcase_add_test(malformed, comfy_what_cannot_be_done_names_its_node);
    tcase_add_test(malformed, comfy_cut_texts_are_refused);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
