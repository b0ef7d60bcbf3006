/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Documents of the library for people: "key: value" lines, nested by indentation. */
#include "cli/cli.h"

#include <jansson.h>
#include <string.h>

const char *cli_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_value(const char *key, json_t *value, int depth);

static void print_scalar(json_t *value)
{
    if (json_is_string(value)) {
        const char *text = json_string_value(value); /* a long one is no sentence */
        fputs(strlen(text) < 4096 ? cli_plain(text) : text, stdout);
    } else {
        json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    }
}

static bool all_scalars(json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (json_is_object(item) || json_is_array(item)) {
            return false;
        }
    }
    return true;
}

static void print_object(json_t *object, int depth)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        print_value(key, value, depth);
    }
}

static void print_list(json_t *list, int depth)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (json_is_object(item)) {
            printf("%*s-\n", depth * 2, "");
            print_object(item, depth + 1);
        } else {
            print_value("-", item, depth);
        }
    }
}

/* "canvas_multiple" reads as "canvas multiple". */
static void print_key(const char *key, int depth)
{
    printf("%*s", depth * 2, "");
    for (; *key; key++) {
        putchar(*key == '_' ? ' ' : *key);
    }
}

static void print_value(const char *key, json_t *value, int depth)
{
    print_key(key, depth);
    if (json_is_object(value)) {
        puts(":");
        print_object(value, depth + 1);
    } else if (json_is_array(value) && !all_scalars(value)) {
        puts(":");
        print_list(value, depth + 1);
    } else if (json_is_array(value)) {
        fputs(": ", stdout);
        for (size_t i = 0; i < json_array_size(value); i++) {
            fputs(i ? ", " : "", stdout);
            print_scalar(json_array_get(value, i));
        }
        putchar('\n');
    } else {
        fputs(": ", stdout);
        print_scalar(value);
        putchar('\n');
    }
}

void cli_print_document(const dgxp_document *document, bool json)
{
    const char *text = dgxp_document_text(document);
    json_t *root = json ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
    if (json_is_object(root)) {
        print_object(root, 0);
    } else if (json_is_array(root)) {
        print_list(root, 0);
    } else {
        puts(text);
    }
    json_decref(root);
}

void cli_print_json(json_t *value, bool json)
{
    if (json) {
        json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
        putchar('\n');
    } else {
        print_object(value, 0);
    }
}

int cli_show_document(dgxp_status status, dgxp_document *document, bool json)
{
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    cli_print_document(document, json);
    dgxp_document_free(document);
    return CLI_OK;
}
