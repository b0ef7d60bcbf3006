/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgx-pixels.json: a game's defaults and wished-for assets (docs/project.md has the format). */
#include "game/settings.h"

#include "core/beneath.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "flow/workflow.h"
#include "image/still.h"
#include "job/preset.h"
#include "job/request.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 16 << 20, WISHES_LIMIT = 65536, TEXT_LIMIT = 4096, SIDE_LIMIT = 16384 };

static const char *const fields[] = {"format",  "model",  "defaults",     "folders",
                                     "presets", "assets", "assets_folder"};

static dgxp_status check_folders(const px_json *root)
{
    px_json folders;
    const char *kind;
    json_t *value;
    dgxp_status status = px_json_object(root, "folders", PX_JSON_OPTIONAL, &folders);
    json_object_foreach((json_t *)(uintptr_t)folders.value, kind, value)
    {
        const char *folder = "";
        if (status == DGXP_OK) {
            status = px_json_text(&folders, kind, PX_JSON_REQUIRED, PX_BENEATH_PATH_MAX, &folder);
        }
        if (status == DGXP_OK && px_beneath_check(folder, true) != DGXP_OK) {
            status = px_json_refuse(&folders, DGXP_ERR_BAD_FORMAT,
                                    "has '%.200s' for %s; it must be a folder inside assets/",
                                    folder, kind);
        }
    }
    return status;
}

/* A name stays a name; a path that is relative begins at the project. */
static dgxp_status read_model(const px_project *project, const px_json *root, char **out)
{
    const char *model = NULL;
    dgxp_status status = px_json_text(root, "model", PX_JSON_OPTIONAL, TEXT_LIMIT, &model);
    if (status == DGXP_OK && model) {
        *out = *model == '/' || !strchr(model, '/') ? px_mem_text(model)
                                                    : px_file_join(project->folder, model);
        status = *out ? DGXP_OK : px_error_memory("a path");
    }
    return status;
}

static dgxp_status read_presets(const px_project *project, const px_json *root, char **out)
{
    const char *folder = "presets";
    dgxp_status status = px_json_text(root, "presets", PX_JSON_OPTIONAL, TEXT_LIMIT, &folder);
    if (status == DGXP_OK) {
        char *path = *folder == '/' ? px_mem_text(folder) : px_file_join(project->folder, folder);
        status = path ? DGXP_OK : px_error_memory("a path");
        if (path && px_file_is_folder(path)) {
            *out = path;
        } else {
            px_mem_free(path);
        }
    }
    return status;
}

/* -------------------------------------------------------------------------------------- wishes */

/* The same path always gets the same seed, so that a build can be repeated anywhere. */
static int64_t derive_seed(const char *path)
{
    px_hash hash;
    uint8_t digest[32];
    int64_t seed = 0;
    px_hash_begin(&hash);
    px_hash_add(&hash, path, strlen(path));
    px_hash_end(&hash, digest);
    for (int i = 0; i < 6; i++) {
        seed = seed << 8 | digest[i];
    }
    return seed;
}

/* What the presets say about it, for two models and all others: an edited preset makes it anew. */
static bool add_presets(px_hash *hash, const json_t *request, const char *folder)
{
    static const char *const models[] = {NULL, "sdxl", "starter"};
    const px_preset_want want = {.kind = json_string_value(json_object_get(request, "kind")),
                                 .subject = "",
                                 .style = json_string_value(json_object_get(request, "style")),
                                 .speed = json_string_value(json_object_get(request, "speed")),
                                 .folder = folder};
    const bool presets = want.kind || want.style || want.speed;
    for (size_t i = 0; presets && i < sizeof models / sizeof *models; i++) {
        json_t *settings = NULL;
        char *text = px_preset_expand(models[i], &want, &settings) == DGXP_OK
                         ? px_json_dump(settings, JSON_COMPACT | JSON_SORT_KEYS)
                         : NULL;
        json_decref(settings);
        if (!text) {
            return false;
        }
        px_hash_add(hash, text, strlen(text));
        px_mem_free(text);
    }
    return true;
}

static dgxp_status hash_wish(const px_settings *settings, px_wish *wish)
{
    /* as it is written: the path that it becomes hangs on where the project lies */
    const char *model = json_string_value(json_object_get(settings->document, "model"));
    uint8_t digest[32];
    px_hash hash;
    char *text = px_json_dump(wish->request, JSON_COMPACT | JSON_SORT_KEYS);
    px_hash_begin(&hash);
    bool fits = text != NULL;
    if (fits) {
        px_hash_add(&hash, text, strlen(text) + 1);
        if (wish->workflow) {
            char *how = px_json_dump(wish->workflow, JSON_COMPACT | JSON_SORT_KEYS);
            fits = how != NULL;
            px_hash_add(&hash, how ? how : "", how ? strlen(how) + 1 : 0);
            px_mem_free(how);
        }
        if (model) {
            px_hash_add(&hash, model, strlen(model));
        }
        px_hash_add(&hash, &wish->tile_width, sizeof wish->tile_width);
        px_hash_add(&hash, &wish->tile_height, sizeof wish->tile_height);
        px_hash_add(&hash, wish->array ? "array" : "", wish->array ? 6 : 0);
        px_hash_add(&hash, wish->from ? wish->from : "", wish->from ? strlen(wish->from) : 0);
        fits = fits && add_presets(&hash, wish->request, settings->presets);
    }
    px_hash_end(&hash, digest);
    px_hash_hex(digest, wish->hash);
    memcpy(wish->made_from, wish->hash, sizeof wish->hash);
    px_mem_free(text);
    return fits ? DGXP_OK : px_error_memory("a wish");
}

static dgxp_status read_tile(const px_json *entry, px_wish *wish)
{
    double tile[2] = {0, 0};
    const dgxp_status status = px_json_numbers(entry, "tile", PX_JSON_OPTIONAL, 2, tile);
    if (status == DGXP_OK &&
        (tile[0] < 0 || tile[0] > SIDE_LIMIT || tile[1] < 0 || tile[1] > SIDE_LIMIT)) {
        return px_json_refuse(entry, DGXP_ERR_BAD_FORMAT, "has a tile of %gx%g pixels", tile[0],
                              tile[1]);
    }
    wish->tile_width = (int32_t)tile[0];
    wish->tile_height = (int32_t)tile[1];
    return status == DGXP_OK ? px_json_boolean(entry, "array", PX_JSON_OPTIONAL, &wish->array)
                             : status;
}

/* `defaults` with the entry laid over them; a kind is left out where a prompt says all. */
static json_t *merge_request(const json_t *defaults, const px_json *entry, const char *path)
{
    json_t *request = px_request_merge(defaults, entry->value);
    if (!request) {
        return NULL;
    }
    json_object_del(request, "path");
    json_object_del(request, "tile");
    json_object_del(request, "array");
    json_object_del(request, "animation");
    json_object_del(request, "tileset");
    for (size_t i = 0; i < PX_STILL_STEPS; i++) {
        json_object_del(request, px_still_names[i]);
    }
    if (!json_object_get(request, "seed")) {
        px_json_put_integer(request, "seed", derive_seed(path));
    }
    return request;
}

/* What a sprite becomes without the model, by the wish or its presets, and the files that come of it. */
static dgxp_status read_steps(const px_json *entry, const char *presets, px_wish *wish)
{
    const char *suffixes[PX_WISH_BESIDE] = {NULL};
    int count = 0;
    dgxp_status status = px_workflow_steps(entry->value, wish->request, presets, &wish->workflow);
    bool fits = true;
    if (status != DGXP_OK || !json_object_size(wish->workflow)) {
        json_decref(wish->workflow);
        wish->workflow = NULL;
        return status;
    }
    if (json_object_get(wish->workflow, "motion")) {
        suffixes[count++] = "json";
        suffixes[count++] = "aseprite";
    }
    if (json_object_get(wish->workflow, "normal")) {
        suffixes[count++] = "n.png";
    }
    for (int i = 0; i < count && fits; i++) {
        wish->beside[i] =
            px_mem_format("%.*s.%s", (int)strlen(wish->path) - 4, wish->path, suffixes[i]);
        fits = wish->beside[i] != NULL;
    }
    return fits ? DGXP_OK : px_error_memory("a wish");
}

static bool has_steps(const px_json *entry)
{
    bool found = false;
    for (size_t i = 0; i < PX_STILL_STEPS; i++) {
        found = found || json_object_get(entry->value, px_still_names[i]);
    }
    return found;
}

/* What kind of file it becomes: an object of that name says so, or the preset does. */
static dgxp_status read_kind(const px_json *entry, const char *presets, px_wish *wish)
{
    px_json animation, tileset;
    const char *kind = json_string_value(json_object_get(wish->request, "kind"));
    dgxp_status status = px_json_object(entry, "animation", PX_JSON_OPTIONAL, &animation);
    status =
        status == DGXP_OK ? px_json_object(entry, "tileset", PX_JSON_OPTIONAL, &tileset) : status;
    if (status != DGXP_OK) {
        return status;
    }
    if (animation.value && tileset.value) {
        return px_json_refuse(entry, DGXP_ERR_BAD_FORMAT, "is an animation and a tile set at once");
    }
    const bool set = tileset.value || (!animation.value && kind && strcmp(kind, "tileset") == 0);
    if ((animation.value || set) && has_steps(entry)) {
        return px_json_refuse(entry, DGXP_ERR_BAD_FORMAT,
                              "has recolor, motion or normal, which are of sprites, and is %s",
                              set ? "a tile set" : "an animation");
    }
    if (!animation.value && !set) {
        status = read_steps(entry, presets, wish);
        return status == DGXP_OK && !wish->workflow && kind && strcmp(kind, "animation") == 0
                   ? px_json_refuse(entry, DGXP_ERR_BAD_FORMAT,
                                    "is an animation without frames: give it \"animation\": "
                                    "{\"frames\": [{}, {\"subject\": \"…\"}]}")
                   : status;
    }
    const px_json *how = set ? &tileset : &animation;
    wish->kind = set ? PX_WISH_TILESET : PX_WISH_ANIMATION;
    wish->workflow = how->value ? json_deep_copy(how->value) : json_object();
    const char *const suffixes[PX_WISH_BESIDE] = {set ? "tsx" : "json", set ? NULL : "aseprite"};
    bool fits = wish->workflow != NULL;
    for (int i = 0; i < PX_WISH_BESIDE && suffixes[i] && fits; i++) {
        wish->beside[i] =
            px_mem_format("%.*s.%s", (int)strlen(wish->path) - 4, wish->path, suffixes[i]);
        fits = wish->beside[i] != NULL;
    }
    if (fits && set && !json_object_get(wish->workflow, "set")) {
        fits = px_json_put_text(wish->workflow, "set", "blob");
    }
    return fits ? DGXP_OK : px_error_memory("a wish");
}

static dgxp_status check_request(const px_settings *settings, const char *where,
                                 const px_wish *wish)
{
    px_workflow w = {.where = where,
                     .document = wish->workflow,
                     .request = wish->request,
                     .presets = settings->presets};
    const json_t *set = json_object_get(wish->workflow, "set");
    if (set && json_is_string(set) && strcmp(json_string_value(set), "none") == 0) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: has the set \"none\": that is a texture; take the kind \"tile\"",
                            where);
    }
    dgxp_status status = wish->kind == PX_WISH_ANIMATION ? px_workflow_animate_check(&w)
                         : wish->kind == PX_WISH_TILESET ? px_workflow_tiles_check(&w)
                                                         : px_still_check(where, wish->workflow);
    return status == DGXP_OK && wish->kind == PX_WISH_SPRITE && !wish->from
               ? px_request_check(where, wish->request, settings->presets)
               : status;
}

/* What is made of a picture that is there takes nothing that a painter would be told. */
static dgxp_status read_source(const px_json *entry, px_wish *wish)
{
    static const char *const known[] = {"path",   "from", "recolor", "motion",
                                        "normal", "tile", "array"};
    const char *name;
    json_t *ignored;
    dgxp_status status =
        px_json_text(entry, "from", PX_JSON_OPTIONAL, PX_BENEATH_PATH_MAX, &wish->from);
    if (status != DGXP_OK || !wish->from) {
        return status;
    }
    if (px_beneath_check(wish->from, false) != DGXP_OK || strcmp(wish->from, wish->path) == 0) {
        return px_json_refuse(entry, DGXP_ERR_BAD_FORMAT,
                              "is made from '%.200s'; it must be another picture inside assets/, "
                              "as in sprites/knight.png",
                              wish->from);
    }
    json_object_foreach((json_t *)(uintptr_t)entry->value, name, ignored)
    {
        bool fits = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            fits = fits || strcmp(name, known[i]) == 0;
        }
        if (!fits) {
            return px_json_refuse(entry, DGXP_ERR_BAD_FORMAT,
                                  "is made from a picture and not painted, so it has no '%.60s'; "
                                  "it takes recolor, motion and normal",
                                  name);
        }
    }
    status = read_steps(entry, NULL, wish);
    return status == DGXP_OK && !wish->workflow
               ? px_json_refuse(entry, DGXP_ERR_BAD_FORMAT,
                                "is made from '%.200s' and nothing is done with it: give it "
                                "recolor, motion or normal",
                                wish->from)
               : status;
}

static dgxp_status read_wish(px_settings *settings, const json_t *defaults, const px_json *entry,
                             size_t i, json_t *seen)
{
    px_wish *wish = &settings->wishes[settings->count];
    char *where = px_mem_format("%s: assets[%zu]", settings->file, i);
    dgxp_status status = where ? DGXP_OK : px_error_memory("a wish");
    PX_NEXT(px_json_text(entry, "path", PX_JSON_REQUIRED, PX_BENEATH_PATH_MAX, &wish->path));
    if (status == DGXP_OK && (px_beneath_check(wish->path, false) != DGXP_OK ||
                              !px_file_has_suffix(wish->path, "png"))) {
        status = px_json_refuse(entry, DGXP_ERR_BAD_FORMAT,
                                "has the path '%.200s'; it must be one inside assets/, as in "
                                "sprites/knight.png",
                                wish->path);
    }
    char *key = status == DGXP_OK ? px_beneath_key(wish->path) : NULL;
    if (key && json_object_get(seen, key)) {
        status = px_json_refuse(entry, DGXP_ERR_BAD_FORMAT, "has the path of another asset: '%s'",
                                wish->path);
    } else if (key) {
        json_object_set_new(seen, key, json_true());
    }
    px_mem_free(key);
    PX_NEXT(read_tile(entry, wish));
    if (status == DGXP_OK) {
        wish->request = json_object_get(entry->value, "from")
                            ? json_object()
                            : merge_request(defaults, entry, wish->path);
        settings->count++;
        status = wish->request ? DGXP_OK : px_error_memory("a wish");
    }
    PX_NEXT(read_source(entry, wish));
    PX_NEXT(wish->from ? DGXP_OK : read_kind(entry, settings->presets, wish));
    PX_NEXT(check_request(settings, where, wish));
    PX_NEXT(hash_wish(settings, wish));
    px_mem_free(where);
    return status;
}

static dgxp_status read_wishes(px_settings *settings, const px_json *root)
{
    px_json list, defaults;
    json_t *seen = json_object();
    dgxp_status status = px_json_object(root, "defaults", PX_JSON_OPTIONAL, &defaults);
    if (status == DGXP_OK) {
        status = px_json_array(root, "assets", PX_JSON_OPTIONAL, WISHES_LIMIT, &list);
    }
    const size_t count = status == DGXP_OK ? px_json_count(&list) : 0;
    settings->wishes = px_mem_zero(count + 1, sizeof *settings->wishes);
    if (!settings->wishes || !seen) {
        status = px_error_memory("the wishes");
    }
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        px_json entry;
        status = px_json_element_object(&list, i, &entry);
        if (status == DGXP_OK) {
            status = read_wish(settings, defaults.value, &entry, i, seen);
        }
    }
    json_decref(seen);
    return status;
}

/* Defaults are a request without a subject. */
static dgxp_status check_defaults(const px_settings *settings, const px_json *root)
{
    px_json defaults;
    dgxp_status status = px_json_object(root, "defaults", PX_JSON_OPTIONAL, &defaults);
    if (status == DGXP_OK && defaults.value) {
        char *where = px_mem_format("%s: defaults", settings->file);
        json_t *whole = json_copy((json_t *)(uintptr_t)defaults.value);
        const bool fits = where && px_json_put_text(whole, "subject", "a thing");
        status = fits ? px_request_check(where, whole, settings->presets)
                      : px_error_memory("the defaults");
        json_decref(whole);
        px_mem_free(where);
    }
    return status;
}

dgxp_status px_settings_load(const px_project *project, px_settings *out)
{
    px_settings settings = {.file = px_file_join(project->folder, PX_PROJECT_FILE)};
    px_json root = {0};
    int64_t format = 0;
    dgxp_status status = settings.file ? DGXP_OK : px_error_memory("a path");
    const bool there = status == DGXP_OK && px_file_exists(settings.file);
    if (there) {
        status = px_json_load(settings.file, FILE_LIMIT, &settings.document);
    } else if (status == DGXP_OK) {
        settings.document = json_object();
    }
    PX_NEXT(px_json_root(settings.file, settings.document, &root));
    if (there) {
        PX_NEXT(px_json_integer(&root, "format", PX_JSON_REQUIRED, 1, 1, &format));
        PX_NEXT(px_json_only(&root, "field", fields, sizeof fields / sizeof *fields));
        PX_NEXT(read_presets(project, &root, &settings.presets));
    }
    PX_NEXT(check_folders(&root));
    PX_NEXT(read_model(project, &root, &settings.model));
    PX_NEXT(check_defaults(&settings, &root));
    PX_NEXT(read_wishes(&settings, &root));
    if (status != DGXP_OK) {
        px_settings_free(&settings);
        return status;
    }
    *out = settings;
    return DGXP_OK;
}

void px_settings_free(px_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        json_decref(settings->wishes[i].request);
        json_decref(settings->wishes[i].workflow);
        for (int k = 0; k < PX_WISH_BESIDE; k++) {
            px_mem_free(settings->wishes[i].beside[k]);
        }
    }
    px_mem_free(settings->wishes);
    px_mem_free(settings->file);
    px_mem_free(settings->model);
    px_mem_free(settings->presets);
    json_decref(settings->document);
    *settings = (px_settings){0};
}
