/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files into a Bevy project: what dgxp_deploy() and `build` share. */
#include "game/deploy.h"

#include "core/beneath.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "game/confirm.h"
#include "game/dependants.h"
#include "game/payload.h"
#include "game/stage.h"
#include "image/image.h"

#include <string.h>

enum { FILES_LIMIT = 65536, FILE_LIMIT = 1 << 30 };

/* Up to three writes a file; settings and sidecars come before what they belong to. */
typedef struct deployment {
    px_payload *payloads;
    px_stage_write *writes;
    size_t count, write_count;
    size_t *meta, *sidecar, *main; /* [count] indices into `writes`, SIZE_MAX when there is none */
} deployment;

static void free_deployment(deployment *d)
{
    for (size_t i = 0; d->payloads && i < d->count; i++) {
        px_payload_free(&d->payloads[i]);
    }
    px_mem_free(d->payloads);
    px_mem_free(d->writes);
    px_mem_free(d->meta);
    px_mem_free(d->sidecar);
    px_mem_free(d->main);
}

static dgxp_status make_payloads(const px_deploy_item *items, const dgxp_deploy_params *params,
                                 deployment *d)
{
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < d->count && status == DGXP_OK; i++) {
        const px_payload_options options = {.tile_width = items[i].tile_width,
                                            .tile_height = items[i].tile_height,
                                            .array = items[i].array,
                                            .meta = params->meta == DGXP_META_NEAREST,
                                            .sidecar = !params->no_sidecar};
        status = px_beneath_check(items[i].target, false);
        if (status == DGXP_OK && px_stage_is_recipe(items[i].target)) {
            status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                  "'%s': " PX_PROJECT_RECIPES
                                  "/ is where recipes are kept; choose another folder",
                                  items[i].target);
        }
        if (status == DGXP_OK) {
            status = px_payload_make(items[i].name, items[i].target, items[i].bytes, items[i].size,
                                     &options, &d->payloads[i]);
        }
        if (status == DGXP_OK && items[i].wish &&
            !px_json_put_text(d->payloads[i].entry, "wish", items[i].wish)) {
            status = px_error_memory("the lock file");
        }
    }
    return status;
}

static size_t add_write(deployment *d, const char *path, const void *bytes, size_t size,
                        const char *owned, bool force, bool yields)
{
    d->writes[d->write_count] = (px_stage_write){.path = path,
                                                 .bytes = bytes,
                                                 .size = size,
                                                 .owned = owned,
                                                 .force = force,
                                                 .yields = yields};
    return d->write_count++;
}

/*
 * All .meta files first: a new one never triggers a reload, and the picture must not be seen before
 * its settings.  Then sidecars, then pictures, then what refers to pictures.
 */
static void plan_writes(const px_stage *stage, bool force, deployment *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const px_payload *p = &d->payloads[i];
        const char *owned = px_lock_text(stage->entries, p->path, "meta");
        d->meta[i] = p->meta ? add_write(d, p->meta_path, p->meta, strlen(p->meta), owned, false,
                                         true) /* an edited .meta is never replaced */
                             : SIZE_MAX;
    }
    for (size_t i = 0; i < d->count; i++) {
        const px_payload *p = &d->payloads[i];
        const char *owned = px_lock_text(stage->entries, p->path, "sidecar");
        d->sidecar[i] = p->sidecar ? add_write(d, p->sidecar_path, p->sidecar, strlen(p->sidecar),
                                               owned, force, true)
                                   : SIZE_MAX;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < d->count; i++) {
            const px_payload *p = &d->payloads[i];
            if ((p->pixels[0] == '\0') == (pass == 1)) {
                d->main[i] =
                    add_write(d, p->path, p->bytes, p->size,
                              px_lock_text(stage->entries, p->path, "sha256"), force, false);
            }
        }
    }
}

/* What the lock remembers of a side file: the hash that we wrote, now or before. */
static void remember(const px_stage *stage, const deployment *d, size_t i, const char *field,
                     size_t write)
{
    json_t *entry = d->payloads[i].entry;
    if (write != SIZE_MAX && d->writes[write].act != PX_STAGE_KEEP) {
        px_json_put_text(entry, field, d->writes[write].hash);
    } else {
        const char *before = px_lock_text(stage->entries, d->payloads[i].path, field);
        if (before) {
            px_json_put_text(entry, field, before);
        }
    }
}

/* Only entries that differ from the lock's: deploying the same again records nothing. */
static json_t *collect_changes(const px_stage *stage, const deployment *d)
{
    json_t *changes = json_object();
    for (size_t i = 0; i < d->count; i++) {
        const px_payload *p = &d->payloads[i];
        remember(stage, d, i, "meta", d->meta[i]);
        remember(stage, d, i, "sidecar", d->sidecar[i]);
        if (!json_equal(json_object_get(stage->entries, p->path), p->entry)) {
            px_json_put(changes, p->path, json_incref(p->entry));
        }
    }
    return changes;
}

/* ------------------------------------------------------------------------------------- report */

static const char *act_name(const deployment *d, size_t write)
{
    static const char *const names[] = {[PX_STAGE_NEW] = "new",
                                        [PX_STAGE_REPLACE] = "replaced",
                                        [PX_STAGE_UNCHANGED] = "unchanged",
                                        [PX_STAGE_KEEP] = "kept"};
    return write == SIZE_MAX ? NULL : names[d->writes[write].act];
}

static json_t *describe_file(const deployment *d, size_t i)
{
    const px_payload *p = &d->payloads[i];
    json_t *about = json_object();
    px_json_put_text(about, "path", p->path);
    px_json_put(about, "kind", json_incref(json_object_get(p->entry, "kind")));
    px_json_put_text(about, "action", act_name(d, d->main[i]));
    px_json_put(about, "sha256", json_incref(json_object_get(p->entry, "sha256")));
    if (p->pixels[0]) {
        px_json_put(about, "width", json_incref(json_object_get(p->entry, "width")));
        px_json_put(about, "height", json_incref(json_object_get(p->entry, "height")));
        px_json_put_integer(about, "layers", p->layers);
        px_json_put_text(about, "pixels", p->pixels);
    }
    if (d->meta[i] != SIZE_MAX) {
        px_json_put_text(about, "meta", act_name(d, d->meta[i]));
    }
    if (d->sidecar[i] != SIZE_MAX) {
        px_json_put_text(about, "sidecar", act_name(d, d->sidecar[i]));
    }
    char *load = px_mem_format("asset_server.load(\"%s\")", p->path);
    px_json_put_text(about, "load", load);
    px_mem_free(load);
    return about;
}

static void warn(json_t *warnings, const char *path, const char *middle, const char *end)
{
    char *text = px_mem_format("%s%s%s", path, middle, end);
    px_json_append(warnings, text ? px_json_string(text, strlen(text)) : NULL);
    px_mem_free(text);
}

static void warn_of_file(const px_stage *stage, const deployment *d, size_t i, json_t *warnings)
{
    static const char edited[] = " was edited by hand and stays as it is";
    const px_payload *p = &d->payloads[i];
    if (d->meta[i] != SIZE_MAX && d->writes[d->meta[i]].act == PX_STAGE_KEEP) {
        const bool tiles = json_object_get(p->entry, "array") != NULL;
        warn(warnings, p->meta_path, edited, tiles ? "; the tile set needs its array_layout" : "");
    }
    if (d->sidecar[i] != SIZE_MAX && d->writes[d->sidecar[i]].act == PX_STAGE_KEEP) {
        warn(warnings, p->sidecar_path, edited, "");
    }
    const char *image = json_string_value(json_object_get(p->entry, "image"));
    bool there = !image || json_object_get(stage->entries, image);
    for (size_t k = 0; k < d->count && !there; k++) {
        there = strcmp(d->payloads[k].path, image) == 0;
    }
    if (!there) {
        warn(warnings, p->path, " shows a picture that was not deployed: ", image);
    }
}

static json_t *describe(const px_stage *stage, const deployment *d, int64_t number)
{
    json_t *report = json_object(), *files = json_array(), *warnings = json_array();
    const char *watcher = px_project_warn_watcher(stage->project);
    px_json_put_text(report, "project", stage->project->folder);
    px_json_put_text(report, "assets", stage->project->assets);
    px_json_put_integer(report, "deployment", number);
    for (size_t i = 0; i < d->count; i++) {
        px_json_append(files, describe_file(d, i));
        warn_of_file(stage, d, i, warnings);
    }
    if (watcher) {
        px_json_append(warnings, px_json_string(watcher, strlen(watcher)));
    }
    px_json_put(report, "files", files);
    px_json_put(report, "warnings", warnings);
    return report;
}

/* ------------------------------------------------------------------------------------- deploy */

static dgxp_status allocate(size_t count, deployment *d)
{
    d->count = count;
    d->payloads = px_mem_zero(count, sizeof *d->payloads);
    d->writes = px_mem_zero(count * 3, sizeof *d->writes);
    d->meta = px_mem_array(count, sizeof *d->meta);
    d->sidecar = px_mem_array(count, sizeof *d->sidecar);
    d->main = px_mem_array(count, sizeof *d->main);
    return d->payloads && d->writes && d->meta && d->sidecar && d->main
               ? DGXP_OK
               : px_error_memory("the files to deploy");
}

dgxp_status px_deploy_items(const px_project *project, const px_deploy_item *items, size_t count,
                            const dgxp_deploy_params *params, json_t **report)
{
    deployment d = {0};
    px_stage stage = {.assets = -1, .state = -1, .staging = -1, .history = -1, .guard = -1};
    json_t *changes = NULL;
    int64_t number = 0;
    dgxp_status status = allocate(count, &d);
    PX_NEXT(make_payloads(items, params, &d));
    PX_NEXT(px_stage_open(project, &stage));
    if (!params->force) {
        PX_NEXT(px_dependants_check(stage.entries, d.payloads, d.count));
    }
    if (status == DGXP_OK) {
        plan_writes(&stage, params->force != 0, &d);
    }
    PX_NEXT(px_stage_check(&stage, d.writes, d.write_count));
    if (status == DGXP_OK) {
        changes = collect_changes(&stage, &d);
        status = changes ? DGXP_OK : px_error_memory("the lock file");
    }
    if (!params->dry_run) {
        PX_NEXT(px_stage_commit(&stage, d.writes, d.write_count, changes, &number));
    }
    if (status == DGXP_OK && report) {
        *report = describe(&stage, &d, number);
    }
    json_decref(changes);
    px_stage_close(&stage);
    free_deployment(&d);
    return status;
}

/* -------------------------------------------------------------------------------- public calls */

static bool ends_like(const char *path, const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && px_file_has_suffix(path, dot + 1);
}

/* TO/NAME, or TO itself when it has the one file's own suffix.  A folder called knight.png would be
 * made by mistake only. */
static dgxp_status make_target(const px_project *project, const dgxp_deploy_params *params,
                               const char *path, int32_t count, char **target)
{
    const char *name = px_file_name(path), *to = params->to ? params->to : "";
    const size_t prefix = strlen(project->assets);
    if (strncmp(to, project->assets, prefix) == 0 && to[prefix] == '/') {
        to += prefix + 1; /* as the shell completes it; nobody means assets/assets/ */
    }
    const size_t length = strlen(to);
    const bool slash = length && to[length - 1] == '/';
    const bool whole = count == 1 && length && !slash && ends_like(to, name);
    if (!whole && !slash && px_file_has_suffix(to, "png")) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "'%s': is the name of one picture, but %s is deployed; a folder's name "
                            "ends with '/'",
                            to, count == 1 ? name : "more than one file");
    }
    *target =
        whole ? px_mem_text(to) : px_mem_format("%s%s%s", to, length && !slash ? "/" : "", name);
    return *target ? px_beneath_check(*target, false) : px_error_memory("a path");
}

static dgxp_status read_params(const dgxp_deploy_params *given, dgxp_deploy_params *params)
{
    dgxp_game game;
    dgxp_status status = px_params_read("dgxp_deploy_params", given, params, sizeof *params);
    status = status == DGXP_OK ? px_confirm_read(params->game, &game) : status;
    if (status == DGXP_OK && (params->meta < 0 || params->meta > DGXP_META_NONE)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "meta %d: 0 or 1", params->meta);
    }
    params->tile_width = params->tile_width ? params->tile_width : params->tile_height;
    params->tile_height = params->tile_height ? params->tile_height : params->tile_width;
    if (status == DGXP_OK && (params->tile_width < 0 || params->tile_width > PX_IMAGE_SIDE_MAX ||
                              params->tile_height < 0 || params->tile_height > PX_IMAGE_SIDE_MAX)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "tile %dx%d: 1..%d pixels",
                            params->tile_width, params->tile_height, PX_IMAGE_SIDE_MAX);
    }
    if (status == DGXP_OK && params->array && !params->tile_width) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "array: how large are its tiles? Give the tile's size with it");
    }
    return status;
}

/* Fills one item; what it owns is in `target` and `bytes`. */
static dgxp_status make_item(const px_project *project, const dgxp_deploy_file *file,
                             const dgxp_deploy_params *params, int32_t count, px_deploy_item *item,
                             char **target, uint8_t **bytes)
{
    if (!file->path) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_deploy: a file's path is NULL");
    }
    dgxp_status status = make_target(project, params, file->path, count, target);
    item->name = file->path;
    item->target = *target;
    item->bytes = file->bytes;
    item->size = file->size;
    if (px_file_has_suffix(file->path, "png")) {
        item->tile_width = params->tile_width;
        item->tile_height = params->tile_height;
        item->array = params->array != 0;
    }
    if (status == DGXP_OK && !file->bytes) {
        status = px_file_read(file->path, FILE_LIMIT, bytes, &item->size);
        item->bytes = *bytes;
    }
    return status;
}

/* The game is asked before and after; the pictures that are deployed are the same in both. */
static dgxp_status deploy_and_confirm(const px_project *project, const px_deploy_item *items,
                                      size_t count, const dgxp_deploy_params *params,
                                      json_t **report)
{
    dgxp_deploy_params plan = *params;
    px_confirm *confirm = NULL;
    json_t *planned = NULL;
    dgxp_status status = DGXP_OK;
    plan.dry_run = 1;
    if (params->game && !params->dry_run) {
        status = px_deploy_items(project, items, count, &plan, &planned);
        status = status == DGXP_OK ? px_confirm_begin(params->game, planned, &confirm) : status;
    }
    status = status == DGXP_OK ? px_deploy_items(project, items, count, params, report) : status;
    if (status == DGXP_OK) {
        px_confirm_end(confirm, *report);
    }
    px_confirm_free(confirm);
    json_decref(planned);
    return status;
}

dgxp_status dgxp_deploy(const dgxp_deploy_file *files, int32_t count,
                        const dgxp_deploy_params *given, dgxp_document **out)
{
    dgxp_deploy_params params;
    px_project project = {.root = -1};
    json_t *report = NULL;
    px_error_clear();
    if (!files || count < 1 || count > FILES_LIMIT) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_deploy: %d files; 1..%d", count,
                            FILES_LIMIT);
    }
    dgxp_status status = read_params(given, &params);
    if (status == DGXP_OK) {
        status = px_project_open(params.project, &project);
    }
    px_deploy_item *items = px_mem_zero((size_t)count, sizeof *items);
    char **targets = px_mem_zero((size_t)count, sizeof *targets);
    uint8_t **bytes = px_mem_zero((size_t)count, sizeof *bytes);
    if (status == DGXP_OK && !(items && targets && bytes)) {
        status = px_error_memory("the files to deploy");
    }
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        status = make_item(&project, &files[i], &params, count, &items[i], &targets[i], &bytes[i]);
    }
    if (status == DGXP_OK) {
        status = deploy_and_confirm(&project, items, (size_t)count, &params, &report);
    }
    for (int32_t i = 0; targets && bytes && i < count; i++) {
        px_mem_free(targets[i]);
        px_mem_free(bytes[i]);
    }
    px_mem_free(items);
    px_mem_free(targets);
    px_mem_free(bytes);
    px_project_close(&project);
    if (status == DGXP_OK && out) {
        return px_json_document(report, out);
    }
    json_decref(report);
    return status;
}

static json_t *describe_undo(const px_project *project, const json_t *record)
{
    json_t *report = json_object(), *files = json_array(), *write;
    size_t i;
    px_json_put_text(report, "project", project->folder);
    px_json_put(report, "deployment", json_incref(json_object_get(record, "number")));
    json_array_foreach(json_object_get(record, "writes"), i, write)
    {
        const bool was = json_is_string(json_object_get(write, "before"));
        json_t *file = json_object();
        px_json_put(file, "path", json_incref(json_object_get(write, "path")));
        px_json_put_text(file, "action", was ? "restored" : "removed");
        px_json_append(files, file);
    }
    px_json_put(report, "files", files);
    return report;
}

dgxp_status dgxp_deploy_undo(const char *folder, int32_t force, dgxp_document **out)
{
    px_project project = {.root = -1};
    px_stage stage = {.assets = -1, .state = -1, .staging = -1, .history = -1, .guard = -1};
    json_t *record = NULL;
    px_error_clear();
    dgxp_status status = px_project_open(folder, &project);
    if (status == DGXP_OK) {
        status = px_stage_open(&project, &stage);
    }
    if (status == DGXP_OK) {
        status = px_stage_undo(&stage, force != 0, &record);
    }
    if (status == DGXP_OK && out) {
        status = px_json_document(describe_undo(&project, record), out);
    }
    json_decref(record);
    px_stage_close(&stage);
    px_project_close(&project);
    return status;
}
