/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options of the library's settings: what dgxp_settings() lists, gathered into a request. */
#include "cli/cli.h"

#include "cli/inputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static char *option_name(const char *name)
{
    char *copy = cli_format("%s", name);
    for (char *c = copy; *c; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    return copy;
}

/* An option that a command reads by itself has the table's help where it has none of its own. */
static bool is_known(const char *name, const json_t *row, cli_option *options,
                     const char *const *without)
{
    for (cli_option *option = options; option->name; option++) {
        if (strcmp(option->name, name) == 0) {
            option->help = option->help ? option->help : text_of(row, "help");
            return true;
        }
    }
    for (; *without; without++) {
        if (strcmp(*without, name) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *parse_sides(const char *text)
{
    int width, height;
    char rest;
    if (sscanf(text, "%5dx%5d%c", &width, &height, &rest) == 2) {
        return json_pack("[i, i]", width, height);
    }
    return sscanf(text, "%5d%c", &width, &rest) == 1 ? json_pack("[i, i]", width, width) : NULL;
}

static bool has_choice(const json_t *row, const char *text)
{
    size_t i;
    json_t *choice;
    json_array_foreach(json_object_get(row, "choices"), i, choice)
    {
        if (strcmp(text_of(choice, "name"), text) == 0) {
            return true;
        }
    }
    return false;
}

/* " auto euler ddim" */
static void list_choices(const json_t *row, char *to, size_t room)
{
    size_t i, used = 0;
    json_t *choice;
    json_array_foreach(json_object_get(row, "choices"), i, choice)
    {
        used += (size_t)snprintf(to + used, used < room ? room - used : 0, " %s",
                                 text_of(choice, "name"));
    }
}

static void refuse_choice(const char *command, const cli_setting *setting, const char *text)
{
    char names[256] = "";
    list_choices(setting->row, names, sizeof names);
    cli_usage(command, "--%s %s: is none of%s", setting->option, text, names);
}

static bool take(const char *command, const cli_setting *setting, const char *text)
{
    const char *type = text_of(setting->row, "type");
    const double low = json_number_value(json_object_get(setting->row, "low"));
    const double high = json_number_value(json_object_get(setting->row, "high"));
    const bool whole = strcmp(type, "integer") == 0;
    json_t *value = NULL;
    if (whole || strcmp(type, "number") == 0) {
        double number = 0;
        if (dgxp_number_parse(text, &number) != DGXP_OK || number < low || number > high ||
            (whole && number != floor(number))) {
            cli_usage(command, "--%s %s: must be a%s number from %.16g to %.16g", setting->option,
                      text, whole ? " whole" : "", low, high);
            return false;
        }
        value = whole ? json_integer((json_int_t)number) : json_real(number);
    } else if (strcmp(type, "boolean") == 0) {
        value = json_true();
    } else if (strcmp(type, "sides") == 0) {
        value = parse_sides(text);
        if (!value) {
            cli_usage(command, "--%s %s: is not a size; write 32x48, or 32 for a square",
                      setting->option, text);
            return false;
        }
    } else if (strcmp(type, "json") == 0) {
        json_error_t error;
        value = json_loads(text, 0, &error);
        if (!value) {
            cli_usage(command, "--%s: is no JSON: %s", setting->option, error.text);
            return false;
        }
    } else if (strcmp(type, "choice") == 0 && !has_choice(setting->row, text)) {
        refuse_choice(command, setting, text);
        return false;
    } else {
        value = cli_json_text(text);
    }
    json_object_set_new(setting->request, text_of(setting->row, "name"), value);
    return true;
}

static bool can_be_option(const json_t *row)
{
    const json_t *first = json_array_get(json_object_get(row, "in"), 0);
    return json_is_string(first) && strcmp(json_string_value(first), "request") == 0 &&
           strcmp(text_of(row, "name"), "fields") != 0; /* FIELD=VALUE, one by one */
}

/* Lines of about 66 letters, as the help has room for. */
static void wrap(const char *text, char *to, size_t room)
{
    size_t column = 0, used = 0;
    for (; *text && used + 1 < room; text++, column++) {
        const bool breaks = *text == ' ' && column + 1 + strcspn(text + 1, " ") > 66;
        to[used++] = breaks ? '\n' : *text;
        column = breaks ? 0 : column;
    }
    to[used] = '\0';
}

static void fill(cli_setting *setting, cli_option *option)
{
    const json_t *row = setting->row;
    const char *type = text_of(row, "type");
    const bool ranged = json_object_get(row, "low") != NULL;
    setting->argument = strcmp(type, "boolean") == 0  ? NULL
                        : strcmp(type, "sides") == 0  ? cli_format("WxH")
                        : strcmp(type, "number") == 0 ? cli_format("F")
                        : strcmp(type, "json") == 0   ? cli_format("JSON")
                        : strcmp(type, "choice") == 0 ? cli_format("NAME")
                        : ranged                      ? cli_format("N")
                                                      : cli_format("TEXT");
    wrap(text_of(row, "help"), setting->help, sizeof setting->help);
    *option = (cli_option){.name = setting->option,
                           .letter = strcmp(setting->option, "guidance") == 0 ? 'g' : 0,
                           .kind = CLI_SETTING,
                           .choices = ranged || strcmp(type, "choice") ? NULL : setting->option,
                           .argument = setting->argument,
                           .target = setting,
                           .help = setting->help};
}

void cli_settings_append(cli_settings *settings, cli_option *options, int room,
                         const char *const *without, json_t *request)
{
    dgxp_document *document = NULL;
    *settings = (cli_settings){NULL, NULL, 0};
    if (dgxp_settings(&document) != DGXP_OK) {
        return;
    }
    settings->document = json_loads(dgxp_document_text(document), 0, NULL);
    dgxp_document_free(document);
    json_t *list = json_object_get(settings->document, "settings"), *row;
    size_t i;
    int end = 0;
    while (options[end].name) {
        end++;
    }
    settings->items = cli_zero(json_array_size(list) + 1, sizeof *settings->items);
    json_array_foreach(list, i, row)
    {
        char *name = option_name(text_of(row, "name"));
        if (is_known(name, row, options, without) || end + 1 >= room || !can_be_option(row)) {
            free(name);
            continue;
        }
        cli_setting *setting = &settings->items[settings->count++];
        *setting = (cli_setting){.row = row, .request = request, .take = take, .option = name};
        fill(setting, &options[end++]);
        options[end] = (cli_option){.name = NULL};
    }
}

void cli_settings_free(cli_settings *settings)
{
    for (int i = 0; i < settings->count; i++) {
        free(settings->items[i].option);
        free(settings->items[i].argument);
    }
    free(settings->items);
    json_decref(settings->document);
}
