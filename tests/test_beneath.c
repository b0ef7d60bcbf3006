/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* core: paths that stay below one folder. */
#include "core/beneath.h"

#include "px_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int root = -1;

static void set_up(void)
{
    px_folder_make();
    root = open(px_folder, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(root, 0);
}

static void tear_down(void)
{
    close(root);
    px_folder_drop();
}

START_TEST(beneath_names)
{
    static const char *const fine[] = {"a.png", "sprites/knight 2.png", "ünï/日本.png",
                                       "a-_+@(1).png"};
    static const struct {
        const char *path, *part;
    } bad[] = {{"/etc/passwd", "absolute"},
               {"../a.png", "'..'"},
               {"a/../b.png", "'..'"},
               {"a/./b.png", "begins with a dot"},
               {"a//b.png", "empty name"},
               {"a/", "empty name"},
               {".hidden.png", "begins with a dot"},
               {"a\\b.png", "one of"},
               {"c:a.png", "one of"},
               {"a#b.png", "one of"},
               {"a%20.png", "one of"},
               {"con", "device"},
               {"a/NUL.png", "device"},
               {"lpt1 .txt", "device"},
               {"a.png.", "ends with"},
               {"a ", "ends with"},
               {"a\nb", "control"},
               {"a\xe2\x80\x8b.png", "invisible"},
               {"a\xff.png", "not UTF-8"},
               {"", "empty name"}};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        ck_assert_ok(px_beneath_check(fine[i], false));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_refused(px_beneath_check(bad[i].path, false), DGXP_ERR_INVALID_ARGUMENT,
                          bad[i].part);
    }
    ck_assert_ok(px_beneath_check("", true));
    ck_assert_ok(px_beneath_check("sprites/", true));
    char *longer = px_mem_zero(PX_BENEATH_PATH_MAX + 2, 1);
    memset(longer, 'a', PX_BENEATH_PATH_MAX + 1);
    ck_assert_refused(px_beneath_check(longer, false), DGXP_ERR_INVALID_ARGUMENT, "1025 bytes");
    longer[PX_BENEATH_NAME_MAX + 1] = '\0';
    ck_assert_refused(px_beneath_check(longer, false), DGXP_ERR_INVALID_ARGUMENT, "200 bytes");
    longer[PX_BENEATH_NAME_MAX] = '\0';
    ck_assert_ok(px_beneath_check(longer, false));
    px_mem_free(longer);
}
END_TEST

START_TEST(beneath_names_that_are_one_elsewhere)
{
    static const char *const pairs[][2] = {{"Knight.PNG", "knight.png"},
                                           {"caf\xc3\xa9", "cafe\xcc\x81"}, /* é, e with ´ */
                                           {"STRASSE", "stra\xc3\x9f"
                                                       "e"}};
    for (size_t i = 0; i < 3; i++) {
        char *a = px_beneath_key(pairs[i][0]), *b = px_beneath_key(pairs[i][1]);
        ck_assert_str_eq(a, b);
        px_mem_free(a);
        px_mem_free(b);
    }
    ck_assert_ok(px_file_write(px_folder_path("Knight.png"), "x", 1));
    ck_assert_ok(px_beneath_alone(root, "assets", "Knight.png"));
    ck_assert_ok(px_beneath_alone(root, "assets", "other.png"));
    ck_assert_refused(px_beneath_alone(root, "assets", "knight.png"), DGXP_ERR_MISMATCH,
                      "assets/knight.png: 'Knight.png' is there");
}
END_TEST

START_TEST(beneath_folders)
{
    int fd = -1;
    ck_assert_refused(px_beneath_open(root, "assets", "a/b", false, &fd), DGXP_ERR_NOT_FOUND,
                      "assets/a");
    ck_assert_ok(px_beneath_open(root, "assets", "a/b/c/", true, &fd));
    close(fd);
    ck_assert(px_file_is_folder(px_folder_path("a/b/c")));
    ck_assert_refused(px_beneath_open(root, "assets", "A", true, &fd), DGXP_ERR_MISMATCH,
                      "differs only in case");
    ck_assert_int_eq(symlink("/tmp", px_folder_path("a/out")), 0);
    ck_assert_refused(px_beneath_open(root, "assets", "a/out", false, &fd), DGXP_ERR_MISMATCH,
                      "symbolic link");
    ck_assert_refused(px_beneath_open(root, "assets", "a/out/x", true, &fd), DGXP_ERR_MISMATCH,
                      "symbolic link");
    ck_assert_ok(px_file_write(px_folder_path("a/file"), "x", 1));
    ck_assert_status(px_beneath_open(root, "assets", "a/file", false, &fd), DGXP_ERR_IO);
}
END_TEST

START_TEST(beneath_files)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(px_beneath_create(root, "assets", "a", "hello", 5));
    px_folder_expect("a", "hello");
    ck_assert_status(px_beneath_create(root, "assets", "a", "other", 5), DGXP_ERR_IO);
    px_folder_expect("a", "hello");
    ck_assert_ok(px_beneath_read(root, "assets", "a", 5, &bytes, &size));
    ck_assert_uint_eq(size, 5);
    ck_assert_str_eq((char *)bytes, "hello");
    px_mem_free(bytes);
    ck_assert_refused(px_beneath_read(root, "assets", "a", 4, &bytes, &size), DGXP_ERR_LIMIT,
                      "the limit is 4");
    ck_assert_refused(px_beneath_read(root, "assets", "b", 4, &bytes, &size), DGXP_ERR_NOT_FOUND,
                      "assets/b");
    ck_assert_int_eq(symlink("a", px_folder_path("link")), 0);
    ck_assert_refused(px_beneath_read(root, "assets", "link", 9, &bytes, &size), DGXP_ERR_MISMATCH,
                      "symbolic link");
    ck_assert_status(px_beneath_create(root, "assets", "link", "x", 1), DGXP_ERR_IO);
    ck_assert_int_eq(mkfifo(px_folder_path("pipe"), 0600), 0); /* must not wait for a writer */
    ck_assert_refused(px_beneath_read(root, "assets", "pipe", 9, &bytes, &size), DGXP_ERR_MISMATCH,
                      "not a file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beneath");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, set_up, tear_down);
    tcase_add_test(core, beneath_names);
    tcase_add_test(core, beneath_names_that_are_one_elsewhere);
    tcase_add_test(core, beneath_folders);
    tcase_add_test(core, beneath_files);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
