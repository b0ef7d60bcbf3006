/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* core: JSON that is bounded, fields that name their path, documents. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "px_check.h"

#include <math.h>
#include <unistd.h>

static json_t *parse(const char *text, px_json *root)
{
    json_t *value = NULL;
    ck_assert_ok(px_json_parse("f.json", text, strlen(text), &value));
    ck_assert_ok(px_json_root("f.json", value, root));
    return value;
}

START_TEST(json_fields_are_read)
{
    px_json root, inner, list;
    int64_t integer = 0, kept = 7;
    double number = 0, pair[2] = {0, 0};
    bool flag = false;
    const char *text = NULL;
    int32_t choice = -1;
    static const char *const names[] = {"red", "green"};
    json_t *value = parse("{\"a\":{\"n\":-3,\"x\":2,\"t\":\"hi\",\"c\":\"green\"},\"f\":true,"
                          "\"z\":null,\"p\":[1,2.5]}",
                          &root);
    ck_assert_ok(px_json_object(&root, "a", PX_JSON_REQUIRED, &inner));
    ck_assert_ok(px_json_integer(&inner, "n", PX_JSON_REQUIRED, -3, 0, &integer));
    ck_assert_int_eq(integer, -3);
    ck_assert_ok(px_json_number(&inner, "x", PX_JSON_REQUIRED, 0, 2, &number));
    ck_assert_double_eq(number, 2);
    ck_assert_ok(px_json_text(&inner, "t", PX_JSON_REQUIRED, 2, &text));
    ck_assert_str_eq(text, "hi");
    ck_assert_ok(px_json_choice(&inner, "c", PX_JSON_REQUIRED, names, 2, &choice));
    ck_assert_int_eq(choice, 1);
    ck_assert_ok(px_json_boolean(&root, "f", PX_JSON_REQUIRED, &flag));
    ck_assert(flag);
    ck_assert_ok(px_json_numbers(&root, "p", PX_JSON_REQUIRED, 2, pair));
    ck_assert_double_eq(pair[1], 2.5);
    /* Absent and null keep what was there; an absent object has no fields. */
    ck_assert_ok(px_json_integer(&root, "z", PX_JSON_OPTIONAL, 0, 1, &kept));
    ck_assert_ok(px_json_object(&root, "none", PX_JSON_OPTIONAL, &inner));
    ck_assert_ptr_null(inner.value);
    ck_assert_ok(px_json_integer(&inner, "n", PX_JSON_OPTIONAL, 0, 1, &kept));
    ck_assert_int_eq(kept, 7);
    ck_assert_ok(px_json_array(&root, "none", PX_JSON_OPTIONAL, 1, &list));
    ck_assert_uint_eq(px_json_count(&list), 0);
    json_decref(value);
}
END_TEST

START_TEST(json_complaints_name_the_path)
{
    px_json root, a, list, element;
    int64_t integer = 5;
    double number;
    bool flag;
    const char *text;
    int32_t choice;
    static const char *const names[] = {"red", "green"};
    json_t *value = parse("{\"a\":{\"b\":[{\"c\":9},4],\"t\":\"long\"}}", &root);
    ck_assert_ok(px_json_object(&root, "a", PX_JSON_REQUIRED, &a));
    ck_assert_ok(px_json_array(&a, "b", PX_JSON_REQUIRED, 2, &list));
    ck_assert_ok(px_json_element_object(&list, 0, &element));
    ck_assert_refused(px_json_integer(&element, "c", PX_JSON_REQUIRED, 0, 8, &integer),
                      DGXP_ERR_BAD_FORMAT, "f.json: field 'a.b[0].c' is 9; it must be 0 to 8");
    ck_assert_int_eq(integer, 5);
    ck_assert_refused(px_json_element_object(&list, 1, &element), DGXP_ERR_BAD_FORMAT,
                      "field 'a.b[1]' is an integer; it must be an object");
    ck_assert_refused(px_json_boolean(&a, "t", PX_JSON_REQUIRED, &flag), DGXP_ERR_BAD_FORMAT,
                      "'a.t' is text; it must be true or false");
    ck_assert_refused(px_json_number(&a, "b", PX_JSON_REQUIRED, 0, 1, &number), DGXP_ERR_BAD_FORMAT,
                      "is an array; it must be a number");
    ck_assert_refused(px_json_text(&a, "t", PX_JSON_REQUIRED, 3, &text), DGXP_ERR_LIMIT,
                      "has 4 bytes; the limit is 3");
    ck_assert_refused(px_json_text(&a, "gone", PX_JSON_REQUIRED, 3, &text), DGXP_ERR_BAD_FORMAT,
                      "field 'a.gone' is missing");
    ck_assert_refused(px_json_choice(&a, "t", PX_JSON_REQUIRED, names, 2, &choice),
                      DGXP_ERR_BAD_FORMAT, "is \"long\"; it must be one of \"red\", \"green\"");
    ck_assert_refused(px_json_array(&a, "b", PX_JSON_REQUIRED, 1, &list), DGXP_ERR_LIMIT,
                      "has 2 elements; the limit is 1");
    json_decref(value);
    ck_assert_ok(px_json_parse("f.json", "3", 1, &value));
    ck_assert_refused(px_json_root("f.json", value, &root), DGXP_ERR_BAD_FORMAT,
                      "f.json: the document is an integer; it must be an object");
    json_decref(value);
}
END_TEST

/* Whatever stood in the output: after a failure there is nothing to loop over or to free. */
START_TEST(json_outputs_are_empty_after_a_failure)
{
    px_json root, out;
    json_t *document = parse("{\"a\":[1,2,3],\"o\":{\"k\":1},\"x\":\"text\"}", &root);
#define CHECK_EMPTY(call)                                                                          \
    do {                                                                                           \
        memset(&out, 0x5a, sizeof out);                                                            \
        ck_assert((call) != DGXP_OK);                                                              \
        ck_assert_ptr_null(out.value);                                                             \
        ck_assert_uint_eq(px_json_count(&out), 0);                                                 \
    } while (0)
    CHECK_EMPTY(px_json_object(&root, "x", PX_JSON_OPTIONAL, &out));
    CHECK_EMPTY(px_json_object(&root, "a", PX_JSON_OPTIONAL, &out));
    CHECK_EMPTY(px_json_object(&root, "absent", PX_JSON_REQUIRED, &out));
    CHECK_EMPTY(px_json_array(&root, "x", PX_JSON_OPTIONAL, 9, &out));
    CHECK_EMPTY(px_json_array(&root, "o", PX_JSON_REQUIRED, 9, &out));
    CHECK_EMPTY(px_json_array(&root, "a", PX_JSON_REQUIRED, 2, &out));
    CHECK_EMPTY(px_json_array(&root, "absent", PX_JSON_REQUIRED, 9, &out));
#undef CHECK_EMPTY
    json_decref(document);
    document = (json_t *)&root;
    ck_assert_status(px_json_parse("f.json", "{", 1, &document), DGXP_ERR_BAD_FORMAT);
    ck_assert_ptr_null(document);
    document = (json_t *)&root;
    ck_assert_status(px_json_parse("f.json", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 34, &document),
                     DGXP_ERR_LIMIT);
    ck_assert_ptr_null(document);
    document = (json_t *)&root;
    ck_assert_status(px_json_load("/no/such/file", 9, &document), DGXP_ERR_NOT_FOUND);
    ck_assert_ptr_null(document);
}
END_TEST

/* Any depth of fields, any length of keys: the path is cut, never overrun. */
START_TEST(json_long_paths_are_cut)
{
    char key[301] = "", text[340];
    px_json at, deeper;
    memset(key, 'k', 300);
    snprintf(text, sizeof text, "{\"%s\":{}}", key);
    json_t *value = parse(text, &at);
    for (int i = 0; i < 8; i++) {
        ck_assert_ok(px_json_object(&at, key, PX_JSON_OPTIONAL, &deeper));
        ck_assert_uint_lt(strlen(deeper.path), sizeof deeper.path);
        at = deeper;
        at.value = value;
    }
    json_decref(value);
}
END_TEST

START_TEST(json_names_of_choices_and_of_fields)
{
    static const char *const known[] = {"sampler", "dither"};
    int32_t count = 0, value = -7;
    const dgxp_choice *samplers = dgxp_choices("sampler", &count);
    json_t *document = NULL;
    px_json root;
    const char text[] = "{\"sampler\": \"tcd\", \"dither\": \"bayer3\"}";
    ck_assert_ok(px_json_parse("a.json", text, sizeof text - 1, &document));
    ck_assert_ok(px_json_root("a.json", document, &root));
    ck_assert_ok(px_json_named(&root, "sampler", PX_JSON_REQUIRED, samplers, count, &value));
    ck_assert_int_eq(value, DGXP_SAMPLER_TCD);
    ck_assert_ok(px_json_named(&root, "absent", PX_JSON_OPTIONAL, samplers, count, &value));
    ck_assert_int_eq(value, DGXP_SAMPLER_TCD);
    ck_assert_refused(px_json_named(&root, "dither", PX_JSON_REQUIRED, samplers, count, &value),
                      DGXP_ERR_BAD_FORMAT, "\"bayer3\"; it must be one of \"auto\", \"euler\"");
    /* More names than any list of ours has: none may be cut off. */
    dgxp_choice many[40];
    char names[40][16];
    for (int32_t i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        many[i] = (dgxp_choice){100 + i, i == 39 ? "tcd" : names[i], ""};
    }
    ck_assert_ok(px_json_named(&root, "sampler", PX_JSON_REQUIRED, many, 40, &value));
    ck_assert_int_eq(value, 139);
    ck_assert_ok(px_json_only(&root, "field", known, 2));
    ck_assert_refused(px_json_only(&root, "step", known, 1), DGXP_ERR_BAD_FORMAT,
                      "has the unknown step 'dither'; there are sampler");
    json_decref(document);
}
END_TEST

START_TEST(json_limits)
{
    char text[80] = "";
    json_t *value = NULL;
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    ck_assert_ok(px_json_parse("f.json", text, 64, &value));
    json_decref(value);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    ck_assert_refused(px_json_parse("f.json", text, 66, &value), DGXP_ERR_LIMIT, "deeper than 32");
    /* Brackets in text are not depth, escaped quotes do not end it. */
    const char *quoted = "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]";
    ck_assert_ok(px_json_parse("f.json", quoted, strlen(quoted), &value));
    json_decref(value);
    ck_assert_refused(px_json_load("/proc/self/exe", 10, &value), DGXP_ERR_LIMIT, "limit is 10");
}
END_TEST

START_TEST(json_malformed_names_the_line)
{
    static const struct {
        const char *text;
        size_t size;
        const char *part;
    } cases[] = {
        {"", 0, "f.json:1: not valid JSON"},
        {"{\"a\":1,\n\"a\":2}", 14, "f.json:2: not valid JSON: duplicate"},
        {"{\n\n nope}", 9, "f.json:3: not valid JSON"},
        {"{} {}", 5, "end of file expected"},
        {"\"\xff\"", 3, "unable to decode byte 0xff"},
        {"\"a\\u0000\"", 9, "\\u0000"},
        {"99999999999999999999", 20, "too big"},
        {"1e999", 5, "real number overflow"},
        {"[1,2", 4, "f.json:1"},
        {"\"\\", 2, "f.json:1"},
    };
    json_t *value = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *exact = px_mem_textn(cases[i].text, cases[i].size);
        ck_assert_refused(px_json_parse("f.json", exact, cases[i].size, &value),
                          DGXP_ERR_BAD_FORMAT, cases[i].part);
        px_mem_free(exact);
    }
    ck_assert_refused(px_json_load("/nowhere/f.json", 10, &value), DGXP_ERR_NOT_FOUND, "/nowhere");
}
END_TEST

START_TEST(json_documents_are_built)
{
    dgxp_document *document = NULL;
    json_t *object = json_object(), *list = json_array();
    ck_assert(px_json_append(list, json_integer(1)) && px_json_put(object, "z", list) &&
              px_json_put_text(object, "a",
                               "b\xc3\xa4"
                               "c") &&
              px_json_put_text(object, "none", NULL) && px_json_put_number(object, "nan", NAN) &&
              px_json_put_number(object, "x", 0.1) && px_json_put_boolean(object, "f", false) &&
              px_json_put_integer(object, "n", INT64_MAX));
    char *line = px_json_print(object);
    ck_assert_str_eq(line, "{\"z\":[1],\"a\":\"b\xc3\xa4"
                           "c\",\"none\":null,\"nan\":null,\"x\":0.1,"
                           "\"f\":false,\"n\":9223372036854775807}");
    px_mem_free(line);
    ck_assert_ok(px_json_document(object, &document));
    ck_assert_ptr_nonnull(strstr(dgxp_document_text(document), "{\n  \"z\": ["));
    dgxp_document_free(document);
    dgxp_document_free(NULL);
    ck_assert(!px_json_put_text(NULL, "a", "b"));
    ck_assert_status(px_json_document(NULL, &document), DGXP_ERR_OUT_OF_MEMORY);
}
END_TEST

/* python3 -c "print(b'a\xffb\xe2\x98\xed\xa0\x80\xc0\xafz'.decode('utf-8', 'replace'))" shows the
 * same letters; ours gives one U+FFFD a byte. */
START_TEST(json_text_that_is_not_utf8_is_repaired)
{
    json_t *value = px_json_string("a\xff"
                                   "b\xe2\x98"
                                   "\xed\xa0\x80\xc0\xafz",
                                   11);
    ck_assert_ptr_nonnull(value);
    ck_assert_str_eq(json_string_value(value),
                     "a\xef\xbf\xbd"
                     "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                     "\xef\xbf\xbd\xef\xbf\xbdz");
    json_decref(value);
    value = px_json_string("\xf0\x9f\x90\x89", 4);
    ck_assert_str_eq(json_string_value(value), "\xf0\x9f\x90\x89");
    json_decref(value);
}
END_TEST

START_TEST(json_documents_are_read_by_path)
{
    json_t *root =
        json_loads("{\"files\": [{\"path\": \"a.png\", \"new\": true}, {\"path\": \"\"}], "
                   "\"score\": 81.5, \"seed\": 7, \"none\": null}",
                   0, NULL);
    dgxp_document *document = NULL;
    const char *text = "kept";
    double number = -1;
    int32_t count = -1;
    ck_assert_ok(px_json_document(root, &document));
    ck_assert_ok(dgxp_document_string(document, "files[0].path", &text));
    ck_assert_str_eq(text, "a.png");
    ck_assert_ok(dgxp_document_string(document, "files[1].path", &text));
    ck_assert_str_eq(text, "");
    ck_assert_ok(dgxp_document_number(document, "score", &number));
    ck_assert_double_eq(number, 81.5);
    ck_assert_ok(dgxp_document_number(document, "seed", &number));
    ck_assert_double_eq(number, 7);
    ck_assert_ok(dgxp_document_number(document, "files[0].new", &number));
    ck_assert_double_eq(number, 1);
    ck_assert_ok(dgxp_document_count(document, "files", &count));
    ck_assert_int_eq(count, 2);
    ck_assert_ok(dgxp_document_count(document, "", &count));
    ck_assert_int_eq(count, 4);
    static const char *const absent[] = {"file",
                                         "files[2]",
                                         "files[0]path[0]",
                                         "files[",
                                         "files[]",
                                         "files[-1]",
                                         "files[0",
                                         "score.x",
                                         "[0]",
                                         ".",
                                         "files[99999999999999999999]"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        ck_assert_refused(dgxp_document_number(document, absent[i], &number), DGXP_ERR_NOT_FOUND,
                          absent[i]);
    }
    ck_assert_refused(dgxp_document_number(document, "files", &number), DGXP_ERR_BAD_FORMAT,
                      "no number at 'files'");
    ck_assert_refused(dgxp_document_string(document, "none", &text), DGXP_ERR_BAD_FORMAT,
                      "no text");
    ck_assert_refused(dgxp_document_count(document, "score", &count), DGXP_ERR_BAD_FORMAT,
                      "no list");
    ck_assert_status(dgxp_document_number(document, NULL, &number), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_document_string(NULL, "", &text), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_document_count(document, "", NULL), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_double_eq(number, 1);
    ck_assert_str_eq(text, "");
    dgxp_document_free(document);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, json_fields_are_read);
    tcase_add_test(core, json_outputs_are_empty_after_a_failure);
    tcase_add_test(core, json_documents_are_built);
    tcase_add_test(core, json_documents_are_read_by_path);
    tcase_add_test(core, json_names_of_choices_and_of_fields);
    tcase_add_test(limits, json_limits);
    tcase_add_test(limits, json_long_paths_are_cut);
    tcase_add_test(malformed, json_complaints_name_the_path);
    tcase_add_test(malformed, json_malformed_names_the_line);
    tcase_add_test(malformed, json_text_that_is_not_utf8_is_repaired);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
