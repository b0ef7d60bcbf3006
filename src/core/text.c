/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that may be anything, made into UTF-8 that can be shown. */
#include "core/text.h"

#include "core/number.h"

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t px_text_character(const char *bytes, size_t size)
{
    const uint8_t *text = (const uint8_t *)bytes;
    const uint8_t lead = text[0];
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xc2 ? 0
                          : lead < 0xe0 ? 2
                          : lead < 0xf0 ? 3
                          : lead < 0xf5 ? 4
                                        : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    const bool overlong = (lead == 0xe0 && text[1] < 0xa0) || (lead == 0xf0 && text[1] < 0x90);
    const bool outside = (lead == 0xed && text[1] > 0x9f) || (lead == 0xf4 && text[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

int px_text_compare(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const uint8_t left = (uint8_t)px_text_lower(a[i]), right = (uint8_t)px_text_lower(b[i]);
        if (left != right || !left) {
            return left - right;
        }
    }
    return 0;
}

bool px_text_match(const char *expression, const char *text, bool *matches)
{
    regex_t compiled;
    const locale_t before = px_number_begin_plain();
    const bool good = regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB) == 0;
    if (good) {
        *matches = regexec(&compiled, text, 0, NULL, 0) == 0;
        regfree(&compiled);
    }
    px_number_end_plain(before);
    return good;
}

/* C0 and C1, but what structures a text. */
static bool is_control(const uint8_t *at, size_t length)
{
    return (length == 1 && (*at < 0x20 || *at == 0x7f) && *at != '\n' && *at != '\t') ||
           (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

void px_text_repair(char *to, size_t room, const char *from)
{
    const size_t size = strlen(from);
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        const size_t length = px_text_character(from + i, size - i);
        const uint8_t *at = (const uint8_t *)from + i;
        char shown[8];
        size_t wide = length ? length : 3;
        if (length && is_control(at, length)) {
            wide = (size_t)snprintf(shown, sizeof shown, "\\x%02x", at[length - 1]);
        } else {
            memcpy(shown, length ? from + i : "\xef\xbf\xbd", wide);
        }
        if (used + wide + 1 > room) {
            break;
        }
        memcpy(to + used, shown, wide);
        used += wide;
        i += length ? length : 1;
    }
    to[used] = '\0';
}
