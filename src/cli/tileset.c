/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels tileset`: a whole autotile set from one or two textures. */
#include "cli/sheet.h"

#include <stdlib.h>
#include <string.h>

static const cli_command blob_command, corner_command;

typedef struct textures {
    dgxp_image *inside, *outside, *edge;
} textures;

static dgxp_status load_textures(char **words, int count, const char *edge, textures *out)
{
    dgxp_status status = dgxp_image_load(words[0], &out->inside);
    if (status == DGXP_OK && count > 1) {
        status = dgxp_image_load(words[1], &out->outside);
    }
    if (status == DGXP_OK && edge) {
        status = dgxp_image_load(edge, &out->edge);
    }
    return status;
}

static int compose(const cli_command *command, const cli_atlas *atlas, dgxp_autotile_params *params,
                   char **words, int count, const char *edge)
{
    textures from = {NULL, NULL, NULL};
    dgxp_sheet *sheet = NULL;
    double mean = 0, worst = 0;
    int code;
    dgxp_status status = load_textures(words, count, edge, &from);
    params->edge = from.edge;
    status = status == DGXP_OK ? dgxp_autotile(from.inside, from.outside, params, &sheet) : status;
    status = status == DGXP_OK ? dgxp_autotile_check(sheet, &mean, &worst) : status;
    code = status == DGXP_OK ? cli_atlas_write(command->name, atlas, sheet) : cli_fail(status);
    if (code == CLI_OK && mean > 1.2) {
        fprintf(stderr,
                "dgx-pixels: the step across seams is %.2f times that inside tiles (1.2 is good): "
                "are the textures seamless?\n",
                mean);
    }
    dgxp_sheet_free(sheet);
    dgxp_image_free(from.inside);
    dgxp_image_free(from.outside);
    dgxp_image_free(from.edge);
    return code;
}

static int run_kind(const cli_command *command, int32_t kind, int argc, char **argv)
{
    cli_atlas atlas = {
        .pack = DGXP_PACK_PARAMS_INIT, .png = DGXP_PNG_PARAMS_INIT, .standard = "tsx"};
    dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
    const char *edge = NULL, *color = NULL;
    int64_t seed = 0;
    bool no_outline = false;
    atlas.describe.items = cli_zero((size_t)argc, sizeof(char *));
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE.png", &atlas.output, "where to; needed", 0, 0, NULL},
        {"describe", 'd', CLI_LIST, "FORMAT", &atlas.describe,
         "tsx (default), tsj, ldtk, bevy-ron, aseprite-array, aseprite-hash\n"
         "or none; beside the picture; may be given several times",
         0, 0, NULL},
        {"tile", 0, CLI_INT, "N", &params.tile, "pixels a side (default: the first one's width)", 4,
         256, NULL},
        {"border", 0, CLI_INT, "N", &params.border,
         "how far inside its cell the terrain ends (default: 1/8 tile)", 1, 127, NULL},
        {"rough", 0, CLI_INT, "N", &params.rough, "how many pixels the edge varies", 0, 127, NULL},
        {"seed", 's', CLI_SEED, "N", &seed, "of the rough edge", 0, 0, NULL},
        {"edge", 0, CLI_TEXT, "PNG", &edge, "an upper edge drawn by hand", 0, 0, NULL},
        {"no-outline", 0, CLI_FLAG, NULL, &no_outline, "no line along the edge", 0, 0, NULL},
        {"outline-color", 0, CLI_TEXT, "#rrggbb", &color, "default: the terrain's darkest", 0, 0,
         NULL},
        {"padding", 0, CLI_INT, "N", &atlas.pack.padding, "between tiles", 0, 256, NULL},
        {"margin", 0, CLI_INT, "N", &atlas.pack.margin, "around all", 0, 256, NULL},
        {"extrude", 0, CLI_INT, "N", &atlas.pack.extrude, "edge pixels copied outwards", 0, 16,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &atlas.json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(command, options, argc, argv, &words, &code)) {
        goto done;
    }
    if (words < 1 || words > 2 || !atlas.output) {
        code =
            cli_usage(command->name, atlas.output ? "name the terrain's texture, and perhaps the "
                                                    "one around it"
                                                  : "say where to with -o");
        goto done;
    }
    if (color && !cli_parse_color(color, params.outline_color)) {
        code = cli_usage(command->name, "--outline-color %s: must be a color like #203040", color);
        goto done;
    }
    params.kind = kind;
    params.no_outline = no_outline;
    params.seed = (uint64_t)seed;
    code = cli_check_files(command->name, argv, words, &atlas.output, 1);
    code = code != CLI_OK ? code : compose(command, &atlas, &params, argv, words, edge);
done:
    free(atlas.describe.items);
    return code;
}

static int run_blob(int argc, char **argv)
{
    return run_kind(&blob_command, DGXP_TILESET_BLOB, argc, argv);
}

static int run_corner(int argc, char **argv)
{
    return run_kind(&corner_command, DGXP_TILESET_CORNER, argc, argv);
}

static const cli_command blob_command = {
    .name = "tileset blob",
    .summary = "47 tiles for all eight neighbours, with Tiled's wangset",
    .synopsis = "INSIDE.png [OUTSIDE.png] -o FILE.png [options]",
    .examples = "  dgx-pixels tileset blob grass.png dirt.png -o ground.png --rough 2\n"
                "Both textures must be seamless; without the second, outside is transparent.\n",
    .run = run_blob,
};

static const cli_command corner_command = {
    .name = "tileset corner",
    .summary = "16 tiles for the four corners (dual grid)",
    .synopsis = "INSIDE.png [OUTSIDE.png] -o FILE.png [options]",
    .examples = "  dgx-pixels tileset corner water.png sand.png -o shore.png -d tsx -d ldtk\n",
    .run = run_corner,
};

static int run(int argc, char **argv)
{
    static const cli_command *const members[] = {&blob_command, &corner_command, NULL};
    return cli_run_family(&cli_tileset, members, argc, argv);
}

const cli_command cli_tileset = {
    .name = "tileset",
    .summary = "Compose a whole autotile set from one or two textures",
    .synopsis = "blob|corner …",
    .run = run,
};
