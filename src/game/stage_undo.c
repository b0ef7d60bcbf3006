/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Deployments taken back, and those that a killed process left half done. */
#include "game/stage.h"

#include "core/beneath.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_LIMIT = 256 << 20 };

dgxp_status px_stage_record(const px_stage *stage, const char *name, json_t **record)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_status status = px_beneath_read(stage->history, PX_PROJECT_STATE "/history", name,
                                         RECORD_LIMIT, &bytes, &size);
    if (status == DGXP_OK) {
        status = px_json_parse(name, bytes, size, record);
    }
    px_mem_free(bytes);
    return status;
}

dgxp_status px_stage_merge(json_t *entries, const json_t *record, const char *side)
{
    const char *path;
    json_t *entry, *changes = json_object_get(record, side);
    json_object_foreach(changes, path, entry)
    {
        if (json_is_null(entry)) {
            json_object_del(entries, path);
        } else if (json_object_set(entries, path, entry)) {
            return px_error_memory("the lock file");
        }
    }
    return DGXP_OK;
}

/* The newest deployment's number and whether it is still pending; 0 = none. */
static int64_t find_newest(const px_stage *stage, bool *pending)
{
    int64_t newest = 0;
    const int copy = openat(stage->history, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    *pending = false;
    for (struct dirent *entry; list && (entry = readdir(list));) {
        char done[48], begun[48];
        const long long number = strtoll(entry->d_name, NULL, 10);
        if (number < 1 || number > PX_STAGE_NUMBER_MAX) {
            continue; /* a name that nobody counted up to */
        }
        px_stage_record_name(number, false, done);
        px_stage_record_name(number, true, begun);
        if (number > newest &&
            (strcmp(entry->d_name, done) == 0 || strcmp(entry->d_name, begun) == 0)) {
            newest = number;
            *pending = strcmp(entry->d_name, begun) == 0;
        }
    }
    if (list) {
        closedir(list);
    }
    return newest;
}

/* The fields of a record's write, which a person may have edited: all are checked. */
static dgxp_status read_write(const px_json *writes, size_t i, int64_t *index, const char **path,
                              const char **before, const char **after)
{
    px_json write;
    *index = 0;
    *path = *before = *after = NULL;
    dgxp_status status = px_json_element_object(writes, i, &write);
    PX_NEXT(px_json_integer(&write, "index", PX_JSON_REQUIRED, 0, 1 << 20, index));
    PX_NEXT(px_json_text(&write, "path", PX_JSON_REQUIRED, PX_BENEATH_PATH_MAX, path));
    PX_NEXT(px_json_text(&write, "before", PX_JSON_OPTIONAL, 64, before));
    PX_NEXT(px_json_text(&write, "after", PX_JSON_REQUIRED, 64, after));
    return status;
}

static dgxp_status open_writes(const char *name, const json_t *record, px_json *writes)
{
    px_json root;
    dgxp_status status = px_json_root(name, record, &root);
    return status == DGXP_OK ? px_json_array(&root, "writes", PX_JSON_REQUIRED, 1 << 20, writes)
                             : status;
}

static dgxp_status hash_of(const px_stage *stage, const char *path, char hash[PX_HASH_HEX])
{
    int folder = -1;
    const char *name = NULL;
    dgxp_status status = px_stage_folder(stage, path, false, &folder, &name);
    hash[0] = '\0';
    if (status == DGXP_ERR_NOT_FOUND) {
        px_error_clear();
        return DGXP_OK;
    }
    if (status == DGXP_OK) {
        status = px_stage_hash(stage, folder, name, hash);
        close(folder);
    }
    return status;
}

/* ----------------------------------------------------------------------------------- recovery */

/*
 * A killed deployment moved some of its files in, all of them or none.  Those that are there are
 * ours: the lock gets their entries, and the record becomes one that --undo takes back.
 */
static dgxp_status adopt(px_stage *stage, const char *name, int64_t number)
{
    json_t *record = NULL, *merged = json_copy(stage->entries);
    px_json writes = {0};
    char done[48];
    dgxp_status status = px_stage_record(stage, name, &record);
    if (status == DGXP_OK) {
        status = open_writes(name, record, &writes);
    }
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&writes); i++) {
        const char *path, *before, *after;
        int64_t index;
        char hash[PX_HASH_HEX] = "";
        status = read_write(&writes, i, &index, &path, &before, &after);
        if (status == DGXP_OK) {
            status = hash_of(stage, path, hash);
        }
        json_t *entry = json_object_get(json_object_get(record, "after"), path);
        if (status == DGXP_OK && entry && strcmp(hash, after) == 0) {
            json_object_set(merged, path, entry);
        }
    }
    status = status == DGXP_OK ? px_stage_adopt(stage, &merged) : status;
    if (status == DGXP_OK) {
        px_stage_record_name(number, false, done);
        renameat(stage->history, name, stage->history, done);
    }
    json_decref(merged);
    json_decref(record);
    return status;
}

dgxp_status px_stage_recover(px_stage *stage)
{
    bool pending;
    char name[48];
    stage->newest = find_newest(stage, &pending);
    if (!pending) {
        return DGXP_OK;
    }
    px_stage_record_name(stage->newest, true, name);
    dgxp_status status = adopt(stage, name, stage->newest);
    if (status ==
        DGXP_ERR_BAD_FORMAT) { /* killed while the record was written: nothing moved yet */
        px_error_clear();
        unlinkat(stage->history, name, 0);
        status = DGXP_OK;
    }
    return status;
}

bool px_stage_is_pending(const px_project *project)
{
    px_stage look = {.history = -1};
    int state = -1;
    bool pending = false;
    dgxp_status status =
        px_beneath_enter(project->root, project->folder, PX_PROJECT_STATE, false, &state);
    if (status == DGXP_OK) {
        status = px_beneath_enter(state, PX_PROJECT_STATE, "history", false, &look.history);
    }
    if (status == DGXP_OK) {
        find_newest(&look, &pending);
    }
    if (look.history >= 0) {
        close(look.history);
    }
    if (state >= 0) {
        close(state);
    }
    px_error_clear(); /* no folder: nothing was ever deployed */
    return pending;
}

/* --------------------------------------------------------------------------------------- undo */

/* A file that was changed since belongs to somebody else now. */
static dgxp_status check_undo(const px_stage *stage, const px_json *writes, bool force)
{
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(writes); i++) {
        const char *path, *before, *after;
        int64_t index;
        char hash[PX_HASH_HEX] = "";
        status = read_write(writes, i, &index, &path, &before, &after);
        if (status == DGXP_OK) {
            status = hash_of(stage, path, hash);
        }
        const bool undone = strcmp(hash, before ? before : "") == 0;
        if (status == DGXP_OK && !force && !undone && strcmp(hash, after) != 0) {
            status =
                px_error_set(DGXP_ERR_MISMATCH,
                             "%s/%s: was %s since it was deployed; `undo` with `force` takes the "
                             "deployment back all the same",
                             px_stage_shown(stage, path), path, hash[0] ? "changed" : "removed");
        }
    }
    return status;
}

static dgxp_status restore(px_stage *stage, int64_t number, const px_json *writes, size_t i)
{
    const char *path, *before, *after, *name = NULL;
    int64_t index = 0;
    char kept[48], hash[PX_HASH_HEX] = "";
    uint8_t *bytes = NULL;
    size_t size = 0;
    int folder = -1;
    dgxp_status status = read_write(writes, i, &index, &path, &before, &after);
    if (status == DGXP_OK) {
        status = px_stage_folder(stage, path, before != NULL, &folder, &name);
    }
    if (status == DGXP_ERR_NOT_FOUND) { /* its folder is gone, and so is the file */
        px_error_clear();
        return DGXP_OK;
    }
    if (status == DGXP_OK) {
        status = px_stage_hash(stage, folder, name, hash);
    }
    if (status == DGXP_OK && !before) {
        if (hash[0] && unlinkat(folder, name, 0) != 0) {
            status = px_error_set(DGXP_ERR_IO, "%s/%s: cannot remove: %s",
                                  px_stage_shown(stage, path), path, strerror(errno));
        }
    } else if (status == DGXP_OK && strcmp(hash, before) != 0) {
        px_stage_kept_name(number, (size_t)index, kept);
        status = px_beneath_read(stage->history, PX_PROJECT_STATE "/history", kept, 1 << 30, &bytes,
                                 &size);
        if (status == DGXP_OK) {
            status =
                px_beneath_create(stage->staging, PX_PROJECT_STATE "/staging", "undo", bytes, size);
        }
        if (status == DGXP_OK && renameat(stage->staging, "undo", folder, name) != 0) {
            status = px_error_set(DGXP_ERR_IO, "%s/%s: cannot replace: %s",
                                  px_stage_shown(stage, path), path, strerror(errno));
            unlinkat(stage->staging, "undo", 0);
        }
    }
    px_mem_free(bytes);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    return status;
}

/* The record and what it kept; the record last, so that a killed undo can be repeated. */
static void drop(px_stage *stage, int64_t number, const char *record)
{
    char prefix[48];
    px_stage_kept_name(number, 0, prefix);
    const size_t length = strlen(prefix) - 1; /* up to and with the dash */
    const int copy = openat(stage->history, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        if (strncmp(entry->d_name, prefix, length) == 0) {
            unlinkat(stage->history, entry->d_name, 0);
        }
    }
    if (list) {
        closedir(list);
    }
    unlinkat(stage->history, record, 0);
}

void px_stage_clear(const px_stage *stage, const json_t *folders)
{
    for (size_t i = json_array_size(folders); i-- > 0;) {
        const char *path = json_string_value(json_array_get(folders, i)), *name = NULL;
        int parent = -1;
        if (path && px_stage_folder(stage, path, false, &parent, &name) == DGXP_OK) {
            unlinkat(parent, name, AT_REMOVEDIR); /* stays when somebody put a file of theirs in */
            close(parent);
        }
    }
    px_error_clear();
}

dgxp_status px_stage_undo(px_stage *stage, bool force, json_t **record)
{
    char name[48];
    json_t *found = NULL, *merged = json_copy(stage->entries);
    px_json writes = {0};
    if (stage->newest == 0) {
        json_decref(merged);
        return px_error_set(DGXP_ERR_NOT_FOUND, "%s: no deployment to undo",
                            stage->project->folder);
    }
    px_stage_record_name(stage->newest, false, name);
    dgxp_status status = px_stage_record(stage, name, &found);
    PX_NEXT(open_writes(name, found, &writes));
    PX_NEXT(check_undo(stage, &writes, force));
    for (size_t i = px_json_count(&writes); i-- > 0;) { /* pictures before their .meta */
        PX_NEXT(restore(stage, stage->newest, &writes, i));
    }
    PX_NEXT(px_stage_merge(merged, found, "before"));
    PX_NEXT(px_lock_save(stage->project, stage->staging, merged));
    if (status == DGXP_OK) {
        json_t *old = stage->entries;
        stage->entries = merged;
        merged = old;
        px_stage_clear(stage, json_object_get(found, "folders"));
        drop(stage, stage->newest, name);
        stage->newest--;
        *record = found;
        found = NULL;
    }
    json_decref(found);
    json_decref(merged);
    return status;
}
