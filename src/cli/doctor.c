/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels doctor`: what is there, what is missing, what to do. */
#include "cli/cli.h"

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
    if (document) { /* a sick patient is described too */
        cli_print_document(document, json);
        dgxp_document_free(document);
    }
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

const cli_command cli_doctor = {
    .name = "doctor",
    .summary = "Check the library, the backend, torch, devices, memory and models",
    .synopsis = "[--verify] [--json]",
    .examples = "  dgx-pixels doctor\n"
                "  dgx-pixels doctor --verify\n",
    .run = run,
};
