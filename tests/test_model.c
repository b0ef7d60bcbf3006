/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: what a model, its adapters and this machine tell of themselves. */
#include "px_folder.h"
#include "px_stub.h"

#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

static dgxp_model *model;

static void set_up(void)
{
    px_folder_make();
    setenv("XDG_CONFIG_HOME", px_folder, 1);
    model = px_stub_open();
}

static void tear_down(void)
{
    dgxp_model_free(model);
    px_folder_drop();
}

static json_t *take(dgxp_status status, dgxp_document **document)
{
    ck_assert_ok(status);
    json_t *value = json_loads(dgxp_document_text(*document), 0, NULL);
    ck_assert_ptr_nonnull(value);
    dgxp_document_free(*document);
    *document = NULL;
    return value;
}

START_TEST(model_tells_what_it_is)
{
    dgxp_document *document = NULL;
    json_t *about = take(dgxp_model_describe(model, &document), &document);
    ck_assert_str_eq(json_string_value(json_object_get(about, "title")), "DGX-Pixels starter");
    json_decref(about);
    json_t *list = take(dgxp_list_models(&document), &document);
    ck_assert_ptr_nonnull(list);
    json_decref(list);
    ck_assert_int_eq(dgxp_version(), DGXP_VERSION);
}
END_TEST

START_TEST(model_and_machine)
{
    int32_t count = 0;
    dgxp_document *document = NULL;
    ck_assert_ok(dgxp_device_count(&count));
    ck_assert_int_eq(count, 1);
    json_t *found = take(dgxp_doctor(0, &document), &document);
    const json_t *library = json_object_get(found, "library");
    ck_assert_str_eq(json_string_value(json_object_get(library, "version")), dgxp_version_text());
    json_decref(found);
    ck_assert_int_eq(dgxp_device_count(NULL), DGXP_ERR_INVALID_ARGUMENT);
}
END_TEST

START_TEST(model_adapters_come_and_go)
{
    dgxp_document *document = NULL;
    dgxp_lora *lora = NULL;
    float value = 0;
    json_t *list = take(dgxp_list_loras(model, &document), &document);
    const char *name = json_string_value(json_object_get(json_array_get(list, 0), "name"));
    ck_assert_msg(name != NULL, "the starter has no adapter");
    ck_assert_ok(dgxp_lora_load(name, model, &lora));
    const dgxp_lora_use use = {lora, 1, 1, 1}, heavy = {lora, 101, 0, 0};
    json_t *report = take(dgxp_model_set_loras(model, &use, 1, 1, &document), &document);
    json_decref(report);
    ck_assert_status(dgxp_model_set_loras(model, &heavy, 1, 1, NULL), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_model_set_loras(model, &use, 65, 1, NULL), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_ok(dgxp_model_keep_loras(model, 1 << 20));
    ck_assert_ok(dgxp_model_set_loras(model, NULL, 0, 0, NULL));
    ck_assert_int_ne(dgxp_model_read_weight(model, "unet", "no.such.weight", &value, 1), DGXP_OK);
    ck_assert_refused(dgxp_model_read_weight(model, "brain", "w", &value, 1), DGXP_ERR_NOT_FOUND,
                      "no component 'brain'");
    dgxp_lora_free(lora);
    json_decref(list);
}
END_TEST

/* A mapped adapter that is cut while it is in use ends the process with SIGBUS. */
START_TEST(model_without_mappings_outlives_cut_adapters)
{
    const dgxp_model_params params = {.struct_size = sizeof params, .no_mmap = 1};
    dgxp_model *own = NULL;
    dgxp_lora *lora = NULL;
    dgxp_job *job = NULL;
    dgxp_result *result = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *file = px_mem_format("%s/starter/loras/nouns.safetensors", getenv("DGX_PIXELS_MODELS"));
    char *path = px_mem_text(px_folder_path("cut.safetensors"));
    ck_assert_ok(px_file_read(file, 1 << 30, &bytes, &size));
    ck_assert_ok(px_file_write(path, bytes, size));
    ck_assert_ok(dgxp_model_open("starter", &params, &own));
    ck_assert_ok(dgxp_lora_load(path, own, &lora));
    ck_assert_int_eq(truncate(path, 0), 0);
    const dgxp_lora_use use = {lora, 1, 1, 1};
    ck_assert_ok(dgxp_model_set_loras(own, &use, 1, 1, NULL));
    ck_assert_ok(dgxp_model_set_loras(own, NULL, 0, 0, NULL));

    /* The same of one that jobs name: opened by the first, cut, and still held by the model. */
    ck_assert_ok(px_file_write(path, bytes, size));
    ck_assert_ok(dgxp_job_create("a knight", &job));
    ck_assert_ok(dgxp_job_add_lora(job, path, 1, 1));
    const dgxp_job *jobs[] = {job};
    ck_assert_ok(dgxp_generate(own, jobs, 1, NULL, &result));
    dgxp_result_free(result);
    ck_assert_int_eq(truncate(path, 8), 0);
    ck_assert_refused(dgxp_generate(own, jobs, 1, NULL, &result), DGXP_ERR_BAD_FORMAT,
                      "cut.safetensors");
    ck_assert_ok(dgxp_model_set_loras(own, &use, 1, 1, NULL));
    dgxp_job_free(job);
    dgxp_lora_free(lora);
    dgxp_model_free(own);
    px_mem_free(bytes);
    px_mem_free(path);
    px_mem_free(file);
}
END_TEST

START_TEST(model_programs_are_trusted_by_their_hash)
{
    dgxp_document *document = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    const char *source = getenv("DGXP_SOURCE_DIR");
    char *known = px_mem_format("%s/src/diffusion/trusted_programs.inc", source ? source : ".");
    char *program =
        px_mem_format("%s/starter/programs/vae_decoder.pt.gz", getenv("DGX_PIXELS_MODELS"));
    json_t *told = take(dgxp_trust_program(program, &document), &document);
    const char *hash = json_string_value(json_object_get(told, "sha256"));
    ck_assert_ok(px_file_read(known, 1 << 20, &bytes, &size));
    ck_assert_ptr_nonnull(
        strstr((const char *)bytes, hash)); /* Python's, of the program unpacked */
    px_mem_free(bytes);
    px_mem_free(program);
    px_mem_free(known);
    ck_assert_str_eq(json_string_value(json_object_get(told, "known_as")), "starter/vae_decoder");
    ck_assert(!px_file_exists(px_folder_path("dgx-pixels"))); /* it was trusted before */
    json_decref(told);
    ck_assert_ok(px_file_write(px_folder_path("p.pt"), "a program", 9));
    ck_assert_refused(dgxp_trust_program(px_folder_path("p.pt"), &document), DGXP_ERR_BAD_FORMAT,
                      "is no TorchScript program");
    ck_assert_status(dgxp_trust_program(px_folder_path("none.pt"), &document), DGXP_ERR_NOT_FOUND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, set_up, tear_down);
    tcase_add_test(core, model_tells_what_it_is);
    tcase_add_test(core, model_and_machine);
    tcase_add_test(core, model_adapters_come_and_go);
    tcase_add_test(core, model_without_mappings_outlives_cut_adapters);
    tcase_add_test(core, model_programs_are_trusted_by_their_hash);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
