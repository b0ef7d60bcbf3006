/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `--set field=value` options as a request. */
#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

char *cli_request(const char *command, const cli_list *set)
{
    json_t *request = json_object();
    for (int i = 0; i < set->count; i++) {
        const char *sign = strchr(set->items[i], '=');
        if (!sign || sign == set->items[i]) {
            cli_usage(command, "--set %s: is not field=value", set->items[i]);
            json_decref(request);
            return NULL;
        }
        char *name = cli_format("%.*s", (int)(sign - set->items[i]), set->items[i]);
        json_t *value = json_loads(sign + 1, JSON_DECODE_ANY, NULL);
        if (!value) { /* no number, list or quoted text: plain text */
            value = cli_json_text(sign + 1);
        }
        for (char *c = name; *c; c++) {
            *c = *c == '-' ? '_' : *c;
        }
        json_object_set_new(request, name, value);
        free(name);
    }
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    return text;
}
