/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels trust`: vouch for a TorchScript program. */
#include "cli/cli.h"

static int run(int argc, char **argv)
{
    const cli_option options[] = {{NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL}};
    int words, code;
    if (!cli_parse(&cli_trust, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words == 0) {
        return cli_usage("trust", "name a program (.pt or .pt.gz)");
    }
    for (int i = 0; i < words; i++) {
        dgxp_document *document = NULL;
        const dgxp_status status = dgxp_trust_program(argv[i], &document);
        if (status != DGXP_OK) {
            return cli_fail(status);
        }
        cli_print_document(document, false);
        dgxp_document_free(document);
    }
    return CLI_OK;
}

const cli_command cli_trust = {
    .name = "trust",
    .summary = "Vouch for a model's programs (they are code; weights never need it)",
    .synopsis = "PROGRAM…",
    .examples = "  dgx-pixels trust my-model/programs/*.pt.gz\n"
                "A program can do whatever you can do.  Trust only what you made, or what you got\n"
                "from somebody whose software you would run.  The list is a text file:\n"
                "~/.config/dgx-pixels/trusted-programs\n",
    .run = run,
};
