/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON on jansson: bounded parsing, fields whose errors name their path, documents. */
#ifndef PX_JSON_H
#define PX_JSON_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Arrays and objects inside each other; a deeper text is DGXP_ERR_LIMIT. */
#define PX_JSON_DEPTH 32

/**
 * Parse one JSON text; duplicate keys, bytes behind it and invalid UTF-8 are refused.  `file` is
 * what errors call it: `FILE:LINE: sentence` (DGXP_ERR_BAD_FORMAT).  `*out` is yours:
 * json_decref(); it is NULL after a failure.
 */
dgxp_status px_json_parse(const char *file, const void *text, size_t size, json_t **out);

/** Read and parse a file of at most `limit` bytes. */
dgxp_status px_json_load(const char *path, size_t limit, json_t **out);

/**
 * A value and where it stands, so that every complaint reads "FILE: field 'a.b[2]' …".  Plain data
 * on the stack; borrows `file` and `value`.
 */
typedef struct px_json {
    const char *file;
    const json_t *value; /* NULL: an optional field that is absent */
    char path[160];      /* "" at the root; cut when longer */
} px_json;

typedef enum px_json_need {
    PX_JSON_OPTIONAL, /* absent or null leaves the output as the caller set it */
    PX_JSON_REQUIRED
} px_json_need;

/** The whole document, which must be an object. */
dgxp_status px_json_root(const char *file, const json_t *value, px_json *out);

/* Fields of an object.  A wrong type or range is DGXP_ERR_BAD_FORMAT.  A `parent` whose value is
 * NULL has no fields: everything optional keeps its default. */
dgxp_status px_json_integer(const px_json *parent, const char *key, px_json_need need, int64_t low,
                            int64_t high, int64_t *out);
/** Integers count as numbers. */
dgxp_status px_json_number(const px_json *parent, const char *key, px_json_need need, double low,
                           double high, double *out);
dgxp_status px_json_boolean(const px_json *parent, const char *key, px_json_need need, bool *out);
/** Borrowed: lives as long as the document.  At most `limit` bytes, without the final NUL. */
dgxp_status px_json_text(const px_json *parent, const char *key, px_json_need need, size_t limit,
                         const char **out);
/** One of `count` names; the sentence lists them. */
dgxp_status px_json_choice(const px_json *parent, const char *key, px_json_need need,
                           const char *const *names, int32_t count, int32_t *out);
/** The same among the names of dgxp_choices(); `*out` is the value of the one that is named. */
dgxp_status px_json_named(const px_json *parent, const char *key, px_json_need need,
                          const dgxp_choice *choices, int32_t count, int32_t *out);
/** `out->value` is NULL when it is absent and optional, and whenever the call fails: then a loop over
 * it does nothing. */
dgxp_status px_json_object(const px_json *parent, const char *key, px_json_need need, px_json *out);
/** The same; at most `limit` elements. */
dgxp_status px_json_array(const px_json *parent, const char *key, px_json_need need, size_t limit,
                          px_json *out);
/** `count` numbers exactly. */
dgxp_status px_json_numbers(const px_json *parent, const char *key, px_json_need need, size_t count,
                            double *out);

/** Refuse a field that is none of `known`; `what` calls it: "field", "step". */
dgxp_status px_json_only(const px_json *object, const char *what, const char *const *known,
                         size_t count);

/** Elements of an array; 0 when it is absent. */
size_t px_json_count(const px_json *array);
/** Element `index` (below px_json_count()), of whatever type. */
px_json px_json_element(const px_json *array, size_t index);
/** The same, which must be an object. */
dgxp_status px_json_element_object(const px_json *array, size_t index, px_json *out);

/** A complaint about this very value: `sentence` follows "FILE: field 'PATH' ". */
dgxp_status px_json_refuse(const px_json *at, dgxp_status status, const char *sentence, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Building.  Each takes the object or array first and returns false when memory ran out or the
 * object is NULL, so that a builder can be one `&&` chain.  Text that is not UTF-8 (paths, foreign
 * metadata) gets U+FFFD in place of the bytes that are not; NULL text and numbers that are not
 * finite become null.  px_json_put() takes `value` over, also when it fails.
 */
bool px_json_put(json_t *object, const char *key, json_t *value);
bool px_json_put_text(json_t *object, const char *key, const char *text);
bool px_json_put_integer(json_t *object, const char *key, int64_t value);
bool px_json_put_number(json_t *object, const char *key, double value);
bool px_json_put_boolean(json_t *object, const char *key, bool value);
/** `value` at the end of an array. */
bool px_json_append(json_t *array, json_t *value);
/** A JSON string of any bytes, repaired as above. */
json_t *px_json_string(const char *text, size_t size);

/**
 * The document handed to callers: two-space indents, keys in the order they were put.  Takes
 * `value` over, also when it fails; a NULL `value` (a builder that ran out of memory) is
 * DGXP_ERR_OUT_OF_MEMORY.
 */
dgxp_status px_json_document(json_t *value, dgxp_document **out);

/**
 * json_dumps() by these flags in a new string for px_mem_free(); NULL when memory runs out.  What
 * jansson allocates by itself may come from functions that the application gave it, and only those
 * can free it.
 */
char *px_json_dump(const json_t *value, size_t flags);

/** The same as text without indents, in a new string for px_mem_free(); NULL when memory runs out.
 */
char *px_json_print(const json_t *value);
/** The same with jansson's flags for indents. */
char *px_json_print_as(const json_t *value, size_t flags);

#endif
