/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels palette`: find, apply, show, convert and list palettes. */
#include "cli/cli.h"
#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_command extract_command, map_command, show_command, convert_command, list_command;

static const cli_option end_of_options = {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL};

/* ---------------------------------------------------------------------------------------- show */

static void print_palette(const dgxp_palette *palette, bool json)
{
    const int32_t count = dgxp_palette_count(palette);
    const uint8_t *rgba = dgxp_palette_colors(palette);
    const bool color = isatty(STDOUT_FILENO);
    json_t *list = json_array();
    for (int32_t i = 0; i < count; i++, rgba += 4) {
        char text[16];
        snprintf(text, sizeof text, rgba[3] == 255 ? "#%02x%02x%02x" : "#%02x%02x%02x%02x", rgba[0],
                 rgba[1], rgba[2], rgba[3]);
        json_array_append_new(list, json_string(text));
        if (!json && color) {
            cli_escapes_allow(true);
            printf("\033[48;2;%d;%d;%dm    \033[0m ", rgba[0], rgba[1], rgba[2]);
            cli_escapes_allow(false);
        }
        if (!json) {
            printf("%s\n", text);
        }
    }
    if (json) {
        json_t *name = json_string(dgxp_palette_name(palette));
        json_t *root = json_pack("{so, si, so}", "name", name ? name : json_null(), "count",
                                 (int)count, "colors", list);
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(root);
    } else {
        json_decref(list);
    }
}

static int run_show(int argc, char **argv)
{
    bool json = false;
    const cli_option options[] = {
        {"json", 0, CLI_FLAG, NULL, &json, "print JSON", 0, 0, NULL},
        end_of_options,
    };
    int words, code;
    if (!cli_parse(&show_command, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words != 1) {
        return cli_usage(show_command.name, "name one palette or palette file");
    }
    dgxp_palette *palette = NULL;
    const dgxp_status status = dgxp_palette_load(argv[0], &palette);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    print_palette(palette, json);
    dgxp_palette_free(palette);
    return CLI_OK;
}

static int run_list(int argc, char **argv)
{
    bool json = false;
    const cli_option options[] = {
        {"json", 0, CLI_FLAG, NULL, &json, "print JSON", 0, 0, NULL},
        end_of_options,
    };
    int words, code;
    if (!cli_parse(&list_command, options, argc, argv, &words, &code)) {
        return code;
    }
    int32_t count = 0;
    const dgxp_choice *all = dgxp_palette_builtins(&count);
    json_t *list = json_array();
    for (int32_t i = 0; i < count; i++) {
        if (json) {
            json_array_append_new(list,
                                  json_pack("{ss, ss}", "name", all[i].name, "help", all[i].help));
        } else {
            printf("%-20s %s\n", all[i].name, all[i].help);
        }
    }
    if (json) {
        json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    json_decref(list);
    return CLI_OK;
}

/* ------------------------------------------------------------------------------------- convert */

static int save_or_print(const dgxp_palette *palette, const char *output, int32_t format, bool json)
{
    if (!output) {
        print_palette(palette, json);
        return CLI_OK;
    }
    if (strcmp(output, "-") == 0 && !format) {
        format = DGXP_PALETTE_HEX;
    }
    const dgxp_status status = dgxp_palette_save(palette, output, format);
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

static int run_convert(int argc, char **argv)
{
    const char *output = NULL;
    int32_t format = 0;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE", &output, "where to; the suffix tells the format", 0, 0,
         NULL},
        {"format", 'f', CLI_CHOICE, "F", &format, "", 0, 0, "palette_format"},
        end_of_options,
    };
    int words, code;
    if (!cli_parse(&convert_command, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words != 1 || !output) {
        return cli_usage(convert_command.name,
                         words != 1 ? "name one palette or palette file" : "say where to with -o");
    }
    dgxp_palette *palette = NULL;
    const dgxp_status status = dgxp_palette_load(argv[0], &palette);
    code = status == DGXP_OK ? save_or_print(palette, output, format, false) : cli_fail(status);
    dgxp_palette_free(palette);
    return code;
}

/* ------------------------------------------------------------------------------------- extract */

static dgxp_status add_colors(dgxp_histogram *histogram, const char *path)
{
    dgxp_sheet *sheet = NULL;
    dgxp_status status = dgxp_sheet_load(path, &sheet);
    const int32_t count = status == DGXP_OK ? dgxp_sheet_frame_count(sheet) : 0;
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        status = dgxp_histogram_add(histogram, dgxp_sheet_frame(sheet, i));
    }
    dgxp_sheet_free(sheet);
    return status;
}

static dgxp_status extract(const cli_inputs *inputs, const dgxp_palette_params *params,
                           dgxp_palette **out)
{
    dgxp_histogram *histogram = NULL;
    dgxp_status status = dgxp_histogram_create(&histogram);
    for (int i = 0; i < inputs->count && status == DGXP_OK; i++) {
        status = add_colors(histogram, inputs->items[i].path);
    }
    if (status == DGXP_OK) {
        status = dgxp_histogram_extract(histogram, params, out);
    }
    dgxp_histogram_free(histogram);
    return status;
}

static int run_extract(int argc, char **argv)
{
    const char *output = NULL, *colors = NULL;
    dgxp_palette_params params = DGXP_PALETTE_PARAMS_INIT;
    double merge = 0;
    int32_t format = 0;
    bool json = false;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE", &output,
         "where to; the suffix tells the format (default: shown here)", 0, 0, NULL},
        {"colors", 0, CLI_TEXT, "N", &colors, "at most so many, 1..256 (default: auto)", 0, 0,
         NULL},
        {"merge", 0, CLI_NUMBER, "F", &merge,
         "colors closer than this in OKLab are one (default 0.02); -1: none", -1, 1, NULL},
        {"quantizer", 0, CLI_CHOICE, "Q", &params.method, "", 0, 0, "palette_method"},
        {"format", 'f', CLI_CHOICE, "F", &format, "", 0, 0, "palette_format"},
        {"json", 0, CLI_FLAG, NULL, &json, "without -o: print JSON", 0, 0, NULL},
        end_of_options,
    };
    int words, code;
    if (!cli_parse(&extract_command, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words < 1) {
        return cli_usage(extract_command.name, "name at least one picture");
    }
    char *end = NULL;
    const long wanted = colors && strcmp(colors, "auto") != 0 ? strtol(colors, &end, 10) : 0;
    if (end && (end == colors || *end || wanted < 1 || wanted > 256)) {
        return cli_usage(extract_command.name,
                         "--colors %s: must be a whole number from 1 to 256, or auto", colors);
    }
    cli_inputs inputs;
    code = cli_inputs_collect(extract_command.name, argv, words, CLI_GROUP_NONE, &inputs);
    if (code != CLI_OK) {
        return code;
    }
    params.colors = (int32_t)wanted;
    params.merge = (float)merge;
    dgxp_palette *palette = NULL;
    const dgxp_status status = extract(&inputs, &params, &palette);
    code = status == DGXP_OK ? save_or_print(palette, output, format, json) : cli_fail(status);
    dgxp_palette_free(palette);
    cli_inputs_free(&inputs);
    return code;
}

/* ----------------------------------------------------------------------------------------- map */

typedef struct mapping {
    cli_inputs inputs;
    char **outputs;
    const dgxp_palette *palette;
    dgxp_quantize_params quantize;
    dgxp_png_params png;
    int failed; /* a status; written with the atomics below */
    int failures;
} mapping;

static void map_file(void *pointer, int index)
{
    mapping *self = pointer;
    dgxp_image *image = NULL, *mapped = NULL;
    dgxp_status status = dgxp_image_load(self->inputs.items[index].path, &image);
    if (status == DGXP_OK) {
        status = dgxp_quantize(image, self->palette, &self->quantize, &mapped);
    }
    if (status == DGXP_OK) {
        status = dgxp_image_save(mapped, self->outputs[index], &self->png);
    }
    if (status != DGXP_OK) {
        __atomic_store_n(&self->failed, cli_fail_at(self->inputs.items[index].path, status),
                         __ATOMIC_RELAXED);
        __atomic_add_fetch(&self->failures, 1, __ATOMIC_RELAXED);
    }
    dgxp_image_free(image);
    dgxp_image_free(mapped);
}

static int map_all(mapping *self, const char *output, int threads, bool quiet)
{
    const int count = self->inputs.count;
    const bool folder = count > 1 || cli_is_folder(output) || output[strlen(output) - 1] == '/';
    self->outputs = cli_zero((size_t)count, sizeof *self->outputs);
    for (int i = 0; i < count; i++) {
        self->outputs[i] = folder ? cli_output(output, self->inputs.items[i].path, ".png")
                                  : cli_format("%s", output);
    }
    int code = folder ? cli_make_folders(output) : CLI_OK;
    if (code == CLI_OK && strcmp(output, "-") != 0) {
        code = cli_check_outputs(map_command.name, self->outputs, count, &self->inputs);
    }
    if (code == CLI_OK) {
        cli_work(count, threads, quiet, "mapping", map_file, self);
        code = dgxp_cancel_fired(cli_cancel()) ? CLI_CANCELLED
               : !self->failures               ? CLI_OK
               : count > 1                     ? CLI_SOME_FAILED
                                               : self->failed;
    }
    for (int i = 0; i < count; i++) {
        free(self->outputs[i]);
    }
    free(self->outputs);
    return code;
}

static int run_map(int argc, char **argv)
{
    const char *output = NULL, *name = NULL;
    mapping self = {.quantize = DGXP_QUANTIZE_PARAMS_INIT, .png = DGXP_PNG_PARAMS_INIT};
    int32_t threads = cli_cores();
    double strength = 0;
    bool quiet = false;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE|DIR", &output, "where to; needed", 0, 0, NULL},
        {"palette", 'p', CLI_TEXT, "NAME|FILE", &name, "the palette; needed", 0, 0, NULL},
        {"dither", 0, CLI_CHOICE, "D", &self.quantize.dither, "", 0, 0, "dither"},
        {"strength", 0, CLI_NUMBER, "F", &strength, "of the dither (default 1)", 0, 1, NULL},
        {"scale", 0, CLI_INT, "N", &self.png.scale, "enlarge by whole pixels", 1, 64, NULL},
        {"jobs", 'j', CLI_INT, "N", &threads, "threads (default: all cores)", 1, 1024, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &quiet, "no progress line", 0, 0, NULL},
        end_of_options,
    };
    int words, code;
    if (!cli_parse(&map_command, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words < 1 || !output || !*output || !name) {
        return cli_usage(map_command.name, words < 1 ? "name at least one picture"
                                           : !name   ? "say which palette with -p"
                                                     : "say where to with -o");
    }
    if (!cli_check_picture_name(map_command.name, output)) {
        return CLI_USAGE;
    }
    self.quantize.strength = (float)strength;
    dgxp_palette *palette = NULL;
    const dgxp_status status = dgxp_palette_load(name, &palette);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    self.palette = palette;
    code = cli_inputs_collect(map_command.name, argv, words, CLI_GROUP_NONE, &self.inputs);
    if (code == CLI_OK) {
        code = map_all(&self, output, threads, quiet);
        cli_inputs_free(&self.inputs);
    }
    dgxp_palette_free(palette);
    return code;
}

/* -------------------------------------------------------------------------------------- family */

static const cli_command extract_command = {
    .name = "palette extract",
    .summary = "Find the palette of pictures, one over all of them",
    .synopsis = "IN… [-o FILE] [options]",
    .examples = "  dgx-pixels palette extract sprites/*.png --colors 16 -o game.gpl\n"
                "Made for native pixels: let `dgx-pixels fix` recover them first.\n",
    .run = run_extract,
};

static const cli_command map_command = {
    .name = "palette map",
    .summary = "Give every pixel the nearest color of a palette",
    .synopsis = "IN… -p NAME|FILE -o FILE|DIR [options]",
    .examples = "  dgx-pixels palette map sprites/*.png -p game.gpl -o mapped/\n",
    .run = run_map,
};

static const cli_command show_command = {
    .name = "palette show",
    .summary = "Print the colors of a palette",
    .synopsis = "NAME|FILE [--json]",
    .examples = "  dgx-pixels palette show pico-8\n",
    .run = run_show,
};

static const cli_command convert_command = {
    .name = "palette convert",
    .summary = "Write a palette in another format",
    .synopsis = "NAME|FILE -o FILE [-f FORMAT]",
    .examples = "  dgx-pixels palette convert colors.act -o colors.gpl\n"
                "  dgx-pixels palette convert sprite.png -o - -f hex\n",
    .run = run_convert,
};

static const cli_command list_command = {
    .name = "palette list",
    .summary = "List the palettes that come with the library",
    .synopsis = "[--json]",
    .run = run_list,
};

static int run(int argc, char **argv)
{
    static const cli_command *const members[] = {&extract_command, &map_command,  &show_command,
                                                 &convert_command, &list_command, NULL};
    return cli_run_family(&cli_palette, members, argc, argv);
}

const cli_command cli_palette = {
    .name = "palette",
    .summary = "Find, apply, show, convert and list palettes",
    .synopsis = "extract|map|show|convert|list …",
    .run = run,
};
