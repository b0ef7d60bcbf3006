/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One gzip member, unpacked into memory with a limit. */
#include "core/gzip.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"

#include <limits.h>
#include <stdbool.h>
#include <zlib.h>

static void *zlib_alloc(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return px_mem_array(count, size);
}

static void zlib_free(void *unused, void *block)
{
    (void)unused;
    px_mem_free(block);
}

static dgxp_status refuse(const char *name, int code, size_t limit)
{
    switch (code) {
    case Z_STREAM_END:
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: bytes follow the end of the gzip data; copy the file again", name);
    case Z_OK:
        return px_error_set(DGXP_ERR_LIMIT, "%s: unpacks to more than %zu bytes", name, limit);
    case Z_BUF_ERROR:
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: the gzip data is cut short; copy the file again", name);
    case Z_MEM_ERROR:
        return px_error_memory(name);
    default:
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: is not sound gzip data; copy the file again",
                            name);
    }
}

dgxp_status px_gzip_unpack(const char *name, const void *packed, size_t packed_size, size_t limit,
                           uint8_t **bytes, size_t *size)
{
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    if (packed_size > UINT_MAX || limit >= UINT_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: is too large for gzip data", name);
    }
    if (inflateInit2(&stream, 15 + 16) != Z_OK) {
        return px_error_memory(name);
    }
    size_t capacity = packed_size * 4 + 4096;
    capacity = capacity < limit ? capacity : limit;
    uint8_t *buffer = px_mem_alloc(capacity + 1);
    stream.next_in = (Bytef *)(uintptr_t)packed;
    stream.avail_in = (unsigned)packed_size;
    int code = buffer ? Z_OK : Z_MEM_ERROR;
    while (code == Z_OK) {
        stream.next_out = buffer + stream.total_out;
        stream.avail_out = (unsigned)(capacity - stream.total_out);
        code = inflate(&stream, Z_NO_FLUSH);
        if (code != Z_OK || stream.avail_out > 0) {
            if (code == Z_OK && stream.avail_in == 0) {
                code = Z_BUF_ERROR; /* all was read, and the end did not come */
            }
            continue;
        }
        if (capacity == limit) {
            break;
        }
        capacity = capacity > limit / 2 ? limit : capacity * 2;
        uint8_t *larger = px_mem_resize(buffer, capacity + 1, 1);
        code = larger ? Z_OK : Z_MEM_ERROR;
        buffer = larger ? larger : buffer;
    }
    const size_t total = stream.total_out;
    const bool whole = code == Z_STREAM_END && stream.avail_in == 0;
    inflateEnd(&stream);
    if (!whole) {
        px_mem_free(buffer);
        return refuse(name, code, limit);
    }
    buffer[total] = '\0';
    *bytes = buffer;
    *size = total;
    return DGXP_OK;
}

dgxp_status px_gzip_read(const char *path, size_t limit, uint8_t **bytes, size_t *size)
{
    uint8_t *packed = NULL;
    size_t packed_size;
    dgxp_status status = px_file_read(path, limit, &packed, &packed_size);
    if (status != DGXP_OK || !px_file_has_suffix(path, "gz")) {
        *bytes = packed;
        *size = packed_size;
        return status;
    }
    status = px_gzip_unpack(path, packed, packed_size, limit, bytes, size);
    px_mem_free(packed);
    return status;
}
