/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that grow at their end: what files are made in before they are written. */
#ifndef PX_BUFFER_H
#define PX_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Begin with zeros.  `bytes` is yours: px_mem_free(). */
typedef struct px_buffer {
    uint8_t *bytes; /* a NUL follows the last one, so that they may be text; NULL while empty */
    size_t size, capacity;
    bool no_memory; /* something did not fit: look once, at the end */
} px_buffer;

/** Put `size` bytes (NULL when it is 0) behind the others.  After no_memory nothing more is put. */
void px_buffer_put(px_buffer *to, const void *bytes, size_t size);

#endif
