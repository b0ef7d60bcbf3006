/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Workflow files read, checked, and their {placeholders} filled. */
#include "flow/workflow.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "flow/comfy.h"
#include "image/header.h"
#include "job/request.h"

#include <stdio.h>
#include <string.h>

enum { WORKFLOW_LIMIT = 1 << 22, NAME_LIMIT = 64, FILLED_LIMIT = 1 << 24 };

typedef struct filling {
    const char *where;
    const json_t *values; /* name to value */
    size_t *left;         /* bytes that all filled texts may still grow */
} filling;

/* ---------------------------------------------------------------------------- placeholders */

/* The length of the name in "{name}" at `at`; 0 when it is none, as in {a|b}. */
static size_t match_placeholder(const char *at)
{
    if (*at != '{') { /* of an empty text nothing follows */
        return 0;
    }
    const size_t length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length && length <= NAME_LIMIT && at[1 + length] == '}' ? length : 0;
}

static dgxp_status find_value(const filling *f, const char *name, size_t length, const json_t **out)
{
    char key[NAME_LIMIT + 1] = "";
    memcpy(key, name, length);
    *out = json_object_get(f->values, key);
    return *out ? DGXP_OK
                : px_error_set(DGXP_ERR_BAD_FORMAT,
                               "%s: the placeholder {%s} has no value: name it under \"values\", "
                               "with a default, or give `set` %s=…",
                               f->where, key, key);
}

typedef struct builder {
    char *text;
    size_t size, capacity;
} builder;

/* A value may stand in many places: what all texts become together is bounded. */
static dgxp_status append(const filling *f, builder *to, const char *text, size_t length)
{
    if (length > *f->left) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: its texts grow longer than %d bytes when the values are filled in",
                            f->where, FILLED_LIMIT);
    }
    *f->left -= length;
    if (to->capacity - to->size < length + 1) {
        const size_t wanted = 2 * to->capacity + length + 64;
        char *larger = px_mem_resize(to->text, wanted, 1);
        if (!larger) {
            return px_error_memory("a workflow");
        }
        to->text = larger;
        to->capacity = wanted;
    }
    memcpy(to->text + to->size, text, length);
    to->size += length;
    to->text[to->size] = '\0';
    return DGXP_OK;
}

static dgxp_status append_value(const filling *f, builder *to, const json_t *value)
{
    if (json_is_string(value)) {
        return append(f, to, json_string_value(value), json_string_length(value));
    }
    char *text = px_json_dump(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const dgxp_status status =
        text ? append(f, to, text, strlen(text)) : px_error_memory("a workflow");
    px_mem_free(text);
    return status;
}

static dgxp_status copy_value(const filling *f, const json_t *value, json_t **out)
{
    const size_t size = json_dumpb(value, NULL, 0, JSON_ENCODE_ANY | JSON_COMPACT);
    builder none = {0};
    const dgxp_status status = size > *f->left ? append(f, &none, "", *f->left + 1) : DGXP_OK;
    if (status != DGXP_OK) {
        return status;
    }
    *f->left -= size;
    *out = json_deep_copy(value);
    return *out ? DGXP_OK : px_error_memory("a workflow");
}

/* A text with its placeholders filled; one that is nothing but a placeholder takes its type. */
static dgxp_status fill_text(const filling *f, const char *text, json_t **out)
{
    const json_t *value = NULL;
    const size_t whole = match_placeholder(text);
    if (whole && text[whole + 2] == '\0') {
        const dgxp_status status = find_value(f, text + 1, whole, &value);
        return status == DGXP_OK ? copy_value(f, value, out) : status;
    }
    builder made = {0};
    dgxp_status status = append(f, &made, "", 0);
    for (const char *at = text; *at && status == DGXP_OK;) {
        const size_t name = match_placeholder(at);
        const size_t length = name ? name + 2 : 1 + strcspn(at + 1, "{");
        if (!name) {
            status = append(f, &made, at, length);
        } else {
            status = find_value(f, at + 1, name, &value);
            status = status == DGXP_OK ? append_value(f, &made, value) : status;
        }
        at += length;
    }
    if (status == DGXP_OK) {
        *out = px_json_string(made.text, made.size);
        status = *out ? DGXP_OK : px_error_memory("a workflow");
    }
    px_mem_free(made.text);
    return status;
}

static dgxp_status fill(const filling *f, const json_t *value, json_t **out)
{
    dgxp_status status = DGXP_OK;
    if (json_is_string(value)) {
        return fill_text(f, json_string_value(value), out);
    }
    if (json_is_object(value)) {
        const char *key;
        json_t *item, *made = json_object();
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            json_t *filled = NULL;
            status = status == DGXP_OK ? fill(f, item, &filled) : status;
            if (status == DGXP_OK && !px_json_put(made, key, filled)) {
                status = px_error_memory("a workflow");
            }
        }
        *out = made;
    } else if (json_is_array(value)) {
        size_t i;
        json_t *item, *made = json_array();
        json_array_foreach((json_t *)(uintptr_t)value, i, item)
        {
            json_t *filled = NULL;
            status = status == DGXP_OK ? fill(f, item, &filled) : status;
            if (status == DGXP_OK && !px_json_append(made, filled)) {
                status = px_error_memory("a workflow");
            }
        }
        *out = made;
    } else {
        *out = json_deep_copy(value);
    }
    if (status != DGXP_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

/* ----------------------------------------------------------------------------------- values */

/* The defaults, then what was given; given names that are no placeholder change the request. */
static dgxp_status collect_values(const char *where, json_t *document, const json_t *given,
                                  json_t **values)
{
    const char *name;
    json_t *entry, *value;
    json_t *declared = json_object_get(document, "values");
    json_t *request = json_object_get(document, "request");
    *values = json_object();
    json_object_foreach(declared, name, entry)
    {
        value = json_is_object(entry) ? json_object_get(entry, "default") : entry;
        if (value && !px_json_put(*values, name, json_incref(value))) {
            return px_error_memory("a workflow");
        }
    }
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        const bool known = json_object_get(declared, name) != NULL;
        if (!known && (!px_setting_find(name) || !json_is_object(request))) {
            char names[512] = "";
            json_object_foreach(declared, name, entry)
            {
                const size_t used = strlen(names);
                snprintf(names + used, sizeof names - used, " %s", name);
                if (used + 1 >= sizeof names) {
                    break;
                }
            }
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: has no value of that name; it has%s, and every field of a "
                                "request can be set",
                                where, *names ? names : " none");
        }
        if (!px_json_put(known ? *values : request, name, json_incref(value))) {
            return px_error_memory("a workflow");
        }
    }
    return DGXP_OK;
}

static dgxp_status check_document(const char *where, const json_t *document)
{
    static const char *const kinds[] = {"sprite", "animation", "tileset", "batch"};
    px_json root, request;
    const char *format = NULL;
    int64_t version = 0;
    int32_t kind = -1;
    dgxp_status status = px_json_root(where, document, &root);
    PX_NEXT(px_json_text(&root, "format", PX_JSON_REQUIRED, NAME_LIMIT, &format));
    if (status == DGXP_OK && strcmp(format, "dgx-pixels-workflow") != 0) {
        return px_json_refuse(&root, DGXP_ERR_BAD_FORMAT,
                              "is of format '%s': neither a workflow nor ComfyUI's API format",
                              format);
    }
    PX_NEXT(px_json_integer(&root, "version", PX_JSON_REQUIRED, 1, 1, &version));
    PX_NEXT(px_json_choice(&root, "kind", PX_JSON_REQUIRED, kinds, 4, &kind));
    PX_NEXT(px_json_object(&root, "request",
                           kind == PX_WORKFLOW_BATCH ? PX_JSON_OPTIONAL : PX_JSON_REQUIRED,
                           &request));
    return status;
}

/* A picture that ComfyUI painted carries its graph. */
static dgxp_status read_picture(const char *path, json_t **out)
{
    px_header header;
    json_t *graph = NULL;
    dgxp_status status = px_header_read(path, &header);
    const char *text = status == DGXP_OK ? dgxp_image_text(header.texts, "prompt") : NULL;
    text = status == DGXP_OK && !text ? dgxp_image_text(header.texts, "workflow") : text;
    if (status == DGXP_OK && !text) {
        status = px_error_set(
            DGXP_ERR_NOT_FOUND,
            "%s: has no text 'prompt' or 'workflow', where ComfyUI puts its graph%s", path,
            dgxp_image_text(header.texts, "dgx_pixels")
                ? "; it has a recipe of ours: dgx-pixels regen"
                : "");
    }
    status = status == DGXP_OK ? px_comfy_parse(path, text, strlen(text), &graph) : status;
    status = status == DGXP_OK ? px_comfy_import(path, graph, out) : status;
    json_decref(graph);
    px_header_free(&header);
    return status;
}

/* Reads either format; `*out` is a workflow with its placeholders. */
static dgxp_status read_document(const char *path, json_t **out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    json_t *graph = NULL;
    if (px_file_has_suffix(path, "png")) {
        return read_picture(path, out);
    }
    dgxp_status status = px_file_read(path, WORKFLOW_LIMIT, &bytes, &size);
    if (status != DGXP_OK) {
        return status;
    }
    status = px_comfy_parse(path, (const char *)bytes, size, &graph);
    if (status == DGXP_OK && px_comfy_is_graph(graph)) {
        status = px_comfy_import(path, graph, out);
    } else if (status == DGXP_OK) {
        status = px_json_parse(path, bytes, size, out);
    }
    json_decref(graph);
    px_mem_free(bytes);
    return status;
}

dgxp_status dgxp_workflow_load(const char *path, const char *values, dgxp_document **out)
{
    px_error_clear();
    json_t *document = NULL, *given = NULL, *filled = NULL, *collected = NULL;
    if (!path || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_workflow_load: %s is NULL",
                            path ? "out" : "path");
    }
    dgxp_status status = read_document(path, &document);
    status = status == DGXP_OK ? check_document(path, document) : status;
    if (status == DGXP_OK && values) {
        status = px_json_parse("the values", values, strlen(values), &given);
    }
    status = status == DGXP_OK ? collect_values(path, document, given, &collected) : status;
    if (status == DGXP_OK) {
        json_object_del(document, "values");
        size_t left = FILLED_LIMIT;
        const filling f = {path, collected, &left};
        status = fill(&f, document, &filled);
    }
    if (status == DGXP_OK) {
        const size_t length = (size_t)(px_file_name(path) - path);
        char *folder = px_mem_textn(path, length > 1 ? length - 1 : length);
        const bool fine = folder && px_json_put_text(filled, "folder", folder);
        px_mem_free(folder);
        status = fine ? px_json_document(json_incref(filled), out) : px_error_memory("a workflow");
    }
    json_decref(collected);
    json_decref(filled);
    json_decref(given);
    json_decref(document);
    return status;
}
