/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels normal`: a normal map of a sprite, of a sheet or of every frame of an animation. */
#include "cli/sheet.h"

#include <stdlib.h>
#include <string.h>

static const cli_command *const self = &cli_normal;

/* The frames of an animation, or the cells of a sheet, which then packs as it lay. */
static dgxp_status load(const char *path, const int32_t cell[2], cli_atlas *atlas, dgxp_sheet **out)
{
    dgxp_image *image = NULL;
    if (!cell[0]) {
        return dgxp_sheet_load(path, out);
    }
    dgxp_cut_params cut = DGXP_CUT_PARAMS_INIT;
    cut.cell_width = cell[0];
    cut.cell_height = cell[1];
    cut.keep_empty = 1;
    dgxp_status status = dgxp_image_load(path, &image);
    if (status == DGXP_OK) {
        atlas->pack.columns = dgxp_image_width(image) / cell[0];
        status = dgxp_sheet_cut(image, &cut, out);
    }
    dgxp_image_free(image);
    return status;
}

static dgxp_status tell(const dgxp_sheet *sheet, const dgxp_normal_params *params)
{
    dgxp_document *document = NULL;
    dgxp_image *map = NULL;
    const dgxp_status status = dgxp_normal(dgxp_sheet_frame(sheet, 0), params, &document, &map);
    if (status == DGXP_OK) {
        fprintf(stderr, "%s\n", dgxp_document_text(document));
    }
    dgxp_document_free(document);
    dgxp_image_free(map);
    return status;
}

static int run(int argc, char **argv)
{
    dgxp_normal_params params = DGXP_NORMAL_PARAMS_INIT;
    const char *none = "none";
    cli_atlas atlas = {
        .pack = DGXP_PACK_PARAMS_INIT, .png = DGXP_PNG_PARAMS_INIT, .describe = {&none, 1}};
    int32_t cell[2] = {0, 0};
    bool no_shading = false, y_down = false, report = false;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE", &atlas.output,
         "hero.n.png; of an animation also hero.n.aseprite", 0, 0, NULL},
        {"strength", 0, CLI_INT, "PERCENT", &params.strength, "how steep all is (default 100)", 10,
         400, NULL},
        {"no-shading", 0, CLI_FLAG, NULL, &no_shading, "by outline, lines and faces alone", 0, 0,
         NULL},
        {"y-down", 0, CLI_FLAG, NULL, &y_down,
         "green points downwards, for engines that read Direct3D's maps", 0, 0, NULL},
        {"cell", 0, CLI_SIZE, "WxH", cell, "of a .png sheet: each cell is a sprite of its own", 0,
         0, NULL},
        {"columns", 0, CLI_INT, "N", &atlas.pack.columns,
         "of an animation's frames on a .png (default: nearly square)", 1, 16384, NULL},
        {"padding", 0, CLI_INT, "N", &atlas.pack.padding, "pixels between them", 0, 256, NULL},
        {"report", 0, CLI_FLAG, NULL, &report,
         "say on stderr what light and faces the first frame has", 0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &atlas.json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(self, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words != 1 || !atlas.output) {
        return cli_usage(self->name,
                         words != 1 ? "name one sprite" : "say where to with -o hero.n.png");
    }
    code = cli_check_files(self->name, argv, 1, &atlas.output, 1);
    if (code != CLI_OK) {
        return code;
    }
    dgxp_sheet *sheet = NULL, *maps = NULL;
    params.no_shading = no_shading;
    params.y_down = y_down;
    dgxp_status status = load(argv[0], cell, &atlas, &sheet);
    status = status == DGXP_OK && report ? tell(sheet, &params) : status;
    status = status == DGXP_OK ? dgxp_sheet_normal(sheet, &params, &maps) : status;
    code = status == DGXP_OK ? cli_atlas_write(self->name, &atlas, maps)
                             : cli_fail_at(argv[0], status);
    dgxp_sheet_free(sheet);
    dgxp_sheet_free(maps);
    return code;
}

const cli_command cli_normal = {
    .name = "normal",
    .summary = "A normal map of a sprite, for lights in 2D: from outline, faces and shading",
    .synopsis = "SPRITE -o FILE [options]",
    .examples = "  dgx-pixels normal hero.png -o hero.n.png\n"
                "  dgx-pixels normal sheet.png --cell 32x32 -o sheet.n.png\n"
                "  dgx-pixels normal hero.aseprite -o hero.n.png --columns 8\n"
                "R is x to the right, G y upwards, B z towards us; `motion --normal` writes a "
                "sheet's along "
                "with it.\n",
    .run = run,
};
