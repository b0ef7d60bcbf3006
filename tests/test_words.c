/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words that a model has read, and those of a prompt that it has not. */
#include "core/json.h"
#include "diffusion/words.h"
#include "px_check.h"
#include "px_folder.h"

#include <stdio.h>

static dgxp_status load(const char *text, px_words **words)
{
    const char *path = px_folder_path("words.txt");
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return px_words_load(path, words);
}

static void expect(const px_words *words, const char *prompt, const char *wanted)
{
    json_t *list = NULL;
    ck_assert(px_words_unread(words, prompt, &list));
    char *text = list ? px_json_print(list) : NULL;
    ck_assert_str_eq(text ? text : "none", wanted);
    px_mem_free(text);
    json_decref(list);
}

START_TEST(words_that_the_list_lacks_are_told_once_and_in_order)
{
    px_words *words = NULL;
    ck_assert_ok(load("cat\nknight\nof\nred\nskateboard\nwolf\n", &words));
    expect(words, "a red Knight, with the cat", "none");
    expect(words, "kngiht", "[{\"word\":\"kngiht\",\"near\":\"knight\"}]");
    expect(words, "skatebord, Skatebord", "[{\"word\":\"skatebord\",\"near\":\"skateboard\"}]");
    expect(words, "wolves and cats",
           "[{\"word\":\"wolves\",\"near\":\"wolf\"},{\"word\":\"cats\",\"near\":\"cat\"}]");
    expect(words, "zeppelin, red zeppelin", "[{\"word\":\"zeppelin\"}]");
    expect(words, "<lora:zeppelin:1> ((red)) k9 x2", "none");
    expect(words, "\xc3\xbcml", "[{\"word\":\"\xc3\xbcml\"}]");
    expect(words, "", "none");
    expect(NULL, "zeppelin", "none");
    px_words_free(words);
}
END_TEST

START_TEST(a_list_is_refused_by_its_line)
{
    static const char *const lists[] = {"cat\nCat\n", "cat\ncat\n", "cat\n\ndog\n",
                                        "dog\ncat\n", "cat\r\n",    "a b\n"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        px_words *words = NULL;
        ck_assert_int_eq(load(lists[i], &words), DGXP_ERR_BAD_FORMAT);
        ck_assert_ptr_null(words);
        ck_assert_msg(strstr(dgxp_last_error(), i < 4 ? "line 2" : "line 1"), "%s",
                      dgxp_last_error());
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("words");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_add_test(core, words_that_the_list_lacks_are_told_once_and_in_order);
    tcase_add_test(core, a_list_is_refused_by_its_line);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
