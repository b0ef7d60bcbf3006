/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where staged and kept files lie, and what is there: for deployments and their undoing. */
#include "game/stage.h"

#include "core/beneath.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <inttypes.h>
#include <string.h>

void px_stage_kept_name(int64_t number, size_t index, char name[48])
{
    snprintf(name, 48, "%06" PRId64 "-%zu", number, index);
}

void px_stage_record_name(int64_t number, bool pending, char name[48])
{
    snprintf(name, 48, "%06" PRId64 "%s.json", number, pending ? ".pending" : "");
}

bool px_stage_is_recipe(const char *path)
{
    const size_t length = strlen(PX_PROJECT_RECIPES);
    return strncmp(path, PX_PROJECT_RECIPES, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

const char *px_stage_shown(const px_stage *stage, const char *path)
{
    return px_stage_is_recipe(path) ? stage->project->folder : stage->shown;
}

dgxp_status px_stage_open_folder(const px_stage *stage, const char *path, const char *folder,
                                 bool make, int *fd)
{
    return px_beneath_open(px_stage_is_recipe(path) ? stage->project->root : stage->assets,
                           px_stage_shown(stage, path), folder, make, fd);
}

dgxp_status px_stage_folder(const px_stage *stage, const char *path, bool make, int *fd,
                            const char **name)
{
    const char *slash = strrchr(path, '/');
    char folder[PX_BENEATH_PATH_MAX + 1] = "";
    dgxp_status status = px_beneath_check(path, false);
    if (status == DGXP_OK) {
        memcpy(folder, path, slash ? (size_t)(slash - path) : 0);
        *name = slash ? slash + 1 : path;
        status = px_stage_open_folder(stage, path, folder, make, fd);
    }
    return status;
}

dgxp_status px_stage_hash(const px_stage *stage, int folder, const char *name,
                          char hash[PX_HASH_HEX])
{
    return px_beneath_hash(folder, stage->shown, name, PX_STAGE_FILE_MAX, hash);
}

dgxp_status px_stage_adopt(px_stage *stage, json_t **entries)
{
    const dgxp_status status = px_lock_save(stage->project, stage->staging, *entries);
    if (status == DGXP_OK) {
        json_t *old = stage->entries;
        stage->entries = *entries;
        *entries = old;
    }
    return status;
}
