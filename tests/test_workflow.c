/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* flow: workflow files, their placeholders, and every kind carried out on the stub. */
#include "core/json.h"
#include "px_folder.h"
#include "px_stub.h"

#include <jansson.h>
#include <sys/stat.h>

#define HEAD "{\"format\": \"dgx-pixels-workflow\", \"version\": 1, "

static dgxp_status load(const char *text, const char *values, dgxp_document **out)
{
    const char *path = px_folder_path("w.json");
    ck_assert_ok(px_file_write(path, text, strlen(text)));
    return dgxp_workflow_load(path, values, out);
}

START_TEST(workflow_placeholders_take_values)
{
    dgxp_document *document = NULL;
    ck_assert_ok(load(HEAD "\"kind\": \"sprite\", \"count\": \"{many}\", \"values\": {\"many\": 3, "
                           "\"who\": {\"default\": \"bat\"}}, \"request\": {\"subject\": \"a "
                           "{who} of {many}, {a|b}\"}}",
                      "{\"who\": \"red {bat}\", \"steps\": 4}", &document));
    json_t *filled = json_loads(dgxp_document_text(document), 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(filled, "count")), 3);
    char *text = px_json_dump(json_object_get(filled, "request"), JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(text, "{\"steps\":4,\"subject\":\"a red {bat} of 3, {a|b}\"}");
    px_mem_free(text);
    json_decref(filled);
    dgxp_document_free(document);
}
END_TEST

START_TEST(workflow_faults_are_named)
{
    static const struct {
        const char *text, *values, *part;
    } faults[] = {
        {"", NULL, "w.json"},
        {"{\"format\": \"else\"}", NULL, "is of format 'else'"},
        {HEAD "\"kind\": \"film\", \"request\": {}}", NULL, "'kind'"},
        {HEAD "\"kind\": \"sprite\"}", NULL, "'request' is missing"},
        {HEAD "\"kind\": \"sprite\", \"request\": {\"subject\": \"{who}\"}}", NULL,
         "{who} has no value"},
        {HEAD "\"kind\": \"sprite\", \"request\": {}}", "{\"what\": 1}", "no value of that name"},
        {HEAD "\"kind\": \"sprite\", \"request\": {}}", "[", "the values"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        dgxp_document *document = NULL;
        ck_assert_refused(load(faults[i].text, faults[i].values, &document), DGXP_ERR_BAD_FORMAT,
                          faults[i].part);
        ck_assert_ptr_null(document);
    }
    dgxp_document *document = NULL;
    ck_assert_status(dgxp_workflow_load(px_folder_path("none.json"), NULL, &document),
                     DGXP_ERR_NOT_FOUND);
}
END_TEST

START_TEST(workflow_texts_are_bounded)
{
    /* 4096 places of 8 KiB each would be 32 MiB. */
    const size_t places = 4096, size = 1 << 13;
    char *value = px_mem_array(size + 1, 1), *text = px_mem_zero(places * 4 + 256, 1);
    memset(value, 'x', size);
    value[size] = '\0';
    strcpy(text,
           HEAD "\"kind\": \"sprite\", \"values\": {\"v\": \"\"}, \"request\": {\"subject\": \"");
    for (size_t i = 0; i < places; i++) {
        memcpy(text + strlen(text), "{v}", 3);
    }
    strcat(text, "\"}}");
    char *values = px_mem_format("{\"v\": \"%s\"}", value);
    dgxp_document *document = NULL;
    ck_assert_refused(load(text, values, &document), DGXP_ERR_LIMIT, "grow longer than 16777216");
    px_mem_free(values);
    px_mem_free(text);
    px_mem_free(value);
}
END_TEST

/* The workflows that come with the program; each makes the files that its kind promises. */
START_TEST(workflow_each_kind_makes_its_files)
{
    static const struct {
        const char *name, *values, *files;
    } kinds[] = {
        {"sprite", "{\"subject\": \"bat\", \"seed\": 5, \"steps\": 1, \"count\": 2}",
         "s-1.png s-2.png"},
        {"moves", "{\"subject\": \"bat\", \"seed\": 5, \"steps\": 1, \"motions\": \"idle,hit\"}",
         "s.png s.json s.aseprite s.apng s.n.png"},
        {"moves", "{\"subject\": \"bat\", \"seed\": 5, \"steps\": 1, \"count\": 2}",
         "s-1.png s-2.aseprite s-2.n.png"},
        {"animation", "{\"subject\": \"bat\", \"seed\": 5, \"steps\": 4}",
         "s.png s.json s.aseprite s.apng"},
        {"tileset", "{\"seed\": 5, \"steps\": 1, \"size\": [16, 16], \"set\": \"corner\"}",
         "s.png s.json s.tsx"},
        {"batch", "{\"steps\": 1, \"count\": 1}", ""},
    };
    dgxp_model *model = px_stub_open();
    const char *root = getenv("DGXP_SOURCE_DIR");
    char *motions = px_mem_format("%s/motions", root ? root : ".");
    setenv("DGX_PIXELS_MOTIONS", motions, 1);
    px_mem_free(motions);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *source = getenv("DGXP_SOURCE_DIR");
        char *path = px_mem_format("%s/workflows/%s.json", source ? source : ".", kinds[i].name);
        char *output = px_mem_format("%s/%s-%zu", px_folder, kinds[i].name, i);
        char *wanted = px_mem_text(kinds[i].files), *rest = NULL;
        dgxp_document *document = NULL, *report = NULL;
        const dgxp_workflow_params params = {
            .struct_size = sizeof params, .output = output, .name = "s"};
        ck_assert_int_eq(mkdir(output, 0777), 0);
        ck_assert_ok(dgxp_workflow_load(path, kinds[i].values, &document));
        ck_assert_ok(dgxp_workflow_run(model, dgxp_document_text(document), &params, &report));
        ck_assert_ptr_nonnull(strstr(dgxp_document_text(report), "\"files\""));
        for (char *name = strtok_r(wanted, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
            char *file = px_mem_format("%s/%s", output, name);
            ck_assert_msg(px_file_exists(file), "%s", file);
            px_mem_free(file);
        }
        dgxp_document_free(report);
        dgxp_document_free(document);
        px_mem_free(wanted);
        px_mem_free(output);
        px_mem_free(path);
    }
    dgxp_model_free(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workflow");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_add_checked_fixture(malformed, px_folder_make, px_folder_drop);
    tcase_set_timeout(core, 60);
    tcase_add_test(core, workflow_placeholders_take_values);
    tcase_add_test(core, workflow_each_kind_makes_its_files);
    tcase_add_test(malformed, workflow_faults_are_named);
    tcase_add_test(malformed, workflow_texts_are_bounded);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
