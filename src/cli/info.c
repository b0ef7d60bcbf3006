/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels info`: what a file or folder is. */
#include "cli/cli.h"

static int run(int argc, char **argv)
{
    bool json = false;
    int words, code, worst = CLI_OK;
    if (!cli_parse_json(&cli_info, argc, argv, &json, &words, &code)) {
        return code;
    }
    if (words == 0) {
        return cli_usage("info", "name a model, a LoRA or a PNG");
    }
    for (int i = 0; i < words; i++) {
        dgxp_document *document = NULL;
        const dgxp_status status = dgxp_inspect(argv[i], &document);
        code = cli_show_document(status, document, json);
        worst = code == CLI_OK ? worst : code;
    }
    return words > 1 && worst != CLI_OK ? CLI_SOME_FAILED : worst;
}

const cli_command cli_info = {
    .name = "info",
    .summary = "Say what a model file, folder, LoRA or PNG is; needs no torch",
    .synopsis = "FILE|FOLDER… [--json]",
    .examples = "  dgx-pixels info my-sdxl.safetensors\n"
                "  dgx-pixels info knight.png --json\n",
    .run = run,
};
