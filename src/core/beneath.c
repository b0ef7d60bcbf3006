/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths that must stay below one folder: rules for their names, and opening without any link. */
#include "core/beneath.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

/* ------------------------------------------------------------------------------------- names */

/* Windows knows these with any suffix and in any case. */
static bool is_device(const char *name, size_t length)
{
    static const char *const devices[] = {"con",  "prn",  "aux",  "nul",  "com1",   "com2",
                                          "com3", "com4", "com5", "com6", "com7",   "com8",
                                          "com9", "lpt1", "lpt2", "lpt3", "lpt4",   "lpt5",
                                          "lpt6", "lpt7", "lpt8", "lpt9", "conin$", "conout$"};
    const char *dot = memchr(name, '.', length);
    size_t stem = dot ? (size_t)(dot - name) : length;
    while (stem && name[stem - 1] == ' ') {
        stem--;
    }
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        if (strlen(devices[i]) == stem && px_text_compare(devices[i], name, stem) == 0) {
            return true;
        }
    }
    return false;
}

/* What is wrong with one name of a path, or NULL. */
static const char *find_fault(const char *name, size_t length)
{
    if (length == 0) {
        return "has an empty name in it";
    }
    if (name[0] == '.') {
        return name[1] == '.' && length == 2 ? "leaves its folder with '..'"
                                             : "has a name that begins with a dot";
    }
    if (length > PX_BENEATH_NAME_MAX) {
        return "has a name of more than 200 bytes";
    }
    if (name[length - 1] == '.' || name[length - 1] == ' ' || name[0] == ' ') {
        return "has a name that begins or ends with a blank, or ends with a dot";
    }
    if (is_device(name, length)) {
        return "has a name that is a device on Windows";
    }
    return NULL;
}

/* Characters: what shells, Windows or Bevy's asset paths ('#' begins a label) would misread. */
static const char *find_character(const char *path)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)path;
    while (*at) {
        utf8proc_int32_t code;
        const utf8proc_ssize_t length = utf8proc_iterate(at, -1, &code);
        if (length <= 0) {
            return "is not UTF-8";
        }
        const utf8proc_category_t category = utf8proc_category(code);
        if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
            category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP ||
            category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CO) {
            return "has an invisible or control character";
        }
        if (code < 128 && strchr("\\:*?\"<>|#%", (int)code)) {
            return "has one of \\ : * ? \" < > | # %";
        }
        at += length;
    }
    return NULL;
}

dgxp_status px_beneath_check(const char *path, bool folder)
{
    size_t length = strlen(path);
    const char *fault = NULL;
    if (length == 0 && folder) {
        return DGXP_OK;
    }
    if (length > PX_BENEATH_PATH_MAX) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "'%.60s…': a path of %zu bytes; at most %d",
                            path, length, PX_BENEATH_PATH_MAX);
    }
    if (folder && path[length - 1] == '/') {
        length--;
    }
    fault = path[0] == '/' ? "is absolute" : find_character(path);
    for (size_t from = 0; !fault && from <= length;) {
        const char *slash = memchr(path + from, '/', length - from);
        const size_t to = slash ? (size_t)(slash - path) : length;
        fault = find_fault(path + from, to - from);
        from = to + 1;
    }
    return fault ? px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "'%s': %s; name a place inside assets/, as in sprites/knight.png",
                                path, fault)
                 : DGXP_OK;
}

char *px_beneath_key(const char *name)
{
    utf8proc_uint8_t *folded = NULL;
    const utf8proc_ssize_t length =
        utf8proc_map((const utf8proc_uint8_t *)name, 0, &folded,
                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    char *key = px_mem_text(length < 0 ? name : (const char *)folded);
    free(folded); /* utf8proc's, so the system's free() */
    return key;
}

/* ----------------------------------------------------------------------------------- folders */

static dgxp_status system_error(const char *shown, const char *name, const char *doing)
{
    const char *slash = *shown && *name ? "/" : "";
    if (errno == ELOOP) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s%s%s: is a symbolic link; links are never followed or replaced here",
                            shown, slash, name);
    }
    const dgxp_status status = errno == ENOENT ? DGXP_ERR_NOT_FOUND : DGXP_ERR_IO;
    return px_error_set(status, "%s%s%s: cannot %s: %s", shown, slash, name, doing,
                        strerror(errno));
}

dgxp_status px_beneath_alone(int folder, const char *shown, const char *name)
{
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        const dgxp_status status = system_error(shown, "", "list");
        if (copy >= 0) {
            close(copy);
        }
        return status;
    }
    char *key = px_beneath_key(name);
    dgxp_status status = key ? DGXP_OK : px_error_memory("a name");
    for (struct dirent *entry; status == DGXP_OK && (entry = readdir(list));) {
        char *other = px_beneath_key(entry->d_name);
        if (strcmp(entry->d_name, name) != 0 && (!other || strcmp(other, key) == 0)) {
            status = px_error_set(DGXP_ERR_MISMATCH,
                                  "%s/%s: '%s' is there and differs only in case or accents; on "
                                  "Windows and macOS they are one file: use that name",
                                  shown, name, entry->d_name);
        }
        px_mem_free(other);
    }
    px_mem_free(key);
    closedir(list);
    return status;
}

/* Whether `name` is a link: opening one as a folder says ENOTDIR, not ELOOP, on Linux. */
static bool is_link(int folder, const char *name)
{
    struct stat about;
    return fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(about.st_mode);
}

dgxp_status px_beneath_enter(int at, const char *shown, const char *name, bool make, int *fd)
{
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    *fd = openat(at, name, FLAGS);
    if (*fd < 0 && errno == ENOENT && make) {
        const dgxp_status status = px_beneath_alone(at, shown, name);
        if (status != DGXP_OK) {
            return status;
        }
        if (mkdirat(at, name, 0777) != 0 && errno != EEXIST) {
            return system_error(shown, name, "make the folder");
        }
        *fd = openat(at, name, FLAGS);
    }
    if (*fd >= 0) {
        return DGXP_OK;
    }
    errno = errno == ENOTDIR && is_link(at, name) ? ELOOP : errno;
    return system_error(shown, name, "open the folder");
}

dgxp_status px_beneath_open(int root, const char *shown, const char *path, bool make, int *fd)
{
    dgxp_status status = px_beneath_check(path, true);
    int at = status == DGXP_OK ? openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (at < 0) {
        return status == DGXP_OK ? system_error(shown, "", "open the folder") : status;
    }
    while (*path && status == DGXP_OK) {
        char name[PX_BENEATH_NAME_MAX + 1];
        const size_t length = strcspn(path, "/");
        int next = -1;
        memcpy(name, path, length);
        name[length] = '\0';
        status = px_beneath_enter(at, shown, name, make, &next);
        if (status == DGXP_OK) {
            close(at);
            at = next;
        }
        path += length + (path[length] == '/');
    }
    if (status == DGXP_OK) {
        *fd = at;
    } else {
        close(at);
    }
    return status;
}

/* ------------------------------------------------------------------------------------- files */

dgxp_status px_beneath_read(int folder, const char *shown, const char *name, size_t limit,
                            uint8_t **bytes, size_t *size)
{
    struct stat about;
    const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        const dgxp_status status = system_error(shown, name, "open");
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    dgxp_status status = DGXP_OK;
    uint8_t *block = NULL;
    *size = (size_t)about.st_size;
    if (!S_ISREG(about.st_mode)) {
        status = px_error_set(DGXP_ERR_MISMATCH, "%s/%s: is a folder or a device, not a file",
                              shown, name);
    } else if (*size > limit) {
        status = px_error_set(DGXP_ERR_LIMIT, "%s/%s: has %zu bytes; the limit is %zu", shown, name,
                              *size, limit);
    } else if (!(block = px_mem_alloc(*size + 1))) {
        status = px_error_memory(name);
    }
    for (size_t done = 0; status == DGXP_OK && done < *size;) {
        const ssize_t got = read(fd, block + done, *size - done);
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            errno = got == 0 ? EIO : errno; /* it became shorter meanwhile */
            status = system_error(shown, name, "read");
        }
    }
    close(fd);
    if (status != DGXP_OK) {
        px_mem_free(block);
        return status;
    }
    block[*size] = '\0';
    *bytes = block;
    return DGXP_OK;
}

dgxp_status px_beneath_hash(int folder, const char *shown, const char *name, size_t limit,
                            char hash[PX_HASH_HEX])
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_status status = px_beneath_read(folder, shown, name, limit, &bytes, &size);
    hash[0] = '\0';
    if (status == DGXP_OK) {
        px_hash_bytes(bytes, size, hash);
    } else if (status == DGXP_ERR_NOT_FOUND) {
        px_error_clear();
        status = DGXP_OK;
    }
    px_mem_free(bytes);
    return status;
}

dgxp_status px_beneath_create(int folder, const char *shown, const char *name, const void *bytes,
                              size_t size)
{
    const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) {
        return system_error(shown, name, "create");
    }
    dgxp_status status = DGXP_OK;
    if (!px_file_write_all(fd, bytes, size) || fsync(fd) != 0) {
        status = system_error(shown, name, "write");
    }
    if (close(fd) != 0 && status == DGXP_OK) {
        status = system_error(shown, name, "write");
    }
    if (status != DGXP_OK) {
        unlinkat(folder, name, 0);
    }
    return status;
}
