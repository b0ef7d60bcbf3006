/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A list of wishes (text, JSON lines, CSV): which pictures it means, and in which batches. */
#ifndef PX_MANIFEST_H
#define PX_MANIFEST_H

#include "core/hash.h"
#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

enum { PX_MANIFEST_GROUP = 64 };

typedef struct px_manifest_params {
    const char *name;          /* what errors call it; its folder is where paths begin */
    const char *wildcards;     /* the folder of __name__ files; NULL: `wildcards` beside it */
    const json_t *defaults;    /* a request that each line refines; or NULL */
    const char *const *matrix; /* "field=a,b,c": each line once for every combination */
    int32_t matrix_count;
    int32_t group; /* pictures painted at once at most, 1..64 */
    bool has_seed;
    uint64_t seed; /* with a line's content, what lines without a seed derive theirs from */
    bool tolerant; /* a line with a fault is a picture that fails, not the end */
} px_manifest_params;

typedef struct px_manifest px_manifest;

/**
 * Read `text` (copied) and check every line.  The format is told by the name's suffix (.jsonl,
 * .ndjson, .csv), else by the text.  Needs about 50 bytes a line beside the text.
 */
dgxp_status px_manifest_create(const char *text, size_t size, const px_manifest_params *params,
                               px_manifest **out);
void px_manifest_free(px_manifest *manifest);

int32_t px_manifest_lines(const px_manifest *manifest);
int32_t px_manifest_pictures(const px_manifest *manifest);
int32_t px_manifest_groups(const px_manifest *manifest);
/** SHA-256 of the text. */
const char *px_manifest_hash(const px_manifest *manifest);
/** Where a picture's request stands in the file, counted from 1. */
int64_t px_manifest_line(const px_manifest *manifest, int32_t picture);
/** The columns of a contact sheet: what the last axis of the matrix has; 0 without a matrix. */
int32_t px_manifest_columns(const px_manifest *manifest);

/** The pictures of a group in order; returns how many. */
int32_t px_manifest_group(const px_manifest *manifest, int32_t group,
                          int32_t pictures[PX_MANIFEST_GROUP]);

/** One picture: its request (choices made, seed there) and the name of its file. */
typedef struct px_wish {
    json_t *request;
    char *name;  /* "0007-medieval-knight-1a2b3c4d.png" */
    char *label; /* what the matrix chose, "steps=8 guidance=2", or "" */
} px_wish;

dgxp_status px_manifest_wish(const px_manifest *manifest, int32_t picture, px_wish *out);
void px_wish_free(px_wish *wish);
/** SHA-256 of the request: equal pictures, whatever their line and name. */
dgxp_status px_wish_hash(const px_wish *wish, char hex[PX_HASH_HEX]);

/** The folder that a request's paths begin at; "" is the working directory. */
const char *px_manifest_folder(const px_manifest *manifest);
/** "prompts.txt:57" in a new string. */
char *px_manifest_where(const px_manifest *manifest, int32_t picture);

#endif
