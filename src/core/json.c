/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON on jansson: bounded parsing, fields whose errors name their path, documents. */
#include "core/json.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/number.h"
#include "core/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* jansson recurses up to 2,048 levels; ours are counted before it sees the text. */
static dgxp_status check_depth(const char *file, const char *text, size_t size)
{
    size_t line = 1, depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        line += c == '\n';
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > PX_JSON_DEPTH) {
                return px_error_set(DGXP_ERR_LIMIT,
                                    "%s:%zu: arrays and objects are nested deeper than %d", file,
                                    line, PX_JSON_DEPTH);
            }
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        }
    }
    return DGXP_OK;
}

dgxp_status px_json_parse(const char *file, const void *text, size_t size, json_t **out)
{
    json_error_t error;
    *out = NULL;
    const dgxp_status status = check_depth(file, text, size);
    if (status != DGXP_OK) {
        return status;
    }
    /* Any value parses, so that "this is a number" can be said by whoever wanted an object. */
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value) {
        return json_error_code(&error) == json_error_out_of_memory
                   ? px_error_memory(file)
                   : px_error_set(DGXP_ERR_BAD_FORMAT, "%s:%d: not valid JSON: %s", file,
                                  error.line > 0 ? error.line : 1, error.text);
    }
    *out = value;
    return DGXP_OK;
}

dgxp_status px_json_load(const char *path, size_t limit, json_t **out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = NULL;
    dgxp_status status = px_file_read(path, limit, &bytes, &size);
    if (status == DGXP_OK) {
        status = px_json_parse(path, bytes, size, out);
        px_mem_free(bytes);
    }
    return status;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    default:
        return "null";
    }
}

dgxp_status px_json_refuse(const px_json *at, dgxp_status status, const char *sentence, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, sentence);
    px_number_vprint(text, sizeof text, sentence, arguments);
    va_end(arguments);
    if (!at->path[0]) {
        return px_error_set(status, "%s: the document %s", at->file, text);
    }
    return px_error_set(status, "%s: field '%s' %s", at->file, at->path, text);
}

static dgxp_status refuse_type(const px_json *at, const char *wanted)
{
    return px_json_refuse(at, DGXP_ERR_BAD_FORMAT, "is %s; it must be %s", type_name(at->value),
                          wanted);
}

dgxp_status px_json_root(const char *file, const json_t *value, px_json *out)
{
    *out = (px_json){.file = file, .value = value};
    return json_is_object(value) ? DGXP_OK : refuse_type(out, "an object");
}

/* Into a separate `out`: callers may hand in the parent itself. */
static px_json describe_member(const px_json *parent, const char *key)
{
    px_json out = {.file = parent->file};
    snprintf(out.path, sizeof out.path, "%.100s%s%.50s", parent->path, parent->path[0] ? "." : "",
             key);
    out.value = json_object_get(parent->value, key);
    out.value = json_is_null(out.value) ? NULL : out.value;
    return out;
}

static dgxp_status find_member(const px_json *parent, const char *key, px_json_need need,
                               px_json *out)
{
    *out = describe_member(parent, key);
    if (!out->value && need == PX_JSON_REQUIRED) {
        return px_json_refuse(out, DGXP_ERR_BAD_FORMAT, "is missing");
    }
    return DGXP_OK;
}

dgxp_status px_json_integer(const px_json *parent, const char *key, px_json_need need, int64_t low,
                            int64_t high, int64_t *out)
{
    px_json at;
    const dgxp_status status = find_member(parent, key, need, &at);
    if (status != DGXP_OK || !at.value) {
        return status;
    }
    if (!json_is_integer(at.value)) {
        return refuse_type(&at, "an integer");
    }
    const int64_t value = json_integer_value(at.value);
    if (value < low || value > high) {
        return px_json_refuse(&at, DGXP_ERR_BAD_FORMAT, "is %lld; it must be %lld to %lld",
                              (long long)value, (long long)low, (long long)high);
    }
    *out = value;
    return DGXP_OK;
}

static dgxp_status take_number(const px_json *at, double low, double high, double *out)
{
    if (!json_is_number(at->value)) {
        return refuse_type(at, "a number");
    }
    const double value = json_number_value(at->value);
    if (!(value >= low && value <= high)) {
        return px_json_refuse(at, DGXP_ERR_BAD_FORMAT, "is %g; it must be %g to %g", value, low,
                              high);
    }
    *out = value;
    return DGXP_OK;
}

dgxp_status px_json_number(const px_json *parent, const char *key, px_json_need need, double low,
                           double high, double *out)
{
    px_json at;
    const dgxp_status status = find_member(parent, key, need, &at);
    return status != DGXP_OK || !at.value ? status : take_number(&at, low, high, out);
}

dgxp_status px_json_boolean(const px_json *parent, const char *key, px_json_need need, bool *out)
{
    px_json at;
    const dgxp_status status = find_member(parent, key, need, &at);
    if (status != DGXP_OK || !at.value) {
        return status;
    }
    if (!json_is_boolean(at.value)) {
        return refuse_type(&at, "true or false");
    }
    *out = json_is_true(at.value);
    return DGXP_OK;
}

dgxp_status px_json_text(const px_json *parent, const char *key, px_json_need need, size_t limit,
                         const char **out)
{
    px_json at;
    const dgxp_status status = find_member(parent, key, need, &at);
    if (status != DGXP_OK || !at.value) {
        return status;
    }
    if (!json_is_string(at.value)) {
        return refuse_type(&at, "text");
    }
    if (json_string_length(at.value) > limit) {
        return px_json_refuse(&at, DGXP_ERR_LIMIT, "has %zu bytes; the limit is %zu",
                              json_string_length(at.value), limit);
    }
    *out = json_string_value(at.value);
    return DGXP_OK;
}

dgxp_status px_json_choice(const px_json *parent, const char *key, px_json_need need,
                           const char *const *names, int32_t count, int32_t *out)
{
    px_json at;
    char list[256] = "";
    const dgxp_status status = find_member(parent, key, need, &at);
    if (status != DGXP_OK || !at.value) {
        return status;
    }
    for (int32_t i = 0; i < count; i++) {
        const size_t used = strlen(list);
        if (json_is_string(at.value) && strcmp(json_string_value(at.value), names[i]) == 0) {
            *out = i;
            return DGXP_OK;
        }
        snprintf(list + used, sizeof list - used, "%s\"%s\"", i ? ", " : "", names[i]);
    }
    if (!json_is_string(at.value)) {
        return px_json_refuse(&at, DGXP_ERR_BAD_FORMAT, "is %s; it must be one of %s",
                              type_name(at.value), list);
    }
    return px_json_refuse(&at, DGXP_ERR_BAD_FORMAT, "is \"%.60s\"; it must be one of %s",
                          json_string_value(at.value), list);
}

dgxp_status px_json_named(const px_json *parent, const char *key, px_json_need need,
                          const dgxp_choice *choices, int32_t count, int32_t *out)
{
    const char **names = px_mem_array((size_t)count + 1, sizeof *names);
    int32_t index = -1;
    if (!names) {
        return px_error_memory(key);
    }
    for (int32_t i = 0; i < count; i++) {
        names[i] = choices[i].name;
    }
    const dgxp_status status = px_json_choice(parent, key, need, names, count, &index);
    if (status == DGXP_OK && index >= 0) {
        *out = choices[index].value;
    }
    px_mem_free(names);
    return status;
}

static bool is_known(const char *name, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(known[i], name) == 0) {
            return true;
        }
    }
    return false;
}

dgxp_status px_json_only(const px_json *object, const char *what, const char *const *known,
                         size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object->value, name, value)
    {
        if (!is_known(name, known, count)) {
            char list[512] = "";
            for (size_t i = 0; i < count; i++) {
                const size_t used = strlen(list);
                snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
            }
            return px_json_refuse(object, DGXP_ERR_BAD_FORMAT,
                                  "has the unknown %s '%.60s'; there are %s", what, name, list);
        }
    }
    return DGXP_OK;
}

dgxp_status px_json_object(const px_json *parent, const char *key, px_json_need need, px_json *out)
{
    px_json at;
    dgxp_status status = find_member(parent, key, need, &at);
    if (status == DGXP_OK && at.value && !json_is_object(at.value)) {
        status = refuse_type(&at, "an object");
    }
    at.value = status == DGXP_OK ? at.value : NULL;
    *out = at;
    return status;
}

dgxp_status px_json_array(const px_json *parent, const char *key, px_json_need need, size_t limit,
                          px_json *out)
{
    px_json at;
    dgxp_status status = find_member(parent, key, need, &at);
    if (status == DGXP_OK && at.value && !json_is_array(at.value)) {
        status = refuse_type(&at, "an array");
    } else if (status == DGXP_OK && json_array_size(at.value) > limit) {
        status = px_json_refuse(&at, DGXP_ERR_LIMIT, "has %zu elements; the limit is %zu",
                                json_array_size(at.value), limit);
    }
    at.value = status == DGXP_OK ? at.value : NULL;
    *out = at;
    return status;
}

dgxp_status px_json_numbers(const px_json *parent, const char *key, px_json_need need, size_t count,
                            double *out)
{
    px_json array;
    dgxp_status status = px_json_array(parent, key, need, count, &array);
    if (status != DGXP_OK || !array.value) {
        return status;
    }
    if (px_json_count(&array) != count) {
        return px_json_refuse(&array, DGXP_ERR_BAD_FORMAT, "has %zu elements; it must have %zu",
                              px_json_count(&array), count);
    }
    for (size_t i = 0; status == DGXP_OK && i < count; i++) {
        const px_json element = px_json_element(&array, i);
        status = take_number(&element, -HUGE_VAL, HUGE_VAL, &out[i]);
    }
    return status;
}

size_t px_json_count(const px_json *array)
{
    return json_array_size(array->value);
}

px_json px_json_element(const px_json *array, size_t index)
{
    px_json out = {.file = array->file, .value = json_array_get(array->value, index)};
    snprintf(out.path, sizeof out.path, "%.140s[%zu]", array->path, index);
    return out;
}

dgxp_status px_json_element_object(const px_json *array, size_t index, px_json *out)
{
    *out = px_json_element(array, index);
    return json_is_object(out->value) ? DGXP_OK : refuse_type(out, "an object");
}

json_t *px_json_string(const char *text, size_t size)
{
    json_t *value = json_stringn(text, size);
    if (value) {
        return value;
    }
    char *repaired = px_mem_array(size + 1, 3);
    if (!repaired) {
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        const size_t length = px_text_character(text + i, size - i);
        memcpy(repaired + used, length ? text + i : "\xef\xbf\xbd", length ? length : 3);
        used += length ? length : 3;
        i += length ? length : 1;
    }
    value = json_stringn(repaired, used);
    px_mem_free(repaired);
    return value;
}

bool px_json_put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

bool px_json_put_text(json_t *object, const char *key, const char *text)
{
    return px_json_put(object, key, text ? px_json_string(text, strlen(text)) : json_null());
}

bool px_json_put_integer(json_t *object, const char *key, int64_t value)
{
    return px_json_put(object, key, json_integer(value));
}

bool px_json_put_number(json_t *object, const char *key, double value)
{
    return px_json_put(object, key, isfinite(value) ? json_real(value) : json_null());
}

bool px_json_put_boolean(json_t *object, const char *key, bool value)
{
    return px_json_put(object, key, json_boolean(value));
}

bool px_json_append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

char *px_json_print_as(const json_t *value, size_t flags)
{
    return px_json_dump(value,
                        flags | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

char *px_json_dump(const json_t *value, size_t flags)
{
    const size_t size = json_dumpb(value, NULL, 0, flags);
    char *text = size ? px_mem_alloc(size + 1) : NULL;
    if (text) {
        text[json_dumpb(value, text, size, flags)] = '\0';
    }
    return text;
}

char *px_json_print(const json_t *value)
{
    return px_json_print_as(value, JSON_COMPACT);
}
