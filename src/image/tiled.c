/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tiled's external tilesets: one tree, written as TSJ or as TSX. */
#include "core/buffer.h"
#include "core/json.h"
#include "core/mem.h"
#include "image/pack.h"
#include "image/sheet.h"
#include "image/sheet_json.h"

#include <stdio.h>
#include <string.h>

/* One turn of a tag: its frames in the order in which they play. */
static int32_t frame_of_step(const px_sheet_tag *tag, int32_t step)
{
    const int32_t last = tag->to - tag->from;
    const bool reverse = tag->direction == DGXP_DIRECTION_REVERSE ||
                         tag->direction == DGXP_DIRECTION_PINGPONG_REVERSE;
    const int32_t at = step <= last ? step : 2 * last - step;
    return reverse ? tag->to - at : tag->from + at;
}

static json_t *build_animation(const dgxp_sheet *sheet, const px_sheet_tag *tag)
{
    const int32_t last = tag->to - tag->from;
    const bool both = tag->direction >= DGXP_DIRECTION_PINGPONG && last > 0;
    json_t *frames = json_array();
    for (int32_t step = 0; step < (both ? 2 * last : last + 1); step++) {
        const int32_t index = frame_of_step(tag, step);
        json_t *frame = json_object();
        bool fits = px_json_put_integer(frame, "tileid", index) &&
                    px_json_put_integer(frame, "duration", sheet->frames[index].duration);
        if (!(px_json_append(frames, frame) && fits)) {
            json_decref(frames);
            return NULL;
        }
    }
    return frames;
}

static json_t *build_property(const char *name, const char *value)
{
    json_t *list = json_array(), *property = json_object();
    bool fits = px_json_put_text(property, "name", name) &&
                px_json_put_text(property, "type", "string") &&
                px_json_put_text(property, "value", value);
    fits = px_json_append(list, property) && fits;
    if (!fits) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* Only tiles that have something to tell are listed. */
static json_t *build_tiles(const dgxp_sheet *sheet)
{
    json_t *tiles = json_array();
    bool fits = tiles;
    for (size_t i = 0; i < sheet->frame_count && fits; i++) {
        const px_sheet_tag *tag = NULL;
        for (size_t t = 0; t < sheet->tag_count && !tag; t++) {
            tag = (size_t)sheet->tags[t].from == i ? &sheet->tags[t] : NULL;
        }
        const char *name = sheet->frames[i].name;
        if (!tag && !*name) {
            continue;
        }
        json_t *tile = json_object();
        fits = px_json_put_integer(tile, "id", (int64_t)i) &&
               (!tag || px_json_put(tile, "animation", build_animation(sheet, tag))) &&
               (!*name || px_json_put(tile, "properties", build_property("name", name)));
        fits = px_json_append(tiles, tile) && fits;
    }
    if (!fits) {
        json_decref(tiles);
        return NULL;
    }
    return tiles;
}

static json_t *build_wangset(const dgxp_sheet *sheet, const char *name)
{
    static const char *const names[] = {"inside", "outside"}, *const shown[] = {"#00c000",
                                                                                "#c08000"};
    json_t *set = json_object(), *colors = json_array(), *tiles = json_array();
    bool fits = px_json_put_text(set, "name", name) &&
                px_json_put_text(set, "type", sheet->wang == PX_WANG_CORNER ? "corner" : "mixed") &&
                px_json_put_integer(set, "tile", -1);
    for (int32_t i = 0; i < sheet->wang_colors && fits; i++) {
        json_t *color = json_object();
        fits = px_json_put_text(color, "name", names[i]) &&
               px_json_put_text(color, "color", shown[i]) &&
               px_json_put_integer(color, "tile", -1) &&
               px_json_put_integer(color, "probability", 1);
        fits = px_json_append(colors, color) && fits;
    }
    for (size_t i = 0; i < sheet->frame_count && fits; i++) {
        json_t *tile = json_object(), *id = json_array();
        for (int side = 0; side < 8; side++) {
            fits = px_json_append(id, json_integer(sheet->frames[i].wang[side])) && fits;
        }
        fits = px_json_put_integer(tile, "tileid", (int64_t)i) && fits;
        fits = px_json_put(tile, "wangid", id) && fits;
        fits = px_json_append(tiles, tile) && fits;
    }
    fits = px_json_put(set, "colors", colors) && fits;
    fits = px_json_put(set, "wangtiles", tiles) && fits;
    if (!fits) {
        json_decref(set);
        return NULL;
    }
    return set;
}

json_t *px_tiled_build(const px_atlas_view *of)
{
    const dgxp_atlas *atlas = of->atlas;
    json_t *set = json_object(), *wang = json_array();
    bool fits = px_json_put_text(set, "name", of->stem) &&
                px_json_put_integer(set, "tilewidth", atlas->cell_width) &&
                px_json_put_integer(set, "tileheight", atlas->cell_height) &&
                px_json_put_integer(set, "spacing", atlas->spacing) &&
                px_json_put_integer(set, "margin", atlas->margin) &&
                px_json_put_integer(set, "tilecount", (int64_t)atlas->columns * atlas->rows) &&
                px_json_put_integer(set, "columns", atlas->columns) &&
                px_json_put_text(set, "image", of->image) &&
                px_json_put_integer(set, "imagewidth", atlas->image->width) &&
                px_json_put_integer(set, "imageheight", atlas->image->height) &&
                px_json_put_text(set, "type", "tileset") &&
                px_json_put_text(set, "version", "1.10") &&
                px_json_put_text(set, "tiledversion", "1.10.2") &&
                px_json_put(set, "tiles", build_tiles(of->sheet));
    if (of->sheet->wang) {
        fits = px_json_append(wang, build_wangset(of->sheet, of->stem)) && fits;
    }
    fits = px_json_put(set, "wangsets", wang) && fits;
    if (!fits) {
        json_decref(set);
        return NULL;
    }
    return set;
}

/* ----------------------------------------------------------------------------------------- XML */

static void put_text(px_buffer *to, const char *text)
{
    px_buffer_put(to, text, strlen(text));
}

static void put_escaped(px_buffer *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            put_text(to, "&amp;");
            break;
        case '<':
            put_text(to, "&lt;");
            break;
        case '"':
            put_text(to, "&quot;");
            break;
        case '\n':
            put_text(to, "&#10;");
            break;
        case '\t':
            put_text(to, "&#9;");
            break;
        default:
            if ((unsigned char)*text >= 32) { /* XML has no way to write the others */
                px_buffer_put(to, text, 1);
            }
        }
    }
}

/* The members that are attributes, in the tree's order. */
static void put_attributes(px_buffer *to, const json_t *object, const char *const *names,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, names[i]);
        put_text(to, " ");
        put_text(to, names[i]);
        put_text(to, "=\"");
        if (json_is_string(value)) {
            put_escaped(to, json_string_value(value));
        } else {
            char number[32];
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
            put_text(to, number);
        }
        put_text(to, "\"");
    }
}

static void put_tile(px_buffer *to, const json_t *tile)
{
    static const char *const of_tile[] = {"id"}, *const of_property[] = {"name", "value"},
                             *const of_frame[] = {"tileid", "duration"};
    const json_t *properties = json_object_get(tile, "properties");
    const json_t *animation = json_object_get(tile, "animation");
    put_text(to, " <tile");
    put_attributes(to, tile, of_tile, 1);
    put_text(to, ">\n");
    if (properties) {
        put_text(to, "  <properties>\n   <property");
        put_attributes(to, json_array_get(properties, 0), of_property, 2);
        put_text(to, "/>\n  </properties>\n");
    }
    if (animation) {
        put_text(to, "  <animation>\n");
        for (size_t i = 0; i < json_array_size(animation); i++) {
            put_text(to, "   <frame");
            put_attributes(to, json_array_get(animation, i), of_frame, 2);
            put_text(to, "/>\n");
        }
        put_text(to, "  </animation>\n");
    }
    put_text(to, " </tile>\n");
}

static void put_wangset(px_buffer *to, const json_t *set)
{
    static const char *const of_set[] = {"name", "type", "tile"},
                             *const of_color[] = {"name", "color", "tile", "probability"},
                             *const of_tile[] = {"tileid"};
    const json_t *colors = json_object_get(set, "colors");
    const json_t *tiles = json_object_get(set, "wangtiles");
    put_text(to, " <wangsets>\n  <wangset");
    put_attributes(to, set, of_set, 3);
    put_text(to, ">\n");
    for (size_t i = 0; i < json_array_size(colors); i++) {
        put_text(to, "   <wangcolor");
        put_attributes(to, json_array_get(colors, i), of_color, 4);
        put_text(to, "/>\n");
    }
    for (size_t i = 0; i < json_array_size(tiles); i++) {
        const json_t *tile = json_array_get(tiles, i), *id = json_object_get(tile, "wangid");
        put_text(to, "   <wangtile");
        put_attributes(to, tile, of_tile, 1);
        put_text(to, " wangid=\"");
        for (size_t side = 0; side < 8; side++) {
            char number[32];
            snprintf(number, sizeof number, side ? ",%lld" : "%lld",
                     (long long)json_integer_value(json_array_get(id, side)));
            put_text(to, number);
        }
        put_text(to, "\"/>\n");
    }
    put_text(to, "  </wangset>\n </wangsets>\n");
}

char *px_tiled_print(const json_t *tileset)
{
    static const char *const of_set[] = {"version",   "tiledversion", "name",
                                         "tilewidth", "tileheight",   "spacing",
                                         "margin",    "tilecount",    "columns"};
    const json_t *tiles = json_object_get(tileset, "tiles");
    const json_t *wangsets = json_object_get(tileset, "wangsets");
    px_buffer to = {.size = 0};
    char size[64];
    put_text(&to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tileset");
    put_attributes(&to, tileset, of_set, sizeof of_set / sizeof *of_set);
    put_text(&to, ">\n <image source=\"");
    put_escaped(&to, json_string_value(json_object_get(tileset, "image")));
    snprintf(size, sizeof size, "\" width=\"%lld\" height=\"%lld\"/>\n",
             (long long)json_integer_value(json_object_get(tileset, "imagewidth")),
             (long long)json_integer_value(json_object_get(tileset, "imageheight")));
    put_text(&to, size);
    for (size_t i = 0; i < json_array_size(tiles); i++) {
        put_tile(&to, json_array_get(tiles, i));
    }
    if (json_array_size(wangsets)) {
        put_wangset(&to, json_array_get(wangsets, 0));
    }
    put_text(&to, "</tileset>\n");
    if (to.no_memory) {
        px_mem_free(to.bytes);
        return NULL;
    }
    return (char *)to.bytes;
}
