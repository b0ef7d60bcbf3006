/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels recolor`: colorways of a sprite, one by wish or a folder of them. */
#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const cli_command *const self = &cli_recolor;

/* The colors of a report's ramps and of what was kept, in its order. */
static int list_colors(const dgxp_document *report, const char *side, uint8_t (*colors)[4],
                       int room)
{
    json_t *root = json_loads(dgxp_document_text(report), 0, NULL), *ramp, *color;
    json_t *ramps = json_object_get(root, "ramps");
    size_t r, c;
    int count = 0;
    json_array_append(ramps, json_object_get(root, "kept"));
    json_array_foreach(ramps, r, ramp)
    {
        json_array_foreach(json_object_get(ramp, side), c, color)
        {
            unsigned value = 0;
            if (count < room && sscanf(json_string_value(color), "#%6x", &value) == 1) {
                const uint8_t rgba[4] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8),
                                         (uint8_t)value, 255};
                memcpy(colors[count++], rgba, 4);
            }
        }
    }
    json_decref(root);
    return count;
}

/* A strip for shaders: the sprite's colors in the first row, each colorway's in one below. */
static int write_strip(const char *path, dgxp_document *const *reports, int count)
{
    enum { ROOM = 4096 };
    dgxp_image *strip = NULL;
    uint8_t (*colors)[4] = cli_zero(ROOM, 4);
    const int width = list_colors(reports[0], "from", colors, ROOM);
    dgxp_status status = dgxp_image_create(width, count + 1, NULL, &strip);
    for (int row = 0; row <= count && status == DGXP_OK; row++) {
        list_colors(reports[row ? row - 1 : 0], row ? "to" : "from", colors, ROOM);
        memcpy(dgxp_image_pixels_mut(strip) + (size_t)row * (size_t)width * 4, colors,
               (size_t)width * 4);
    }
    dgxp_png_params png = DGXP_PNG_PARAMS_INIT;
    png.truecolor = 1;
    status = status == DGXP_OK ? dgxp_image_save(strip, path, &png) : status;
    dgxp_image_free(strip);
    free(colors);
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

static int paint(const dgxp_image *sprite, const dgxp_recolor_params *params, const char *path,
                 const dgxp_png_params *png, dgxp_document **report)
{
    dgxp_image *image = NULL;
    dgxp_status status = dgxp_recolor(sprite, params, report, &image);
    status = status == DGXP_OK && path ? dgxp_image_save(image, path, png) : status;
    dgxp_image_free(image);
    if (status == DGXP_OK && path && strcmp(path, "-") != 0) {
        puts(path);
    }
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

/* NAME-1.png … in a folder, or the one file that was named; none of them is the sprite itself. */
static char **name_outputs(const char *source, const char *output, int32_t variants)
{
    const int count = variants ? variants : 1;
    char **paths = cli_zero((size_t)count + 1, sizeof(char *));
    for (int i = 0; i < count; i++) {
        char number[32];
        snprintf(number, sizeof number, "-%d.png", i + 1);
        paths[i] = variants ? cli_output(output, source, number) : cli_format("%s", output);
    }
    return paths;
}

static int paint_all(const char *source, const char *output, int32_t variants, const char *strip,
                     dgxp_recolor_params *params, const dgxp_png_params *png)
{
    dgxp_image *sprite = NULL;
    const dgxp_status status = dgxp_image_load(source, &sprite);
    const int count = variants ? variants : 1;
    dgxp_document **reports = cli_zero((size_t)count, sizeof(dgxp_document *));
    char **paths = name_outputs(source, output, variants);
    int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    char *read = cli_format("%s", source);
    paths[count] = strip ? cli_format("%s", strip) : NULL;
    if (code == CLI_OK) {
        code = cli_check_files(self->name, &read, 1, (const char *const *)paths, count + 1);
    }
    free(read);
    if (code == CLI_OK && variants) {
        code = cli_make_folders(output);
    }
    for (int i = 0; i < count && code == CLI_OK; i++) {
        params->variant = variants ? i + 1 : 0;
        code = paint(sprite, params, paths[i], png, &reports[i]);
    }
    if (code == CLI_OK && strip) {
        code = write_strip(strip, reports, count);
    }
    for (int i = 0; i < count; i++) {
        dgxp_document_free(reports[i]);
        free(paths[i]);
    }
    free(paths[count]);
    free(paths);
    free(reports);
    dgxp_image_free(sprite);
    return code;
}

static int tell_ramps(const char *source, const dgxp_recolor_params *params, bool json)
{
    dgxp_image *sprite = NULL;
    dgxp_document *report = NULL;
    const dgxp_status status = dgxp_image_load(source, &sprite);
    const int code =
        status == DGXP_OK ? paint(sprite, params, NULL, NULL, &report) : cli_fail(status);
    dgxp_image_free(sprite);
    return code == CLI_OK ? cli_show_document(DGXP_OK, report, json) : code;
}

static int run(int argc, char **argv)
{
    dgxp_recolor_params params = DGXP_RECOLOR_PARAMS_INIT;
    dgxp_png_params png = DGXP_PNG_PARAMS_INIT;
    const char *output = NULL, *strip = NULL;
    int32_t variants = 0;
    bool skin = false, outline = false, ramps = false, json = false;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE|DIR", &output,
         "blue.png; with --variants a folder for NAME-1.png …", 0, 0, NULL},
        {"map", 0, CLI_TEXT, "A=B,…", &params.map, "ramps by name or #rrggbb: red=blue,gold=silver",
         0, 0, NULL},
        {"variants", 'n', CLI_INT, "N", &variants, "so many colorways of the whole sprite", 1, 64,
         NULL},
        {"keep-skin", 0, CLI_FLAG, NULL, &skin, "what has the color of skin stays", 0, 0, NULL},
        {"move-outline", 0, CLI_FLAG, NULL, &outline, "the outline's dark colors move, too", 0, 0,
         NULL},
        {"strip", 0, CLI_TEXT, "FILE.png", &strip,
         "also a strip for shaders that swap palettes: the sprite's colors in\nthe first row, each "
         "colorway's in one below",
         0, 0, NULL},
        {"scale", 0, CLI_INT, "N", &png.scale, "enlarge by whole pixels", 1, 64, NULL},
        {"ramps", 0, CLI_FLAG, NULL, &ramps, "tell the ramps that were found, and write nothing", 0,
         0, NULL},
        {"json", 0, CLI_FLAG, NULL, &json, "--ramps as JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(self, options, argc, argv, &words, &code)) {
        return code;
    }
    params.keep_skin = skin;
    params.move_outline = outline;
    if (words != 1 || (!output && !ramps)) {
        return cli_usage(self->name, words != 1 ? "name one sprite" : "say where to with -o");
    }
    if (ramps) {
        return tell_ramps(argv[0], &params, json);
    }
    if (!params.map && !variants) {
        return cli_usage(self->name, "say what changes: --map red=blue, or --variants 8");
    }
    if ((!variants && !cli_check_picture_name(self->name, output)) ||
        (strip && !cli_check_picture_name(self->name, strip))) {
        return CLI_USAGE;
    }
    return paint_all(argv[0], output, variants, strip, &params, &png);
}

const cli_command cli_recolor = {
    .name = "recolor",
    .summary = "Team colors and variants of a sprite: its ramps in other hues, light kept",
    .synopsis = "SPRITE.png -o FILE|DIR --map A=B,…|--variants N [options]",
    .examples = "  dgx-pixels recolor hero.png --map red=blue,gold=silver -o blue.png\n"
                "  dgx-pixels recolor hero.png --variants 8 --keep-skin -o colorways/\n"
                "  dgx-pixels recolor hero.png --variants 4 -o teams/ --strip teams.png\n"
                "  dgx-pixels recolor hero.png --ramps\n"
                "Every shade keeps its light, so shading stays; the dark outline stays unless "
                "--move-outline.\n",
    .run = run,
};
