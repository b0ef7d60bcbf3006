/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files: whole reads with a limit, atomic writes, read-only mappings, paths. */
#include "core/file.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_NAME_MAX = 200 }; /* bytes of the name that shows whose it is */

static dgxp_status system_error(const char *path, const char *doing)
{
    const dgxp_status status =
        errno == ENOENT || errno == ENOTDIR ? DGXP_ERR_NOT_FOUND : DGXP_ERR_IO;
    return px_error_set(status, "%s: cannot %s: %s", path, doing, strerror(errno));
}

dgxp_status px_file_open(const char *path, int *fd, size_t *size)
{
    struct stat about;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not hang */
    if (*fd < 0) {
        return system_error(path, "open");
    }
    if (fstat(*fd, &about) != 0) {
        const dgxp_status status = system_error(path, "read");
        close(*fd);
        *fd = -1;
        return status;
    }
    if (!S_ISREG(about.st_mode)) {
        close(*fd);
        *fd = -1;
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: is %s, not a file", path,
                            S_ISDIR(about.st_mode) ? "a folder" : "a device or pipe");
    }
    *size = (size_t)about.st_size;
    return DGXP_OK;
}

static bool read_all(int fd, uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t got = read(fd, bytes + done, size - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno; /* the file became shorter while it was read */
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* Standard input has no size to ask for: the room doubles until it ends. */
static dgxp_status read_input(size_t limit, uint8_t **bytes, size_t *size)
{
    uint8_t *block = NULL;
    size_t room = 0, used = 0;
    for (;;) {
        if (used + 1 >= room) {
            room = room ? 2 * room : 1 << 16;
            uint8_t *larger = px_mem_resize(block, room, 1);
            if (!larger) {
                px_mem_free(block);
                return px_error_memory("standard input");
            }
            block = larger;
        }
        const ssize_t got = read(STDIN_FILENO, block + used, room - used - 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        used += got > 0 ? (size_t)got : 0;
        if (got < 0 || used > limit) {
            px_mem_free(block);
            return got < 0 ? system_error("standard input", "read")
                           : px_error_set(DGXP_ERR_LIMIT,
                                          "standard input: over the limit of %zu "
                                          "bytes",
                                          limit);
        }
        if (got == 0) {
            break;
        }
    }
    block[used] = '\0';
    *bytes = block;
    *size = used;
    return DGXP_OK;
}

dgxp_status px_file_read(const char *path, size_t limit, uint8_t **bytes, size_t *size)
{
    int fd;
    *bytes = NULL;
    *size = 0;
    if (strcmp(path, "-") == 0) {
        return read_input(limit, bytes, size);
    }
    dgxp_status status = px_file_open(path, &fd, size);
    if (status != DGXP_OK) {
        return status;
    }
    if (*size > limit) {
        close(fd);
        return px_error_set(DGXP_ERR_LIMIT, "%s: has %zu bytes; the limit is %zu", path, *size,
                            limit);
    }
    *bytes = px_mem_alloc(*size + 1);
    if (!*bytes) {
        status = px_error_memory(path);
    } else if (!read_all(fd, *bytes, *size)) {
        status = system_error(path, "read");
        px_mem_free(*bytes);
        *bytes = NULL;
    } else {
        (*bytes)[*size] = '\0';
    }
    close(fd);
    return status;
}

bool px_file_write_all(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t put = write(fd, (const uint8_t *)bytes + done, size - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        done += (size_t)put;
    }
    return true;
}

/* A device or a pipe takes the bytes as they come; a rename would put a file in its place. */
static dgxp_status write_into(const char *path, const void *bytes, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return system_error(path, "open");
    }
    dgxp_status status = px_file_write_all(fd, bytes, size) ? DGXP_OK : system_error(path, "write");
    if (close(fd) != 0 && status == DGXP_OK) {
        status = system_error(path, "write");
    }
    return status;
}

dgxp_status px_file_replace(const char *path, const char *temporary, const void *bytes, size_t size)
{
    dgxp_status status = DGXP_OK;
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        status = system_error(path, "create");
    } else {
        if (!px_file_write_all(fd, bytes, size) || fsync(fd) != 0) {
            status = system_error(path, "write");
        }
        if (close(fd) != 0 && status == DGXP_OK) {
            status = system_error(path, "write");
        }
        if (status == DGXP_OK && rename(temporary, path) != 0) {
            status = system_error(path, "replace");
        }
        if (status != DGXP_OK) {
            unlink(temporary);
        }
    }
    return status;
}

static dgxp_status replace_file(const char *path, const void *bytes, size_t size)
{
    /* Process numbers repeat in containers; a random name meets nothing that a killed one left. */
    const char *name = px_file_name(path);
    uint64_t random = 0;
    dgxp_status status = px_rng_seed(&random);
    char *temporary = px_mem_format("%.*s.%.*s.tmp-%014" PRIx64, (int)(name - path), path,
                                    TEMPORARY_NAME_MAX, name, random);
    if (status == DGXP_OK) {
        status = temporary ? px_file_replace(path, temporary, bytes, size)
                           : px_error_memory("a file name");
    }
    px_mem_free(temporary);
    return status;
}

dgxp_status px_file_sync_folder(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return system_error(path, "open");
    }
    const dgxp_status status = fsync(fd) == 0 ? DGXP_OK : system_error(path, "write");
    close(fd);
    return status;
}

dgxp_status px_file_write(const char *path, const void *bytes, size_t size)
{
    struct stat about;
    if (strcmp(path, "-") == 0) {
        return px_file_write_all(STDOUT_FILENO, bytes, size) ? DGXP_OK
                                                             : system_error("stdout", "write");
    }
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) {
        return write_into(path, bytes, size);
    }
    char *target = realpath(path, NULL); /* what a link points at, not the link, is replaced */
    const dgxp_status status = replace_file(target ? target : path, bytes, size);
    free(target); /* realpath's, so the system's free() */
    return status;
}

dgxp_status px_file_map(const char *path, bool copy, px_map *out)
{
    int fd;
    size_t size;
    *out = (px_map){.fd = -1};
    dgxp_status status = px_file_open(path, &fd, &size);
    if (status != DGXP_OK) {
        return status;
    }
    *out = (px_map){.size = size, .fd = fd, .copied = copy};
    if (copy) {
        uint8_t *bytes = px_mem_alloc(size);
        if (!bytes) {
            status = px_error_memory(path);
        } else if (!read_all(fd, bytes, size)) {
            status = system_error(path, "read");
            px_mem_free(bytes);
        } else {
            out->data = bytes;
        }
    } else if (size > 0) {
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = system_error(path, "map");
        } else {
            out->data = data;
        }
    }
    if (status != DGXP_OK) {
        close(fd);
        *out = (px_map){.fd = -1};
    }
    return status;
}

void px_file_unmap(px_map *map)
{
    if (map->copied) {
        px_mem_free((void *)(uintptr_t)map->data);
    } else if (map->data) {
        munmap((void *)(uintptr_t)map->data, map->size);
    }
    if (map->fd > 0) {
        close(map->fd);
    }
    *map = (px_map){.fd = -1};
}

bool px_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool px_file_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

int px_file_is_json(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && px_file_has_suffix(entry->d_name, "json");
}

int px_file_order(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

char *px_file_join(const char *folder, const char *name)
{
    const size_t length = strlen(folder);
    return px_mem_format("%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
}

const char *px_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void dgxp_slug(const char *subject, char slug[DGXP_SLUG_SIZE])
{
    size_t length = 0;
    if (!slug) {
        return;
    }
    for (; subject && *subject && length < DGXP_SLUG_SIZE - 1; subject++) {
        if (px_text_is_alnum(*subject)) {
            slug[length++] = px_text_lower(*subject);
        } else if (length && slug[length - 1] != '-') {
            slug[length++] = '-';
        }
    }
    while (length && slug[length - 1] == '-') {
        length--;
    }
    strcpy(slug + length, length ? "" : "sprite");
}

bool px_file_has_suffix(const char *name, const char *suffix)
{
    const char *dot = strrchr(px_file_name(name), '.');
    return dot && px_text_compare(dot + 1, suffix, SIZE_MAX) == 0;
}
