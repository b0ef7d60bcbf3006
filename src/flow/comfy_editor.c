/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The format that ComfyUI's editor saves, with widgets and a list of links, as the API format. */
#include "core/json.h"
#include "core/mem.h"
#include "core/number.h"
#include "flow/comfy_graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ID = 32, MUTED = 2, BYPASSED = 4 };

typedef struct editor {
    json_t *nodes; /* id: the editor's node */
    json_t *links; /* id: [from id, from slot, type] */
} editor;

/* Ids are numbers, in newer files also texts. */
static bool spell_id(const json_t *value, char out[ID])
{
    if (json_is_number(value) && fabs(json_number_value(value)) < 1e15) {
        px_number_print(out, ID, "%.0f", json_number_value(value));
        return true;
    }
    const char *text = json_string_value(value);
    snprintf(out, ID, "%s", text ? text : "");
    return text && *text;
}

static const char *type_of(const json_t *node)
{
    const char *type = json_string_value(json_object_get(node, "type"));
    return type ? type : "?";
}

static int mode_of(const json_t *node)
{
    return (int)json_number_value(json_object_get(node, "mode"));
}

static void gather(editor *e, const json_t *document)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(document, "nodes"), i, item)
    {
        char id[ID];
        if (spell_id(json_object_get(item, "id"), id)) {
            px_json_put(e->nodes, id, json_incref(item));
        }
    }
    json_array_foreach(json_object_get(document, "links"), i, item)
    {
        const bool list = json_is_array(item);
        const json_t *from = list ? json_array_get(item, 1) : json_object_get(item, "origin_id");
        const json_t *slot = list ? json_array_get(item, 2) : json_object_get(item, "origin_slot");
        const json_t *type = list ? json_array_get(item, 5) : json_object_get(item, "type");
        char id[ID], source[ID];
        if (spell_id(list ? json_array_get(item, 0) : json_object_get(item, "id"), id) &&
            spell_id(from, source)) {
            json_t *entry = json_array();
            px_json_append(entry, json_string(source));
            px_json_append(entry, json_real(json_number_value(slot)));
            px_json_append(entry, json_is_string(type) ? json_incref((json_t *)(uintptr_t)type)
                                                       : json_string("*"));
            px_json_put(e->links, id, entry);
        }
    }
}

static const json_t *input_link(const editor *e, const json_t *input)
{
    char id[ID];
    return spell_id(json_object_get(input, "link"), id) ? json_object_get(e->links, id) : NULL;
}

/* What a bypassed node hands on: its first input of the type that is taken from it. */
static const json_t *bypass(const editor *e, const json_t *node, const char *type)
{
    size_t i;
    const json_t *input;
    json_array_foreach(json_object_get(node, "inputs"), i, input)
    {
        const char *given = json_string_value(json_object_get(input, "type"));
        if (given && strcmp(given, type) == 0 && input_link(e, input)) {
            return input_link(e, input);
        }
    }
    return NULL;
}

static const char *first_widget(const json_t *node)
{
    return json_string_value(json_array_get(json_object_get(node, "widgets_values"), 0));
}

/* The link behind the SetNode of a GetNode's name. */
static const json_t *find_set(const editor *e, const json_t *get)
{
    const char *name = first_widget(get), *id;
    json_t *node;
    json_object_foreach(e->nodes, id, node)
    {
        const char *theirs = first_widget(node);
        if (strcmp(type_of(node), "SetNode") == 0 && name && theirs && strcmp(name, theirs) == 0) {
            return input_link(e, json_array_get(json_object_get(node, "inputs"), 0));
        }
    }
    return NULL;
}

/* A link to what is not there, so that only who reads it meets an obstacle. */
static json_t *dead_end(const char *id, const char *why)
{
    json_t *pair = json_array();
    px_json_append(pair, json_sprintf("%s%s", id, why));
    px_json_append(pair, json_real(0));
    return pair;
}

/* A link as the API format has it: what stands between is followed through. */
static json_t *resolve(const editor *e, const json_t *link)
{
    const char *type = json_string_value(json_array_get(link, 2));
    for (int i = 0; i < PX_COMFY_CHAIN && link; i++) {
        const char *id = json_string_value(json_array_get(link, 0));
        const json_t *node = json_object_get(e->nodes, id);
        const char *class_type = type_of(node);
        if (!node || mode_of(node) == MUTED) {
            return dead_end(id, node ? " (muted)" : "");
        }
        if (mode_of(node) == BYPASSED) {
            link = bypass(e, node, type);
        } else if (strncmp(class_type, "Reroute", 7) == 0 || strcmp(class_type, "SetNode") == 0) {
            link = input_link(e, json_array_get(json_object_get(node, "inputs"), 0));
        } else if (strcmp(class_type, "GetNode") == 0) {
            link = find_set(e, node);
        } else if (strcmp(class_type, "PrimitiveNode") == 0) {
            json_t *value = json_array_get(json_object_get(node, "widgets_values"), 0);
            return value ? json_incref(value) : json_null();
        } else {
            json_t *pair = json_array();
            px_json_append(pair, json_string(id));
            px_json_append(pair, json_incref(json_array_get(link, 1)));
            return pair;
        }
    }
    return dead_end("(none)", "");
}

/* The value that stands behind a seed and says what becomes of it after a run. */
static bool is_control(const json_t *value)
{
    static const char *const words[] = {"fixed", "randomize", "increment", "decrement"};
    const char *text = json_string_value(value);
    for (size_t i = 0; i < 4 && text; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return json_is_boolean(value);
}

static void put_widgets(const json_t *node, const px_comfy_class *class, json_t *inputs)
{
    json_t *values = json_object_get(node, "widgets_values"), *value;
    const char *name;
    size_t at = 0;
    json_object_foreach(values, name, value) /* some save them by name */
    {
        if (!json_object_get(inputs, name)) {
            px_json_put(inputs, name, json_incref(value));
        }
    }
    for (size_t i = 0; json_is_array(values) && i < 12 && class->widgets[i]; i++) {
        value = json_array_get(values, at++);
        if (value && !json_object_get(inputs, class->widgets[i])) {
            px_json_put(inputs, class->widgets[i], json_incref(value));
        }
        at += strstr(class->widgets[i], "seed") && is_control(json_array_get(values, at));
    }
    if (!class->widgets[0] && json_is_array(values)) { /* rgthree's list of adapters */
        char key[32];
        json_array_foreach(values, at, value)
        {
            if (json_object_get(value, "lora")) {
                snprintf(key, sizeof key, "lora_%zu", at);
                px_json_put(inputs, key, json_incref(value));
            }
        }
    }
}

static bool is_furniture(const char *type)
{
    static const char *const types[] = {"Note",
                                        "MarkdownNote",
                                        "PrimitiveNode",
                                        "SetNode",
                                        "GetNode",
                                        "Reroute",
                                        "Label (rgthree)",
                                        "Fast Groups Bypasser (rgthree)",
                                        "Fast Groups Muter (rgthree)"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *convert(const editor *e, const json_t *node)
{
    const px_comfy_class *class = px_comfy_class_find(type_of(node));
    json_t *made = json_object(), *inputs = json_object();
    size_t i;
    const json_t *input;
    json_array_foreach(json_object_get(node, "inputs"), i, input)
    {
        const char *name = json_string_value(json_object_get(input, "name"));
        const json_t *link = input_link(e, input);
        json_t *value = name && link ? resolve(e, link) : NULL;
        if (value) {
            px_json_put(inputs, name, value);
        }
    }
    if (class) {
        put_widgets(node, class, inputs);
    } else { /* a holder's one value */
        json_t *value = json_array_get(json_object_get(node, "widgets_values"), 0);
        static const char *const names[] = {"value", "string", "seed", "int", "float"};
        for (i = 0; value && i < 5; i++) {
            px_json_put(inputs, names[i], json_incref(value));
        }
    }
    px_json_put_text(made, "class_type", type_of(node));
    px_json_put(made, "inputs", inputs);
    return made;
}

json_t *px_comfy_from_editor(const json_t *document)
{
    editor e = {.nodes = json_object(), .links = json_object()};
    json_t *out = json_object(), *node;
    const char *id;
    gather(&e, document);
    json_object_foreach(e.nodes, id, node)
    {
        const int mode = mode_of(node);
        if (mode != MUTED && mode != BYPASSED && !is_furniture(type_of(node))) {
            px_json_put(out, id, convert(&e, node));
        }
    }
    json_decref(e.nodes);
    json_decref(e.links);
    return out;
}
