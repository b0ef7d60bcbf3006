/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels run`: a workflow file, or a ComfyUI graph, carried out. */
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/project.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *name, *model_path;
    dgxp_model_params model;
    cli_list set;
    bool dry_run, json, quiet;
} settings;

static void print_files(const settings *s, const dgxp_document *report)
{
    if (s->json) {
        cli_print_document(report, true);
        return;
    }
    json_t *about = json_loads(dgxp_document_text(report), 0, NULL);
    size_t i;
    json_t *path;
    json_array_foreach(json_object_get(about, "files"), i, path)
    {
        printf("%s\n", json_string_value(path));
    }
    const json_t *seam = json_object_get(about, "seam_mean");
    if (seam && !s->quiet) {
        fprintf(stderr, "seams: %.2f of the steps inside (at most 1.2 is good)\n",
                json_number_value(seam));
    }
    const json_t *batch = json_object_get(about, "batch");
    if (batch && !s->quiet) {
        fprintf(stderr, "%d painted, %d were there, in %s\n",
                (int)json_integer_value(json_object_get(batch, "painted")),
                (int)json_integer_value(json_object_get(batch, "kept")), s->output);
    }
    json_decref(about);
}

static int carry_out(const settings *s, const dgxp_document *workflow)
{
    dgxp_model *model = NULL;
    dgxp_document *report = NULL;
    cli_progress progress = {.quiet = s->quiet};
    dgxp_workflow_params params = DGXP_WORKFLOW_PARAMS_INIT;
    json_t *about = json_loads(dgxp_document_text(workflow), 0, NULL);
    const char *named = json_string_value(json_object_get(about, "model"));
    dgxp_model_params opening = s->model;
    opening.vae = s->model.vae ? s->model.vae : json_string_value(json_object_get(about, "vae"));
    params.output = s->output ? s->output : ".";
    params.name = s->name;
    params.progress = cli_progress_callback;
    params.user_data = &progress;
    params.cancel = cli_cancel();
    cli_print_list(about, "notes", "note");
    dgxp_status status = dgxp_model_open(s->model_path ? s->model_path : named, &opening, &model);
    if (status == DGXP_OK) {
        status = dgxp_workflow_run(model, dgxp_document_text(workflow), &params, &report);
        cli_progress_clear(&progress);
    }
    if (status == DGXP_OK) {
        print_files(s, report);
    }
    const int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    json_decref(about);
    dgxp_document_free(report);
    dgxp_model_free(model);
    return code;
}

static int start(const settings *s, const char *path)
{
    dgxp_document *workflow = NULL;
    char *values = cli_request("run", &s->set);
    if (!values) {
        return CLI_USAGE;
    }
    const dgxp_status status = dgxp_workflow_load(path, values, &workflow);
    int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    if (code == CLI_OK && s->dry_run) {
        cli_print_document(workflow, s->json);
    } else if (code == CLI_OK) {
        code = s->output ? cli_make_folders(s->output) : CLI_OK;
        code = code == CLI_OK ? carry_out(s, workflow) : code;
    }
    dgxp_document_free(workflow);
    free(values);
    return code;
}

static int run(int argc, char **argv)
{
    settings s = {.model = DGXP_MODEL_PARAMS_INIT};
    s.set.items = cli_zero((size_t)argc, sizeof *s.set.items);
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "DIR", &s.output, "where to (default: here)", 0, 0, NULL},
        {"set", 0, CLI_LIST, "NAME=VALUE", &s.set,
         "a placeholder of the file, or a field: seed=7, steps=20 …", 0, 0, NULL},
        {"name", 0, CLI_TEXT, "NAME", &s.name,
         "what the files are called (default: from the subject)", 0, 0, NULL},
        {"model", 'm', CLI_TEXT, "FILE|DIR", &s.model_path,
         "as for `generate` (default: what the file names, else the starter)", 0, 0, NULL},
        {"vae", 0, CLI_TEXT, "FILE|DIR", &s.model.vae,
         "a VAE: a path, or a name in vae/ of the models folders (default: what the file names, "
         "else "
         "the model's own)",
         0, 0, NULL},
        {"device", 0, CLI_TEXT, "cpu|cuda[:N]", &s.model.device, "default: cuda when there is one",
         0, 0, NULL},
        {"dtype", 0, CLI_CHOICE, "T", &s.model.dtype, "", 0, 0, "dtype"},
        {"threads", 0, CLI_INT, "N", &s.model.threads, "CPU threads (default: all cores)", 1, 1024,
         NULL},
        {"dry-run", 0, CLI_FLAG, NULL, &s.dry_run, "print the filled workflow, paint nothing", 0, 0,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print JSON", 0, 0, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &s.quiet, "no progress bar", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (cli_parse(&cli_run, options, argc, argv, &words, &code)) {
        json_t *project = NULL; /* its own presets count here as well */
        code = words == 1 ? cli_project_load(NULL, &project)
                          : cli_usage("run", "name one workflow file");
        code = code == CLI_OK ? start(&s, argv[0]) : code;
        json_decref(project);
    }
    free(s.set.items);
    return code;
}

const cli_command cli_run = {
    .name = "run",
    .summary = "Carry out a workflow file or a ComfyUI graph",
    .synopsis = "FILE.json [--set NAME=VALUE …] [-o DIR]",
    .examples =
        "  dgx-pixels run workflows/animation.json --set subject=\"green slime\" -o assets/\n"
        "  dgx-pixels run workflows/tileset.json --set inside=grass --set outside=water\n"
        "  dgx-pixels run graph.json --dry-run --json > workflow.json\n"
        "  dgx-pixels run graph.json   # as ComfyUI's editor saves it, or \"Export (API)\"\n"
        "A graph becomes a job of ours; what bars its way is told at once, each node with its\n"
        "id and class.  docs/workflows.md has the format and ComfyUI's names.\n",
    .run = run,
    .paints = true,
};
