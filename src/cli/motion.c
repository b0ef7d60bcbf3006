/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels motion`: a still sprite walks, is hit and dies, by its own pixels. */
#include "cli/confirm.h"
#include "cli/deploy.h"
#include "cli/sheet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const cli_command *const self = &cli_motion;

static int list_motions(const char *folder, bool json)
{
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_list_motions(folder, &document);
    if (status != DGXP_OK || json) {
        return cli_show_document(status, document, json);
    }
    json_t *list = json_loads(dgxp_document_text(document), 0, NULL), *entry;
    size_t index;
    json_array_foreach(list, index, entry)
    {
        printf("  %-14s %s (%lld frames, %lld ms%s)\n",
               json_string_value(json_object_get(entry, "name")),
               json_string_value(json_object_get(entry, "help")),
               (long long)json_integer_value(json_object_get(entry, "frames")),
               (long long)json_integer_value(json_object_get(entry, "ms")),
               json_is_true(json_object_get(entry, "grounded")) ? ", grounded" : "");
    }
    json_decref(list);
    dgxp_document_free(document);
    return CLI_OK;
}

/* "idle", "walk,hit" and "./wave.json", given once or several times. */
static char *join_motions(const cli_list *list)
{
    char *text = cli_format("%s", list->count ? list->items[0] : "idle");
    for (int i = 1; i < list->count; i++) {
        char *longer = cli_format("%s,%s", text, list->items[i]);
        free(text);
        text = longer;
    }
    return text;
}

static int write_contact(const dgxp_sheet *sheet, const char *path)
{
    dgxp_contact_params params = DGXP_CONTACT_PARAMS_INIT;
    dgxp_image *image = NULL;
    params.names = 1;
    dgxp_status status = dgxp_sheet_contact(sheet, &params, &image);
    status = status == DGXP_OK ? dgxp_image_save(image, path, NULL) : status;
    dgxp_image_free(image);
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

/* The same frames as normal maps, laid out as the sheet is. */
static int write_normals(const dgxp_sheet *sheet, const cli_atlas *atlas, const char *path)
{
    const char *none = "none";
    cli_atlas beside = *atlas;
    dgxp_sheet *maps = NULL;
    beside.output = path;
    beside.json = false;
    beside.describe = (cli_list){&none, 1};
    const dgxp_status status = dgxp_sheet_normal(sheet, NULL, &maps);
    const int code =
        status == DGXP_OK ? cli_atlas_write(self->name, &beside, maps) : cli_fail(status);
    dgxp_sheet_free(maps);
    return code;
}

/* Into the game as NAME.png and NAME.json, and NAME.n.png when normal maps are wanted. */
typedef struct placing {
    dgxp_deploy_params params;
    bool deploys, force, normal, confirm;
    const char *brp;
} placing;

static dgxp_status encode_atlas(const dgxp_sheet *sheet, const char *name,
                                dgxp_deploy_file *picture, dgxp_deploy_file *description)
{
    dgxp_atlas *atlas = NULL;
    uint8_t *bytes = NULL, *text = NULL;
    dgxp_status status = dgxp_sheet_pack(sheet, NULL, &atlas);
    if (status == DGXP_OK) {
        status = dgxp_image_encode(dgxp_atlas_image(atlas), NULL, &bytes, &picture->size);
        picture->bytes = bytes;
    }
    if (status == DGXP_OK && description) {
        status = dgxp_atlas_describe(atlas, sheet, DGXP_ATLAS_ASEPRITE_ARRAY, name, &text,
                                     &description->size);
        description->bytes = text;
    }
    dgxp_atlas_free(atlas);
    return status;
}

static int deploy(const placing *place, const char *source, const dgxp_sheet *sheet, bool json)
{
    dgxp_deploy_params params = place->params;
    dgxp_deploy_file files[3] = {{0}};
    const char *to = params.to ? params.to : "sprites/";
    const bool named = cli_has_suffix(to, ".png");
    char *picture = named ? cli_format("%s", cli_base(to)) : cli_output("", source, "-moves.png");
    char *folder = cli_format("%.*s", (int)(named ? cli_base(to) - to : (long)strlen(to)), to);
    char *text = cli_format("%.*s.json", (int)strlen(picture) - 4, picture);
    char *normal = cli_format("%.*s.n.png", (int)strlen(picture) - 4, picture);
    dgxp_sheet *maps = NULL;
    json_t *report = NULL;
    bool confirmed = true;
    params.to = *folder ? folder : NULL;
    params.force = place->force;
    files[0].path = picture;
    files[1].path = text;
    files[2].path = normal;
    dgxp_status status = encode_atlas(sheet, picture, &files[0], &files[1]);
    if (status == DGXP_OK && place->normal) {
        status = dgxp_sheet_normal(sheet, NULL, &maps);
        status = status == DGXP_OK ? encode_atlas(maps, normal, &files[2], NULL) : status;
    }
    if (status == DGXP_OK) {
        status = cli_deploy_files(files, place->normal ? 3 : 2, &params,
                                  place->confirm ? place->brp : NULL, &report, &confirmed);
    }
    const int code = status != DGXP_OK ? cli_fail(status) : confirmed ? CLI_OK : CLI_SOME_FAILED;
    if (report) {
        cli_deploy_print(report, json);
    }
    for (int i = 0; i < 3; i++) {
        dgxp_bytes_free((void *)(uintptr_t)files[i].bytes);
    }
    dgxp_sheet_free(maps);
    json_decref(report);
    free(normal);
    free(text);
    free(folder);
    free(picture);
    return code;
}

static bool is_opaque(const dgxp_image *image)
{
    const uint8_t *rgba = dgxp_image_pixels(image);
    const size_t count = (size_t)dgxp_image_width(image) * (size_t)dgxp_image_height(image);
    for (size_t i = 0; i < count; i++) {
        if (rgba[i * 4 + 3] < 128) {
            return false;
        }
    }
    return true;
}

static int run(int argc, char **argv)
{
    dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
    cli_atlas atlas = {
        .pack = DGXP_PACK_PARAMS_INIT, .png = DGXP_PNG_PARAMS_INIT, .standard = "aseprite-array"};
    cli_list motions = {cli_zero((size_t)argc, sizeof(char *)), 0};
    const char *contact = NULL, *normal = NULL;
    placing place = {.params = DGXP_DEPLOY_PARAMS_INIT, .brp = CLI_CONFIRM_URL};
    int64_t seed = 0;
    bool keep = false, list = false, report = false;
    atlas.describe.items = cli_zero((size_t)argc, sizeof(char *));
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE", &atlas.output,
         "knight.aseprite (tags and durations), knight.apng, knight.gif, or\nknight.png with its "
         "description "
         "beside it",
         0, 0, NULL},
        {"motion", 'm', CLI_LIST, "NAME,…", &motions,
         "idle (default), walk, hit, death …; all: every one that this\nsprite can do; "
         "./wave.json: one of your own; --list tells them",
         0, 0, NULL},
        {"facing", 0, CLI_CHOICE, "F", &params.facing, "", 0, 0, "facing"},
        {"frames", 'n', CLI_INT, "N", &params.frames, "of each motion (default: what its data say)",
         2, 12, NULL},
        {"reach", 0, CLI_INT, "PERCENT", &params.reach, "how far everything moves (default 100)",
         25, 400, NULL},
        {"speed", 0, CLI_INT, "PERCENT", &params.speed, "how fast it plays (default 100)", 10, 1000,
         NULL},
        {"keep-canvas", 0, CLI_FLAG, NULL, &keep,
         "frames have the sprite's size; what leaves it is cut", 0, 0, NULL},
        {"seed", 's', CLI_SEED, "N", &seed, "of the order in which pixels dissolve", 0, 0, NULL},
        {"folder", 0, CLI_TEXT, "DIR", &params.folder, "your own motions, before those shipped", 0,
         0, NULL},
        {"describe", 'd', CLI_LIST, "FORMAT", &atlas.describe,
         "of a .png: aseprite-array (default), aseprite-hash, tsj, tsx, ldtk,\nbevy-ron or none; "
         "may be given several times",
         0, 0, NULL},
        {"columns", 0, CLI_INT, "N", &atlas.pack.columns,
         "of a .png (default: a motion a row where all have as many frames)", 1, 16384, NULL},
        {"padding", 0, CLI_INT, "N", &atlas.pack.padding, "of a .png: pixels between frames", 0,
         256, NULL},
        {"scale", 0, CLI_INT, "N", &atlas.png.scale, "enlarge an .apng or .gif by whole pixels", 1,
         64, NULL},
        {"contact", 0, CLI_TEXT, "FILE.png", &contact,
         "also every frame enlarged on one picture, for people", 0, 0, NULL},
        {"normal", 0, CLI_TEXT, "FILE", &normal,
         "also every frame's normal map, in the same places: knight.n.png", 0, 0, NULL},
        {"deploy", 0, CLI_FLAG, NULL, &place.deploys,
         "into the Bevy project around here, as SPRITE-moves.png and .json", 0, 0, NULL},
        {"to", 0, CLI_TEXT, "sprites/", &place.params.to,
         "with --deploy: a folder inside assets/, or a name: sprites/hero-moves.png", 0, 0, NULL},
        {"project", 'p', CLI_TEXT, "DIR", &place.params.project, "with --deploy: the game's folder",
         0, 0, NULL},
        {"force", 0, CLI_FLAG, NULL, &place.force, "with --deploy: replace foreign files", 0, 0,
         NULL},
        {"confirm", 0, CLI_FLAG, NULL, &place.confirm, CLI_CONFIRM_HELP, 0, 0, NULL},
        {"brp", 0, CLI_TEXT, "URL", &place.brp, CLI_CONFIRM_BRP_HELP, 0, 0, NULL},
        {"list", 0, CLI_FLAG, NULL, &list, "the motions there are, and what each does", 0, 0, NULL},
        {"report", 0, CLI_FLAG, NULL, &report,
         "say on stderr where neck, hip and eyes were found and what was skipped", 0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &atlas.json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    char *names = NULL;
    dgxp_image *sprite = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_document *document = NULL;
    if (!cli_parse(self, options, argc, argv, &words, &code)) {
        goto done;
    }
    if (list) {
        code = list_motions(params.folder, atlas.json);
        goto done;
    }
    if (words != 1 || (!atlas.output && !place.deploys)) {
        code =
            cli_usage(self->name, words != 1 ? "name one sprite"
                                             : "say where to with -o knight.aseprite, or --deploy");
        goto done;
    }
    if (!place.deploys &&
        (place.params.to || place.params.project || place.force || place.confirm)) {
        code = cli_usage(self->name, "--to, --project, --force and --confirm belong to --deploy");
        goto done;
    }
    if ((atlas.output && !cli_check_sheet_name(self->name, atlas.output)) ||
        (contact && !cli_check_picture_name(self->name, contact)) ||
        (normal && !cli_check_picture_name(self->name, normal))) {
        code = CLI_USAGE;
        goto done;
    }
    code = cli_check_files(self->name, argv, 1, (const char *[]){atlas.output, contact, normal}, 3);
    if (code != CLI_OK) {
        goto done;
    }
    if (atlas.png.scale > 1 && atlas.output && cli_has_suffix(atlas.output, ".png")) {
        code = cli_usage(self->name,
                         "--scale is for .apng and .gif: a sheet's description counts native "
                         "pixels");
        goto done;
    }
    names = join_motions(&motions);
    params.motions = names;
    params.keep_canvas = keep;
    params.seed = (uint64_t)seed;
    dgxp_status status = dgxp_image_load(argv[0], &sprite);
    if (status == DGXP_OK && is_opaque(sprite)) {
        fprintf(stderr,
                "dgx-pixels: %s: no pixel is transparent, so its background moves along: "
                "`dgx-pixels fix %s --background auto -o sprite.png` takes it away\n",
                argv[0], argv[0]);
    }
    status = status == DGXP_OK ? dgxp_motion(sprite, &params, &document, &sheet) : status;
    code = status == DGXP_OK ? CLI_OK : cli_fail_at(argv[0], status);
    if (code == CLI_OK && report) {
        fprintf(stderr, "%s\n", dgxp_document_text(document));
    }
    code = code == CLI_OK && atlas.output ? cli_atlas_write(self->name, &atlas, sheet) : code;
    code = code == CLI_OK && normal ? write_normals(sheet, &atlas, normal) : code;
    place.normal = normal != NULL;
    code = code == CLI_OK && place.deploys ? deploy(&place, argv[0], sheet, atlas.json) : code;
    code = code == CLI_OK && contact ? write_contact(sheet, contact) : code;
done:
    dgxp_document_free(document);
    dgxp_sheet_free(sheet);
    dgxp_image_free(sprite);
    free(names);
    free(atlas.describe.items);
    free(motions.items);
    return code;
}

const cli_command cli_motion = {
    .name = "motion",
    .summary = "Animate a still sprite by its own pixels: idle, walk, hit, death … No model",
    .synopsis = "SPRITE.png -o FILE|--deploy [--motion NAME,…] [options]",
    .examples =
        "  dgx-pixels motion knight.png --motion idle,walk,hit,death -o knight.aseprite\n"
        "  dgx-pixels motion knight.png -m attack --facing right -o attack.apng --scale 8\n"
        "  dgx-pixels motion coin.png -m spin -n 12 -o coin.png -d bevy-ron\n"
        "  dgx-pixels motion slime.png -m all -o slime.png --contact look.png\n"
        "  dgx-pixels motion hero.png -m idle,walk -o hero.sheet.png --normal hero.n.png\n"
        "  dgx-pixels motion hero.png -m idle,run --deploy --to sprites/hero-moves.png\n"
        "  dgx-pixels motion --list\n"
        "Every color is one of the sprite's, every move is of whole pixels, and the same sprite "
        "gives\nthe same frames. A motion is a JSON file of offsets: docs/motion.md has its "
        "format.\n",
    .run = run,
};
