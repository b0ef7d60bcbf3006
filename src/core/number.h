/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers from text and to text, with a point in every locale: the one pair that the library uses. */
#ifndef PX_NUMBER_H
#define PX_NUMBER_H

#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The decimal number that `text` begins with, after blanks: sign, digits, point, exponent; never
 * hexadecimal, infinite or "nan".  Rounded correctly.  `*end` is the byte behind it, or `text` when
 * there is no number or it is too large for a double (the result is then 0).
 */
double px_number_take(const char *text, const char **end);

/** The same of all of `text`: false when anything else stands before or behind the number. */
bool px_number_parse(const char *text, double *out);

/** A whole number of at most 64 bits, and nothing behind it; `*out` is kept when it is none. */
bool px_number_whole(const char *text, int64_t *out);

/** snprintf() whose numbers have a point in every locale: "%.17g" and the like. */
int px_number_print(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int px_number_vprint(char *out, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/** Make the C locale this thread's, and put back what it had. */
locale_t px_number_begin_plain(void);
void px_number_end_plain(locale_t before);

/** For qsort() of floats, none of which is a NaN. */
int px_number_order(const void *left, const void *right);

#endif
