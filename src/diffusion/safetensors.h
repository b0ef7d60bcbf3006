/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Weights: safetensors files, one or several as a set, checked whole before anything is used. */
#ifndef PX_SAFETENSORS_H
#define PX_SAFETENSORS_H

#include "core/file.h"
#include "dgxpixels.h"
#include "shim.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PX_SAFETENSORS_HEADER ((size_t)16 << 20) /* default limit of a header, bytes */
#define PX_SAFETENSORS_TENSORS 65536
#define PX_SAFETENSORS_RANK 8
#define PX_SAFETENSORS_NAME 1024
#define PX_SAFETENSORS_FILES 256 /* shards of a set */

/** A tensor of an open set.  `data` lies within the mapping; nothing says that it is aligned. */
typedef struct px_tensor {
    const char *name; /* valid UTF-8 without NUL */
    const uint8_t *data;
    uint64_t size;   /* bytes: the product of `shape` times the dtype's */
    uint64_t offset; /* in its file, from the file's first byte */
    int32_t file;    /* index of its shard */
    int32_t dtype;   /* a px_dtype */
    int32_t rank;    /* 0: a scalar */
    int64_t shape[PX_SAFETENSORS_RANK];
} px_tensor;

typedef struct px_safetensors px_safetensors;

typedef struct px_safetensors_options {
    bool copy;           /* read into memory instead of mapping */
    size_t header_limit; /* bytes; 0 = PX_SAFETENSORS_HEADER */
} px_safetensors_options;

/**
 * Open one `.safetensors` file, or a set of shards by its index (`*.safetensors.index.json`).
 *
 * Every rule of the format is checked here, each with its own sentence: a file that is open is
 * whole, its tensors cover it exactly once, and every `data` .. `data + size` is within it.  NULL
 * options are the defaults.  Read-only afterwards: any number of threads.
 */
dgxp_status px_safetensors_open(const char *path, const px_safetensors_options *options,
                                px_safetensors **out);
void px_safetensors_free(px_safetensors *set);

/** Sorted by name (bytes). */
int32_t px_safetensors_count(const px_safetensors *set);
const px_tensor *px_safetensors_at(const px_safetensors *set, int32_t index);
/** NULL when there is none of this name. */
const px_tensor *px_safetensors_find(const px_safetensors *set, const char *name);
/** Its index, for tables beside the set; -1 when there is none. */
int32_t px_safetensors_index(const px_safetensors *set, const char *name);

/** `__metadata__` of the first file that has the key; NULL without.  Borrowed. */
const char *px_safetensors_metadata(const px_safetensors *set, const char *key);
/** The first file's `__metadata__` (an object of strings), or NULL.  Borrowed. */
const json_t *px_safetensors_metadata_all(const px_safetensors *set);

/** As given to open(). */
const char *px_safetensors_path(const px_safetensors *set);
int32_t px_safetensors_file_count(const px_safetensors *set);
const char *px_safetensors_file_path(const px_safetensors *set, int32_t file);
const px_map *px_safetensors_map(const px_safetensors *set, int32_t file);

/** "BF16"; bytes of one element. */
const char *px_safetensors_dtype_name(int32_t dtype);
size_t px_safetensors_dtype_size(int32_t dtype);
bool px_safetensors_is_float(int32_t dtype);

/** "[320, 4, 3, 3]", for sentences; cut when it does not fit. */
void px_safetensors_shape_text(int32_t rank, const int64_t *shape, char *text, size_t size);

#endif
