/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's inside: a model of the engine's as this process sees it, and how it is asked. */
#ifndef PX_REMOTE_H
#define PX_REMOTE_H

#include "resident/client.h"
#include "resident/wire.h"

typedef struct px_remote_parameter {
    char *name;
    int32_t rank;
    int64_t shape[8];
} px_remote_parameter;

struct px_shim_model {
    int socket;
    px_shim_options options;
    char device[32];
    char identity[80];
    bool opened; /* the engine was told what it is */
    bool loaded[PX_COMPONENTS][PX_WIRE_VARIANTS], bound[PX_COMPONENTS];
    px_remote_parameter *parameters[PX_COMPONENTS];
    int32_t counts[PX_COMPONENTS];
    size_t latents;    /* floats of the loop that runs */
    bool asked, holds; /* for the turn; the turn */
};

typedef struct px_answer {
    uint8_t *bytes;
    px_wire_reader from;
} px_answer;

/** Where the process's engine is; set by px_client_open(). */
extern px_place px_remote_place;

/** The engine has closed the connection. */
int32_t px_remote_gone(px_shim_error *error);
/** Wait for the answer to the oldest request that has none. */
int32_t px_remote_receive(int socket, px_answer *out, px_shim_error *error);
/** Send a request (or NULL) with open files, and wait for its answer. */
int32_t px_remote_ask(int socket, px_wire_op op, px_buffer *request, const int *fds, int fd_count,
                      px_answer *out, px_shim_error *error);
/** Send a request (or NULL), whose bytes are freed, and wait for its answer. */
int32_t px_remote_call(const px_shim_model *model, px_wire_op op, px_buffer *request,
                       px_answer *out, px_shim_error *error);
/** The end of every call: nothing may be left of the answer, whose bytes are freed. */
int32_t px_remote_end(int32_t status, px_answer *got, px_shim_error *error);

/** Fill in the calls that paint. */
void px_remote_paint(px_shim *table);

#endif
