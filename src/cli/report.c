/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels report`: how good finished sprites are, in figures. */
#include "cli/cli.h"
#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct reporting {
    dgxp_quality_params params;
    bool json, strict;
    int printed, failed, missed, code;
} reporting;

static void print_metrics(const json_t *report)
{
    const char *name;
    json_t *metric;
    json_object_foreach(json_object_get(report, "metrics"), name, metric)
    {
        const json_t *threshold = json_object_get(metric, "threshold");
        const char *rule = json_string_value(json_object_get(metric, "rule"));
        const bool pass = json_is_true(json_object_get(metric, "pass"));
        char limit[48] = "";
        if (threshold) {
            snprintf(limit, sizeof limit, "%s %.4g",
                     rule && rule[3] == 'l' ? ">=" : "<=", json_number_value(threshold));
        }
        printf("  %-19s %10.4g  %-9s %-5s %s\n", name,
               json_number_value(json_object_get(metric, "value")), limit,
               pass                                            ? ""
               : json_is_true(json_object_get(metric, "hard")) ? "FAIL"
                                                               : "look",
               json_string_value(json_object_get(metric, "help")));
    }
}

static void print_report(reporting *self, const char *path, const char *text)
{
    json_t *report = json_loads(text, 0, NULL);
    const bool pass = json_is_true(json_object_get(report, "pass"));
    self->missed += !pass;
    if (self->json) {
        json_t *entry = json_object();
        json_object_set_new(entry, "path", cli_json_text(path));
        json_object_set(entry, "report", report);
        fputs(self->printed ? ",\n" : "[\n", stdout);
        json_dumpf(entry, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        json_decref(entry);
    } else {
        const int frames = (int)json_integer_value(json_object_get(report, "frames"));
        char many[32] = "";
        if (frames > 1)
            snprintf(many, sizeof many, ", %d frames", frames);
        printf("%s%s: %dx%d%s, score %.0f, %s\n", self->printed ? "\n" : "", path,
               (int)json_integer_value(json_object_get(report, "width")),
               (int)json_integer_value(json_object_get(report, "height")), many,
               json_number_value(json_object_get(report, "score")), pass ? "pass" : "FAIL");
        print_metrics(report);
    }
    self->printed++;
    json_decref(report);
}

static void report_input(reporting *self, cli_input *input)
{
    const cli_inputs one = {input, 1};
    dgxp_sheet *sheet = NULL;
    dgxp_document *document = NULL;
    dgxp_status status = dgxp_sheet_create(&sheet);
    status = status == DGXP_OK ? cli_add_frames(sheet, &one, 0) : status;
    const int32_t count = status == DGXP_OK ? dgxp_sheet_frame_count(sheet) : 0;
    const dgxp_image **frames = cli_zero((size_t)count, sizeof *frames);
    for (int32_t i = 0; i < count; i++) {
        frames[i] = dgxp_sheet_frame(sheet, i);
    }
    status = status == DGXP_OK ? dgxp_quality(frames, count, &self->params, &document) : status;
    if (status == DGXP_OK) {
        print_report(self, input->path, dgxp_document_text(document));
    } else {
        self->code = cli_fail_at(input->path, status);
        self->failed++;
    }
    free(frames);
    dgxp_document_free(document);
    dgxp_sheet_free(sheet);
}

static int report_all(reporting *self, cli_inputs *inputs)
{
    for (int i = 0; i < inputs->count && !dgxp_cancel_fired(cli_cancel()); i++) {
        report_input(self, &inputs->items[i]);
    }
    if (self->json) {
        puts(self->printed ? "\n]" : "[]");
    }
    if (dgxp_cancel_fired(cli_cancel())) {
        return CLI_CANCELLED;
    }
    if (self->failed) {
        return inputs->count > 1 ? CLI_SOME_FAILED : self->code;
    }
    return self->strict && self->missed ? CLI_SOME_FAILED : CLI_OK;
}

static int run(int argc, char **argv)
{
    reporting self = {.params = DGXP_QUALITY_PARAMS_INIT};
    const char *name = NULL, *source_path = NULL;
    bool tile = false, background = false, together = false;
    const cli_option options[] = {
        {"colors", 0, CLI_INT, "N", &self.params.colors, "at most so many are wanted", 1, 256,
         NULL},
        {"palette", 'p', CLI_TEXT, "NAME|FILE", &name, "every color must be in it", 0, 0, NULL},
        {"source", 0, CLI_TEXT, "PNG", &source_path, "what it was recovered from", 0, 0, NULL},
        {"tile", 0, CLI_FLAG, NULL, &tile, "seamless tiles: the seam counts, framing does not", 0,
         0, NULL},
        {"background", 0, CLI_FLAG, NULL, &background, "a scene: framing does not count", 0, 0,
         NULL},
        {"frames", 0, CLI_FLAG, NULL, &together, "all files are one animation", 0, 0, NULL},
        {"strict", 0, CLI_FLAG, NULL, &self.strict, "exit with 1 when one does not pass", 0, 0,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &self.json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_report, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words < 1) {
        return cli_usage("report", "name at least one picture");
    }
    dgxp_palette *palette = NULL;
    dgxp_image *source = NULL;
    cli_inputs inputs = {NULL, 0};
    dgxp_status status = name ? dgxp_palette_load(name, &palette) : DGXP_OK;
    status = status == DGXP_OK && source_path ? dgxp_image_load(source_path, &source) : status;
    code = status == DGXP_OK
               ? cli_inputs_collect("report", argv, words,
                                    together ? CLI_GROUP_ALL : CLI_GROUP_NONE, &inputs)
               : cli_fail(status);
    if (code == CLI_OK) {
        self.params.palette = palette;
        self.params.source = source;
        self.params.tile = tile;
        self.params.background = background;
        code = report_all(&self, &inputs);
    }
    cli_inputs_free(&inputs);
    dgxp_palette_free(palette);
    dgxp_image_free(source);
    return code;
}

const cli_command cli_report = {
    .name = "report",
    .summary = "Measure finished sprites: colors, alpha, orphans, mixels, framing, flicker",
    .synopsis = "FILE… [options]",
    .examples = "  dgx-pixels report sprite.png\n"
                "  dgx-pixels report assets/ --strict --json\n"
                "  dgx-pixels report walk.aseprite --palette game.gpl\n"
                "Pictures are measured pixel by pixel: one that was enlarged is a mixel.\n",
    .run = run,
};
