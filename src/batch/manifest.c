/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A list of wishes (text, JSON lines, CSV): which pictures it means, and in which batches. */
#include "batch/manifest.h"

#include "batch/content.h"
#include "batch/manifest_read.h"
#include "batch/matrix.h"
#include "batch/wildcard.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "job/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES_LIMIT = 10000000, COUNT_LIMIT = 10000, NAME_LIMIT = 200 };

#define SEED_MASK ((UINT64_C(1) << 53) - 1)

typedef struct line {
    uint64_t at;
    uint64_t content; /* what it says by itself; 0 when it is broken */
    uint32_t length;
    int32_t number; /* in the file, from 1 */
    int32_t first;  /* its first picture */
    int32_t place;  /* how many of equal content stand before it */
} line;

typedef struct group {
    int32_t first, count;
} group;

/* The group of a shape that still has room. */
typedef struct shape {
    uint64_t key; /* 0: an empty slot */
    int32_t group, last;
} shape;

typedef struct shapes {
    shape *slots;
    size_t count, capacity; /* capacity a power of two */
} shapes;

struct px_manifest {
    char *name, *folder, *text;
    char hash[PX_HASH_HEX];
    px_manifest_text source;
    px_matrix matrix;
    px_wildcards *wildcards;
    json_t *defaults;
    int32_t group_size;
    bool has_seed, tolerant;
    uint64_t seed;
    line *lines;
    int32_t line_count;
    int32_t *next; /* [picture]: the one that follows in its group, -1 at the end */
    int32_t picture_count;
    group *groups;
    int32_t group_count;
};

/* ----------------------------------------------------------------------------- one request */

typedef struct own_fields {
    int64_t count;
    const char *name; /* borrowed from the request */
} own_fields;

static char *make_where(const px_manifest *m, const line *at)
{
    return px_mem_format("%s:%d", m->name, at->number);
}

static dgxp_status read_own(const char *where, const json_t *fields, own_fields *out)
{
    px_json root;
    *out = (own_fields){1, NULL};
    dgxp_status status = px_json_root(where, fields, &root);
    if (status == DGXP_OK) {
        status = px_json_integer(&root, "count", PX_JSON_OPTIONAL, 1, COUNT_LIMIT, &out->count);
    }
    if (status == DGXP_OK) {
        status = px_json_text(&root, "name", PX_JSON_OPTIONAL, NAME_LIMIT, &out->name);
    }
    if (status == DGXP_OK && out->name &&
        (!*out->name || *out->name == '.' || strpbrk(out->name, "/\\\n\r\t:*?\"<>|"))) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: field 'name' is '%s': must be a plain file name, without folders",
                            where, out->name);
    }
    return status;
}

/* The line's fields over the defaults; `*out` is yours.  `content`, which may be NULL, is its own. */
static dgxp_status read_line(const px_manifest *m, const line *at, const char *where,
                             uint64_t *content, json_t **out)
{
    const px_manifest_span span = {(size_t)at->at, at->length, at->number};
    json_t *fields = NULL;
    const dgxp_status status = px_manifest_parse(&m->source, &span, where, &fields);
    if (status != DGXP_OK) {
        return status;
    }
    json_t *merged = px_request_merge(m->defaults, fields);
    if (content) {
        *content = px_content_hash(fields);
    }
    json_decref(fields);
    *out = merged;
    return merged ? DGXP_OK : px_error_memory("a line");
}

static void drop_own(json_t *request)
{
    json_object_del(request, "count");
    json_object_del(request, "name");
}

/* -------------------------------------------------------------------------------- grouping */

/* Equal keys share a batch: all that must agree, and which pictures there are. */
static dgxp_status make_key(const json_t *request, uint64_t *key)
{
    json_t *same = json_object();
    const char *name;
    json_t *value;
    bool fine = same != NULL;
    json_object_foreach((json_t *)(uintptr_t)request, name, value)
    {
        const px_setting *field = px_setting_find(name);
        if (field && !field->varies) {
            fine = fine && px_json_put(same, name, json_incref(value));
        }
    }
    fine = fine && px_json_put_boolean(same, "init", json_object_get(request, "init") != NULL) &&
           px_json_put_boolean(same, "mask", json_object_get(request, "mask") != NULL) &&
           px_json_put_boolean(same, "prompt", json_object_get(request, "prompt") != NULL);
    char *text = fine ? px_json_dump(same, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(same);
    if (!text) {
        return px_error_memory("a line");
    }
    px_hash hash;
    uint8_t digest[32];
    px_hash_begin(&hash);
    px_hash_add(&hash, text, strlen(text));
    px_hash_end(&hash, digest);
    memcpy(key, digest, sizeof *key);
    *key |= 1; /* never the empty slot's 0 */
    px_mem_free(text);
    return DGXP_OK;
}

static shape *find_slot(shapes *table, uint64_t key)
{
    size_t at = (size_t)(key >> 1) & (table->capacity - 1);
    while (table->slots[at].key && table->slots[at].key != key) {
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->slots[at];
}

static bool make_room(shapes *table)
{
    if (2 * table->count < table->capacity) {
        return true;
    }
    shapes larger = {.count = table->count, .capacity = table->capacity ? 2 * table->capacity : 64};
    larger.slots = px_mem_zero(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].key) {
            *find_slot(&larger, table->slots[i].key) = table->slots[i];
        }
    }
    px_mem_free(table->slots);
    *table = larger;
    return true;
}

typedef struct indexing {
    px_manifest *m;
    shapes shapes;
    px_contents contents;
    size_t lines, pictures, groups; /* capacities */
} indexing;

static dgxp_status add_picture(indexing *state, uint64_t key)
{
    px_manifest *m = state->m;
    const int32_t picture = m->picture_count;
    if (picture >= PICTURES_LIMIT) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: means more than %d pictures", m->name,
                            PICTURES_LIMIT);
    }
    if (!px_mem_grow((void **)&m->next, &state->pictures, (size_t)picture, sizeof *m->next) ||
        !make_room(&state->shapes)) {
        return px_error_memory("a list of pictures");
    }
    shape *slot = find_slot(&state->shapes, key);
    if (slot->key && m->groups[slot->group].count < m->group_size) {
        m->next[slot->last] = picture;
        m->groups[slot->group].count++;
    } else {
        if (!px_mem_grow((void **)&m->groups, &state->groups, (size_t)m->group_count,
                         sizeof *m->groups)) {
            return px_error_memory("a list of batches");
        }
        state->shapes.count += !slot->key;
        *slot = (shape){.key = key, .group = m->group_count};
        m->groups[m->group_count++] = (group){picture, 1};
    }
    slot->last = picture;
    m->next[picture] = -1;
    m->picture_count++;
    return DGXP_OK;
}

/* Checks a line in every combination and adds its pictures. */
static dgxp_status index_line(indexing *state, line *at, const char *where)
{
    px_manifest *m = state->m;
    json_t *request = NULL;
    own_fields own = {1, NULL};
    uint64_t *keys = px_mem_array((size_t)m->matrix.combinations, sizeof *keys);
    dgxp_status status =
        keys ? read_line(m, at, where, &at->content, &request) : px_error_memory("a line");
    if (status == DGXP_OK &&
        (!at->content || !px_content_place(&state->contents, at->content, &at->place))) {
        status = px_error_memory("a line");
    }
    status = status == DGXP_OK ? read_own(where, request, &own) : status;
    drop_own(request);
    for (int32_t i = 0; i < m->matrix.combinations && status == DGXP_OK; i++) {
        status = px_matrix_apply(&m->matrix, where, i, request);
        status = status == DGXP_OK ? px_request_check(where, request, NULL) : status;
        status = status == DGXP_OK ? make_key(request, &keys[i]) : status;
    }
    for (int64_t i = 0; i < own.count * m->matrix.combinations && status == DGXP_OK; i++) {
        status = add_picture(state, keys[i % m->matrix.combinations]);
    }
    json_decref(request);
    px_mem_free(keys);
    return status;
}

/* A fault of what a line says, not of the machine. */
static bool is_its_own(dgxp_status status)
{
    return status == DGXP_ERR_BAD_FORMAT || status == DGXP_ERR_NOT_FOUND ||
           status == DGXP_ERR_INVALID_ARGUMENT || status == DGXP_ERR_UNSUPPORTED ||
           status == DGXP_ERR_LIMIT;
}

static dgxp_status index_lines(indexing *state)
{
    px_manifest *m = state->m;
    size_t at = 0;
    int64_t number = 1;
    px_manifest_span span;
    dgxp_status status = DGXP_OK;
    while (status == DGXP_OK && px_manifest_next(&m->source, &at, &number, &span)) {
        line next = {.at = span.at,
                     .length = (uint32_t)span.length,
                     .number = (int32_t)span.line,
                     .first = m->picture_count};
        char *where = make_where(m, &next);
        if (!where ||
            !px_mem_grow((void **)&m->lines, &state->lines, (size_t)m->line_count, sizeof next)) {
            status = px_error_memory("a list of lines");
        } else {
            m->lines[m->line_count++] = next;
            const int32_t before = m->picture_count;
            status = index_line(state, &m->lines[m->line_count - 1], where);
            if (m->tolerant && is_its_own(status) && before == m->picture_count) {
                /* It fails when its turn comes, alone in its batch. */
                status = add_picture(state, (span.at << 1 | 1) ^ UINT64_C(0x5bd1e995a5a5a5a4));
            }
        }
        px_mem_free(where);
    }
    if (status == DGXP_OK && m->picture_count == 0) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: asks for nothing: it has no line", m->name);
    }
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two lines must not write one file. */
static dgxp_status check_names(const px_manifest *m)
{
    char **names = NULL;
    size_t count = 0, capacity = 0;
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < m->line_count && status == DGXP_OK; i++) {
        json_t *request = NULL;
        if (m->lines[i].length < 6 ||
            !memmem(m->text + m->lines[i].at, m->lines[i].length, "name", 4)) {
            if (m->source.format != PX_MANIFEST_CSV) {
                continue; /* says no name, so its number makes it unique */
            }
        }
        char *where = make_where(m, &m->lines[i]);
        if (!where || !px_mem_grow((void **)&names, &capacity, count, sizeof *names)) {
            status = px_error_memory("a list of names");
        } else if (read_line(m, &m->lines[i], where, NULL, &request) == DGXP_OK) {
            const char *name = json_string_value(json_object_get(request, "name"));
            if (name && (names[count] = px_mem_text(name)) != NULL) {
                count++;
            }
        }
        px_error_clear(); /* faults of lines were said before */
        json_decref(request);
        px_mem_free(where);
    }
    if (count > 1) {
        qsort(names, count, sizeof *names, compare_names);
    }
    for (size_t i = 1; i < count && status == DGXP_OK; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: two lines have the name '%s'", m->name,
                                  names[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        px_mem_free(names[i]);
    }
    px_mem_free(names);
    return status;
}

/* ---------------------------------------------------------------------------------- handle */

static dgxp_status set_up(px_manifest *m, const char *text, size_t size,
                          const px_manifest_params *params)
{
    const size_t folder = (size_t)(px_file_name(params->name) - params->name);
    m->name = px_mem_text(params->name);
    m->folder = px_mem_textn(params->name, folder > 1 ? folder - 1 : folder);
    m->text = px_mem_textn(text, size);
    m->defaults = params->defaults ? json_deep_copy(params->defaults) : json_object();
    char *beside = params->wildcards         ? px_mem_text(params->wildcards)
                   : m->folder && *m->folder ? px_file_join(m->folder, "wildcards")
                                             : px_mem_text("wildcards");
    dgxp_status status = m->name && m->folder && m->text && m->defaults && beside
                             ? DGXP_OK
                             : px_error_memory("a manifest");
    m->group_size = params->group;
    m->has_seed = params->has_seed;
    m->seed = params->seed;
    m->tolerant = params->tolerant;
    px_hash_bytes(text, size, m->hash);
    PX_NEXT(px_wildcards_create(beside, &m->wildcards));
    PX_NEXT(px_matrix_parse(params->matrix, params->matrix_count, &m->matrix));
    PX_NEXT(px_manifest_open(m->name, m->text, size, &m->source));
    px_mem_free(beside);
    return status;
}

dgxp_status px_manifest_create(const char *text, size_t size, const px_manifest_params *params,
                               px_manifest **out)
{
    px_manifest *m = px_mem_zero(1, sizeof *m);
    if (!m) {
        return px_error_memory("a manifest");
    }
    indexing state = {.m = m};
    dgxp_status status = set_up(m, text, size, params);
    status = status == DGXP_OK ? index_lines(&state) : status;
    status = status == DGXP_OK ? check_names(m) : status;
    px_mem_free(state.shapes.slots);
    px_contents_free(&state.contents);
    if (status != DGXP_OK) {
        px_manifest_free(m);
        return status;
    }
    *out = m;
    return DGXP_OK;
}

void px_manifest_free(px_manifest *m)
{
    if (!m) {
        return;
    }
    px_manifest_close(&m->source);
    px_matrix_free(&m->matrix);
    px_wildcards_free(m->wildcards);
    json_decref(m->defaults);
    px_mem_free(m->name);
    px_mem_free(m->folder);
    px_mem_free(m->text);
    px_mem_free(m->lines);
    px_mem_free(m->next);
    px_mem_free(m->groups);
    px_mem_free(m);
}

int32_t px_manifest_lines(const px_manifest *m)
{
    return m->line_count;
}

int32_t px_manifest_pictures(const px_manifest *m)
{
    return m->picture_count;
}

int32_t px_manifest_groups(const px_manifest *m)
{
    return m->group_count;
}

const char *px_manifest_hash(const px_manifest *m)
{
    return m->hash;
}

const char *px_manifest_folder(const px_manifest *m)
{
    return m->folder;
}

int32_t px_manifest_columns(const px_manifest *m)
{
    return px_matrix_columns(&m->matrix);
}

/* The last line whose first picture is not behind it. */
static int32_t find_line(const px_manifest *m, int32_t picture)
{
    int32_t low = 0, high = m->line_count - 1;
    while (low < high) {
        const int32_t middle = low + (high - low + 1) / 2;
        if (m->lines[middle].first <= picture) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

int64_t px_manifest_line(const px_manifest *m, int32_t picture)
{
    return m->lines[find_line(m, picture)].number;
}

char *px_manifest_where(const px_manifest *m, int32_t picture)
{
    return make_where(m, &m->lines[find_line(m, picture)]);
}

int32_t px_manifest_group(const px_manifest *m, int32_t index, int32_t pictures[PX_MANIFEST_GROUP])
{
    int32_t count = 0;
    for (int32_t at = m->groups[index].first; at >= 0 && count < PX_MANIFEST_GROUP;
         at = m->next[at]) {
        pictures[count++] = at;
    }
    return count;
}

/* ---------------------------------------------------------------------------------- wishes */

static dgxp_status make_choices(const px_manifest *m, const char *where, uint64_t seed,
                                json_t *request)
{
    static const char *const texts[] = {"subject", "prompt", "negative_prompt"};
    for (uint64_t i = 0; i < 3; i++) {
        const char *text = json_string_value(json_object_get(request, texts[i]));
        char *chosen = NULL;
        if (!text || !strpbrk(text, "\\{_")) {
            continue;
        }
        const dgxp_status status =
            px_wildcards_expand(m->wildcards, where, text, seed ^ (i << 61), &chosen);
        if (status != DGXP_OK) {
            return status;
        }
        const bool fine = px_json_put(request, texts[i], px_json_string(chosen, strlen(chosen)));
        px_mem_free(chosen);
        if (!fine) {
            return px_error_memory("a line");
        }
    }
    return DGXP_OK;
}

static char *make_name(const px_manifest *m, int32_t picture, int32_t within, bool several,
                       const char *given, const json_t *request)
{
    if (given) {
        const size_t length = strlen(given);
        const int stem =
            (int)(px_file_has_suffix(given, "png") && length > 4 ? length - 4 : length);
        return several ? px_mem_format("%.*s-%d.png", stem, given, within + 1)
                       : px_mem_format("%.*s.png", stem, given);
    }
    char slug[DGXP_SLUG_SIZE], hex[PX_HASH_HEX];
    const char *subject = json_string_value(json_object_get(request, "subject"));
    const char *prompt = json_string_value(json_object_get(request, "prompt"));
    char *text = px_json_dump(request, JSON_SORT_KEYS | JSON_COMPACT);
    if (!text) {
        return NULL;
    }
    int digits = 4;
    for (int32_t left = m->picture_count / 10000; left; left /= 10) {
        digits++;
    }
    dgxp_slug(subject ? subject : prompt, slug);
    px_hash_bytes(text, strlen(text), hex);
    px_mem_free(text);
    return px_mem_format("%0*d-%s-%.8s.png", digits, picture + 1, slug, hex);
}

dgxp_status px_manifest_wish(const px_manifest *m, int32_t picture, px_wish *out)
{
    const int32_t index = find_line(m, picture);
    const line *at = &m->lines[index];
    const int32_t within = picture - at->first;
    const int32_t repeat = within / m->matrix.combinations;
    own_fields own = {1, NULL};
    px_wish wish = {NULL, NULL, NULL};
    char *where = make_where(m, at), *name = NULL;
    dgxp_status status =
        where ? read_line(m, at, where, NULL, &wish.request) : px_error_memory("a line");
    status = status == DGXP_OK ? read_own(where, wish.request, &own) : status;
    if (status == DGXP_OK && own.name) {
        name = px_mem_text(own.name);
        status = name ? DGXP_OK : px_error_memory("a line");
    }
    drop_own(wish.request);
    if (status == DGXP_OK) {
        status = px_matrix_apply(&m->matrix, where, within % m->matrix.combinations, wish.request);
    }
    if (status == DGXP_OK) {
        const json_t *given = json_object_get(wish.request, "seed");
        const uint64_t seed =
            json_is_integer(given)
                ? ((uint64_t)json_integer_value(given) + (uint64_t)repeat) & SEED_MASK
                : px_content_seed(at->content, at->place, repeat, m->has_seed ? &m->seed : NULL);
        status = px_json_put_integer(wish.request, "seed", (int64_t)seed)
                     ? make_choices(m, where, seed, wish.request)
                     : px_error_memory("a line");
    }
    if (status == DGXP_OK) {
        const bool several = own.count * m->matrix.combinations > 1;
        wish.name = make_name(m, picture, within, several, name, wish.request);
        wish.label = px_matrix_label(&m->matrix, within % m->matrix.combinations);
        status = wish.name && wish.label ? DGXP_OK : px_error_memory("a line");
    }
    px_mem_free(name);
    px_mem_free(where);
    if (status != DGXP_OK) {
        px_wish_free(&wish);
        return status;
    }
    *out = wish;
    return DGXP_OK;
}

dgxp_status px_wish_hash(const px_wish *wish, char hex[PX_HASH_HEX])
{
    char *text = px_json_dump(wish->request, JSON_SORT_KEYS | JSON_COMPACT);
    if (!text) {
        return px_error_memory("a request");
    }
    px_hash_bytes(text, strlen(text), hex);
    px_mem_free(text);
    return DGXP_OK;
}

void px_wish_free(px_wish *wish)
{
    json_decref(wish->request);
    px_mem_free(wish->name);
    px_mem_free(wish->label);
    *wish = (px_wish){NULL, NULL, NULL};
}
