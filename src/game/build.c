/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `build`: the wishes of dgx-pixels.json become files, those that are missing or changed. */
#include "core/beneath.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "game/confirm.h"
#include "game/deploy.h"
#include "game/lock.h"
#include "game/make.h"
#include "game/stage.h"
#include "image/image.h"

#include <string.h>
#include <unistd.h>

typedef enum wish_state {
    WISH_CURRENT,
    WISH_MISSING,
    WISH_CHANGED, /* the wish is another one than the file was made from */
    WISH_EDITED   /* the file is somebody's, was deployed or changed by hand */
} wish_state;

static const char *const state_names[] = {"current", "missing", "changed", "edited"};

typedef struct building {
    const dgxp_build_params *params;
    px_project project;
    px_settings settings;
    json_t *entries; /* of the lock file */
    wish_state *states;
    dgxp_model *model;
    json_t *assets, *warnings;
    int32_t made, wanted;
} building;

/* --------------------------------------------------------------------------------------- states */

static dgxp_status hash_asset(const building *b, const char *path, char hash[PX_HASH_HEX])
{
    char *whole = px_mem_format("%s/%s", b->project.assets, path);
    const char *slash = whole ? strrchr(whole, '/') : NULL;
    int folder = -1;
    dgxp_status status = whole ? DGXP_OK : px_error_memory("a path");
    hash[0] = '\0';
    if (status == DGXP_OK) {
        char *above = px_mem_textn(whole, (size_t)(slash - whole));
        status = above ? px_beneath_open(b->project.root, b->project.folder, above, false, &folder)
                       : px_error_memory("a path");
        px_mem_free(above);
    }
    if (status == DGXP_OK) {
        status = px_beneath_hash(folder, b->project.folder, slash + 1, PX_STAGE_FILE_MAX, hash);
        close(folder);
    } else if (status == DGXP_ERR_NOT_FOUND) {
        px_error_clear();
        status = DGXP_OK;
    }
    px_mem_free(whole);
    return status;
}

static dgxp_status find_file_state(const building *b, const px_wish *wish, const char *path,
                                   wish_state *state)
{
    char hash[PX_HASH_HEX];
    const char *recorded = px_lock_text(b->entries, path, "sha256");
    const char *made_from = px_lock_text(b->entries, path, "wish");
    const dgxp_status status = hash_asset(b, path, hash);
    if (!hash[0]) {
        *state = WISH_MISSING;
    } else if (!recorded || !made_from || strcmp(recorded, hash) != 0) {
        *state = WISH_EDITED;
    } else {
        *state = strcmp(made_from, wish->made_from) == 0 ? WISH_CURRENT : WISH_CHANGED;
    }
    return status;
}

/* The wish's own hash, and of one that is made of a picture that picture's as well. */
static dgxp_status add_source(const building *b, px_wish *wish)
{
    char source[PX_HASH_HEX];
    uint8_t digest[32];
    px_hash hash;
    const dgxp_status status = hash_asset(b, wish->from, source);
    if (status == DGXP_OK) {
        px_hash_begin(&hash);
        px_hash_add(&hash, wish->hash, strlen(wish->hash));
        px_hash_add(&hash, source, strlen(source));
        px_hash_end(&hash, digest);
        px_hash_hex(digest, wish->made_from);
    }
    return status;
}

static bool makes(const px_wish *wish, const char *path)
{
    bool found = strcmp(wish->path, path) == 0;
    for (int k = 0; k < PX_WISH_BESIDE && !found; k++) {
        found = wish->beside[k] && strcmp(wish->beside[k], path) == 0;
    }
    return found;
}

static bool is_due(const building *b, size_t i)
{
    return b->states[i] == WISH_MISSING || b->states[i] == WISH_CHANGED ||
           (b->params->force && b->states[i] == WISH_EDITED);
}

/* The picture that it is made of must be there, or be made before it; then it is made anew, too. */
static dgxp_status find_source(building *b, size_t i, bool *renewed)
{
    px_wish *wish = &b->settings.wishes[i];
    char hash[PX_HASH_HEX];
    size_t maker = b->settings.count;
    dgxp_status status = hash_asset(b, wish->from, hash);
    for (size_t k = 0; k < b->settings.count; k++) {
        maker = makes(&b->settings.wishes[k], wish->from) ? k : maker;
    }
    *renewed = maker < i && is_due(b, maker);
    if (status == DGXP_OK && maker < b->settings.count && maker > i) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT,
                              "%s: assets[%zu]: is made from '%s', which stands below it as "
                              "assets[%zu]: put that one first",
                              b->settings.file, i, wish->from, maker);
    } else if (status == DGXP_OK && !*renewed && !hash[0]) {
        status = px_error_set(DGXP_ERR_NOT_FOUND,
                              "%s: assets[%zu]: is made from '%s', which is not in %s",
                              b->settings.file, i, wish->from, b->project.assets);
    }
    return status == DGXP_OK ? add_source(b, wish) : status;
}

static void warn(building *b, const char *path, const char *sentence)
{
    char *text = px_mem_format("%s: %s", path, sentence);
    px_json_append(b->warnings, text ? px_json_string(text, strlen(text)) : NULL);
    px_mem_free(text);
}

/* All files of a sheet are made together, so the worst state counts; a file of somebody's keeps
 * all. */
static dgxp_status find_state(building *b, const px_wish *wish, wish_state *state)
{
    static const int worse[] = {
        [WISH_CURRENT] = 0, [WISH_CHANGED] = 1, [WISH_MISSING] = 2, [WISH_EDITED] = 3};
    dgxp_status status = DGXP_OK;
    *state = WISH_CURRENT;
    for (int i = -1; i < PX_WISH_BESIDE && status == DGXP_OK; i++) {
        const char *path = i < 0 ? wish->path : wish->beside[i];
        wish_state found = WISH_CURRENT;
        if (!path) {
            continue;
        }
        status = find_file_state(b, wish, path, &found);
        *state = worse[found] > worse[*state] ? found : *state;
        if (found == WISH_EDITED && !b->params->force) {
            warn(b, path,
                 "was not made by build or was edited by hand, and stays; `force` "
                 "makes it anew");
        }
    }
    return status;
}

static dgxp_status find_states(building *b)
{
    dgxp_status status = DGXP_OK;
    b->states = px_mem_zero(b->settings.count + 1, sizeof *b->states);
    if (!b->states) {
        return px_error_memory("the wishes");
    }
    for (size_t i = 0; i < b->settings.count && status == DGXP_OK; i++) {
        bool renewed = false;
        status = b->settings.wishes[i].from ? find_source(b, i, &renewed) : DGXP_OK;
        PX_NEXT(find_state(b, &b->settings.wishes[i], &b->states[i]));
        if (renewed && b->states[i] == WISH_CURRENT) {
            b->states[i] = WISH_CHANGED;
        }
    }
    return status;
}

/* Built once, no longer wished for: said, never deleted. */
static void find_orphans(building *b)
{
    const char *path;
    json_t *entry;
    json_object_foreach(b->entries, path, entry)
    {
        bool wished = !json_object_get(entry, "wish");
        for (size_t i = 0; i < b->settings.count && !wished; i++) {
            wished = makes(&b->settings.wishes[i], path);
        }
        if (!wished) {
            warn(b, path, "is no longer wished for; delete it when the game does not load it");
        }
    }
}

/* --------------------------------------------------------------------------------------- making */

static dgxp_status open_model(building *b)
{
    const char *path = b->params->model ? b->params->model : b->settings.model;
    return b->model ? DGXP_OK : dgxp_model_open(path, b->params->model_params, &b->model);
}

static dgxp_status put(building *b, const px_wish *wish, const px_made *made, json_t **report)
{
    px_deploy_item items[1 + PX_WISH_BESIDE];
    dgxp_deploy_params params = DGXP_DEPLOY_PARAMS_INIT;
    params.force = b->params->force;
    for (size_t i = 0; i < made->count; i++) {
        const px_made_file *file = &made->files[i];
        items[i] = (px_deploy_item){.name = file->path,
                                    .target = file->path,
                                    .bytes = file->bytes,
                                    .size = file->size,
                                    .wish = wish->made_from,
                                    .tile_width = file->tile_width,
                                    .tile_height = file->tile_height,
                                    .array = wish->array && file->tile_width};
    }
    return px_deploy_items(&b->project, items, made->count, &params, report);
}

static dgxp_status make(building *b, size_t i)
{
    px_wish *wish = &b->settings.wishes[i];
    px_made made = {.count = 0};
    json_t *report = NULL, *file;
    const double began = px_clock_now();
    dgxp_status status = wish->from ? add_source(b, wish) : open_model(b);
    if (status == DGXP_OK && b->params->asset &&
        b->params->asset(wish->path, b->made, b->wanted, b->params->user_data) != 0) {
        status = px_error_set(DGXP_ERR_CANCELLED, "cancelled");
    }
    if (status == DGXP_OK) {
        status = px_make(&b->project, &b->settings, wish, b->model, b->params, &made);
    }
    if (status == DGXP_OK) {
        status = put(b, wish, &made, &report);
    }
    if (status == DGXP_OK) {
        size_t k;
        json_array_foreach(json_object_get(report, "files"), k, file)
        {
            px_json_put_text(file, "state", state_names[b->states[i]]);
            px_json_put_number(file, "seconds", px_clock_now() - began);
            px_json_append(b->assets, json_incref(file));
        }
        b->made++;
    }
    json_decref(report);
    px_made_free(&made);
    return status;
}

static void note_state(building *b, size_t i)
{
    json_t *about = json_object();
    px_json_put_text(about, "path", b->settings.wishes[i].path);
    px_json_put_text(about, "state", state_names[b->states[i]]);
    px_json_put_text(about, "action", is_due(b, i) ? "would be made" : "kept");
    px_json_append(b->assets, about);
}

static dgxp_status make_all(building *b)
{
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < b->settings.count; i++) {
        b->wanted += is_due(b, i);
    }
    for (size_t i = 0; i < b->settings.count && status == DGXP_OK; i++) {
        if (is_due(b, i) && !b->params->dry_run) {
            status = make(b, i);
        } else {
            note_state(b, i);
        }
    }
    return status;
}

static json_t *describe(building *b)
{
    json_t *report = json_object();
    const char *watcher = px_project_warn_watcher(&b->project);
    if (watcher) {
        px_json_append(b->warnings, px_json_string(watcher, strlen(watcher)));
    }
    px_json_put_text(report, "project", b->project.folder);
    px_json_put_text(report, "assets", b->project.assets);
    px_json_put_integer(report, "made", b->made);
    px_json_put_integer(report, "due", b->wanted);
    px_json_put(report, "files", json_incref(b->assets));
    px_json_put(report, "warnings", json_incref(b->warnings));
    return report;
}

/* What the game has of the wished-for pictures, asked before any of them is made. */
static dgxp_status begin_confirm(building *b, px_confirm **confirm)
{
    if (!b->params->game || b->params->dry_run) {
        return DGXP_OK;
    }
    for (size_t i = 0; i < b->settings.count; i++) {
        note_state(b, i);
    }
    json_t *planned = describe(b);
    const dgxp_status status = px_confirm_begin(b->params->game, planned, confirm);
    json_decref(planned);
    json_array_clear(b->assets);
    json_array_clear(b->warnings);
    return status;
}

dgxp_status dgxp_build(const dgxp_build_params *given, dgxp_document **out)
{
    if (!out) {
        return px_error_begin("dgxp_build", false, "out");
    }
    dgxp_build_params params;
    building b = {.params = &params, .project = {.root = -1}};
    px_confirm *confirm = NULL;
    dgxp_game game;
    px_error_clear();
    dgxp_status status = px_params_read("dgxp_build_params", given, &params, sizeof params);
    PX_NEXT(px_confirm_read(params.game, &game));
    PX_NEXT(px_project_open(params.project, &b.project));
    PX_NEXT(px_settings_load(&b.project, &b.settings));
    PX_NEXT(px_stage_load(&b.project, &b.entries));
    b.assets = json_array();
    b.warnings = json_array();
    PX_NEXT(find_states(&b));
    PX_NEXT(begin_confirm(&b, &confirm));
    if (status == DGXP_OK) {
        find_orphans(&b);
    }
    PX_NEXT(make_all(&b));
    const bool began = b.states != NULL;
    if (out && began) {
        char said[1024];
        snprintf(said, sizeof said, "%s", dgxp_last_error());
        json_t *report = describe(&b);
        px_confirm_end(confirm, report);
        const dgxp_status told = px_json_document(report, out);
        status = status == DGXP_OK ? told : px_error_set(status, "%s", said);
    }
    px_confirm_free(confirm);
    json_decref(b.assets);
    json_decref(b.warnings);
    json_decref(b.entries);
    px_mem_free(b.states);
    dgxp_model_free(b.model);
    px_settings_free(&b.settings);
    px_project_close(&b.project);
    return status;
}

/* ------------------------------------------------------------------------------------- settings */

dgxp_status dgxp_project_describe(const char *folder, dgxp_document **out)
{
    if (!out) {
        return px_error_begin("dgxp_project_describe", false, "out");
    }
    px_project project = {.root = -1};
    px_settings settings = {0};
    px_error_clear();
    dgxp_status status = px_project_open(folder, &project);
    if (status == DGXP_OK) {
        status = px_settings_load(&project, &settings);
    }
    if (status == DGXP_OK) {
        static const char *const copied[] = {"defaults", "folders", "assets"};
        json_t *about = json_object();
        px_json_put_text(about, "folder", project.folder);
        px_json_put_text(about, "assets_folder", project.assets);
        px_json_put_text(about, "model", settings.model);
        px_json_put_text(about, "presets", settings.presets);
        for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
            json_t *value = json_object_get(settings.document, copied[i]);
            px_json_put(about, copied[i],
                        value    ? json_incref(value)
                        : i == 2 ? json_array()
                                 : json_object());
        }
        status = px_json_document(about, out);
    }
    px_settings_free(&settings);
    px_project_close(&project);
    return status;
}

static const char template[] =
    "{\n"
    "  \"format\": 1,\n"
    "  \"defaults\": {\"style\": \"16bit\", \"speed\": \"balanced\"},\n"
    "  \"folders\": {\"*\": \"sprites/\", \"tile\": \"tiles/\", \"icon\": \"icons/\"},\n"
    "  \"assets\": [\n"
    "    {\"path\": \"sprites/knight.png\", \"kind\": \"character\", \"subject\": \"medieval "
    "knight\"},\n"
    "    {\"path\": \"sprites/slime.png\", \"kind\": \"monster\", \"subject\": \"green slime\"},\n"
    "    {\"path\": \"tiles/stone.png\", \"kind\": \"tile\", \"subject\": \"stone wall\"}\n"
    "  ]\n"
    "}\n";

dgxp_status dgxp_project_init(const char *folder)
{
    px_error_clear();
    char *path = px_file_join(folder ? folder : ".", PX_PROJECT_FILE);
    dgxp_status status = path ? DGXP_OK : px_error_memory("a path");
    if (status == DGXP_OK && px_file_exists(path)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "%s: is there already; edit it, then `dgx-pixels build`", path);
    }
    if (status == DGXP_OK) {
        status = px_file_write(path, template, strlen(template));
    }
    px_mem_free(path);
    return status;
}
