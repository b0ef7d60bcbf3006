/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels sheet`: frames onto one picture, out of one, and side by side for people. */
#include "cli/sheet.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const cli_command pack_command, slice_command, contact_command;

/* Every frame of what was named, in order. */
static int load_frames(const char *command, char **words, int count, int32_t duration,
                       dgxp_sheet **out)
{
    cli_inputs inputs;
    int code = cli_inputs_collect(command, words, count, CLI_GROUP_NONE, &inputs);
    if (code != CLI_OK) {
        return code;
    }
    dgxp_status status = dgxp_sheet_create(out);
    status = status == DGXP_OK ? cli_add_frames(*out, &inputs, duration) : status;
    cli_inputs_free(&inputs);
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

/* ---------------------------------------------------------------------------------------- pack */

/* "walk:0-3", "walk:0-3:pingpong" or "idle:4". */
static bool parse_tag(const char *text, char name[256], dgxp_tag *tag)
{
    const char *colon = strchr(text, ':');
    char direction[32] = "", rest;
    int from, to;
    if (!colon || colon == text || colon - text > 255) {
        return false;
    }
    snprintf(name, 256, "%.*s", (int)(colon - text), text);
    int found = sscanf(colon + 1, "%d-%d:%31[a-z_]%c", &from, &to, direction, &rest);
    if (found == 1) {
        found = sscanf(colon + 1, "%d:%31[a-z_]%c", &from, direction, &rest) + 1;
        to = from;
    }
    if (found != 2 && found != 3) {
        return false;
    }
    int32_t count = 0;
    const dgxp_choice *choices = dgxp_choices("direction", &count);
    bool known = !*direction;
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(choices[i].name, direction) == 0) {
            tag->direction = choices[i].value;
            known = true;
        }
    }
    tag->name = name;
    tag->from = from;
    tag->to = to;
    return known;
}

static int add_tags(dgxp_sheet *sheet, const cli_list *tags)
{
    for (int i = 0; i < tags->count; i++) {
        char name[256];
        dgxp_tag tag = DGXP_TAG_INIT;
        if (!parse_tag(tags->items[i], name, &tag)) {
            return cli_usage(pack_command.name,
                             "--tag %s: write NAME:FIRST-LAST, or NAME:FIRST-LAST:pingpong",
                             tags->items[i]);
        }
        const dgxp_status status = dgxp_sheet_add_tag(sheet, &tag);
        if (status != DGXP_OK) {
            return cli_fail(status);
        }
    }
    return CLI_OK;
}

static int run_pack(int argc, char **argv)
{
    cli_atlas atlas = {
        .pack = DGXP_PACK_PARAMS_INIT, .png = DGXP_PNG_PARAMS_INIT, .standard = "aseprite-array"};
    cli_list tags = {cli_zero((size_t)argc, sizeof(char *)), 0};
    atlas.describe.items = cli_zero((size_t)argc, sizeof(char *));
    int32_t duration = 0;
    bool power_of_two = false, no_trim = false, bleed = false;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE", &atlas.output,
         "sheet.png with its description, or walk.aseprite, walk.apng, walk.gif", 0, 0, NULL},
        {"describe", 'd', CLI_LIST, "FORMAT", &atlas.describe,
         "aseprite-array (default), aseprite-hash, tsj, tsx, ldtk, bevy-ron\n"
         "or none; beside the picture; may be given several times",
         0, 0, NULL},
        {"layout", 0, CLI_CHOICE, "L", &atlas.pack.layout, "", 0, 0, "layout"},
        {"columns", 0, CLI_INT, "N", &atlas.pack.columns, "of a grid (default: nearly square)", 1,
         16384, NULL},
        {"padding", 0, CLI_INT, "N", &atlas.pack.padding, "transparent pixels between frames", 0,
         256, NULL},
        {"margin", 0, CLI_INT, "N", &atlas.pack.margin, "transparent pixels around all", 0, 256,
         NULL},
        {"extrude", 0, CLI_INT, "N", &atlas.pack.extrude, "edge pixels copied outwards, for tiles",
         0, 16, NULL},
        {"power-of-two", 0, CLI_FLAG, NULL, &power_of_two, "for old GPUs", 0, 0, NULL},
        {"no-trim", 0, CLI_FLAG, NULL, &no_trim, "packed: keep transparent borders", 0, 0, NULL},
        {"bleed", 0, CLI_FLAG, NULL, &bleed, "colors run on under transparency", 0, 0, NULL},
        {"duration", 0, CLI_INT, "MS", &duration, "of each frame", 1, 65535, NULL},
        {"tag", 't', CLI_LIST, "NAME:A-B", &tags, "name a run of frames, counted from 0", 0, 0,
         NULL},
        {"scale", 0, CLI_INT, "N", &atlas.png.scale, "enlarge the animation file by whole pixels",
         1, 64, NULL},
        {"json", 0, CLI_FLAG, NULL, &atlas.json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    dgxp_sheet *sheet = NULL;
    if (!cli_parse(&pack_command, options, argc, argv, &words, &code)) {
        goto done;
    }
    if (words < 1 || !atlas.output) {
        code = cli_usage(pack_command.name,
                         words < 1 ? "name at least one picture" : "say where to with -o");
        goto done;
    }
    if (atlas.png.scale > 1 && cli_has_suffix(atlas.output, ".png")) {
        code = cli_usage(pack_command.name, "--scale is for animation files: a sheet's description "
                                            "counts native pixels");
        goto done;
    }
    atlas.pack.power_of_two = power_of_two;
    atlas.pack.no_trim = no_trim;
    atlas.pack.bleed = bleed;
    code = cli_check_files(pack_command.name, argv, words, &atlas.output, 1);
    code = code == CLI_OK ? load_frames(pack_command.name, argv, words, duration, &sheet) : code;
    code = code == CLI_OK ? add_tags(sheet, &tags) : code;
    code = code == CLI_OK ? cli_atlas_write(pack_command.name, &atlas, sheet) : code;
done:
    dgxp_sheet_free(sheet);
    free(atlas.describe.items);
    free(tags.items);
    return code;
}

/* --------------------------------------------------------------------------------------- slice */

static int write_frames(const dgxp_sheet *sheet, const char *folder, const char *source,
                        const dgxp_png_params *png, bool json)
{
    const int32_t count = dgxp_sheet_frame_count(sheet);
    json_t *written = json_array();
    int code = cli_make_folders(folder);
    for (int32_t i = 0; i < count && code == CLI_OK; i++) {
        char number[32];
        snprintf(number, sizeof number, "_%03d.png", i);
        char *path = cli_output(folder, source, number);
        const dgxp_status status = dgxp_image_save(dgxp_sheet_frame(sheet, i), path, png);
        code = status == DGXP_OK ? CLI_OK : cli_fail(status);
        if (code == CLI_OK) {
            json_array_append_new(written, cli_json_text(path));
        }
        free(path);
    }
    if (json) {
        json_t *root = json_pack("{sO, si}", "files", written, "frames", (int)count);
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(root);
    }
    for (size_t i = 0; i < json_array_size(written) && !json; i++) {
        puts(json_string_value(json_array_get(written, i)));
    }
    json_decref(written);
    return code;
}

/* What a grid of cells leaves over is lost, so it is told. */
static void tell_rest(const char *path, const dgxp_image *image, const dgxp_cut_params *cut)
{
    const int32_t sides[2] = {dgxp_image_width(image), dgxp_image_height(image)};
    const int32_t cells[2] = {cut->cell_width ? cut->cell_width : cut->cell_height,
                              cut->cell_height ? cut->cell_height : cut->cell_width};
    const int32_t counts[2] = {cut->columns, cut->rows};
    int32_t rest[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        const int32_t room = sides[i] - 2 * cut->margin + cut->spacing;
        const int32_t step = cells[i] + cut->spacing;
        rest[i] = cells[i] ? room % step : counts[i] ? room % counts[i] : 0;
    }
    if (rest[0] || rest[1]) {
        fprintf(stderr,
                "dgx-pixels: %s: has %dx%d pixels: %d at the right and %d at the bottom are in no "
                "cell; look at --cell, --margin and --spacing\n",
                path, sides[0], sides[1], rest[0], rest[1]);
    }
}

static int run_slice(int argc, char **argv)
{
    dgxp_cut_params cut = DGXP_CUT_PARAMS_INIT;
    cli_atlas atlas = {.pack = DGXP_PACK_PARAMS_INIT, .png = DGXP_PNG_PARAMS_INIT};
    int32_t cell[2] = {0, 0};
    bool keep_empty = false;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE|DIR", &atlas.output,
         "a folder for NAME_000.png …, or walk.aseprite, walk.apng, walk.gif", 0, 0, NULL},
        {"cell", 0, CLI_SIZE, "WxH", cell, "cells of this size (default: connected pieces)", 0, 0,
         NULL},
        {"columns", 0, CLI_INT, "N", &cut.columns, "or so many columns", 1, 16384, NULL},
        {"rows", 0, CLI_INT, "N", &cut.rows, "and rows", 1, 16384, NULL},
        {"margin", 0, CLI_INT, "N", &cut.margin, "around the cells", 0, 1024, NULL},
        {"spacing", 0, CLI_INT, "N", &cut.spacing, "between the cells", 0, 1024, NULL},
        {"align", 0, CLI_CHOICE, "A", &cut.align, "", 0, 0, "align"},
        {"keep-empty", 0, CLI_FLAG, NULL, &keep_empty, "empty cells are frames too", 0, 0, NULL},
        {"least", 0, CLI_INT, "N", &cut.least,
         "smaller pieces join the nearest (default: 1/16 of the largest)", 1, 1 << 28, NULL},
        {"padding", 0, CLI_INT, "N", &cut.padding, "around aligned frames", 0, 256, NULL},
        {"duration", 0, CLI_INT, "MS", &cut.duration, "of each frame", 1, 65535, NULL},
        {"scale", 0, CLI_INT, "N", &atlas.png.scale, "enlarge by whole pixels", 1, 64, NULL},
        {"json", 0, CLI_FLAG, NULL, &atlas.json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&slice_command, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words != 1 || !atlas.output || !*atlas.output) {
        return cli_usage(slice_command.name,
                         words != 1 ? "name one sheet" : "say where to with -o");
    }
    code = cli_check_files(slice_command.name, argv, 1, &atlas.output, 1);
    if (code != CLI_OK) {
        return code;
    }
    cut.cell_width = cell[0];
    cut.cell_height = cell[1];
    cut.keep_empty = keep_empty;
    dgxp_image *image = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_status status = dgxp_image_load(argv[0], &image);
    status = status == DGXP_OK ? dgxp_sheet_cut(image, &cut, &sheet) : status;
    if (status == DGXP_OK) {
        tell_rest(argv[0], image, &cut);
    }
    if (status != DGXP_OK) {
        code = cli_fail_at(argv[0], status);
    } else if (cli_has_suffix(atlas.output, ".png") || cli_has_suffix(atlas.output, ".apng") ||
               cli_has_suffix(atlas.output, ".gif") || cli_has_suffix(atlas.output, ".aseprite") ||
               cli_has_suffix(atlas.output, ".ase")) {
        atlas.standard = "aseprite-array";
        code = cli_atlas_write(slice_command.name, &atlas, sheet);
    } else {
        code = write_frames(sheet, atlas.output, argv[0], &atlas.png, atlas.json);
    }
    dgxp_sheet_free(sheet);
    dgxp_image_free(image);
    return code;
}

/* ------------------------------------------------------------------------------------- contact */

static int run_contact(int argc, char **argv)
{
    dgxp_contact_params params = DGXP_CONTACT_PARAMS_INIT;
    const char *output = NULL;
    bool names = false, no_labels = false, show = false;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE", &output, "where to; needed", 0, 0, NULL},
        {"columns", 0, CLI_INT, "N", &params.columns, "default: nearly square", 1, 16384, NULL},
        {"scale", 0, CLI_INT, "N", &params.scale, "default: frames of about 128 pixels", 1, 64,
         NULL},
        {"names", 0, CLI_FLAG, NULL, &names, "the file's name under each", 0, 0, NULL},
        {"no-labels", 0, CLI_FLAG, NULL, &no_labels, "nothing under each", 0, 0, NULL},
        {"show", 0, CLI_FLAG, NULL, &show, "show it in the terminal too", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&contact_command, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words < 1 || !output) {
        return cli_usage(contact_command.name,
                         words < 1 ? "name at least one picture" : "say where to with -o");
    }
    if (!cli_check_picture_name(contact_command.name, output)) {
        return CLI_USAGE;
    }
    params.names = names;
    params.no_labels = no_labels;
    dgxp_sheet *sheet = NULL;
    dgxp_image *image = NULL;
    code = cli_check_files(contact_command.name, argv, words, &output, 1);
    code = code == CLI_OK ? load_frames(contact_command.name, argv, words, 0, &sheet) : code;
    if (code == CLI_OK) {
        dgxp_status status = dgxp_sheet_contact(sheet, &params, &image);
        status = status == DGXP_OK ? dgxp_image_save(image, output, NULL) : status;
        code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    }
    if (code == CLI_OK && strcmp(output, "-") != 0) {
        puts(output);
        if (show) {
            cli_show_image(image);
        }
    }
    dgxp_image_free(image);
    dgxp_sheet_free(sheet);
    return code;
}

/* -------------------------------------------------------------------------------------- family */

static const cli_command pack_command = {
    .name = "sheet pack",
    .summary = "Put frames onto one picture, with a description for the engine",
    .synopsis = "IN… -o FILE [options]",
    .examples = "  dgx-pixels sheet pack walk/ -o walk.png -t walk:0-7 -d bevy-ron\n"
                "  dgx-pixels sheet pack items/*.png -o items.png --layout packed --padding 1\n"
                "  dgx-pixels sheet pack walk/ -o walk.aseprite --duration 80\n"
                "IN are pictures, animations (.gif .aseprite APNG) or folders of them; every frame "
                "counts.\n",
    .run = run_pack,
};

static const cli_command slice_command = {
    .name = "sheet slice",
    .summary = "Cut a sheet into frames of one size, feet aligned",
    .synopsis = "SHEET.png -o FILE|DIR [options]",
    .examples = "  dgx-pixels sheet slice sheet.png -o frames/ --cell 32x48\n"
                "  dgx-pixels sheet slice poses.png -o poses.aseprite --align feet\n",
    .run = run_slice,
};

static const cli_command contact_command = {
    .name = "sheet contact",
    .summary = "Show many sprites on one enlarged, numbered picture, for people",
    .synopsis = "IN… -o FILE.png [options]",
    .examples = "  dgx-pixels sheet contact sprites/ -o overview.png --names\n",
    .run = run_contact,
};

static int run(int argc, char **argv)
{
    static const cli_command *const members[] = {&pack_command, &slice_command, &contact_command,
                                                 NULL};
    return cli_run_family(&cli_sheet, members, argc, argv);
}

const cli_command cli_sheet = {
    .name = "sheet",
    .summary = "Pack, cut and overview sheets of frames",
    .synopsis = "pack|slice|contact …",
    .run = run,
};
