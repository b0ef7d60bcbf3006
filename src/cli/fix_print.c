/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `dgx-pixels fix` tells a person of each input. */
#include "cli/fix.h"

#include <jansson.h>
#include <string.h>

static void warn(const char *path, const char *name)
{
    static const dgxp_choice own[] = {
        {0, "painted", "no grid was found: --size WxH or --cell N says what it should be"},
        {0, "uncertain-grid",
         "the grid is a guess: compare --json's candidates, give --cell N; cells that are not "
         "square: --non-square"},
        {0, "empty", "nothing is left to see: try --background keep"},
    };
    const char *help = "";
    int32_t count = 0;
    const dgxp_choice *known = dgxp_choices("matte_warning", &count);
    for (int32_t i = 0; i < count; i++) {
        help = strcmp(known[i].name, name) == 0 ? known[i].help : help;
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        help = strcmp(own[i].name, name) == 0 ? own[i].help : help;
    }
    fprintf(stderr, "dgx-pixels: %s: %s: %s\n", path, name, cli_plain(help));
}

static int read_count(const json_t *step, const char *name)
{
    return (int)json_integer_value(json_object_get(step, name));
}

/* "64x64, cells of 16 px (sure)" */
static void print_size(const json_t *report)
{
    const json_t *grid = json_object_get(report, "grid");
    const char *kind = json_string_value(json_object_get(grid, "kind"));
    const double width = json_number_value(json_object_get(grid, "cell_width"));
    const double height = json_number_value(json_object_get(grid, "cell_height"));
    const int frames = read_count(report, "frames");
    const char *trust = "";
    size_t i;
    json_t *name;
    if (kind && (strcmp(kind, "cells") == 0 || (strcmp(kind, "flat") == 0 && width > 1))) {
        trust = " (sure)";
    }
    json_array_foreach(json_object_get(report, "warnings"), i, name)
    {
        if (strcmp(json_string_value(name), "uncertain-grid") == 0) {
            trust = " (a guess)";
        }
    }
    if (frames > 1) {
        printf("%d frames, ", frames);
    }
    printf("%dx%d, cells of %.4g", read_count(report, "width"), read_count(report, "height"),
           width);
    if (width != height) {
        printf("x%.4g", height);
    }
    printf(" px%s", trust);
}

/* "; 847 cells of background removed, 58 enclosed kept" */
static void print_matte(const json_t *matte)
{
    const int removed = read_count(matte, "flooded") + read_count(matte, "holes") +
                        read_count(matte, "fringe") + read_count(matte, "specks");
    const int enclosed = read_count(matte, "enclosed");
    if (removed) {
        printf("; %d cells of background removed", removed);
    }
    if (enclosed) {
        printf(", %d enclosed kept", enclosed);
    }
}

void cli_fix_print(const cli_fixing *fixing, const char *path, const char *output,
                   const struct json_t *report)
{
    const json_t *quality = json_object_get(report, "quality");
    const json_t *matte = json_object_get(report, "matte");
    const json_t *colors =
        json_object_get(json_object_get(json_object_get(quality, "metrics"), "colors"), "value");
    if (!fixing->quiet) {
        printf("%s: ", output);
        print_size(report);
        printf(", %.0f colors, score %.0f", json_number_value(colors),
               json_number_value(json_object_get(quality, "score")));
        print_matte(matte);
        puts("");
        if (read_count(matte, "enclosed")) {
            fprintf(stderr,
                    "dgx-pixels: %s: enclosed: %d cells of the background's color were kept; "
                    "--holes opens them\n",
                    path, read_count(matte, "enclosed"));
        }
    }
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(report, "warnings"), i, name)
    {
        warn(path, json_string_value(name));
    }
}
