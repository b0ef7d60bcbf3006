/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who works on what: processes that share one folder take groups, each group once. */
#include "batch/claims.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN = 0, BEGUN = 1, DONE = 2 };

struct px_claims {
    char *folder;
    int lock, bytes, shard;
    int32_t count;
};

static dgxp_status fail(const px_claims *claims, const char *name, const char *doing)
{
    return px_error_set(DGXP_ERR_IO, "%s/%s: cannot %s: %s", claims->folder, name, doing,
                        strerror(errno));
}

static int open_in(const px_claims *claims, const char *name)
{
    char *path = px_file_join(claims->folder, name);
    const int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    px_mem_free(path);
    return fd;
}

static int flock_patiently(int fd, int operation)
{
    int result;
    do {
        result = flock(fd, operation);
    } while (result != 0 && errno == EINTR);
    return result;
}

dgxp_status px_claims_open(const char *folder, px_claims **out, bool *alone)
{
    px_claims *made = px_mem_zero(1, sizeof *made);
    if (!made) {
        return px_error_memory("a lock");
    }
    made->lock = made->bytes = made->shard = -1;
    made->folder = px_mem_text(folder);
    dgxp_status status = made->folder ? DGXP_OK : px_error_memory("a lock");
    if (status == DGXP_OK && (made->lock = open_in(made, "lock")) < 0) {
        status = fail(made, "lock", "create");
    }
    if (status == DGXP_OK && (made->bytes = open_in(made, "claims")) < 0) {
        status = fail(made, "claims", "create");
    }
    if (status == DGXP_OK) {
        *alone = flock_patiently(made->lock, LOCK_EX | LOCK_NB) == 0;
        if (!*alone && errno != EWOULDBLOCK) {
            status = fail(made, "lock", "lock");
        }
    }
    if (status != DGXP_OK) {
        px_claims_free(made);
        return status;
    }
    *out = made;
    return DGXP_OK;
}

dgxp_status px_claims_reset(px_claims *claims, const bool *done, int32_t count)
{
    uint8_t *bytes = px_mem_zero((size_t)count, 1);
    if (!bytes) {
        return px_error_memory("the claims");
    }
    for (int32_t i = 0; i < count; i++) {
        bytes[i] = done[i] ? DONE : OPEN;
    }
    dgxp_status status = DGXP_OK;
    if (ftruncate(claims->bytes, count) != 0) {
        status = fail(claims, "claims", "write");
    }
    for (int32_t at = 0; at < count && status == DGXP_OK;) {
        const ssize_t put = pwrite(claims->bytes, bytes + at, (size_t)(count - at), at);
        if (put <= 0 && errno != EINTR) {
            status = fail(claims, "claims", "write");
        }
        at += put > 0 ? (int32_t)put : 0;
    }
    px_mem_free(bytes);
    return status;
}

dgxp_status px_claims_join(px_claims *claims, int32_t count)
{
    struct stat about;
    if (flock_patiently(claims->lock, LOCK_SH) != 0) {
        return fail(claims, "lock", "lock");
    }
    if (fstat(claims->bytes, &about) != 0) {
        return fail(claims, "claims", "read");
    }
    if (about.st_size != count) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s/claims: has %lld groups, this batch %d: another batch works here",
                            claims->folder, (long long)about.st_size, count);
    }
    claims->count = count;
    return DGXP_OK;
}

dgxp_status px_claims_take_shard(px_claims *claims, int32_t shard, int32_t shards)
{
    char *name = px_mem_format("shard-%d-of-%d", shard, shards);
    if (!name) {
        return px_error_memory("a lock");
    }
    dgxp_status status = DGXP_OK;
    claims->shard = open_in(claims, name);
    if (claims->shard < 0) {
        status = fail(claims, name, "create");
    } else if (flock_patiently(claims->shard, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK
                     ? px_error_set(DGXP_ERR_BUSY, "%s: another process paints shard %d/%d already",
                                    claims->folder, shard, shards)
                     : fail(claims, name, "lock");
    }
    px_mem_free(name);
    return status;
}

bool px_claims_last(px_claims *claims)
{
    return flock_patiently(claims->lock, LOCK_EX | LOCK_NB) == 0;
}

void px_claims_free(px_claims *claims)
{
    if (!claims) {
        return;
    }
    const int files[] = {claims->shard, claims->bytes, claims->lock};
    for (int i = 0; i < 3; i++) {
        if (files[i] >= 0) {
            close(files[i]); /* and with it its locks */
        }
    }
    px_mem_free(claims->folder);
    px_mem_free(claims);
}

/* The locks belong to the open file, not to the process, so closing another descriptor of the file
 * (as POSIX's own would) lets nothing go. */
static int lock_byte(const px_claims *claims, int32_t group, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = group, .l_len = 1};
    int result;
    do {
        result = fcntl(claims->bytes, F_OFD_SETLK, &lock);
    } while (result != 0 && errno == EINTR);
    return result;
}

static dgxp_status write_byte(const px_claims *claims, int32_t group, uint8_t value)
{
    ssize_t put;
    do {
        put = pwrite(claims->bytes, &value, 1, group);
    } while (put < 0 && errno == EINTR);
    return put == 1 ? DGXP_OK : fail(claims, "claims", "write");
}

dgxp_status px_claims_try(px_claims *claims, int32_t group, px_claim *out)
{
    uint8_t value = OPEN;
    if (lock_byte(claims, group, F_WRLCK) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return fail(claims, "claims", "lock");
        }
        *out = PX_CLAIM_TAKEN;
        return DGXP_OK;
    }
    if (pread(claims->bytes, &value, 1, group) != 1) {
        return fail(claims, "claims", "read");
    }
    *out = value == DONE ? PX_CLAIM_DONE : value == BEGUN ? PX_CLAIM_DROPPED : PX_CLAIM_OURS;
    if (value == DONE) {
        lock_byte(claims, group, F_UNLCK);
        return DGXP_OK;
    }
    return value == OPEN ? write_byte(claims, group, BEGUN) : DGXP_OK;
}

dgxp_status px_claims_release(px_claims *claims, int32_t group, bool done)
{
    const dgxp_status status = done ? write_byte(claims, group, DONE) : DGXP_OK;
    lock_byte(claims, group, F_UNLCK);
    return status;
}
