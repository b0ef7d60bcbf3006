/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is kept for each color of a picture: a hash table by open addressing. */
#ifndef PX_COLOR_TABLE_H
#define PX_COLOR_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct px_color_slot {
    uint64_t value; /* what the caller keeps; 0: the slot is free */
    uint32_t color; /* px_color_word() */
} px_color_slot;

/** The four bytes of a pixel as one number. */
static inline uint32_t px_color_word(const uint8_t *rgba)
{
    uint32_t word;
    memcpy(&word, rgba, sizeof word);
    return word;
}

/** The slot of a color, or the free one where it belongs: `color` is set there, `value` is the
 * caller's to set.  `capacity` is a power of two, and at least one slot is free. */
static inline px_color_slot *px_color_find(px_color_slot *slots, size_t capacity, uint32_t color)
{
    size_t at = (color * 2654435761u >> 7) & (capacity - 1);
    while (slots[at].value && slots[at].color != color) {
        at = (at + 1) & (capacity - 1);
    }
    slots[at].color = color;
    return &slots[at];
}

#endif
