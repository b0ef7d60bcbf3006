/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* core: numbers from text and to text, in a locale whose numbers have a comma too. */
#include "core/error.h"
#include "core/mem.h"
#include "core/number.h"
#include "px_check.h"

#include <locale.h>
#include <stdlib.h>

/* python3 -c "for t in (...): print(float(t).hex())" */
static const struct {
    const char *text;
    size_t length; /* 0: no number */
    double value;
} cases[] = {
    {"0.1", 3, 0x1.999999999999ap-4},
    {"-12.5e-3x", 8, -0x1.999999999999ap-7},
    {" \t+7", 4, 7},
    {".5", 2, 0.5},
    {"5.", 2, 5},
    {"123456789012345678", 18, 0x1.b69b4ba630f35p+56},
    {"2.2250738585072011e-308", 23, 0x0.fffffffffffffp-1022},
    {"1e-400", 6, 0},
    {"1e", 1, 1}, /* the e is not of the number */
    {"1e+", 1, 1},
    {"10x20", 2, 10},
    {"0x10", 1, 0},
    {"-0x10", 2, 0},
    {"0.8,0.4", 3, 0x1.999999999999ap-1},
    {"1e400", 0, 0}, /* too large for a double */
    {"inf", 0, 0},
    {"-nan", 0, 0},
    {"", 0, 0},
    {".", 0, 0},
    {"- 1", 0, 0},
    {",5", 0, 0},
};

static void check_all(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *end;
        const double value = px_number_take(cases[i].text, &end);
        ck_assert_msg(value == cases[i].value && end == cases[i].text + cases[i].length,
                      "case '%s': %a, %d bytes", cases[i].text, value, (int)(end - cases[i].text));
    }
    double number = -1;
    int64_t whole = -1;
    ck_assert(!px_number_parse("1,5", &number) && number == -1);
    ck_assert(!px_number_parse("1.5 ", &number) && number == -1);
    ck_assert(px_number_parse("1.5", &number) && number == 1.5);
    ck_assert(!px_number_whole("9223372036854775808", &whole) && whole == -1);
    ck_assert(!px_number_whole("7.0", &whole) && !px_number_whole("", &whole) && whole == -1);
    ck_assert(px_number_whole("-9223372036854775808", &whole) && whole == INT64_MIN);
    char text[32];
    ck_assert_int_eq(px_number_print(text, sizeof text, "%.17g|%g", 0.1, 1.5), 23);
    ck_assert_str_eq(text, "0.10000000000000001|1.5");
    char *made = px_mem_format("%g", 0.25);
    ck_assert_str_eq(made, "0.25");
    px_mem_free(made);
    px_error_set(DGXP_ERR_LIMIT, "strength %g", 0.75);
    ck_assert_str_eq(dgxp_last_error(), "strength 0.75");
}

START_TEST(numbers_of_callers)
{
    static const char *const bad[] = {"", "x", "1,5", "0x10", "inf", "nan", "1e999", "2 ", "1.5x"};
    double value = 7;
    ck_assert_ok(dgxp_number_parse("-2.5e1", &value));
    ck_assert_double_eq(value, -25);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_refused(dgxp_number_parse(bad[i], &value), DGXP_ERR_BAD_FORMAT, "is no number");
        ck_assert_double_eq(value, -25);
    }
    ck_assert_status(dgxp_number_parse(NULL, &value), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_number_parse("1", NULL), DGXP_ERR_INVALID_ARGUMENT);
}
END_TEST

START_TEST(numbers_have_a_point)
{
    check_all();
}
END_TEST

START_TEST(numbers_have_a_point_in_every_locale)
{
    char folder[] = "/tmp/px-locale-XXXXXX", command[256];
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(command, sizeof command, "localedef -c -i de_DE -f UTF-8 %s/comma", folder);
    ck_assert_msg(system(command) == 0, "localedef failed: is Debian's package 'locales' there?");
    setenv("LOCPATH", folder, 1);
    ck_assert(setlocale(LC_ALL, "comma") != NULL);
    ck_assert_str_eq(localeconv()->decimal_point, ",");
    check_all();
    ck_assert_str_eq(localeconv()->decimal_point, ","); /* the caller's locale is untouched */
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert(system(command) == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("number");
    TCase *core = tcase_create("core");
    tcase_add_test(core, numbers_have_a_point);
    tcase_add_test(core, numbers_have_a_point_in_every_locale);
    tcase_add_test(core, numbers_of_callers);
    tcase_set_timeout(core, 60);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
