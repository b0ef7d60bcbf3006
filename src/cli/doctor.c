/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels doctor`: what is there, what is missing, what to do. */
#include "cli/cli.h"

#include <stdio.h>

/* The named places, else the project from here upwards, where there is one. */
static int look_for_old(char **paths, int count, json_t *old)
{
    for (int i = 0; i < (count ? count : 1); i++) {
        const dgxp_status status = cli_upgrade(count ? paths[i] : NULL, true, old);
        if (status != DGXP_OK && (count || status != DGXP_ERR_NOT_FOUND)) {
            return cli_fail(status);
        }
    }
    return CLI_OK;
}

static void print_old(json_t *old, bool named)
{
    if (json_array_size(old)) {
        puts("from an earlier state of dgx-pixels:");
        const int left = cli_print_old(old, false);
        if (left < (int)json_array_size(old)) {
            printf("`dgx-pixels init --upgrade%s` mends %s\n", named ? " PATH" : "",
                   left ? "what is not a person's own to decide" : "that");
        }
    }
}

static int run(int argc, char **argv)
{
    bool json = false, verify = false;
    const cli_option options[] = {
        {"verify", 0, CLI_FLAG, NULL, &verify, "read every model file again and compare its hash",
         0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_doctor, options, argc, argv, &words, &code)) {
        return code;
    }
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_doctor(verify, &document);
    code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    if (document) { /* a sick patient is described too */
        json_t *about = json_loads(dgxp_document_text(document), 0, NULL);
        json_t *old = json_incref(json_object_get(about, "old"));
        const int looked = look_for_old(argv, words, old);
        code = code == CLI_OK ? looked : code;
        if (!json) {
            json_object_del(about, "old");
        }
        cli_print_json(about, json);
        if (!json) {
            print_old(old, words > 0);
        }
        json_decref(old);
        json_decref(about);
        dgxp_document_free(document);
    }
    return code;
}

const cli_command cli_doctor = {
    .name = "doctor",
    .summary = "Check the library, the backend, torch, devices, memory, models and old names",
    .synopsis = "[PATH…] [--verify] [--json]",
    .examples =
        "  dgx-pixels doctor\n"
        "  dgx-pixels doctor --verify\n"
        "  dgx-pixels doctor lists/ my-preset.json\n"
        "Old names of settings and old places of files are told of the project here, or of each\n"
        "PATH (a game, a folder of lists, presets or bundles, a file), and of your own presets\n"
        "and models; `dgx-pixels init --upgrade` mends them.\n",
    .run = run,
};
