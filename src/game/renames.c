/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a project's, list's, preset's or bundle's text says in old names, and the text in today's. */
#include "game/renames.h"

#include "core/buffer.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/setting.h"
#include "game/project.h"

#include <stdarg.h>
#include <string.h>

enum { LINED = 2 }; /* objects so deep have a line for each key, others one for all */

/* ------------------------------------------------------------------------------------ findings */

static __attribute__((format(printf, 3, 4))) void note(px_renames *in, bool stuck,
                                                       const char *sentence, ...)
{
    char text[512];
    va_list more;
    va_start(more, sentence);
    vsnprintf(text, sizeof text, sentence, more);
    va_end(more);
    px_json_append(in->gone, px_json_string(text, strlen(text)));
    in->stuck = in->stuck || stuck;
}

/* "width" and "height" are one setting now; the pair stands where the first of them did. */
static void join_sides(px_renames *in, const char *place, const json_t *object, json_t *fresh)
{
    json_t *width = json_object_get(object, "width"), *height = json_object_get(object, "height");
    if (json_object_get(fresh, "size")) {
        return;
    }
    if (!width || !height) {
        note(in, true, "%s: '%s' alone is gone: write \"size\": [width, height]", place,
             width ? "width" : "height");
    } else if (json_object_get(object, "size")) {
        note(in, true, "%s: 'width' and 'height' are gone, and 'size' is there too: take them out",
             place);
    } else {
        note(in, false, "%s: 'width' and 'height' are called 'size'", place);
        px_json_put(fresh, "size", json_pack("[O, O]", width, height));
    }
}

/* The settings of one request, section or bundle, in their order. */
static void mend_object(px_renames *in, const char *place, json_t *object)
{
    const char *key;
    json_t *value, *fresh = json_object();
    json_object_foreach(object, key, value)
    {
        const char *now = px_setting_renamed(key);
        if (now && (strcmp(key, "width") == 0 || strcmp(key, "height") == 0)) {
            join_sides(in, place, object, fresh);
        } else if (now && (json_object_get(object, now) || json_object_get(fresh, now))) {
            note(in, true, "%s: '%s' is called '%s', which is there too: take one out", place, key,
                 now);
        } else {
            if (now) {
                note(in, false, "%s: '%s' is called '%s'", place, key, now);
            }
            px_json_put(fresh, now ? now : key, json_incref(value));
        }
    }
    json_object_clear(object);
    json_object_update(object, fresh);
    json_decref(fresh);
}

static void mend_list(px_renames *in, const char *name, const json_t *list)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        char place[96];
        snprintf(place, sizeof place, "%s[%zu]", name, i);
        mend_object(in, place, entry);
        snprintf(place, sizeof place, "%s[%zu].animation.frames", name, i);
        mend_list(in, place, json_object_get(json_object_get(entry, "animation"), "frames"));
    }
}

static void mend_sections(px_renames *in, json_t *root)
{
    json_t *models = json_object_get(root, "models"), *out = json_object_get(root, "export");
    json_t *panel = json_incref(json_object_get(out, "nine_slice")), *section;
    const char *name;
    json_object_foreach(models, name, section)
    {
        char place[96];
        snprintf(place, sizeof place, "models.%.60s", name);
        mend_object(in, place, section);
        if (panel && json_is_object(section) && !json_object_get(section, "panel")) {
            px_json_put(section, "panel", json_incref(panel));
        }
    }
    if (panel) {
        note(in, false, "export.nine_slice: is 'panel' of each section of 'models'");
        json_object_del(out, "nine_slice");
        if (!json_object_size(out)) {
            json_object_del(root, "export");
        }
    }
    json_decref(panel);
}

/* ----------------------------------------------------------------------------------- what it is */

static bool is_known(const char *name)
{
    return px_setting_find(name) || px_setting_renamed(name) || strcmp(name, "name") == 0 ||
           strcmp(name, "count") == 0;
}

/* A line of a list says what to paint, and nothing that is not a setting: other people's JSON lines
 * have a width, too. */
static bool is_line(const json_t *line)
{
    const char *key;
    json_t *value;
    bool known = json_is_string(json_object_get(line, "prompt")) ||
                 json_is_string(json_object_get(line, "subject"));
    json_object_foreach((json_t *)(uintptr_t)line, key, value)
    {
        known = known && is_known(key);
    }
    return known;
}

static bool is_list(const json_t *root)
{
    size_t i;
    const json_t *line;
    bool known = json_array_size(root) > 0;
    json_array_foreach(root, i, line)
    {
        known = known && is_line(line);
    }
    return known;
}

static const char *tell_kind(const char *name, const json_t *root)
{
    const json_t *format = json_object_get(root, "format");
    if (json_is_array(root)) {
        return is_list(root) ? "list" : NULL;
    }
    if (json_is_string(format)) {
        return strcmp(json_string_value(format), "dgx-pixels-workflow") == 0 ? "workflow" : NULL;
    }
    if (!json_is_integer(format)) {
        return NULL;
    }
    if (strcmp(name, PX_PROJECT_FILE) == 0) {
        return "project";
    }
    if (strcmp(name, "bundle.json") == 0) {
        return json_is_string(json_object_get(root, "kind")) ? "bundle" : NULL;
    }
    const bool preset = json_is_string(json_object_get(root, "name")) &&
                        json_is_object(json_object_get(root, "models"));
    return preset ? "preset" : NULL;
}

/* ------------------------------------------------------------------------------------- the text */

static void put(px_buffer *to, const char *text)
{
    px_buffer_put(to, text, strlen(text));
}

static void put_value(px_buffer *to, const json_t *value)
{
    char *text = px_json_print_as(value, 0);
    to->no_memory = to->no_memory || !text;
    put(to, text ? text : "");
    px_mem_free(text);
}

/* As people write it: a key a line near the root, an object a line in arrays. */
static void put_lines(px_buffer *to, const json_t *value, int depth)
{
    static const char *const indents[] = {"", "  ", "    ", "      "};
    const char *key, *before = "\n";
    const json_t *item;
    json_t *field;
    size_t i;
    if (json_is_object(value) && depth < LINED && json_object_size(value)) {
        put(to, "{");
        json_object_foreach((json_t *)(uintptr_t)value, key, field)
        {
            json_t *name = px_json_string(key, strlen(key));
            put(to, before);
            put(to, indents[depth + 1]);
            put_value(to, name);
            put(to, ": ");
            put_lines(to, field, depth + 1);
            json_decref(name);
            before = ",\n";
        }
        put(to, "\n");
        put(to, indents[depth]);
        put(to, "}");
    } else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
        put(to, "[");
        json_array_foreach(value, i, item)
        {
            put(to, before);
            put(to, indents[depth + 1]);
            put_value(to, item);
            before = ",\n";
        }
        put(to, "\n");
        put(to, indents[depth]);
        put(to, "]");
    } else {
        put_value(to, value);
    }
}

static dgxp_status take_text(px_renames *in, px_buffer *made)
{
    if (made->no_memory) {
        px_mem_free(made->bytes);
        return px_error_memory("a file in today's names");
    }
    if (in->stuck || !json_array_size(in->gone)) {
        px_mem_free(made->bytes);
    } else {
        in->text = (char *)made->bytes;
    }
    return DGXP_OK;
}

static dgxp_status read_document(const char *path, const char *text, px_renames *in)
{
    json_t *root = NULL;
    px_buffer made = {0};
    if (px_json_parse(path, text, strlen(text), &root) != DGXP_OK) {
        px_error_clear();
        return DGXP_OK; /* whoever reads it says what is wrong */
    }
    in->kind = tell_kind(px_file_name(path), root);
    if (in->kind && json_is_array(root)) {
        mend_list(in, "", root);
    } else if (in->kind) {
        static const char *const objects[] = {"defaults", "request"};
        for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
            mend_object(in, objects[i], json_object_get(root, objects[i]));
        }
        mend_list(in, "assets", json_object_get(root, "assets"));
        mend_list(in, "frames", json_object_get(root, "frames"));
        if (strcmp(in->kind, "preset") == 0) {
            mend_sections(in, root);
        }
    }
    if (in->kind) {
        put_lines(&made, root, 0);
        put(&made, "\n");
    }
    json_decref(root);
    return take_text(in, &made);
}

/* Lines that say nothing old stay byte for byte. */
static dgxp_status read_lines(const char *path, const char *text, px_renames *in)
{
    px_buffer made = {0};
    bool ours = false, foreign = false;
    int number = 1;
    for (const char *at = text; *at && !foreign; number++) {
        const size_t length = strcspn(at, "\n");
        json_t *line = NULL;
        const size_t before = json_array_size(in->gone);
        if (at[strspn(at, " \t\r")] != '\n' && at[strspn(at, " \t\r")] != '\0') {
            foreign = px_json_parse(path, at, length, &line) != DGXP_OK || !is_line(line);
            px_error_clear();
            ours = true;
        }
        if (!foreign && line) {
            char place[32];
            snprintf(place, sizeof place, "line %d", number);
            mend_object(in, place, line);
        }
        if (json_array_size(in->gone) > before) {
            put_value(&made, line);
        } else {
            px_buffer_put(&made, at, length);
        }
        json_decref(line);
        at += length;
        if (*at) {
            put(&made, "\n");
            at++;
        }
    }
    in->kind = ours && !foreign ? "list" : NULL;
    if (foreign) {
        json_array_clear(in->gone);
        in->stuck = false;
    }
    return take_text(in, &made);
}

/* The names stand in a table's first line; quoted or not. */
static dgxp_status read_table(const char *text, char separator, px_renames *in)
{
    px_buffer made = {0};
    bool ours = false, foreign = false;
    const size_t head = strcspn(text, "\r\n");
    for (size_t at = 0; at <= head && !foreign; at++) {
        size_t length = 0;
        while (at + length < head && text[at + length] != separator) {
            length++;
        }
        const bool quoted = length > 1 && text[at] == '"' && text[at + length - 1] == '"';
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(length - 2 * quoted), text + at + quoted);
        const char *now = px_setting_renamed(name);
        foreign = !is_known(name);
        ours = ours || !strcmp(name, "prompt") || !strcmp(name, "subject");
        if (now && strcmp(now, "size") == 0) {
            note(in, true, "line 1: the column '%s' is gone: write one 'size', as 32x48", name);
        } else if (now) {
            note(in, false, "line 1: the column '%s' is called '%s'", name, now);
        }
        px_buffer_put(&made, now ? now : text + at, now ? strlen(now) : length);
        at += length;
        if (at < head) {
            px_buffer_put(&made, &separator, 1);
        }
    }
    put(&made, text + head);
    in->kind = ours && !foreign ? "list" : NULL;
    if (!in->kind) {
        json_array_clear(in->gone);
        in->stuck = false;
    }
    return take_text(in, &made);
}

bool px_renames_may(const char *path)
{
    static const char *const suffixes[] = {"json", "jsonl", "ndjson", "csv", "tsv"};
    bool may = false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        may = may || px_file_has_suffix(path, suffixes[i]);
    }
    return may;
}

dgxp_status px_renames_read(const char *path, const char *text, px_renames *out)
{
    *out = (px_renames){.gone = json_array()};
    if (px_file_has_suffix(path, "json")) {
        return read_document(path, text, out);
    }
    if (px_file_has_suffix(path, "jsonl") || px_file_has_suffix(path, "ndjson")) {
        return read_lines(path, text, out);
    }
    if (px_file_has_suffix(path, "csv") || px_file_has_suffix(path, "tsv")) {
        return read_table(text, px_file_has_suffix(path, "csv") ? ',' : '\t', out);
    }
    return DGXP_OK;
}

void px_renames_free(px_renames *renames)
{
    json_decref(renames->gone);
    px_mem_free(renames->text);
    *renames = (px_renames){0};
}
