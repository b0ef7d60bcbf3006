/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a folder's journals tell of a batch's pictures, also when its list was edited since. */
#include "batch/batch.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_intact(const dgxp_batch *batch, const json_t *picture)
{
    const char *name = json_string_value(json_object_get(picture, "name"));
    const char *wanted = json_string_value(json_object_get(picture, "sha256"));
    struct stat about;
    char hex[PX_HASH_HEX];
    if (!name || strchr(name, '/')) {
        return false;
    }
    char *path = px_file_join(batch->output, name);
    bool intact = path && stat(path, &about) == 0 && S_ISREG(about.st_mode) &&
                  about.st_size == json_integer_value(json_object_get(picture, "bytes"));
    if (intact && batch->verify) {
        intact = wanted && px_hash_file(path, NULL, hex) == DGXP_OK && strcmp(hex, wanted) == 0;
        px_error_clear();
    }
    px_mem_free(path);
    return intact;
}

/* Numbers of pictures mean something in their own list only. */
static bool is_of_list(const dgxp_batch *batch, const json_t *record)
{
    const char *list = json_string_value(json_object_get(record, "list"));
    return list && strcmp(list, px_manifest_hash(batch->manifest)) == 0;
}

static dgxp_status read_record(const json_t *record, void *user_data)
{
    dgxp_batch *batch = user_data;
    size_t i;
    json_t *picture;
    if (!is_of_list(batch, record)) {
        return DGXP_OK;
    }
    json_array_foreach(json_object_get(record, "pictures"), i, picture)
    {
        const json_int_t index = json_integer_value(json_object_get(picture, "picture")) - 1;
        if (index < 0 || index >= px_manifest_pictures(batch->manifest) ||
            batch->pictures[index] == PX_BATCH_FINISHED) {
            continue;
        }
        const bool intact = is_intact(batch, picture);
        batch->pictures[index] = intact ? PX_BATCH_FINISHED : PX_BATCH_DAMAGED;
        batch->finished += intact;
    }
    return DGXP_OK;
}

dgxp_status px_batch_refresh(dgxp_batch *batch)
{
    batch->broken = 0;
    return px_journal_read_all(batch->state, read_record, batch, &batch->broken);
}

/* ------------------------------------------------------------------------- an edited list */

typedef struct memory {
    json_t *painted; /* a request's hash: [entries of journals] */
    json_t *names;   /* of files that this folder's batches wrote */
} memory;

static dgxp_status remember(const json_t *record, void *user_data)
{
    memory *all = user_data;
    size_t i;
    json_t *picture;
    json_array_foreach(json_object_get(record, "pictures"), i, picture)
    {
        const char *request = json_string_value(json_object_get(picture, "request"));
        const char *name = json_string_value(json_object_get(picture, "name"));
        if (!request || !name) {
            continue;
        }
        json_t *equal = json_object_get(all->painted, request);
        if (!equal) {
            equal = json_array();
            if (!px_json_put(all->painted, request, equal)) {
                return px_error_memory("a journal");
            }
        }
        if (!px_json_append(equal, json_incref(picture)) ||
            !px_json_put(all->names, name, json_true())) {
            return px_error_memory("a journal");
        }
    }
    return DGXP_OK;
}

/* Gives an earlier picture the name that it has in this list; false when another file has that. */
static bool move(const dgxp_batch *batch, const char *from, const char *to)
{
    char *old = px_file_join(batch->output, from), *new = px_file_join(batch->output, to);
    const bool moved =
        strcmp(from, to) == 0 || (old && new && !px_file_exists(new) && rename(old, new) == 0);
    px_mem_free(old);
    px_mem_free(new);
    return moved;
}

/* The first of the equal pictures that is whole and takes the name; it is nobody else's then. */
static json_t *take(const dgxp_batch *batch, json_t *equal, const char *name)
{
    for (size_t i = 0; i < json_array_size(equal); i++) {
        json_t *entry = json_array_get(equal, i);
        if (is_intact(batch, entry) &&
            move(batch, json_string_value(json_object_get(entry, "name")), name)) {
            json_t *taken = json_copy(entry);
            json_array_remove(equal, i);
            return taken;
        }
    }
    return NULL;
}

/* What there is of one picture, into `found`: whole, or a file of ours that is to be replaced. */
static dgxp_status adopt_picture(const dgxp_batch *batch, int32_t picture, const memory *all,
                                 json_t *found)
{
    px_wish wish = {NULL, NULL, NULL};
    char hex[PX_HASH_HEX];
    if (px_manifest_wish(batch->manifest, picture, &wish) != DGXP_OK) {
        px_error_clear(); /* told when its turn comes */
        return DGXP_OK;
    }
    dgxp_status status = px_wish_hash(&wish, hex);
    json_t *entry =
        status == DGXP_OK ? take(batch, json_object_get(all->painted, hex), wish.name) : NULL;
    if (!entry && status == DGXP_OK && json_object_get(all->names, wish.name)) {
        entry = json_object();
        px_json_put_integer(entry, "bytes", -1);
    }
    if (entry) {
        const bool fine =
            px_json_put_integer(entry, "picture", picture + 1) &&
            px_json_put_integer(entry, "line", px_manifest_line(batch->manifest, picture)) &&
            px_json_put_text(entry, "name", wish.name) && px_json_append(found, entry);
        status = fine ? DGXP_OK : px_error_memory("a journal");
    }
    px_wish_free(&wish);
    return status;
}

dgxp_status px_batch_adopt(dgxp_batch *batch)
{
    memory all = {json_object(), json_object()};
    json_t *found = json_array();
    px_journal *journal = NULL;
    size_t broken = 0;
    dgxp_status status = all.painted && all.names && found
                             ? px_journal_read_all(batch->state, remember, &all, &broken)
                             : px_error_memory("a journal");
    for (int32_t i = 0; i < px_manifest_pictures(batch->manifest) && status == DGXP_OK; i++) {
        status = adopt_picture(batch, i, &all, found);
    }
    if (status == DGXP_OK && json_array_size(found)) {
        json_t *record = json_pack("{ss, si, sO, s[]}", "list", px_manifest_hash(batch->manifest),
                                   "group", -1, "pictures", found, "failed");
        status = record ? px_file_sync_folder(batch->output) : px_error_memory("a record");
        status = status == DGXP_OK ? px_journal_create(batch->state, &journal) : status;
        status = status == DGXP_OK ? px_journal_append(journal, record) : status;
        json_decref(record);
    }
    px_journal_close(journal);
    json_decref(all.painted);
    json_decref(all.names);
    json_decref(found);
    return status;
}
