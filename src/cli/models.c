/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels models`: what --model finds by name. */
#include "cli/cli.h"

static int run(int argc, char **argv)
{
    bool json = false;
    int words, code;
    if (!cli_parse_json(&cli_models, argc, argv, &json, &words, &code)) {
        return code;
    }
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_list_models(&document);
    return cli_show_document(status, document, json);
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
