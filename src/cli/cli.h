/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the subcommands of `dgx-pixels` share: options, exit codes, the terminal. */
#ifndef DGXP_CLI_H
#define DGXP_CLI_H

#include "dgxpixels.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdio.h>

/** Exit codes are stable; `dgx-pixels --help` lists them. */
typedef enum cli_exit {
    CLI_OK = 0,
    CLI_SOME_FAILED = 1, /* some of several inputs failed */
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_BAD_INPUT = 4, /* a file that is broken, unsupported, untrusted or of the wrong kind */
    CLI_IO = 5,
    CLI_BACKEND = 6,
    CLI_MEMORY = 7,
    CLI_DEVICE_LOST = 8,
    CLI_BUSY = 9,
    CLI_INTERNAL = 10,
    CLI_CANCELLED = 130
} cli_exit;

/** The exit code for a status. */
int cli_exit_code(dgxp_status status);

/**
 * A sentence of the library for a person at a terminal: without the C function's name, and with
 * flags for the parameters that it names between backquotes.  Borrowed: the thread's next call
 * overwrites it.
 */
const char *cli_plain(const char *text);
/** The library's last sentence, plain; borrowed. */
const char *cli_error(dgxp_status status);
/** The same with the file in front, unless it names it; yours. */
char *cli_error_at(const char *path, dgxp_status status);

/** Print "dgx-pixels: TEXT" with the library's sentence and return the exit code. */
int cli_fail(dgxp_status status);
/** The same, of one file. */
int cli_fail_at(const char *path, dgxp_status status);

/** Print "dgx-pixels COMMAND: …" and a pointer to --help; returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** A command has so many options at most. */
enum { CLI_OPTIONS = 96 };

typedef enum cli_kind {
    CLI_FLAG,   /* bool *                                  */
    CLI_TEXT,   /* const char **                           */
    CLI_INT,    /* int32_t *, within minimum..maximum      */
    CLI_NUMBER, /* double *, within minimum..maximum       */
    CLI_SEED,   /* int64_t *: 0..2^53-1                    */
    CLI_SIZE,   /* int32_t[2]: "32x48" or "32" for a square */
    CLI_CHOICE, /* int32_t *, one of dgxp_choices(choices)  */
    CLI_LIST,   /* cli_list *: may be given several times   */
    CLI_SETTING /* cli_setting *: as dgxp_settings() lists it */
} cli_kind;

typedef struct cli_list {
    const char **items;
    int count;
} cli_list;

/** A setting of the library, and the request that its option goes into. */
typedef struct cli_setting {
    json_t *row, *request;
    /* Put `text` into the request; false, and said, when it is none of the type and range. */
    bool (*take)(const char *command, const struct cli_setting *setting, const char *text);
    char *option, *argument;
    char help[512];
} cli_setting;

typedef struct cli_option {
    const char *name; /* "steps"; long form, without dashes */
    char letter;      /* 'o', or 0 */
    cli_kind kind;
    const char *argument; /* "N", for the help; NULL for a flag */
    void *target;
    const char *help; /* may hold several lines */
    double minimum, maximum;
    const char *choices; /* CLI_CHOICE: the enum's name */
} cli_option;

typedef struct cli_command {
    const char *name;
    const char *summary;  /* one line for `dgx-pixels --help` */
    const char *synopsis; /* "[KIND] \"SUBJECT\" [-o FILE|DIR]" */
    const char *examples; /* lines that teach, each a command */
    int (*run)(int argc, char **argv);
    bool paints; /* it opens a model: it has the options of cli/resident.h */
} cli_command;

/**
 * Parse argv[1..] against a table that ends with a NULL name.  Positional arguments are moved to
 * the front of argv, their count goes to `*positional`.  False means stop: `*code` is the exit code
 * (after --help or after a complaint that names the option, its value and its range).
 */
bool cli_parse(const cli_command *command, const cli_option *options, int argc, char **argv,
               int *positional, int *code);

/**
 * Append an option for each setting that `options` (of room for `room`) has none for yet, but those
 * named in `without`; what they are given goes into `request`.  Free with cli_settings_free().
 */
typedef struct cli_settings {
    json_t *document;
    cli_setting *items;
    int count;
} cli_settings;
void cli_settings_append(cli_settings *settings, cli_option *options, int room,
                         const char *const *without, json_t *request);
void cli_settings_free(cli_settings *settings);
/** The same for a command whose only option is --json. */
bool cli_parse_json(const cli_command *command, int argc, char **argv, bool *json, int *positional,
                    int *code);

/** The token that Ctrl-C fires; the first call installs the handler.  A second Ctrl-C kills. */
dgxp_cancel *cli_cancel(void);

/** A progress bar on stderr when it is a terminal and `quiet` is not set; else silent. */
typedef struct cli_progress {
    bool quiet;
    bool drawn;
    double last_drawn;
    const char *label;
} cli_progress;
int32_t cli_progress_callback(const dgxp_progress *progress, void *cli_progress_pointer);
void cli_progress_clear(cli_progress *progress);

/** Show an image in the terminal: as a picture where that is known to work, else in half blocks. */
void cli_show_image(const dgxp_image *image);
/** The same by kitty's graphics protocol; false where the terminal does not say it has it. */
bool cli_show_kitty(const dgxp_image *image, int columns);
/** The same in sixels; false where the terminal, when asked, does not say that it has them. */
bool cli_show_sixel(const dgxp_image *image, int columns);

/** An adapter as --lora names it: FILE|NAME, FILE:0.8 for all of it, FILE:0.8:0.5 for UNet and
 * text. */
typedef struct cli_lora_wish {
    char name[4096];
    double unet, text;
} cli_lora_wish;
bool cli_parse_lora(const char *text, cli_lora_wish *wish);
/** "style:0.8,light" becomes two. */
void cli_split_loras(cli_list *loras);
/** Set adapters on the model, skipping what does not fit instead of refusing it. */
dgxp_status cli_set_partial_loras(dgxp_model *model, const cli_list *loras);

/**
 * Stand between stdio and the terminal: control characters of whatever is printed (names, prompts,
 * texts of files) come out as \xNN, on stdout and stderr, from here on.
 */
void cli_escapes_filter(void);
/** Let our own escape codes through on stdout, and stop that again. */
void cli_escapes_allow(bool allow);
/** Take back the line of progress on stderr. */
void cli_erase_line(void);

/** Seconds from a steady clock. */
double cli_now(void);

/** A text of an object, borrowed; "" where there is none. */
const char *cli_text_of(const json_t *object, const char *key);
/** Print each sentence of a report's list to stderr: "dgx-pixels: KIND: …". */
void cli_print_list(const json_t *report, const char *field, const char *kind);

/** Print a document: as it is with `json`, else as indented "key: value" lines for people. */
void cli_print_document(const dgxp_document *document, bool json);
/** The same of an object. */
void cli_print_json(json_t *value, bool json);
/** What is old at `path` (dgxp_upgrade()), appended to `files` with whole paths. */
dgxp_status cli_upgrade(const char *path, bool dry_run, json_t *files);
/** A line for each thing that is gone; how many files are left to a person. */
int cli_print_old(const json_t *files, bool mended);
/** Print the document of a call that went well, or say why it did not; frees it, returns an exit
 * code. */
int cli_show_document(dgxp_status status, dgxp_document *document, bool json);

extern const cli_command cli_generate, cli_info, cli_models, cli_trust, cli_bench, cli_doctor;
extern const cli_command cli_batch, cli_regen, cli_run, cli_build, cli_deploy, cli_init, cli_lora;
extern const cli_command cli_presets, cli_resident;
extern const cli_command cli_fix, cli_motion, cli_normal, cli_palette, cli_recolor, cli_report,
    cli_sheet, cli_tileset;

#endif
