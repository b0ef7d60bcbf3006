/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Several threads on one model: some paint, others describe, list and merge.  TSan reads it (stage asan). */
#include "core/mem.h"
#include "px_stub.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PAINTERS = 2, ROUNDS = 4 };

static dgxp_model *model;
static dgxp_lora *lora;
static atomic_int painting, lines;

static void count_line(dgxp_log_level level, const char *text, void *unused)
{
    (void)level;
    (void)unused;
    lines += *text != '\0';
}

static dgxp_job *make_job(uint64_t seed)
{
    dgxp_job *job = NULL;
    ck_assert_ok(
        dgxp_job_request(model, "{\"kind\":\"character\",\"subject\":\"a knight\"}", NULL, &job));
    ck_assert_ok(dgxp_job_set_seed(job, seed));
    ck_assert_ok(dgxp_job_set_steps(job, 4));
    return job;
}

static void *paint(void *seed)
{
    const uint8_t *first = NULL;
    uint8_t *kept = NULL;
    size_t size = 0;
    for (int round = 0; round < ROUNDS; round++) {
        dgxp_job *job = make_job((uint64_t)(uintptr_t)seed);
        const dgxp_job *jobs[] = {job};
        dgxp_result *result = NULL;
        ck_assert_ok(dgxp_generate(model, jobs, 1, NULL, &result));
        const dgxp_image *image = dgxp_result_image(result, 0);
        first = dgxp_image_pixels(image);
        size = (size_t)dgxp_image_width(image) * (size_t)dgxp_image_height(image) * 4;
        if (!kept) {
            kept = px_mem_alloc(size);
            memcpy(kept, first, size);
        }
        ck_assert_mem_eq(kept, first, size); /* whatever the others do meanwhile */
        dgxp_result_free(result);
        dgxp_job_free(job);
    }
    px_mem_free(kept);
    painting--;
    return NULL;
}

static void *describe(void *unused)
{
    do {
        dgxp_document *told[4] = {NULL};
        dgxp_job *job = make_job(3);
        ck_assert_ok(dgxp_job_describe(job, model, &told[0]));
        ck_assert_ok(dgxp_model_describe(model, &told[1]));
        ck_assert_ok(dgxp_lora_describe(lora, &told[2]));
        ck_assert_ok(dgxp_list_loras(model, &told[3]));
        for (size_t i = 0; i < 4; i++) {
            dgxp_document_free(told[i]);
        }
        dgxp_job_free(job);
    } while (painting > 0);
    return unused;
}

static void *list(void *unused)
{
    do {
        dgxp_document *told[4] = {NULL};
        dgxp_job *job = NULL;
        ck_assert_ok(dgxp_settings(&told[0]));
        ck_assert_ok(dgxp_list_presets(&told[1]));
        ck_assert_ok(dgxp_preset_describe("item", NULL, &told[2]));
        ck_assert_ok(dgxp_list_models(&told[3]));
        for (size_t i = 0; i < 4; i++) {
            dgxp_document_free(told[i]);
        }
        /* Errors are a thread's own. */
        ck_assert_int_ne(
            dgxp_job_request(model, "{\"kind\":\"nothing\",\"subject\":\"x\"}", NULL, &job),
            DGXP_OK);
        ck_assert_ptr_nonnull(strstr(dgxp_last_error(), "nothing"));
    } while (painting > 0);
    return unused;
}

/* A set without effect, so that the painters' pictures stay: weights are merged, and given back. */
static void *merge(void *unused)
{
    do {
        const dgxp_lora_use use = {lora, 0, 0, 0};
        ck_assert_ok(dgxp_model_set_loras(model, &use, 1, 1, NULL));
        ck_assert_ok(dgxp_model_set_loras(model, NULL, 0, 0, NULL));
        usleep(1000);
    } while (painting > 0);
    return unused;
}

START_TEST(threads_share_a_model)
{
    void *(*const others[])(void *) = {describe, describe, list, merge};
    pthread_t threads[PAINTERS + sizeof others / sizeof *others];
    int count = 0;
    dgxp_set_log_callback(count_line, NULL);
    model = px_stub_open();
    ck_assert_ok(dgxp_lora_load("nouns", model, &lora));
    painting = PAINTERS;
    for (uintptr_t i = 0; i < PAINTERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[count++], NULL, paint, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_int_eq(pthread_create(&threads[count++], NULL, others[i], NULL), 0);
    }
    while (count > 0) {
        pthread_join(threads[--count], NULL);
    }
    dgxp_set_log_callback(NULL, NULL);
    dgxp_lora_free(lora);
    dgxp_model_free(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *core = tcase_create("core");
    tcase_add_test(core, threads_share_a_model);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
