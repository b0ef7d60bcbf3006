/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that a subcommand works on: globs, folders, numbered sequences; and where results go. */
#ifndef DGXP_CLI_INPUTS_H
#define DGXP_CLI_INPUTS_H

#include "cli/cli.h"

#include <stddef.h>

/* Memory of the program itself: out of it, it says so and exits with CLI_MEMORY. */
void *cli_zero(size_t count, size_t size);
void *cli_grow(void *table, size_t count, size_t size);
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** One thing to work on: a file, or pictures that belong together as frames. */
typedef struct cli_input {
    char *path;      /* as it was named: the file, the folder, or the first frame */
    char **frames;   /* [frame_count] paths, in order */
    int frame_count; /* 0: `path` alone, which may be an animation itself */
} cli_input;

typedef struct cli_inputs {
    cli_input *items;
    int count;
} cli_inputs;

typedef enum cli_grouping {
    CLI_GROUP_FOLDERS, /* a folder of numbered PNG files that resemble each other is one animation */
    CLI_GROUP_NONE,    /* every file on its own */
    CLI_GROUP_ALL      /* all files are one animation; of a single PNG its numbered sequence */
} cli_grouping;

/**
 * Expand what the user named: files as they are, folders (not what is below them) and, where the
 * shell did not, patterns with * ? [; "-" is standard input, once.  Returns an exit code; complaints
 * are printed.
 */
int cli_inputs_collect(const char *command, char *const *words, int count, cli_grouping grouping,
                       cli_inputs *out);
void cli_inputs_free(cli_inputs *inputs);

bool cli_is_folder(const char *path);
/** The part after the last slash; points into `path`. */
const char *cli_base(const char *path);
/** Whether a text is this word of ASCII, whatever its case. */
bool cli_is_word(const char *text, const char *word);
/** Whether a path ends in this suffix (".png"), whatever its case. */
bool cli_has_suffix(const char *path, const char *suffix);
/** FOLDER/NAME, with NAME's suffix replaced by `suffix` unless that is NULL. */
char *cli_output(const char *folder, const char *name, const char *suffix);
/** Whether a path ends in a suffix that pictures are written under: png, apng, aseprite, ase. */
bool cli_is_picture_name(const char *output);
/** False, and said, where an output is named like a format that is not written ("out.jpg"). */
bool cli_check_picture_name(const char *command, const char *output);
/** The same of a sheet's frames, which may also be a .gif. */
bool cli_check_sheet_name(const char *command, const char *output);
/** Make a folder and those above it; returns an exit code. */
int cli_make_folders(const char *path);
/** Refuse outputs that name one file twice or a source; returns an exit code. */
int cli_check_outputs(const char *command, char *const *outputs, int count,
                      const cli_inputs *inputs);
/** The same of the files that a command reads and writes, NULL where it writes none. */
int cli_check_files(const char *command, char *const *sources, int source_count,
                    const char *const *outputs, int count);

/**
 * Call `work` for 0..count-1 from `threads` threads, with a line of progress on a terminal; fewer
 * calls are made once Ctrl-C was pressed.
 */
void cli_work(int count, int threads, bool quiet, const char *label,
              void (*work)(void *context, int index), void *context);
/** Run the member of a family ("palette extract") that argv[1] names. */
int cli_run_family(const cli_command *family, const cli_command *const *members, int argc,
                   char **argv);

/** Append the frames of every input; a still picture is called by its file's name. */
dgxp_status cli_add_frames(dgxp_sheet *sheet, const cli_inputs *inputs, int32_t duration);

/**
 * `--set` options as a request's JSON, for free(): values that are JSON (8, [32, 48], true) are taken
 * as that, all else is text.  NULL after a complaint.
 */
char *cli_request(const char *command, const cli_list *set);

/** A JSON string; of a path that is not UTF-8 as much as can be told. */
struct json_t *cli_json_text(const char *text);

/** How many CPU cores this process may use. */
int cli_cores(void);

#endif
