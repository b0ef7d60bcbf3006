/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels regen`: a sprite painted again from its own metadata. */
#include "cli/cli.h"
#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *model_path, *init, *mask;
    dgxp_model_params model;
    cli_list set;
    bool force, quiet, json;
} settings;

typedef struct session {
    const settings *s;
    const char *changes;
    dgxp_image *init, *mask;
    dgxp_model *model;
    char *opened; /* what `model` is */
} session;

/* The recipe's own model, device and type, unless the user says otherwise. */
static dgxp_status open_model(session *self, const json_t *recipe)
{
    const json_t *about = json_object_get(recipe, "model");
    const char *file = json_string_value(json_object_get(about, "file"));
    const char *device = json_string_value(json_object_get(about, "device"));
    const char *dtype = json_string_value(json_object_get(about, "dtype"));
    dgxp_model_params params = self->s->model;
    const char *path = self->s->model_path ? self->s->model_path : file;
    char *wanted =
        cli_format("%s %s %s", path ? path : "", device ? device : "", dtype ? dtype : "");
    if (self->opened && strcmp(self->opened, wanted) == 0) {
        free(wanted);
        return DGXP_OK;
    }
    free(self->opened);
    self->opened = wanted;
    dgxp_model_free(self->model);
    self->model = NULL;
    int32_t count = 0;
    const dgxp_choice *choices = dgxp_choices("dtype", &count);
    for (int32_t i = 0; i < count && dtype && !params.dtype; i++) {
        params.dtype = cli_is_word(dtype, choices[i].name) ? choices[i].value : params.dtype;
    }
    params.device = params.device ? params.device : device;
    if (!params.threads) {
        params.threads = (int32_t)json_integer_value(json_object_get(about, "threads"));
    }
    return dgxp_model_open(path, &params, &self->model);
}

/* The enlargement that the file was written with: it is no part of the recipe. */
static int32_t find_scale(const dgxp_image *file, const dgxp_image *sprite)
{
    const int32_t scale = dgxp_image_width(file) / dgxp_image_width(sprite);
    return scale >= 1 && scale <= 64 &&
                   scale * dgxp_image_width(sprite) == dgxp_image_width(file) &&
                   scale * dgxp_image_height(sprite) == dgxp_image_height(file)
               ? scale
               : 1;
}

static bool equals_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *theirs = cli_zero(size + 1, 1);
    const bool equal =
        file && fread(theirs, 1, size + 1, file) == size && memcmp(theirs, bytes, size) == 0;
    if (file) {
        fclose(file);
    }
    free(theirs);
    return equal;
}

static void print_notes(const dgxp_document *report)
{
    json_t *about = report ? json_loads(dgxp_document_text(report), 0, NULL) : NULL;
    size_t i;
    json_t *entry;
    cli_print_list(about, "notes", "note");
    json_array_foreach(json_object_get(about, "differs"), i, entry)
    {
        const char *here = json_string_value(json_object_get(entry, "here"));
        fprintf(stderr, "dgx-pixels: differs: %s: recipe %s, here %s\n",
                json_string_value(json_object_get(entry, "what")),
                json_string_value(json_object_get(entry, "recipe")), here ? here : "none");
    }
    json_decref(about);
}

/* A deployed picture has its recipe in its sidecar. */
static dgxp_status find_recipe(dgxp_image *image, const char *path, bool *stripped)
{
    if (dgxp_image_text(image, "dgx_pixels") || !cli_has_suffix(path, ".png")) {
        return DGXP_OK;
    }
    const dgxp_status status = dgxp_image_load_sidecar(image, path);
    *stripped = status == DGXP_OK;
    return status == DGXP_ERR_NOT_FOUND ? DGXP_OK : status;
}

static dgxp_status repaint(session *self, const char *path, bool *equal, char **written)
{
    const settings *s = self->s;
    dgxp_image *image = NULL, *sprite = NULL;
    dgxp_document *document = NULL, *report = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    cli_progress progress = {.quiet = s->quiet};
    bool stripped = false;
    dgxp_status status = dgxp_image_load(path, &image);
    status = status == DGXP_OK ? find_recipe(image, path, &stripped) : status;
    status = status == DGXP_OK ? dgxp_image_recipe(image, &document) : status;
    if (status == DGXP_OK) {
        json_t *recipe = json_loads(dgxp_document_text(document), 0, NULL);
        status = open_model(self, recipe);
        json_decref(recipe);
    }
    if (status == DGXP_OK) {
        dgxp_regen_params params = DGXP_REGEN_PARAMS_INIT;
        params.force = s->force;
        params.changes = self->changes;
        params.init = self->init;
        params.mask = self->mask;
        params.progress = cli_progress_callback;
        params.user_data = &progress;
        params.cancel = cli_cancel();
        status = dgxp_regen(self->model, image, &params, &report, &sprite);
        cli_progress_clear(&progress);
    }
    print_notes(report);
    if (status == DGXP_OK) {
        dgxp_png_params png = DGXP_PNG_PARAMS_INIT;
        const bool resized = self->changes && (strstr(self->changes, "\"size\"") ||
                                               strstr(self->changes, "\"canvas\""));
        png.scale = resized ? 1 : find_scale(image, sprite);
        png.strip_text = stripped;
        status = dgxp_image_encode(sprite, &png, &bytes, &size);
        *equal = status == DGXP_OK && equals_file(path, bytes, size);
        png.strip_text = 0;
        if (status == DGXP_OK && s->output) {
            *written = cli_is_folder(s->output) ? cli_output(s->output, cli_base(path), NULL)
                                                : cli_format("%s", s->output);
            status = dgxp_image_save(sprite, *written, &png);
        }
    }
    dgxp_bytes_free(bytes);
    dgxp_image_free(image);
    dgxp_image_free(sprite);
    dgxp_document_free(document);
    dgxp_document_free(report);
    return status;
}

static int repaint_all(session *self, char **paths, int count)
{
    const settings *s = self->s;
    json_t *list = json_array();
    int worst = CLI_OK;
    for (int i = 0; i < count && worst != CLI_CANCELLED; i++) {
        bool equal = false;
        char *written = NULL;
        const dgxp_status status = repaint(self, paths[i], &equal, &written);
        if (status != DGXP_OK) {
            fprintf(stderr, "%s: ", paths[i]);
            worst = cli_fail(status);
        } else if (s->json) {
            json_t *entry = json_object();
            json_object_set_new(entry, "path", cli_json_text(paths[i]));
            json_object_set_new(entry, "identical", json_boolean(equal));
            json_object_set_new(entry, "written", written ? cli_json_text(written) : json_null());
            json_array_append_new(list, entry);
        } else {
            printf("%s: %s%s%s\n", paths[i],
                   self->changes ? "painted with changes"
                   : equal       ? "the same, byte for byte"
                                 : "DIFFERS",
                   written ? ", in " : "", written ? written : "");
        }
        if (status == DGXP_OK && !equal && !self->changes && worst == CLI_OK) {
            worst = CLI_SOME_FAILED;
        }
        free(written);
    }
    if (s->json) {
        json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    json_decref(list);
    return count > 1 && worst != CLI_OK && worst != CLI_CANCELLED ? CLI_SOME_FAILED : worst;
}

static int start(const settings *s, char **paths, int count)
{
    session self = {.s = s};
    char *changes = s->set.count ? cli_request("regen", &s->set) : NULL;
    if (s->set.count && !changes) {
        return CLI_USAGE;
    }
    self.changes = changes;
    if (s->output && *s->output && s->output[strlen(s->output) - 1] == '/' &&
        cli_make_folders(s->output) != CLI_OK) {
        free(changes);
        return CLI_IO;
    }
    dgxp_status status = s->init ? dgxp_image_load(s->init, &self.init) : DGXP_OK;
    status = status == DGXP_OK && s->mask ? dgxp_image_load(s->mask, &self.mask) : status;
    const int code = status == DGXP_OK ? repaint_all(&self, paths, count) : cli_fail(status);
    dgxp_image_free(self.init);
    dgxp_image_free(self.mask);
    dgxp_model_free(self.model);
    free(self.opened);
    free(changes);
    return code;
}

static int run(int argc, char **argv)
{
    settings s = {.model = DGXP_MODEL_PARAMS_INIT};
    s.set.items = cli_zero((size_t)argc, sizeof *s.set.items);
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE|DIR", &s.output,
         "where to (default: nowhere, only compare with the file)", 0, 0, NULL},
        {"set", 0, CLI_LIST, "FIELD=VALUE", &s.set, "change the recipe: seed=8, steps=20 …", 0, 0,
         NULL},
        {"model", 'm', CLI_TEXT, "FILE|DIR", &s.model_path,
         "where the model is (default: by the recipe's name)", 0, 0, NULL},
        {"device", 0, CLI_TEXT, "cpu|cuda[:N]", &s.model.device, "default: the recipe's", 0, 0,
         NULL},
        {"dtype", 0, CLI_CHOICE, "T", &s.model.dtype, "default: the recipe's", 0, 0, "dtype"},
        {"threads", 0, CLI_INT, "N", &s.model.threads, "CPU threads (default: the recipe's)", 1,
         1024, NULL},
        {"init", 0, CLI_TEXT, "PNG", &s.init, "the picture that it was started from", 0, 0, NULL},
        {"mask", 0, CLI_TEXT, "PNG", &s.mask, "the mask that was used", 0, 0, NULL},
        {"force", 0, CLI_FLAG, NULL, &s.force, "paint although model or pictures differ", 0, 0,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print JSON", 0, 0, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &s.quiet, "no progress bar", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (cli_parse(&cli_regen, options, argc, argv, &words, &code)) {
        code = words < 1 ? cli_usage("regen", "name at least one picture")
               : words > 1 && s.output && !cli_is_folder(s.output) &&
                       (!*s.output || s.output[strlen(s.output) - 1] != '/')
                   ? cli_usage("regen", "of several pictures, -o is a folder: its name ends with /")
               : s.set.count && !s.output ? cli_usage("regen", "--set needs -o: where to")
               : s.output && !cli_check_picture_name("regen", s.output) ? CLI_USAGE
                                                                        : start(&s, argv, words);
    }
    free(s.set.items);
    return code;
}

const cli_command cli_regen = {
    .name = "regen",
    .summary = "Paint a sprite again from its own metadata, byte for byte, or with changes",
    .synopsis = "PNG… [-o FILE|DIR] [--set FIELD=VALUE …]",
    .examples =
        "  dgx-pixels regen knight.png\n"
        "  dgx-pixels regen knight.png --set seed=8 -o other.png\n"
        "  dgx-pixels regen sprites/*.png -m my-sdxl.safetensors\n"
        "  dgx-pixels regen assets/sprites/knight.png\n"
        "Without -o the file is only compared: exit code 1 when it differs.  The hashes of\n"
        "model, LoRAs, palette, init image and mask are checked first; what differs is named.\n"
        "Of a deployed picture the recipe is read from its sidecar in dgx-pixels.recipes/.\n",
    .run = run,
    .paints = true,
};
