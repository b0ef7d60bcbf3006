/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `generate` at work: batches of seeds become files, and sprites of a running game. */
#include "cli/deploy.h"
#include "cli/generate.h"
#include "cli/inputs.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PATH = 4096 };

/* One call of the program. */
typedef struct painting {
    const cli_generate_settings *s;
    dgxp_model *model;
    dgxp_image *init, *mask;
    json_t *list;     /* what --json prints */
    bool unconfirmed; /* a running game does not show some of it */
    bool unfinished;  /* nothing says what becomes of the canvas's pixels */
} painting;

/* -------------------------------------------------------------------------------------- names */

bool cli_names_folder(const char *path)
{
    const size_t length = strlen(path);
    return (length && path[length - 1] == '/') || cli_is_folder(path);
}

/* FILE for one picture, FILE-2.png … for several, FOLDER/slug-seed.png for a folder or nothing. */
static void output_path(const cli_generate_settings *s, const char *wanted, int index,
                        uint64_t seed, char path[MAX_PATH])
{
    char slug[DGXP_SLUG_SIZE];
    dgxp_slug(s->subject, slug);
    if (!wanted || cli_names_folder(wanted)) {
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

/* ------------------------------------------------------------------------------------- saving */

static void report(const painting *p, const char *path, const char *recipe, const dgxp_image *image)
{
    if (p->s->json) {
        json_array_append_new(p->list,
                              json_pack("{ss, si, si, so}", "path", path, "width",
                                        dgxp_image_width(image), "height", dgxp_image_height(image),
                                        "recipe", json_loads(recipe, 0, NULL)));
    } else if (strcmp(path, "-") != 0) {
        if (p->s->show) {
            cli_show_image(image);
        }
        printf("%s\n", path);
    }
}

/* FILE.json beside FILE.png, when the kind is a panel. */
static dgxp_status save_panel(const dgxp_image *image, const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_status status = DGXP_OK;
    if (cli_has_suffix(path, ".png")) {
        status = dgxp_panel_describe(image, cli_base(path), &bytes, &size);
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
static dgxp_status deploy_result(painting *p, int index, const dgxp_image *image,
                                 const char *recipe)
{
    json_t *root = NULL;
    bool confirmed = true;
    const dgxp_status status = cli_generate_deploy(p->s, index, image, &root, &confirmed);
    p->unconfirmed = p->unconfirmed || !confirmed;
    if (status == DGXP_OK && p->s->json) {
        json_object_set_new(root, "recipe", json_loads(recipe, 0, NULL));
        json_array_append(p->list, root);
    } else if (status == DGXP_OK) {
        cli_deploy_print(root, false);
    }
    json_decref(root);
    return status;
}

static bool is_unfinished(const char *recipe)
{
    json_t *root = json_loads(recipe, 0, NULL);
    const bool none = root && !json_object_get(root, "finish");
    json_decref(root);
    return none;
}

/* A model without pixel steps of its own cannot know what its pixels are. */
static void hint(const painting *p)
{
    const cli_generate_settings *s = p->s;
    if (p->unfinished && !json_object_get(s->more, "as_painted") && !s->quiet && !s->json) {
        fprintf(
            stderr,
            "dgx-pixels: as it was painted, without palette and clean-up: this model names no "
            "pixel steps of its own.\n"
            "dgx-pixels: a KIND (generate character \"%s\"), or --size 64x64 --colors 16, makes "
            "a sprite of it; --as-painted keeps it.\n",
            s->subject);
    }
}

/* What a preset does with the finished sprite makes more files than one picture. */
static void hint_steps(const cli_generate_settings *s)
{
    static const char *const steps[] = {"recolor", "motion", "normal"};
    const char *style = json_string_value(json_object_get(s->more, "style"));
    const char *const presets[] = {s->kind, style};
    for (int i = 0; i < 2 && !s->quiet && !s->json; i++) {
        dgxp_document *document = NULL;
        json_t *preset = presets[i] && dgxp_preset_describe(presets[i], NULL, &document) == DGXP_OK
                             ? json_loads(dgxp_document_text(document), 0, NULL)
                             : NULL;
        for (int k = 0; k < 3; k++) {
            if (json_object_get(preset, steps[k])) {
                fprintf(stderr,
                        "dgx-pixels: this is the sprite alone: the preset '%s' goes on with %s, "
                        "which `dgx-pixels build` and `run` carry out.\n",
                        presets[i], steps[k]);
            }
        }
        json_decref(preset);
        dgxp_document_free(document);
    }
}

static dgxp_status save_result(painting *p, const dgxp_result *result, int32_t i, int index,
                               uint64_t seed)
{
    char path[MAX_PATH];
    const cli_generate_settings *s = p->s;
    dgxp_png_params png = DGXP_PNG_PARAMS_INIT;
    const dgxp_image *image = dgxp_result_image(result, i);
    const char *recipe = dgxp_result_recipe(result, i);
    dgxp_status status = DGXP_OK;
    png.scale = s->scale;
    p->unfinished = p->unfinished || is_unfinished(recipe);
    if (!s->deploys || s->output) {
        output_path(s, s->output, index, seed, path);
        status = dgxp_image_save(image, path, &png);
        if (status == DGXP_OK) {
            status = save_panel(image, path);
        }
        if (status == DGXP_OK) {
            report(p, path, recipe, image);
        }
    }
    if (status == DGXP_OK && s->raw) {
        output_path(s, s->raw, index, seed, path);
        status = dgxp_image_save(dgxp_result_canvas(result, i), path, NULL);
    }
    if (status == DGXP_OK && s->deploys) {
        status = deploy_result(p, index, image, recipe);
    }
    return status;
}

/* ----------------------------------------------------------------------------------- painting */

/* Words that the model was never shown, once a call: a slip of the finger, or a thing that it cannot know. */
static void tell_unread(const json_t *recipe)
{
    const json_t *list = json_object_get(recipe, "unread");
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const json_t *near = json_object_get(entry, "near");
        fprintf(stderr, "%s%s", i ? ", " : "never read by this model: ",
                json_string_value(json_object_get(entry, "word")));
        if (near) {
            fprintf(stderr, " (%s?)", json_string_value(near));
        }
    }
    if (json_array_size(list) > 0) {
        fputs("; the other words decide\n", stderr);
    }
}

/* Of `best_of` candidates the one that was kept, whose seed is not the one that was asked for. */
static uint64_t tell_choice(const cli_generate_settings *s, const char *recipe, uint64_t seed,
                            bool first)
{
    json_t *root = json_loads(recipe, 0, NULL);
    if (first && !s->quiet && !s->json) {
        tell_unread(root);
    }
    const json_t *chosen = json_object_get(root, "chosen");
    if (chosen) {
        seed = (uint64_t)json_integer_value(json_object_get(root, "seed"));
    }
    if (chosen && !s->quiet && !s->json) {
        fprintf(stderr, "seed %" PRIu64 " is the best of %d: quality %.1f\n", seed,
                (int)json_integer_value(json_object_get(chosen, "of")),
                json_number_value(json_object_get(chosen, "quality")));
    }
    json_decref(root);
    return seed;
}

/* `count` pictures with seeds from `seed` on; `*result` is yours. */
static dgxp_status paint_batch(const painting *p, const char *label, int count, uint64_t seed,
                               dgxp_result **result)
{
    dgxp_job *jobs[CLI_GENERATE_BATCH] = {NULL};
    dgxp_status status = DGXP_OK;
    for (int i = 0; i < count && status == DGXP_OK; i++) {
        status = cli_generate_job(p->s, p->model, seed + (uint64_t)i, p->init, p->mask, &jobs[i]);
    }
    if (status == DGXP_OK) {
        cli_progress progress = {.quiet = p->s->quiet, .label = *label ? label : NULL};
        dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
        params.progress = cli_progress_callback;
        params.user_data = &progress;
        params.cancel = cli_cancel();
        params.at_once = p->s->batch;
        status = dgxp_generate(p->model, (const dgxp_job *const *)jobs, count, &params, result);
        cli_progress_clear(&progress);
    }
    for (int i = 0; i < count; i++) {
        dgxp_job_free(jobs[i]);
    }
    return status;
}

static dgxp_status save_batch(painting *p, const dgxp_result *result, int done, uint64_t seed)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < dgxp_result_count(result) && status == DGXP_OK; i++) {
        const uint64_t own =
            tell_choice(p->s, dgxp_result_recipe(result, i), seed + (uint64_t)i, done + i == 0);
        status = save_result(p, result, i, done + i, own);
    }
    return status;
}

/* A batch at a time. */
static dgxp_status paint_all(painting *p, uint64_t seed)
{
    const cli_generate_settings *s = p->s;
    dgxp_status status = DGXP_OK;
    for (int done = 0; done < s->count && status == DGXP_OK; done += s->batch) {
        const int size = s->count - done < s->batch ? s->count - done : s->batch;
        const uint64_t first = seed + (uint64_t)done;
        char place[64] = "";
        dgxp_result *result = NULL;
        if (s->count > 1) {
            snprintf(place, sizeof place, "%d/%d", done + size, s->count);
        }
        status = paint_batch(p, place, size, first, &result);
        status = status == DGXP_OK ? save_batch(p, result, done, first) : status;
        dgxp_result_free(result);
    }
    return status;
}

static dgxp_status describe(const painting *p, uint64_t seed)
{
    dgxp_job *job = NULL;
    dgxp_document *document = NULL;
    dgxp_status status = cli_generate_job(p->s, p->model, seed, p->init, p->mask, &job);
    if (status == DGXP_OK) {
        status = dgxp_job_describe(job, p->model, &document);
    }
    if (status == DGXP_OK) {
        cli_print_document(document, p->s->json);
    }
    dgxp_document_free(document);
    dgxp_job_free(job);
    return status;
}

/* What can fail before anything is painted does. */
static dgxp_status prepare(painting *p, uint64_t *seed)
{
    const cli_generate_settings *s = p->s;
    cli_cancel(); /* Ctrl-C counts from here on, while the model is being opened too */
    dgxp_status status = s->init ? dgxp_image_load(s->init, &p->init) : DGXP_OK;
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(s->mask ? dgxp_image_load(s->mask, &p->mask) : DGXP_OK);
    for (int i = 0; s->deploys && !s->dry_run && i < s->count && status == DGXP_OK; i++) {
        status = cli_generate_deploy(s, i, NULL, NULL, NULL);
    }
    *seed = (uint64_t)s->seed;
    NEXT(s->seed >= 0 ? DGXP_OK : dgxp_random_seed(seed));
    NEXT(dgxp_model_open(s->model_path, &s->model, &p->model));
    NEXT(s->partial && !s->dry_run ? cli_set_partial_loras(p->model, &s->loras) : DGXP_OK);
#undef NEXT
    return status;
}

int cli_generate_paint(const cli_generate_settings *s)
{
    painting p = {.s = s, .list = json_array()};
    uint64_t seed = 0;
    dgxp_status status = prepare(&p, &seed);
    if (status == DGXP_OK) {
        status = s->dry_run ? describe(&p, seed) : paint_all(&p, seed);
        hint(&p);
        if (status == DGXP_OK) {
            hint_steps(s);
        }
    }
    if (s->json && json_array_size(p.list)) {
        json_dumpf(p.list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    const int code = status != DGXP_OK ? cli_fail(status)
                     : p.unconfirmed   ? CLI_SOME_FAILED
                                       : CLI_OK;
    json_decref(p.list);
    dgxp_image_free(p.init);
    dgxp_image_free(p.mask);
    dgxp_model_free(p.model);
    return code;
}
