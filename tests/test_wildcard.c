/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* batch: choices in prompts, their files, and the bounds of what they may grow to. */
#include "batch/wildcard.h"

#include "px_folder.h"

static px_wildcards *wildcards;

static void set_up(void)
{
    px_folder_make();
    ck_assert_ok(px_wildcards_create(px_folder, &wildcards));
}

static void tear_down(void)
{
    px_wildcards_free(wildcards);
    px_folder_drop();
}

static void write_text(const char *name, const char *text)
{
    ck_assert_ok(px_file_write(px_folder_path(name), text, strlen(text)));
}

static void expect(const char *text, uint64_t seed, const char *expected)
{
    char *made = NULL;
    ck_assert_ok(px_wildcards_expand(wildcards, "list:1", text, seed, &made));
    ck_assert_str_eq(made, expected);
    px_mem_free(made);
}

static void refuse(const char *text, dgxp_status status, const char *part)
{
    char *made = NULL;
    ck_assert_refused(px_wildcards_expand(wildcards, "list:1", text, 7, &made), status, part);
    ck_assert_ptr_null(made);
}

START_TEST(wildcard_takes_one_part_and_all_in_turn)
{
    int seen[3] = {0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        char *made = NULL;
        ck_assert_ok(px_wildcards_expand(wildcards, "x", "a {red|blue|{green}} bat", seed, &made));
        const int which = !strcmp(made, "a red bat") ? 0 : !strcmp(made, "a blue bat") ? 1 : 2;
        ck_assert(which != 2 || !strcmp(made, "a green bat"));
        seen[which]++;
        expect("a {red|blue|{green}} bat", seed, made); /* the same seed, the same choice */
        px_mem_free(made);
    }
    /* 300 even draws of three lie within 5 standard deviations (8.2) of 100. */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_ge(seen[i], 59);
        ck_assert_int_le(seen[i], 141);
    }
}
END_TEST

START_TEST(wildcard_files_hold_lines_and_choices)
{
    write_text("color.txt", "# none of these\r\n\n  {deep red}  \r\n");
    write_text("thing.txt", "__color__ potion");
    expect("one __thing__!", 1, "one deep red potion!");
    expect("\\{a\\|b\\} \\_\\_color\\_\\_ c\\\\", 1, "{a|b} __color__ c\\");
    expect("a__b _ c", 1, "a__b _ c"); /* no name between two pairs of underscores */
    expect("", 1, "");
    expect("{|}", 1, "");
}
END_TEST

START_TEST(wildcard_refuses_what_never_ends)
{
    write_text("self.txt", "__self__");
    write_text("many.txt", "{__many__|__many__}");
    write_text("empty.txt", "# nothing\n\n");
    refuse("a {b", DGXP_ERR_BAD_FORMAT, "list:1: '{' is never closed");
    refuse("__nobody__", DGXP_ERR_NOT_FOUND, "nobody.txt, which is not there");
    refuse("__self__", DGXP_ERR_LIMIT, "deeper in each other than 16");
    refuse("__many__", DGXP_ERR_LIMIT, "deeper in each other than 16");
    refuse("__empty__", DGXP_ERR_BAD_FORMAT, "has no line to choose");
    char *text = px_mem_array(1 << 17, 1); /* choices that come to nothing are counted, too */
    size_t size = 0;
    for (int i = 0; i < 10002; i++) {
        memcpy(text + size, "{|}", 3);
        size += 3;
    }
    text[size] = '\0';
    refuse(text, DGXP_ERR_LIMIT, "over 10000 choices");
    px_mem_free(text);
}
END_TEST

START_TEST(wildcard_texts_are_bounded)
{
    const size_t half = 1 << 19;
    char *line = px_mem_array(half + 1, 1);
    memset(line, 'x', half);
    line[half] = '\0';
    write_text("long.txt", line);
    refuse("__long__ and __long__", DGXP_ERR_LIMIT, "grow longer than 1048576 bytes");
    px_mem_free(line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wildcard");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    tcase_add_checked_fixture(core, set_up, tear_down);
    tcase_add_checked_fixture(limits, set_up, tear_down);
    tcase_add_test(core, wildcard_takes_one_part_and_all_in_turn);
    tcase_add_test(core, wildcard_files_hold_lines_and_choices);
    tcase_add_test(limits, wildcard_refuses_what_never_ends);
    tcase_add_test(limits, wildcard_texts_are_bounded);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    return px_check_run(suite);
}
