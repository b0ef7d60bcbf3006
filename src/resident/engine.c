/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The resident engine: one thread that keeps models open and does what programs ask, in turn. */
#include "resident/engine.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"
#include "resident/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICK_MS = 1000, PARTS = 64 };
#define LOOK_SECONDS 5.0 /* between two looks at the memory, and at the program on disk */

static volatile sig_atomic_t told_to_stop;

static void stop(int signal)
{
    (void)signal;
    told_to_stop = 1;
}

/* --------------------------------------------------------------------------------------- sessions */

static void forget_request(px_session *session)
{
    px_mem_free(session->bytes);
    session->bytes = NULL;
    session->got = session->head_got = 0;
    while (session->fd_count > 0) {
        close(session->fds[--session->fd_count]);
    }
}

/* Put an answer behind what waits to be sent. */
static void answer_with(px_session *session, int32_t status, const px_buffer *bytes,
                        const char *sentence)
{
    const size_t size = status != DGXP_OK ? strlen(sentence) : bytes ? bytes->size : 0;
    const px_wire_head head = {(uint32_t)status, 0, size};
    px_buffer_put(&session->out, &head, sizeof head);
    px_buffer_put(&session->out,
                  status != DGXP_OK ? (const void *)sentence
                  : bytes           ? (const void *)bytes->bytes
                                    : NULL,
                  size);
    session->closing |= session->out.no_memory;
}

/* The one that has waited longest is told that it is its turn. */
static void give_turn(px_engine *engine)
{
    px_session *first = NULL;
    for (int32_t i = 0; i < engine->session_count; i++) {
        px_session *session = engine->sessions[i];
        if (session->holds) {
            return;
        }
        if (session->waits && (!first || session->order < first->order)) {
            first = session;
        }
    }
    if (first) {
        first->waits = false;
        first->holds = true;
        first->set = false;
        answer_with(first, DGXP_OK, NULL, "");
    }
}

static void end_turn(px_engine *engine, px_session *session)
{
    if (session->waits) {
        session->waits = false;
        answer_with(session, DGXP_ERR_BUSY, NULL, "it did not wait for its turn");
    }
    if (session->holds && session->latents) {
        engine->options->shim->denoise_end(session->model->backend);
        session->latents = 0;
    }
    session->holds = false;
    give_turn(engine);
}

static void end_session(px_engine *engine, int32_t index)
{
    px_session *session = engine->sessions[index];
    engine->sessions[index] = engine->sessions[--engine->session_count];
    end_turn(engine, session);
    if (session->model) {
        session->model->used = px_clock_now();
        if (--session->model->sessions == 0 && session->model->lost) {
            px_kept_free(engine, session->model);
        }
    }
    forget_request(session);
    px_mem_free(session->out.bytes);
    close(session->socket);
    px_mem_free(session);
    engine->used = px_clock_now();
}

static void accept_session(px_engine *engine, int listener)
{
    const int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
        return;
    }
    px_session *session =
        engine->session_count < PX_SESSIONS && !engine->stopping && px_place_is_mine(socket)
            ? px_mem_zero(1, sizeof *session)
            : NULL;
    if (!session) {
        close(socket);
        return;
    }
    session->socket = socket;
    engine->sessions[engine->session_count++] = session;
    engine->used = px_clock_now();
}

/* --------------------------------------------------------------------------------------- requests */

static int32_t say_hello(const px_engine *engine, px_buffer *answer)
{
    const px_shim *shim = engine->options->shim;
    px_wire_put_text(answer, shim->name);
    px_wire_put_text(answer, shim->build);
    px_wire_put_text(answer, shim->running);
    return DGXP_OK;
}

static int32_t list_devices(const px_engine *engine, px_buffer *answer, px_shim_error *error)
{
    const px_shim *shim = engine->options->shim;
    int32_t count = 0;
    int32_t status = shim->device_count(&count, error);
    if (status == DGXP_OK) {
        px_wire_put_i32(answer, count);
    }
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        px_shim_device device = {0};
        status = shim->device_describe(i, &device, error);
        px_buffer_put(answer, &device, sizeof device);
    }
    return status;
}

static int32_t choose_dtype(const px_engine *engine, px_wire_reader *from, px_buffer *answer)
{
    const char *device = px_wire_get_text(from);
    const int32_t stored = px_wire_get_i32(from);
    px_wire_put_i32(answer,
                    device ? engine->options->shim->preferred_dtype(device, stored) : stored);
    return DGXP_OK;
}

static int32_t measure_memory(const px_engine *engine, const px_session *session, px_buffer *answer,
                              px_shim_error *error)
{
    px_shim_memory memory = {0};
    const int32_t status = engine->options->shim->memory(session->model->backend, &memory, error);
    px_buffer_put(answer, &memory, sizeof memory);
    return status;
}

int32_t px_engine_answer(px_engine *engine, px_session *session, px_buffer *answer,
                         px_shim_error *error)
{
    px_wire_reader from = {session->bytes, session->bytes + session->head.size, false};
    switch (session->head.op) {
    case PX_WIRE_HELLO:
        return say_hello(engine, answer);
    case PX_WIRE_STATUS:
        return px_engine_describe(engine, answer, error);
    case PX_WIRE_STOP:
        told_to_stop = 1;
        return DGXP_OK;
    case PX_WIRE_DEVICES:
        return list_devices(engine, answer, error);
    case PX_WIRE_DTYPE:
        return choose_dtype(engine, &from, answer);
    case PX_WIRE_OPEN:
        return px_session_open(engine, session, &from, answer, error);
    default:
        break;
    }
    if (!session->model) {
        return px_wire_fail(error, DGXP_ERR_INVALID_ARGUMENT, "no model is open");
    }
    switch (session->head.op) {
    case PX_WIRE_LOAD:
        return px_session_load(engine, session, &from, answer, error);
    case PX_WIRE_BIND:
        return px_session_bind(engine, session, &from, error);
    case PX_WIRE_MEMORY:
        return measure_memory(engine, session, answer, error);
    default:
        return px_session_paint(engine, session, &from, answer, error);
    }
}

/* A whole request has arrived. */
static void serve(px_engine *engine, px_session *session)
{
    px_buffer answer = {NULL, 0, 0, false};
    px_shim_error error = {""};
    engine->used = px_clock_now();
    if (session->head.op == PX_WIRE_CLAIM && session->model && !session->holds) {
        session->waits = true;
        session->order = engine->claims++;
        give_turn(engine);
    } else if (session->head.op == PX_WIRE_RELEASE) {
        end_turn(engine, session);
        answer_with(session, DGXP_OK, NULL, "");
    } else {
        int32_t status = px_engine_answer(engine, session, &answer, &error);
        if (status == DGXP_ERR_OUT_OF_MEMORY && session->head.op != PX_WIRE_STEP) {
            /* What nobody uses gives way; then it is tried once more. */
            px_mem_free(answer.bytes);
            answer = (px_buffer){NULL, 0, 0, false};
            px_kept_thin(engine, px_kept_never_enough);
            status = px_engine_answer(engine, session, &answer, &error);
        }
        engine->stopping |= status == DGXP_ERR_DEVICE_LOST; /* of no use to anybody from here on */
        if (status == DGXP_OK && answer.no_memory) {
            status = px_wire_fail(&error, DGXP_ERR_OUT_OF_MEMORY, "no memory for an answer");
        }
        answer_with(session, status, &answer, error.text);
    }
    px_mem_free(answer.bytes);
    forget_request(session);
}

/* ------------------------------------------------------------------------------------------- bytes */

/* Room for the body, once the head is whole. */
static bool begin_body(px_session *session)
{
    session->bytes =
        session->head.size <= PX_WIRE_LIMIT ? px_mem_alloc((size_t)session->head.size + 1) : NULL;
    return session->bytes != NULL;
}

/* Takes what has arrived, up to one request; false when the program has gone, or talks nonsense. */
static bool take_bytes(px_engine *engine, px_session *session)
{
    for (int part = 0; part < PARTS; part++) { /* then the others have their turn */
        const bool head = session->head_got < sizeof session->head;
        uint8_t *to =
            head ? (uint8_t *)&session->head + session->head_got : session->bytes + session->got;
        const size_t wanted = head ? sizeof session->head - session->head_got
                                   : (size_t)session->head.size - session->got;
        const ssize_t got =
            px_wire_receive(session->socket, to, wanted, session->fds, &session->fd_count);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        }
        *(head ? &session->head_got : &session->got) += (size_t)got;
        if (head && session->head_got == sizeof session->head && !begin_body(session)) {
            return false;
        }
        if (session->head_got == sizeof session->head && session->got == session->head.size) {
            serve(engine, session);
            return true;
        }
    }
    return true;
}

static bool send_bytes(px_session *session)
{
    px_buffer *out = &session->out;
    const ssize_t sent =
        send(session->socket, out->bytes + session->sent, out->size - session->sent, MSG_NOSIGNAL);
    if (sent < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    }
    session->sent += (size_t)sent;
    if (session->sent == out->size) {
        px_mem_free(out->bytes); /* a picture's megabytes are not kept */
        *out = (px_buffer){NULL, 0, 0, false};
        session->sent = 0;
    }
    return true;
}

/* --------------------------------------------------------------------------------------- the loop */

static void look_around(px_engine *engine)
{
    if (!engine->options->is_current(engine->options->user_data)) {
        engine->stopping = true; /* programs that start now meet the newer one */
    }
    px_kept_thin(engine, px_kept_memory_is_enough);
    if (!engine->models && engine->session_count == 0 && !px_kept_memory_is_enough()) {
        engine->stopping = true;
    }
}

static void step(px_engine *engine, int listener)
{
    struct pollfd waits[PX_SESSIONS + 1];
    px_session *of[PX_SESSIONS];
    const int32_t count = engine->session_count;
    for (int32_t i = 0; i < count; i++) {
        of[i] = engine->sessions[i];
        waits[i] =
            (struct pollfd){.fd = of[i]->socket, .events = of[i]->out.size ? POLLOUT : POLLIN};
    }
    waits[count] = (struct pollfd){.fd = listener, .events = POLLIN};
    if (poll(waits, (nfds_t)count + 1, TICK_MS) <= 0) {
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        if (!waits[i].revents) {
            continue;
        }
        bool stays = true;
        if (waits[i].revents & POLLOUT) {
            stays = send_bytes(of[i]);
        } else if (waits[i].revents & POLLIN) {
            stays = take_bytes(engine, of[i]);
            if (stays && of[i]->out.size) {
                stays = send_bytes(of[i]);
            }
        } else {
            stays = false;
        }
        if (!stays || (of[i]->closing && !of[i]->out.size)) {
            for (int32_t k = 0; k < engine->session_count; k++) {
                if (engine->sessions[k] == of[i]) {
                    end_session(engine, k);
                    break;
                }
            }
        }
    }
    if (waits[count].revents & POLLIN) {
        accept_session(engine, listener);
    }
}

static bool is_over(const px_engine *engine)
{
    if (told_to_stop) {
        return true;
    }
    return engine->session_count == 0 &&
           (engine->stopping || px_clock_now() - engine->used > engine->options->idle);
}

dgxp_status px_engine_run(const px_place *place, const px_engine_options *options,
                          void (*ready)(void *user_data))
{
    int listener;
    px_engine engine = {
        .place = place, .options = options, .began = px_clock_now(), .used = px_clock_now()};
    const struct sigaction action = {.sa_handler = stop};
    dgxp_status status = px_place_listen(place, &listener);
    if (status != DGXP_OK) {
        return status;
    }
    told_to_stop = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    ready(options->user_data);
    for (double looked = px_clock_now(); !is_over(&engine);) {
        step(&engine, listener);
        if (px_clock_now() - looked > LOOK_SECONDS) {
            look_around(&engine);
            looked = px_clock_now();
        }
    }
    close(listener);
    while (engine.session_count > 0) {
        end_session(&engine, engine.session_count - 1);
    }
    while (engine.models) {
        px_kept_free(&engine, engine.models);
    }
    return DGXP_OK;
}
