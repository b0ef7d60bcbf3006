/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sentences of the library for this program's users: `force` is a parameter there, --force here. */
#include "cli/cli.h"

#include <jansson.h>
#include <string.h>

/* The parameters that sentences name between backquotes; each is an option of a command. */
static const char *const flags[] = {
    "background", "brp",    "dtype", "force", "lora", "matrix", "model",
    "project",    "resume", "scale", "set",   "undo", "vae",    "text_encoders",
};

/* The length of the parameter that begins after a backquote, 0 when it is none of them. */
static size_t find_flag(const char *at)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const size_t length = strlen(flags[i]);
        if (strncmp(at, flags[i], length) == 0 && at[length] == '`') {
            return length;
        }
    }
    return 0;
}

const char *cli_plain(const char *text)
{
    static _Thread_local char plain[8192]; /* twice what a sentence of the library may have */
    const size_t name =
        strncmp(text, "dgxp_", 5) == 0 ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
    text += name && text[name] == ':' && text[name + 1] == ' ' ? name + 2 : 0;
    size_t size = 0;
    while (*text && size + 3 < sizeof plain) {
        size_t flag = *text == '`' ? find_flag(text + 1) : 0;
        if (flag == 0) {
            plain[size++] = *text++;
            continue;
        }
        plain[size++] = '-';
        plain[size++] = '-';
        for (text++; flag && size + 1 < sizeof plain; flag--, text++) {
            plain[size++] = *text == '_' ? '-' : *text;
        }
        text++;
    }
    plain[size] = '\0';
    return plain;
}

void cli_print_list(const json_t *report, const char *field, const char *kind)
{
    size_t i;
    json_t *sentence;
    json_array_foreach(json_object_get(report, field), i, sentence)
    {
        fprintf(stderr, "dgx-pixels: %s: %s\n", kind, cli_plain(json_string_value(sentence)));
    }
}
