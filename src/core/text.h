/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that may be anything, made into UTF-8 that can be shown. */
#ifndef PX_TEXT_H
#define PX_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * ASCII's own letters, digits and blanks.  The ones of <ctype.h> and <strings.h> ask the locale of
 * the application, where "I" may not be the capital of "i" and a byte of UTF-8 may be a letter.
 */
static inline bool px_text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool px_text_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool px_text_is_alnum(char c)
{
    return px_text_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline char px_text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/** strncasecmp() of ASCII; SIZE_MAX compares all. */
int px_text_compare(const char *a, const char *b, size_t length);

/**
 * Whether `text` matches a POSIX extended regular expression, whose letters and ranges are those of
 * the C locale; false when it is none.  The caller sees to it that it holds no counts ({2,9}): a few
 * of them in each other take gigabytes.
 */
bool px_text_match(const char *expression, const char *text, bool *matches);

/** Bytes of the UTF-8 character at `text`, or 0: overlong forms and surrogates are not one. */
size_t px_text_character(const char *text, size_t size);

/**
 * Copy what fits into `room` bytes with its NUL, whole characters only: bytes that are not UTF-8
 * become U+FFFD, control characters but line feeds and tabs become \xNN.
 */
void px_text_repair(char *to, size_t room, const char *from);

#endif
