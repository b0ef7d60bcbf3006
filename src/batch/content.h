/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a line of a list says by itself, and its place among those that say the same. */
#ifndef PX_CONTENT_H
#define PX_CONTENT_H

#include "core/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A hash of a line's own fields in any order and notation, without "count" and "name", which say
 * how many and where to.  0 when memory ran out.
 */
uint64_t px_content_hash(const json_t *fields);

/** How often each content was there; zero it first. */
typedef struct px_contents {
    struct px_content_slot {
        uint64_t content; /* 0: an empty slot */
        int32_t count;
    } *slots;
    size_t count, capacity; /* capacity a power of two */
} px_contents;

/** `*place` is how many equal ones came before; false when memory ran out. */
bool px_content_place(px_contents *contents, uint64_t content, int32_t *place);
void px_contents_free(px_contents *contents);

/** The seed of a line without one: from its content, its place among equals, and its repeat. */
uint64_t px_content_seed(uint64_t content, int32_t place, int32_t repeat, const uint64_t *given);

#endif
