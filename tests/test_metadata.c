/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A1111's parameters against its published reader, and our recipe. */
#include "image/metadata.h"

#include "core/json.h"
#include "core/mem.h"
#include "image/image.h"
#include "px_check.h"

/* python tests/pixels/a1111_golden.py */
static const struct {
    const char *text, *parsed;
} goldens[] = {
    {"a fox\nNegative prompt: blurry\nSteps: 8, Sampler: Euler a, CFG scale: 1.5, Seed: 42, Size: "
     "512x512",
     "{\"prompt\":\"a "
     "fox\",\"negative_prompt\":\"blurry\",\"fields\":{\"Steps\":\"8\",\"Sampler\":\"Euler "
     "a\",\"CFG scale\":\"1.5\",\"Seed\":\"42\",\"Size\":\"512x512\"}}"},
    {"line one\nline two\nNegative prompt: bad,\nworse\nSteps: 20, Sampler: DPM++ 2M, Seed: 1",
     "{\"prompt\":\"line one\\nline "
     "two\",\"negative_prompt\":\"bad,\\nworse\",\"fields\":{\"Steps\":\"20\",\"Sampler\":\"DPM++ "
     "2M\",\"Seed\":\"1\"}}"},
    {"x\nSteps: 1, Lora hashes: \"a: 1f, b: 2e\", Note: \"say \\\"hi\\\"\\nthere\", Version: v1.9",
     "{\"prompt\":\"x\",\"negative_prompt\":\"\",\"fields\":{\"Steps\":\"1\",\"Lora hashes\":\"a: "
     "1f, b: 2e\",\"Note\":\"say \\\"hi\\\"\\nthere\",\"Version\":\"v1.9\"}}"},
    {"only a prompt, with: a colon",
     "{\"prompt\":\"only a prompt, with: a colon\",\"negative_prompt\":\"\",\"fields\":{}}"},
    {"prompt\nSteps: 1, Seed: 2",
     "{\"prompt\":\"prompt\\nSteps: 1, Seed: 2\",\"negative_prompt\":\"\",\"fields\":{}}"},
    {"p\nNegative prompt:\nSteps: 3, a: 9, ab: , Hires upscale: 2, VAE/x-y: \"unclosed, Model: m",
     "{\"prompt\":\"p\",\"negative_prompt\":\"\",\"fields\":{\"Steps\":\"3\",\"ab\":\"\",\"Hires "
     "upscale\":\"2\",\"VAE/x-y\":\"\\\"unclosed\",\"Model\":\"m\"}}"},
    {"", "{\"prompt\":\"\",\"negative_prompt\":\"\",\"fields\":{}}"}};

static void assert_parsed(const char *text, const char *wanted)
{
    json_t *root = NULL;
    ck_assert_ok(px_metadata_parse(text, &root));
    char *got = px_json_dump(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    ck_assert_str_eq(got, wanted);
    px_mem_free(got);
    json_decref(root);
}

START_TEST(texts_parse_as_a1111_does)
{
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        assert_parsed(goldens[i].text, goldens[i].parsed);
    }
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    json_t *wanted = json_pack("{s:s, s:s, s:{s:i, s:s, s:f, s:s, s:s}}", "prompt",
                               "a fox, <lora:pixel:1.2>\nsecond line", "negative_prompt", "blurry",
                               "fields", "Steps", 8, "Sampler", "Euler a", "CFG scale", 1.5,
                               "Palette", "a, b: \"c\"\nd", "Size", "64x64");
    char *text = NULL;
    ck_assert_ok(px_metadata_format(wanted, &text));
    ck_assert_str_eq(text, "a fox, <lora:pixel:1.2>\nsecond line\nNegative prompt: blurry\n"
                           "Steps: 8, Sampler: Euler a, CFG scale: 1.5, "
                           "Palette: \"a, b: \\\"c\\\"\\nd\", Size: 64x64");
    json_t *root = NULL;
    ck_assert_ok(px_metadata_parse(text, &root));
    const json_t *fields = json_object_get(root, "fields");
    ck_assert_str_eq(json_string_value(json_object_get(fields, "Palette")), "a, b: \"c\"\nd");
    ck_assert_str_eq(json_string_value(json_object_get(fields, "CFG scale")), "1.5");
    ck_assert_int_eq((int)json_object_size(fields), 5);
    ck_assert(json_equal(json_object_get(root, "prompt"), json_object_get(wanted, "prompt")));
    json_decref(root);
    json_decref(wanted);
    px_mem_free(text);
}
END_TEST

START_TEST(both_texts_travel_in_the_image)
{
    json_t *parameters = json_pack("{s:s, s:{s:i}}", "prompt", "owl", "fields", "Steps", 4);
    json_t *recipe = json_pack("{s:i, s:s}", "schema", 1, "prompt", "\xc3\xa9t\xc3\xa9"),
           *back = NULL;
    dgxp_image *image = NULL, *decoded = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(dgxp_image_create(2, 2, NULL, &image));
    ck_assert_status(px_metadata_recipe(image, &back), DGXP_ERR_NOT_FOUND);
    ck_assert_ok(px_metadata_write(image, parameters, recipe));
    ck_assert_str_eq(dgxp_image_text(image, "parameters"), "owl\nSteps: 4");
    ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &size));
    ck_assert_ok(dgxp_image_decode(bytes, size, &decoded));
    ck_assert_ok(px_metadata_recipe(decoded, &back));
    ck_assert(json_equal(back, recipe));
    json_decref(parameters);
    json_decref(recipe);
    json_decref(back);
    dgxp_bytes_free(bytes);
    dgxp_image_free(image);
    dgxp_image_free(decoded);
}
END_TEST

START_TEST(public_parse_gives_a_document)
{
    dgxp_document *document = NULL;
    ck_assert_ok(dgxp_parameters_parse("owl\nSteps: 4, Seed: 5, Size: 8x8", &document));
    ck_assert_ptr_nonnull(strstr(dgxp_document_text(document), "\"Seed\": \"5\""));
    dgxp_document_free(document);
    ck_assert_refused(dgxp_parameters_parse(NULL, &document), DGXP_ERR_INVALID_ARGUMENT, "text");
}
END_TEST

START_TEST(any_bytes_parse)
{
    static const char alphabet[] = "ab: ,\"\\\n-/\xc3\xff"
                                   "9NS";
    uint32_t state = 5;
    for (int turn = 0; turn < 5000; turn++) {
        char text[64];
        size_t length = 0;
        for (; length < sizeof text - 1; length++) {
            state = state * 1664525u + 1013904223u;
            text[length] = alphabet[(state >> 8) % (sizeof alphabet - 1)];
        }
        text[length - (size_t)turn % 40] = '\0';
        json_t *root = NULL;
        ck_assert_ok(px_metadata_parse(text, &root));
        json_decref(root);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metadata");
    TCase *core = tcase_create("core");
    tcase_add_test(core, texts_parse_as_a1111_does);
    tcase_add_test(core, what_is_written_is_read_back);
    tcase_add_test(core, both_texts_travel_in_the_image);
    tcase_add_test(core, public_parse_gives_a_document);
    suite_add_tcase(suite, core);
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(malformed, any_bytes_parse);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
