/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where resident engines are met: a folder of the user's own, and three files for each engine. */
#include "resident/place.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_own_folder(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == geteuid();
}

static dgxp_status find_folder(char **out)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *folder = runtime && *runtime == '/' && is_own_folder(runtime)
                       ? px_file_join(runtime, "dgx-pixels")
                       : px_mem_format("/tmp/dgx-pixels-%lu", (unsigned long)geteuid());
    struct stat about;
    if (!folder) {
        return px_error_memory("a path");
    }
    dgxp_status status = DGXP_OK;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        status = px_error_set(DGXP_ERR_IO, "%s: cannot make it: %s", folder, strerror(errno));
    } else if (!is_own_folder(folder) || lstat(folder, &about) != 0 || (about.st_mode & 077)) {
        status = px_error_set(DGXP_ERR_UNTRUSTED,
                              "%s: belongs to somebody else, or others may write there; set "
                              "XDG_RUNTIME_DIR to a folder of your own (mode 0700)",
                              folder);
    }
    if (status != DGXP_OK) {
        px_mem_free(folder);
        return status;
    }
    *out = folder;
    return DGXP_OK;
}

void px_place_free(px_place *place)
{
    px_mem_free(place->socket);
    px_mem_free(place->lock);
    px_mem_free(place->log);
    *place = (px_place){NULL, NULL, NULL};
}

static dgxp_status place_in(const char *folder, const char *name, px_place *out)
{
    struct sockaddr_un address;
    *out = (px_place){px_mem_format("%s/%s.sock", folder, name),
                      px_mem_format("%s/%s.lock", folder, name),
                      px_mem_format("%s/%s.log", folder, name)};
    dgxp_status status = DGXP_OK;
    if (!out->socket || !out->lock || !out->log) {
        status = px_error_memory("a path");
    } else if (strlen(out->socket) >= sizeof address.sun_path) {
        status = px_error_set(DGXP_ERR_LIMIT, "%s: is longer than a socket's path may be (%zu)",
                              out->socket, sizeof address.sun_path - 1);
    }
    if (status != DGXP_OK) {
        px_place_free(out);
    }
    return status;
}

dgxp_status px_place_find(const char *name, px_place *out)
{
    char *folder = NULL;
    *out = (px_place){NULL, NULL, NULL};
    dgxp_status status = find_folder(&folder);
    if (status == DGXP_OK) {
        status = place_in(folder, name, out);
    }
    px_mem_free(folder);
    return status;
}

/* ------------------------------------------------------------------------------------- the lock */

/* The lock of the file that has this name now: one that was removed meanwhile is no lock. */
static int lock_file(const char *path)
{
    for (int tries = 0; tries < 8; tries++) {
        struct stat held, there;
        const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            close(fd);
            errno = EWOULDBLOCK;
            return -1;
        }
        if (fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino) {
            return fd;
        }
        close(fd);
    }
    errno = EAGAIN;
    return -1;
}

dgxp_status px_place_take(const px_place *place, int *fd)
{
    *fd = lock_file(place->lock);
    if (*fd >= 0) {
        unlink(place->socket); /* of an engine that was killed */
        return DGXP_OK;
    }
    if (errno == EWOULDBLOCK) {
        return px_error_set(DGXP_ERR_BUSY, "a resident engine runs already: %s", place->socket);
    }
    return px_error_set(DGXP_ERR_IO, "%s: cannot be locked: %s", place->lock, strerror(errno));
}

void px_place_leave(const px_place *place, int lock)
{
    unlink(place->socket);
    unlink(place->lock);
    close(lock);
}

/* ----------------------------------------------------------------------------------- the socket */

static void set_address(const px_place *place, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, place->socket, strlen(place->socket) + 1);
}

dgxp_status px_place_listen(const px_place *place, int *fd)
{
    struct sockaddr_un address;
    set_address(place, &address);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd >= 0 && fchmod(*fd, 0600) == 0 &&
        bind(*fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        chmod(place->socket, 0600) == 0 && listen(*fd, 64) == 0) {
        return DGXP_OK;
    }
    const int reason = errno;
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return px_error_set(DGXP_ERR_IO, "%s: cannot listen: %s", place->socket, strerror(reason));
}

bool px_place_is_mine(int socket)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

int px_place_connect(const px_place *place)
{
    struct sockaddr_un address;
    set_address(place, &address);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        px_place_is_mine(fd)) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* -------------------------------------------------------------------------------------- all of them */

static int is_lock(const struct dirent *entry)
{
    return px_file_has_suffix(entry->d_name, "lock");
}

/* Whether an engine holds it; what a killed one left goes away. */
static bool is_live(const char *folder, const char *name)
{
    px_place place;
    int lock = -1;
    if (place_in(folder, name, &place) != DGXP_OK) {
        return false;
    }
    const bool live = px_place_take(&place, &lock) == DGXP_ERR_BUSY;
    if (lock >= 0) {
        px_place_leave(&place, lock);
    }
    px_place_free(&place);
    px_error_clear();
    return live;
}

dgxp_status px_place_list(char ***names, int32_t *count)
{
    char *folder = NULL;
    struct dirent **entries = NULL;
    *names = NULL;
    *count = 0;
    dgxp_status status = find_folder(&folder);
    if (status != DGXP_OK) {
        return status;
    }
    const int found = scandir(folder, &entries, is_lock, px_file_order);
    *names = px_mem_zero((size_t)(found > 0 ? found : 1), sizeof **names);
    for (int i = 0; i < found; i++) {
        const char *end = strrchr(entries[i]->d_name, '.');
        char *name = px_mem_textn(entries[i]->d_name, (size_t)(end - entries[i]->d_name));
        if (*names && name && is_live(folder, name)) {
            (*names)[(*count)++] = name;
        } else {
            px_mem_free(name);
        }
        free(entries[i]); /* scandir's, so the system's free() */
    }
    free((void *)entries);
    px_mem_free(folder);
    return *names ? DGXP_OK : px_error_memory("a list of engines");
}
