/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Prints samplers' tables as JSON lines, for comparison with diffusers
 * (tests/python/test_scheduler.py). Each line of standard input is 20 numbers: prediction betas
 * beta_start beta_end train_steps steps_offset zero_terminal_snr sampler schedule spacing steps
 * guidance cfg_stop eta strength has_init has_mask alpha_to_one final_sigma_min temperature.
 */
#include "diffusion/scheduler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS = 20 };

static void print_number(double value)
{
    if (isfinite(value)) {
        printf("%.17g", value);
    } else {
        printf("%s", isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }
}

static void print_list(const char *name, const double *values, int32_t count)
{
    printf(", \"%s\": [", name);
    for (int32_t i = 0; i < count; i++) {
        printf(i ? ", " : "");
        print_number(values[i]);
    }
    printf("]");
}

static void print_table(const px_schedule *table)
{
    printf("{\"status\": \"ok\", \"first\": %d, \"guided\": %d, \"noisy\": %d", table->first,
           table->guided, table->noisy);
    print_list("start", (const double[]){table->start_known, table->start_noise}, 2);
    print_list("sigmas", table->sigmas, table->count + 1);
    printf(", \"rows\": [");
    for (int32_t i = 0; i < table->count; i++) {
        const px_step *s = &table->steps[i];
        const double values[] = {s->timestep, s->c_in, s->a_x, s->a_m, s->b_x,     s->b_0,
                                 s->b_p,      s->b_n,  s->k_0, s->k_n, s->guidance};
        printf(i ? ", [" : "[");
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            printf(k ? ", " : "");
            print_number(values[k]);
        }
        printf("]");
    }
    printf("]}\n");
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        double f[FIELDS];
        char *at = line;
        for (int32_t i = 0; i < FIELDS; i++) {
            char *end;
            f[i] = strtod(at, &end);
            if (end == at) {
                fprintf(stderr, "a line has %d numbers; %d are needed\n", i, FIELDS);
                free(line);
                return EXIT_FAILURE;
            }
            at = end;
        }
        const px_bundle_settings model = {.prediction = (int32_t)f[0],
                                          .betas = (px_bundle_betas)f[1],
                                          .beta_start = f[2],
                                          .beta_end = f[3],
                                          .train_steps = (int32_t)f[4],
                                          .steps_offset = (int32_t)f[5],
                                          .zero_terminal_snr = f[6] != 0};
        const px_scheduler_params params = {.model = &model,
                                            .set.sampler = (int32_t)f[7],
                                            .set.schedule = (int32_t)f[8],
                                            .set.spacing = (int32_t)f[9],
                                            .set.steps = (int32_t)f[10],
                                            .set.guidance = f[11],
                                            .set.cfg_stop = f[12],
                                            .set.eta = f[13],
                                            .set.strength = f[14],
                                            .has_init = f[15] != 0,
                                            .has_mask = f[16] != 0,
                                            .alpha_to_one = f[17] != 0,
                                            .final_sigma_min = f[18] != 0,
                                            .set.temperature = f[19]};
        px_schedule table;
        const dgxp_status status = px_scheduler_build(&params, &table);
        if (status == DGXP_OK) {
            print_table(&table);
            px_scheduler_free(&table);
        } else {
            printf("{\"status\": \"%s\", \"text\": \"%s\"}\n", dgxp_status_name(status),
                   dgxp_last_error());
        }
    }
    free(line);
    return EXIT_SUCCESS;
}
