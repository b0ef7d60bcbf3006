/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: what dgxp_inspect() says about the files that people have. */
#include "core/file.h"
#include "core/mem.h"
#include "px_check.h"

#include <jansson.h>
#include <unistd.h>

static char folder[] = "/tmp/dgxp-test-inspect-XXXXXX";

static char *write_tensors(const char *name, const char *header, size_t data)
{
    const size_t length = strlen(header);
    uint8_t *bytes = px_mem_zero(8 + length + data, 1);
    char *path = px_file_join(folder, name);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)length >> 8 * i);
    }
    memcpy(bytes + 8, header, length);
    ck_assert_ok(px_file_write(path, bytes, 8 + length + data));
    px_mem_free(bytes);
    return path;
}

static json_t *inspect(const char *path)
{
    dgxp_document *document = NULL;
    ck_assert_ok(dgxp_inspect(path, &document));
    json_t *value = json_loads(dgxp_document_text(document), 0, NULL);
    ck_assert_ptr_nonnull(value);
    dgxp_document_free(document);
    return value;
}

static void expect_text(const json_t *object, const char *key, const char *text)
{
    const char *got = json_string_value(json_object_get(object, key));
    ck_assert_msg(got && strcmp(got, text) == 0, "%s is %s", key, got ? got : "no text");
}

static void expect_integer(const json_t *object, const char *key, int64_t value)
{
    ck_assert_int_eq(json_integer_value(json_object_get(object, key)), value);
}

START_TEST(inspect_names_a_lora)
{
    char *path =
        write_tensors("pixel.safetensors",
                      "{\"__metadata__\":{\"ss_network_dim\":\"8\",\"modelspec.license\":\"MIT\"},"
                      "\"lora_unet_input_blocks_4_1_proj_in.lora_down.weight\":{\"dtype\":\"F16\","
                      "\"shape\":[8,4],\"data_offsets\":[0,64]}}",
                      64);
    json_t *value = inspect(path);
    expect_text(value, "type", "lora");
    expect_text(value, "dtype", "F16");
    expect_text(value, "license", "MIT");
    expect_integer(value, "rank", 8);
    expect_integer(value, "parameters", 32);
    expect_text(json_object_get(value, "metadata"), "ss_network_dim", "8");
    json_decref(value);
    px_mem_free(path);
}
END_TEST

START_TEST(inspect_names_checkpoints)
{
    char *path = write_tensors(
        "v.safetensors",
        "{\"model.diffusion_model.input_blocks.0.0.weight\":{\"dtype\":\"BF16\","
        "\"shape\":[4,4,3,3],\"data_offsets\":[0,288]},"
        "\"model.diffusion_model.label_emb.0.0.weight\":{\"dtype\":\"BF16\",\"shape\":[2,4],"
        "\"data_offsets\":[288,304]},"
        "\"v_pred\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[304,304]}}",
        304);
    json_t *value = inspect(path);
    expect_text(value, "type", "checkpoint");
    expect_text(value, "family", "sdxl");
    expect_text(value, "prediction", "v");
    expect_text(value, "dtype", "BF16");
    expect_integer(value, "tensors", 3);
    const json_t *components = json_object_get(value, "components");
    expect_text(json_object_get(components, "unet"), "layout", "original");
    ck_assert(json_is_null(json_object_get(components, "vae_decoder")));
    json_decref(value);
    px_mem_free(path);
    path = write_tensors("sd1.safetensors",
                         "{\"cond_stage_model.transformer.x\":{\"dtype\":\"F32\",\"shape\":[1],"
                         "\"data_offsets\":[0,4]}}",
                         4);
    value = inspect(path);
    expect_text(value, "family", "sd1");
    ck_assert(json_is_false(json_object_get(value, "usable")));
    json_decref(value);
    px_mem_free(path);
}
END_TEST

START_TEST(inspect_names_pictures_and_programs)
{
    dgxp_image *image = NULL;
    char *path = px_file_join(folder, "x.png");
    ck_assert_ok(dgxp_image_create(3, 2, NULL, &image));
    ck_assert_ok(dgxp_image_set_text(image, "Title", "knight"));
    ck_assert_ok(dgxp_image_save(image, path, NULL));
    dgxp_image_free(image);
    json_t *value = inspect(path);
    expect_text(value, "type", "png");
    expect_integer(value, "width", 3);
    expect_integer(value, "height", 2);
    expect_text(json_object_get(value, "text"), "Title", "knight");
    json_decref(value);
    px_mem_free(path);
    const char *source = getenv("DGXP_SOURCE_DIR");
    path = px_file_join(source ? source : ".", "models/sdxl");
    value = inspect(path);
    expect_text(value, "type", "programs");
    expect_text(value, "name", "sdxl");
    expect_integer(value, "programs", 11);
    json_decref(value);
    px_mem_free(path);
}
END_TEST

/* Of 200,000 bytes of metadata a part is shown, valid UTF-8 wherever it was cut. */
START_TEST(inspect_cuts_long_metadata)
{
    const size_t long_text = 200001;
    char *header = px_mem_alloc(long_text + 200), *end = header;
    end += sprintf(end, "{\"__metadata__\":{\"k\":\"a");
    for (size_t i = 0; i < long_text / 3; i++) {
        memcpy(end, "\xe2\x98\x83", 3);
        end += 3;
    }
    strcpy(end, "\"}}");
    char *path = write_tensors("long.safetensors", header, 0);
    json_t *value = inspect(path);
    const json_t *text = json_object_get(json_object_get(value, "metadata"), "k");
    ck_assert_uint_ge(json_string_length(text), 400);
    ck_assert_uint_lt(json_string_length(text), 420);
    json_decref(value);
    px_mem_free(path);
    px_mem_free(header);
}
END_TEST

START_TEST(inspect_refuses_what_it_cannot_read)
{
    dgxp_document *document = NULL;
    char *path = px_file_join(folder, "a.ckpt");
    ck_assert_ok(px_file_write(path, "PK\003\004...........", 15));
    ck_assert_refused(dgxp_inspect(path, &document), DGXP_ERR_UNSUPPORTED, "pickled checkpoint");
    ck_assert_refused(dgxp_inspect("/nowhere", &document), DGXP_ERR_NOT_FOUND, "/nowhere");
    ck_assert_status(dgxp_inspect(NULL, &document), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_inspect(path, NULL), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_refused(dgxp_inspect(folder, &document), DGXP_ERR_UNSUPPORTED, "model_index.json");
    ck_assert_ptr_null(document);
    px_mem_free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inspect");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    if (!mkdtemp(folder)) {
        return EXIT_FAILURE;
    }
    tcase_add_test(core, inspect_names_a_lora);
    tcase_add_test(core, inspect_names_checkpoints);
    tcase_add_test(core, inspect_names_pictures_and_programs);
    tcase_add_test(limits, inspect_cuts_long_metadata);
    tcase_add_test(malformed, inspect_refuses_what_it_cannot_read);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    const int code = px_check_run(suite);
    char *command = px_mem_format("rm -rf %s", folder);
    const int removed = system(command);
    px_mem_free(command);
    return removed ? EXIT_FAILURE : code;
}
