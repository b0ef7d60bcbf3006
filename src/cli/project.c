/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The game's dgx-pixels.json as commands see it. */
#include "cli/project.h"

#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>

/* Before the folders that are searched anyway. */
static void add_presets(const char *folder)
{
    const char *others = getenv("DGX_PIXELS_PRESETS");
    char *folders =
        others && *others ? cli_format("%s:%s", folder, others) : cli_format("%s", folder);
    setenv("DGX_PIXELS_PRESETS", folders, 1);
    free(folders);
}

int cli_project_load(const char *folder, json_t **project)
{
    dgxp_document *document = NULL;
    *project = NULL;
    const dgxp_status status = dgxp_project_describe(folder, &document);
    if (status == DGXP_ERR_NOT_FOUND && !folder) {
        return CLI_OK; /* not every picture is for a game */
    }
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    *project = json_loads(dgxp_document_text(document), 0, NULL);
    dgxp_document_free(document);
    const char *presets = json_string_value(json_object_get(*project, "presets"));
    if (presets) {
        add_presets(presets);
    }
    return CLI_OK;
}

void cli_project_apply(const json_t *project, cli_generate_settings *s)
{
    const json_t *defaults = json_object_get(project, "defaults");
    const json_t *folders = json_object_get(project, "folders");
    s->defaults = json_object_size(defaults) ? defaults : NULL;
    s->folder = json_string_value(json_object_get(project, "folder"));
    if (!s->model_path) {
        s->model_path = json_string_value(json_object_get(project, "model"));
    }
    if (!s->kind) {
        s->kind = json_string_value(json_object_get(defaults, "kind"));
    }
    if (s->seed < 0 && json_is_integer(json_object_get(defaults, "seed"))) {
        s->seed = json_integer_value(json_object_get(defaults, "seed"));
    }
    if (s->deploys && !s->deploy.to) {
        const char *folder = json_string_value(json_object_get(folders, s->kind ? s->kind : "*"));
        s->deploy.to = folder ? folder : json_string_value(json_object_get(folders, "*"));
    }
}
