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

static void take_text(const json_t *defaults, const char *key, const char **out)
{
    if (!*out) {
        *out = json_string_value(json_object_get(defaults, key));
    }
}

static void take_integer(const json_t *defaults, const char *key, int32_t *out)
{
    if (!*out) {
        *out = (int32_t)json_integer_value(json_object_get(defaults, key));
    }
}

/* Checked when it was loaded: a list of two, or one number. */
static void take_size(const json_t *defaults, const cli_generate_settings *s, int32_t size[2])
{
    const json_t *value = json_object_get(defaults, "size");
    if (size[0] || s->canvas[0] || !value) {
        return;
    }
    const bool list = json_is_array(value);
    size[0] = (int32_t)json_integer_value(list ? json_array_get(value, 0) : value);
    size[1] = list ? (int32_t)json_integer_value(json_array_get(value, 1)) : size[0];
}

void cli_project_apply(const json_t *project, cli_generate_settings *s)
{
    const json_t *defaults = json_object_get(project, "defaults");
    const json_t *folders = json_object_get(project, "folders");
    if (!s->model_path) {
        s->model_path = json_string_value(json_object_get(project, "model"));
    }
    take_text(defaults, "kind", &s->kind);
    if (s->kind) {
        take_text(defaults, "style", &s->style);
        take_text(defaults, "speed", &s->speed);
        for (int i = 0; i < CLI_PRESET_FIELDS; i++) {
            take_text(defaults, cli_preset_fields[i], &s->named_fields[i]);
        }
    }
    if (!s->colors) {
        take_text(defaults, "palette", &s->palette);
    }
    if (!s->palette) {
        take_integer(defaults, "colors", &s->colors);
    }
    take_text(defaults, "background", &s->background);
    take_text(defaults, "negative_prompt", &s->negative);
    take_integer(defaults, "steps", &s->steps);
    take_size(defaults, s, s->size);
    if (s->guidance < 0 && json_is_number(json_object_get(defaults, "guidance"))) {
        s->guidance = json_number_value(json_object_get(defaults, "guidance"));
    }
    if (s->deploys && !s->deploy.to) {
        const char *folder = json_string_value(json_object_get(folders, s->kind ? s->kind : "*"));
        s->deploy.to = folder ? folder : json_string_value(json_object_get(folders, "*"));
    }
}
