/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels deploy`: files into a Bevy project's assets. */
#include "cli/deploy.h"

#include "cli/confirm.h"
#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>

typedef struct settings {
    dgxp_deploy_params params;
    int32_t tile[2];
    const char *brp;
    bool undo, force, array, no_sidecar, dry_run, json, confirm;
} settings;

void cli_deploy_print_confirmed(const json_t *file)
{
    const json_t *confirmed = json_object_get(file, "confirmed");
    if (confirmed) {
        printf("%-9s  %s\n", cli_text_of(confirmed, "state"),
               cli_plain(cli_text_of(confirmed, "reason")));
    }
}

void cli_deploy_print(const json_t *report, bool json)
{
    size_t i;
    json_t *file;
    cli_print_list(report, "warnings", "warning");
    if (json) {
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
        return;
    }
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        printf("%-9s  %s\n", cli_text_of(file, "action"),
               *cli_text_of(file, "load") ? cli_text_of(file, "load") : cli_text_of(file, "path"));
        cli_deploy_print_confirmed(file);
    }
}

static int print_document(dgxp_document *document, bool json)
{
    json_t *report = json_loads(dgxp_document_text(document), 0, NULL);
    cli_deploy_print(report, json);
    json_decref(report);
    dgxp_document_free(document);
    return CLI_OK;
}

dgxp_status cli_deploy_files(const dgxp_deploy_file *files, int32_t count,
                             const dgxp_deploy_params *given, const char *brp, json_t **report,
                             bool *confirmed)
{
    dgxp_document *done = NULL;
    brp_client *client = brp ? brp_open(brp) : NULL;
    dgxp_deploy_params params = *given;
    params.game = brp_game(client);
    const dgxp_status status = dgxp_deploy(files, count, &params, &done);
    *report = done ? json_loads(dgxp_document_text(done), 0, NULL) : NULL;
    *confirmed = !json_is_false(json_object_get(*report, "confirmed"));
    dgxp_document_free(done);
    brp_close(client);
    return status;
}

static int deploy_files(const settings *s, char *const *words, int count)
{
    cli_inputs inputs = {0};
    int code = cli_inputs_collect("deploy", words, count, CLI_GROUP_NONE, &inputs);
    if (code == CLI_OK) {
        dgxp_deploy_file *files = cli_zero((size_t)inputs.count + 1, sizeof *files);
        for (int i = 0; i < inputs.count; i++) {
            files[i].path = inputs.items[i].path;
        }
        json_t *report = NULL;
        bool confirmed = true;
        const char *brp = s->confirm && !s->dry_run ? s->brp : NULL;
        const dgxp_status status =
            cli_deploy_files(files, inputs.count, &s->params, brp, &report, &confirmed);
        code = status != DGXP_OK ? cli_fail(status) : confirmed ? CLI_OK : CLI_SOME_FAILED;
        if (report) {
            cli_deploy_print(report, s->json);
        }
        json_decref(report);
        free(files);
    }
    cli_inputs_free(&inputs);
    return code;
}

static int run(int argc, char **argv)
{
    settings s = {.params = DGXP_DEPLOY_PARAMS_INIT, .brp = CLI_CONFIRM_URL};
    const cli_option options[] = {
        {"project", 'p', CLI_TEXT, "DIR", &s.params.project,
         "the game's folder (default: from here upwards, by its Cargo.toml)", 0, 0, NULL},
        {"to", 0, CLI_TEXT, "sprites/", &s.params.to,
         "a folder inside assets/, made when it is missing; of one file\n"
         "its new name too: --to sprites/hero.png",
         0, 0, NULL},
        {"tile", 0, CLI_SIZE, "WxH", s.tile,
         "a tile set of such tiles, in the lock file and the typed constants", 0, 0, NULL},
        {"array", 0, CLI_FLAG, NULL, &s.array,
         "of a tile set: its .meta lets Bevy cut it into an array texture, for\n"
         "TilemapChunk; sprites, atlases and other crates want the plain grid",
         0, 0, NULL},
        {"meta", 0, CLI_CHOICE, "M", &s.params.meta, "", 0, 0, "meta"},
        {"force", 0, CLI_FLAG, NULL, &s.force,
         "replace files that were not deployed, or were changed since;\n"
         "what was there is kept for --undo",
         0, 0, NULL},
        {"no-sidecar", 0, CLI_FLAG, NULL, &s.no_sidecar,
         "do not keep the recipe in dgx-pixels.recipes/", 0, 0, NULL},
        {"undo", 0, CLI_FLAG, NULL, &s.undo, "take back the last deployment", 0, 0, NULL},
        {"confirm", 0, CLI_FLAG, NULL, &s.confirm, CLI_CONFIRM_HELP, 0, 0, NULL},
        {"brp", 0, CLI_TEXT, "URL", &s.brp, CLI_CONFIRM_BRP_HELP, 0, 0, NULL},
        {"dry-run", 0, CLI_FLAG, NULL, &s.dry_run, "say what would happen", 0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print JSON on stdout", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_deploy, options, argc, argv, &words, &code)) {
        return code;
    }
    s.params.tile_width = s.tile[0];
    s.params.tile_height = s.tile[1];
    s.params.force = s.force;
    s.params.array = s.array;
    s.params.no_sidecar = s.no_sidecar;
    s.params.dry_run = s.dry_run;
    if (s.undo && words) {
        return cli_usage("deploy", "--undo takes back a whole deployment; it takes no files");
    }
    if (s.undo) {
        dgxp_document *document = NULL;
        const dgxp_status status = dgxp_deploy_undo(s.params.project, s.force, &document);
        return status == DGXP_OK ? print_document(document, s.json) : cli_fail(status);
    }
    if (words < 1) {
        return cli_usage("deploy", "name the files to deploy");
    }
    return deploy_files(&s, argv, words);
}

const cli_command cli_deploy = {
    .name = "deploy",
    .summary = "Put finished files into a Bevy project's assets",
    .synopsis = "FILES --to sprites/ [options]",
    .examples = "  dgx-pixels deploy knight.png --to sprites/\n"
                "  dgx-pixels deploy walk.png walk.json --to sprites/ --project ~/my-game\n"
                "  dgx-pixels deploy cave.png --to tiles/ --tile 16\n"
                "  dgx-pixels deploy knight.png --to sprites/ --confirm\n"
                "  dgx-pixels deploy --undo\n"
                "A running game reloads them when Bevy's feature file_watcher is on.  What was\n"
                "deployed stands in dgx-pixels.lock.json; other files are never overwritten.\n",
    .run = run,
};
