/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels lora`: what adapters are, and which are found by name. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static int show_files(char **files, int count, const char *model_path, bool json)
{
    dgxp_model *model = NULL;
    int worst = CLI_OK;
    if (model_path) { /* names may mean the model's own adapters */
        dgxp_model_params params = DGXP_MODEL_PARAMS_INIT;
        params.describe_only = 1;
        const dgxp_status status = dgxp_model_open(model_path, &params, &model);
        if (status != DGXP_OK) {
            return cli_fail(status);
        }
    }
    for (int i = 0; i < count; i++) {
        dgxp_lora *lora = NULL;
        dgxp_document *document = NULL;
        dgxp_status status = dgxp_lora_load(files[i], model, &lora);
        if (status == DGXP_OK) {
            status = dgxp_lora_describe(lora, &document);
        }
        if (status == DGXP_OK) {
            cli_print_document(document, json);
        } else {
            worst = cli_fail(status);
        }
        dgxp_document_free(document);
        dgxp_lora_free(lora);
    }
    dgxp_model_free(model);
    return count > 1 && worst != CLI_OK ? CLI_SOME_FAILED : worst;
}

static int show_list(const char *model_path, bool json)
{
    dgxp_model *model = NULL;
    dgxp_document *document = NULL;
    dgxp_model_params params = DGXP_MODEL_PARAMS_INIT;
    params.describe_only = 1;
    dgxp_status status = model_path ? dgxp_model_open(model_path, &params, &model) : DGXP_OK;
    if (status == DGXP_OK) {
        status = dgxp_list_loras(model, &document);
    }
    if (status == DGXP_OK) {
        cli_print_document(document, json);
    }
    dgxp_document_free(document);
    dgxp_model_free(model);
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

static int run(int argc, char **argv)
{
    bool json = false;
    const char *model = NULL;
    const cli_option options[] = {
        {"model", 'm', CLI_TEXT, "FILE|DIR", &model, "the model whose own loras/ count too", 0, 0,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_lora, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words >= 1 && strcmp(argv[0], "list") == 0) {
        return words > 1 ? cli_usage("lora", "list takes no file") : show_list(model, json);
    }
    if (words >= 1 && strcmp(argv[0], "info") == 0) {
        return words == 1 ? cli_usage("lora", "name a file: dgx-pixels lora info style.safetensors")
                          : show_files(argv + 1, words - 1, model, json);
    }
    return cli_usage("lora", "say what: info FILE or list");
}

const cli_command cli_lora = {
    .name = "lora",
    .summary = "Say what a LoRA is, or list those that are found by name; needs no torch",
    .synopsis = "info FILE|NAME… | list [-m MODEL] [--json]",
    .examples = "  dgx-pixels lora info style.safetensors    # kind, base, rank, trigger words\n"
                "  dgx-pixels lora list\n"
                "Put files into ~/.local/share/dgx-pixels/models/loras; then paint with\n"
                "  dgx-pixels generate \"a knight\" --lora style:0.8\n"
                "or write <lora:style:0.8> into the prompt.\n",
    .run = run,
};
