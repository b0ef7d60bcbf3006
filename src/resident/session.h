/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine's inside: the programs that are connected, the models that it keeps. */
#ifndef PX_SESSION_H
#define PX_SESSION_H

#include "resident/engine.h"
#include "resident/wire.h"

enum { PX_SESSIONS = 256 };

/** A mapping of a file that bindings point into. */
typedef struct px_kept_file {
    uint64_t device, inode;
    void *data;
    size_t size;
    int fd;
} px_kept_file;

/** A model that stays open between programs. */
typedef struct px_kept {
    char identity[80], device[32];
    px_shim_options options; /* its `device` is the one above */
    px_shim_model *backend;
    bool loaded[PX_COMPONENTS][PX_WIRE_VARIANTS], bound[PX_COMPONENTS];
    px_binding *bindings[PX_COMPONENTS]; /* names borrowed from the backend */
    int32_t binding_counts[PX_COMPONENTS];
    px_kept_file *files;
    size_t file_count, file_capacity;
    bool merged; /* something may be in its weights */
    bool lost;   /* its device failed, or its bytes are not what they were: nobody else gets it */
    int32_t sessions;
    uint64_t pictures;
    double used; /* px_clock_now() */
    struct px_kept *next;
} px_kept;

/** A connected program. */
typedef struct px_session {
    int socket;
    px_wire_head head;
    size_t head_got;
    uint8_t *bytes; /* of the request, as they arrive */
    size_t got;
    int fds[PX_WIRE_FDS], fd_count;
    px_buffer out; /* of the answer, not yet taken */
    size_t sent;
    bool closing; /* it goes when its answer is out */
    px_kept *model;
    bool waits, holds; /* for the turn to paint; the turn */
    bool set;          /* it has said which adapters it wants, since it holds the turn */
    uint64_t order;    /* of its claim */
    size_t latents;    /* floats of its loop, 0: none runs */
} px_session;

typedef struct px_engine {
    const px_place *place;
    const px_engine_options *options;
    px_session *sessions[PX_SESSIONS];
    int32_t session_count;
    px_kept *models;
    const px_kept *threads_of; /* whose number of threads is set */
    uint64_t claims, pictures;
    double began, used;
    bool stopping; /* takes nobody new */
} px_engine;

/** Do what a whole request asks; its head and bytes are the session's. */
int32_t px_engine_answer(px_engine *engine, px_session *session, px_buffer *answer,
                         px_shim_error *error);
/** The engine as a JSON text. */
int32_t px_engine_describe(const px_engine *engine, px_buffer *answer, px_shim_error *error);
/** Close a model and what it holds. */
void px_kept_free(px_engine *engine, px_kept *model);
/** Put the table of a component's parameters. */
void px_kept_put_parameters(const px_shim *shim, const px_kept *model, int32_t component,
                            px_buffer *answer);
/** How many floats a parameter has; 0 where the component has none of that name. */
size_t px_kept_parameter_size(const px_shim *shim, const px_kept *model, int32_t component,
                              const char *name);
/** Free models that nobody uses, least used first, until `enough` says so or none is left. */
void px_kept_thin(px_engine *engine, bool (*enough)(void));
/** Whether the machine's memory is not short: at least a tenth of it can be had. */
bool px_kept_memory_is_enough(void);
/** Frees whatever nobody uses. */
bool px_kept_never_enough(void);

/** The calls that open a model: OPEN, LOAD, BIND. */
int32_t px_session_open(px_engine *engine, px_session *session, px_wire_reader *from,
                        px_buffer *answer, px_shim_error *error);
int32_t px_session_load(px_engine *engine, px_session *session, px_wire_reader *from,
                        px_buffer *answer, px_shim_error *error);
int32_t px_session_bind(px_engine *engine, px_session *session, px_wire_reader *from,
                        px_shim_error *error);
/** The calls that paint. */
int32_t px_session_paint(px_engine *engine, px_session *session, px_wire_reader *from,
                         px_buffer *answer, px_shim_error *error);

#endif
