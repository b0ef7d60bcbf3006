/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON documents for callers: as text, and value by value, so that no parser is needed. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/number.h"

#include <string.h>

struct dgxp_document {
    json_t *value;
    char *text;
};

dgxp_status px_json_document(json_t *value, dgxp_document **out)
{
    if (!out) {
        json_decref(value);
        return px_error_begin("a call that makes a document", false, "out");
    }
    dgxp_document *document = value ? px_mem_zero(1, sizeof *document) : NULL;
    if (document) {
        document->value = json_incref(value);
        document->text = px_json_print_as(value, JSON_INDENT(2));
    }
    json_decref(value);
    if (!document || !document->text) {
        dgxp_document_free(document);
        return px_error_memory("a JSON document");
    }
    *out = document;
    return DGXP_OK;
}

const char *dgxp_document_text(const dgxp_document *document)
{
    return document ? document->text : NULL;
}

void dgxp_document_free(dgxp_document *document)
{
    if (document) {
        json_decref(document->value);
        px_mem_free(document->text);
        px_mem_free(document);
    }
}

/* ------------------------------------------------------------------------------ value by value */

/* "[12]" behind `*at`, which is moved on; NULL when there is no such element. */
static const json_t *take_element(const json_t *array, const char **at)
{
    const char *digit = *at + 1;
    size_t index = 0;
    for (; *digit >= '0' && *digit <= '9' && index < 100000000; digit++) {
        index = index * 10 + (size_t)(*digit - '0');
    }
    if (digit == *at + 1 || *digit != ']') {
        return NULL;
    }
    *at = digit + 1;
    return json_array_get(array, index);
}

/* "name" up to the next dot or bracket. */
static const json_t *take_field(const json_t *object, const char **at)
{
    const size_t length = strcspn(*at, ".[");
    const json_t *found = json_object_getn(object, *at, length);
    *at += length;
    return found;
}

/* The value at a path, "files[0].path"; "" is the whole. */
static dgxp_status find_value(const dgxp_document *document, const char *path, const char *call,
                              const void *out, const json_t **found)
{
    px_error_clear();
    if (!document || !path || !out) {
        return px_error_begin(call, false, "a document, a path and out");
    }
    const json_t *value = document->value;
    for (const char *at = path; *at && value;) {
        if (*at == '[') {
            value = take_element(value, &at);
        } else {
            at += *at == '.' && at != path;
            value = take_field(value, &at);
        }
    }
    if (!value) {
        return px_error_set(DGXP_ERR_NOT_FOUND, "the document has nothing at '%.200s'", path);
    }
    *found = value;
    return DGXP_OK;
}

static dgxp_status refuse(const char *path, const char *wanted)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT, "the document has no %s at '%.200s'", wanted, path);
}

dgxp_status dgxp_document_number(const dgxp_document *document, const char *path, double *out)
{
    const json_t *value = NULL;
    const dgxp_status status = find_value(document, path, "dgxp_document_number", out, &value);
    if (status != DGXP_OK) {
        return status;
    }
    if (!json_is_number(value) && !json_is_boolean(value)) {
        return refuse(path, "number");
    }
    *out = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
    return DGXP_OK;
}

dgxp_status dgxp_document_string(const dgxp_document *document, const char *path, const char **out)
{
    const json_t *value = NULL;
    const dgxp_status status = find_value(document, path, "dgxp_document_string", out, &value);
    if (status != DGXP_OK) {
        return status;
    }
    if (!json_is_string(value)) {
        return refuse(path, "text");
    }
    *out = json_string_value(value);
    return DGXP_OK;
}

dgxp_status dgxp_document_count(const dgxp_document *document, const char *path, int32_t *out)
{
    const json_t *value = NULL;
    const dgxp_status status = find_value(document, path, "dgxp_document_count", out, &value);
    if (status != DGXP_OK) {
        return status;
    }
    if (!json_is_array(value) && !json_is_object(value)) {
        return refuse(path, "list and no object");
    }
    *out = (int32_t)(json_is_array(value) ? json_array_size(value) : json_object_size(value));
    return DGXP_OK;
}

dgxp_status dgxp_number_parse(const char *text, double *out)
{
    const dgxp_status status = px_error_begin("dgxp_number_parse", text && out, "text and out");
    return status != DGXP_OK ? status
           : px_number_parse(text, out)
               ? DGXP_OK
               : px_error_set(DGXP_ERR_BAD_FORMAT, "'%s' is no number: write 2.5, -1 or 1e-3",
                              text);
}
