/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers from text and to text, with a point in every locale: the one pair that the library uses. */
#include "core/number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C locale: libc keeps it for good, so nothing is made here and nothing freed. */
static locale_t plain(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The length of a decimal number at `at`; 0 when there is none. */
static size_t measure(const char *at)
{
    const char *const digits = "0123456789";
    const size_t sign = *at == '+' || *at == '-';
    const size_t whole = strspn(at + sign, digits);
    size_t length = sign + whole, parts = 0;
    if (at[length] == '.') {
        parts = strspn(at + length + 1, digits);
        length += 1 + parts;
    }
    if (whole + parts == 0) {
        return 0;
    }
    if (at[length] == 'e' || at[length] == 'E') {
        const size_t power = 1 + (at[length + 1] == '+' || at[length + 1] == '-');
        const size_t count = strspn(at + length + power, digits);
        length += count ? power + count : 0;
    }
    return length;
}

double px_number_take(const char *text, const char **end)
{
    const char *const begin = text + strspn(text, " \t\r\n\v\f");
    const size_t length = measure(begin), sign = *begin == '+' || *begin == '-';
    double value = 0;
    if (length > sign + 1 ||
        begin[sign] != '0') { /* a lone 0 may stand before an x: no hexadecimal */
        value = length ? strtod_l(begin, NULL, plain()) : 0;
    }
    if (!length || !isfinite(value)) {
        *end = text;
        return 0;
    }
    *end = begin + length;
    return value;
}

bool px_number_parse(const char *text, double *out)
{
    const char *end;
    const double value = px_number_take(text, &end);
    if (end == text || *end) {
        return false;
    }
    *out = value;
    return true;
}

bool px_number_whole(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno) {
        return false;
    }
    *out = value;
    return true;
}

locale_t px_number_begin_plain(void)
{
    return uselocale(plain());
}

void px_number_end_plain(locale_t before)
{
    uselocale(before);
}

int px_number_vprint(char *out, size_t size, const char *format, va_list arguments)
{
    const locale_t before = px_number_begin_plain();
    const int length = vsnprintf(out, size, format, arguments);
    px_number_end_plain(before);
    return length;
}

int px_number_print(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = px_number_vprint(out, size, format, arguments);
    va_end(arguments);
    return length;
}

int px_number_order(const void *left, const void *right)
{
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}
