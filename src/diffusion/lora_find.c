/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Adapters by name: models/loras, then the model's own loras/. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"
#include "core/text.h"
#include "diffusion/adapters.h"
#include "diffusion/find.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH = 4, SHOWN = 12 };

typedef struct found {
    char *path;
    bool owned; /* by a model, in whose folder it lies */
} found;

typedef struct listing {
    found *items;
    size_t count, capacity;
    uint64_t (*seen)[2]; /* open addressing: device and inode of each file; 0, 0 is free */
    size_t room;         /* of `seen`, a power of two, at most half full */
    int depth;
    bool owned;  /* what is taken now */
    bool failed; /* memory ran out */
} listing;

static void free_listing(listing *list)
{
    for (size_t i = 0; i < list->count; i++) {
        px_mem_free(list->items[i].path);
    }
    px_mem_free(list->items);
    px_mem_free(list->seen);
}

static uint64_t *find_seen(uint64_t (*seen)[2], size_t room, const uint64_t file[2])
{
    size_t at = (size_t)((file[0] ^ file[1]) * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (room - 1);
    while ((seen[at][0] || seen[at][1]) && memcmp(seen[at], file, sizeof seen[at]) != 0) {
        at = (at + 1) & (room - 1);
    }
    return seen[at];
}

static bool widen_seen(listing *list)
{
    const size_t room = list->room ? 2 * list->room : 64;
    uint64_t (*larger)[2] = px_mem_zero(room, sizeof *larger);
    for (size_t i = 0; larger && i < list->room; i++) {
        if (list->seen[i][0] || list->seen[i][1]) {
            memcpy(find_seen(larger, room, list->seen[i]), list->seen[i], sizeof *larger);
        }
    }
    if (larger) {
        px_mem_free(list->seen);
        list->seen = larger;
        list->room = room;
    }
    return larger != NULL;
}

/* Folders are searched in more than one way: the same file counts once. */
static bool is_listed(listing *list, const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return true; /* a dangling link */
    }
    if (2 * (list->count + 1) > list->room && !widen_seen(list)) {
        list->failed = true;
        return true;
    }
    const uint64_t file[2] = {(uint64_t)about.st_dev + 1, (uint64_t)about.st_ino};
    uint64_t *place = find_seen(list->seen, list->room, file);
    const bool listed = place[0] || place[1];
    memcpy(place, file, sizeof file);
    return listed;
}

static bool take_entry(const char *path, void *user_data)
{
    listing *list = user_data;
    if (px_file_is_folder(path)) {
        if (list->depth < DEPTH) {
            list->depth++;
            px_find_entries(path, take_entry, list);
            list->depth--;
        }
        return false;
    }
    if (!px_file_has_suffix(path, "safetensors") || is_listed(list, path)) {
        return false;
    }
    char *copy = px_mem_text(path);
    if (!copy ||
        !px_mem_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items)) {
        px_mem_free(copy);
        list->failed = true;
        return true;
    }
    list->items[list->count++] = (found){.path = copy, .owned = list->owned};
    return false;
}

static void take_loras(const char *folder, listing *list)
{
    char *loras = px_file_join(folder, "loras");
    if (loras && px_file_is_folder(loras)) {
        px_find_entries(loras, take_entry, list);
    }
    list->failed = list->failed || !loras;
    px_mem_free(loras);
}

static bool take_models_folder(const char *folder, void *user_data)
{
    take_loras(folder, user_data);
    return false;
}

static bool take_bundle(const char *path, void *user_data)
{
    if (px_file_is_folder(path) && strcmp(px_file_name(path), "loras") != 0) {
        take_loras(path, user_data);
    }
    return false;
}

static bool take_bundles(const char *folder, void *user_data)
{
    px_find_entries(folder, take_bundle, user_data);
    return false;
}

static bool has_folder(const dgxp_model *model)
{
    return model && model->checkpoint->kind != PX_CHECKPOINT_FILE;
}

/* ------------------------------------------------------------------------------------ by name */

/* How well a file bears a name: 2 exactly, 1 but for case, 0 not. */
static int match(const char *path, const char *name)
{
    const char *file = px_file_name(path);
    const size_t length = strlen(file) - strlen(".safetensors");
    if (strlen(name) != length && px_text_compare(file, name, SIZE_MAX) != 0) {
        return 0;
    }
    return strncmp(file, name, length) == 0 ? 2 : px_text_compare(file, name, length) == 0 ? 1 : 0;
}

static bool contains(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; *text; text++) {
        if (px_text_compare(text, part, length) == 0) {
            return true;
        }
    }
    return false;
}

static void append_text(char *text, size_t size, const char *more)
{
    const size_t length = strlen(text);
    snprintf(text + length, size - length, "%s", more);
}

static dgxp_status refuse_ambiguous(const listing *list, const char *name, int quality)
{
    char text[700] = "";
    for (size_t i = 0; i < list->count; i++) {
        if (match(list->items[i].path, name) == quality) {
            append_text(text, sizeof text, *text ? ", " : "");
            append_text(text, sizeof text, list->items[i].path);
        }
    }
    return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                        "LoRA '%.100s' may be any of %s: give the path of one", name, text);
}

/* Names that contain what was asked for come first. */
static dgxp_status refuse_unknown(const listing *list, const char *name)
{
    char text[600] = "", where[300] = "";
    int shown = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < list->count && shown < SHOWN; i++) {
            const char *file = px_file_name(list->items[i].path);
            if (contains(file, name) == (round == 0)) {
                char one[128];
                snprintf(one, sizeof one, "%s%.*s", shown++ ? ", " : "",
                         (int)(strlen(file) - strlen(".safetensors")), file);
                append_text(text, sizeof text, one);
            }
        }
    }
    char *folders = px_search_describe(PX_SEARCH_MODELS);
    snprintf(where, sizeof where, "%s", folders ? folders : "the models folders");
    px_mem_free(folders);
    if (shown == 0) {
        return px_error_set(DGXP_ERR_NOT_FOUND,
                            "no LoRA '%.100s': there are none in loras/ of %s, nor beside the "
                            "model; give a path",
                            name, where);
    }
    return px_error_set(DGXP_ERR_NOT_FOUND,
                        "no LoRA '%.100s'; there are %s%s (see 'dgx-pixels "
                        "lora list'), or give a path",
                        name, text, list->count > (size_t)shown ? " …" : "");
}

static dgxp_status choose(const listing *list, const char *name, bool last, char **path)
{
    for (int quality = 2; quality > 0; quality--) {
        const char *chosen = NULL;
        for (size_t i = 0; i < list->count; i++) {
            if (match(list->items[i].path, name) != quality) {
                continue;
            }
            if (chosen) {
                return refuse_ambiguous(list, name, quality);
            }
            chosen = list->items[i].path;
        }
        if (chosen) {
            *path = px_mem_text(chosen);
            return *path ? DGXP_OK : px_error_memory("a path");
        }
    }
    return last ? refuse_unknown(list, name) : DGXP_OK;
}

dgxp_status px_lora_find(const char *name, const dgxp_model *model, char **path)
{
    listing list = {0};
    *path = NULL;
    /* A name never opens whatever file of the working folder happens to be called so. */
    if (strchr(name, '/') || (px_file_has_suffix(name, "safetensors") && px_file_exists(name))) {
        *path = px_mem_text(name);
        return *path ? DGXP_OK : px_error_memory("a path");
    }
    px_search_folders(PX_SEARCH_MODELS, take_models_folder, &list);
    dgxp_status status = list.failed ? px_error_memory("the list of adapters")
                                     : choose(&list, name, !has_folder(model), path);
    if (status == DGXP_OK && !*path) {
        take_loras(model->checkpoint->path, &list);
        status =
            list.failed ? px_error_memory("the list of adapters") : choose(&list, name, true, path);
    }
    free_listing(&list);
    return status;
}

dgxp_status dgxp_lora_load(const char *name_or_path, const dgxp_model *model, dgxp_lora **out)
{
    char *path = NULL;
    px_error_clear();
    if (!name_or_path || !*name_or_path || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_lora_load: needs a name or a path, and out");
    }
    dgxp_status status = px_lora_find(name_or_path, model, &path);
    if (status == DGXP_OK) {
        status = px_lora_open(path, model && model->no_mmap, out);
    }
    px_mem_free(path);
    return status;
}

/* ----------------------------------------------------------------------------------- the list */

/* models/starter/loras/nouns.safetensors belongs to "starter". */
static bool put_owner(json_t *entry, const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *loras = strstr(folder, "/loras/");
    if (!loras) {
        return true;
    }
    *loras = '\0';
    return px_json_put_text(entry, "model", px_file_name(folder));
}

static bool put_entry(json_t *list, const found *item, bool copy)
{
    json_t *entry = json_object();
    dgxp_lora *lora = NULL;
    char *name = px_mem_text(px_file_name(item->path));
    bool fine = name != NULL;
    if (name) {
        *strrchr(name, '.') = '\0';
    }
    fine = fine && px_json_put_text(entry, "name", name);
    if (fine && px_lora_open(item->path, copy, &lora) == DGXP_OK) {
        fine = px_json_put_text(entry, "base", lora->base.name) &&
               px_json_put_integer(entry, "modules", lora->module_count) &&
               px_json_put_integer(entry, "bytes", (int64_t)lora->file.st_size);
    } else if (fine) {
        fine = px_json_put_text(entry, "problem", dgxp_last_error());
        px_error_clear();
    }
    fine = fine && (!item->owned || put_owner(entry, item->path)) &&
           px_json_put_text(entry, "path", item->path);
    dgxp_lora_free(lora);
    px_mem_free(name);
    return px_json_append(list, entry) && fine;
}

dgxp_status dgxp_list_loras(const dgxp_model *model, dgxp_document **out)
{
    if (!out) {
        return px_error_begin("dgxp_list_loras", false, "out");
    }
    listing list = {0};
    px_error_clear();
    json_t *entries = json_array();
    px_search_folders(PX_SEARCH_MODELS, take_models_folder, &list);
    list.owned = true;
    if (has_folder(model)) {
        take_loras(model->checkpoint->path, &list);
    } else {
        px_search_folders(PX_SEARCH_MODELS, take_bundles, &list);
    }
    bool fine = !list.failed && entries;
    for (size_t i = 0; i < list.count && fine; i++) {
        fine = put_entry(entries, &list.items[i], model && model->no_mmap);
    }
    free_listing(&list);
    if (!fine) {
        json_decref(entries);
        entries = NULL;
    }
    return px_json_document(entries, out);
}
