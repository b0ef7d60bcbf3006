/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* batch: what a list of wishes means, in its three formats, and what is wrong with it. */
#include "batch/manifest.h"

#include "core/json.h"
#include "core/mem.h"
#include "px_stub.h"

static px_manifest *read_list(const char *name, const char *text, int32_t group)
{
    const px_manifest_params params = {.name = name, .group = group};
    px_manifest *made = NULL;
    ck_assert_ok(px_manifest_create(text, strlen(text), &params, &made));
    return made;
}

static void refuse(const char *name, const char *text, const char *part)
{
    const px_manifest_params params = {.name = name, .group = 4};
    px_manifest *made = NULL;
    ck_assert_refused(px_manifest_create(text, strlen(text), &params, &made), DGXP_ERR_BAD_FORMAT,
                      part);
    ck_assert_ptr_null(made);
}

/* One picture's request in sorted compact JSON, without its seed; yours. */
static char *request_of(const px_manifest *manifest, int32_t picture, int64_t *seed)
{
    px_wish wish;
    ck_assert_ok(px_manifest_wish(manifest, picture, &wish));
    *seed = json_integer_value(json_object_get(wish.request, "seed"));
    json_object_del(wish.request, "seed");
    char *text = px_json_dump(wish.request, JSON_SORT_KEYS | JSON_COMPACT);
    px_wish_free(&wish);
    return text;
}

START_TEST(manifest_formats_mean_the_same)
{
    static const struct {
        const char *name, *text;
    } lists[] = {
        {"l.txt", "# two wishes\n\na knight, \"brave\" --steps 8 --negative-prompt blurry, dark\n"
                  "  a bat --size 32x48 --seed 5\r\n"},
        {"l.jsonl",
         "{\"subject\": \"a knight, \\\"brave\\\"\", \"steps\": 8, \"negative_prompt\": \"blurry, "
         "dark\"}\n\n{\"subject\": \"a bat\", \"size\": [32, 48], \"seed\": 5}"},
        {"l.csv", "\xef\xbb\xbfsubject,steps,negative-prompt,size,seed\r\n"
                  "\"a knight, \"\"brave\"\"\",8,\"blurry, dark\",,\r\na bat,,,32x48,5\r\n"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        px_manifest *list = read_list(lists[i].name, lists[i].text, 4);
        int64_t seed = 0;
        ck_assert_int_eq(px_manifest_lines(list), 2);
        ck_assert_int_eq(px_manifest_pictures(list), 2);
        char *first = request_of(list, 0, &seed), *second = request_of(list, 1, &seed);
        ck_assert_str_eq(first, "{\"negative_prompt\":\"blurry, dark\",\"steps\":8,"
                                "\"subject\":\"a knight, \\\"brave\\\"\"}");
        ck_assert_str_eq(second, "{\"size\":[32,48],\"subject\":\"a bat\"}");
        ck_assert_int_eq(seed, 5);
        px_mem_free(first);
        px_mem_free(second);
        px_manifest_free(list);
    }
}
END_TEST

START_TEST(manifest_groups_what_may_be_painted_together)
{
    px_manifest *list =
        read_list("l.txt", "a --steps 8\nb --steps 9\nc --steps 8\nd --steps 8 --count 2\n", 3);
    int32_t pictures[PX_MANIFEST_GROUP];
    ck_assert_int_eq(px_manifest_pictures(list), 5);
    ck_assert_int_eq(px_manifest_groups(list), 3);
    ck_assert_int_eq(px_manifest_group(list, 0, pictures), 3); /* a, c, the first d */
    ck_assert(pictures[0] == 0 && pictures[1] == 2 && pictures[2] == 3);
    ck_assert_int_eq(px_manifest_group(list, 1, pictures), 1);
    ck_assert_int_eq(px_manifest_group(list, 2, pictures), 1);
    ck_assert_int_eq(pictures[0], 4);
    ck_assert_int_eq(px_manifest_line(list, 4), 4);
    char *where = px_manifest_where(list, 1);
    ck_assert_str_eq(where, "l.txt:2");
    px_mem_free(where);
    px_manifest_free(list);
}
END_TEST

START_TEST(manifest_matrix_varies_each_line)
{
    static const char *const axes[] = {"steps=8,9", "negative-prompt=a\\,b,c"};
    px_manifest_params params = {.name = "l", .group = 1, .matrix = axes, .matrix_count = 2};
    px_manifest *list = NULL;
    int64_t seeds[2] = {0};
    ck_assert_ok(px_manifest_create("one\ntwo", 7, &params, &list));
    ck_assert_int_eq(px_manifest_pictures(list), 8);
    ck_assert_int_eq(px_manifest_columns(list), 2);
    char *last = request_of(list, 3, &seeds[0]), *second = request_of(list, 1, &seeds[1]);
    ck_assert_str_eq(last, "{\"negative_prompt\":\"c\",\"steps\":9,\"subject\":\"one\"}");
    ck_assert_str_eq(second, "{\"negative_prompt\":\"c\",\"steps\":8,\"subject\":\"one\"}");
    ck_assert_int_eq(seeds[0], seeds[1]); /* only the axes differ */
    px_mem_free(last);
    px_mem_free(second);
    px_manifest_free(list);
    params.matrix_count = 1;
    static const char *const faults[] = {"steps", "=8", "steps=8,,9", "stepz=8", "steps=eight"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        params.matrix = &faults[i];
        list = NULL;
        ck_assert_int_ne(px_manifest_create("one", 3, &params, &list), DGXP_OK);
        ck_assert_ptr_null(list);
        ck_assert_ptr_nonnull(strstr(dgxp_last_error(), "`matrix`"));
    }
}
END_TEST

START_TEST(manifest_names_the_line_of_a_fault)
{
    refuse("l.txt", "", "asks for nothing");
    refuse("l.txt", "a --steps eight", "l.txt:1: field 'steps' is \"eight\"");
    refuse("l.txt", "a\nb --steps 0", "l.txt:2: field 'steps' is 0");
    refuse("l.txt", "a --count 0", "l.txt:1: field 'count'");
    refuse("l.txt", "a --name ../b", "field 'name' is '../b'");
    refuse("l.txt", "a --name x\nb --name x", "two lines have the name 'x'");
    refuse("l.jsonl", "{\"subject\": \"a\"}\n[]", "l.jsonl:2: is not an object");
    refuse("l.jsonl", "{\"subject\": \"a\", \"subjct\": 1}", "there is no field 'subjct'");
    refuse("l.jsonl", "{\"subject\": ", "l.jsonl:1");
    refuse("l.csv", "subject,colour\na,b", "names a field 'colour'");
    refuse("l.csv", "subject\na,b", "l.csv:2: has more cells than the header's 1");
    refuse("l.csv", "subject,steps\n\"a\n\nb\",8\nc,x", "l.csv:5: field 'steps'");
    const px_manifest_params params = {.name = "l.txt", .group = 4};
    px_manifest *made = NULL;
    ck_assert_refused(px_manifest_create("a\0b", 3, &params, &made), DGXP_ERR_BAD_FORMAT,
                      "holds a NUL byte");
}
END_TEST

START_TEST(manifest_a_tolerant_list_fails_where_its_turn_comes)
{
    const px_manifest_params params = {.name = "l.txt", .group = 4, .tolerant = true};
    px_manifest *list = NULL;
    px_wish wish;
    static const char text[] = "a\nb --steps eight\nc";
    ck_assert_ok(px_manifest_create(text, strlen(text), &params, &list));
    ck_assert_int_eq(px_manifest_pictures(list), 3);
    ck_assert_ok(px_manifest_wish(list, 0, &wish));
    px_wish_free(&wish);
    ck_assert_refused(px_manifest_wish(list, 1, &wish), DGXP_ERR_BAD_FORMAT, "l.txt:2");
    px_manifest_free(list);
}
END_TEST

int main(void)
{
    px_stub_find();
    Suite *suite = suite_create("manifest");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_test(core, manifest_formats_mean_the_same);
    tcase_add_test(core, manifest_groups_what_may_be_painted_together);
    tcase_add_test(core, manifest_matrix_varies_each_line);
    tcase_add_test(malformed, manifest_names_the_line_of_a_fault);
    tcase_add_test(malformed, manifest_a_tolerant_list_fails_where_its_turn_comes);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
