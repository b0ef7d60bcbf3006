/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels presets`: kinds, styles and speeds, and the contract of each. */
#include "cli/project.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int list_presets(bool json)
{
    static const char *const groups[][2] = {
        {"kind", "kinds: dgx-pixels generate KIND \"SUBJECT\""},
        {"style", "styles: --style"},
        {"speed", "speeds: --speed"},
        {"field", "fields: --view side …; `dgx-pixels presets KIND` tells which a kind has"}};
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_list_presets(&document);
    if (status != DGXP_OK || json) {
        return cli_show_document(status, document, true);
    }
    json_t *list = json_loads(dgxp_document_text(document), 0, NULL), *preset;
    size_t i;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        printf("%s%s\n", g ? "\n" : "", groups[g][1]);
        json_array_foreach(list, i, preset)
        {
            if (strcmp(cli_text_of(preset, "group"), groups[g][0]) == 0) {
                printf("  %-12s %s\n", cli_text_of(preset, "name"), cli_text_of(preset, "help"));
            }
        }
    }
    json_decref(list);
    dgxp_document_free(document);
    return CLI_OK;
}

static void print_fields(const json_t *fields)
{
    const char *name, *value;
    json_t *field, *ignored;
    json_object_foreach((json_t *)(uintptr_t)fields, name, field)
    {
        const char *preset = cli_text_of(field, "default");
        printf("  --%-10s %s\n  %-12s", name, cli_text_of(field, "help"), "");
        json_object_foreach(json_object_get(field, "choices"), value, ignored)
        {
            printf(" %s%s", value, strcmp(value, preset) == 0 ? " (default)" : "");
        }
        putchar('\n');
    }
}

static void print_names(const char *title, const json_t *names)
{
    size_t i;
    json_t *name;
    printf("%s", title);
    json_array_foreach((json_t *)(uintptr_t)names, i, name)
    {
        printf(" %s", json_string_value(name));
    }
    putchar('\n');
}

static void print_models(const json_t *models)
{
    const char *model;
    json_t *section;
    json_object_foreach((json_t *)(uintptr_t)models, model, section)
    {
        printf("\n%s\n", strcmp(model, "*") == 0 ? "any other model" : model);
        const char *key;
        json_t *value;
        json_object_foreach(section, key, value)
        {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
            printf("  %-12s %s\n", key, text ? text : "");
            free(text);
        }
    }
}

static int describe(const char *name, bool json)
{
    static const char *const after[] = {"recolor", "motion", "normal"};
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_preset_describe(name, NULL, &document);
    if (status != DGXP_OK || json) {
        return cli_show_document(status, document, true);
    }
    json_t *preset = json_loads(dgxp_document_text(document), 0, NULL);
    const json_t *sizes = json_object_get(preset, "sizes");
    printf("%s: %s\n%s\n", cli_text_of(preset, "name"), cli_text_of(preset, "help"),
           cli_text_of(preset, "path"));
    if (sizes) {
        printf("sizes: %d to %d pixels a side\n",
               (int)json_integer_value(json_object_get(sizes, "min")),
               (int)json_integer_value(json_object_get(sizes, "max")));
    }
    if (json_object_get(preset, "finish")) {
        char *steps = json_dumps(json_object_get(preset, "finish"), 0);
        printf("pixel steps: %s\n", steps ? steps : "");
        free(steps);
    }
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        json_t *step = json_object_get(preset, after[i]);
        char *text = step ? json_dumps(step, JSON_ENCODE_ANY) : NULL;
        if (text) {
            printf("then %s: %s\n", after[i], text);
        }
        free(text);
    }
    if (json_object_size(json_object_get(preset, "fields"))) {
        puts("fields");
        print_fields(json_object_get(preset, "fields"));
    }
    if (json_object_get(preset, "styles")) {
        print_names("styles:", json_object_get(preset, "styles"));
        print_names("speeds:", json_object_get(preset, "speeds"));
    }
    print_models(json_object_get(preset, "models"));
    json_decref(preset);
    dgxp_document_free(document);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    bool json = false;
    int words, code;
    if (!cli_parse_json(&cli_presets, argc, argv, &json, &words, &code)) {
        return code;
    }
    if (words > 1) {
        return cli_usage("presets", "shows one preset at a time");
    }
    json_t *project = NULL;
    code = cli_project_load(NULL, &project);
    json_decref(project);
    if (code != CLI_OK) {
        return code;
    }
    return words ? describe(argv[0], json) : list_presets(json);
}

const cli_command cli_presets = {
    .name = "presets",
    .summary = "List kinds, styles and speeds, or show what one of them does",
    .synopsis = "[NAME] [--json]",
    .examples = "  dgx-pixels presets\n"
                "  dgx-pixels presets character\n"
                "Your own go into presets/ beside dgx-pixels.json, or into\n"
                "~/.local/share/dgx-pixels/presets (docs/presets.md).\n",
    .run = run,
};
