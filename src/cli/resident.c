/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels resident`: the process that keeps models open. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whoever started it waits for this line; from here on there is only the log. */
static void tell_ready(void *user_data)
{
    (void)user_data;
    printf("ready\n");
    fflush(stdout);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    if (chdir("/") != 0) { /* no folder is held by an engine that nobody sees */
        fprintf(stderr, "dgx-pixels: cannot leave the folder that it was started in\n");
    }
}

static int serve(const char *seconds)
{
    const dgxp_status status =
        dgxp_resident_serve((int32_t)strtol(seconds, NULL, 10), tell_ready, NULL);
    return status == DGXP_OK ? CLI_OK : cli_fail(status);
}

static int start(const char *idle)
{
    dgxp_document *document = NULL;
    dgxp_status status = dgxp_resident_start(idle);
    if (status == DGXP_OK) {
        status = dgxp_resident_status(&document);
    }
    return cli_show_document(status, document, false);
}

static int stop(void)
{
    int32_t count = 0;
    const dgxp_status status = dgxp_resident_stop(&count);
    if (status != DGXP_OK) {
        return cli_fail(status);
    }
    printf(count ? "stopped\n" : "none runs\n");
    return CLI_OK;
}

static int show(bool json)
{
    dgxp_document *document = NULL;
    const dgxp_status status = dgxp_resident_status(&document);
    json_t *about = document ? json_loads(dgxp_document_text(document), 0, NULL) : NULL;
    if (!json && about && json_array_size(json_object_get(about, "engines")) == 0) {
        printf("none runs; --resident 10m of a command that paints starts one, or 'dgx-pixels "
               "resident start'\n");
        dgxp_document_free(document);
        json_decref(about);
        return CLI_OK;
    }
    json_decref(about);
    return cli_show_document(status, document, json);
}

static int run(int argc, char **argv)
{
    bool json = false;
    const char *idle = "10m";
    const cli_option options[] = {
        {"idle", 0, CLI_TEXT, "TIME", (void *)&idle,
         "start: how long it stays without work: 90s, 10m, 2h (10m)", 0, 0, NULL},
        {"json", 0, CLI_FLAG, NULL, &json, "status: print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_resident, options, argc, argv, &words, &code)) {
        return code;
    }
    const char *verb = words > 0 ? argv[0] : "";
    if (words == 2 && strcmp(verb, "serve") == 0) {
        return serve(argv[1]);
    }
    verb = words == 1 ? verb : "";
    if (strcmp(verb, "start") == 0) {
        return start(idle);
    }
    if (strcmp(verb, "status") == 0) {
        return show(json);
    }
    if (strcmp(verb, "stop") == 0) {
        return stop();
    }
    return cli_usage(cli_resident.name, "needs one of start, status, stop");
}

const cli_command cli_resident = {
    .name = "resident",
    .summary = "Keep models open between calls: a process of your own that paints for them",
    .synopsis = "start|status|stop [--idle TIME] [--json]",
    .examples =
        "  dgx-pixels resident start --idle 2h\n"
        "  dgx-pixels generate item \"red potion\" --resident 10m   starts it when needed\n"
        "  dgx-pixels resident status\n"
        "  dgx-pixels resident stop\n"
        "While it runs, generate, batch, build, run and regen use it (--no-resident: not);\n"
        "their pictures are the same, byte for byte. DGX_PIXELS_RESIDENT=10m|auto|off is the\n"
        "wish of every call. It serves you alone, and leaves when memory is short.\n"
        "`serve SECONDS` is the process itself, for a supervisor.\n",
    .run = run,
};
