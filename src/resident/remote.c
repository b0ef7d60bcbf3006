/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How the engine is asked: a request, its answer, and what is said when it has gone. */
#include "resident/remote.h"

#include "core/mem.h"

#include <string.h>
#include <unistd.h>

px_place px_remote_place;

int32_t px_remote_gone(px_shim_error *error)
{
    return px_wire_fail(
        error, DGXP_ERR_BACKEND,
        "the resident engine ended in the middle of a call (killed, or out of memory); "
        "call again: its log is %s",
        px_remote_place.log);
}

static bool read_all(int socket, void *bytes, size_t size)
{
    int fds[PX_WIRE_FDS], count = 0;
    size_t done = 0;
    ssize_t got = 1;
    while (done < size && got > 0) {
        got = px_wire_receive(socket, (uint8_t *)bytes + done, size - done, fds, &count);
        done += got > 0 ? (size_t)got : 0;
        while (count > 0) {
            close(fds[--count]); /* no answer brings files */
        }
    }
    return done == size;
}

/* The answer to the oldest request that has none. */
int32_t px_remote_receive(int socket, px_answer *out, px_shim_error *error)
{
    px_wire_head head = {0, 0, 0};
    *out = (px_answer){NULL, {NULL, NULL, false}};
    if (!read_all(socket, &head, sizeof head)) {
        return px_remote_gone(error);
    }
    if (head.size > PX_WIRE_LIMIT || head.op > DGXP_ERR_INTERNAL) {
        return px_wire_fail(error, DGXP_ERR_INTERNAL, "the resident engine answers nonsense");
    }
    out->bytes = px_mem_alloc((size_t)head.size + 1);
    if (!out->bytes) {
        return px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for what the engine answers");
    }
    if (!read_all(socket, out->bytes, (size_t)head.size)) {
        return px_remote_gone(error);
    }
    out->bytes[head.size] = '\0';
    out->from = (px_wire_reader){out->bytes, out->bytes + head.size, false};
    return head.op == DGXP_OK ? DGXP_OK : px_wire_fail(error, (int32_t)head.op, "%s", out->bytes);
}

/* Send a request, whose bytes are freed, and wait for its answer, which the caller frees. */
int32_t px_remote_ask(int socket, px_wire_op op, px_buffer *request, const int *fds, int fd_count,
                      px_answer *out, px_shim_error *error)
{
    *out = (px_answer){NULL, {NULL, NULL, false}};
    int32_t status = DGXP_OK;
    if (request && request->no_memory) {
        status =
            px_wire_fail(error, DGXP_ERR_OUT_OF_MEMORY, "no memory for what the engine is asked");
    } else if (socket < 0 || !px_wire_send(socket, op, request, fds, fd_count)) {
        status = px_remote_gone(error);
    }
    if (request) {
        px_mem_free(request->bytes);
    }
    return status == DGXP_OK ? px_remote_receive(socket, out, error) : status;
}

int32_t px_remote_call(const px_shim_model *model, px_wire_op op, px_buffer *request,
                       px_answer *out, px_shim_error *error)
{
    return px_remote_ask(model->socket, op, request, NULL, 0, out, error);
}

int32_t px_remote_end(int32_t status, px_answer *got, px_shim_error *error)
{
    if (status == DGXP_OK && (got->from.bad || got->from.at != got->from.end)) {
        status = px_wire_fail(error, DGXP_ERR_INTERNAL,
                              "the resident engine's answer has another length");
    }
    px_mem_free(got->bytes);
    return status;
}
