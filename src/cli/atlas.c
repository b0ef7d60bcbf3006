/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writing a sheet of frames: its picture and what engines want to know about it. */
#include "cli/sheet.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cli_parse_color(const char *text, uint8_t rgba[4])
{
    unsigned color;
    text += *text == '#';
    if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6 ||
        sscanf(text, "%6x", &color) != 1) {
        return false;
    }
    rgba[0] = (uint8_t)(color >> 16);
    rgba[1] = (uint8_t)(color >> 8);
    rgba[2] = (uint8_t)color;
    rgba[3] = 255;
    return true;
}

/* The suffix under which an engine expects its file. */
static const char *suffix_of(int32_t format)
{
    switch (format) {
    case DGXP_ATLAS_TSJ:
        return ".tsj";
    case DGXP_ATLAS_TSX:
        return ".tsx";
    case DGXP_ATLAS_LDTK:
        return ".ldtk.json";
    case DGXP_ATLAS_BEVY_RON:
        return ".assets.ron";
    default:
        return ".json";
    }
}

static const dgxp_choice *find_format(const char *name)
{
    int32_t count = 0;
    const dgxp_choice *choices = dgxp_choices("atlas_format", &count);
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(choices[i].name, name) == 0) {
            return &choices[i];
        }
    }
    return NULL;
}

/* FOLDER/sheet.png -> FOLDER/sheet.json */
static char *path_beside(const char *output, const char *suffix)
{
    const int folder = (int)(cli_base(output) - output);
    char *name = cli_output("", output, suffix);
    char *path = cli_format("%.*s%s", folder, output, name);
    free(name);
    return path;
}

/* Whole or not at all, like the pictures. */
static int write_text(const char *path, const uint8_t *bytes, size_t size)
{
    char *draft = cli_format("%s.XXXXXX", path);
    const int handle = mkstemp(draft);
    FILE *file = handle >= 0 ? fdopen(handle, "wb") : NULL;
    bool good = file && fwrite(bytes, 1, size, file) == size;
    good = good && fflush(file) == 0 && fchmod(handle, 0644) == 0 && fsync(handle) == 0;
    if (file) {
        good = fclose(file) == 0 && good;
    }
    good = good && rename(draft, path) == 0;
    if (!good) {
        fprintf(stderr, "dgx-pixels: %s: cannot write: %s\n", path, strerror(errno));
        if (handle >= 0) {
            unlink(draft);
        }
    }
    free(draft);
    return good ? CLI_OK : CLI_IO;
}

static int write_description(const cli_atlas *settings, const dgxp_atlas *atlas,
                             const dgxp_sheet *sheet, const char *name, json_t *written)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    const dgxp_choice *format = find_format(name);
    const dgxp_status status =
        dgxp_atlas_describe(atlas, sheet, format->value, cli_base(settings->output), &bytes, &size);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    char *path = path_beside(settings->output, suffix_of(format->value));
    const int code = write_text(path, bytes, size);
    if (code == CLI_OK) {
        json_array_append_new(written, cli_json_text(path));
    }
    dgxp_bytes_free(bytes);
    free(path);
    return code;
}

static json_t *describe_places(const dgxp_atlas *atlas, const dgxp_sheet *sheet)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < dgxp_sheet_frame_count(sheet); i++) {
        dgxp_place place = DGXP_PLACE_INIT;
        if (dgxp_atlas_place(atlas, i, &place) == DGXP_OK) {
            json_array_append_new(
                list, json_pack("{ss, si, si, si, si, si}", "name", dgxp_sheet_frame_name(sheet, i),
                                "x", place.x, "y", place.y, "width", place.width, "height",
                                place.height, "duration", dgxp_sheet_frame_duration(sheet, i)));
        }
    }
    return list;
}

static void print_written(const cli_atlas *settings, const dgxp_sheet *sheet,
                          const dgxp_atlas *atlas, json_t *written)
{
    if (settings->json) {
        json_t *root =
            json_pack("{sO, si}", "files", written, "frames", (int)dgxp_sheet_frame_count(sheet));
        if (atlas) {
            const dgxp_image *image = dgxp_atlas_image(atlas);
            json_object_set_new(root, "width", json_integer(dgxp_image_width(image)));
            json_object_set_new(root, "height", json_integer(dgxp_image_height(image)));
            json_object_set_new(root, "places", describe_places(atlas, sheet));
        }
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(root);
        return;
    }
    for (size_t i = 0; i < json_array_size(written); i++) {
        puts(json_string_value(json_array_get(written, i)));
    }
}

static int write_animation(const cli_atlas *settings, const dgxp_sheet *sheet)
{
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    params.scale = settings->png.scale;
    const dgxp_status status = dgxp_sheet_save(sheet, settings->output, &params);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    json_t *written = json_pack("[o]", cli_json_text(settings->output));
    print_written(settings, sheet, NULL, written);
    json_decref(written);
    return CLI_OK;
}

int cli_atlas_write(const char *command, const cli_atlas *settings, const dgxp_sheet *sheet)
{
    const char *output = settings->output;
    if (!cli_check_sheet_name(command, output)) {
        return CLI_USAGE;
    }
    if (cli_has_suffix(output, ".aseprite") || cli_has_suffix(output, ".ase") ||
        cli_has_suffix(output, ".apng") || cli_has_suffix(output, ".gif")) {
        return write_animation(settings, sheet);
    }
    const bool none =
        settings->describe.count == 1 && strcmp(settings->describe.items[0], "none") == 0;
    for (int i = 0; i < settings->describe.count && !none; i++) {
        if (!find_format(settings->describe.items[i])) {
            return cli_usage(command,
                             "--describe %s: is none of aseprite-array, aseprite-hash, "
                             "tsj, tsx, ldtk, bevy-ron, none",
                             settings->describe.items[i]);
        }
    }
    dgxp_atlas *atlas = NULL;
    json_t *written = json_array();
    dgxp_status status = dgxp_sheet_pack(sheet, &settings->pack, &atlas);
    status = status == DGXP_OK ? dgxp_image_save(dgxp_atlas_image(atlas), output, &settings->png)
                               : status;
    int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    if (code == CLI_OK) {
        json_array_append_new(written, cli_json_text(output));
    }
    for (int i = 0; i < settings->describe.count && !none && code == CLI_OK; i++) {
        code = write_description(settings, atlas, sheet, settings->describe.items[i], written);
    }
    if (code == CLI_OK && !settings->describe.count && strcmp(output, "-") != 0) {
        code = write_description(settings, atlas, sheet, settings->standard, written);
    }
    if (code == CLI_OK && strcmp(output, "-") != 0) {
        print_written(settings, sheet, atlas, written);
    }
    json_decref(written);
    dgxp_atlas_free(atlas);
    return code;
}
