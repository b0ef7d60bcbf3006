/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One file on its way into a game: without metadata, with its .meta, sidecar and lock entry. */
#include "game/payload.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "game/sidecar.h"
#include "image/image.h"
#include "image/metadata.h"
#include "image/png.h"

#include <string.h>

/* ---------------------------------------------------------------------------------- metadata */

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Chunks that tell about the making of a picture; none of them changes a pixel. */
static bool tells(const uint8_t *type)
{
    static const char *const chunks[] = {"tEXt", "zTXt", "iTXt", "eXIf", "tIME"};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        if (memcmp(type, chunks[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

/* The same PNG without those chunks; `bytes` was decoded before, so its chunks are whole. */
static size_t strip_text(const uint8_t *bytes, size_t size, uint8_t *out)
{
    enum { SIGNATURE = 8, FRAME = 12 };
    size_t length = SIGNATURE;
    memcpy(out, bytes, SIGNATURE);
    for (size_t at = SIGNATURE; at + FRAME <= size;) {
        const size_t data = read_u32(bytes + at);
        if (data > size - at - FRAME) {
            break;
        }
        if (!tells(bytes + at + 4)) {
            memcpy(out + length, bytes + at, data + FRAME);
            length += data + FRAME;
        }
        if (memcmp(bytes + at + 4, "IEND", 4) == 0) {
            break;
        }
        at += data + FRAME;
    }
    return length;
}

/* ---------------------------------------------------------------------------------- Bevy's .meta
 */

/*
 * Every field of ImageLoaderSettings that Bevy 0.17 to 0.19 require in a .meta; `array_layout` is
 * optional there and its grid is 0.19's.  A normal map holds directions and no colors.
 */
static char *make_meta(const char *path, const px_payload_options *options, int32_t layers)
{
    const size_t length = strlen(path);
    const bool normal = length > 6 && px_text_compare(path + length - 6, ".n.png", SIZE_MAX) == 0;
    /* One tile makes no array: Bevy refuses to load a grid of 1x1. */
    char *layout = layers > 1
                       ? px_mem_format("            array_layout: Some(GridSize(tile_width_pixels: "
                                       "%d, tile_height_pixels: %d)),\n",
                                       options->tile_width, options->tile_height)
                       : px_mem_text("");
    char *text =
        layout ? px_mem_format(
                     "(\n"
                     "    meta_format_version: \"1.0\",\n"
                     "    asset: Load(\n"
                     "        loader: \"bevy_image::image_loader::ImageLoader\",\n"
                     "        settings: (\n"
                     "            format: FromExtension,\n"
                     "            is_srgb: %s,\n"
                     "            sampler: Descriptor(ImageSamplerDescriptor(\n"
                     "                address_mode_u: ClampToEdge,\n"
                     "                address_mode_v: ClampToEdge,\n"
                     "                address_mode_w: ClampToEdge,\n"
                     "                mag_filter: Nearest,\n"
                     "                min_filter: Nearest,\n"
                     "                mipmap_filter: Nearest,\n"
                     "                lod_min_clamp: 0.0,\n"
                     "                lod_max_clamp: 32.0,\n"
                     "                compare: None,\n"
                     "                anisotropy_clamp: 1,\n"
                     "                border_color: None,\n"
                     "                label: None,\n"
                     "            )),\n"
                     "            asset_usage: RenderAssetUsages(\"RENDER_WORLD | MAIN_WORLD\"),\n"
                     "%s"
                     "        ),\n"
                     "    ),\n"
                     ")\n",
                     normal ? "false" : "true", layout)
               : NULL;
    px_mem_free(layout);
    return text;
}

/* ------------------------------------------------------------------------------------ pictures */

/* As the game holds it: rows top-down, of an array one tile after the other. */
static void hash_pixels(const dgxp_image *image, const px_payload_options *options,
                        px_payload *payload)
{
    const int32_t tile_width = options->array ? options->tile_width : image->width;
    const int32_t tile_height = options->array ? options->tile_height : image->height;
    uint8_t digest[32];
    px_hash hash;
    px_hash_begin(&hash);
    payload->layers = 0;
    for (int32_t y = 0; y + tile_height <= image->height; y += tile_height) {
        for (int32_t x = 0; x + tile_width <= image->width; x += tile_width) {
            for (int32_t row = 0; row < tile_height; row++) {
                px_hash_add(&hash, px_image_at(image, x, y + row), (size_t)tile_width * 4);
            }
            payload->layers++;
        }
    }
    px_hash_end(&hash, digest);
    px_hash_hex(digest, payload->pixels);
}

static dgxp_status put_picture(const char *name, const dgxp_image *image,
                               const px_payload_options *options, json_t *entry)
{
    const int32_t width = options->tile_width, height = options->tile_height;
    bool fits = px_json_put_integer(entry, "width", image->width) &&
                px_json_put_integer(entry, "height", image->height);
    if (width && (image->width % width || image->height % height)) {
        return px_error_set(
            DGXP_ERR_MISMATCH,
            "%s: %dx%d pixels are not a whole number of %dx%d tiles; a tile set for "
            "the game has no padding and no margin",
            name, image->width, image->height, width, height);
    }
    if (width) {
        fits = fits && px_json_put_integer(entry, "tile_width", width) &&
               px_json_put_integer(entry, "tile_height", height) &&
               px_json_put_integer(entry, "columns", image->width / width) &&
               px_json_put_integer(entry, "rows", image->height / height) &&
               (!options->array || px_json_put_boolean(entry, "array", true));
    }
    return fits ? DGXP_OK : px_error_memory("the lock file");
}

static bool begin_entry(px_payload *payload, const char *kind)
{
    char hash[PX_HASH_HEX];
    px_hash_bytes(payload->bytes, payload->size, hash);
    payload->entry = json_object();
    return px_json_put_text(payload->entry, "path", payload->path) &&
           px_json_put_text(payload->entry, "kind", kind) &&
           px_json_put_text(payload->entry, "sha256", hash) &&
           px_json_put_integer(payload->entry, "bytes", (int64_t)payload->size);
}

static dgxp_status make_picture(const char *name, const void *bytes, size_t size,
                                const px_payload_options *options, px_payload *payload)
{
    dgxp_image *image = NULL;
    dgxp_status status = px_png_decode(name, bytes, size, &image);
    if (status != DGXP_OK) {
        return status;
    }
    payload->bytes = px_mem_alloc(size);
    if (payload->bytes) {
        payload->size = strip_text(bytes, size, payload->bytes);
    }
    status = payload->bytes && begin_entry(payload, options->tile_width ? "tileset" : "image")
                 ? put_picture(name, image, options, payload->entry)
                 : px_error_memory(name);
    if (status == DGXP_OK) {
        const char *recipe = dgxp_image_text(image, PX_METADATA_RECIPE);
        char hash[PX_HASH_HEX];
        if (recipe) {
            px_hash_bytes(recipe, strlen(recipe), hash);
            px_json_put_text(payload->entry, "recipe", hash);
        }
        hash_pixels(image, options, payload);
    }
    if (status == DGXP_OK && options->sidecar && dgxp_image_text_count(image)) {
        payload->sidecar_path = px_sidecar_path(payload->path);
        payload->sidecar = px_sidecar_make(payload->path, payload->bytes, payload->size, image);
        status = payload->sidecar_path && payload->sidecar ? DGXP_OK : px_error_memory(name);
    }
    if (status == DGXP_OK && (options->meta || options->array)) {
        payload->meta_path = px_mem_format("%s.meta", payload->path);
        payload->meta = make_meta(payload->path, options, payload->layers);
        status = payload->meta_path && payload->meta ? DGXP_OK : px_error_memory(name);
    }
    dgxp_image_free(image);
    return status;
}

/* -------------------------------------------------------------------------------------- others */

static dgxp_status copy_bytes(const char *name, const void *bytes, size_t size, px_payload *payload)
{
    payload->bytes = px_mem_alloc(size);
    payload->size = size;
    if (!payload->bytes) {
        return px_error_memory(name);
    }
    memcpy(payload->bytes, bytes, size);
    return DGXP_OK;
}

static dgxp_status make_json(const char *name, const void *bytes, size_t size, px_payload *payload)
{
    json_t *document = NULL;
    dgxp_status status = px_json_parse(name, bytes, size, &document);
    if (status == DGXP_OK) {
        status = copy_bytes(name, bytes, size, payload);
    }
    if (status == DGXP_OK) {
        const bool sheet = px_payload_is_sheet(document);
        status = begin_entry(payload, sheet ? "sheet" : "file") ? DGXP_OK : px_error_memory(name);
        if (status == DGXP_OK && sheet) {
            status = px_payload_sheet(name, payload->path, document, payload->entry);
        }
    }
    json_decref(document);
    return status;
}

static dgxp_status make_file(const char *name, const void *bytes, size_t size, px_payload *payload)
{
    static const char *const suffixes[] = {"aseprite", "ase",  "tsx", "tsj", "tmx",
                                           "tmj",      "ldtk", "ron", "gif", "apng"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (px_file_has_suffix(payload->path, suffixes[i])) {
            const dgxp_status status = copy_bytes(name, bytes, size, payload);
            return status != DGXP_OK              ? status
                   : begin_entry(payload, "file") ? DGXP_OK
                                                  : px_error_memory(name);
        }
    }
    return px_error_set(DGXP_ERR_UNSUPPORTED,
                        "%s: not a kind of file that is deployed: png, json, aseprite, ase, tsx, "
                        "tsj, tmx, tmj, ldtk, ron, gif, apng",
                        name);
}

dgxp_status px_payload_make(const char *name, const char *path, const void *bytes, size_t size,
                            const px_payload_options *options, px_payload *out)
{
    px_payload payload = {.path = px_mem_text(path), .layers = 1};
    dgxp_status status;
    if (!payload.path) {
        status = px_error_memory("a path");
    } else if (px_file_has_suffix(path, "png")) {
        status = make_picture(name, bytes, size, options, &payload);
    } else if (px_file_has_suffix(path, "json")) {
        status = make_json(name, bytes, size, &payload);
    } else {
        status = make_file(name, bytes, size, &payload);
    }
    if (status != DGXP_OK) {
        px_payload_free(&payload);
        return status;
    }
    *out = payload;
    return DGXP_OK;
}

void px_payload_free(px_payload *payload)
{
    px_mem_free(payload->path);
    px_mem_free(payload->bytes);
    px_mem_free(payload->meta_path);
    px_mem_free(payload->meta);
    px_mem_free(payload->sidecar_path);
    px_mem_free(payload->sidecar);
    json_decref(payload->entry);
    *payload = (px_payload){0};
}
