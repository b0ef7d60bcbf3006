/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `dgx-pixels bench`: seconds an image, beside the product's targets. */
#include "cli/cli.h"

#include <stdlib.h>
#include <sys/resource.h>

/* The targets are for a 1024x1024 canvas on the target machine (docs/performance.md). */
static const double target_seconds[2] = {3.0, 5.0};
static const double target_per_minute[2] = {20.0, 30.0};

enum { MAX_BATCH = 64, MAX_RUNS = 1000 };

typedef struct settings {
    const char *model_path, *prompt;
    dgxp_model_params model;
    int32_t runs, batch, steps, canvas[2];
    double guidance;
    bool json;
} settings;

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static dgxp_status paint_once(const settings *s, dgxp_model *model, uint64_t seed, double *seconds)
{
    dgxp_job *jobs[MAX_BATCH] = {NULL};
    dgxp_result *result = NULL;
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < s->batch && status == DGXP_OK; i++) {
        status = dgxp_job_create(s->prompt, &jobs[i]);
        status = status == DGXP_OK ? dgxp_job_set_seed(jobs[i], seed + (uint64_t)i) : status;
        status = status == DGXP_OK ? dgxp_job_set_steps(jobs[i], s->steps) : status;
        status = status == DGXP_OK ? dgxp_job_set_guidance(jobs[i], s->guidance) : status;
        status =
            status == DGXP_OK ? dgxp_job_set_canvas(jobs[i], s->canvas[0], s->canvas[1]) : status;
    }
    if (status == DGXP_OK) {
        dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
        params.cancel = cli_cancel();
        const double began = cli_now();
        status = dgxp_generate(model, (const dgxp_job *const *)jobs, s->batch, &params, &result);
        *seconds = cli_now() - began;
    }
    dgxp_result_free(result);
    for (int32_t i = 0; i < s->batch; i++) {
        dgxp_job_free(jobs[i]);
    }
    return status;
}

static void print_figures(const settings *s, double opening, double first, const double *sorted)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double median = sorted[s->runs / 2] / s->batch;
    const double peak = (double)usage.ru_maxrss / 1024.0;
    if (s->json) {
        json_t *figures = json_pack(
            "{s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:f}", "open_seconds", opening,
            "first_seconds", first, "seconds_per_image", median, "minimum", sorted[0] / s->batch,
            "maximum", sorted[s->runs - 1] / s->batch, "sprites_per_minute", 60.0 / median, "runs",
            s->runs, "batch", s->batch, "peak_host_mib", peak);
        json_dumpf(figures, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(figures);
        return;
    }
    printf("open            %8.3f s\n", opening);
    printf("first batch     %8.3f s\n", first);
    printf("seconds/image   %8.3f s   (min %.3f, max %.3f, %d runs of %d); target %.0f-%.0f s\n",
           median, sorted[0] / s->batch, sorted[s->runs - 1] / s->batch, s->runs, s->batch,
           target_seconds[0], target_seconds[1]);
    printf("sprites/minute  %8.1f     target %.0f-%.0f\n", 60.0 / median, target_per_minute[0],
           target_per_minute[1]);
    printf("peak host memory %7.0f MiB\n", peak);
    printf("The targets are those of a 1024x1024 SDXL canvas on a DGX Spark.\n");
}

static int measure(const settings *s)
{
    static double seconds[MAX_RUNS];
    dgxp_model *model = NULL;
    double first = 0, began = cli_now();
    dgxp_status status = dgxp_model_open(s->model_path, &s->model, &model);
    const double opening = cli_now() - began;
    if (status == DGXP_OK) {
        status = paint_once(s, model, 1, &first);
    }
    for (int32_t i = 0; i < s->runs && status == DGXP_OK; i++) {
        status = paint_once(s, model, 100 + (uint64_t)i, &seconds[i]);
    }
    if (status == DGXP_OK) {
        qsort(seconds, (size_t)s->runs, sizeof *seconds, compare);
        print_figures(s, opening, first, seconds);
    }
    const int code = status == DGXP_OK ? CLI_OK : cli_fail(status);
    dgxp_model_free(model);
    return code;
}

static int run(int argc, char **argv)
{
    settings s = {.model = DGXP_MODEL_PARAMS_INIT,
                  .prompt = "a knight with a red cloak",
                  .runs = 5,
                  .batch = 1,
                  .guidance = -1};
    const cli_option options[] = {
        {"model", 'm', CLI_TEXT, "FILE|DIR", &s.model_path, "default: the starter model", 0, 0,
         NULL},
        {"device", 0, CLI_TEXT, "cpu|cuda[:N]", &s.model.device, "default: cuda when there is one",
         0, 0, NULL},
        {"runs", 'n', CLI_INT, "N", &s.runs, "timed batches after the first (default 5)", 1,
         MAX_RUNS, NULL},
        {"batch", 'b', CLI_INT, "N", &s.batch, "images a batch (default 1)", 1, MAX_BATCH, NULL},
        {"steps", 0, CLI_INT, "N", &s.steps, "default: the model's", 1, 1000, NULL},
        {"guidance", 'g', CLI_NUMBER, "G", &s.guidance, "default: the model's", 0, 100, NULL},
        {"canvas", 0, CLI_SIZE, "WxH", s.canvas, "default: the model's", 0, 0, NULL},
        {"dtype", 0, CLI_CHOICE, "T", &s.model.dtype, "", 0, 0, "dtype"},
        {"threads", 0, CLI_INT, "N", &s.model.threads, "CPU threads (default: all cores)", 1, 1024,
         NULL},
        {"json", 0, CLI_FLAG, NULL, &s.json, "print JSON", 0, 0, NULL},
        {NULL, 0, CLI_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    int words, code;
    if (!cli_parse(&cli_bench, options, argc, argv, &words, &code)) {
        return code;
    }
    if (words > 0) {
        return cli_usage("bench", "unexpected '%s'", argv[0]);
    }
    return measure(&s);
}

const cli_command cli_bench = {
    .name = "bench",
    .summary = "Measure seconds an image and sprites a minute",
    .synopsis = "[--model FILE|DIR] [options]",
    .examples = "  dgx-pixels bench\n"
                "  dgx-pixels bench -m my-sdxl.safetensors --device cuda --batch 4 --steps 20\n",
    .run = run,
};
