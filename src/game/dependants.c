/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a running game builds on: a deployment may not change what a file is beneath its users. */
#include "game/dependants.h"

#include "core/error.h"

#include <inttypes.h>
#include <string.h>

#define INSTEAD "; deploy it under another name, or `force` (the game may stop)"

static int64_t number(const json_t *entry, const char *field)
{
    return json_integer_value(json_object_get(entry, field));
}

static const char *text(const json_t *entry, const char *field)
{
    return json_string_value(json_object_get(entry, field));
}

static bool is_array(const json_t *entry)
{
    return json_is_true(json_object_get(entry, "array"));
}

/* An array texture that becomes a flat one ends the game at the next frame; so does the reverse. */
static const char *shape(const json_t *entry)
{
    const char *kind = text(entry, "kind");
    return is_array(entry)                      ? "an array of tiles"
           : kind && strcmp(kind, "sheet") == 0 ? "a sheet"
           : kind && strcmp(kind, "file") == 0  ? "a file"
                                                : "a picture";
}

static dgxp_status check_kind(const px_payload *payload, const json_t *old)
{
    const json_t *now = payload->entry;
    if (strcmp(shape(old), shape(now)) != 0) {
        return px_error_set(
            DGXP_ERR_MISMATCH,
            "%s: is %s and would become %s, which a game that shows it cannot follow" INSTEAD,
            payload->path, shape(old), shape(now));
    }
    const int64_t tiles = number(old, "columns") * number(old, "rows");
    const int64_t left = number(now, "columns") * number(now, "rows");
    if (is_array(old) &&
        (number(old, "tile_width") != number(now, "tile_width") ||
         number(old, "tile_height") != number(now, "tile_height") || left < tiles)) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: is an array of %" PRId64 " tiles of %" PRId64 "x%" PRId64
                            " and would become one of %" PRId64 " of %" PRId64 "x%" PRId64
                            ", which a map that shows it cannot follow" INSTEAD,
                            payload->path, tiles, number(old, "tile_width"),
                            number(old, "tile_height"), left, number(now, "tile_width"),
                            number(now, "tile_height"));
    }
    return DGXP_OK;
}

/* The entry of a path after the deployment. */
static const json_t *entry_after(const json_t *entries, const px_payload *payloads, size_t count,
                                 const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(payloads[i].path, path) == 0) {
            return payloads[i].entry;
        }
    }
    return json_object_get(entries, path);
}

/* Frames are places in a picture of one size; in another they show anything. */
static dgxp_status check_sheet(const char *path, const json_t *sheet, const json_t *picture)
{
    if (!picture || !text(picture, "kind") || !json_object_get(picture, "width")) {
        return DGXP_OK; /* not deployed; said as a warning */
    }
    if (strcmp(text(picture, "kind"), "tileset") == 0) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: this sheet stands on %s, which would become a tile set" INSTEAD,
                            path, text(sheet, "image"));
    }
    if (number(sheet, "width") != number(picture, "width") ||
        number(sheet, "height") != number(picture, "height")) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: this sheet is made for a picture of %" PRId64 "x%" PRId64
                            " pixels, and %s would have %" PRId64 "x%" PRId64
                            "; deploy sheet and picture together, or `force` (the game may stop)",
                            path, number(sheet, "width"), number(sheet, "height"),
                            text(sheet, "image"), number(picture, "width"),
                            number(picture, "height"));
    }
    return DGXP_OK;
}

static bool is_among(const px_payload *payloads, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(payloads[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

dgxp_status px_dependants_check(const json_t *entries, const px_payload *payloads, size_t count)
{
    const char *path;
    json_t *entry;
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        const json_t *old = json_object_get(entries, payloads[i].path);
        const char *image = text(payloads[i].entry, "image");
        status = old ? check_kind(&payloads[i], old) : DGXP_OK;
        if (status == DGXP_OK && image) {
            status = check_sheet(payloads[i].path, payloads[i].entry,
                                 entry_after(entries, payloads, count, image));
        }
    }
    json_object_foreach((json_t *)(uintptr_t)entries, path, entry)
    {
        const char *image = text(entry, "image");
        if (status == DGXP_OK && image && is_among(payloads, count, image) &&
            !is_among(payloads, count, path)) {
            status = check_sheet(path, entry, entry_after(entries, payloads, count, image));
        }
    }
    return status;
}
