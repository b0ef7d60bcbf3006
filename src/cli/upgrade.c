/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an older state left behind, as doctor tells it and `init --upgrade` mends it. */
#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>

dgxp_status cli_upgrade(const char *path, bool dry_run, json_t *files)
{
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_upgrade(path, dry_run, &document);
    if (status != DGXP_OK) {
        return status;
    }
    json_t *report = json_loads(dgxp_document_text(document), 0, NULL), *file;
    const char *folder = cli_text_of(report, "folder");
    size_t i;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        /* Several folders may be looked at: the place says which. */
        const char *name = cli_text_of(file, "path");
        char *place = *name == '/' ? cli_format("%s", name) : cli_format("%s/%s", folder, name);
        json_object_set_new(file, "path", json_string(place));
        json_array_append(files, file);
        free(place);
    }
    json_decref(report);
    dgxp_document_free(document);
    return DGXP_OK;
}

int cli_print_old(const json_t *files, bool mended)
{
    int left = 0;
    size_t i, k;
    json_t *file, *sentence;
    json_array_foreach(files, i, file)
    {
        const char *action = cli_text_of(file, "action"), *path = cli_text_of(file, "path");
        const char *to = cli_text_of(file, "to");
        const bool by_hand = strcmp(action, "by-hand") == 0;
        json_array_foreach(json_object_get(file, "gone"), k, sentence)
        {
            printf("%s: ", path);
            puts(cli_plain(json_string_value(sentence)));
        }
        if (mended && !by_hand) {
            printf("  %s %s\n",
                   strcmp(action, "move") == 0 ? "moved to" : "mended; as it was:", to);
        }
        left += by_hand;
    }
    return left;
}
