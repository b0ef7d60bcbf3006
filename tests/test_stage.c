/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* project: files staged outside the assets, renamed in, and taken back. */
#include "game/stage.h"

#include "px_folder.h"

#include <sys/stat.h>
#include <unistd.h>

static px_project project;
static px_stage stage;

static void open_stage(void)
{
    ck_assert_ok(px_project_open(px_folder, &project));
    ck_assert_ok(px_stage_open(&project, &stage));
}

static void close_stage(void)
{
    px_stage_close(&stage);
    px_project_close(&project);
}

static void set_up(void)
{
    px_folder_make();
    ck_assert_ok(px_file_write(px_folder_path("Cargo.toml"), "[package]\n", 10));
    open_stage();
}

static void tear_down(void)
{
    close_stage();
    px_folder_drop();
}

static px_stage_write text_write(const char *path, const char *text)
{
    return (px_stage_write){.path = path,
                            .bytes = text,
                            .size = strlen(text),
                            .owned = px_lock_text(stage.entries, path, "sha256")};
}

/* Check and commit one file, with its entry; the number of the deployment. */
static int64_t put(const char *path, const char *text)
{
    px_stage_write write = text_write(path, text);
    int64_t number = -1;
    ck_assert_ok(px_stage_check(&stage, &write, 1));
    json_t *changes = json_pack("{s{ss, ss}}", path, "path", path, "sha256", write.hash);
    ck_assert_ok(px_stage_commit(&stage, &write, 1, changes, &number));
    json_decref(changes);
    return number;
}

/* Names in the history that nobody counted up to are somebody else's. */
START_TEST(stage_ignores_made_up_records)
{
    json_t *record = NULL;
    ck_assert_int_eq(put("a.png", "one"), 1);
    static const char *const names[] = {
        "9223372036854775807.json", "99999999999999999999.json", "-3.json", "0.json", "7.json",
        "000009.json.old"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96];
        snprintf(path, sizeof path, ".dgx-pixels/history/%s", names[i]);
        ck_assert_ok(px_file_write(px_folder_path(path), "{}", 2));
    }
    close_stage();
    open_stage();
    ck_assert_int_eq(put("a.png", "two"), 2);
    close_stage();
    open_stage();
    ck_assert_ok(px_stage_undo(&stage, false, &record));
    json_decref(record);
    px_folder_expect("assets/a.png", "one");
    ck_assert_ok(px_stage_undo(&stage, false, &record));
    json_decref(record);
    ck_assert(!px_file_exists(px_folder_path("assets/a.png")));
}
END_TEST

START_TEST(stage_new_same_changed_and_undone)
{
    json_t *record = NULL;
    ck_assert_int_eq(put("sprites/a.png", "one"), 1);
    px_folder_expect("assets/sprites/a.png", "one");
    ck_assert_int_eq(put("sprites/a.png", "two"), 2);
    px_folder_expect("assets/sprites/a.png", "two");
    px_stage_write same = text_write("sprites/a.png", "two");
    ck_assert_ok(px_stage_check(&stage, &same, 1));
    ck_assert_int_eq(same.act, PX_STAGE_UNCHANGED);
    close_stage(); /* another process undoes */
    open_stage();
    ck_assert_ok(px_stage_undo(&stage, false, &record));
    json_decref(record);
    px_folder_expect("assets/sprites/a.png", "one");
    ck_assert_ok(px_stage_undo(&stage, false, &record));
    json_decref(record);
    ck_assert(!px_file_exists(px_folder_path("assets/sprites/a.png")));
    ck_assert_uint_eq(json_object_size(stage.entries), 0);
    ck_assert_refused(px_stage_undo(&stage, false, &record), DGXP_ERR_NOT_FOUND,
                      "no deployment to undo");
}
END_TEST

START_TEST(stage_files_of_others)
{
    px_stage_write write;
    mkdir(px_folder_path("assets"), 0777);
    ck_assert_ok(px_file_write(px_folder_path("assets/mine.png"), "mine", 4));
    write = text_write("mine.png", "ours");
    ck_assert_refused(px_stage_check(&stage, &write, 1), DGXP_ERR_MISMATCH, "mine.png");
    write.yields = true;
    ck_assert_ok(px_stage_check(&stage, &write, 1));
    ck_assert_int_eq(write.act, PX_STAGE_KEEP);
    write.yields = false;
    write.force = true;
    ck_assert_ok(px_stage_check(&stage, &write, 1));
    ck_assert_int_eq(write.act, PX_STAGE_REPLACE);
    write = text_write("Mine.png", "ours"); /* one file on other systems */
    ck_assert_refused(px_stage_check(&stage, &write, 1), DGXP_ERR_MISMATCH, "differs only in case");
    px_stage_write two[] = {text_write("a.png", "1"), text_write("A.png", "2")};
    ck_assert_refused(px_stage_check(&stage, two, 2), DGXP_ERR_INVALID_ARGUMENT,
                      "two of the files");
    ck_assert_int_eq(symlink("/etc/passwd", px_folder_path("assets/link.png")), 0);
    write = text_write("link.png", "ours");
    ck_assert_refused(px_stage_check(&stage, &write, 1), DGXP_ERR_MISMATCH, "symbolic link");
    px_folder_expect("assets/mine.png", "mine");
}
END_TEST

/* What appears between check and commit stops the whole deployment, and nothing of it stays. */
START_TEST(stage_all_or_nothing)
{
    ck_assert_int_eq(put("b.png", "old"), 1);
    px_stage_write writes[] = {text_write("a.png", "new"), text_write("b.png", "new"),
                               text_write("c.png", "new")};
    int64_t number = -1;
    ck_assert_ok(px_stage_check(&stage, writes, 3));
    ck_assert_ok(px_file_write(px_folder_path("assets/c.png"), "somebody", 8));
    json_t *changes = json_pack("{s{ss}, s{ss}, s{ss}}", "a.png", "path", "a.png", "b.png", "path",
                                "b.png", "c.png", "path", "c.png");
    ck_assert_int_ne(px_stage_commit(&stage, writes, 3, changes, &number), DGXP_OK);
    json_decref(changes);
    ck_assert(!px_file_exists(px_folder_path("assets/a.png")));
    px_folder_expect("assets/b.png", "old");
    px_folder_expect("assets/c.png", "somebody");
    ck_assert_ptr_null(json_object_get(stage.entries, "a.png"));
}
END_TEST

START_TEST(stage_keeps_so_many_versions)
{
    char text[16];
    json_t *record = NULL;
    for (int i = 0; i <= PX_STAGE_KEPT + 3; i++) {
        snprintf(text, sizeof text, "v%d", i);
        ck_assert_int_eq(put("a.png", text), i + 1);
    }
    for (int i = PX_STAGE_KEPT + 2; i > 2; i--) {
        ck_assert_ok(px_stage_undo(&stage, false, &record));
        json_decref(record);
        snprintf(text, sizeof text, "v%d", i);
        px_folder_expect("assets/a.png", text);
    }
    ck_assert_int_ne(px_stage_undo(&stage, false, &record), DGXP_OK); /* older ones are gone */
    px_folder_expect("assets/a.png", "v3");
}
END_TEST

START_TEST(stage_undo_leaves_what_was_edited_since)
{
    json_t *record = NULL;
    put("a.png", "one");
    ck_assert_ok(px_file_write(px_folder_path("assets/a.png"), "edited", 6));
    ck_assert_refused(px_stage_undo(&stage, false, &record), DGXP_ERR_MISMATCH, "a.png");
    px_folder_expect("assets/a.png", "edited");
    ck_assert_ok(px_stage_undo(&stage, true, &record));
    json_decref(record);
    ck_assert(!px_file_exists(px_folder_path("assets/a.png")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stage");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, set_up, tear_down);
    tcase_set_timeout(core, 60);
    tcase_add_test(core, stage_new_same_changed_and_undone);
    tcase_add_test(core, stage_ignores_made_up_records);
    tcase_add_test(core, stage_files_of_others);
    tcase_add_test(core, stage_all_or_nothing);
    tcase_add_test(core, stage_keeps_so_many_versions);
    tcase_add_test(core, stage_undo_leaves_what_was_edited_since);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
