/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A host with memory of its own: what jansson and we take from it, no other free() may be given. */
#ifndef PX_HOST_H
#define PX_HOST_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PX_HOST_HEAD = 16 }; /* before each block: whose it is; keeps the alignment */

static inline void *px_host_take(void *block, size_t size, uint64_t owner)
{
    uint8_t *head = block ? (uint8_t *)block - PX_HOST_HEAD : NULL;
    if (head && *(uint64_t *)(void *)head != owner) {
        fprintf(stderr, "px_host: a block that is not ours is resized\n");
        abort();
    }
    head = size < SIZE_MAX - PX_HOST_HEAD ? realloc(head, size + PX_HOST_HEAD) : NULL;
    if (!head) {
        return NULL;
    }
    *(uint64_t *)(void *)head = owner;
    return head + PX_HOST_HEAD;
}

static inline void px_host_drop(void *block, uint64_t owner)
{
    if (!block) {
        return;
    }
    uint8_t *head = (uint8_t *)block - PX_HOST_HEAD;
    if (*(uint64_t *)(void *)head != owner) {
        fprintf(stderr, "px_host: a block that is not ours is freed\n");
        abort();
    }
    *(uint64_t *)(void *)head = 0;
    free(head);
}

#define PX_HOST_JANSSON UINT64_C(0x6a616e73736f6e21)
#define PX_HOST_PIXELS UINT64_C(0x6467782d70697821)

static inline void *px_host_json_alloc(size_t size)
{
    return px_host_take(NULL, size, PX_HOST_JANSSON);
}

static inline void px_host_json_free(void *block)
{
    px_host_drop(block, PX_HOST_JANSSON);
}

static inline void *px_host_resize(void *block, size_t size, void *unused)
{
    (void)unused;
    return px_host_take(block, size, PX_HOST_PIXELS);
}

static inline void px_host_free(void *block, void *unused)
{
    (void)unused;
    px_host_drop(block, PX_HOST_PIXELS);
}

/** Be that host from now on; before any other call. */
static inline void px_host_begin(void)
{
    const dgxp_allocator own = {
        .struct_size = sizeof own, .resize = px_host_resize, .free = px_host_free};
    json_set_alloc_funcs(px_host_json_alloc, px_host_json_free);
    dgxp_set_allocator(&own);
}

#endif
