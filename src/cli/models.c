/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels models`: what --model finds by name. */
#include "cli/cli.h"

static int run(int argc, char **argv)
{
    bool json = false;
    const cli_option options[] = {
        {"json", 0, CLI_FLAG, NULL, &json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_models, options, argc, argv, &words, &code)) {
        return code;
    }
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_list_models(&document);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    cli_print_document(document, json);
    dgxp_document_free(document);
    return CLI_OK;
}

const cli_command cli_models = {
    .name = "models",
    .summary = "List the models that --model finds by name, and the memory each needs",
    .synopsis = "[--json]",
    .examples = "  dgx-pixels models\n"
                "Put checkpoints into ~/.local/share/dgx-pixels/models/checkpoints, or name more\n"
                "folders in DGX_PIXELS_MODELS.\n",
    .run = run,
};
