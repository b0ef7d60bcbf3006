/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames of a program that asks the resident engine, on the stub: they come through no public door. */
#include "fuzz.h"

#include "core/mem.h"
#include "resident/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A frame is its request less PX_WIRE_HELLO, the length of its bytes in two bytes, and the bytes. */
enum { FRAME = 3, WEIGHTS = 4096 };

static bool is_current(void *user_data)
{
    (void)user_data;
    return true;
}

static void end(px_engine *engine, px_session *session)
{
    if (session->model) {
        session->model->sessions--;
    }
    while (session->fd_count > 0) {
        close(session->fds[--session->fd_count]);
    }
    while (engine->models) {
        px_kept_free(engine, engine->models);
    }
}

/* One program that has the turn, and brings a file of weights each time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const px_engine_options options = {.shim = px_shim_entry(), .is_current = is_current};
    const px_place place = {"s.sock", "s.lock", "s.log"};
    px_engine engine = {.place = &place, .options = &options};
    px_session session = {.socket = -1, .holds = true};
    while (size >= FRAME) {
        const size_t wanted = data[1] + 256u * data[2], left = size - FRAME;
        const size_t length = wanted < left ? wanted : left;
        px_buffer answer = {NULL, 0, 0, false};
        px_shim_error error = {""};
        session.head = (px_wire_head){PX_WIRE_HELLO + (uint32_t)data[0], 1, length};
        session.bytes =
            px_mem_alloc(length ? length : 1); /* so that ASan sees a read past the end */
        if (!session.bytes) {
            abort();
        }
        memcpy(session.bytes, data + FRAME, length);
        if (session.fd_count == 0) {
            session.fds[0] = memfd_create("weights", MFD_CLOEXEC);
            session.fd_count = session.fds[0] >= 0 && ftruncate(session.fds[0], WEIGHTS) == 0;
        }
        const int32_t status = px_engine_answer(&engine, &session, &answer, &error);
        if (status != DGXP_OK && !error.text[0] && status != DGXP_ERR_OUT_OF_MEMORY) {
            fprintf(stderr, "request %u: status %d without a sentence\n", session.head.op, status);
            abort();
        }
        px_mem_free(answer.bytes);
        px_mem_free(session.bytes);
        data += FRAME + length;
        size -= FRAME + length;
    }
    end(&engine, &session);
    return 0;
}
