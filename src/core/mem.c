/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All host allocations of the C half, through one settable table. */
#include "core/mem.h"

#include "core/number.h"
#include "core/params.h"
#include "dgxpixels.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *system_resize(void *block, size_t size, void *user_data)
{
    (void)user_data;
    return realloc(block, size);
}

static void system_free(void *block, void *user_data)
{
    (void)user_data;
    free(block);
}

static dgxp_allocator allocator = {
    .struct_size = sizeof(dgxp_allocator), .resize = system_resize, .free = system_free};

void dgxp_set_allocator(const dgxp_allocator *table)
{
    dgxp_allocator known;
    if (px_params_read("dgxp_set_allocator", table, &known, sizeof known) == DGXP_OK &&
        known.resize && known.free) {
        allocator = known;
    } else {
        allocator = (dgxp_allocator){
            .struct_size = sizeof allocator, .resize = system_resize, .free = system_free};
    }
}

bool px_mem_multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

void *px_mem_resize(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (!px_mem_multiply(count, size, &bytes)) {
        return NULL;
    }
    return allocator.resize(block, bytes ? bytes : 1, allocator.user_data);
}

void *px_mem_alloc(size_t size)
{
    return px_mem_resize(NULL, 1, size);
}

void *px_mem_array(size_t count, size_t size)
{
    return px_mem_resize(NULL, count, size);
}

void *px_mem_zero(size_t count, size_t size)
{
    void *block = px_mem_resize(NULL, count, size);
    if (block) {
        memset(block, 0, count * size);
    }
    return block;
}

char *px_mem_textn(const char *text, size_t length)
{
    char *copy = length == SIZE_MAX ? NULL : px_mem_alloc(length + 1);
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *px_mem_text(const char *text)
{
    return px_mem_textn(text, strlen(text));
}

char *px_mem_format(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = px_number_vprint(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : px_mem_alloc((size_t)length + 1);
    if (text) {
        px_number_vprint(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    va_end(arguments);
    return text;
}

void px_mem_free(void *block)
{
    if (block) {
        allocator.free(block, allocator.user_data);
    }
}

bool px_mem_grow(void **table, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity) {
        return true;
    }
    const size_t wanted = *capacity ? *capacity * 2 : 16;
    void *larger = wanted > *capacity ? px_mem_resize(*table, wanted, size) : NULL;
    if (!larger) {
        return false;
    }
    *table = larger;
    *capacity = wanted;
    return true;
}

void px_mem_measure(uint64_t *total, uint64_t *available)
{
    unsigned long long all = 0, left = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && !left && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemTotal: %llu", &all) != 1) {
            (void)sscanf(line, "MemAvailable: %llu", &left);
        }
    }
    if (file) {
        fclose(file);
    }
    *total = (uint64_t)all * 1024;
    *available = (uint64_t)left * 1024;
}
