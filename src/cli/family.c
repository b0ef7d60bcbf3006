/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Subcommands of subcommands, and frames from many files: what palette, sheet and tileset share. */
#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_json_text(const char *text)
{
    json_t *value = json_string(text);
    if (!value) { /* every byte that is not ASCII becomes a question mark */
        char *copy = cli_format("%s", text);
        for (char *c = copy; *c; c++) {
            *c = (unsigned char)*c < 128 ? *c : '?';
        }
        value = json_string(copy);
        free(copy);
    }
    return value;
}

static void print_family(FILE *to, const cli_command *family, const cli_command *const *members)
{
    fprintf(to, "usage: dgx-pixels %s COMMAND …\n\n%s.\n\n", family->name, family->summary);
    for (; *members; members++) {
        fprintf(to, "  %-16s %s\n", (*members)->name, (*members)->summary);
    }
    fprintf(to, "\ndgx-pixels %s COMMAND --help teaches each one\n", family->name);
}

int cli_run_family(const cli_command *family, const cli_command *const *members, int argc,
                   char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_family(argc < 2 ? stderr : stdout, family, members);
        return argc < 2 ? CLI_USAGE : CLI_OK;
    }
    const size_t skip = strlen(family->name) + 1; /* members are called "palette extract" */
    for (int i = 0; members[i]; i++) {
        if (strcmp(members[i]->name + skip, argv[1]) == 0) {
            return members[i]->run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "dgx-pixels %s: unknown command '%s'; there are", family->name, argv[1]);
    for (int i = 0; members[i]; i++) {
        fprintf(stderr, " %s", members[i]->name + skip);
    }
    fputc('\n', stderr);
    return CLI_USAGE;
}

static bool has_slice(const dgxp_sheet *sheet, const char *name)
{
    for (int32_t i = 0; i < dgxp_sheet_slice_count(sheet); i++) {
        dgxp_slice slice = DGXP_SLICE_INIT;
        if (dgxp_sheet_slice(sheet, i, &slice) == DGXP_OK && strcmp(slice.name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A slice lies on all frames, so of several files that have one of a name the first one's counts. */
static dgxp_status add_slices(dgxp_sheet *to, const dgxp_sheet *from)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < dgxp_sheet_slice_count(from) && status == DGXP_OK; i++) {
        dgxp_slice slice = DGXP_SLICE_INIT;
        status = dgxp_sheet_slice(from, i, &slice);
        if (status == DGXP_OK && !has_slice(to, slice.name)) {
            status = dgxp_sheet_add_slice(to, &slice);
        }
    }
    return status;
}

static dgxp_status add_file(dgxp_sheet *to, const char *path, int32_t duration)
{
    dgxp_sheet *from = NULL;
    dgxp_status status = dgxp_sheet_load(path, &from);
    const int32_t count = status == DGXP_OK ? dgxp_sheet_frame_count(from) : 0;
    const int32_t first = dgxp_sheet_frame_count(to);
    const char *base = cli_base(path);
    const char *dot = strrchr(base, '.');
    char name[256];
    snprintf(name, sizeof name, "%.*s", dot && dot != base ? (int)(dot - base) : 255, base);
    json_t *text = json_string(name); /* names of frames are UTF-8, names of files need not be */
    const char *still = text ? name : NULL;
    json_decref(text);
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        const int32_t own = count > 1 ? dgxp_sheet_frame_duration(from, i) : 0;
        status = dgxp_sheet_add_frame(to, dgxp_sheet_frame(from, i),
                                      count == 1 ? still : dgxp_sheet_frame_name(from, i),
                                      duration ? duration : own);
    }
    const int32_t tags = status == DGXP_OK ? dgxp_sheet_tag_count(from) : 0;
    for (int32_t i = 0; i < tags && status == DGXP_OK; i++) {
        dgxp_tag tag = DGXP_TAG_INIT;
        status = dgxp_sheet_tag(from, i, &tag);
        tag.from += first;
        tag.to += first;
        status = status == DGXP_OK ? dgxp_sheet_add_tag(to, &tag) : status;
    }
    status = status == DGXP_OK ? add_slices(to, from) : status;
    dgxp_sheet_free(from);
    return status;
}

dgxp_status cli_add_frames(dgxp_sheet *sheet, const cli_inputs *inputs, int32_t duration)
{
    dgxp_status status = DGXP_OK;
    for (int i = 0; i < inputs->count && status == DGXP_OK; i++) {
        const cli_input *input = &inputs->items[i];
        if (!input->frame_count) {
            status = add_file(sheet, input->path, duration);
        }
        for (int k = 0; k < input->frame_count && status == DGXP_OK; k++) {
            status = add_file(sheet, input->frames[k], duration);
        }
    }
    return status;
}
