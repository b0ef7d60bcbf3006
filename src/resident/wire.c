/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a program and the resident engine say to each other: frames of values over a Unix socket. */
#include "resident/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where arrays begin, in a frame and so in memory: floats may be read in place. */
enum { ALIGNMENT = 8 };

size_t px_wire_dtype_size(int32_t dtype)
{
    static const size_t sizes[PX_DTYPES] = {4, 2, 2, 8, 1, 1, 8, 4, 2, 1, 1, 1};
    return dtype >= 0 && dtype < PX_DTYPES ? sizes[dtype] : 0;
}

void px_wire_put_i32(px_buffer *to, int32_t value)
{
    px_buffer_put(to, &value, sizeof value);
}

void px_wire_put_bytes(px_buffer *to, const void *bytes, size_t size)
{
    static const uint8_t zeros[ALIGNMENT];
    const uint64_t length = bytes ? size : UINT64_MAX;
    px_buffer_put(to, &length, sizeof length);
    px_buffer_put(to, zeros, (ALIGNMENT - to->size % ALIGNMENT) % ALIGNMENT);
    px_buffer_put(to, bytes, bytes ? size : 0);
}

void px_wire_put_text(px_buffer *to, const char *text)
{
    px_wire_put_bytes(to, text, text ? strlen(text) + 1 : 0);
}

void px_wire_get(px_wire_reader *from, void *value, size_t size)
{
    if (from->bad || (size_t)(from->end - from->at) < size) {
        from->bad = true;
        memset(value, 0, size);
        return;
    }
    memcpy(value, from->at, size);
    from->at += size;
}

int32_t px_wire_get_i32(px_wire_reader *from)
{
    int32_t value;
    px_wire_get(from, &value, sizeof value);
    return value;
}

const void *px_wire_get_bytes(px_wire_reader *from, size_t *size)
{
    uint64_t length, zeros;
    px_wire_get(from, &length, sizeof length);
    px_wire_get(from, &zeros, (ALIGNMENT - (uintptr_t)from->at % ALIGNMENT) % ALIGNMENT);
    *size = 0;
    if (from->bad || length == UINT64_MAX) {
        return NULL;
    }
    if (length > (uint64_t)(from->end - from->at)) {
        from->bad = true;
        return NULL;
    }
    const uint8_t *bytes = from->at;
    from->at += length;
    *size = (size_t)length;
    return bytes;
}

const char *px_wire_get_text(px_wire_reader *from)
{
    size_t size;
    const char *text = px_wire_get_bytes(from, &size);
    if (text && (size == 0 || text[size - 1] != '\0')) {
        from->bad = true;
        return NULL;
    }
    return text;
}

static bool send_rest(int socket, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

bool px_wire_send(int socket, uint32_t op, const px_buffer *payload, const int *fds, int fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * PX_WIRE_FDS)];
        struct cmsghdr align;
    } beside;
    px_wire_head head = {op, (uint32_t)fd_count, payload ? payload->size : 0};
    /* In one piece where it fits, so that the other end wakes once. */
    const size_t size = payload ? payload->size : 0;
    struct iovec parts[2] = {{&head, sizeof head}, {payload ? payload->bytes : NULL, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size ? 2 : 1};
    if (fd_count > PX_WIRE_FDS) {
        errno = EMFILE;
        return false;
    }
    if (fd_count > 0) {
        const size_t length = sizeof *fds * (size_t)fd_count;
        memset(&beside, 0, sizeof beside);
        message.msg_control = beside.bytes;
        message.msg_controllen = CMSG_SPACE(length);
        struct cmsghdr *control = CMSG_FIRSTHDR(&message);
        *control = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(length), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(control), fds, length);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return false;
    }
    const size_t done = (size_t)sent, of_head = done < sizeof head ? done : sizeof head;
    return send_rest(socket, (const uint8_t *)&head + of_head, sizeof head - of_head) &&
           (!size || send_rest(socket, payload->bytes + (done - of_head), size - (done - of_head)));
}

ssize_t px_wire_receive(int socket, void *bytes, size_t size, int *fds, int *fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * PX_WIRE_FDS)];
        struct cmsghdr align;
    } beside;
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = beside.bytes,
                             .msg_controllen = sizeof beside.bytes};
    ssize_t got;
    do {
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    for (struct cmsghdr *control = got >= 0 ? CMSG_FIRSTHDR(&message) : NULL; control;
         control = CMSG_NXTHDR(&message, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(control) + i * sizeof fd, sizeof fd);
            if (*fd_count < PX_WIRE_FDS) {
                fds[(*fd_count)++] = fd;
            } else {
                close(fd);
            }
        }
    }
    return got;
}

int32_t px_wire_fail(px_shim_error *error, int32_t status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}
