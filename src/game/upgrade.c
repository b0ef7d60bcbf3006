/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Old names and places in a folder: told, or brought to today's. */
#include "game/upgrade.h"

#include "core/beneath.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/find.h"
#include "game/project.h"
#include "game/renames.h"
#include "game/sidecar.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_SIDECAR ".dgxpx.json"
#define KEPT ".old"

enum { DEPTH = 8, FILE_LIMIT = 16 << 20, BATCH_VERSION = 3 };

typedef struct walk {
    const char *folder;        /* what paths are told from */
    const px_project *project; /* NULL: none, so nothing has a place of its own */
    json_t *files;
    bool dry_run;
    int depth;
    dgxp_status status;
} walk;

/* Below the folder, as people name it. */
static const char *shown(const walk *in, const char *path)
{
    const size_t length = strlen(in->folder);
    return strncmp(path, in->folder, length) == 0 && path[length] == '/' ? path + length + 1 : path;
}

/* `gone` is taken over; `to` is where a file goes or its old text is kept, or NULL. */
static void add_entry(const walk *in, const char *path, const char *kind, json_t *gone,
                      const char *action, const char *to)
{
    json_t *entry = json_object();
    px_json_put_text(entry, "path", shown(in, path));
    px_json_put_text(entry, "kind", kind);
    px_json_put_text(entry, "action", action);
    if (to) {
        px_json_put_text(entry, "to", shown(in, to));
    }
    px_json_put(entry, "gone", gone);
    px_json_append(in->files, entry);
}

static json_t *one_sentence(const char *text)
{
    json_t *list = json_array();
    px_json_append(list, px_json_string(text, strlen(text)));
    return list;
}

/* --------------------------------------------------------------------------------- old names */

/* The text as it was stays beside it: a file is only made new where that place is free. */
static dgxp_status rewrite(const walk *in, const char *path, const char *kept, const char *was,
                           const px_renames *found)
{
    if (in->dry_run) {
        return DGXP_OK;
    }
    const dgxp_status status = px_file_write(kept, was, strlen(was));
    return status == DGXP_OK ? px_file_write(path, found->text, strlen(found->text)) : status;
}

static dgxp_status look_at_text(const walk *in, const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    px_renames found = {0};
    if (!px_renames_may(path)) {
        return DGXP_OK;
    }
    if (px_file_read(path, FILE_LIMIT, &bytes, &size) != DGXP_OK || strlen((char *)bytes) != size) {
        px_error_clear(); /* too large, not to be read, or no text: none of ours */
        px_mem_free(bytes);
        return DGXP_OK;
    }
    dgxp_status status = px_renames_read(path, (const char *)bytes, &found);
    if (status == DGXP_OK && found.kind && json_array_size(found.gone)) {
        char *kept = px_mem_format("%s" KEPT, path);
        const bool taken = kept && px_file_exists(kept);
        if (taken) {
            const char *why = "a file " KEPT " stands beside it: move that away first";
            px_json_append(found.gone, px_json_string(why, strlen(why)));
        }
        const bool by_hand = taken || found.stuck;
        status = !kept ? px_error_memory("a path") : DGXP_OK;
        if (status == DGXP_OK && !by_hand) {
            status = rewrite(in, path, kept, (const char *)bytes, &found);
        }
        add_entry(in, path, found.kind, json_incref(found.gone), by_hand ? "by-hand" : "rewrite",
                  by_hand ? NULL : kept);
        px_mem_free(kept);
    }
    px_renames_free(&found);
    px_mem_free(bytes);
    return status;
}

/* ------------------------------------------------------------------------------- old places */

/* The same bytes at `place`; `*there` tells whether a file is. */
static dgxp_status compare(int folder, const char *at, const char *place, const uint8_t *bytes,
                           size_t size, bool *there, bool *same)
{
    uint8_t *held = NULL;
    size_t length = 0;
    const dgxp_status status =
        px_beneath_read(folder, at, px_file_name(place), FILE_LIMIT, &held, &length);
    *there = status == DGXP_OK;
    *same = *there && length == size && memcmp(held, bytes, size) == 0;
    px_mem_free(held);
    if (status == DGXP_ERR_NOT_FOUND) {
        px_error_clear();
        return DGXP_OK;
    }
    return status;
}

/* A copy first, then the old one goes: whoever is stopped between has both, and goes on. */
static dgxp_status move(const walk *in, const char *path, const char *place, const uint8_t *bytes,
                        size_t size, bool *taken)
{
    char *parent = px_mem_textn(place, (size_t)(px_file_name(place) - place - 1));
    int folder = -1;
    bool there = false, same = false;
    dgxp_status status = parent ? DGXP_OK : px_error_memory("a path");
    if (status == DGXP_OK) {
        status =
            px_beneath_open(in->project->root, in->project->folder, parent, !in->dry_run, &folder);
    }
    if (status == DGXP_ERR_NOT_FOUND && in->dry_run) {
        px_error_clear();
        px_mem_free(parent);
        return DGXP_OK;
    }
    PX_NEXT(compare(folder, in->project->folder, place, bytes, size, &there, &same));
    *taken = there && !same;
    if (status == DGXP_OK && !in->dry_run && !there) {
        status = px_beneath_create(folder, in->project->folder, px_file_name(place), bytes, size);
    }
    if (status == DGXP_OK && !in->dry_run && !*taken && unlink(path) != 0) {
        status = px_error_set(DGXP_ERR_IO, "%s: cannot remove it; it is copied to %s", path, place);
    }
    if (folder >= 0) {
        close(folder);
    }
    px_mem_free(parent);
    return status;
}

/* assets/sprites/a.dgxpx.json lies at dgx-pixels.recipes/sprites/a.json now. */
static dgxp_status look_at_sidecar(const walk *in, const char *path)
{
    const char *asset = shown(in, path);
    const size_t assets = strlen(in->project->assets);
    if (strncmp(asset, in->project->assets, assets) != 0 || asset[assets] != '/') {
        return DGXP_OK;
    }
    asset += assets + 1;
    char *png = px_mem_format("%.*s.png", (int)(strlen(asset) - strlen(OLD_SIDECAR)), asset);
    char *place = png ? px_sidecar_path(png) : NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool taken = false;
    dgxp_status status = place ? DGXP_OK : px_error_memory("a path");
    PX_NEXT(px_file_read(path, FILE_LIMIT, &bytes, &size));
    PX_NEXT(move(in, path, place, bytes, size, &taken));
    if (status == DGXP_OK) {
        add_entry(in, path, "recipe",
                  one_sentence(taken
                                   ? "recipes lie beside the assets now, and another one is there: "
                                     "keep one of the two"
                                   : "recipes lie beside the assets now, for games load and ship "
                                     "what is in them"),
                  taken ? "by-hand" : "move", place);
    }
    px_mem_free(bytes);
    px_mem_free(place);
    px_mem_free(png);
    return status;
}

/* A folder's batch that another version began cannot be gone on with: its seeds came of other things. */
static void look_at_batch(const walk *in, const char *folder)
{
    char *path = px_file_join(folder, PX_PROJECT_STATE "/batch.json");
    json_t *about = NULL;
    if (path && px_file_exists(path) && px_json_load(path, FILE_LIMIT, &about) == DGXP_OK) {
        const json_t *version = json_object_get(about, "version");
        if (json_is_integer(version) && json_integer_value(version) < BATCH_VERSION) {
            add_entry(in, folder, "batch",
                      one_sentence("begun when a line's seed came of the whole list: it cannot be "
                                   "gone on with, what it painted stays; begin anew in another "
                                   "folder, with \"seed\" in the lines that shall not change"),
                      "by-hand", NULL);
        }
    }
    px_error_clear();
    json_decref(about);
    px_mem_free(path);
}

/* ----------------------------------------------------------------------------------- the walk */

static bool is_skipped(const char *path)
{
    static const char *const names[] = {"target", "node_modules", "build", "__pycache__"};
    struct stat about;
    bool skipped = lstat(path, &about) != 0 || S_ISLNK(about.st_mode);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        skipped = skipped || (S_ISDIR(about.st_mode) && strcmp(px_file_name(path), names[i]) == 0);
    }
    return skipped;
}

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static bool visit(const char *path, void *user_data)
{
    walk *in = user_data;
    if (is_skipped(path)) {
        return false;
    }
    if (px_file_is_folder(path)) {
        if (in->depth < DEPTH) {
            in->depth++;
            look_at_batch(in, path);
            px_find_entries(path, visit, in);
            in->depth--;
        }
    } else if (in->project && ends_in(path, OLD_SIDECAR)) {
        in->status = look_at_sidecar(in, path);
    } else {
        in->status = look_at_text(in, path);
    }
    return in->status != DGXP_OK;
}

dgxp_status px_upgrade_look(const char *folder, json_t *files)
{
    walk in = {.folder = folder, .files = files, .dry_run = true};
    px_find_entries(folder, visit, &in);
    return in.status;
}

/* A project; a folder that is none; a file. */
static dgxp_status begin(const char *path, px_project *project, char **real)
{
    char *found = path ? realpath(path, NULL) : NULL;
    if (path && !found) {
        return px_error_set(DGXP_ERR_NOT_FOUND, "%s: is no file and no folder", path);
    }
    *real = found ? px_mem_text(found) : NULL;
    free(found); /* realpath's, so the system's free() */
    if (path && !*real) {
        return px_error_memory("a path");
    }
    dgxp_status status = px_project_open(*real, project);
    if (status == DGXP_OK) {
        px_mem_free(*real);
        *real = px_mem_text(project->folder);
        return *real ? DGXP_OK : px_error_memory("a path");
    }
    if (path && status == DGXP_ERR_NOT_FOUND) {
        px_error_clear();
        return DGXP_OK;
    }
    return status;
}

dgxp_status dgxp_upgrade(const char *path, int32_t dry_run, dgxp_document **out)
{
    px_project project = {.root = -1};
    char *real = NULL;
    px_error_clear();
    if (!out) {
        return px_error_begin("dgxp_upgrade", false, "out");
    }
    dgxp_status status = begin(path, &project, &real);
    if (status != DGXP_OK) {
        px_mem_free(real);
        return status;
    }
    json_t *about = json_object();
    walk in = {.folder = real,
               .project = project.folder ? &project : NULL,
               .files = json_array(),
               .dry_run = dry_run != 0};
    if (px_file_is_folder(real)) {
        look_at_batch(&in, real);
        px_find_entries(real, visit, &in);
    } else {
        in.status = look_at_text(&in, real);
    }
    px_json_put_text(about, "folder", real);
    px_json_put_boolean(about, "dry_run", dry_run != 0);
    px_json_put(about, "files", in.files);
    px_project_close(&project);
    px_mem_free(real);
    if (in.status != DGXP_OK) {
        json_decref(about);
        return in.status;
    }
    return px_json_document(about, out);
}
