/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A batch in its folder: what is wished for, what is done, who works on it. */
#include "batch/batch.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "core/rng.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MANIFEST_LIMIT = 1 << 30,
    IDENTITY_LIMIT = 1 << 20,
    THREADS_LIMIT = 16,
    SHARDS_LIMIT = 65536
};

#define STATE ".dgx-pixels"

/* --------------------------------------------------------------------------------- folders */

static dgxp_status make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && px_file_is_folder(path))) {
        return DGXP_OK;
    }
    return px_error_set(errno == ENOENT ? DGXP_ERR_NOT_FOUND : DGXP_ERR_IO,
                        "%s: cannot make the folder: %s", path, strerror(errno));
}

static dgxp_status make_folders(dgxp_batch *batch)
{
    dgxp_status status = make_folder(batch->output);
    return status == DGXP_OK ? make_folder(batch->state) : status;
}

/* What processes that died left half written; only while nobody else works here. */
static void clear_temporary(const dgxp_batch *batch)
{
    DIR *folder = opendir(batch->temporary);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder) {
        closedir(folder);
    }
}

/* -------------------------------------------------------------------------------- identity */

/* What must be the same each time somebody works in this folder, or groups and seeds would differ.
 */
static json_t *make_identity(const dgxp_batch *batch, const dgxp_batch_params *params,
                             const json_t *defaults)
{
    json_t *about = json_object(), *matrix = json_array();
    bool fine =
        px_json_put_text(about, "format", "dgx-pixels-batch") &&
        px_json_put_integer(about, "version", 3) &&
        px_json_put_text(about, "manifest", px_manifest_hash(batch->manifest)) &&
        px_json_put_integer(about, "pictures", px_manifest_pictures(batch->manifest)) &&
        px_json_put_integer(about, "batch", batch->group) &&
        px_json_put_integer(about, "scale", batch->scale) &&
        px_json_put_text(about, "model", params->model) &&
        px_json_put(about, "seed",
                    params->has_seed ? json_integer((json_int_t)params->seed) : json_null());
    for (int32_t i = 0; i < params->matrix_count && fine; i++) {
        fine = px_json_append(matrix, json_string(params->matrix[i]));
    }
    fine = px_json_put(about, "matrix", matrix) && fine;
    fine =
        fine && px_json_put(about, "defaults", defaults ? json_deep_copy(defaults) : json_object());
    if (!fine) {
        json_decref(about);
        return NULL;
    }
    return about;
}

/* `*edited` (or NULL, when that is refused too): only the list itself is another one. */
static dgxp_status compare_identity(const char *path, const json_t *ours, bool *edited)
{
    json_t *theirs = NULL;
    const dgxp_status status = px_json_load(path, IDENTITY_LIMIT, &theirs);
    const char *name, *differs = NULL;
    json_t *value;
    bool list = false;
    if (status != DGXP_OK) {
        return status;
    }
    json_object_foreach((json_t *)(uintptr_t)ours, name, value)
    {
        const bool equal = json_equal(value, json_object_get(theirs, name));
        const bool of_list = strcmp(name, "manifest") == 0 || strcmp(name, "pictures") == 0;
        list = list || (!equal && of_list);
        differs = differs || equal || (edited && of_list) ? differs : name;
    }
    json_decref(theirs);
    if (differs) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: this folder's batch was begun with other settings ('%s' differs); "
                            "go on as it was begun, or take another folder",
                            path, differs);
    }
    if (edited) {
        *edited = list;
    }
    return DGXP_OK;
}

static dgxp_status write_identity(const char *path, const json_t *identity)
{
    char *text = px_json_dump(identity, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    const dgxp_status status =
        text ? px_file_write(path, text, strlen(text)) : px_error_memory(path);
    px_mem_free(text);
    return status;
}

/* The list may have been edited since: what its lines still ask for is kept. */
static dgxp_status go_on(dgxp_batch *batch, const dgxp_batch_params *params, const char *path,
                         const json_t *identity)
{
    bool edited = false;
    dgxp_status status = compare_identity(path, identity, &edited);
    if (status == DGXP_OK && edited && !params->resume) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: this folder's batch was begun with another list ('manifest' "
                            "differs): `resume` keeps the pictures of lines that did not change",
                            path);
    }
    if (status == DGXP_OK && edited) {
        status = px_batch_adopt(batch);
        status = status == DGXP_OK ? write_identity(path, identity) : status;
    }
    return status;
}

/* --------------------------------------------------------------------------------- resuming */

static bool is_group_finished(const dgxp_batch *batch, int32_t group)
{
    int32_t pictures[PX_MANIFEST_GROUP];
    const int32_t count = px_manifest_group(batch->manifest, group, pictures);
    bool finished = true;
    for (int32_t i = 0; i < count; i++) {
        finished = finished && batch->pictures[pictures[i]] == PX_BATCH_FINISHED;
    }
    return finished;
}

/* Only one process is here: mend the journals, drop leftovers, say what is done. */
static dgxp_status put_in_order(dgxp_batch *batch)
{
    const int32_t count = px_manifest_groups(batch->manifest);
    bool *done = px_mem_zero((size_t)count, sizeof *done);
    dgxp_status status = done ? px_batch_refresh(batch) : px_error_memory("the list of batches");
    if (status == DGXP_OK && batch->broken) {
        status = px_journal_repair(batch->state);
    }
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        done[i] = is_group_finished(batch, i);
    }
    status = status == DGXP_OK ? px_claims_reset(batch->claims, done, count) : status;
    px_mem_free(done);
    return status;
}

static dgxp_status enter(dgxp_batch *batch, const dgxp_batch_params *params, const json_t *identity)
{
    bool alone = false;
    char *path = px_file_join(batch->state, "batch.json");
    dgxp_status status = path ? make_folders(batch) : px_error_memory("a path");
    const int32_t count = px_manifest_groups(batch->manifest);
    status = status == DGXP_OK ? px_claims_open(batch->state, &batch->claims, &alone) : status;
    if (status == DGXP_OK && alone) {
        clear_temporary(batch);
        if (px_file_exists(path)) {
            status = go_on(batch, params, path, identity);
        } else {
            status = write_identity(path, identity);
        }
        status = status == DGXP_OK ? put_in_order(batch) : status;
        if (status == DGXP_OK && batch->finished && !params->resume && !batch->shards) {
            status =
                px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                             "%s: holds this batch already, %d of %d pictures: `resume` goes "
                             "on with it",
                             batch->output, batch->finished, px_manifest_pictures(batch->manifest));
        }
        status = status == DGXP_OK ? px_claims_join(batch->claims, count) : status;
    } else if (status == DGXP_OK) {
        status = px_claims_join(batch->claims, count);
        status = status == DGXP_OK ? compare_identity(path, identity, NULL) : status;
        status = status == DGXP_OK ? px_batch_refresh(batch) : status;
    }
    /* Not before: the last one to leave takes the folder with it. */
    status = status == DGXP_OK ? make_folder(batch->temporary) : status;
    if (status == DGXP_OK && batch->shards) {
        status = px_claims_take_shard(batch->claims, batch->shard, batch->shards);
    }
    px_mem_free(path);
    return status;
}

/* ----------------------------------------------------------------------------------- handle */

static dgxp_status check_range(const char *what, int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high
               ? DGXP_OK
               : px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s %d: must be %d to %d", what, value,
                              low, high);
}

static dgxp_status check_params(const dgxp_batch_params *params)
{
    if (!params->manifest || (!params->output && !params->dry_run)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_batch_open: %s is NULL",
                            params->manifest ? "output" : "manifest");
    }
    dgxp_status status = check_range("batch", params->batch, 0, PX_MANIFEST_GROUP);
    status = status == DGXP_OK ? check_range("threads", params->threads, 0, THREADS_LIMIT) : status;
    status = status == DGXP_OK ? check_range("scale", params->scale, 0, 64) : status;
    status = status == DGXP_OK ? check_range("shards", params->shards, 0, SHARDS_LIMIT) : status;
    return status == DGXP_OK && params->shards
               ? check_range("shard", params->shard, 1, params->shards)
               : status;
}

static dgxp_status read_manifest(dgxp_batch *batch, const dgxp_batch_params *params,
                                 const json_t *defaults)
{
    const px_manifest_params wanted = {.name = params->manifest,
                                       .wildcards = params->wildcards,
                                       .defaults = defaults,
                                       .matrix = params->matrix,
                                       .matrix_count = params->matrix_count,
                                       .group = batch->group,
                                       .has_seed = params->has_seed != 0,
                                       .seed = params->seed,
                                       .tolerant = batch->tolerant};
    uint8_t *bytes = NULL;
    size_t size = params->text_size;
    dgxp_status status =
        params->text ? DGXP_OK : px_file_read(params->manifest, MANIFEST_LIMIT, &bytes, &size);
    if (status == DGXP_OK) {
        status = px_manifest_create(params->text ? params->text : (const char *)bytes, size,
                                    &wanted, &batch->manifest);
    }
    px_mem_free(bytes);
    return status;
}

static dgxp_status set_up(dgxp_batch *batch, const dgxp_batch_params *params)
{
    batch->group = params->batch ? params->batch : 1;
    batch->threads = params->threads ? params->threads : 2;
    batch->scale = params->scale ? params->scale : 1;
    batch->shard = params->shard;
    batch->shards = params->shards;
    batch->tolerant = params->continue_on_error != 0;
    batch->verify = params->verify != 0;
    batch->matrix = params->matrix_count > 0;
    batch->contact = params->contact != 0 || batch->matrix;
    batch->output = px_mem_text(params->output ? params->output : "");
    batch->state = batch->output ? px_file_join(batch->output, STATE) : NULL;
    batch->temporary = batch->state ? px_file_join(batch->state, "tmp") : NULL;
    return batch->temporary ? px_rng_seed(&batch->token) : px_error_memory("a batch");
}

dgxp_status dgxp_batch_open(const dgxp_batch_params *given, dgxp_batch **out)
{
    dgxp_batch_params p;
    const dgxp_batch_params *const params = &p;
    json_t *defaults = NULL, *identity = NULL;
    px_error_clear();
    dgxp_status status = px_params_read("dgxp_batch_open", given, &p, sizeof p);
    status = status == DGXP_OK ? check_params(params) : status;
    if (status != DGXP_OK) {
        return status;
    }
    dgxp_batch *batch = px_mem_zero(1, sizeof *batch);
    status = batch ? set_up(batch, params) : px_error_memory("a batch");
    if (status == DGXP_OK && params->defaults) {
        status =
            px_json_parse("the defaults", params->defaults, strlen(params->defaults), &defaults);
    }
    status = status == DGXP_OK ? read_manifest(batch, params, defaults) : status;
    if (status == DGXP_OK) {
        batch->pictures = px_mem_zero((size_t)px_manifest_pictures(batch->manifest), 1);
        identity = make_identity(batch, params, defaults);
        status = batch->pictures && identity ? DGXP_OK : px_error_memory("a batch");
    }
    if (status == DGXP_OK && !params->dry_run) {
        status = enter(batch, params, identity);
    }
    json_decref(identity);
    json_decref(defaults);
    if (status != DGXP_OK) {
        dgxp_batch_free(batch);
        return status;
    }
    *out = batch;
    return DGXP_OK;
}

int32_t dgxp_batch_left(const dgxp_batch *batch)
{
    return batch ? px_manifest_pictures(batch->manifest) - batch->finished : 0;
}

void dgxp_batch_free(dgxp_batch *batch)
{
    if (!batch) {
        return;
    }
    px_journal_close(batch->journal);
    if (batch->claims && px_claims_last(batch->claims)) {
        clear_temporary(batch);
        rmdir(batch->temporary);
    }
    px_claims_free(batch->claims);
    px_manifest_free(batch->manifest);
    px_mem_free(batch->pictures);
    px_mem_free(batch->output);
    px_mem_free(batch->state);
    px_mem_free(batch->temporary);
    px_mem_free(batch);
}

static dgxp_status append_wish(const dgxp_batch *batch, int32_t picture, json_t *list)
{
    px_wish wish = {NULL, NULL, NULL};
    const dgxp_status status = px_manifest_wish(batch->manifest, picture, &wish);
    if (status != DGXP_OK) {
        return status;
    }
    json_t *entry = json_object();
    const bool fine =
        px_json_put_integer(entry, "line", px_manifest_line(batch->manifest, picture)) &&
        px_json_put_text(entry, "name", wish.name) &&
        px_json_put(entry, "request", json_incref(wish.request)) && px_json_append(list, entry);
    px_wish_free(&wish);
    return fine ? DGXP_OK : px_error_memory("a description");
}

dgxp_status dgxp_batch_describe(const dgxp_batch *batch, int32_t first, int32_t count,
                                dgxp_document **out)
{
    if (!(batch && out)) {
        return px_error_begin("dgxp_batch_describe", false, "a batch and out");
    }
    px_error_clear();
    const px_manifest *m = batch->manifest;
    json_t *about = json_object(), *list = json_array();
    bool fine = px_json_put_integer(about, "lines", px_manifest_lines(m)) &&
                px_json_put_integer(about, "pictures", px_manifest_pictures(m)) &&
                px_json_put_integer(about, "batches", px_manifest_groups(m)) &&
                px_json_put_integer(about, "finished", batch->finished);
    dgxp_status status = DGXP_OK;
    for (int32_t i = first; i < first + count && i < px_manifest_pictures(m) && status == DGXP_OK;
         i++) {
        status = append_wish(batch, i, list);
    }
    fine = px_json_put(about, "wishes", list) && fine;
    if (status == DGXP_OK && fine) {
        return px_json_document(about, out);
    }
    json_decref(about);
    return status == DGXP_OK ? px_error_memory("a description") : status;
}
