/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* core: bytes that may be anything, made showable; letters that are the same in every locale; the log. */
#include "core/text.h"

#include "core/error.h"
#include "core/log.h"
#include "px_folder.h"

#include <locale.h>
#include <stdint.h>
#include <unistd.h>

static const char *repair(const char *from, size_t room)
{
    static char shown[64];
    px_text_repair(shown, room, from);
    return shown;
}

START_TEST(text_is_repaired)
{
    static const struct {
        const char *given, *shown;
    } cases[] = {
        {"plain", "plain"},
        {"ein Ärger\n\tüber", "ein Ärger\n\tüber"},
        {"\x1b[31m", "\\x1b[31m"},
        {"a\x7f", "a\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\x9b31m"}, /* CSI of eight bits */
        {"\xff", "\xef\xbf\xbd"},
        {"caf\xe9", "caf\xef\xbf\xbd"},                           /* Latin-1 */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* cut */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_str_eq(repair(cases[i].given, 64), cases[i].shown);
    }
    ck_assert_str_eq(repair("aé", 3), "a"); /* a character is whole or not there */
    ck_assert_str_eq(repair("aé", 4), "aé");
    ck_assert_str_eq(repair("\x1b", 4), "");
}
END_TEST

START_TEST(errors_are_always_utf8)
{
    dgxp_image *image = NULL;
    ck_assert_refused(dgxp_image_load("/no/\x1b[2J\xff"
                                      "file.png",
                                      &image),
                      DGXP_ERR_NOT_FOUND,
                      "/no/\\x1b[2J\xef\xbf\xbd"
                      "file.png");
    char path[1100] = "/no/";
    for (size_t i = 4; i + 2 < sizeof path; i += 2) {
        memcpy(path + i, "é", 3); /* cut at 1,023 bytes, inside one of them */
    }
    ck_assert_status(dgxp_image_load(path, &image), DGXP_ERR_NOT_FOUND);
    const char *said = dgxp_last_error();
    for (size_t i = 0, size = strlen(said), length; i < size; i += length) {
        length = px_text_character(said + i, size - i);
        ck_assert_uint_gt(length, 0);
    }
}
END_TEST

/* In Turkish "I" is no capital of "i"; in Latin-1 a byte of UTF-8 is a letter. */
START_TEST(letters_are_ascii_in_every_locale)
{
    char slug[DGXP_SLUG_SIZE];
    const char *folder = getenv("LOCPATH");
    ck_assert(setlocale(LC_ALL, "") != NULL || !folder);
    ck_assert_int_eq(px_text_compare("GIF", "gif", SIZE_MAX), 0);
    ck_assert_int_lt(px_text_compare("gia", "GIF", SIZE_MAX), 0);
    ck_assert_int_eq(px_text_compare("gifs", "GIFT", 3), 0);
    ck_assert(px_file_has_suffix("x.GIF", "gif"));
    dgxp_slug("Hero IV caf\xc3\xa9 \xe9t\xe9", slug);
    ck_assert_str_eq(slug, "hero-iv-caf-t");
    ck_assert(!px_text_is_alnum('\xe9') && !px_text_is_space('\xa0'));
}
END_TEST

static int heard;

static void log_again(dgxp_log_level level, const char *text, void *user_data)
{
    (void)level;
    heard++;
    ck_assert_str_eq(text, "\\x1b[31m");
    px_log(DGXP_LOG_INFO, "from inside");
    dgxp_set_log_callback(user_data ? log_again : NULL, user_data);
}

/* A listener that calls the library, or puts another listener in its place, does not wait for itself. */
START_TEST(a_listener_may_call_the_library)
{
    dgxp_set_log_callback(log_again, &heard);
    px_log(DGXP_LOG_INFO, "\x1b[31m");
    px_log(DGXP_LOG_INFO, "\x1b[31m");
    ck_assert_int_eq(heard, 2);
    dgxp_set_log_callback(log_again, NULL);
    px_log(DGXP_LOG_INFO, "\x1b[31m");
    px_log(DGXP_LOG_INFO, "\x1b[31m"); /* nobody listens any more */
    ck_assert_int_eq(heard, 3);
}
END_TEST

/* What a killed process of the same number left behind is in nobody's way. */
START_TEST(files_are_written_beside_leftovers)
{
    char name[96];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, ".a.txt.tmp-%ld-%d", (long)getpid(), i);
        ck_assert_ok(px_file_write(px_folder_path(name), "left", 4));
    }
    ck_assert_ok(px_file_write(px_folder_path("a.txt"), "new", 3));
    px_folder_expect("a.txt", "new");
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    ck_assert_ok(px_file_write(px_folder_path(longest), "new", 3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_add_test(core, text_is_repaired);
    tcase_add_test(core, errors_are_always_utf8);
    tcase_add_test(core, letters_are_ascii_in_every_locale);
    tcase_add_test(core, a_listener_may_call_the_library);
    tcase_add_test(core, files_are_written_beside_leftovers);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
