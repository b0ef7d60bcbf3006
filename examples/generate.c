/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The smallest whole program: a prompt becomes a sprite.
 *
 *     cc generate.c -o generate $(pkg-config --cflags --libs dgxpixels)
 *     ./generate "medieval knight" knight.png
 */
#include <dgxpixels.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static dgxp_cancel *cancel;

static void on_interrupt(int number)
{
    (void)number;
    dgxp_cancel_fire(cancel); /* safe in a signal handler; generate() returns within a step */
}

static int32_t on_progress(const dgxp_progress *progress, void *user_data)
{
    (void)user_data;
    if (progress->phase == DGXP_PHASE_DENOISE) {
        fprintf(stderr, "\rstep %d of %d", progress->step, progress->step_count);
    }
    return 0; /* anything else would stop it */
}

/* Every call returns a status; the sentence behind it is in dgxp_last_error(). */
static void check(dgxp_status status)
{
    if (status != DGXP_OK) {
        fprintf(stderr, "%s: %s\n", dgxp_status_name(status), dgxp_last_error());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: %s PROMPT OUTPUT.png [MODEL]\n", argv[0]);
        return EXIT_FAILURE;
    }
    check(dgxp_cancel_create(&cancel));
    signal(SIGINT, on_interrupt);

    dgxp_model *model = NULL;
    check(dgxp_model_open(argc == 4 ? argv[3] : NULL, NULL, &model)); /* NULL: the starter */

    dgxp_job *job = NULL;
    check(dgxp_job_create(argv[1], &job));
    check(dgxp_job_set_seed(job, 7));

    dgxp_generate_params params = DGXP_GENERATE_PARAMS_INIT;
    params.progress = on_progress;
    params.cancel = cancel;

    dgxp_result *result = NULL;
    const dgxp_job *const jobs[] = {job};
    check(dgxp_generate(model, jobs, 1, &params, &result));

    const dgxp_image *sprite = dgxp_result_image(result, 0);
    check(dgxp_image_save(sprite, argv[2], NULL));
    printf("\n%s: %d x %d\n", argv[2], dgxp_image_width(sprite), dgxp_image_height(sprite));

    dgxp_result_free(result);
    dgxp_job_free(job);
    dgxp_model_free(model);
    dgxp_cancel_free(cancel);
    return EXIT_SUCCESS;
}
