/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The formats of a manifest: where a record ends, and its fields as JSON. */
#include "batch/manifest_read.h"

#include "batch/csv.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "job/request.h"

#include <string.h>

/* The fields that say how a line is used, not what is painted. */
static bool is_own(const char *name)
{
    return strcmp(name, "count") == 0 || strcmp(name, "name") == 0;
}

static dgxp_status put_text(const char *where, json_t *fields, const char *name, const char *text)
{
    if (strcmp(name, "name") == 0) {
        return px_json_put(fields, name, px_json_string(text, strlen(text)))
                   ? DGXP_OK
                   : px_error_memory("a line");
    }
    if (strcmp(name, "count") == 0) {
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
        if (!json_is_integer(value)) {
            json_decref(value);
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: field 'count' is \"%.60s\": must be a whole number", where,
                                text);
        }
        return px_json_put(fields, name, value) ? DGXP_OK : px_error_memory("a line");
    }
    return px_request_put(where, fields, name, text);
}

/* ----------------------------------------------------------------------------------- text */

/* The next " --word" at or after `at`, with the word's place; NULL when there is none. */
static char *find_flag(char *at, char **name, char **value)
{
    while ((at = strstr(at, " --")) != NULL) {
        at += 3;
        if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z')) {
            *name = at;
            *value = at + strcspn(at, " =\t");
            return at - 3;
        }
    }
    return NULL;
}

/* A misspelt field would be painted as words. */
static dgxp_status check_flag(const char *where, const char *name)
{
    return px_setting_find(name) || is_own(name) || px_request_is_lora_weight(name)
               ? DGXP_OK
               : px_error_set(DGXP_ERR_BAD_FORMAT,
                              "%s: there is no field '--%.60s'; docs/batch.md lists "
                              "them; write \\--%.60s when the prompt itself says so",
                              where, name, name);
}

/* "\--" is "--" of the text itself. */
static void unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        in += strncmp(in, "\\--", 3) == 0;
        *out++ = *in;
    }
    *out = '\0';
}

static char *trim(char *text)
{
    size_t length;
    text += strspn(text, " \t\r");
    for (length = strlen(text); length && strchr(" \t\r", text[length - 1]); length--) {
    }
    text[length] = '\0';
    return text;
}

/* "a knight --steps 8 --negative-prompt blurry, dark" */
static dgxp_status parse_text(const char *where, char *line, json_t *fields)
{
    char *name = NULL, *value = NULL;
    char *flag = find_flag(line, &name, &value);
    dgxp_status status = DGXP_OK;
    while (flag && status == DGXP_OK) {
        char *next_name = NULL, *next_value = NULL;
        char *next = find_flag(value, &next_name, &next_value);
        *flag = '\0';
        if (next) {
            *next = '\0';
        }
        char *text = *value ? value + 1 : value;
        *value = '\0';
        text = trim(text);
        const size_t length = strlen(text);
        if (length > 1 && text[0] == '"' && text[length - 1] == '"') {
            text[length - 1] = '\0';
            text++;
        }
        unescape(text);
        status = check_flag(where, name);
        status = status == DGXP_OK ? put_text(where, fields, name, text) : status;
        if (next) {
            *next = ' '; /* cut again when it is its turn */
        }
        flag = next;
        name = next_name;
        value = next_value;
    }
    line = trim(line);
    unescape(line);
    if (status == DGXP_OK && *line) {
        status = px_json_put(fields, "subject", px_json_string(line, strlen(line)))
                     ? DGXP_OK
                     : px_error_memory("a line");
    }
    return status;
}

/* ------------------------------------------------------------------------------------ CSV */

/* Takes the next cell of a record in place; `*end` tells that it was the last. */
static char *next_cell(char **at, char separator, bool *end)
{
    char *cell = *at, *out = cell, *in = cell;
    px_csv_state state = PX_CSV_BEGIN;
    *end = true;
    for (px_csv_event event = PX_CSV_SKIP; *in && event != PX_CSV_CELL; in++) {
        event = px_csv_step(&state, separator, *in);
        if (event == PX_CSV_TAKE) {
            *out++ = *in;
        }
        *end = event != PX_CSV_CELL;
    }
    *at = in;
    *out = '\0';
    return cell;
}

static dgxp_status parse_csv(const px_manifest_text *manifest, const char *where, char *record,
                             json_t *fields)
{
    bool end = false;
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; !end && status == DGXP_OK; i++) {
        const char *cell = next_cell(&record, manifest->separator, &end);
        if (i >= manifest->column_count) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: has more cells than the header's %zu; a cell with %s "
                                "needs quotes around it",
                                where, manifest->column_count,
                                manifest->separator == ',' ? "commas" : "tabs");
        }
        if (*cell) { /* an empty cell leaves the default */
            status = put_text(where, fields, manifest->columns[i], cell);
        }
    }
    return status;
}

static dgxp_status add_column(px_manifest_text *manifest, size_t *capacity, char *cell)
{
    cell = trim(cell);
    if (!px_setting_find(cell) && !is_own(cell)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s:1: the header names a field '%.60s', which there is not; "
                            "`dgx-pixels batch` has help on them",
                            manifest->name, cell);
    }
    for (size_t i = 0; i < manifest->column_count; i++) {
        if (px_setting_find(cell) == px_setting_find(manifest->columns[i]) &&
            is_own(cell) == is_own(manifest->columns[i]) &&
            (!is_own(cell) || strcmp(cell, manifest->columns[i]) == 0)) {
            return px_error_set(DGXP_ERR_BAD_FORMAT, "%s:1: the header names '%s' twice",
                                manifest->name, cell);
        }
    }
    char *copy = px_mem_text(cell);
    if (!copy ||
        !px_mem_grow((void **)&manifest->columns, capacity, manifest->column_count, sizeof copy)) {
        px_mem_free(copy);
        return px_error_memory("a header");
    }
    manifest->columns[manifest->column_count++] = copy;
    return DGXP_OK;
}

/* An open quote would take the rest of the list into its cell. */
static dgxp_status check_quotes(const px_manifest_text *manifest)
{
    px_csv_state state = PX_CSV_BEGIN;
    int64_t line = 1, opened = 1;
    for (const char *at = manifest->text + manifest->body; *at; at++) {
        const px_csv_state before = state;
        px_csv_step(&state, manifest->separator, *at);
        opened = before == PX_CSV_BEGIN && state == PX_CSV_QUOTED ? line : opened;
        line += *at == '\n';
    }
    return state == PX_CSV_QUOTED
               ? px_error_set(DGXP_ERR_BAD_FORMAT,
                              "%s:%lld: the quote that opens a cell here is never closed; a "
                              "quote inside of quotes is written twice",
                              manifest->name, (long long)opened)
               : DGXP_OK;
}

static dgxp_status read_header(px_manifest_text *manifest)
{
    size_t at = 0, capacity = 0;
    int64_t line = 1;
    px_manifest_span span;
    bool end = false;
    if (!px_manifest_next(manifest, &at, &line, &span)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: is empty; the first line names the fields",
                            manifest->name);
    }
    char *record = px_mem_textn(manifest->text + span.at, span.length), *rest = record;
    dgxp_status status = record ? DGXP_OK : px_error_memory("a header");
    while (status == DGXP_OK && !end) {
        status = add_column(manifest, &capacity, next_cell(&rest, manifest->separator, &end));
    }
    px_mem_free(record);
    manifest->body = at;
    manifest->body_line = line;
    return status;
}

/* -------------------------------------------------------------------------------- records */

/* The separator when every word of the first line is a field and one says what to paint, else 0. */
static char find_header(const char *text)
{
    const char *const end = text + strcspn(text, "\r\n");
    const char separator = memchr(text, '\t', (size_t)(end - text)) ? '\t' : ',';
    bool paints = false;
    for (const char *at = text; at <= end;) {
        char word[64] = "";
        const char *stop = memchr(at, separator, (size_t)(end - at));
        stop = stop ? stop : end;
        const size_t length = (size_t)(stop - at);
        if (length >= sizeof word) {
            return 0;
        }
        memcpy(word, at, length);
        const char *name = trim(word);
        const size_t size = strlen(name);
        if (size > 1 && *name == '"' && name[size - 1] == '"') {
            word[(size_t)(name - word) + size - 1] = '\0';
            name++;
        }
        if (!px_setting_find(name) && !is_own(name)) {
            return 0;
        }
        paints = paints || strcmp(name, "subject") == 0 || strcmp(name, "prompt") == 0;
        at = stop + 1;
    }
    return paints ? separator : 0;
}

/* A JSON array's beginning: "[" and a value, which no prompt's [word] is. */
static bool is_array(const char *text)
{
    return *text == '[' && strchr("{[\"", text[1 + strspn(text + 1, " \t\r\n")]);
}

static dgxp_status tell_format(const char *name, const char *text, px_manifest_text *made)
{
    static const char *const others[] = {"yaml", "yml", "toml", "xml", "html", "md"};
    const bool lines = px_file_has_suffix(name, "jsonl") || px_file_has_suffix(name, "ndjson");
    const bool plain = px_file_has_suffix(name, "txt");
    const char header = find_header(text);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (px_file_has_suffix(name, others[i])) {
            return px_error_set(DGXP_ERR_UNSUPPORTED,
                                "%s: a list is text (.txt), JSON lines (.jsonl), CSV or TSV", name);
        }
    }
    if (is_array(text)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: is one JSON array; a list has an object on each line: "
                            "jq -c '.[]' makes them",
                            name);
    }
    if (px_file_has_suffix(name, "csv") || px_file_has_suffix(name, "tsv")) {
        made->format = PX_MANIFEST_CSV;
        made->separator = px_file_has_suffix(name, "csv") ? ',' : '\t';
    } else if (lines || px_file_has_suffix(name, "json") ||
               (!plain && text[0] == '{' && text[1] == '"')) {
        made->format = PX_MANIFEST_LINES;
    } else if (header && plain && text[strcspn(text, ",\t\n")] != '\n') {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s:1: names fields as the first line of %s does; name the file .%s",
                            name, header == ',' ? "CSV" : "TSV", header == ',' ? "csv" : "tsv");
    } else if (header && !plain) {
        made->format = PX_MANIFEST_CSV;
        made->separator = header;
    }
    return DGXP_OK;
}

dgxp_status px_manifest_open(const char *name, const char *text, size_t size, px_manifest_text *out)
{
    px_manifest_text made = {.name = name, .text = text, .size = size, .body_line = 1};
    if (strlen(text) != size) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: holds a NUL byte, so it is no text", name);
    }
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        made.body = 3; /* a byte order mark */
    }
    const char *const first = text + made.body;
    dgxp_status status = tell_format(name, first + strspn(first, " \t\r\n"), &made);
    if (status == DGXP_OK && made.format == PX_MANIFEST_CSV) {
        status = check_quotes(&made);
        status = status == DGXP_OK ? read_header(&made) : status;
    }
    if (status != DGXP_OK) {
        px_manifest_close(&made);
        return status;
    }
    *out = made;
    return DGXP_OK;
}

void px_manifest_close(px_manifest_text *manifest)
{
    for (size_t i = 0; i < manifest->column_count; i++) {
        px_mem_free(manifest->columns[i]);
    }
    px_mem_free(manifest->columns);
    *manifest = (px_manifest_text){0};
}

/* The end of the record at `at`: a line break, outside of CSV's quotes. */
static size_t find_end(const px_manifest_text *manifest, size_t at, int64_t *line)
{
    px_csv_state state = PX_CSV_BEGIN;
    for (; at < manifest->size; at++) {
        const char c = manifest->text[at];
        if (manifest->format == PX_MANIFEST_CSV
                ? px_csv_step(&state, manifest->separator, c) == PX_CSV_RECORD
                : c == '\n') {
            return at;
        }
        *line += c == '\n';
    }
    return at;
}

bool px_manifest_next(const px_manifest_text *manifest, size_t *at, int64_t *line,
                      px_manifest_span *out)
{
    if (*at < manifest->body) {
        *at = manifest->body;
        *line = manifest->body_line;
    }
    const char *const blank = manifest->separator == '\t' ? " \r" : " \t\r"; /* no cell's end */
    while (*at < manifest->size) {
        *out = (px_manifest_span){.at = *at, .line = *line};
        out->at += strspn(manifest->text + out->at, blank);
        size_t end = find_end(manifest, out->at, line);
        *at = end + 1;
        *line += 1;
        while (end > out->at && strchr(blank, manifest->text[end - 1])) {
            end--;
        }
        const bool comment = manifest->text[out->at] == '#' && manifest->format == PX_MANIFEST_TEXT;
        if (out->at < end && !comment) {
            out->length = end - out->at;
            return true;
        }
    }
    return false;
}

dgxp_status px_manifest_parse(const px_manifest_text *manifest, const px_manifest_span *span,
                              const char *where, json_t **out)
{
    const char *text = manifest->text + span->at;
    if (manifest->format == PX_MANIFEST_LINES) {
        const dgxp_status status = px_json_parse(where, text, span->length, out);
        if (status == DGXP_OK && !json_is_object(*out)) {
            json_decref(*out);
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: is not an object; write {\"subject\": \"…\"} on each line",
                                where);
        }
        return status;
    }
    char *copy = px_mem_textn(text, span->length);
    json_t *fields = json_object();
    dgxp_status status = copy && fields ? DGXP_OK : px_error_memory("a line");
    if (status == DGXP_OK) {
        status = manifest->format == PX_MANIFEST_CSV ? parse_csv(manifest, where, copy, fields)
                                                     : parse_text(where, copy, fields);
    }
    px_mem_free(copy);
    if (status != DGXP_OK) {
        json_decref(fields);
        return status;
    }
    *out = fields;
    return DGXP_OK;
}
