/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Little-endian numbers out of a block of bytes that may be too short. */
#ifndef PX_CURSOR_H
#define PX_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of a chunk; reading past its end sets `short_of` and gives zeros. */
typedef struct cursor {
    const uint8_t *at;
    size_t left;
    bool short_of;
} cursor;

static inline uint32_t px_cursor_take(cursor *from, size_t bytes)
{
    uint32_t value = 0;
    if (from->left < bytes) {
        from->short_of = true;
        from->left = 0;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint32_t)from->at[i] << (8 * i);
    }
    from->at += bytes;
    from->left -= bytes;
    return value;
}

static inline void px_cursor_skip(cursor *from, size_t bytes)
{
    from->short_of |= from->left < bytes;
    bytes = from->left < bytes ? from->left : bytes;
    from->at += bytes;
    from->left -= bytes;
}

/** A length of two bytes and so many of text; points into the block, without a NUL. */
static inline const char *px_cursor_text(cursor *from, size_t *length)
{
    *length = px_cursor_take(from, 2);
    const char *text = (const char *)from->at;
    *length = *length > from->left ? from->left + 1 : *length;
    px_cursor_skip(from, *length);
    return text;
}

#endif
