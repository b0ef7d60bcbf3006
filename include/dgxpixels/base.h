/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * What all calls share: the version, statuses and their sentences, the log, memory, choices,
 * documents and cancel tokens.
 *
 *     dgxp_image *image = NULL;
 *     if (dgxp_image_load("knight.png", &image) != DGXP_OK) {
 *         fprintf(stderr, "%s\n", dgxp_last_error()); // names the file and what is wrong with it
 *     }
 *     dgxp_image_free(image); // NULL is fine
 */
#ifndef DGXPIXELS_BASE_H
#define DGXPIXELS_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DGXP_VERSION_MAJOR 0
#define DGXP_VERSION_MINOR 1
#define DGXP_VERSION_PATCH 0
/** One number: major * 1,000,000 + minor * 1,000 + patch. */
#define DGXP_VERSION                                                                               \
    (DGXP_VERSION_MAJOR * 1000000 + DGXP_VERSION_MINOR * 1000 + DGXP_VERSION_PATCH)

#ifndef DGXP_API
#define DGXP_API __attribute__((visibility("default")))
#endif

/* ---------------------------------------------------------------- version, status, log, memory */

/** The version of the library that runs, encoded like DGXP_VERSION. */
DGXP_API int32_t dgxp_version(void);
/** The same as text, "0.1.0". */
DGXP_API const char *dgxp_version_text(void);

/** What became of a call.  Values are never reused. */
typedef enum dgxp_status {
    DGXP_OK = 0,
    DGXP_ERR_INVALID_ARGUMENT = 1, /* an argument is out of its range */
    DGXP_ERR_OUT_OF_MEMORY = 2,    /* host or device; the handle still works */
    DGXP_ERR_IO = 3,               /* the system could not read or write */
    DGXP_ERR_NOT_FOUND = 4,        /* a file or a name does not exist */
    DGXP_ERR_BAD_FORMAT = 5,       /* a file breaks the rules of its format */
    DGXP_ERR_UNSUPPORTED = 6,      /* understood, but of a kind that is not supported */
    DGXP_ERR_LIMIT = 7,            /* larger than a documented limit */
    DGXP_ERR_UNTRUSTED = 8,        /* a program that nobody has vouched for */
    DGXP_ERR_BACKEND = 9,          /* the tensor backend is missing or does not fit */
    DGXP_ERR_DEVICE_LOST = 10,     /* every later call on the device fails */
    DGXP_ERR_CANCELLED = 11,       /* stopped by a cancel token or a progress callback */
    DGXP_ERR_BUSY = 12,            /* somebody else is using it */
    DGXP_ERR_MISMATCH = 13,        /* two inputs do not belong together */
    DGXP_ERR_INTERNAL = 14         /* a defect in this library */
} dgxp_status;

/** How many statuses there are, and each one's name ("bad-format") and one line of help. */
DGXP_API int32_t dgxp_status_count(void);
DGXP_API const char *dgxp_status_name(dgxp_status status);
DGXP_API const char *dgxp_status_help(dgxp_status status);

/** The sentence behind this thread's last failure; empty after a success.  Never NULL. */
DGXP_API const char *dgxp_last_error(void);

typedef enum dgxp_log_level {
    DGXP_LOG_DEBUG = 0,
    DGXP_LOG_INFO = 1,
    DGXP_LOG_WARNING = 2
} dgxp_log_level;

typedef void (*dgxp_log_callback)(dgxp_log_level level, const char *text, void *user_data);

/** Receive the library's log lines, from any of its threads, one at a time.  NULL to stop. */
DGXP_API void dgxp_set_log_callback(dgxp_log_callback callback, void *user_data);

/**
 * Where host memory of the C half comes from.  `resize` takes NULL; both must be thread-safe.
 * docs/security.md lists the libraries that keep some memory of their own (jansson, giflib, …).
 */
typedef struct dgxp_allocator {
    uint32_t struct_size;
    void *(*resize)(void *block, size_t size, void *user_data);
    void (*free)(void *block, void *user_data);
    void *user_data;
} dgxp_allocator;

/** Set it before any other call; NULL puts the system's back. */
DGXP_API void dgxp_set_allocator(const dgxp_allocator *allocator);

/** What one file may ask of the readers when nobody says otherwise. */
#define DGXP_LIMIT_PIXELS 64000000
#define DGXP_LIMIT_BYTES 536870912

/** One budget for every reader of pictures and animations; 0 is the default of each. */
typedef struct dgxp_limits {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    int64_t pixels;    /* of one picture, or of all frames of an animation; at most 2^28 */
    int64_t bytes;     /* of the file; at most 2^32 */
} dgxp_limits;
#define DGXP_LIMITS_INIT {sizeof(dgxp_limits), 0, 0, 0}

/**
 * What a file of others may cost this process.  A pixel is four bytes, so a reader takes at most
 * about 4 x `pixels` + `bytes`; a file that asks for more is DGXP_ERR_LIMIT before anything is
 * allocated.  A few bytes may honestly hold a large flat picture, so no ratio is looked at.  For
 * the whole process, from the next call on; any thread may set it.  NULL puts the defaults back.
 * Fails with DGXP_ERR_INVALID_ARGUMENT outside the ranges.  dgxp_inspect() reads headers only and
 * tells the size of pictures that are over it.
 */
DGXP_API dgxp_status dgxp_set_limits(const dgxp_limits *limits);

/**
 * A list of names that a program can offer its users: samplers, schedules, cell rules …
 * Every enum of this header has one; lists are static.
 */
typedef struct dgxp_choice {
    int32_t value;    /* of the enum */
    const char *name; /* "euler-a" */
    const char *help; /* one line */
} dgxp_choice;

/** The choices of an enum by its type's name without prefix, "sampler"; NULL when unknown. */
DGXP_API const dgxp_choice *dgxp_choices(const char *enum_name, int32_t *count);

/**
 * Read all of `text` as a decimal number, as lists, requests and settings are read: sign, digits, a
 * point in every locale, exponent; blanks may stand before it.  DGXP_ERR_BAD_FORMAT when anything
 * else stands there, a hexadecimal, infinite or too large number too; `*out` is then as it was.
 * Any thread may call it.
 */
DGXP_API dgxp_status dgxp_number_parse(const char *text, double *out);

/** A JSON document made by the library (a report, a recipe, a description). */
typedef struct dgxp_document dgxp_document;
DGXP_API const char *dgxp_document_text(const dgxp_document *document);
DGXP_API void dgxp_document_free(dgxp_document *document);
/**
 * One value of a document, so that no JSON parser is needed.  `path` is written as errors name fields:
 * "files[0].path", "metrics.grid.score"; "" is the whole.  true and false are the numbers 1 and 0.
 * DGXP_ERR_NOT_FOUND: there is nothing at that path; DGXP_ERR_BAD_FORMAT: something of another type;
 * `*out` is then as it was.  Any number of threads may read one document.
 */
DGXP_API dgxp_status dgxp_document_number(const dgxp_document *document, const char *path,
                                          double *out);
/** The same of a text: UTF-8, borrowed for as long as the document lives. */
DGXP_API dgxp_status dgxp_document_string(const dgxp_document *document, const char *path,
                                          const char **out);
/** How many values a list or an object has at that path. */
DGXP_API dgxp_status dgxp_document_count(const dgxp_document *document, const char *path,
                                         int32_t *out);

/** Stops work from any thread or signal handler.  One token may serve many calls. */
typedef struct dgxp_cancel dgxp_cancel;
DGXP_API dgxp_status dgxp_cancel_create(dgxp_cancel **out);
DGXP_API void dgxp_cancel_fire(dgxp_cancel *cancel); /* async-signal-safe */
DGXP_API void dgxp_cancel_reset(dgxp_cancel *cancel);
DGXP_API int32_t dgxp_cancel_fired(const dgxp_cancel *cancel);
DGXP_API void dgxp_cancel_free(dgxp_cancel *cancel);

#ifdef __cplusplus
}
#endif

#endif /* DGXPIXELS_BASE_H */
