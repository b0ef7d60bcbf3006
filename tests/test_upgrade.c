/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* game: old names and places, told and mended.  tests/python/test_upgrade.py has every kind of file. */
#include "game/renames.h"

#include "px_folder.h"

static const char project[] = "{\"format\": 1, \"defaults\": {\"cfg\": 3}, \"assets\": []}";

static void write_text(const char *name, const char *text)
{
    ck_assert_ok(px_file_write(px_folder_path(name), text, strlen(text)));
}

START_TEST(upgrade_tells_then_mends_once)
{
    dgxp_document *told = NULL;
    write_text("dgx-pixels.json", project);
    ck_assert_ok(dgxp_upgrade(px_folder, 1, &told));
    ck_assert_ptr_nonnull(strstr(dgxp_document_text(told), "'cfg' is called 'guidance'"));
    dgxp_document_free(told);
    px_folder_expect("dgx-pixels.json", project);
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(dgxp_upgrade(px_folder, 0, &told));
        ck_assert((strstr(dgxp_document_text(told), "rewrite") != NULL) == (i == 0));
        dgxp_document_free(told);
        px_folder_expect("dgx-pixels.json",
                         "{\n  \"format\": 1,\n  \"defaults\": {\n    \"guidance\": 3\n  },\n"
                         "  \"assets\": []\n}\n");
        px_folder_expect("dgx-pixels.json.old", project);
    }
}
END_TEST

START_TEST(upgrade_says_what_it_cannot_look_at)
{
    dgxp_document *told = NULL;
    ck_assert_refused(dgxp_upgrade(px_folder_path("nothing"), 1, &told), DGXP_ERR_NOT_FOUND,
                      "nothing");
    ck_assert_refused(dgxp_upgrade(px_folder, 1, NULL), DGXP_ERR_INVALID_ARGUMENT, "out");
    ck_assert_ptr_null(told);
}
END_TEST

START_TEST(renames_leave_the_texts_of_others_alone)
{
    static const struct {
        const char *path, *text;
    } others[] = {
        {"a.json", "{\"width\": 3, \"prompt\": \"x\"}"},
        {"a.json", "[{\"width\": 3, \"tile\": \"x\"}]"},
        {"a.json", "{\"format\": 1, \"width\": 3"},
        {"a.json", "[]"},
        {"a.jsonl", "{\"prompt\": \"a\", \"cfg\": 3}\n{\"prompt\": \"a\", \"speaker\": 3}\n"},
        {"a.jsonl", "{\"prompt\": \"a\", \"cfg\": 3}\nno JSON\n"},
        {"a.jsonl", "\n\n"},
        {"a.csv", "prompt,negative,speaker\n"},
        {"a.csv", ""},
        {"a.tsv", "negative\tcfg\n"},
        {"a.txt", "knight --cfg 3\n"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        px_renames found;
        ck_assert_ok(px_renames_read(others[i].path, others[i].text, &found));
        ck_assert_msg(!found.kind && !found.text && !json_array_size(found.gone), "case %zu", i);
        px_renames_free(&found);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upgrade");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_add_test(core, upgrade_tells_then_mends_once);
    tcase_add_test(core, upgrade_says_what_it_cannot_look_at);
    tcase_add_test(core, renames_leave_the_texts_of_others_alone);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
