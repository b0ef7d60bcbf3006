/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* {red|blue} alternatives and __colors__ wildcards in prompts, chosen by a seed. */
#include "batch/wildcard.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/rng.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum {
    FILE_LIMIT = 1 << 24,
    DEPTH_LIMIT = 16,
    TEXT_LIMIT = 1 << 20,
    NAME_LIMIT = 128,
    CHOICES_LIMIT = 10000,
    READ_LIMIT = 1 << 26
};

typedef struct wildcard {
    char *name, *text;  /* the file, its lines ended by NULs */
    const char **lines; /* those that count; borrowed from `text` */
    size_t count;
} wildcard;

struct px_wildcards {
    char *folder;
    pthread_mutex_t lock;
    wildcard *files;
    size_t count, capacity;
};

typedef struct expansion {
    px_wildcards *wildcards;
    const char *where;
    uint64_t seed;
    uint32_t choices; /* made so far: each has its own draw */
    size_t read;      /* bytes of texts and chosen lines that were walked through */
    char *text;
    size_t size, capacity;
} expansion;

dgxp_status px_wildcards_create(const char *folder, px_wildcards **out)
{
    px_wildcards *made = px_mem_zero(1, sizeof *made);
    char *copy = px_mem_text(folder);
    if (!made || !copy) {
        px_mem_free(made);
        px_mem_free(copy);
        return px_error_memory("the wildcards");
    }
    made->folder = copy;
    pthread_mutex_init(&made->lock, NULL);
    *out = made;
    return DGXP_OK;
}

void px_wildcards_free(px_wildcards *wildcards)
{
    if (!wildcards) {
        return;
    }
    for (size_t i = 0; i < wildcards->count; i++) {
        px_mem_free(wildcards->files[i].name);
        px_mem_free(wildcards->files[i].text);
        px_mem_free(wildcards->files[i].lines);
    }
    pthread_mutex_destroy(&wildcards->lock);
    px_mem_free(wildcards->files);
    px_mem_free(wildcards->folder);
    px_mem_free(wildcards);
}

/* --------------------------------------------------------------------------------- files */

static bool split_lines(wildcard *file)
{
    size_t capacity = 0;
    for (char *line = file->text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        line += strspn(line, " \t\r");
        for (size_t end = strlen(line); end && strchr(" \t\r", line[end - 1]); end--) {
            line[end - 1] = '\0';
        }
        if (!*line || *line == '#') {
            continue;
        }
        if (!px_mem_grow((void **)&file->lines, &capacity, file->count, sizeof *file->lines)) {
            return false;
        }
        file->lines[file->count++] = line;
    }
    return true;
}

static dgxp_status read_file(const px_wildcards *wildcards, const char *where, const char *name,
                             wildcard *out)
{
    size_t size;
    uint8_t *bytes = NULL;
    char *path = px_mem_format("%s/%s.txt", wildcards->folder, name);
    dgxp_status status = path ? DGXP_OK : px_error_memory("a path");
    if (path && !px_file_exists(path)) {
        status = px_error_set(DGXP_ERR_NOT_FOUND,
                              "%s: the wildcard __%s__ needs the file %s, which is not there; "
                              "write \\_\\_ for plain underscores",
                              where, name, path);
    }
    if (status == DGXP_OK) {
        status = px_file_read(path, FILE_LIMIT, &bytes, &size);
    }
    if (status == DGXP_OK) {
        *out = (wildcard){.name = px_mem_text(name), .text = (char *)bytes};
        if (!out->name || !split_lines(out)) {
            status = px_error_memory(path);
        } else if (out->count == 0) {
            status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: has no line to choose", path);
        }
    }
    if (status != DGXP_OK) {
        px_mem_free(out->name);
        px_mem_free(out->lines);
        px_mem_free(bytes);
    }
    px_mem_free(path);
    return status;
}

/* A copy, because the table may move while another thread reads. */
static dgxp_status find_file(px_wildcards *wildcards, const char *where, const char *name,
                             wildcard *out)
{
    dgxp_status status = DGXP_OK;
    wildcard found = {NULL, NULL, NULL, 0};
    pthread_mutex_lock(&wildcards->lock);
    for (size_t i = 0; i < wildcards->count && !found.name; i++) {
        found = strcmp(wildcards->files[i].name, name) == 0 ? wildcards->files[i] : found;
    }
    if (!found.name && !px_mem_grow((void **)&wildcards->files, &wildcards->capacity,
                                    wildcards->count, sizeof found)) {
        status = px_error_memory("the wildcards");
    } else if (!found.name) {
        status = read_file(wildcards, where, name, &found);
        if (status == DGXP_OK) {
            wildcards->files[wildcards->count++] = found;
        }
    }
    pthread_mutex_unlock(&wildcards->lock);
    *out = found;
    return status;
}

/* --------------------------------------------------------------------------------- choices */

static size_t choose(expansion *e, size_t count)
{
    const uint32_t key[2] = {(uint32_t)e->seed, (uint32_t)(e->seed >> 32)};
    const uint32_t counter[4] = {e->choices++, 0, 0, 0x77696c64}; /* apart from the noise's */
    uint32_t words[4];
    px_rng_philox(key, counter, words);
    return (size_t)(((uint64_t)words[0] * count) >> 32);
}

static dgxp_status append(expansion *e, const char *text, size_t length)
{
    if (length > TEXT_LIMIT - e->size) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: its choices grow longer than %d bytes", e->where,
                            TEXT_LIMIT);
    }
    while (e->size + length + 1 > e->capacity) {
        if (!px_mem_grow((void **)&e->text, &e->capacity, e->capacity, 1)) {
            return px_error_memory("a prompt");
        }
    }
    memcpy(e->text + e->size, text, length);
    e->size += length;
    e->text[e->size] = '\0';
    return DGXP_OK;
}

static bool is_escape(const char *at, const char *end)
{
    return *at == '\\' && at + 1 < end && strchr("{}|_\\", at[1]);
}

/* Where the brace that opens at `at` is closed, or NULL; `parts` counts what lies between. */
static const char *find_end(const char *at, const char *end, size_t *parts)
{
    size_t depth = 0;
    *parts = 1;
    for (; at < end; at++) {
        if (is_escape(at, end)) {
            at++;
        } else if (*at == '{') {
            depth++;
        } else if (*at == '}' && --depth == 0) {
            return at;
        } else if (*at == '|' && depth == 1) {
            ++*parts;
        }
    }
    return NULL;
}

/* Part `index` of the alternatives in [at, end). */
static void find_part(const char **at, const char **end, size_t index)
{
    size_t depth = 0;
    const char *begin = *at;
    for (const char *c = *at; c < *end; c++) {
        if (is_escape(c, *end)) {
            c++;
        } else if (*c == '{') {
            depth++;
        } else if (*c == '}') {
            depth--;
        } else if (*c == '|' && depth == 0) {
            if (index-- == 0) {
                *end = c;
                break;
            }
            begin = c + 1;
        }
    }
    *at = begin;
}

/* The length of a wildcard's name at `at`, behind its two underscores; 0 when it is none. */
static size_t match_name(const char *at, const char *end)
{
    size_t length = 0;
    while (at + length + 2 < end + 1 && length < NAME_LIMIT) {
        if (length && at[length] == '_' && at + length + 1 < end && at[length + 1] == '_') {
            return length;
        }
        const char c = at[length];
        const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                          (c == '/' && length && at[length - 1] != '/');
        if (at + length >= end || !fits) {
            return 0;
        }
        length++;
    }
    return 0;
}

static dgxp_status expand(expansion *e, const char *at, const char *end, int depth)
{
    dgxp_status status = DGXP_OK;
    if (depth > DEPTH_LIMIT) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: choices lie deeper in each other than %d: does a wildcard file "
                            "name itself?",
                            e->where, DEPTH_LIMIT);
    }
    /* Choices that come to nothing grow no text, so the work itself is bounded. */
    e->read += (size_t)(end - at);
    if (e->choices > CHOICES_LIMIT || e->read > READ_LIMIT) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: makes over %d choices, or reads over %d MiB to make them: do its "
                            "wildcard files name each other?",
                            e->where, CHOICES_LIMIT, READ_LIMIT >> 20);
    }
    while (at < end && status == DGXP_OK) {
        size_t length, parts;
        if (is_escape(at, end)) {
            status = append(e, at + 1, 1);
            at += 2;
        } else if (*at == '{') {
            const char *close = find_end(at, end, &parts);
            if (!close) {
                return px_error_set(DGXP_ERR_BAD_FORMAT,
                                    "%s: '{' is never closed; write \\{ for a plain brace",
                                    e->where);
            }
            const char *part = at + 1, *part_end = close;
            find_part(&part, &part_end, choose(e, parts));
            status = expand(e, part, part_end, depth + 1);
            at = close + 1;
        } else if (*at == '_' && at + 1 < end && at[1] == '_' &&
                   (length = match_name(at + 2, end)) > 0) {
            char name[NAME_LIMIT + 1] = "";
            wildcard file;
            memcpy(name, at + 2, length);
            status = find_file(e->wildcards, e->where, name, &file);
            if (status == DGXP_OK) {
                const char *line = file.lines[choose(e, file.count)];
                status = expand(e, line, line + strlen(line), depth + 1);
            }
            at += length + 4;
        } else {
            const char *next = at + 1;
            while (next < end && !strchr("\\{_", *next)) {
                next++;
            }
            status = append(e, at, (size_t)(next - at));
            at = next;
        }
    }
    return status;
}

dgxp_status px_wildcards_expand(px_wildcards *wildcards, const char *where, const char *text,
                                uint64_t seed, char **out)
{
    expansion e = {.wildcards = wildcards, .where = where, .seed = seed};
    dgxp_status status = append(&e, "", 0);
    status = status == DGXP_OK ? expand(&e, text, text + strlen(text), 0) : status;
    if (status != DGXP_OK) {
        px_mem_free(e.text);
        return status;
    }
    *out = e.text;
    return DGXP_OK;
}
