/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a line of a list says by itself, and its place among those that say the same. */
#include "batch/content.h"

#include "core/hash.h"
#include "core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint64_t seed_mask = (UINT64_C(1) << 53) - 1;

static uint64_t hash_text(const char *text, size_t length)
{
    uint8_t digest[32];
    uint64_t value;
    px_hash hash;
    px_hash_begin(&hash);
    px_hash_add(&hash, text, length);
    px_hash_end(&hash, digest);
    memcpy(&value, digest, sizeof value);
    return value;
}

uint64_t px_content_hash(const json_t *fields)
{
    json_t *own = json_copy((json_t *)(uintptr_t)fields);
    json_object_del(own, "count");
    json_object_del(own, "name");
    char *text = own ? px_json_dump(own, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    const uint64_t value = text ? hash_text(text, strlen(text)) | 1 : 0;
    px_mem_free(text);
    json_decref(own);
    return value;
}

static struct px_content_slot *find_slot(const px_contents *contents, uint64_t content)
{
    size_t at = (size_t)(content >> 1) & (contents->capacity - 1);
    while (contents->slots[at].content && contents->slots[at].content != content) {
        at = (at + 1) & (contents->capacity - 1);
    }
    return &contents->slots[at];
}

static bool make_room(px_contents *contents)
{
    if (2 * contents->count < contents->capacity) {
        return true;
    }
    px_contents larger = {.count = contents->count,
                          .capacity = contents->capacity ? 2 * contents->capacity : 64};
    larger.slots = px_mem_zero(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) {
        return false;
    }
    for (size_t i = 0; i < contents->capacity; i++) {
        if (contents->slots[i].content) {
            *find_slot(&larger, contents->slots[i].content) = contents->slots[i];
        }
    }
    px_mem_free(contents->slots);
    *contents = larger;
    return true;
}

bool px_content_place(px_contents *contents, uint64_t content, int32_t *place)
{
    if (!make_room(contents)) {
        return false;
    }
    struct px_content_slot *slot = find_slot(contents, content);
    contents->count += !slot->content;
    slot->content = content;
    *place = slot->count++;
    return true;
}

void px_contents_free(px_contents *contents)
{
    px_mem_free(contents->slots);
    *contents = (px_contents){0};
}

uint64_t px_content_seed(uint64_t content, int32_t place, int32_t repeat, const uint64_t *given)
{
    char text[160];
    int length =
        snprintf(text, sizeof text, "dgx-pixels content %016" PRIx64 " place %d picture %d",
                 content, place, repeat);
    if (given) {
        length += snprintf(text + length, sizeof text - (size_t)length, " seed %" PRIu64, *given);
    }
    return hash_text(text, (size_t)length) & seed_mask;
}
