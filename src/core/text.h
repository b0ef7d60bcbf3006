/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that may be anything, made into UTF-8 that can be shown. */
#ifndef PX_TEXT_H
#define PX_TEXT_H

#include <stddef.h>

/** Bytes of the UTF-8 character at `text`, or 0: overlong forms and surrogates are not one. */
size_t px_text_character(const char *text, size_t size);

/**
 * Copy what fits into `room` bytes with its NUL, whole characters only: bytes that are not UTF-8
 * become U+FFFD, control characters but line feeds and tabs become \xNN.
 */
void px_text_repair(char *to, size_t room, const char *from);

#endif
