/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a picture says about its making: A1111's `parameters` and our own `dgx_pixels`. */
#include "image/metadata.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "image/image.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NEGATIVE "Negative prompt:"

typedef struct span {
    const char *at;
    size_t length;
} span;

/* --------------------------------------------------------------------------------- reading */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static span trim(span s)
{
    while (s.length && is_space(s.at[0])) {
        s.at++;
        s.length--;
    }
    while (s.length && is_space(s.at[s.length - 1])) {
        s.length--;
    }
    return s;
}

/* Where a quoted value ends (behind its quote), or 0: a quote, one or more characters or escapes, a
 * quote. */
static size_t match_quoted(span s)
{
    if (s.length < 3 || s.at[0] != '"') {
        return 0;
    }
    size_t i = 1;
    while (i < s.length && s.at[i] != '"') {
        i += s.at[i] == '\\' ? 2 : 1;
    }
    return i > 1 && i < s.length ? i + 1 : 0;
}

/*
 * Finds the next `Name: value,` as A1111's own pattern does:
 *   \s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)
 * and moves `rest` behind it.
 */
static bool match_field(span *rest, span *name, span *value)
{
    for (size_t start = 0; start < rest->length; start++) {
        size_t i = start;
        if (!is_word(rest->at[i])) {
            continue;
        }
        while (i < rest->length && (is_word(rest->at[i]) || strchr(" -/", rest->at[i]))) {
            i++;
        }
        if (i == rest->length || rest->at[i] != ':' || i - start < 2) {
            start = i - start < 2 ? start : i - 1; /* no name can begin inside this run */
            continue;
        }
        *name = (span){rest->at + start, i - start};
        i++;
        while (i < rest->length && is_space(rest->at[i])) {
            i++;
        }
        const size_t begin = i;
        const size_t quoted = match_quoted((span){rest->at + i, rest->length - i});
        if (quoted && (i + quoted == rest->length || rest->at[i + quoted] == ',')) {
            i += quoted;
        } else {
            while (i < rest->length && rest->at[i] != ',') {
                i++;
            }
        }
        *value = (span){rest->at + begin, i - begin};
        i += i < rest->length;
        *rest = (span){rest->at + i, rest->length - i};
        return true;
    }
    return false;
}

static json_t *unquote(span value)
{
    if (value.length > 1 && value.at[0] == '"' && value.at[value.length - 1] == '"') {
        json_t *text = json_loadb(value.at, value.length, JSON_DECODE_ANY, NULL);
        if (json_is_string(text)) {
            return text;
        }
        json_decref(text);
    }
    return px_json_string(value.at, value.length);
}

static bool read_fields(span line, json_t *fields)
{
    span name, value;
    while (match_field(&line, &name, &value)) {
        json_t *key = px_json_string(name.at, name.length); /* repairs what is not UTF-8 */
        const bool done = key && px_json_put(fields, json_string_value(key), unquote(value));
        json_decref(key);
        if (!done) {
            return false;
        }
    }
    return true;
}

static bool has_fields(span line)
{
    span name, value;
    for (int i = 0; i < 3; i++) {
        if (!match_field(&line, &name, &value)) {
            return false;
        }
    }
    return true;
}

dgxp_status px_metadata_parse(const char *text, json_t **out)
{
    const span all = trim((span){text, strlen(text)});
    size_t last = all.length;
    while (last && all.at[last - 1] != '\n') {
        last--;
    }
    span body = all, line = {all.at + last, all.length - last};
    if (has_fields(line)) {
        body.length = last;
    } else {
        line.length = 0;
    }
    json_t *root = json_object(), *fields = json_object();
    char *parts = px_mem_zero(2, all.length + 2); /* prompt, then negative prompt */
    bool enough = root && fields && parts;
    if (enough) {
        char *part = parts;
        size_t used = 0;
        bool negative = false;
        while (body.length) {
            const char *end = memchr(body.at, '\n', body.length);
            const size_t length = end ? (size_t)(end - body.at) : body.length;
            span row = trim((span){body.at, length});
            if (row.length >= strlen(NEGATIVE) && !memcmp(row.at, NEGATIVE, strlen(NEGATIVE))) {
                row = trim((span){row.at + strlen(NEGATIVE), row.length - strlen(NEGATIVE)});
                part = parts + all.length + 2;
                used = negative ? used : 0;
                negative = true;
            }
            if (used) {
                part[used++] = '\n';
            }
            memcpy(part + used, row.at, row.length);
            used += row.length;
            body.at += length + (end != NULL);
            body.length -= length + (end != NULL);
        }
        enough = px_json_put_text(root, "prompt", parts) &&
                 px_json_put_text(root, "negative_prompt", parts + all.length + 2) &&
                 read_fields(line, fields) && px_json_put(root, "fields", json_incref(fields));
    }
    px_mem_free(parts);
    json_decref(fields);
    if (!enough) {
        json_decref(root);
        return px_error_memory("the parameters of an image");
    }
    *out = root;
    return DGXP_OK;
}

dgxp_status dgxp_parameters_parse(const char *text, dgxp_document **out)
{
    px_error_clear();
    json_t *root = NULL;
    if (!text || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_parameters_parse: %s is NULL",
                            text ? "out" : "text");
    }
    if (strlen(text) > PX_IMAGE_TEXT_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "dgxp_parameters_parse: the text has %zu bytes, the limit is %zu",
                            strlen(text), PX_IMAGE_TEXT_MAX);
    }
    const dgxp_status status = px_metadata_parse(text, &root);
    return status ? status : px_json_document(root, out);
}

/* --------------------------------------------------------------------------------- writing */

/* One value as A1111 writes it, in a new string. */
static char *quote(const json_t *value)
{
    if (!json_is_string(value)) {
        return json_is_true(value)    ? px_mem_text("True")
               : json_is_false(value) ? px_mem_text("False")
               : json_is_integer(value)
                   ? px_mem_format("%" JSON_INTEGER_FORMAT, json_integer_value(value))
                   : px_mem_format("%.10g", json_number_value(value));
    }
    const char *text = json_string_value(value);
    if (!strpbrk(text, ",:\n")) {
        return px_mem_text(text);
    }
    char *dumped = px_json_dump(value, JSON_ENCODE_ANY);
    char *copy = dumped ? px_mem_text(dumped) : NULL;
    px_mem_free(dumped);
    return copy;
}

dgxp_status px_metadata_format(const json_t *parameters, char **out)
{
    const char *prompt = json_string_value(json_object_get(parameters, "prompt"));
    const char *negative = json_string_value(json_object_get(parameters, "negative_prompt"));
    char *text = px_mem_format("%s%s%s", prompt ? prompt : "",
                               negative && *negative ? "\n" NEGATIVE " " : "",
                               negative && *negative ? negative : "");
    const char *name;
    json_t *value;
    bool first = true;
    json_object_foreach(json_object_get(parameters, "fields"), name, value)
    {
        if (!text || json_is_null(value) || json_is_object(value) || json_is_array(value)) {
            continue;
        }
        char *quoted = quote(value);
        char *longer =
            quoted ? px_mem_format("%s%s%s: %s", text, first ? "\n" : ", ", name, quoted) : NULL;
        px_mem_free(quoted);
        px_mem_free(text);
        text = longer;
        first = false;
    }
    if (!text) {
        return px_error_memory("the parameters of an image");
    }
    *out = text;
    return DGXP_OK;
}

dgxp_status px_metadata_write(dgxp_image *image, const json_t *parameters, const json_t *recipe)
{
    dgxp_status status = DGXP_OK;
    char *text = NULL;
    if (parameters) {
        status = px_metadata_format(parameters, &text);
        status = status ? status : px_image_set_text(image, PX_METADATA_PARAMETERS, text);
        px_mem_free(text);
    }
    if (recipe && !status) {
        text = px_json_print(recipe);
        status = text ? px_image_set_text(image, PX_METADATA_RECIPE, text)
                      : px_error_memory("the recipe of an image");
        px_mem_free(text);
    }
    return status;
}

dgxp_status px_metadata_recipe(const dgxp_image *image, json_t **out)
{
    const char *text = dgxp_image_text(image, PX_METADATA_RECIPE);
    if (!text) {
        return px_error_set(DGXP_ERR_NOT_FOUND, "the image has no text '%s', so no recipe",
                            PX_METADATA_RECIPE);
    }
    return px_json_parse("the image's " PX_METADATA_RECIPE, text, strlen(text), out);
}

dgxp_status dgxp_image_recipe(const dgxp_image *image, dgxp_document **out)
{
    px_error_clear();
    json_t *recipe = NULL;
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_recipe: %s is NULL",
                            image ? "out" : "image");
    }
    const dgxp_status status = px_metadata_recipe(image, &recipe);
    return status == DGXP_OK ? px_json_document(recipe, out) : status;
}
