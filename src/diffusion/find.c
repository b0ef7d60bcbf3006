/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Models and programs by name: what lies in the models folders. */
#include "diffusion/find.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/search.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------------ walking the folders */

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

bool px_find_entries(const char *folder, px_find_visit visit, void *user_data)
{
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_visible, px_file_order);
    bool done = false;
    for (int i = 0; i < count; i++) {
        char *path = px_file_join(folder, entries[i]->d_name);
        done = done || (path && visit(path, user_data));
        px_mem_free(path);
        free(entries[i]); /* scandir's, so the system's free() */
    }
    if (count >= 0) {
        free(entries);
    }
    return done;
}

static bool has_file(const char *folder, const char *name)
{
    char *path = px_file_join(folder, name);
    const bool exists = path && px_file_exists(path);
    px_mem_free(path);
    return exists;
}

/* ------------------------------------------------------------------------------ a model's path */

typedef struct wanted {
    const char *name;
    char *path, *second; /* `second`: another file of that name */
} wanted;

/* A file, or a folder that says what it is: a folder of notes is passed over. */
static bool is_model(const char *path)
{
    return px_file_is_folder(path)
               ? has_file(path, "bundle.json") || has_file(path, "model_index.json")
               : px_file_exists(path);
}

static bool try_models_folder(const char *folder, void *user_data)
{
    static const char *const forms[] = {"%s/%s", "%s/checkpoints/%s",
                                        "%s/checkpoints/%s.safetensors", "%s/%s.safetensors"};
    wanted *want = user_data;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char path[4096];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        const int length = snprintf(path, sizeof path, forms[i], folder, want->name);
#pragma GCC diagnostic pop
        if (length > 0 && (size_t)length < sizeof path && is_model(path)) {
            want->path = px_mem_text(path);
            return true;
        }
    }
    return false;
}

enum { NESTED = 4 }; /* folders below checkpoints/ */

typedef struct tree {
    px_find_visit visit;
    void *user_data;
    int depth;
} tree;

static bool visit_tree(const char *path, void *user_data)
{
    const tree *at = user_data;
    if (!px_file_is_folder(path) || is_model(path)) {
        return at->visit(path, at->user_data);
    }
    tree below = {at->visit, at->user_data, at->depth + 1};
    return below.depth <= NESTED && px_find_entries(path, visit_tree, &below);
}

/* People sort their checkpoints into folders of their own. */
static bool visit_checkpoints(const char *folder, px_find_visit visit, void *user_data)
{
    tree at = {visit, user_data, 0};
    char *checkpoints = px_file_join(folder, "checkpoints");
    const bool done = checkpoints && px_file_is_folder(checkpoints) &&
                      px_find_entries(checkpoints, visit_tree, &at);
    px_mem_free(checkpoints);
    return done;
}

static bool try_nested(const char *path, void *user_data)
{
    wanted *want = user_data;
    const char *file = px_file_name(path);
    const size_t length = strlen(want->name);
    if (strncmp(file, want->name, length) == 0 &&
        (file[length] == '\0' || strcmp(file + length, ".safetensors") == 0)) {
        char **to = want->path ? &want->second : &want->path;
        *to = px_mem_text(path);
    }
    return want->second != NULL;
}

static bool try_nested_in(const char *folder, void *user_data)
{
    return visit_checkpoints(folder, try_nested, user_data);
}

/* A name that two files of different folders have says too little. */
static dgxp_status find_nested(wanted *want)
{
    px_search_folders(PX_SEARCH_MODELS, try_nested_in, want);
    if (!want->second) {
        return DGXP_OK;
    }
    const dgxp_status status =
        px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                     "the model '%s' is there twice, %s and %s: give the path of the one you mean",
                     want->name, want->path, want->second);
    px_mem_free(want->path);
    px_mem_free(want->second);
    return status;
}

dgxp_status px_find_model(const char *name, char **path)
{
    const bool is_default = !name || !*name;
    wanted want = {.name = is_default ? PX_FIND_DEFAULT : name};
    if (!is_default && (strchr(name, '/') || px_file_exists(name))) {
        want.path = px_mem_text(name);
        if (!want.path) {
            return px_error_memory("a path");
        }
    } else {
        px_search_folders(PX_SEARCH_MODELS, try_models_folder, &want);
        const dgxp_status status = want.path ? DGXP_OK : find_nested(&want);
        if (status != DGXP_OK) {
            return status;
        }
    }
    if (!want.path) {
        char *folders = px_search_describe(PX_SEARCH_MODELS);
        const dgxp_status status =
            px_error_set(DGXP_ERR_NOT_FOUND,
                         "no model '%s': not here, nor in %s; see 'dgx-pixels models', or "
                         "give a file as `model`",
                         want.name, folders ? folders : "the models folders");
        px_mem_free(folders);
        return status;
    }
    *path = want.path;
    return DGXP_OK;
}

typedef struct part {
    const char *kind, *name;
    char *path;
} part;

static bool try_part(const char *folder, void *user_data)
{
    part *want = user_data;
    for (int i = 0; i < 2 && !want->path; i++) {
        char *path =
            px_mem_format("%s/%s/%s%s", folder, want->kind, want->name, i ? ".safetensors" : "");
        if (path && (px_file_is_folder(path) || px_file_exists(path))) {
            want->path = path;
        } else {
            px_mem_free(path);
        }
    }
    return want->path != NULL;
}

dgxp_status px_find_named(const char *kind, const char *name, char **path)
{
    part want = {.kind = kind, .name = name};
    px_search_folders(PX_SEARCH_MODELS, try_part, &want);
    if (!want.path) {
        char *folders = px_search_describe(PX_SEARCH_MODELS);
        const dgxp_status status =
            px_error_set(DGXP_ERR_NOT_FOUND, "no file '%s' in %s/ of %s: put it there", name, kind,
                         folders ? folders : "the models folders");
        px_mem_free(folders);
        return status;
    }
    *path = want.path;
    return DGXP_OK;
}

dgxp_status px_find_part(const char *kind, const char *name, char **path)
{
    if (!strchr(name, '/') && !px_file_exists(name) && !px_file_is_folder(name)) {
        return px_find_named(kind, name, path);
    }
    *path = px_mem_text(name);
    return *path ? DGXP_OK : px_error_memory("a path");
}

/* ------------------------------------------------------------------------- a model's programs */

typedef struct match {
    const px_checkpoint *checkpoint;
    px_bundle *bundle;
    char why[256]; /* of the first that did not fit */
    int32_t seen;
    dgxp_status status;
} match;

static bool try_programs(const char *path, void *user_data)
{
    match *state = user_data;
    px_bundle *bundle = NULL;
    if (!has_file(path, "bundle.json")) {
        return false;
    }
    if (px_bundle_load(path, &bundle) != DGXP_OK) {
        px_log(DGXP_LOG_WARNING, "left out: %s", dgxp_last_error());
        px_error_clear();
        return false;
    }
    char why[sizeof state->why] = "";
    if (bundle->program_count > 0) {
        if (px_checkpoint_fits(state->checkpoint, bundle, why, sizeof why)) {
            state->bundle = bundle;
            return true;
        }
        if (state->seen++ == 0) {
            memcpy(state->why, why, sizeof why);
        }
    }
    px_bundle_free(bundle);
    return false;
}

static bool try_programs_in(const char *folder, void *user_data)
{
    return px_find_entries(folder, try_programs, user_data);
}

dgxp_status px_find_programs(const px_checkpoint *checkpoint, px_bundle **bundle, bool *own)
{
    *own = checkpoint->bundle && checkpoint->bundle->program_count > 0;
    if (*own) {
        *bundle = checkpoint->bundle;
        return DGXP_OK;
    }
    match state = {.checkpoint = checkpoint};
    px_search_folders(PX_SEARCH_MODELS, try_programs_in, &state);
    if (!state.bundle && state.seen == 0) {
        char *folders = px_search_describe(PX_SEARCH_MODELS);
        const dgxp_status status =
            px_error_set(DGXP_ERR_NOT_FOUND,
                         "no programs to run %s with: models/sdxl is in none of %s; install the "
                         "library whole, or set DGX_PIXELS_MODELS",
                         checkpoint->path, folders ? folders : "the models folders");
        px_mem_free(folders);
        return status;
    }
    if (!state.bundle) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: is of no architecture that there are programs for: %s",
                            checkpoint->path, state.why);
    }
    *bundle = state.bundle;
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------ the list */

static uint64_t weight_bytes(const px_checkpoint *checkpoint)
{
    uint64_t bytes = 0;
    for (int32_t s = 0; s < checkpoint->set_count; s++) {
        for (int32_t f = 0; f < px_safetensors_file_count(checkpoint->sets[s]); f++) {
            bytes += px_safetensors_map(checkpoint->sets[s], f)->size;
        }
    }
    return bytes;
}

/* Whether two ways lead to one place. */
static bool is_same(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* What --model takes to mean this one: its name, unless that finds another before it. */
static char *name_model(const char *path, bool folder)
{
    char *name = px_mem_text(px_file_name(path)), *found = NULL;
    if (name && !folder) {
        *strrchr(name, '.') = '\0';
    }
    if (name && px_find_model(name, &found) == DGXP_OK && !is_same(found, path)) {
        px_mem_free(name);
        name = px_mem_text(path);
    }
    px_error_clear();
    px_mem_free(found);
    return name;
}

/* The same folder may be searched twice, by two ways to it. */
static bool is_listed(const json_t *list, const char *path)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        if (is_same(json_string_value(json_object_get(entry, "path")), path)) {
            return true;
        }
    }
    return false;
}

static bool append_model(const char *path, void *list)
{
    px_checkpoint *checkpoint = NULL;
    const bool folder = px_file_is_folder(path);
    if (folder ? !has_file(path, "bundle.json") && !has_file(path, "model_index.json")
               : !px_file_has_suffix(path, "safetensors")) {
        return false;
    }
    if (is_listed(list, path)) {
        return false;
    }
    if (px_checkpoint_open(path, NULL, &checkpoint) != DGXP_OK) {
        px_error_clear(); /* a folder of programs, or something that is no model */
        return false;
    }
    static const char *const kinds[] = {"checkpoint", "diffusers folder", "bundle"};
    char *name = name_model(path, folder);
    json_t *entry = json_object();
    const px_bundle *bundle = checkpoint->bundle;
    const int64_t mebibytes = (int64_t)(weight_bytes(checkpoint) >> 20);
    const bool ok =
        px_json_put_text(entry, "name", name) &&
        px_json_put_text(entry, "kind", kinds[checkpoint->kind]) &&
        px_json_put_boolean(entry, "default", name && strcmp(name, PX_FIND_DEFAULT) == 0) &&
        px_json_put_text(entry, "license", bundle ? bundle->license : NULL) &&
        px_json_put_integer(entry, "weights_mib", mebibytes) &&
        px_json_put_text(entry, "path", path);
    if (ok) {
        json_array_append(list, entry);
    }
    json_decref(entry);
    px_mem_free(name);
    px_checkpoint_free(checkpoint);
    return false;
}

static bool append_models_in(const char *folder, void *list)
{
    px_find_entries(folder, append_model, list);
    visit_checkpoints(folder, append_model, list);
    return false;
}

dgxp_status dgxp_list_models(dgxp_document **out)
{
    if (!out) {
        return px_error_begin("dgxp_list_models", false, "out");
    }
    px_error_clear();
    json_t *list = json_array();
    px_search_folders(PX_SEARCH_MODELS, append_models_in, list);
    return px_json_document(list, out);
}
