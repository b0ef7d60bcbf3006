/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The formats of a manifest: where a record ends, and its fields as JSON. */
#ifndef PX_MANIFEST_READ_H
#define PX_MANIFEST_READ_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum px_manifest_format {
    PX_MANIFEST_TEXT,  /* a subject a line, then --field value …; '#' begins a comment line */
    PX_MANIFEST_LINES, /* a JSON object a line */
    PX_MANIFEST_CSV    /* RFC 4180 or TSV, the fields' names in the first record */
} px_manifest_format;

typedef struct px_manifest_text {
    const char *name, *text;
    size_t size;
    px_manifest_format format;
    char separator; /* of CSV: a comma, or TSV's tab */
    char **columns; /* of CSV */
    size_t column_count;
    size_t body; /* where records begin, and at which line */
    int64_t body_line;
} px_manifest_text;

/**
 * Tell the format by the name's suffix, else by the text, and read CSV's header.  What is none of the
 * formats (a JSON array, YAML, CSV named .txt) is refused with the way out.  Borrows `name` and `text`,
 * which a NUL must follow.
 */
dgxp_status px_manifest_open(const char *name, const char *text, size_t size,
                             px_manifest_text *out);
void px_manifest_close(px_manifest_text *manifest);

/** A record's place; `line` counts from 1. */
typedef struct px_manifest_span {
    size_t at, length;
    int64_t line;
} px_manifest_span;

/** The next record that is not blank and no comment; false at the end. */
bool px_manifest_next(const px_manifest_text *manifest, size_t *at, int64_t *line,
                      px_manifest_span *out);

/** A record's fields, of which `count` and `name` are the manifest's own.  `*out` is yours. */
dgxp_status px_manifest_parse(const px_manifest_text *manifest, const px_manifest_span *span,
                              const char *where, json_t **out);

#endif
