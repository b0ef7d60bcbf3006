/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels generate`: words become a sprite. */
#include "cli/generate.h"

#include "cli/deploy.h"
#include "cli/inputs.h"
#include "cli/project.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BATCH = 64, MAX_PATH = 4096 };

typedef cli_generate_settings settings;

static dgxp_status load_images(const settings *s, dgxp_image **init, dgxp_image **mask)
{
    dgxp_status status = s->init ? dgxp_image_load(s->init, init) : DGXP_OK;
    if (status == DGXP_OK && s->mask) {
        status = dgxp_image_load(s->mask, mask);
    }
    return status;
}

/* "Medieval knight, red" -> "medieval-knight-red", at most 40 characters. */
static void make_slug(const char *text, char slug[64])
{
    size_t length = 0;
    for (; *text && length < 40; text++) {
        if (isalnum((unsigned char)*text)) {
            slug[length++] = (char)tolower((unsigned char)*text);
        } else if (length && slug[length - 1] != '-') {
            slug[length++] = '-';
        }
    }
    while (length && slug[length - 1] == '-') {
        length--;
    }
    strcpy(slug + length, length ? "" : "sprite");
}

static bool is_folder(const char *path)
{
    struct stat about;
    const size_t length = strlen(path);
    return (length && path[length - 1] == '/') ||
           (stat(path, &about) == 0 && S_ISDIR(about.st_mode));
}

/* FILE for one picture, FILE-2.png … for several, FOLDER/slug-seed.png for a folder or nothing. */
static void output_path(const settings *s, const char *wanted, int index, uint64_t seed,
                        char path[MAX_PATH])
{
    char slug[64];
    make_slug(s->subject, slug);
    if (!wanted || is_folder(wanted)) {
        const char *folder = wanted ? wanted : "";
        const size_t length = strlen(folder);
        snprintf(path, MAX_PATH, "%s%s%s-%" PRIu64 ".png", folder,
                 length && folder[length - 1] != '/' ? "/" : "", slug, seed);
        return;
    }
    const char *dot = strrchr(wanted, '.');
    if (s->count == 1 || strcmp(wanted, "-") == 0) {
        snprintf(path, MAX_PATH, "%s", wanted);
    } else {
        const int stem = dot && !strchr(dot, '/') ? (int)(dot - wanted) : (int)strlen(wanted);
        snprintf(path, MAX_PATH, "%.*s-%d%s", stem, wanted, index + 1, wanted + stem);
    }
}

static void report(const settings *s, json_t *list, const char *path, const char *recipe,
                   const dgxp_image *image)
{
    if (s->json) {
        json_array_append_new(list,
                              json_pack("{ss, si, si, so}", "path", path, "width",
                                        dgxp_image_width(image), "height", dgxp_image_height(image),
                                        "recipe", json_loads(recipe, 0, NULL)));
    } else if (strcmp(path, "-") != 0) {
        if (s->show) {
            cli_show_image(image);
        }
        printf("%s\n", path);
    }
}

/* FILE.json beside FILE.png, when the kind is a panel. */
static dgxp_status save_panel(const settings *s, const dgxp_image *image, const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_status status = DGXP_OK;
    if (cli_has_suffix(path, ".png")) {
        status = cli_generate_panel(s, image, path, &bytes, &size);
    }
    if (bytes) {
        char *panel = cli_format("%.*s.json", (int)strlen(path) - 4, path);
        FILE *file = fopen(panel, "wb");
        const bool whole = file && fwrite(bytes, 1, size, file) == size;
        if (!file || fclose(file) != 0 || !whole) {
            fprintf(stderr, "dgx-pixels: %s: cannot write: %s\n", panel, strerror(errno));
        }
        free(panel);
    }
    dgxp_bytes_free(bytes);
    return status;
}

/* Beside or instead of the file that -o names. */
static dgxp_status deploy_result(const settings *s, int index, const dgxp_image *image,
                                 const char *recipe, json_t *list)
{
    dgxp_document *document = NULL;
    const dgxp_status status = cli_generate_deploy(s, index, image, &document);
    if (status == DGXP_OK) {
        json_t *root = json_loads(dgxp_document_text(document), 0, NULL);
        if (s->json) {
            json_object_set_new(root, "recipe", json_loads(recipe, 0, NULL));
            json_array_append(list, root);
        } else {
            cli_deploy_print(root, false);
        }
        json_decref(root);
    }
    dgxp_document_free(document);
    return status;
}

static dgxp_status save_result(const settings *s, const dgxp_result *result, int32_t i, int index,
                               uint64_t seed, json_t *list)
{
    char path[MAX_PATH];
    dgxp_png_params png = DGXP_PNG_PARAMS_INIT;
    const dgxp_image *image = dgxp_result_image(result, i);
    const char *recipe = dgxp_result_recipe(result, i);
    dgxp_status status = DGXP_OK;
    png.scale = s->scale;
    if (!s->deploys || s->output) {
        output_path(s, s->output, index, seed, path);
        status = dgxp_image_save(image, path, &png);
        if (status == DGXP_OK) {
            status = save_panel(s, image, path);
        }
        if (status == DGXP_OK) {
            report(s, list, path, recipe, image);
        }
    }
    if (status == DGXP_OK && s->raw) {
        output_path(s, s->raw, index, seed, path);
        status = dgxp_image_save(dgxp_result_canvas(result, i), path, NULL);
    }
    if (status == DGXP_OK && s->deploys) {
        status = deploy_result(s, index, image, recipe, list);
    }
    return status;
}

static dgxp_status save_results(const settings *s, const dgxp_result *result, int first,
                                uint64_t seed, json_t *list)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < dgxp_result_count(result) && status == DGXP_OK; i++) {
        status = save_result(s, result, i, first + i, seed + (uint64_t)i, list);
    }
    return status;
}

/* `count` pictures with seeds from `seed` on; `*result` is yours. */
static dgxp_status paint_batch(const settings *s, dgxp_model *model, const char *label, int count,
                               uint64_t seed, const dgxp_image *init, const dgxp_image *mask,
                               dgxp_result **result)
{
    dgxp_job *jobs[MAX_BATCH] = {NULL};
    dgxp_status status = DGXP_OK;
    for (int i = 0; i < count && status == DGXP_OK; i++) {
        status = cli_generate_job(s, model, seed + (uint64_t)i, init, mask, &jobs[i]);
    }
    if (status == DGXP_OK) {
        cli_progress progress = {.quiet = s->quiet, .label = *label ? label : NULL};
        dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
        params.progress = cli_progress_callback;
        params.user_data = &progress;
        params.cancel = cli_cancel();
        status = dgxp_generate(model, (const dgxp_job *const *)jobs, count, &params, result);
        cli_progress_clear(&progress);
    }
    for (int i = 0; i < count; i++) {
        dgxp_job_free(jobs[i]);
    }
    return status;
}

static dgxp_status paint_all(const settings *s, dgxp_model *model, uint64_t seed,
                             const dgxp_image *init, const dgxp_image *mask, json_t *list)
{
    dgxp_status status = DGXP_OK;
    for (int done = 0; done < s->count && status == DGXP_OK; done += s->batch) {
        const int count = s->count - done < s->batch ? s->count - done : s->batch;
        const uint64_t first = seed + (uint64_t)done;
        char label[64] = "";
        dgxp_result *result = NULL;
        if (s->count > 1) {
            snprintf(label, sizeof label, "%d/%d", done + count, s->count);
        }
        status = paint_batch(s, model, label, count, first, init, mask, &result);
        if (status == DGXP_OK) {
            status = save_results(s, result, done, first, list);
        }
        dgxp_result_free(result);
    }
    return status;
}

/* One picture of `best_of` seeds: the candidate that the quality report likes best. */
static dgxp_status paint_best(const settings *s, dgxp_model *model, int index, uint64_t seed,
                              const dgxp_image *init, const dgxp_image *mask, json_t *list)
{
    cli_generate_best best = {.score = -1};
    dgxp_status status = DGXP_OK;
    for (int done = 0; done < s->best_of && status == DGXP_OK; done += s->batch) {
        const int count = s->best_of - done < s->batch ? s->best_of - done : s->batch;
        const uint64_t first = seed + (uint64_t)done;
        char label[64];
        dgxp_result *result = NULL;
        snprintf(label, sizeof label, "%d/%d, candidate %d/%d", index + 1, s->count, done + count,
                 s->best_of);
        status = paint_batch(s, model, label, count, first, init, mask, &result);
        if (status == DGXP_OK) {
            status = cli_generate_prefer(result, first, &best);
        }
    }
    if (status == DGXP_OK) {
        if (!s->quiet && !s->json) {
            fprintf(stderr, "seed %" PRIu64 " is the best of %d: quality %.1f\n", best.seed,
                    s->best_of, best.score);
        }
        status = save_result(s, best.result, best.index, index, best.seed, list);
    }
    dgxp_result_free(best.result);
    return status;
}

static dgxp_status describe(const settings *s, const dgxp_model *model, uint64_t seed,
                            const dgxp_image *init, const dgxp_image *mask)
{
    dgxp_job *job = NULL;
    dgxp_document *document = NULL;
    dgxp_status status = cli_generate_job(s, model, seed, init, mask, &job);
    if (status == DGXP_OK) {
        status = dgxp_job_describe(job, model, &document);
    }
    if (status == DGXP_OK) {
        cli_print_document(document, s->json);
    }
    dgxp_document_free(document);
    dgxp_job_free(job);
    return status;
}

static int paint(const settings *s)
{
    dgxp_model *model = NULL;
    dgxp_image *init = NULL, *mask = NULL;
    json_t *list = json_array();
    uint64_t seed = 0;
    dgxp_status status = load_images(s, &init, &mask);
    for (int i = 0; s->deploys && !s->dry_run && i < s->count && status == DGXP_OK; i++) {
        status = cli_generate_deploy(s, i, NULL, NULL);
    }
    if (status == DGXP_OK) {
        status = s->seed >= 0 ? DGXP_OK : dgxp_random_seed(&seed);
        seed = s->seed >= 0 ? (uint64_t)s->seed : seed;
    }
    if (status == DGXP_OK) {
        status = dgxp_model_open(s->model_path, &s->model, &model);
    }
    if (status == DGXP_OK && s->partial && !s->dry_run) {
        status = cli_set_partial_loras(model, &s->loras);
    }
    if (status == DGXP_OK && s->dry_run) {
        status = describe(s, model, seed, init, mask);
    } else {
        if (status == DGXP_OK && s->best_of == 1) {
            status = paint_all(s, model, seed, init, mask, list);
        }
        for (int i = 0; s->best_of > 1 && i < s->count && status == DGXP_OK; i++) {
            const uint64_t first = seed + (uint64_t)i * (uint64_t)s->best_of;
            status = paint_best(s, model, i, first, init, mask, list);
        }
        if (s->json && json_array_size(list)) {
            json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
            putchar('\n');
        }
    }
    const int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    json_decref(list);
    dgxp_image_free(init);
    dgxp_image_free(mask);
    dgxp_model_free(model);
    return code;
}

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
    if (!path || strcmp(path, "-") == 0 || is_folder(path)) {
        return CLI_OK;
    }
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    char folder[MAX_PATH] = ".";
    if (slash) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    }
    if (dot && (!slash || dot > slash) && strcasecmp(dot, ".png") != 0 &&
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

static int check(const settings *s)
{
    if (s->subject[strspn(s->subject, " \t\r\n")] == '\0') {
        return cli_usage("generate", "say what to paint, in quotes");
    }
    if (s->size[0] && s->canvas[0]) {
        return cli_usage("generate", "--size (sprite pixels) and --canvas (what the model paints) "
                                     "exclude each other");
    }
    if (s->raw && (is_folder(s->raw) || (s->output && strcmp(s->raw, s->output) == 0))) {
        return cli_usage("generate", "--raw takes a file of its own, not a folder or the -o file");
    }
    bool styled = s->style || s->speed || s->fields.count;
    for (int i = 0; i < CLI_PRESET_FIELDS; i++) {
        styled = styled || s->named_fields[i];
    }
    if (styled && !s->kind) {
        return cli_usage("generate",
                         "--style, --speed and the fields refine a KIND: generate "
                         "character \"%s\"",
                         s->subject);
    }
    if ((s->deploy.to || s->deploy.project || s->force) && !s->deploys) {
        return cli_usage("generate", "--to, --project and --force belong to --deploy");
    }
    for (int i = 0; i < s->loras.count; i++) {
        cli_lora_wish wish;
        if (!cli_parse_lora(s->loras.items[i], &wish)) {
            return cli_usage("generate", "--lora %s: name a file, as in style:0.8 or style:0.8:0.5",
                             s->loras.items[i]);
        }
    }
    if (!s->init && (s->mask || s->strength >= 0)) {
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
                  .seed = -1,
                  .count = 1,
                  .batch = 1,
                  .best_of = 1,
                  .guidance = -1,
                  .rescale = -1,
                  .cfg_stop = -1,
                  .eta = -1,
                  .strength = -1};
    s.fields.items = cli_zero((size_t)argc, sizeof(char *));
    s.loras.items = cli_zero((size_t)argc, sizeof(char *));
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE|DIR", &s.output,
         "where to; a folder gets readable names (default: here)", 0, 0, NULL},
        {"model", 'm', CLI_TEXT, "FILE|DIR", &s.model_path,
         "an SDXL checkpoint (.safetensors), a diffusers folder, a bundle, or\n"
         "a name that `dgx-pixels models` lists (default: the starter model)",
         0, 0, NULL},
        {"device", 0, CLI_TEXT, "cpu|cuda[:N]", &s.model.device, "default: cuda when there is one",
         0, 0, NULL},
        {"seed", 's', CLI_SEED, "N", &s.seed, "the same seed paints the same picture", 0, 0, NULL},
        {"count", 'n', CLI_INT, "N", &s.count, "how many, with seeds N, N+1, …", 1, 100000, NULL},
        {"batch", 0, CLI_INT, "N", &s.batch, "how many at once (a GPU likes 4)", 1, MAX_BATCH,
         NULL},
        {"best-of", 0, CLI_INT, "N", &s.best_of,
         "paint N candidates for each, with seeds of their own, and keep\n"
         "the one that the quality report likes best",
         1, 64, NULL},
        {"style", 0, CLI_TEXT, "S", &s.style, "with a KIND: 8bit, 16bit, 32bit, gameboy, nes, 1bit",
         0, 0, NULL},
        {"speed", 0, CLI_TEXT, "S", &s.speed, "with a KIND: fast, balanced, quality", 0, 0, NULL},
        {"view", 0, CLI_TEXT, "V", &s.named_fields[0],
         "with a KIND: front, side, back, three-quarter, top-down", 0, 0, NULL},
        {"facing", 0, CLI_TEXT, "F", &s.named_fields[1],
         "with a KIND: south (to the viewer), south-east, east … eight of them", 0, 0, NULL},
        {"outline", 0, CLI_TEXT, "O", &s.named_fields[2],
         "with a KIND: none, black, colored, inner", 0, 0, NULL},
        {"shading", 0, CLI_TEXT, "S", &s.named_fields[3],
         "with a KIND: flat, simple, soft, dithered", 0, 0, NULL},
        {"detail", 0, CLI_TEXT, "D", &s.named_fields[4], "with a KIND: low, medium, high", 0, 0,
         NULL},
        {"isometric", 0, CLI_TEXT, "no|yes", &s.named_fields[5], "with a KIND", 0, 0, NULL},
        {"field", 0, CLI_LIST, "NAME=VALUE", &s.fields, "a field of your own preset", 0, 0, NULL},
        {"palette", 0, CLI_TEXT, "NAME|FILE", &s.palette,
         "these colors and no others; `dgx-pixels palette list`", 0, 0, NULL},
        {"colors", 0, CLI_INT, "N", &s.colors, "at most so many colors, found in the picture", 1,
         256, NULL},
        {"background", 0, CLI_TEXT, "auto|keep|#rrggbb", &s.background, "what becomes transparent",
         0, 0, NULL},
        {"as-painted", 0, CLI_FLAG, NULL, &s.as_painted,
         "no palette, matte and clean-up: only size and hard alpha", 0, 0, NULL},
        {"size", 0, CLI_SIZE, "WxH", s.size, "sprite pixels that come out", 0, 0, NULL},
        {"canvas", 0, CLI_SIZE, "WxH", s.canvas, "what the model paints, for experts", 0, 0, NULL},
        {"steps", 0, CLI_INT, "N", &s.steps, "1..1000 (default: the model's)", 1, 1000, NULL},
        {"guidance", 'g', CLI_NUMBER, "G", &s.guidance,
         "how strictly the words are followed; 1 or less ignores\n"
         "the negative prompt and is twice as fast",
         0, 100, NULL},
        {"guidance-rescale", 0, CLI_NUMBER, "F", &s.rescale, "0..1: against burnt colours", 0, 1,
         NULL},
        {"cfg-stop", 0, CLI_NUMBER, "F", &s.cfg_stop,
         "guidance ends after this share of the steps: 0.6 saves 20 %", 0, 1, NULL},
        {"sampler", 0, CLI_CHOICE, "S", &s.sampler, "", 0, 0, "sampler"},
        {"schedule", 0, CLI_CHOICE, "S", &s.schedule, "", 0, 0, "schedule"},
        {"spacing", 0, CLI_CHOICE, "S", &s.spacing, "", 0, 0, "spacing"},
        {"eta", 0, CLI_NUMBER, "F", &s.eta, "noise of ddim and tcd, 0..1", 0, 1, NULL},
        {"tiling", 0, CLI_CHOICE, "AXES", &s.tiling, "", 0, 0, "tiling"},
        {"negative", 0, CLI_TEXT, "TEXT", &s.negative, "what should not be there", 0, 0, NULL},
        {"init", 0, CLI_TEXT, "PNG", &s.init, "start from this picture", 0, 0, NULL},
        {"strength", 0, CLI_NUMBER, "F", &s.strength,
         "with --init: 0 keeps it, 1 ignores it (default 0.75)", 0, 1, NULL},
        {"mask", 0, CLI_TEXT, "PNG", &s.mask, "with --init: white is painted anew", 0, 0, NULL},
        {"lora", 'l', CLI_LIST, "NAME[:W[:T]]", &s.loras,
         "a LoRA by file or name (`dgx-pixels lora list`), as strong as W\n"
         "(default 1), its text encoders as strong as T; may be repeated",
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
        {"show", 0, CLI_FLAG, NULL, &s.show, "show it in the terminal too", 0, 0, NULL},
        {"dry-run", 0, CLI_FLAG, NULL, &s.dry_run, "print the whole job, paint nothing", 0, 0,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print JSON on stdout", 0, 0, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &s.quiet, "no progress bar", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
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
    s.model.describe_only = s.dry_run;
    json_t *project = NULL;
    code = check(&s);
    if (code == CLI_OK) {
        code = cli_project_load(s.deploy.project, &project);
        cli_project_apply(project, &s);
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
    code = code == CLI_OK ? paint(&s) : code;
    json_decref(project);
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
        "Without it the subject is the whole prompt.  (word:1.2) stresses a word, [word] weakens\n"
        "it, <lora:NAME:0.8> takes a LoRA.\n",
    .run = run,
};
