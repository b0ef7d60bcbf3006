/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a program and the resident engine say to each other: frames of values over a Unix socket. */
#ifndef PX_WIRE_H
#define PX_WIRE_H

#include "core/buffer.h"
#include "shim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Both ends are the same build (its identity is in the socket's name), so values lie as they do in
 * memory.  A frame is a head and `size` bytes; open files travel beside the head.  Every request
 * gets one answer, whose `op` is a dgxp_status; after a failure the bytes are its sentence.
 */
enum { PX_WIRE_FDS = 64, PX_WIRE_VARIANTS = 4 /* of a component: dgxp_tiling */ };
#define PX_WIRE_LIMIT ((uint64_t)8 << 30)

typedef enum px_wire_op {
    PX_WIRE_HELLO = 100, /* -> pid, name, build, running */
    PX_WIRE_STATUS,      /* -> a JSON text */
    PX_WIRE_STOP,
    PX_WIRE_DEVICES, /* -> count, descriptions */
    PX_WIRE_DTYPE,   /* device, stored -> dtype */
    PX_WIRE_OPEN,    /* identity, options -> what is loaded, tables of parameters */
    PX_WIRE_LOAD,    /* component, variant, dtype, bytes -> table of parameters */
    PX_WIRE_BIND,    /* component, bindings */
    PX_WIRE_READ,    /* component, parameter, count -> values */
    PX_WIRE_WRITE,   /* component, parameter, values */
    PX_WIRE_MERGED,  /* set -> 0 or 1 */
    PX_WIRE_MERGE,   /* set, keep, merges */
    PX_WIRE_CLAIM,   /* answered when it is this program's turn to paint */
    PX_WIRE_RELEASE,
    PX_WIRE_ENCODE,
    PX_WIRE_BEGIN,
    PX_WIRE_STEP,
    PX_WIRE_LATENTS,
    PX_WIRE_END,
    PX_WIRE_DECODE,
    PX_WIRE_ENCODE_IMAGE,
    PX_WIRE_MEMORY,
    PX_WIRE_OPS
} px_wire_op;

typedef struct px_wire_head {
    uint32_t op;  /* a px_wire_op; of an answer a dgxp_status */
    uint32_t fds; /* open files that came with it */
    uint64_t size;
} px_wire_head;

/** Put a text (NULL too), or an array with its length in bytes in front. */
void px_wire_put_text(px_buffer *to, const char *text);
void px_wire_put_bytes(px_buffer *to, const void *bytes, size_t size);
void px_wire_put_i32(px_buffer *to, int32_t value);

/** Reads what was put, in the same order; `bad` once anything was not there. */
typedef struct px_wire_reader {
    const uint8_t *at, *end;
    bool bad;
} px_wire_reader;
/** A value of `size` bytes into `value`; zeros once `bad`. */
void px_wire_get(px_wire_reader *from, void *value, size_t size);
int32_t px_wire_get_i32(px_wire_reader *from);
/** Borrowed, NULL for NULL and once `bad`. */
const char *px_wire_get_text(px_wire_reader *from);
/** Borrowed; begins at a multiple of 8 if the frame does; the length in bytes in `*size`. */
const void *px_wire_get_bytes(px_wire_reader *from, size_t *size);

/** Bytes of one element of a px_dtype; 0 for what is none. */
size_t px_wire_dtype_size(int32_t dtype);

/** Send a whole frame, waiting as long as it takes; false with errno. */
bool px_wire_send(int socket, uint32_t op, const px_buffer *payload, const int *fds, int fd_count);

/**
 * Read what has arrived, at most `size` bytes, as recv(); open files that came with it are appended
 * to `fds` (room for PX_WIRE_FDS, close-on-exec), and their count grows.
 */
ssize_t px_wire_receive(int socket, void *bytes, size_t size, int *fds, int *fd_count);

/** Put a sentence into `error` and return `status`: how both ends fail. */
int32_t px_wire_fail(px_shim_error *error, int32_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
