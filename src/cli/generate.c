/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels generate`: words become a sprite. */
#include "cli/generate.h"

#include "cli/confirm.h"
#include "cli/inputs.h"
#include "cli/project.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BATCH = CLI_GENERATE_BATCH, MAX_PATH = 4096 };

typedef cli_generate_settings settings;

static int make_folder(const char *output)
{
    const size_t length = output ? strlen(output) : 0;
    if (length && output[length - 1] == '/' && mkdir(output, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "dgx-pixels: %s: cannot make the folder: %s\n", output, strerror(errno));
        return CLI_IO;
    }
    return CLI_OK;
}

/* Said before anything is painted: minutes of work must not end at a folder that is not there. */
static int check_output(const char *option, const char *path)
{
    if (!path || strcmp(path, "-") == 0 || cli_names_folder(path)) {
        return CLI_OK;
    }
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    char folder[MAX_PATH] = ".";
    if (slash) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    }
    if (dot && (!slash || dot > slash) && !cli_is_word(dot, ".png") &&
        strncmp(path, "/dev/", 5) != 0) {
        return cli_usage("generate", "%s %s: pictures are written as PNG; name it .png", option,
                         path);
    }
    if (access(folder, W_OK) != 0) {
        fprintf(stderr, "dgx-pixels: %s %s: cannot write into %s: %s\n", option, path, folder,
                strerror(errno));
        return errno == ENOENT ? CLI_NOT_FOUND : CLI_IO;
    }
    return CLI_OK;
}

/* Whether a lone word is the name of a kind, so that the subject was forgotten. */
static bool is_kind(const char *word)
{
    dgxp_document *document = NULL;
    bool found = false;
    if (dgxp_list_presets(&document) == DGXP_OK) {
        size_t i;
        json_t *list = json_loads(dgxp_document_text(document), 0, NULL), *preset;
        json_array_foreach(list, i, preset)
        {
            const char *group = json_string_value(json_object_get(preset, "group"));
            const char *name = json_string_value(json_object_get(preset, "name"));
            found = found || (group && name && !strcmp(group, "kind") && !strcmp(name, word));
        }
        json_decref(list);
    }
    dgxp_document_free(document);
    return found;
}

static int check(const settings *s)
{
    if (s->subject[strspn(s->subject, " \t\r\n")] == '\0') {
        return cli_usage("generate", "say what to paint, in quotes");
    }
    if (!s->kind && is_kind(s->subject)) {
        return cli_usage("generate", "'%s' is a KIND; say of what: generate %s \"medieval knight\"",
                         s->subject, s->subject);
    }
    if (s->raw && (cli_names_folder(s->raw) || (s->output && strcmp(s->raw, s->output) == 0))) {
        return cli_usage("generate", "--raw takes a file of its own, not a folder or the -o file");
    }
    if ((s->deploy.to || s->deploy.project || s->force || s->confirm) && !s->deploys) {
        return cli_usage("generate", "--to, --project, --force and --confirm belong to --deploy");
    }
    for (int i = 0; i < s->fields.count; i++) {
        const char *equals = strchr(s->fields.items[i], '=');
        if (!equals || equals == s->fields.items[i]) {
            return cli_usage("generate", "--field %s: write NAME=VALUE, as in view=side",
                             s->fields.items[i]);
        }
    }
    for (int i = 0; i < s->loras.count; i++) {
        cli_lora_wish wish;
        if (!cli_parse_lora(s->loras.items[i], &wish)) {
            return cli_usage("generate", "--lora %s: name a file, as in style:0.8 or style:0.8:0.5",
                             s->loras.items[i]);
        }
    }
    if (!s->init && (s->mask || json_object_get(s->more, "strength"))) {
        return cli_usage("generate", s->mask
                                         ? "--mask needs --init: the picture that it masks"
                                         : "--strength needs --init: the picture to start from");
    }
    if (s->output && strcmp(s->output, "-") == 0 && (s->count > 1 || s->json)) {
        return cli_usage("generate", "-o - writes one picture, without --json");
    }
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    settings s = {.model = DGXP_MODEL_PARAMS_INIT,
                  .deploy = DGXP_DEPLOY_PARAMS_INIT,
                  .brp = CLI_CONFIRM_URL,
                  .seed = -1,
                  .count = 1,
                  .batch = 1};
    s.fields.items = cli_zero((size_t)argc, sizeof(char *));
    s.loras.items = cli_zero((size_t)argc, sizeof(char *));
    s.more = json_object();
    cli_option options[CLI_OPTIONS] = {
        {"output", 'o', CLI_TEXT, "FILE|DIR", &s.output,
         "where to; a folder gets readable names (default: here)", 0, 0, NULL},
        {"model", 'm', CLI_TEXT, "FILE|DIR", &s.model_path,
         "an SDXL checkpoint (.safetensors), a diffusers folder, a bundle, or\n"
         "a name that `dgx-pixels models` lists (default: the starter model)",
         0, 0, NULL},
        {"device", 0, CLI_TEXT, "cpu|cuda[:N]", &s.model.device, "default: cuda when there is one",
         0, 0, NULL},
        {"seed", 's', CLI_SEED, "N", &s.seed, NULL, 0, 0, NULL},
        {"count", 'n', CLI_INT, "N", &s.count, "how many, with seeds N, N+1, …", 1, 100000, NULL},
        {"batch", 0, CLI_INT, "N", &s.batch, "how many at once (a GPU likes 4)", 1, MAX_BATCH,
         NULL},
        {"field", 0, CLI_LIST, "NAME=VALUE", &s.fields, "a field of your own preset", 0, 0, NULL},
        {"init", 0, CLI_TEXT, "PNG", &s.init, NULL, 0, 0, NULL},
        {"mask", 0, CLI_TEXT, "PNG", &s.mask, NULL, 0, 0, NULL},
        {"lora", 'l', CLI_LIST, "NAME[:W[:T]]", &s.loras,
         "a LoRA by file or name (`dgx-pixels lora list`), as strong as W\n"
         "(default 1), its text encoders as strong as T; more with commas",
         0, 0, NULL},
        {"lora-partial", 0, CLI_FLAG, NULL, &s.partial,
         "skip what of a LoRA does not fit the model instead of refusing it", 0, 0, NULL},
        {"raw", 0, CLI_TEXT, "FILE", &s.raw, "also keep the model's canvas", 0, 0, NULL},
        {"scale", 0, CLI_INT, "N", &s.scale, "enlarge the PNG by whole pixels", 1, 64, NULL},
        {"dtype", 0, CLI_CHOICE, "T", &s.model.dtype, "", 0, 0, "dtype"},
        {"prediction", 0, CLI_CHOICE, "P", &s.model.prediction, "", 0, 0, "prediction"},
        {"vae", 0, CLI_TEXT, "FILE", &s.model.vae, "take the VAE from here", 0, 0, NULL},
        {"text-encoders", 0, CLI_TEXT, "FILE", &s.model.text_encoders,
         "take the text encoders from here", 0, 0, NULL},
        {"threads", 0, CLI_INT, "N", &s.model.threads, "CPU threads (default: all cores)", 1, 1024,
         NULL},
        {"deploy", 0, CLI_FLAG, NULL, &s.deploys,
         "put it into the Bevy project's assets (as `dgx-pixels deploy` does);\n"
         "the same subject replaces the same file",
         0, 0, NULL},
        {"to", 0, CLI_TEXT, "sprites/", &s.deploy.to,
         "with --deploy: the folder inside assets/, or the file's name", 0, 0, NULL},
        {"project", 0, CLI_TEXT, "DIR", &s.deploy.project,
         "with --deploy: the game's folder (default: from here upwards)", 0, 0, NULL},
        {"force", 0, CLI_FLAG, NULL, &s.force, "with --deploy: replace foreign files", 0, 0, NULL},
        {"confirm", 0, CLI_FLAG, NULL, &s.confirm, "with --deploy: " CLI_CONFIRM_HELP, 0, 0, NULL},
        {"brp", 0, CLI_TEXT, "URL", &s.brp, CLI_CONFIRM_BRP_HELP, 0, 0, NULL},
        {"show", 0, CLI_FLAG, NULL, &s.show, "show it in the terminal too", 0, 0, NULL},
        {"dry-run", 0, CLI_FLAG, NULL, &s.dry_run, "print the whole job, paint nothing", 0, 0,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print JSON on stdout", 0, 0, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &s.quiet, "no progress bar", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    /* Those have a shape or a name of their own above; the rest comes from the table of settings. */
    static const char *const without[] = {"kind", "subject", "prompt", "parity", NULL};
    cli_settings more;
    cli_settings_append(&more, options, CLI_OPTIONS, without, s.more);
    int words, code;
    if (!cli_parse(&cli_generate, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words < 1) {
        return cli_usage("generate", "say what to paint, in quotes");
    }
    if (words > 2) {
        return cli_usage("generate", "put the subject into quotes: \"%s %s …\"", argv[0], argv[1]);
    }
    s.kind = words == 2 ? argv[0] : NULL;
    s.subject = argv[words - 1];
    cli_split_loras(&s.loras);
    s.model.describe_only = s.dry_run;
    json_t *project = NULL;
    code = cli_project_load(s.deploy.project, &project);
    if (code == CLI_OK) {
        cli_project_apply(project, &s);
        code = check(&s);
    }
    if (code == CLI_OK) {
        code = make_folder(s.output);
    }
    if (code == CLI_OK) {
        code = check_output("-o", s.output);
    }
    if (code == CLI_OK) {
        code = check_output("--raw", s.raw);
    }
    code = code == CLI_OK ? cli_generate_paint(&s) : code;
    json_decref(project);
    json_decref(s.more);
    cli_settings_free(&more);
    free(s.fields.items);
    free(s.loras.items);
    return code;
}

const cli_command cli_generate = {
    .name = "generate",
    .summary = "Paint a sprite from words",
    .synopsis = "[KIND] \"SUBJECT\" [-o FILE|DIR] [options]",
    .examples =
        "  dgx-pixels generate character \"medieval knight\" -o knight.png\n"
        "  dgx-pixels generate tile \"stone wall\" --tiling xy -n 4 -o tiles/\n"
        "  dgx-pixels generate \"a (red:1.3) dragon, side view\" -m my-sdxl.safetensors -s 7\n"
        "  dgx-pixels generate \"blue potion\" --init bottle.png --strength 0.5 --show\n"
        "  dgx-pixels generate monster \"green slime\" --style gameboy --deploy --to enemies/\n"
        "KIND is a preset: character, monster, item, tile, icon, effect … (`dgx-pixels presets`).\n"
        "Without it the subject is the whole prompt, and the model's own pixel steps finish it "
        "(the\n"
        "starter's: 16 colors); an SDXL checkpoint has none, so say --size 64x64 --colors 16.\n"
        "(word:1.2) stresses a word, [word] weakens it, <lora:NAME:0.8> takes a LoRA.\n",
    .run = run,
    .paints = true,
};
