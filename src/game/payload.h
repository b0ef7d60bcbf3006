/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One file on its way into a game: without metadata, with its .meta, sidecar and lock entry. */
#ifndef PX_PAYLOAD_H
#define PX_PAYLOAD_H

#include "core/hash.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct px_payload_options {
    int32_t tile_width, tile_height; /* of a tile set; 0 = an ordinary picture */
    bool array;                      /* whether Bevy cuts it into an array of its tiles */
    bool meta, sidecar;              /* whether to make them */
} px_payload_options;

typedef struct px_payload {
    char *path; /* below the assets */
    uint8_t *bytes;
    size_t size;
    char *meta_path, *meta;       /* both NULL when there is none */
    char *sidecar_path, *sidecar; /* likewise */
    json_t *entry;                /* for the lock file, without "meta" and "sidecar" */
    char pixels[PX_HASH_HEX];     /* of the decoded RGBA8, as the game holds it; "" of no picture */
    int32_t layers;
} px_payload;

/**
 * Make what is deployed as `path` (checked) of a file's content: a PNG loses its text, an Aseprite
 * JSON gives its frames to the entry, other known kinds stay as they are.  `name` is what errors
 * call the file.  DGXP_ERR_UNSUPPORTED for a suffix that no game loads.  Free the payload.
 */
dgxp_status px_payload_make(const char *name, const char *path, const void *bytes, size_t size,
                            const px_payload_options *options, px_payload *out);
void px_payload_free(px_payload *payload);

/** The sheet's side of it: image, size, frames, tags and slices go into `entry`. */
dgxp_status px_payload_sheet(const char *name, const char *path, const json_t *document,
                             json_t *entry);
/** Whether a JSON document is Aseprite's description of a sheet. */
bool px_payload_is_sheet(const json_t *document);

#endif
