/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An atlas described for engines: Aseprite JSON, LDtk, bevy_asset_loader; Tiled stands beside. */
#include "image/sheet_json.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "image/pack.h"
#include "image/sheet.h"

#include <stdio.h>
#include <string.h>

const dgxp_choice px_atlas_format_choices[] = {
    {DGXP_ATLAS_ASEPRITE_ARRAY, "aseprite-array", "Aseprite JSON, frames in an array"},
    {DGXP_ATLAS_ASEPRITE_HASH, "aseprite-hash", "Aseprite JSON, frames by name"},
    {DGXP_ATLAS_TSJ, "tsj", "Tiled tileset, JSON, with wangset and animations"},
    {DGXP_ATLAS_TSX, "tsx", "Tiled tileset, XML"},
    {DGXP_ATLAS_LDTK, "ldtk", "LDtk tileset definition"},
    {DGXP_ATLAS_BEVY_RON, "bevy-ron", "dynamic assets of bevy_asset_loader"},
};
const int32_t px_atlas_format_count =
    (int32_t)(sizeof px_atlas_format_choices / sizeof *px_atlas_format_choices);

/* ------------------------------------------------------------------------------ Aseprite JSON */

static json_t *build_box(int32_t x, int32_t y, int32_t width, int32_t height)
{
    json_t *box = json_object();
    (void)(px_json_put_integer(box, "x", x) && px_json_put_integer(box, "y", y) &&
           px_json_put_integer(box, "w", width) && px_json_put_integer(box, "h", height));
    if (json_object_size(box) != 4) {
        json_decref(box);
        return NULL;
    }
    return box;
}

/* `filename` NULL: the key of a hash tells it. */
static json_t *build_frame(const px_sheet_frame *frame, const dgxp_place *at, const char *filename)
{
    const bool trimmed = at->width != at->source_width || at->height != at->source_height;
    json_t *object = json_object(), *size = json_object();
    bool fits = px_json_put_integer(size, "w", at->source_width) &&
                px_json_put_integer(size, "h", at->source_height);
    fits = (!filename || px_json_put_text(object, "filename", filename)) &&
           px_json_put(object, "frame", build_box(at->x, at->y, at->width, at->height)) &&
           px_json_put_boolean(object, "rotated", false) &&
           px_json_put_boolean(object, "trimmed", trimmed) &&
           px_json_put(object, "spriteSourceSize",
                       build_box(at->source_x, at->source_y, at->width, at->height)) &&
           fits;
    fits = px_json_put(object, "sourceSize", size) && fits;
    fits = px_json_put_integer(object, "duration", frame->duration) && fits;
    if (!fits) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* The frame's own name, or what Aseprite would call it; `taken` (of a hash) must not hold it yet.
 */
static char *name_frame(const px_atlas_view *of, size_t index, const json_t *taken)
{
    const char *own = of->sheet->frames[index].name;
    char *name = *own ? px_mem_text(own) : px_mem_format("%s %zu.aseprite", of->stem, index);
    for (int copy = 2; name && taken && json_object_get(taken, name); copy++) {
        char *next = px_mem_format("%s #%d", *own ? own : of->stem, copy);
        px_mem_free(name);
        name = next;
    }
    return name;
}

static json_t *build_frames(const px_atlas_view *of, bool hash)
{
    json_t *frames = hash ? json_object() : json_array();
    bool fits = frames;
    for (size_t i = 0; i < of->sheet->frame_count && fits; i++) {
        char *name = name_frame(of, i, hash ? frames : NULL);
        json_t *frame =
            name ? build_frame(&of->sheet->frames[i], &of->atlas->places[i], hash ? NULL : name)
                 : NULL;
        fits = name && (hash ? px_json_put(frames, name, frame) : px_json_append(frames, frame));
        px_mem_free(name);
    }
    if (!fits) {
        json_decref(frames);
        return NULL;
    }
    return frames;
}

static json_t *build_tags(const dgxp_sheet *sheet)
{
    json_t *tags = json_array();
    bool fits = tags;
    for (size_t i = 0; i < sheet->tag_count && fits; i++) {
        const px_sheet_tag *t = &sheet->tags[i];
        json_t *tag = json_object();
        char repeat[16];
        snprintf(repeat, sizeof repeat, "%d", t->repeat);
        fits = px_json_put_text(tag, "name", t->name) &&
               px_json_put_integer(tag, "from", t->from) && px_json_put_integer(tag, "to", t->to) &&
               px_json_put_text(tag, "direction", px_sheet_direction_choices[t->direction].name) &&
               (!t->repeat || px_json_put_text(tag, "repeat", repeat)) &&
               px_json_put_text(tag, "color", "#000000ff");
        fits = px_json_append(tags, tag) && fits;
    }
    if (!fits) {
        json_decref(tags);
        return NULL;
    }
    return tags;
}

static json_t *build_slice(const dgxp_slice *s)
{
    json_t *slice = json_object(), *keys = json_array(), *key = json_object();
    bool fits = px_json_put_integer(key, "frame", 0) &&
                px_json_put(key, "bounds", build_box(s->x, s->y, s->width, s->height));
    if (fits && s->center_width && s->center_height) {
        fits = px_json_put(key, "center",
                           build_box(s->center_x, s->center_y, s->center_width, s->center_height));
    }
    if (fits && s->has_pivot) {
        json_t *pivot = json_object();
        fits = px_json_put_integer(pivot, "x", s->pivot_x) &&
               px_json_put_integer(pivot, "y", s->pivot_y);
        fits = px_json_put(key, "pivot", pivot) && fits;
    }
    fits = px_json_append(keys, key) && fits;
    fits = px_json_put_text(slice, "name", s->name) && fits;
    fits = px_json_put_text(slice, "color", "#0000ffff") && fits;
    fits = px_json_put(slice, "keys", keys) && fits;
    if (!fits) {
        json_decref(slice);
        return NULL;
    }
    return slice;
}

static json_t *build_slices(const dgxp_sheet *sheet)
{
    json_t *slices = json_array();
    for (size_t i = 0; i < sheet->slice_count; i++) {
        if (!px_json_append(slices, build_slice(&sheet->slices[i]))) {
            json_decref(slices);
            return NULL;
        }
    }
    return slices;
}

static json_t *build_aseprite(const px_atlas_view *of, bool hash)
{
    json_t *document = json_object(), *meta = json_object(), *size = json_object();
    bool fits = px_json_put_integer(size, "w", of->atlas->image->width) &&
                px_json_put_integer(size, "h", of->atlas->image->height);
    fits = px_json_put_text(meta, "app", "DGX-Pixels") &&
           px_json_put_text(meta, "version", dgxp_version_text()) &&
           px_json_put_text(meta, "image", px_file_name(of->image)) &&
           px_json_put_text(meta, "format", "RGBA8888") && fits;
    fits = px_json_put(meta, "size", size) && fits;
    fits = px_json_put_text(meta, "scale", "1") && fits;
    fits = px_json_put(meta, "frameTags", build_tags(of->sheet)) && fits;
    fits = px_json_put(meta, "layers", json_array()) && fits;
    fits = px_json_put(meta, "slices", build_slices(of->sheet)) && fits;
    fits = px_json_put(document, "frames", build_frames(of, hash)) && fits;
    fits = px_json_put(document, "meta", meta) && fits;
    if (!fits) {
        json_decref(document);
        return NULL;
    }
    return document;
}

/* ---------------------------------------------------------------------------- LDtk and bevy */

/* LDtk identifiers are letters, digits and _, and begin with a capital. */
static char *make_identifier(const char *stem)
{
    char *name = px_mem_format("%s%s", stem[0] >= '0' && stem[0] <= '9' ? "T" : "", stem);
    for (char *at = name; at && *at; at++) {
        const bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && !(*at >= '0' && *at <= '9')) {
            *at = '_';
        } else if (at == name && *at >= 'a') {
            *at = (char)(*at - 'a' + 'A');
        }
    }
    return name;
}

static json_t *build_ldtk(const px_atlas_view *of)
{
    const dgxp_atlas *atlas = of->atlas;
    json_t *set = json_object(), *custom = json_array();
    char *identifier = make_identifier(of->stem);
    bool fits = identifier && custom;
    for (size_t i = 0; i < of->sheet->frame_count && fits; i++) {
        if (*of->sheet->frames[i].name) {
            json_t *entry = json_object();
            fits = px_json_put_integer(entry, "tileId", (int64_t)i) &&
                   px_json_put_text(entry, "data", of->sheet->frames[i].name);
            fits = px_json_append(custom, entry) && fits;
        }
    }
    fits = fits && px_json_put_text(set, "identifier", identifier) &&
           px_json_put_integer(set, "uid", 1) && px_json_put_text(set, "relPath", of->image) &&
           px_json_put(set, "embedAtlas", json_null()) &&
           px_json_put_integer(set, "pxWid", atlas->image->width) &&
           px_json_put_integer(set, "pxHei", atlas->image->height) &&
           px_json_put_integer(set, "tileGridSize", atlas->cell_width) &&
           px_json_put_integer(set, "spacing", atlas->spacing) &&
           px_json_put_integer(set, "padding", atlas->margin) &&
           px_json_put_integer(set, "__cWid", atlas->columns) &&
           px_json_put_integer(set, "__cHei", atlas->rows) &&
           px_json_put(set, "tags", json_array()) &&
           px_json_put(set, "tagsSourceEnumUid", json_null()) &&
           px_json_put(set, "enumTags", json_array()) &&
           px_json_put(set, "savedSelections", json_array()) &&
           px_json_put(set, "cachedPixelData", json_null());
    fits = px_json_put(set, "customData", custom) && fits;
    px_mem_free(identifier);
    if (!fits) {
        json_decref(set);
        return NULL;
    }
    return set;
}

/* A RON string is escaped as a JSON string is. */
static char *print_ron(const px_atlas_view *of)
{
    const dgxp_atlas *atlas = of->atlas;
    json_t *path = px_json_string(of->image, strlen(of->image));
    json_t *stem = px_json_string(of->stem, strlen(of->stem));
    char *path_text = px_json_print(path), *name = px_json_print(stem), *text = NULL;
    if (path_text && name) {
        text = px_mem_format("({\n"
                             "    \"image.%s: Image(\n"
                             "        path: %s,\n"
                             "        sampler: Nearest,\n"
                             "    ),\n"
                             "    \"layout.%s: TextureAtlasLayout(\n"
                             "        tile_size_x: %d,\n"
                             "        tile_size_y: %d,\n"
                             "        columns: %d,\n"
                             "        rows: %d,\n"
                             "        padding_x: %d,\n"
                             "        padding_y: %d,\n"
                             "        offset_x: %d,\n"
                             "        offset_y: %d,\n"
                             "    ),\n"
                             "})\n",
                             name + 1, path_text, name + 1, atlas->cell_width, atlas->cell_height,
                             atlas->columns, atlas->rows, atlas->spacing, atlas->spacing,
                             atlas->margin, atlas->margin);
    }
    px_mem_free(path_text);
    px_mem_free(name);
    json_decref(path);
    json_decref(stem);
    return text;
}

/* --------------------------------------------------------------------------------- the choice */

static dgxp_status check_format(const dgxp_atlas *atlas, int32_t format)
{
    const char *name = px_atlas_format_choices[format].name;
    if (format >= DGXP_ATLAS_TSJ && atlas->layout != DGXP_LAYOUT_GRID) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "dgxp_atlas_describe: %s knows equal cells only; pack as a grid", name);
    }
    if (format == DGXP_ATLAS_LDTK && atlas->cell_width != atlas->cell_height) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "dgxp_atlas_describe: LDtk's tiles are square, these are %dx%d",
                            atlas->cell_width, atlas->cell_height);
    }
    return DGXP_OK;
}

static char *print_indented(json_t *value)
{
    dgxp_document *document = NULL;
    char *text = NULL;
    if (px_json_document(value, &document) == DGXP_OK) {
        text = px_mem_format("%s\n", dgxp_document_text(document));
    }
    dgxp_document_free(document);
    return text;
}

static char *describe(const px_atlas_view *of, int32_t format)
{
    char *text = NULL;
    json_t *tileset = NULL;
    switch (format) {
    case DGXP_ATLAS_TSJ:
        return print_indented(px_tiled_build(of));
    case DGXP_ATLAS_TSX:
        tileset = px_tiled_build(of);
        text = tileset ? px_tiled_print(tileset) : NULL;
        json_decref(tileset);
        return text;
    case DGXP_ATLAS_LDTK:
        return print_indented(build_ldtk(of));
    case DGXP_ATLAS_BEVY_RON:
        return print_ron(of);
    default:
        return print_indented(build_aseprite(of, format == DGXP_ATLAS_ASEPRITE_HASH));
    }
}

dgxp_status dgxp_atlas_describe(const dgxp_atlas *atlas, const dgxp_sheet *sheet, int32_t format,
                                const char *image, uint8_t **bytes, size_t *size)
{
    px_error_clear();
    if (!atlas || !sheet || !image || !bytes || !size) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_atlas_describe: %s is NULL",
                            !atlas   ? "atlas"
                            : !sheet ? "sheet"
                            : !image ? "image"
                                     : "bytes or size");
    }
    if (format < 0 || format >= px_atlas_format_count || !px_image_is_utf8(image)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_atlas_describe: format %d does not exist "
                            "(dgxp_choices(\"atlas_format\") lists them), or the picture's path is "
                            "not UTF-8",
                            format);
    }
    if (sheet->frame_count != (size_t)atlas->count) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "dgxp_atlas_describe: the atlas has %d frames, the sheet %zu",
                            atlas->count, sheet->frame_count);
    }
    const dgxp_status status = check_format(atlas, format);
    if (status) {
        return status;
    }
    const char *name = px_file_name(image), *dot = strrchr(name, '.');
    char *stem = px_mem_textn(name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
    const px_atlas_view view = {atlas, sheet, image, stem};
    char *text = stem ? describe(&view, format) : NULL;
    px_mem_free(stem);
    if (!text) {
        return px_error_memory("the description of an atlas");
    }
    *bytes = (uint8_t *)text;
    *size = strlen(text);
    return DGXP_OK;
}
