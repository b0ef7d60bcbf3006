/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels info`: what a file or folder is. */
#include "cli/cli.h"

static int run(int argc, char **argv)
{
    bool json = false;
    const cli_option options[] = {
        {"json", 0, CLI_FLAG, NULL, &json, "print JSON, one document a file", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code, worst = CLI_OK;
    if (!cli_parse(&cli_info, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words == 0) {
        return cli_usage("info", "name a model, a LoRA or a PNG");
    }
    for (int i = 0; i < words; i++) {
        dgxp_document *document = NULL;
        const dgxp_status status = dgxp_inspect(argv[i], &document);
        if (status != DGXP_OK) {
            worst = cli_fail(status);
            continue;
        }
        cli_print_document(document, json);
        dgxp_document_free(document);
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
