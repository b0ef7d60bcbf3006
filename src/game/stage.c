/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files staged outside the assets and renamed in, with the versions before kept for undo. */
#include "game/stage.h"

#include "core/beneath.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------- open, close */

static dgxp_status take_guard(px_stage *stage)
{
    const double began = px_clock_now();
    stage->guard =
        openat(stage->state, "deploy.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (stage->guard < 0) {
        return px_error_set(DGXP_ERR_IO, "%s/" PX_PROJECT_STATE "/deploy.lock: cannot open: %s",
                            stage->project->folder, strerror(errno));
    }
    while (flock(stage->guard, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return px_error_set(DGXP_ERR_IO, "%s/" PX_PROJECT_STATE "/deploy.lock: %s",
                                stage->project->folder, strerror(errno));
        }
        if (px_clock_now() - began > PX_STAGE_WAIT) {
            return px_error_set(DGXP_ERR_BUSY,
                                "%s: another deployment has been running for %d s; wait for it",
                                stage->project->folder, PX_STAGE_WAIT);
        }
        usleep(20000);
    }
    return DGXP_OK;
}

/* With the guard held every file in staging is a dead process's. */
static void clear_staging(const px_stage *stage)
{
    const int copy = openat(stage->staging, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        if (entry->d_name[0] != '.') {
            unlinkat(stage->staging, entry->d_name, 0);
        }
    }
    if (list) {
        closedir(list);
    }
}

/* The folder ignores itself, so that nobody commits it. */
static void write_ignore(const px_stage *stage)
{
    if (faccessat(stage->state, ".gitignore", F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        px_beneath_create(stage->state, PX_PROJECT_STATE, ".gitignore", "*\n", 2);
        px_error_clear();
    }
}

dgxp_status px_stage_open(const px_project *project, px_stage *out)
{
    px_stage stage = {.project = project,
                      .assets = -1,
                      .state = -1,
                      .staging = -1,
                      .history = -1,
                      .guard = -1,
                      .shown = px_file_join(project->folder, project->assets)};
    const char *state = PX_PROJECT_STATE;
    dgxp_status status = stage.shown ? DGXP_OK : px_error_memory("a path");
    PX_NEXT(px_beneath_open(project->root, project->folder, project->assets, true, &stage.assets));
    PX_NEXT(px_beneath_enter(project->root, project->folder, state, true, &stage.state));
    PX_NEXT(px_beneath_enter(stage.state, state, "staging", true, &stage.staging));
    PX_NEXT(px_beneath_enter(stage.state, state, "history", true, &stage.history));
    PX_NEXT(take_guard(&stage));
    if (status == DGXP_OK) {
        write_ignore(&stage);
        clear_staging(&stage);
    }
    PX_NEXT(px_lock_load(project, &stage.entries));
    PX_NEXT(px_stage_recover(&stage));
    if (status != DGXP_OK) {
        px_stage_close(&stage);
        return status;
    }
    *out = stage;
    return DGXP_OK;
}

void px_stage_close(px_stage *stage)
{
    const int open_files[] = {stage->assets, stage->staging, stage->history, stage->state,
                              stage->guard};
    for (size_t i = 0; i < sizeof open_files / sizeof *open_files; i++) {
        if (open_files[i] >= 0) {
            close(open_files[i]);
        }
    }
    json_decref(stage->entries);
    px_mem_free(stage->shown);
    *stage = (px_stage){.assets = -1, .state = -1, .staging = -1, .history = -1, .guard = -1};
}

dgxp_status px_stage_load(const px_project *project, json_t **entries)
{
    *entries = NULL;
    if (px_stage_is_pending(project)) {
        px_stage stage;
        const dgxp_status status = px_stage_open(project, &stage); /* recovers */
        if (status != DGXP_OK) {
            return status;
        }
        px_stage_close(&stage);
    }
    return px_lock_load(project, entries);
}

/* -------------------------------------------------------------------------------------- check */

static dgxp_status decide(px_stage *stage, px_stage_write *write, bool found)
{
    if (!found) {
        write->act = PX_STAGE_NEW;
    } else if (strcmp(write->before, write->hash) == 0) {
        write->act = PX_STAGE_UNCHANGED;
    } else if (write->force || (write->owned && strcmp(write->before, write->owned) == 0)) {
        write->act = PX_STAGE_REPLACE;
    } else if (write->yields) {
        write->act = PX_STAGE_KEEP;
    } else if (write->owned) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s/%s: was changed since it was deployed; `force` replaces it (`undo` "
                            "brings it back)",
                            px_stage_shown(stage, write->path), write->path);
    } else {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s/%s: is there and was not deployed by dgx-pixels; choose another "
                            "name, or `force` replaces it (`undo` brings it back)",
                            px_stage_shown(stage, write->path), write->path);
    }
    return DGXP_OK;
}

static dgxp_status check_write(px_stage *stage, px_stage_write *write)
{
    int folder = -1;
    const char *name = NULL;
    px_hash_bytes(write->bytes, write->size, write->hash);
    write->before[0] = '\0';
    dgxp_status status = px_stage_folder(stage, write->path, false, &folder, &name);
    if (status == DGXP_ERR_NOT_FOUND) { /* a new folder: whether it may be made is seen later */
        px_error_clear();
        return decide(stage, write, false);
    }
    if (status == DGXP_OK) {
        status = px_stage_hash(stage, folder, name, write->before);
    }
    if (status == DGXP_OK && !write->before[0]) {
        status = px_beneath_alone(folder, px_stage_shown(stage, write->path), name);
    }
    if (status == DGXP_OK) {
        status = decide(stage, write, write->before[0] != '\0');
    }
    if (folder >= 0) {
        close(folder);
    }
    return status;
}

dgxp_status px_stage_check(px_stage *stage, px_stage_write *writes, size_t count)
{
    json_t *seen = json_object();
    dgxp_status status = seen ? DGXP_OK : px_error_memory("the list of files");
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        status = px_beneath_check(writes[i].path, false);
        char *key = px_beneath_key(writes[i].path);
        if (status == DGXP_OK && (!key || !seen)) {
            status = px_error_memory("the list of files");
        } else if (status == DGXP_OK && json_object_get(seen, key)) {
            status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                  "%s: two of the files would get this name (case and accents "
                                  "aside); deploy them apart",
                                  writes[i].path);
        } else if (status == DGXP_OK) {
            json_object_set_new(seen, key, json_true());
            status = check_write(stage, &writes[i]);
        }
        px_mem_free(key);
    }
    json_decref(seen);
    return status;
}

/* ------------------------------------------------------------------------------------- commit */

static dgxp_status stage_bytes(px_stage *stage, px_stage_write *write, size_t index)
{
    char name[48];
    snprintf(name, sizeof name, "%zu", index);
    const dgxp_status status = px_beneath_create(stage->staging, PX_PROJECT_STATE "/staging", name,
                                                 write->bytes, write->size);
    write->staged = status == DGXP_OK;
    return status;
}

/* A hard link keeps the very file that is replaced; where there are none, a copy of its bytes. */
static dgxp_status link_or_copy(const px_stage *stage, int from, const char *name, int to,
                                const char *kept)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    unlinkat(to, kept, 0);
    if (linkat(from, name, to, kept, 0) == 0) {
        return DGXP_OK;
    }
    dgxp_status status =
        px_beneath_read(from, stage->shown, name, PX_STAGE_FILE_MAX, &bytes, &size);
    if (status == DGXP_OK) {
        status = px_beneath_create(to, PX_PROJECT_STATE, kept, bytes, size);
    }
    px_mem_free(bytes);
    return status;
}

static dgxp_status keep_before(px_stage *stage, px_stage_write *write, int64_t number, size_t index)
{
    char kept[48], hash[PX_HASH_HEX];
    int folder = -1;
    const char *name = NULL;
    px_stage_kept_name(number, index, kept);
    dgxp_status status = px_stage_folder(stage, write->path, false, &folder, &name);
    if (status == DGXP_OK) {
        status = link_or_copy(stage, folder, name, stage->history, kept);
    }
    if (status == DGXP_OK) {
        write->kept = true;
        status = px_stage_hash(stage, stage->history, kept, hash);
    }
    if (status == DGXP_OK && strcmp(hash, write->before) != 0) {
        status = px_error_set(DGXP_ERR_MISMATCH, "%s/%s: is being changed right now; try again",
                              px_stage_shown(stage, write->path), write->path);
    }
    if (folder >= 0) {
        close(folder);
    }
    return status;
}

/* A name that came up meanwhile is never replaced: the kernel's own check where it has one. */
static int rename_new(int from, const char *name, int to, const char *target)
{
    if (renameat2(from, name, to, target, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != ENOSYS && errno != EINVAL) {
        return -1;
    }
    return linkat(from, name, to, target, 0) == 0 ? unlinkat(from, name, 0) : -1;
}

static dgxp_status move_in(px_stage *stage, px_stage_write *write, size_t index, int64_t number)
{
    char staged[48], kept[48];
    struct stat now, then;
    int folder = -1, failed;
    const char *name = NULL;
    snprintf(staged, sizeof staged, "%zu", index);
    px_stage_kept_name(number, index, kept);
    dgxp_status status = px_stage_folder(stage, write->path, true, &folder, &name);
    if (status != DGXP_OK) {
        return status;
    }
    if (write->act == PX_STAGE_NEW) {
        failed = rename_new(stage->staging, staged, folder, name);
    } else {
        failed = fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(now.st_mode) ||
                 fstatat(stage->history, kept, &then, AT_SYMLINK_NOFOLLOW) != 0;
        errno = failed ? ESTALE : 0;
        if (!failed && then.st_nlink > 1 && now.st_ino != then.st_ino) {
            failed = 1; /* swapped for another file since it was kept */
            errno = ESTALE;
        }
        failed = failed ? failed : renameat(stage->staging, staged, folder, name);
    }
    if (failed) {
        const bool changed = errno == EEXIST || errno == ESTALE;
        status = px_error_set(changed ? DGXP_ERR_MISMATCH : DGXP_ERR_IO, "%s/%s: %s",
                              px_stage_shown(stage, write->path), write->path,
                              changed          ? "is being changed right now; try again"
                              : errno == EXDEV ? "the assets lie on another disk than the project; "
                                                 "a file cannot be renamed in from outside them"
                                               : strerror(errno));
    } else {
        write->moved = true;
        write->staged = false;
        fsync(folder);
    }
    close(folder);
    return status;
}

/* Back to what was there: the kept version, or nothing. */
static void move_back(px_stage *stage, px_stage_write *write, size_t index, int64_t number)
{
    char kept[48];
    int folder = -1;
    const char *name = NULL;
    px_stage_kept_name(number, index, kept);
    if (px_stage_folder(stage, write->path, false, &folder, &name) == DGXP_OK) {
        if (write->act == PX_STAGE_NEW) {
            unlinkat(folder, name, 0);
        } else if (renameat(stage->history, kept, folder, name) == 0) {
            write->kept = false;
        }
        close(folder);
    }
}

static json_t *describe_writes(const px_stage_write *writes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const px_stage_write *write = &writes[i];
        if (write->act == PX_STAGE_NEW || write->act == PX_STAGE_REPLACE) {
            json_t *entry = json_object();
            px_json_put_integer(entry, "index", (int64_t)i);
            px_json_put_text(entry, "path", write->path);
            px_json_put_text(entry, "before", write->before[0] ? write->before : NULL);
            px_json_put_text(entry, "after", write->hash);
            px_json_append(list, entry);
        }
    }
    return list;
}

/* The entries of the changed paths as they are now. */
static json_t *entries_before(const px_stage *stage, const json_t *changes)
{
    json_t *before = json_object(), *entry;
    const char *path;
    json_object_foreach((json_t *)(uintptr_t)changes, path, entry)
    {
        json_t *now = json_object_get(stage->entries, path);
        px_json_put(before, path, now ? json_incref(now) : json_null());
    }
    return before;
}

/* The folders that the new files need and that are not there, each after the one it lies in. */
static json_t *folders_to_make(const px_stage *stage, const px_stage_write *writes, size_t count)
{
    json_t *seen = json_object(), *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *path = writes[i].path, *slash = path;
        while (writes[i].act == PX_STAGE_NEW && (slash = strchr(slash, '/')) != NULL) {
            char folder[PX_BENEATH_PATH_MAX + 1] = "";
            int fd = -1;
            memcpy(folder, path, (size_t)(slash++ - path));
            if (!json_object_get(seen, folder) &&
                px_stage_open_folder(stage, path, folder, false, &fd) == DGXP_ERR_NOT_FOUND) {
                px_json_append(list, json_string(folder));
            }
            px_json_put_boolean(seen, folder, true);
            if (fd >= 0) {
                close(fd);
            }
        }
    }
    px_error_clear();
    json_decref(seen);
    return list;
}

static dgxp_status write_record(px_stage *stage, const px_stage_write *writes, size_t count,
                                const json_t *changes, json_t *folders, int64_t number)
{
    char name[48];
    json_t *record = json_object();
    const bool fits = px_json_put_integer(record, "format", 1) &&
                      px_json_put_integer(record, "number", number) &&
                      px_json_put(record, "writes", describe_writes(writes, count)) &&
                      px_json_put(record, "folders", json_incref(folders)) &&
                      px_json_put(record, "before", entries_before(stage, changes)) &&
                      px_json_put(record, "after", json_deep_copy(changes));
    char *text = fits ? px_json_print(record) : NULL;
    dgxp_status status = text ? DGXP_OK : px_error_memory("the record");
    px_stage_record_name(number, true, name);
    if (status == DGXP_OK) {
        status = px_beneath_create(stage->history, PX_PROJECT_STATE "/history", name, text,
                                   strlen(text));
    }
    px_mem_free(text);
    json_decref(record);
    return status;
}

/* Deployments that are too old to be undone. */
static void prune(const px_stage *stage)
{
    const int copy = openat(stage->history, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        const long long number = strtoll(entry->d_name, NULL, 10);
        if (number > 0 && number <= PX_STAGE_NUMBER_MAX &&
            number <= stage->newest - PX_STAGE_KEPT) {
            unlinkat(stage->history, entry->d_name, 0);
        }
    }
    if (list) {
        closedir(list);
    }
}

static dgxp_status finish(px_stage *stage, const json_t *changes, int64_t number)
{
    char pending[48], done[48];
    json_t *record = json_pack("{sO}", "after", (json_t *)(uintptr_t)changes);
    json_t *merged = json_copy(stage->entries);
    dgxp_status status = record && merged ? px_stage_merge(merged, record, "after")
                                          : px_error_memory("the lock file");
    status = status == DGXP_OK ? px_stage_adopt(stage, &merged) : status;
    if (status == DGXP_OK) {
        px_stage_record_name(number, true, pending);
        px_stage_record_name(number, false, done);
        renameat(stage->history, pending, stage->history, done);
        fsync(stage->history);
        fsync(stage->project->root);
        stage->newest = number;
        prune(stage);
    }
    json_decref(merged);
    json_decref(record);
    return status;
}

static bool writes_anything(const px_stage_write *write)
{
    return write->act == PX_STAGE_NEW || write->act == PX_STAGE_REPLACE;
}

static void forget(px_stage *stage, px_stage_write *writes, size_t count, const json_t *folders,
                   int64_t number)
{
    char name[48];
    for (size_t i = count; i-- > 0;) {
        if (writes[i].moved) {
            move_back(stage, &writes[i], i, number);
        }
        if (writes[i].staged) {
            snprintf(name, sizeof name, "%zu", i);
            unlinkat(stage->staging, name, 0);
        }
        if (writes[i].kept) {
            px_stage_kept_name(number, i, name);
            unlinkat(stage->history, name, 0);
        }
    }
    px_stage_clear(stage, folders);
    px_stage_record_name(number, true, name);
    unlinkat(stage->history, name, 0);
}

dgxp_status px_stage_commit(px_stage *stage, px_stage_write *writes, size_t count,
                            const json_t *changes, int64_t *number)
{
    const int64_t mine = stage->newest + 1;
    bool anything = json_object_size(changes) > 0;
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < count; i++) {
        writes[i].staged = writes[i].kept = writes[i].moved = false;
        anything = anything || writes_anything(&writes[i]);
    }
    *number = 0;
    if (!anything) {
        return DGXP_OK;
    }
    json_t *folders = folders_to_make(stage, writes, count);
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        status = writes_anything(&writes[i]) ? stage_bytes(stage, &writes[i], i) : DGXP_OK;
    }
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        status =
            writes[i].act == PX_STAGE_REPLACE ? keep_before(stage, &writes[i], mine, i) : DGXP_OK;
    }
    if (status == DGXP_OK) {
        status = write_record(stage, writes, count, changes, folders, mine);
    }
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        status = writes_anything(&writes[i]) ? move_in(stage, &writes[i], i, mine) : DGXP_OK;
    }
    if (status == DGXP_OK) {
        status = finish(stage, changes, mine);
    }
    if (status != DGXP_OK) {
        char text[1024];
        snprintf(text, sizeof text, "%s", dgxp_last_error());
        forget(stage, writes, count, folders, mine);
        px_error_set(status, "%s", text);
    }
    json_decref(folders);
    *number = status == DGXP_OK ? mine : 0;
    return status;
}
