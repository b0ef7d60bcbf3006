/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 by libcrypto, which uses what the processor has for it. */
#include "core/hash.h"

#include "core/error.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void px_hash_begin(px_hash *hash)
{
    SHA256_Init(&hash->state);
}

void px_hash_add(px_hash *hash, const void *bytes, size_t size)
{
    SHA256_Update(&hash->state, bytes, size);
}

void px_hash_end(px_hash *hash, uint8_t digest[32])
{
    SHA256_Final(digest, &hash->state);
}

void px_hash_hex(const uint8_t digest[32], char hex[PX_HASH_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}

void px_hash_bytes(const void *bytes, size_t size, char hex[PX_HASH_HEX])
{
    px_hash hash;
    uint8_t digest[32];
    px_hash_begin(&hash);
    px_hash_add(&hash, bytes, size);
    px_hash_end(&hash, digest);
    px_hash_hex(digest, hex);
}

/* read() and not the mapping: a file cut short meanwhile is then an error, not a SIGBUS. */
static dgxp_status add_file(px_hash *hash, const char *path, int fd, const dgxp_cancel *cancel,
                            uint8_t *piece, size_t size)
{
    for (;;) {
        if (cancel && dgxp_cancel_fired(cancel)) {
            return px_error_set(DGXP_ERR_CANCELLED, "%s: hashing was cancelled", path);
        }
        const ssize_t got = read(fd, piece, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return px_error_set(DGXP_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
        }
        if (got == 0) {
            return DGXP_OK;
        }
        px_hash_add(hash, piece, (size_t)got);
    }
}

dgxp_status px_hash_file(const char *path, const dgxp_cancel *cancel, char hex[PX_HASH_HEX])
{
    const size_t size = 1 << 20;
    dgxp_status status;
    struct stat about;
    px_hash hash;
    uint8_t digest[32], *piece = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return px_error_set(errno == ENOENT ? DGXP_ERR_NOT_FOUND : DGXP_ERR_IO,
                            "%s: cannot open: %s", path, strerror(errno));
    }
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: is not a regular file", path);
        goto done;
    }
    piece = px_mem_alloc(size);
    if (!piece) {
        status = px_error_memory("a reading buffer");
        goto done;
    }
    px_hash_begin(&hash);
    status = add_file(&hash, path, fd, cancel, piece, size);
    if (status == DGXP_OK) {
        px_hash_end(&hash, digest);
        px_hash_hex(digest, hex);
    }
done:
    px_mem_free(piece);
    close(fd);
    return status;
}
