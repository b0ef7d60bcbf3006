/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where presets lie, and what there is: kinds, and below them styles, speeds and fields. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"
#include "job/preset.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { PRESET_LIMIT = 1 << 18, NAME_LIMIT = 64, HELP_LIMIT = 1024 };

static const struct {
    const char *folder, *name;
} groups[PX_PRESET_GROUPS] = {
    [PX_PRESET_KIND] = {"", "kind"},
    [PX_PRESET_STYLE] = {"styles/", "style"},
    [PX_PRESET_SPEED] = {"speeds/", "speed"},
    [PX_PRESET_FIELD] = {"fields/", "field"},
};

/* Names become file names: letters, digits and '-' only. */
static bool is_name(const char *name)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= NAME_LIMIT && name[length] == '\0';
}

/* ------------------------------------------------------------------------------------- walking */

typedef dgxp_status (*preset_visit)(px_preset_group group, const char *path, void *user_data);

typedef struct walk {
    px_preset_group group;
    preset_visit visit;
    void *user_data;
    dgxp_status status;
} walk;

static bool visit_folder(const char *folder, void *user_data)
{
    walk *state = user_data;
    struct dirent **entries;
    char *inside = px_file_join(folder, groups[state->group].folder);
    const int count = inside ? scandir(inside, &entries, px_file_is_json, px_file_order) : -1;
    for (int i = 0; i < count; i++) {
        char *path = px_file_join(inside, entries[i]->d_name);
        if (state->status == DGXP_OK) {
            state->status = path ? state->visit(state->group, path, state->user_data)
                                 : px_error_memory("the list of presets");
        }
        px_mem_free(path);
        free(entries[i]); /* scandir's, so the system's free() */
    }
    if (count >= 0) {
        free(entries);
    }
    px_mem_free(inside);
    return state->status != DGXP_OK;
}

static dgxp_status visit_presets(px_preset_group group, const char *folder, preset_visit visit,
                                 void *user_data)
{
    walk state = {.group = group, .visit = visit, .user_data = user_data};
    if (folder) {
        visit_folder(folder, &state);
    }
    px_search_folders(PX_SEARCH_PRESETS, visit_folder, &state);
    return state.status;
}

/* Appends the preset's name, taken from its file's name, unless an earlier folder had it. */
static dgxp_status append_name(px_preset_group group, const char *path, void *user_data)
{
    json_t *names = user_data;
    const char *file = px_file_name(path);
    char *name = px_mem_textn(file, strlen(file) - strlen(".json"));
    const bool fits =
        name && (json_object_get(names, name) || px_json_put_text(names, name, groups[group].name));
    px_mem_free(name);
    return fits ? DGXP_OK : px_error_memory("the list of presets");
}

char *px_preset_names(px_preset_group group, const char *folder)
{
    json_t *names = json_object(), *value;
    const char *name;
    char *text = px_mem_text("");
    visit_presets(group, folder, append_name, names);
    json_object_foreach(names, name, value)
    {
        char *longer = text ? px_mem_format("%s%s%s", text, *text ? ", " : "", name) : NULL;
        px_mem_free(text);
        text = longer;
    }
    json_decref(names);
    return text;
}

/* ------------------------------------------------------------------------------------- loading */

static char *find_path(px_preset_group group, const char *name, const char *folder)
{
    char *file = px_mem_format("%s%s.json", groups[group].folder, name), *path = NULL;
    if (file && folder) {
        path = px_file_join(folder, file);
        if (path && !px_file_exists(path)) {
            px_mem_free(path);
            path = NULL;
        }
    }
    if (file && !path) {
        path = px_search_find(PX_SEARCH_PRESETS, file);
    }
    px_mem_free(file);
    return path;
}

static dgxp_status check_head(const char *path, const char *wanted, const json_t *document)
{
    px_json root;
    int64_t format = 0;
    const char *name = NULL, *help = NULL;
    dgxp_status status = px_json_root(path, document, &root);
    PX_NEXT(px_json_integer(&root, "format", PX_JSON_REQUIRED, 1, 1, &format));
    PX_NEXT(px_json_text(&root, "name", PX_JSON_REQUIRED, NAME_LIMIT, &name));
    PX_NEXT(px_json_text(&root, "help", PX_JSON_REQUIRED, HELP_LIMIT, &help));
    if (status == DGXP_OK && strcmp(name, wanted) != 0) {
        status =
            px_json_refuse(&root, DGXP_ERR_BAD_FORMAT,
                           "is called '%s'; a preset has the name of its file, '%s'", name, wanted);
    }
    return status;
}

dgxp_status px_preset_load(px_preset_group group, const char *name, const char *folder, char **path,
                           json_t **document)
{
    char *found = is_name(name) ? find_path(group, name, folder) : NULL;
    if (!found) {
        char *names = px_preset_names(group, folder);
        const dgxp_status status =
            px_error_set(DGXP_ERR_NOT_FOUND, "no %s '%.80s'; there are: %s",
                         group == PX_PRESET_KIND ? "preset" : groups[group].name, name,
                         names && *names ? names : "none at all");
        px_mem_free(names);
        return status;
    }
    json_t *read = NULL;
    dgxp_status status = px_json_load(found, PRESET_LIMIT, &read);
    if (status == DGXP_OK) {
        status = check_head(found, name, read);
    }
    if (status == DGXP_OK && json_object_get(json_object_get(read, "export"), "nine_slice")) {
        status =
            px_error_set(DGXP_ERR_BAD_FORMAT,
                         "%s: has the field 'export.nine_slice'; it is the setting 'panel' of a "
                         "section now",
                         found);
    }
    if (status != DGXP_OK) {
        json_decref(read);
        px_mem_free(found);
        return status;
    }
    *path = found;
    *document = read;
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------- listing */

static dgxp_status append_preset(px_preset_group group, const char *path, void *user_data)
{
    json_t *document = NULL;
    const char *file = px_file_name(path);
    char *name = px_mem_textn(file, strlen(file) - strlen(".json"));
    dgxp_status status =
        name ? px_json_load(path, PRESET_LIMIT, &document) : px_error_memory("the list of presets");
    if (status == DGXP_OK) {
        status = check_head(path, name, document);
    }
    if (status == DGXP_OK) {
        px_json_put_text(document, "group", groups[group].name);
        px_json_put_text(document, "path", path);
        px_json_append(user_data, json_incref(document));
    }
    json_decref(document);
    px_mem_free(name);
    return status;
}

dgxp_status dgxp_list_presets(dgxp_document **out)
{
    if (!out) {
        return px_error_begin("dgxp_list_presets", false, "out");
    }
    px_error_clear();
    json_t *list = json_array();
    dgxp_status status = DGXP_OK;
    for (int group = 0; group < PX_PRESET_GROUPS && status == DGXP_OK; group++) {
        status = visit_presets((px_preset_group)group, NULL, append_preset, list);
    }
    if (status != DGXP_OK) {
        json_decref(list);
        return status;
    }
    return px_json_document(list, out);
}

/* Every field of a kind with its help, values and default, from the fields' own files. */
static dgxp_status describe_fields(const char *folder, json_t *document)
{
    const char *name;
    json_t *preset, *fields = json_object_get(document, "fields"), *described = json_object();
    dgxp_status status = DGXP_OK;
    json_object_foreach(fields, name, preset)
    {
        char *path = NULL;
        json_t *field = NULL;
        if (status == DGXP_OK) {
            status = px_preset_load(PX_PRESET_FIELD, name, folder, &path, &field);
        }
        if (status == DGXP_OK) {
            json_object_del(field, "format");
            json_object_del(field, "name");
            px_json_put(field, "default", json_incref(preset));
            px_json_put(described, name, json_incref(field));
        }
        json_decref(field);
        px_mem_free(path);
    }
    px_json_put(document, "fields", described);
    return status;
}

static bool put_names(json_t *document, const char *key, px_preset_group group, const char *folder)
{
    json_t *list = json_array();
    char *names = px_preset_names(group, folder);
    for (const char *at = names; at && *at;) {
        const size_t length = strcspn(at, ",");
        px_json_append(list, px_json_string(at, length));
        at += length;
        at += strspn(at, ", ");
    }
    px_mem_free(names);
    return px_json_put(document, key, list);
}

dgxp_status dgxp_preset_describe(const char *name, const char *folder, dgxp_document **out)
{
    px_error_clear();
    char *path = NULL;
    json_t *document = NULL;
    int group = PX_PRESET_KIND;
    if (!name) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_preset_describe: the name is NULL");
    }
    for (int other = PX_PRESET_STYLE; other < PX_PRESET_FIELD && is_name(name); other++) {
        char *there = find_path(PX_PRESET_KIND, name, folder);
        char *here = there ? NULL : find_path((px_preset_group)other, name, folder);
        group = here ? other : group;
        px_mem_free(there);
        px_mem_free(here);
    }
    dgxp_status status = px_preset_load((px_preset_group)group, name, folder, &path, &document);
    if (status == DGXP_OK && group == PX_PRESET_KIND) {
        status = describe_fields(folder, document);
        put_names(document, "styles", PX_PRESET_STYLE, folder);
        put_names(document, "speeds", PX_PRESET_SPEED, folder);
    }
    if (status == DGXP_OK) {
        px_json_put_text(document, "group", groups[group].name);
        px_json_put_text(document, "path", path);
    }
    px_mem_free(path);
    if (status != DGXP_OK) {
        json_decref(document);
        return status;
    }
    return px_json_document(document, out);
}
