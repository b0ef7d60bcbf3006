/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The `dgx-pixels` program: picks the subcommand. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static const cli_command *const commands[] = {
    &cli_generate, &cli_batch,  &cli_run,     &cli_regen,  &cli_fix,      &cli_palette,
    &cli_sheet,    &cli_motion, &cli_recolor, &cli_normal, &cli_tileset,  &cli_build,
    &cli_init,     &cli_deploy, &cli_presets, &cli_report, &cli_models,   &cli_lora,
    &cli_info,     &cli_doctor, &cli_bench,   &cli_trust,  &cli_resident,
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    printf("dgx-pixels %s: words in, finished pixel art out\n\n"
           "usage: dgx-pixels COMMAND …     dgx-pixels COMMAND --help teaches each one\n\n",
           dgxp_version_text());
    for (int i = 0; i < COMMANDS; i++) {
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    printf(
        "\nfirst steps:\n"
        "  dgx-pixels generate character \"medieval knight\" -o knight.png --scale 8\n"
        "  dgx-pixels fix painted.png -o sprite.png\n"
        "  dgx-pixels doctor\n"
        "\na file of others may hold 64 million pixels; DGX_PIXELS_MAX_PIXELS=N raises that\n"
        "\nexit codes: 0 done, 1 some of several failed, 2 wrong usage, 3 not found, 4 bad input\n"
        "file, 5 could not read or write, 6 no backend or device, 7 out of memory, 8 device lost,\n"
        "9 busy, 10 a defect of ours, 130 interrupted\n");
}

static int read_limits(void)
{
    const char *text = getenv("DGX_PIXELS_MAX_PIXELS");
    dgxp_limits limits = DGXP_LIMITS_INIT;
    char *end = NULL;
    if (!text || !*text) {
        return CLI_OK;
    }
    limits.pixels = strtoll(text, &end, 10);
    if (*end || limits.pixels < 1 || dgxp_set_limits(&limits) != DGXP_OK) {
        fprintf(
            stderr,
            "dgx-pixels: DGX_PIXELS_MAX_PIXELS is '%s'; it must be a number from 1 to 268435456\n",
            text);
        return CLI_USAGE;
    }
    return CLI_OK;
}

int main(int argc, char **argv)
{
    cli_escapes_filter();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return argc < 2 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("dgx-pixels %s\n", dgxp_version_text());
        return CLI_OK;
    }
    const int limits = read_limits();
    if (limits != CLI_OK) {
        return limits;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            return commands[i]->run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "dgx-pixels: unknown command '%s'; there are", argv[1]);
    for (int i = 0; i < COMMANDS; i++) {
        fprintf(stderr, " %s", commands[i]->name);
    }
    fputc('\n', stderr);
    return CLI_USAGE;
}
