/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that grow at their end: what files are made in before they are written. */
#include "core/buffer.h"

#include "core/mem.h"

#include <string.h>

void px_buffer_put(px_buffer *to, const void *bytes, size_t size)
{
    if (to->no_memory) {
        return;
    }
    if (to->capacity - to->size <= size) {
        size_t wanted = to->capacity ? to->capacity : 4096;
        while (wanted - to->size <= size && wanted <= SIZE_MAX / 2) {
            wanted *= 2;
        }
        uint8_t *larger = wanted - to->size > size ? px_mem_resize(to->bytes, wanted, 1) : NULL;
        if (!larger) {
            to->no_memory = true;
            return;
        }
        to->bytes = larger;
        to->capacity = wanted;
    }
    if (size) {
        memcpy(to->bytes + to->size, bytes, size);
        to->size += size;
    }
    to->bytes[to->size] = '\0';
}
