/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels fix`: any picture becomes a finished sprite. */
#include "cli/fix.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
    cli_fixing fixing;
    const char *output, *cell, *colors, *palette, *background;
    int32_t size[2], outline, dither;
    double tolerance;
    bool tile, orphans, jaggies, trim, strip, frames, separate, share, json;
    bool reads_input; /* "-" is among the inputs */
    bool keep_holes, open_holes, keep_specks, keep_fringe, non_square, snap, straight;
} settings;

typedef struct job {
    settings *s;
    cli_inputs inputs;
    char **outputs;        /* [inputs.count]; NULL: frames have theirs */
    char ***frame_outputs; /* [inputs.count], NULL or [frame_count] */
    cli_fixed *results;    /* [inputs.count] */
    pthread_mutex_t lock;
    int printed, failed, code;
} job;

/* ------------------------------------------------------------------------------------ options */

/* "8", "7.5" or "8x16". */
static bool parse_cell(const char *text, dgxp_grid_params *grid)
{
    const char *second = strchr(text, 'x');
    char *first = second ? cli_format("%.*s", (int)(second - text), text) : cli_format("%s", text);
    const bool wide = dgxp_number_parse(first, &grid->cell_width) == DGXP_OK &&
                      grid->cell_width >= 1 && grid->cell_width <= 1024;
    free(first);
    return wide && (!second || (dgxp_number_parse(second + 1, &grid->cell_height) == DGXP_OK &&
                                grid->cell_height >= 1 && grid->cell_height <= 1024));
}

static bool parse_background(const char *text, dgxp_matte_params *matte)
{
    char rest;
    unsigned color;
    int32_t count = 0;
    const dgxp_choice *choices = dgxp_choices("background", &count);
    for (int32_t i = 0; i < count; i++) {
        if (choices[i].value != DGXP_BACKGROUND_COLOR && strcmp(choices[i].name, text) == 0) {
            matte->background = choices[i].value;
            return true;
        }
    }
    text += *text == '#';
    if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6 ||
        sscanf(text, "%6x%c", &color, &rest) != 1) {
        return false;
    }
    matte->background = DGXP_BACKGROUND_COLOR;
    matte->color = color;
    return true;
}

/* True when the palette step is asked for, in whatever way. */
static int read_colors(settings *s)
{
    cli_fixing *to = &s->fixing;
    char *end = NULL;
    if (!s->colors) {
        return CLI_OK;
    }
    if (strcmp(s->colors, "keep") == 0) {
        to->params.keep_colors = 1;
        return CLI_OK;
    }
    const long count = strcmp(s->colors, "auto") == 0 ? 0 : strtol(s->colors, &end, 10);
    if (end && (end == s->colors || *end || count < 1 || count > 256)) {
        return cli_usage("fix", "--colors %s: must be a whole number from 1 to 256, auto or keep",
                         s->colors);
    }
    to->extract.colors = (int32_t)count;
    to->params.extract = &to->extract;
    return CLI_OK;
}

static int read_settings(settings *s)
{
    cli_fixing *to = &s->fixing;
    if (s->cell && !parse_cell(s->cell, &to->grid)) {
        return cli_usage("fix", "--cell %s: write a number of pixels from 1 to 1024, or 8x16",
                         s->cell);
    }
    if (s->cell && s->size[0]) {
        return cli_usage("fix", "--cell and --size exclude each other");
    }
    if (s->background && !parse_background(s->background, &to->matte)) {
        return cli_usage("fix", "--background %s: must be auto, keep or a color like #ff00ff",
                         s->background);
    }
    if (s->palette && s->colors) {
        return cli_usage("fix", "--palette and --colors exclude each other: a palette has its "
                                "number of colors");
    }
    if (s->share && (s->palette || (s->colors && strcmp(s->colors, "keep") == 0))) {
        return cli_usage("fix", "--share-palette finds a palette: leave --palette and "
                                "--colors keep out");
    }
    if (s->share && s->reads_input) {
        return cli_usage("fix", "--share-palette reads every picture twice, standard input can be "
                                "read once: save it to a file first");
    }
    if (s->frames && s->separate) {
        return cli_usage("fix", "--frames and --separate exclude each other");
    }
    to->grid.width = s->size[0];
    to->grid.height = s->size[1];
    to->grid.non_square = s->non_square;
    to->grid.snap = s->snap;
    to->grid.straight = s->straight;
    to->matte.tolerance = (float)s->tolerance;
    to->matte.keep_holes = s->keep_holes;
    to->matte.open_holes = s->open_holes;
    to->matte.keep_specks = s->keep_specks;
    to->matte.keep_fringe = s->keep_fringe;
    to->quantize.dither = s->dither;
    to->outline.kind = s->outline;
    to->params.grid = &to->grid;
    to->params.downscale = &to->downscale;
    to->params.tile = s->tile;
    to->params.orphans = s->orphans;
    to->params.jaggies = s->jaggies;
    to->png.strip_text = s->strip;
    if (s->keep_holes && s->open_holes) {
        return cli_usage("fix", "--holes and --keep-holes exclude each other");
    }
    if (s->background || s->tolerance > 0 || s->keep_holes || s->open_holes || s->keep_specks ||
        s->keep_fringe) {
        to->params.matte = &to->matte;
    }
    if (s->dither) {
        to->params.quantize = &to->quantize;
    }
    if (to->extract.method) {
        to->params.extract = &to->extract;
    }
    to->params.outline = s->outline >= 0 ? &to->outline : NULL;
    to->params.trim = s->trim ? &to->trim : NULL;
    return read_colors(s);
}

/* ------------------------------------------------------------------------------------ results */

static void print_json(const job *self, int index, const char *output, json_t *report)
{
    const cli_fixed *result = &self->results[index];
    const char *path = self->inputs.items[index].path;
    json_t *entry = json_object();
    json_object_set_new(entry, "path", cli_json_text(path));
    if (result->status == DGXP_OK) {
        json_object_set_new(entry, "output", cli_json_text(output));
        json_object_set(entry, "report", report);
    } else {
        json_object_set_new(entry, "error",
                            json_pack("{ss, so}", "status", dgxp_status_name(result->status),
                                      "text", cli_json_text(result->text)));
    }
    fputs(index ? ",\n" : "[\n", stdout);
    json_dumpf(entry, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(entry);
}

static void print_result(job *self, int index)
{
    const settings *s = self->s;
    cli_fixed *result = &self->results[index];
    const char *output = self->outputs[index] ? self->outputs[index] : s->output;
    const bool to_pipe = strcmp(output, "-") == 0;
    json_t *report = result->report ? json_loads(result->report, 0, NULL) : NULL;
    if (result->status != DGXP_OK) {
        self->failed++;
        self->code = cli_exit_code(result->status);
        fprintf(stderr, "dgx-pixels: %s\n", result->text);
    }
    if (s->json) {
        print_json(self, index, output, report);
    } else if (report && !to_pipe) {
        cli_fix_print(&s->fixing, self->inputs.items[index].path, output, report);
    }
    if (result->shown && !s->json && !to_pipe) {
        cli_show_image(result->shown);
    }
    json_decref(report);
    free(result->report);
    free(result->text);
    dgxp_image_free(result->shown);
    result->report = result->text = NULL;
    result->shown = NULL;
}

/* Prints what is finished, in the order of the inputs, so that memory stays flat. */
static void finish_input(job *self, int index)
{
    pthread_mutex_lock(&self->lock);
    self->results[index].ready = true;
    while (self->printed < self->inputs.count && self->results[self->printed].ready) {
        print_result(self, self->printed++);
    }
    pthread_mutex_unlock(&self->lock);
}

static void fix_input(void *pointer, int index)
{
    job *self = pointer;
    const cli_input *input = &self->inputs.items[index];
    if (!input->frame_count) { /* sets use all threads themselves and were done before */
        cli_fix_file(&self->s->fixing, input->path, self->outputs[index], &self->results[index]);
        finish_input(self, index);
    }
}

/* ------------------------------------------------------------------------------------ outputs */

static char *strip_slashes(const char *path)
{
    char *copy = cli_format("%s", path);
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--) {
        copy[length - 1] = '\0';
    }
    return copy;
}

/* Frames keep their names; of several folders each gets one of its own. */
static int place_frames(job *self, int index)
{
    const cli_input *input = &self->inputs.items[index];
    char *name = strip_slashes(input->path);
    char *folder = self->inputs.count > 1 ? cli_output(self->s->output, name, NULL)
                                          : cli_format("%s", self->s->output);
    self->frame_outputs[index] =
        cli_zero((size_t)input->frame_count, sizeof *self->frame_outputs[index]);
    for (int i = 0; i < input->frame_count; i++) {
        self->frame_outputs[index][i] = cli_output(folder, input->frames[i], ".png");
    }
    int code = cli_make_folders(folder);
    if (code == CLI_OK) {
        code =
            cli_check_outputs("fix", self->frame_outputs[index], input->frame_count, &self->inputs);
    }
    free(folder);
    free(name);
    return code;
}

static int place_outputs(job *self)
{
    const char *output = self->s->output;
    const int count = self->inputs.count;
    const bool folder = cli_is_folder(output) || output[strlen(output) - 1] == '/' || count > 1;
    const bool piped = strcmp(output, "-") == 0;
    int code = CLI_OK, files = 0;
    if (!cli_check_picture_name("fix", output)) {
        return CLI_USAGE;
    }
    if (count > 1 && cli_is_picture_name(output) && !cli_is_folder(output)) {
        return cli_usage("fix",
                         "%d inputs cannot all become %s: name a folder with -o (it is made), "
                         "or say --frames to make one animation of them",
                         count, output);
    }
    if (piped && (count > 1 || self->inputs.items[0].frame_count || self->s->json)) {
        return cli_usage("fix", "-o - writes one picture, without --json");
    }
    if (piped && isatty(STDOUT_FILENO)) {
        return cli_usage("fix", "-o - writes PNG bytes, and standard output is a terminal: send it "
                                "on with | or >, or look at the result with --show");
    }
    char **all = cli_zero((size_t)count, sizeof *all);
    for (int i = 0; i < count && code == CLI_OK; i++) {
        const cli_input *input = &self->inputs.items[i];
        if (input->frame_count && (folder || !cli_is_picture_name(output))) {
            code = place_frames(self, i);
            continue;
        }
        const bool aseprite =
            cli_has_suffix(input->path, ".aseprite") || cli_has_suffix(input->path, ".ase");
        self->outputs[i] = folder ? cli_output(output, input->path, aseprite ? ".aseprite" : ".png")
                                  : cli_format("%s", output);
        all[files++] = self->outputs[i];
    }
    if (code == CLI_OK && files && folder) {
        code = cli_make_folders(output);
    }
    if (code == CLI_OK && !piped) {
        code = cli_check_outputs("fix", all, files, &self->inputs);
    }
    free(all);
    return code;
}

static void free_job(job *self)
{
    for (int i = 0; i < self->inputs.count; i++) {
        for (int k = 0; self->frame_outputs[i] && k < self->inputs.items[i].frame_count; k++) {
            free(self->frame_outputs[i][k]);
        }
        free(self->frame_outputs[i]);
        free(self->outputs[i]);
    }
    free(self->frame_outputs);
    free(self->outputs);
    free(self->results);
    cli_inputs_free(&self->inputs);
}

static int fix_all(job *self)
{
    cli_fixing *fixing = &self->s->fixing;
    const int count = self->inputs.count;
    for (int i = 0; i < count && !dgxp_cancel_fired(cli_cancel()); i++) {
        if (self->inputs.items[i].frame_count) {
            cli_fix_set(fixing, &self->inputs.items[i], self->outputs[i], self->frame_outputs[i],
                        &self->results[i]);
            finish_input(self, i);
        }
    }
    cli_work(count, fixing->threads, fixing->quiet, "fixing", fix_input, self);
    if (self->s->json) {
        puts(self->printed ? "\n]" : "[]");
    }
    if (dgxp_cancel_fired(cli_cancel())) {
        return CLI_CANCELLED;
    }
    return !self->failed ? CLI_OK : count > 1 ? CLI_SOME_FAILED : self->code;
}

static int fix_words(settings *s, int count, char **words)
{
    job self = {.s = s};
    const cli_grouping grouping = s->frames     ? CLI_GROUP_ALL
                                  : s->separate ? CLI_GROUP_NONE
                                                : CLI_GROUP_FOLDERS;
    int code = cli_inputs_collect("fix", words, count, grouping, &self.inputs);
    if (code != CLI_OK) {
        return code;
    }
    const size_t items = (size_t)self.inputs.count;
    self.outputs = cli_zero(items, sizeof *self.outputs);
    self.frame_outputs = cli_zero(items, sizeof *self.frame_outputs);
    self.results = cli_zero(items, sizeof *self.results);
    pthread_mutex_init(&self.lock, NULL);
    code = place_outputs(&self);
    dgxp_status status = DGXP_OK;
    if (code == CLI_OK && s->palette) {
        status = dgxp_palette_load(s->palette, &s->fixing.palette);
        s->fixing.params.palette = s->fixing.palette;
    } else if (code == CLI_OK && s->share) {
        status = cli_fix_share_palette(&s->fixing, &self.inputs);
    }
    if (status != DGXP_OK) {
        code = cli_fail(status);
    }
    if (code == CLI_OK) {
        code = fix_all(&self);
    }
    pthread_mutex_destroy(&self.lock);
    dgxp_palette_free(s->fixing.palette);
    free_job(&self);
    return code;
}

static int run(int argc, char **argv)
{
    settings s = {.fixing = {.params = DGXP_FIX_PARAMS_INIT,
                             .grid = DGXP_GRID_PARAMS_INIT,
                             .downscale = DGXP_DOWNSCALE_PARAMS_INIT,
                             .matte = DGXP_MATTE_PARAMS_INIT,
                             .extract = DGXP_PALETTE_PARAMS_INIT,
                             .quantize = DGXP_QUANTIZE_PARAMS_INIT,
                             .outline = DGXP_OUTLINE_PARAMS_INIT,
                             .trim = DGXP_TRIM_PARAMS_INIT,
                             .png = DGXP_PNG_PARAMS_INIT,
                             .threads = cli_cores()},
                  .outline = -1};
    cli_fixing *f = &s.fixing;
    const cli_option options[] = {
        {"output", 'o', CLI_TEXT, "FILE|DIR", &s.output, "where to; needed", 0, 0, NULL},
        {"cell", 0, CLI_TEXT, "N|WxH", &s.cell,
         "one sprite pixel is so many pixels; may be 7.5 (default: found)", 0, 0, NULL},
        {"size", 0, CLI_SIZE, "WxH", s.size, "exactly so many sprite pixels", 0, 0, NULL},
        {"prior", 0, CLI_NUMBER, "N", &f->grid.prior,
         "the cell to expect, where the picture is unclear", 1, 1024, NULL},
        {"non-square", 0, CLI_FLAG, NULL, &s.non_square, "cells may be wider than high", 0, 0,
         NULL},
        {"snap", 0, CLI_FLAG, NULL, &s.snap, "sizes close to 16, 32, 48, 64 … become these", 0, 0,
         NULL},
        {"straight", 0, CLI_FLAG, NULL, &s.straight, "the grid's lines do not bend", 0, 0, NULL},
        {"tile", 0, CLI_FLAG, NULL, &s.tile, "a seamless tile: cells begin at the border", 0, 0,
         NULL},
        {"rule", 0, CLI_CHOICE, "R", &f->downscale.rule, "how a cell becomes one color", 0, 0,
         "cell_rule"},
        {"detail", 0, CLI_NUMBER, "F", &f->downscale.detail, "of --rule detail (default 0.75)",
         0.01, 4, NULL},
        {"background", 0, CLI_TEXT, "B", &s.background,
         "auto: made transparent where it is uniform; keep; or\n"
         "a color, #rrggbb, that is made transparent",
         0, 0, NULL},
        {"tolerance", 0, CLI_NUMBER, "F", &s.tolerance,
         "of the background, in OKLab (default 0.07)", 0, 0.5, NULL},
        {"holes", 0, CLI_FLAG, NULL, &s.open_holes,
         "the background goes where the subject encloses it too\n"
         "(default: only that of a chroma key; eyes are often white)",
         0, 0, NULL},
        {"keep-holes", 0, CLI_FLAG, NULL, &s.keep_holes,
         "the background stays where the subject encloses it", 0, 0, NULL},
        {"keep-specks", 0, CLI_FLAG, NULL, &s.keep_specks, "lone pixels stay (sparks)", 0, 0, NULL},
        {"keep-fringe", 0, CLI_FLAG, NULL, &s.keep_fringe,
         "the background's tint stays on the edge", 0, 0, NULL},
        {"colors", 0, CLI_TEXT, "N", &s.colors, "at most so many, auto (as few as suffice) or keep",
         0, 0, NULL},
        {"palette", 'p', CLI_TEXT, "NAME|FILE", &s.palette,
         "exactly these colors; `dgx-pixels palette list` has names", 0, 0, NULL},
        {"share-palette", 0, CLI_FLAG, NULL, &s.share, "find one palette for all files", 0, 0,
         NULL},
        {"quantizer", 0, CLI_CHOICE, "Q", &f->extract.method, "how colors are chosen", 0, 0,
         "palette_method"},
        {"dither", 0, CLI_CHOICE, "D", &s.dither, "", 0, 0, "dither"},
        {"orphans", 0, CLI_FLAG, NULL, &s.orphans, "lone pixels take their neighbours' color", 0, 0,
         NULL},
        {"jaggies", 0, CLI_FLAG, NULL, &s.jaggies, "thin dark lines lose doubled corners", 0, 0,
         NULL},
        {"outline", 0, CLI_CHOICE, "O", &s.outline, "draw a line around the subject", 0, 0,
         "outline"},
        {"trim", 0, CLI_FLAG, NULL, &s.trim, "cut to what is visible", 0, 0, NULL},
        {"padding", 0, CLI_INT, "N", &f->trim.padding, "with --trim: leave so many around", 0, 1024,
         NULL},
        {"pivot", 0, CLI_CHOICE, "P", &f->trim.pivot, "with --trim: the point that --json tells", 0,
         0, "pivot"},
        {"scale", 0, CLI_INT, "N", &f->png.scale, "enlarge the result by whole pixels", 1, 64,
         NULL},
        {"strip", 0, CLI_FLAG, NULL, &s.strip, "write no metadata", 0, 0, NULL},
        {"frames", 0, CLI_FLAG, NULL, &s.frames,
         "all inputs are one animation: one grid, one palette; of a\n"
         "single numbered PNG its whole sequence",
         0, 0, NULL},
        {"separate", 0, CLI_FLAG, NULL, &s.separate,
         "each file of a folder has its own grid and palette", 0, 0, NULL},
        {"jobs", 'j', CLI_INT, "N", &f->threads, "threads (default: all cores)", 1, 1024, NULL},
        {"show", 0, CLI_FLAG, NULL, &f->show, "show the result in the terminal too", 0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print a report for each input as JSON", 0, 0, NULL},
        {"quiet", 'q', CLI_FLAG, NULL, &f->quiet, "print only warnings and errors", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_fix, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words < 1 || !s.output || !*s.output) {
        return cli_usage("fix", words < 1 ? "name at least one picture" : "say where to with -o");
    }
    for (int i = 0; i < words; i++) {
        s.reads_input |= strcmp(argv[i], "-") == 0;
    }
    code = read_settings(&s);
    return code == CLI_OK ? fix_words(&s, words, argv) : code;
}

const cli_command cli_fix = {
    .name = "fix",
    .summary = "Turn any picture into finished pixel art: grid, background, palette",
    .synopsis = "IN… -o FILE|DIR [options]",
    .examples =
        "  dgx-pixels fix knight.png -o sprite.png\n"
        "  dgx-pixels fix painted/*.png -o sprites/ --palette pico-8 -j 8\n"
        "  dgx-pixels fix scene.png -o scene-out.png --size 64x64 --background keep\n"
        "  dgx-pixels fix walk.gif -o walk.aseprite --colors 16\n"
        "  dgx-pixels fix frames/ -o fixed/\n"
        "  curl -s https://example.org/cat.png | dgx-pixels fix - -o - >cat.png\n"
        "IN is a PNG, APNG, GIF or .aseprite file, a pattern, a folder, or - for standard input;\n"
        "-o - writes one PNG to standard output.  Each picture has its own grid and palette; "
        "numbered\n"
        "PNG files of a folder that resemble each other, and all inputs with --frames, are one\n"
        "animation with one grid and one palette.  A picture that is pixel art already comes out\n"
        "as it is.\n",
    .run = run,
};
