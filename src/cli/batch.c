/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels batch`: a list of wishes becomes a folder of sprites. */
#include "cli/batch_deploy.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/inputs.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
    dgxp_batch_params batch;
    dgxp_model_params model;
    const char *model_path, *output, *wildcards, *shard, *brp;
    cli_list set, matrix;
    cli_batch_deploy deploy;
    int64_t seed;
    bool resume, verify, tolerant, contact, confirm, dry_run, json, quiet;
} settings;

/* ------------------------------------------------------------------------------- progress */

typedef struct bar {
    bool quiet, terminal, json, drawn;
    double last;
} bar;

static int32_t on_progress(const dgxp_batch_progress *progress, void *user_data)
{
    bar *self = user_data;
    const double now = cli_now();
    if (progress->error) {
        if (self->drawn) {
            cli_erase_line();
        }
        fprintf(stderr, "dgx-pixels: %s\n", cli_plain(progress->error));
        self->drawn = false;
    } else if (progress->name && !self->quiet && !self->json && !self->terminal) {
        printf("%s\n", progress->name);
        fflush(stdout);
    }
    if (!self->terminal || self->quiet || (self->drawn && now - self->last < 0.1)) {
        return 0;
    }
    self->last = now;
    self->drawn = true;
    cli_erase_line();
    fprintf(stderr, "%d/%d", progress->finished, progress->pictures);
    if (progress->failed) {
        fprintf(stderr, ", %d failed", progress->failed);
    }
    if (progress->remaining >= 0) {
        fprintf(stderr, ", %.0f s left", ceil(progress->remaining));
    }
    if (progress->painting && progress->painting->phase == DGXP_PHASE_DENOISE) {
        fprintf(stderr, "  step %d/%d", progress->painting->step, progress->painting->step_count);
    }
    fflush(stderr);
    return 0;
}

/* --------------------------------------------------------------------------------- reading */

/* All of stdin; NULL after a complaint. */
static char *read_stdin(size_t *size)
{
    size_t capacity = 1 << 16;
    char *text = cli_zero(1, capacity);
    *size = 0;
    for (size_t got; (got = fread(text + *size, 1, capacity - *size - 1, stdin)) > 0;) {
        *size += got;
        if (capacity - *size < 2) {
            capacity *= 2;
            text = cli_grow(text, capacity, 1);
        }
    }
    text[*size] = '\0';
    if (ferror(stdin)) {
        fputs("dgx-pixels: cannot read stdin\n", stderr);
        free(text);
        return NULL;
    }
    return text;
}

static bool parse_shard(const char *text, dgxp_batch_params *params)
{
    char rest;
    if (!text || sscanf(text, "%6d/%6d%c", &params->shard, &params->shards, &rest) == 2) {
        return true;
    }
    cli_usage("batch", "--shard %s: is not i/n, as in 1/4", text);
    return false;
}

/* --------------------------------------------------------------------------------- running */

static void print_summary(const settings *s, const dgxp_document *document)
{
    if (s->json) {
        cli_print_document(document, true);
        return;
    }
    json_t *about = json_loads(dgxp_document_text(document), 0, NULL);
    const int failed = (int)json_integer_value(json_object_get(about, "failed"));
    const int kept = (int)json_integer_value(json_object_get(about, "kept"));
    const int others = (int)json_integer_value(json_object_get(about, "left_to_others"));
    const int spoiled = (int)json_integer_value(json_object_get(about, "spoiled_records"));
    fprintf(stderr, "%d painted", (int)json_integer_value(json_object_get(about, "painted")));
    if (kept) {
        fprintf(stderr, ", %d were there", kept);
    }
    if (failed) {
        fprintf(stderr, ", %d failed", failed);
    }
    if (others) {
        fprintf(stderr, ", %d not ours or not done", others);
    }
    fprintf(stderr, "; %d in all, %.1f s\n",
            (int)json_integer_value(json_object_get(about, "pictures")),
            json_number_value(json_object_get(about, "seconds")));
    if (spoiled) {
        fprintf(stderr,
                "%d spoiled records of the journal were dropped, their pictures painted "
                "again\n",
                spoiled);
    }
    json_decref(about);
}

static int count_failed(const dgxp_document *document)
{
    json_t *about = json_loads(dgxp_document_text(document), 0, NULL);
    const int failed = (int)json_integer_value(json_object_get(about, "failed"));
    json_decref(about);
    return failed;
}

static int paint(const settings *s, dgxp_batch *batch, int *failed)
{
    dgxp_model *model = NULL;
    dgxp_document *summary = NULL;
    bar progress = {.quiet = s->quiet, .terminal = isatty(STDERR_FILENO), .json = s->json};
    dgxp_batch_run_params params = DGXP_BATCH_RUN_PARAMS_INIT;
    params.progress = on_progress;
    params.user_data = &progress;
    params.cancel = cli_cancel();
    dgxp_status status =
        dgxp_batch_left(batch) > 0 ? dgxp_model_open(s->model_path, &s->model, &model) : DGXP_OK;
    status = status == DGXP_OK ? dgxp_batch_run(batch, model, &params, &summary) : status;
    if (progress.drawn) {
        cli_erase_line();
    }
    int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    if (summary) {
        print_summary(s, summary);
        *failed = count_failed(summary);
        code = code == CLI_OK && *failed ? CLI_SOME_FAILED : code;
    }
    dgxp_document_free(summary);
    dgxp_model_free(model);
    return code;
}

/* Every fault of every line, against the model when it is there; CLI_OK when there is none. */
static int check(const settings *s, dgxp_batch *batch)
{
    dgxp_model *model = NULL;
    dgxp_model_params described = s->model;
    dgxp_document *summary = NULL;
    dgxp_batch_run_params params = DGXP_BATCH_RUN_PARAMS_INIT;
    bar progress = {.quiet = true, .json = s->json};
    params.progress = on_progress;
    params.user_data = &progress;
    params.cancel = cli_cancel();
    params.check_only = 1;
    described.describe_only = 1;
    dgxp_status status = dgxp_model_open(s->model_path, &described, &model);
    if (status != DGXP_OK) {
        fprintf(stderr, "dgx-pixels: sizes and LoRAs are not checked: %s\n", cli_error(status));
    }
    status = dgxp_batch_run(batch, model, &params, &summary);
    const int code = status == DGXP_OK ? CLI_OK : cli_exit_code(status);
    const int failed = summary ? count_failed(summary) : 0;
    if (failed) {
        if (s->json) {
            cli_print_document(summary, true);
        }
        fprintf(stderr,
                failed == 1 ? "%d picture cannot be painted\n" : "%d pictures cannot be painted\n",
                failed);
    } else if (code != CLI_OK) {
        cli_fail(status);
    }
    dgxp_document_free(summary);
    dgxp_model_free(model);
    return code;
}

static int preview(const settings *s, dgxp_batch *batch)
{
    dgxp_document *document = NULL;
    const int code = check(s, batch);
    if (code != CLI_OK) {
        return code;
    }
    const dgxp_status status = dgxp_batch_describe(batch, 0, s->json ? 100000 : 10, &document);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    cli_print_document(document, s->json);
    dgxp_document_free(document);
    return CLI_OK;
}

/* When nothing is left to others, who may have ended meanwhile: the journals are read again. */
static int deploy(settings *s, dgxp_batch **batch, int failed)
{
    dgxp_batch_free(*batch);
    *batch = NULL;
    s->batch.resume = 1;
    const dgxp_status status = dgxp_batch_open(&s->batch, batch);
    const int left = status == DGXP_OK ? dgxp_batch_left(*batch) : 0, others = left - failed;
    if (others > 0) {
        fprintf(stderr,
                "not deployed yet: %d are not done; whoever does the last of them deploys all\n",
                others);
    }
    return status != DGXP_OK ? cli_fail(status)
           : others > 0      ? CLI_OK
                             : cli_batch_deploy_finish(&s->deploy, left == 0, s->quiet);
}

static int start(settings *s, const char *manifest)
{
    char *text = NULL, *defaults = cli_request("batch", &s->set);
    size_t size = 0;
    dgxp_batch *batch = NULL;
    int code = CLI_USAGE;
    if (!defaults || !parse_shard(s->shard, &s->batch)) {
        goto done;
    }
    if (strcmp(manifest, "-") == 0) {
        text = read_stdin(&size);
        code = CLI_IO;
        if (!text) {
            goto done;
        }
        manifest = "stdin";
    }
    code = s->dry_run ? CLI_OK : cli_batch_deploy_prepare(&s->deploy, s->output);
    if (code != CLI_OK) {
        goto done;
    }
    const bool deploys = s->deploy.wanted && !s->dry_run;
    const bool refines = s->deploy.to || s->deploy.project || s->deploy.force || s->confirm;
    if (refines && !s->deploy.wanted && !s->dry_run) {
        code = cli_usage("batch", "--to, --project, --force and --confirm belong to --deploy, or "
                                  "to an --output inside assets/");
        goto done;
    }
    s->deploy.brp = s->confirm ? s->brp : NULL;
    s->batch.manifest = manifest;
    s->batch.text = text;
    s->batch.text_size = size;
    s->batch.output = s->output;
    s->batch.model = s->model_path;
    s->batch.defaults = defaults;
    s->batch.wildcards = s->wildcards;
    s->batch.matrix = s->matrix.items;
    s->batch.matrix_count = s->matrix.count;
    s->batch.resume = s->resume;
    s->batch.verify = s->verify;
    s->batch.continue_on_error =
        s->tolerant || s->dry_run; /* which tells all faults, not the first */
    s->batch.contact = s->contact;
    s->batch.dry_run = s->dry_run;
    s->batch.has_seed = s->seed >= 0;
    s->batch.seed = s->seed >= 0 ? (uint64_t)s->seed : 0;
    const dgxp_status status = deploys ? cli_batch_deploy_open(&s->deploy, &s->batch, &batch)
                                       : dgxp_batch_open(&s->batch, &batch);
    int failed = 0;
    code = status != DGXP_OK ? cli_fail(status)
           : s->dry_run      ? preview(s, batch)
                             : paint(s, batch, &failed);
    if (deploys && (code == CLI_OK || code == CLI_SOME_FAILED)) {
        const int deployed = deploy(s, &batch, failed);
        code = deployed == CLI_OK ? code : deployed;
    }
done:
    dgxp_batch_free(batch);
    cli_batch_deploy_free(&s->deploy);
    free(defaults);
    free(text);
    return code;
}

static int run(int argc, char **argv)
{
    settings s = {.batch = DGXP_BATCH_PARAMS_INIT,
                  .model = DGXP_MODEL_PARAMS_INIT,
                  .seed = -1,
                  .brp = CLI_CONFIRM_URL};
    s.set.items = cli_zero((size_t)argc, sizeof *s.set.items);
    s.matrix.items = cli_zero((size_t)argc, sizeof *s.matrix.items);
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "DIR", &s.output, "the folder that the pictures go to", 0, 0,
         NULL},
        {"model", 'm', CLI_TEXT, "FILE|DIR", &s.model_path, "as for `generate`", 0, 0, NULL},
        {"device", 0, CLI_TEXT, "cpu|cuda[:N]", &s.model.device, "default: cuda when there is one",
         0, 0, NULL},
        {"set", 0, CLI_LIST, "FIELD=VALUE", &s.set,
         "for every line that does not say otherwise: kind=monster, steps=8 …", 0, 0, NULL},
        {"matrix", 0, CLI_LIST, "FIELD=A,B,…", &s.matrix,
         "every line once for each value; several make all combinations.\n"
         "Writes contact.png, the last field across",
         0, 0, NULL},
        {"seed", 's', CLI_SEED, "N", &s.seed,
         "lines without a seed derive theirs from N and what they say\n"
         "(default: from what they say, so that lists can grow)",
         0, 0, NULL},
        {"wildcards", 0, CLI_TEXT, "DIR", &s.wildcards,
         "where __name__ finds name.txt (default: wildcards/ by the list)", 0, 0, NULL},
        {"batch", 0, CLI_INT, "N", &s.batch.batch, "how many are painted at once (a GPU likes 4)",
         1, 64, NULL},
        {"jobs", 'j', CLI_INT, "N", &s.batch.threads,
         "while one paints, the others finish and write (default 2)", 1, 16, NULL},
        {"resume", 0, CLI_FLAG, NULL, &s.resume, "go on where an earlier run ended", 0, 0, NULL},
        {"verify", 0, CLI_FLAG, NULL, &s.verify, "with --resume: check finished files by hash", 0,
         0, NULL},
        {"shard", 0, CLI_TEXT, "I/N", &s.shard,
         "only this share; without it, processes that share a folder\n"
         "take what nobody else has taken",
         0, 0, NULL},
        {"continue-on-error", 0, CLI_FLAG, NULL, &s.tolerant,
         "a line that fails is reported and the others go on", 0, 0, NULL},
        {"contact", 0, CLI_FLAG, NULL, &s.contact, "write contact.png when all is done", 0, 0,
         NULL},
        {"scale", 0, CLI_INT, "N", &s.batch.scale, "enlarge the PNGs by whole pixels", 1, 64, NULL},
        {"deploy", 0, CLI_FLAG, NULL, &s.deploy.wanted,
         "put all into the Bevy project's assets when it is done; an --output\n"
         "inside assets/ means the same",
         0, 0, NULL},
        {"to", 0, CLI_TEXT, "sprites/", &s.deploy.to, "with --deploy: the folder inside assets/", 0,
         0, NULL},
        {"project", 0, CLI_TEXT, "DIR", &s.deploy.project,
         "with --deploy: the game's folder (default: from here upwards)", 0, 0, NULL},
        {"force", 0, CLI_FLAG, NULL, &s.deploy.force, "with --deploy: replace foreign files", 0, 0,
         NULL},
        {"confirm", 0, CLI_FLAG, NULL, &s.confirm, "with --deploy: " CLI_CONFIRM_HELP, 0, 0, NULL},
        {"brp", 0, CLI_TEXT, "URL", &s.brp, CLI_CONFIRM_BRP_HELP, 0, 0, NULL},
        {"dtype", 0, CLI_CHOICE, "T", &s.model.dtype, "", 0, 0, "dtype"},
        {"threads", 0, CLI_INT, "N", &s.model.threads, "CPU threads (default: all cores)", 1, 1024,
         NULL},
        {"dry-run", 0, CLI_FLAG, NULL, &s.dry_run,
         "check every line and print what would be painted; paint nothing", 0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print the summary as JSON", 0, 0, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &s.quiet, "no progress, no names", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (cli_parse(&cli_batch, options, argc, argv, &words, &code)) {
        code = words != 1 ? cli_usage("batch", "name one list, or - for stdin")
               : !s.output && !s.dry_run && !s.deploy.wanted
                   ? cli_usage("batch", "say where the pictures go: --output DIR")
                   : start(&s, argv[0]);
    }
    free(s.set.items);
    free(s.matrix.items);
    return code;
}

const cli_command cli_batch = {
    .name = "batch",
    .summary = "Paint a whole list of wishes into a folder; may be killed and resumed",
    .synopsis = "LIST.txt|.jsonl|.csv|.tsv|- --output DIR [options]",
    .examples =
        "  dgx-pixels batch prompts.txt -o sprites/ --set kind=monster\n"
        "  dgx-pixels batch prompts.txt -o sprites/ --resume\n"
        "  dgx-pixels batch heroes.jsonl -o out/ --batch 4 --continue-on-error\n"
        "  dgx-pixels batch one.txt -o compare/ --matrix steps=8,20 --matrix guidance=2,5,7\n"
        "  dgx-pixels batch prompts.csv -o out/ --shard 2/4\n"
        "A line of text is a subject, then fields: a {red|blue} slime --steps 8 --count 3\n"
        "A JSON line has the same fields: {\"subject\": \"slime\", \"steps\": 8, \"count\": 3}\n"
        "The first line of CSV names them.  Fields: subject prompt kind negative_prompt seed size\n"
        "canvas steps guidance sampler schedule spacing tiling eta init strength mask count name "
        "…\n"
        "Exit code 1: some lines failed, or the running game does not show all.  docs/batch.md "
        "tells the rest.\n",
    .run = run,
    .paints = true,
};
