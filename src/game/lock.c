/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgx-pixels.lock.json: what was deployed, by path (docs/deploy.md has the format). */
#include "game/lock.h"

#include "core/beneath.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOCK_LIMIT = 256 << 20, LOCK_FORMAT = 1, ASSETS_LIMIT = 1 << 20 };

static const char staged_name[] = "lock.json";

/* Every path and hash is checked here: they decide what may be overwritten. */
static dgxp_status read_entries(const char *shown, const json_t *document, json_t *entries)
{
    px_json root, assets;
    int64_t format = 0;
    dgxp_status status = px_json_root(shown, document, &root);
    if (status == DGXP_OK) {
        status =
            px_json_integer(&root, "format", PX_JSON_REQUIRED, LOCK_FORMAT, LOCK_FORMAT, &format);
    }
    if (status == DGXP_OK) {
        status = px_json_array(&root, "assets", PX_JSON_REQUIRED, ASSETS_LIMIT, &assets);
    }
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&assets); i++) {
        px_json entry;
        const char *path = NULL, *hash = NULL;
        status = px_json_element_object(&assets, i, &entry);
        if (status == DGXP_OK) {
            status = px_json_text(&entry, "path", PX_JSON_REQUIRED, PX_BENEATH_PATH_MAX, &path);
        }
        if (status == DGXP_OK) {
            status = px_json_text(&entry, "sha256", PX_JSON_REQUIRED, 64, &hash);
        }
        if (status == DGXP_OK) {
            status =
                px_beneath_check(path, false) == DGXP_OK
                    ? DGXP_OK
                    : px_json_refuse(&entry, DGXP_ERR_BAD_FORMAT,
                                     "has the path '%.200s', which is none inside assets/", path);
        }
        if (status == DGXP_OK && json_object_get(entries, path)) {
            status = px_json_refuse(&entry, DGXP_ERR_BAD_FORMAT, "names '%s' a second time", path);
        }
        if (status == DGXP_OK && json_object_set(entries, path, (json_t *)(uintptr_t)entry.value)) {
            status = px_error_memory("the lock file");
        }
    }
    return status;
}

dgxp_status px_lock_load(const px_project *project, json_t **entries)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    json_t *document = NULL, *found = json_object();
    char *shown = px_mem_format("%s/" PX_PROJECT_LOCK, project->folder);
    dgxp_status status = shown && found ? DGXP_OK : px_error_memory("the lock file");
    if (status == DGXP_OK) {
        status = px_beneath_read(project->root, project->folder, PX_PROJECT_LOCK, LOCK_LIMIT,
                                 &bytes, &size);
        if (status == DGXP_ERR_NOT_FOUND) {
            px_error_clear();
            status = DGXP_OK;
        } else if (status == DGXP_OK) {
            status = px_json_parse(shown, bytes, size, &document);
            if (status == DGXP_OK) {
                status = read_entries(shown, document, found);
            }
        }
    }
    json_decref(document);
    px_mem_free(bytes);
    px_mem_free(shown);
    if (status == DGXP_OK) {
        *entries = found;
    } else {
        json_decref(found);
    }
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The entries as a list sorted by path; NULL when memory runs out. */
static json_t *sort_entries(const json_t *entries)
{
    const size_t count = json_object_size(entries);
    const char **paths = px_mem_array(count + 1, sizeof *paths), *path;
    json_t *list = json_array(), *entry;
    size_t i = 0;
    bool fits = paths && list;
    if (fits) {
        json_object_foreach((json_t *)(uintptr_t)entries, path, entry)
        {
            paths[i++] = path;
        }
        qsort(paths, count, sizeof *paths, compare_paths);
    }
    for (i = 0; fits && i < count; i++) {
        fits = px_json_append(list, json_incref(json_object_get(entries, paths[i])));
    }
    px_mem_free(paths);
    if (!fits) {
        json_decref(list);
        return NULL;
    }
    return list;
}

dgxp_status px_lock_save(const px_project *project, int staging, const json_t *entries)
{
    json_t *document = json_object();
    const bool fits = px_json_put_integer(document, "format", LOCK_FORMAT) &&
                      px_json_put(document, "assets", sort_entries(entries));
    /* One line would be a conflict in every merge: people keep this file under version control. */
    char *text = fits ? px_json_dump(document, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    char *whole = text ? px_mem_format("%s\n", text) : NULL;
    dgxp_status status = whole ? DGXP_OK : px_error_memory("the lock file");
    px_mem_free(text);
    json_decref(document);
    if (status == DGXP_OK) {
        unlinkat(staging, staged_name, 0);
        status = px_beneath_create(staging, PX_PROJECT_STATE, staged_name, whole, strlen(whole));
    }
    px_mem_free(whole);
    if (status == DGXP_OK && renameat(staging, staged_name, project->root, PX_PROJECT_LOCK) != 0) {
        status = px_error_set(DGXP_ERR_IO, "%s/" PX_PROJECT_LOCK ": cannot replace: %s",
                              project->folder, strerror(errno));
        unlinkat(staging, staged_name, 0);
    }
    return status;
}

const char *px_lock_text(const json_t *entries, const char *path, const char *field)
{
    return json_string_value(json_object_get(json_object_get(entries, path), field));
}
