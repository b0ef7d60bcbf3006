/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels generate`: words become a sprite. */
#include "cli/cli.h"

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

typedef struct settings {
    const char *output, *negative, *init, *mask, *raw;
    const char *kind, *subject;
    dgxp_model_params model;
    const char *model_path;
    int64_t seed;
    int32_t count, batch, size[2], canvas[2], steps, scale;
    int32_t sampler, schedule, spacing, tiling;
    double guidance, rescale, cfg_stop, eta, strength;
    bool dry_run, json, quiet, show;
} settings;

static dgxp_status load_images(const settings *s, dgxp_image **init, dgxp_image **mask)
{
    dgxp_status status = s->init ? dgxp_image_load(s->init, init) : DGXP_OK;
    if (status == DGXP_OK && s->mask) {
        status = dgxp_image_load(s->mask, mask);
    }
    return status;
}

/* The first failing setter decides; later ones are not called. */
static dgxp_status fill_job(dgxp_job *job, const settings *s, uint64_t seed, const dgxp_image *init,
                            const dgxp_image *mask)
{
    dgxp_status status = dgxp_job_set_seed(job, seed);
#define SET(condition, call) status = status == DGXP_OK && (condition) ? (call) : status
    SET(s->negative, dgxp_job_set_negative_prompt(job, s->negative));
    SET(s->canvas[0], dgxp_job_set_canvas(job, s->canvas[0], s->canvas[1]));
    SET(s->size[0], dgxp_job_set_size(job, s->size[0], s->size[1]));
    SET(s->steps, dgxp_job_set_steps(job, s->steps));
    SET(s->guidance >= 0, dgxp_job_set_guidance(job, s->guidance));
    SET(s->rescale >= 0, dgxp_job_set_guidance_rescale(job, s->rescale));
    SET(s->cfg_stop >= 0, dgxp_job_set_cfg_stop(job, s->cfg_stop));
    SET(s->eta >= 0, dgxp_job_set_eta(job, s->eta));
    SET(s->sampler, dgxp_job_set_sampler(job, (dgxp_sampler)s->sampler));
    SET(s->schedule, dgxp_job_set_schedule(job, (dgxp_schedule)s->schedule));
    SET(s->spacing, dgxp_job_set_spacing(job, (dgxp_spacing)s->spacing));
    SET(s->tiling, dgxp_job_set_tiling(job, (dgxp_tiling)s->tiling));
    SET(init, dgxp_job_set_init_image(job, init, s->strength < 0 ? 0.75 : s->strength));
    SET(mask, dgxp_job_set_mask(job, mask));
#undef SET
    return status;
}

static dgxp_status make_job(const settings *s, const dgxp_model *model, uint64_t seed,
                            const dgxp_image *init, const dgxp_image *mask, dgxp_job **out)
{
    dgxp_status status = s->kind ? dgxp_job_create_preset(model, s->kind, s->subject, out)
                                 : dgxp_job_create(s->subject, out);
    return status == DGXP_OK ? fill_job(*out, s, seed, init, mask) : status;
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

static dgxp_status save_results(const settings *s, const dgxp_result *result, int first,
                                uint64_t seed, json_t *list)
{
    dgxp_png_params png = DGXP_PNG_PARAMS_INIT;
    png.scale = s->scale;
    for (int32_t i = 0; i < dgxp_result_count(result); i++) {
        char path[MAX_PATH];
        const dgxp_image *image = dgxp_result_image(result, i);
        output_path(s, s->output, first + i, seed + (uint64_t)i, path);
        dgxp_status status = dgxp_image_save(image, path, &png);
        if (status == DGXP_OK && s->raw) {
            char raw[MAX_PATH];
            output_path(s, s->raw, first + i, seed + (uint64_t)i, raw);
            status = dgxp_image_save(dgxp_result_canvas(result, i), raw, NULL);
        }
        if (status != DGXP_OK) {
            return status;
        }
        report(s, list, path, dgxp_result_recipe(result, i), image);
    }
    return DGXP_OK;
}

static dgxp_status paint_batch(const settings *s, dgxp_model *model, int first, int count,
                               uint64_t seed, const dgxp_image *init, const dgxp_image *mask,
                               json_t *list)
{
    dgxp_job *jobs[MAX_BATCH] = {NULL};
    dgxp_result *result = NULL;
    char label[64] = "";
    dgxp_status status = DGXP_OK;
    for (int i = 0; i < count && status == DGXP_OK; i++) {
        status = make_job(s, model, seed + (uint64_t)i, init, mask, &jobs[i]);
    }
    if (status == DGXP_OK) {
        if (s->count > 1) {
            snprintf(label, sizeof label, "%d/%d", first + count, s->count);
        }
        cli_progress progress = {.quiet = s->quiet, .label = *label ? label : NULL};
        dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
        params.progress = cli_progress_callback;
        params.user_data = &progress;
        params.cancel = cli_cancel();
        status = dgxp_generate(model, (const dgxp_job *const *)jobs, count, &params, &result);
        cli_progress_clear(&progress);
    }
    if (status == DGXP_OK) {
        status = save_results(s, result, first, seed, list);
    }
    dgxp_result_free(result);
    for (int i = 0; i < count; i++) {
        dgxp_job_free(jobs[i]);
    }
    return status;
}

static dgxp_status describe(const settings *s, const dgxp_model *model, uint64_t seed,
                            const dgxp_image *init, const dgxp_image *mask)
{
    dgxp_job *job = NULL;
    dgxp_document *document = NULL;
    dgxp_status status = make_job(s, model, seed, init, mask, &job);
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
    if (status == DGXP_OK) {
        status = s->seed >= 0 ? DGXP_OK : dgxp_random_seed(&seed);
        seed = s->seed >= 0 ? (uint64_t)s->seed : seed;
    }
    if (status == DGXP_OK) {
        status = dgxp_model_open(s->model_path, &s->model, &model);
    }
    if (status == DGXP_OK && s->dry_run) {
        status = describe(s, model, seed, init, mask);
    } else {
        for (int done = 0; done < s->count && status == DGXP_OK; done += s->batch) {
            const int count = s->count - done < s->batch ? s->count - done : s->batch;
            status = paint_batch(s, model, done, count, seed + (uint64_t)done, init, mask, list);
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
                  .seed = -1,
                  .count = 1,
                  .batch = 1,
                  .guidance = -1,
                  .rescale = -1,
                  .cfg_stop = -1,
                  .eta = -1,
                  .strength = -1};
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
        {"raw", 0, CLI_TEXT, "FILE", &s.raw, "also keep the model's canvas", 0, 0, NULL},
        {"scale", 0, CLI_INT, "N", &s.scale, "enlarge the PNG by whole pixels", 1, 64, NULL},
        {"dtype", 0, CLI_CHOICE, "T", &s.model.dtype, "", 0, 0, "dtype"},
        {"prediction", 0, CLI_CHOICE, "P", &s.model.prediction, "", 0, 0, "prediction"},
        {"vae", 0, CLI_TEXT, "FILE", &s.model.vae, "take the VAE from here", 0, 0, NULL},
        {"text-encoders", 0, CLI_TEXT, "FILE", &s.model.text_encoders,
         "take the text encoders from here", 0, 0, NULL},
        {"threads", 0, CLI_INT, "N", &s.model.threads, "CPU threads (default: all cores)", 1, 1024,
         NULL},
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
    code = check(&s);
    if (code == CLI_OK) {
        code = make_folder(s.output);
    }
    if (code == CLI_OK) {
        code = check_output("-o", s.output);
    }
    if (code == CLI_OK) {
        code = check_output("--raw", s.raw);
    }
    return code == CLI_OK ? paint(&s) : code;
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
        "KIND is a preset: character, monster, item, tile, icon, effect … Without it the subject\n"
        "is the whole prompt.  (word:1.2) stresses a word, [word] weakens it.\n",
    .run = run,
};
