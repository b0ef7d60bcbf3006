/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels init` and `dgx-pixels build`: a game's wished-for assets. */
#include "cli/confirm.h"
#include "cli/deploy.h"

#include <jansson.h>
#include <string.h>

typedef struct building {
    cli_progress progress;
    char label[128];
    const char *brp;
    bool confirm, json;
} building;

static int32_t show_asset(const char *path, int32_t done, int32_t count, void *user_data)
{
    building *b = user_data;
    cli_progress_clear(&b->progress);
    snprintf(b->label, sizeof b->label, "%d/%d %s", done + 1, count, path);
    b->progress.label = b->label;
    return 0;
}

static int32_t show_progress(const dgxp_progress *progress, void *user_data)
{
    building *b = user_data;
    return cli_progress_callback(progress, &b->progress);
}

static void print_files(const json_t *report)
{
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        const char *load = json_string_value(json_object_get(file, "load"));
        printf("%-8s %-12s %s\n", json_string_value(json_object_get(file, "state")),
               json_string_value(json_object_get(file, "action")),
               load ? load : json_string_value(json_object_get(file, "path")));
        cli_deploy_print_confirmed(file);
    }
    cli_print_list(report, "warnings", "warning");
}

static int make(building *b, const dgxp_build_params *given)
{
    dgxp_document *document = NULL;
    brp_client *client = b->confirm ? brp_open(b->brp) : NULL;
    dgxp_build_params params = *given;
    params.game = brp_game(client);
    const dgxp_status status = dgxp_build(&params, &document);
    cli_progress_clear(&b->progress);
    brp_close(client);
    int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    json_t *report = document ? json_loads(dgxp_document_text(document), 0, NULL) : NULL;
    if (json_is_false(json_object_get(report, "confirmed")) && code == CLI_OK) {
        code = CLI_SOME_FAILED;
    }
    if (report && b->json) {
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
        putchar('\n');
    } else if (report) {
        print_files(report);
    }
    json_decref(report);
    dgxp_document_free(document);
    return code;
}

static int run(int argc, char **argv)
{
    dgxp_build_params params = DGXP_BUILD_PARAMS_INIT;
    dgxp_model_params model = DGXP_MODEL_PARAMS_INIT;
    building b = {.brp = CLI_CONFIRM_URL};
    bool force = false, dry_run = false;
    const cli_option options[] = {
        {"project", 'p', CLI_TEXT, "DIR", &params.project,
         "the game's folder (default: from here upwards)", 0, 0, NULL},
        {"model", 'm', CLI_TEXT, "FILE|DIR", &params.model, "instead of the project's", 0, 0, NULL},
        {"device", 0, CLI_TEXT, "cpu|cuda[:N]", &model.device, "default: cuda when there is one", 0,
         0, NULL},
        {"threads", 0, CLI_INT, "N", &model.threads, "CPU threads (default: all cores)", 1, 1024,
         NULL},
        {"force", 0, CLI_FLAG, NULL, &force, "make files anew that were edited by hand", 0, 0,
         NULL},
        {"dry-run", 0, CLI_FLAG, NULL, &dry_run, "say what would be made", 0, 0, NULL},
        {"confirm", 0, CLI_FLAG, NULL, &b.confirm, CLI_CONFIRM_HELP, 0, 0, NULL},
        {"brp", 0, CLI_TEXT, "URL", &b.brp, CLI_CONFIRM_BRP_HELP, 0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &b.json, "print JSON on stdout", 0, 0, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &b.progress.quiet, "no progress bar", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_build, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words) {
        return cli_usage("build", "takes no names: it makes what dgx-pixels.json wishes for");
    }
    params.force = force;
    params.dry_run = dry_run;
    params.model_params = &model;
    params.asset = show_asset;
    params.progress = show_progress;
    params.user_data = &b;
    params.cancel = cli_cancel();
    return make(&b, &params);
}

const cli_command cli_build = {
    .name = "build",
    .summary = "Make the assets that dgx-pixels.json wishes for",
    .synopsis = "[--project DIR] [options]",
    .examples =
        "  dgx-pixels init\n"
        "  dgx-pixels build --dry-run\n"
        "  dgx-pixels build\n"
        "Makes what is missing, and what was changed: its line, its presets, the model.  A\n"
        "build that is stopped goes on where it was.\n",
    .run = run,
    .paints = true,
};

static int init_bevy(const char *folder)
{
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_project_init_bevy(folder, &document);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    json_t *report = json_loads(dgxp_document_text(document), 0, NULL), *each;
    size_t i;
    json_array_foreach(json_object_get(report, "changed"), i, each)
    {
        printf("wrote %s\n", json_string_value(each));
    }
    json_array_foreach(json_object_get(report, "todo"), i, each)
    {
        printf("%s%s\n", i ? "    " : "yours to write:\n    ", json_string_value(each));
    }
    if (json_array_size(json_object_get(report, "changed")) == 0) {
        puts("nothing else is missing");
    }
    puts("then `cargo run` in one terminal, and in another one: dgx-pixels build");
    json_decref(report);
    dgxp_document_free(document);
    return CLI_OK;
}

static int upgrade(char **paths, int count)
{
    json_t *files = json_array();
    int code = CLI_OK;
    for (int i = 0; i < (count ? count : 1) && code == CLI_OK; i++) {
        const dgxp_status status = cli_upgrade(count ? paths[i] : NULL, false, files);
        code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    }
    const int left = cli_print_old(files, true);
    if (code == CLI_OK && !json_array_size(files)) {
        puts("nothing is left of an earlier state");
    } else if (left) {
        printf("%d left for you to change, as their lines say\n", left);
    }
    json_decref(files);
    return code == CLI_OK && left ? CLI_SOME_FAILED : code;
}

static int run_init(int argc, char **argv)
{
    bool bevy = false, old = false;
    const cli_option options[] = {
        {"upgrade", 0, CLI_FLAG, NULL, &old,
         "bring what an earlier state left (old names of settings, recipes "
         "in the assets)\nto today's; each text as it was stays as FILE.old",
         0, 0, NULL},
        {"bevy", 0, CLI_FLAG, NULL, &bevy,
         "make the Bevy game there ready too: crates, hot reload, "
         "build.rs, .gitignore",
         0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL}};
    int words, code;
    if (!cli_parse(&cli_init, options, argc, argv, &words, &code)) {
        return code;
    }
    if (old && bevy) {
        return cli_usage("init", "--upgrade and --bevy are two calls");
    }
    if (old) {
        return upgrade(argv, words);
    }
    if (words > 1) {
        return cli_usage("init", "takes one folder");
    }
    if (bevy) {
        return init_bevy(words ? argv[0] : NULL);
    }
    const dgxp_status status = dgxp_project_init(words ? argv[0] : NULL);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    puts("wrote dgx-pixels.json: edit its assets, then `dgx-pixels build`");
    return CLI_OK;
}

const cli_command cli_init = {
    .name = "init",
    .summary = "Write a dgx-pixels.json to begin with",
    .synopsis = "[DIR] [--bevy|--upgrade]",
    .examples = "  dgx-pixels init          # next to Cargo.toml\n"
                "  cargo new my-game && cd my-game && cargo add bevy && dgx-pixels init --bevy\n"
                "  dgx-pixels init --upgrade [DIR|FILE …]   # what `dgx-pixels doctor` calls old\n"
                "What is there stays; again, it changes nothing.\n",
    .run = run_init,
};
