/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Command-line options from one table: parsing on getopt_long, checking, and the help text. */
#include "cli/cli.h"

#include "cli/inputs.h"
#include "cli/resident.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int cli_exit_code(dgxp_status status)
{
    switch (status) {
    case DGXP_OK:
        return CLI_OK;
    case DGXP_ERR_INVALID_ARGUMENT:
        return CLI_USAGE;
    case DGXP_ERR_NOT_FOUND:
        return CLI_NOT_FOUND;
    case DGXP_ERR_IO:
        return CLI_IO;
    case DGXP_ERR_BACKEND:
        return CLI_BACKEND;
    case DGXP_ERR_OUT_OF_MEMORY:
        return CLI_MEMORY;
    case DGXP_ERR_DEVICE_LOST:
        return CLI_DEVICE_LOST;
    case DGXP_ERR_BUSY:
        return CLI_BUSY;
    case DGXP_ERR_CANCELLED:
        return CLI_CANCELLED;
    case DGXP_ERR_INTERNAL:
        return CLI_INTERNAL;
    case DGXP_ERR_BAD_FORMAT:
    case DGXP_ERR_UNSUPPORTED:
    case DGXP_ERR_LIMIT:
    case DGXP_ERR_UNTRUSTED:
    case DGXP_ERR_MISMATCH:
        return CLI_BAD_INPUT;
    }
    return CLI_INTERNAL;
}

const char *cli_error(dgxp_status status)
{
    const char *text = cli_plain(dgxp_last_error());
    return *text ? text : dgxp_status_help(status);
}

char *cli_error_at(const char *path, dgxp_status status)
{
    const char *text = cli_error(status);
    return strncmp(text, path, strlen(path)) == 0 ? cli_format("%s", text)
                                                  : cli_format("%s: %s", path, text);
}

int cli_fail(dgxp_status status)
{
    fprintf(stderr, "dgx-pixels: %s\n", cli_error(status));
    return cli_exit_code(status);
}

int cli_fail_at(const char *path, dgxp_status status)
{
    char *text = cli_error_at(path, status);
    fprintf(stderr, "dgx-pixels: %s\n", text);
    free(text);
    return cli_exit_code(status);
}

int cli_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "dgx-pixels %s: ", command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\ntry: dgx-pixels %s --help\n", command);
    return CLI_USAGE;
}

static void print_choices(const char *name)
{
    int32_t count = 0;
    const dgxp_choice *choices = dgxp_choices(name, &count);
    for (int32_t i = 0; i < count; i++) {
        printf("%26s%-16s %s\n", "", choices[i].name, choices[i].help);
    }
}

static void print_option(const cli_option *option)
{
    char left[64];
    snprintf(left, sizeof left, "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
             option->letter ? option->letter : ' ', option->letter ? ", " : "  ", option->name,
             option->argument ? " " : "", option->argument ? option->argument : "");
    const char *separator = strlen(left) > 21 ? "\n                        " : "";
    printf("  %-21s %s", left, separator);
    for (const char *c = option->help; *c; c++) {
        putchar(*c);
        if (*c == '\n') {
            printf("%24s", "");
        }
    }
    putchar('\n');
    if (option->choices) {
        print_choices(option->choices);
    }
}

static void print_help(const cli_command *command, const cli_option *options)
{
    printf("usage: dgx-pixels %s %s\n\n%s.\n\noptions:\n", command->name, command->synopsis,
           command->summary);
    for (const cli_option *option = options; option->name; option++) {
        print_option(option);
    }
    printf("  -h, --help            show this\n");
    if (command->examples) {
        printf("\nexamples:\n%s", command->examples);
    }
}

static bool parse_number(const char *text, double *value)
{
    return dgxp_number_parse(text, value) == DGXP_OK;
}

static bool parse_size(const char *text, int32_t *size)
{
    char rest;
    int width, height;
    if (sscanf(text, "%5dx%5d%c", &width, &height, &rest) != 2) {
        if (sscanf(text, "%5d%c", &width, &rest) != 1) {
            return false;
        }
        height = width;
    }
    size[0] = width;
    size[1] = height;
    return width > 0 && height > 0;
}

static bool parse_choice(const char *command, const cli_option *option, const char *text)
{
    int32_t count = 0;
    const dgxp_choice *choices = dgxp_choices(option->choices, &count);
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(choices[i].name, text) == 0) {
            *(int32_t *)option->target = choices[i].value;
            return true;
        }
    }
    fprintf(stderr, "dgx-pixels %s: --%s %s: is none of", command, option->name, text);
    for (int32_t i = 0; i < count; i++) {
        fprintf(stderr, " %s", choices[i].name);
    }
    fputc('\n', stderr);
    return false;
}

static bool parse_value(const char *command, const cli_option *option, const char *text)
{
    double number = 0;
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)option->target = true;
        return true;
    case CLI_TEXT:
        *(const char **)option->target = text;
        return true;
    case CLI_LIST: {
        cli_list *list = option->target;
        list->items[list->count++] = text; /* the caller's array holds argc entries */
        return true;
    }
    case CLI_CHOICE:
        return parse_choice(command, option, text);
    case CLI_SIZE:
        if (parse_size(text, option->target)) {
            return true;
        }
        cli_usage(command, "--%s %s: is not a size; write 32x48, or 32 for a square", option->name,
                  text);
        return false;
    case CLI_SETTING:
        return ((const cli_setting *)option->target)->take(command, option->target, text);
    case CLI_INT:
    case CLI_SEED:
    case CLI_NUMBER:
        break;
    }
    const bool whole = option->kind != CLI_NUMBER;
    const double minimum = option->kind == CLI_SEED ? 0 : option->minimum;
    const double maximum = option->kind == CLI_SEED ? 9007199254740991.0 : option->maximum;
    if (!parse_number(text, &number) || (whole && number != floor(number)) || number < minimum ||
        number > maximum) {
        cli_usage(command, "--%s %s: must be a%s number from %.16g to %.16g", option->name, text,
                  whole ? " whole" : "", minimum, maximum);
        return false;
    }
    if (option->kind == CLI_INT) {
        *(int32_t *)option->target = (int32_t)number;
    } else if (option->kind == CLI_SEED) {
        *(int64_t *)option->target = (int64_t)number;
    } else {
        *(double *)option->target = number;
    }
    return true;
}

static bool parse(const cli_command *command, const cli_option *options, int argc, char **argv,
                  int *positional, int *code)
{
    struct option longs[CLI_OPTIONS + 2];
    char shorts[2 * CLI_OPTIONS + 4];
    int count = 0, letters = 0;
    shorts[letters++] = ':'; /* a missing argument is our message, not getopt's */
    for (; count < CLI_OPTIONS && options[count].name; count++) {
        const cli_option *option = &options[count];
        longs[count] = (struct option){
            option->name, !option->argument ? no_argument : required_argument, NULL, 256 + count};
        if (option->letter) {
            shorts[letters++] = option->letter;
            if (option->argument) {
                shorts[letters++] = ':';
            }
        }
    }
    longs[count] = (struct option){"help", no_argument, NULL, 'h'};
    longs[count + 1] = (struct option){0};
    shorts[letters++] = 'h';
    shorts[letters] = '\0';

    opterr = 0;
    optind = 1;
    *code = CLI_USAGE;
    for (int found; (found = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
        if (found == 'h') {
            print_help(command, options);
            *code = CLI_OK;
            return false;
        }
        if (found == '?') {
            cli_usage(command->name, "unknown option '%s'", word);
            return false;
        }
        if (found == ':') {
            cli_usage(command->name, "option '%s' needs a value", word);
            return false;
        }
        int index = found - 256;
        for (int i = 0; found < 256 && i < count; i++) {
            if (options[i].letter == found) {
                index = i;
            }
        }
        if (!parse_value(command->name, &options[index], optarg)) {
            return false;
        }
    }
    *positional = argc - optind;
    memmove(argv, argv + optind, (size_t)*positional * sizeof *argv);
    return true;
}

bool cli_parse(const cli_command *command, const cli_option *options, int argc, char **argv,
               int *positional, int *code)
{
    cli_option all[CLI_OPTIONS + 1];
    int count = 0;
    if (!command->paints) {
        return parse(command, options, argc, argv, positional, code);
    }
    while (options[count].name) {
        count++;
    }
    memcpy(all, options, (size_t)(count + 1) * sizeof *all);
    cli_resident_append(all, CLI_OPTIONS + 1);
    if (!parse(command, all, argc, argv, positional, code)) {
        return false;
    }
    *code = CLI_USAGE;
    if (cli_resident_apply() == DGXP_OK) {
        return true;
    }
    cli_usage(command->name, "--%s", cli_plain(dgxp_last_error()));
    return false;
}

bool cli_parse_json(const cli_command *command, int argc, char **argv, bool *json, int *positional,
                    int *code)
{
    const cli_option options[] = {
        {"json", 0, CLI_FLAG, NULL, json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    return cli_parse(command, options, argc, argv, positional, code);
}
