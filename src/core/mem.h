/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All host allocations of the C half, through one settable table. */
#ifndef PX_MEM_H
#define PX_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns NULL when memory runs out or `count * size` overflows; the caller reports it with
 * px_error_memory().  A size of 0 gives a pointer that may be freed. */
void *px_mem_alloc(size_t size);
void *px_mem_array(size_t count, size_t size); /* uninitialised */
void *px_mem_zero(size_t count, size_t size);  /* zeroed */
void *px_mem_resize(void *block, size_t count, size_t size);
char *px_mem_text(const char *text);                 /* a copy of `text` */
char *px_mem_textn(const char *text, size_t length); /* of its first `length` bytes */
char *px_mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void px_mem_free(void *block);

/** `*out = a * b`; false on overflow. */
bool px_mem_multiply(size_t a, size_t b, size_t *out);

/**
 * Make room for one more element of `size` bytes in a growing table of `*capacity` elements,
 * doubling it when full.  False when memory runs out; the table is then unchanged.
 */
bool px_mem_grow(void **table, size_t *capacity, size_t count, size_t size);

/** Bytes of the machine's memory, and those that programs can still have; 0 where it is not told. */
void px_mem_measure(uint64_t *total, uint64_t *available);

#endif
