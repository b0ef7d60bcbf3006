/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* resident: frames, the place where engines are met, and an engine in a thread of this process. */
#include "resident/place.h"
#include "resident/wire.h"

#include "px_folder.h"
#include "px_stub.h"

#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_up(void)
{
    px_folder_make();
    ck_assert_int_eq(chmod(px_folder, 0700), 0);
    setenv("XDG_RUNTIME_DIR", px_folder, 1);
    setenv("XDG_CONFIG_HOME", px_folder, 1);
    px_stub_find();
}

/* ------------------------------------------------------------------------------------------ frames */

START_TEST(wire_gives_back_what_was_put)
{
    px_buffer bytes = {NULL, 0, 0, false};
    const double numbers[2] = {0.5, -2};
    size_t size;
    px_wire_put_i32(&bytes, -7);
    px_wire_put_text(&bytes, "knight");
    px_wire_put_text(&bytes, NULL);
    px_wire_put_bytes(&bytes, numbers, sizeof numbers);
    px_wire_reader from = {bytes.bytes, bytes.bytes + bytes.size, false};
    ck_assert_int_eq(px_wire_get_i32(&from), -7);
    ck_assert_str_eq(px_wire_get_text(&from), "knight");
    ck_assert_ptr_null(px_wire_get_text(&from));
    ck_assert(!from.bad);
    const void *back = px_wire_get_bytes(&from, &size);
    ck_assert_uint_eq(size, sizeof numbers);
    ck_assert_uint_eq((uintptr_t)back % sizeof(double), 0);
    ck_assert_mem_eq(back, numbers, sizeof numbers);
    ck_assert_ptr_eq(from.at, from.end);
    px_mem_free(bytes.bytes);
}
END_TEST

/* Whatever is cut off, the reader says so and stays within. */
START_TEST(wire_knows_a_short_frame)
{
    px_buffer bytes = {NULL, 0, 0, false};
    px_wire_put_i32(&bytes, 1);
    px_wire_put_text(&bytes, "a text of some length");
    for (size_t cut = 0; cut < bytes.size; cut++) {
        uint8_t *copy = px_mem_alloc(cut ? cut : 1);
        memcpy(copy, bytes.bytes, cut);
        px_wire_reader from = {copy, copy + cut, false};
        (void)px_wire_get_i32(&from);
        ck_assert_ptr_null(px_wire_get_text(&from));
        ck_assert(from.bad);
        ck_assert(from.at <= from.end);
        px_mem_free(copy);
    }
    px_mem_free(bytes.bytes);
}
END_TEST

START_TEST(wire_sends_files_along)
{
    int ends[2], fds[PX_WIRE_FDS], count = 0, byte_pipe[2];
    px_wire_head head;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(pipe(byte_pipe), 0);
    ck_assert(px_wire_send(ends[0], PX_WIRE_BIND, NULL, byte_pipe, 2));
    ck_assert_int_eq(px_wire_receive(ends[1], &head, sizeof head, fds, &count), sizeof head);
    ck_assert_uint_eq(head.op, PX_WIRE_BIND);
    ck_assert_uint_eq(head.fds, 2);
    ck_assert_int_eq(count, 2);
    char letter = 'x';
    ck_assert_int_eq(write(fds[1], &letter, 1), 1);
    letter = 0;
    ck_assert_int_eq(read(byte_pipe[0], &letter, 1), 1);
    ck_assert_int_eq(letter, 'x');
}
END_TEST

/* ------------------------------------------------------------------------------------------- place */

START_TEST(place_has_one_engine)
{
    px_place place;
    int first, second;
    char **names;
    int32_t count;
    ck_assert_ok(px_place_find("abc", &place));
    ck_assert_ok(px_place_take(&place, &first));
    ck_assert_refused(px_place_take(&place, &second), DGXP_ERR_BUSY, "runs already");
    ck_assert_ok(px_place_list(&names, &count));
    ck_assert_int_eq(count, 1);
    ck_assert_str_eq(names[0], "abc");
    px_mem_free(names[0]);
    px_mem_free((void *)names);
    close(first); /* as a kill does: the lock is free, its file and the socket stay */
    ck_assert_ok(px_place_list(&names, &count));
    ck_assert_int_eq(count, 0);
    ck_assert(!px_file_exists(place.lock));
    px_mem_free((void *)names);
    px_place_free(&place);
}
END_TEST

START_TEST(place_is_the_users_own)
{
    px_place place;
    const char *folder = px_folder_path("dgx-pixels");
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_int_eq(chmod(folder, 0770), 0);
    ck_assert_refused(px_place_find("abc", &place), DGXP_ERR_UNTRUSTED, "0700");
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_int_eq(symlink("/tmp", folder), 0);
    ck_assert_refused(px_place_find("abc", &place), DGXP_ERR_UNTRUSTED, "somebody else");
}
END_TEST

/* ----------------------------------------------------------------------------------------- engine */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static bool serves;

static void ready(void *user_data)
{
    (void)user_data;
    pthread_mutex_lock(&lock);
    serves = true;
    pthread_cond_signal(&turned);
    pthread_mutex_unlock(&lock);
}

static void *serve(void *status)
{
    *(dgxp_status *)status = dgxp_resident_serve(600, ready, NULL);
    return NULL;
}

static dgxp_image *paint(const char *adapter)
{
    dgxp_model *model = NULL;
    dgxp_lora *lora = NULL;
    dgxp_job *job = NULL;
    dgxp_result *result = NULL;
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_model_open("starter", NULL, &model));
    if (adapter) {
        ck_assert_ok(dgxp_lora_load(adapter, model, &lora));
        const dgxp_lora_use use = {lora, 1, 1, 1};
        ck_assert_ok(dgxp_model_set_loras(model, &use, 1, 1, NULL));
    }
    ck_assert_ok(dgxp_job_create("red potion, item", &job));
    ck_assert_ok(dgxp_job_set(job, "seed", "7"));
    const dgxp_job *const jobs[] = {job};
    ck_assert_ok(dgxp_generate(model, jobs, 1, NULL, &result));
    ck_assert_ok(dgxp_image_copy(dgxp_result_image(result, 0), &image));
    dgxp_result_free(result);
    dgxp_job_free(job);
    dgxp_lora_free(lora);
    dgxp_model_free(model);
    return image;
}

static void expect_same(dgxp_image *a, dgxp_image *b, bool same)
{
    const size_t size = (size_t)dgxp_image_width(a) * (size_t)dgxp_image_height(a) * 4;
    ck_assert_int_eq(memcmp(dgxp_image_pixels(a), dgxp_image_pixels(b), size) == 0, same);
    dgxp_image_free(b);
}

/* Each opening is another program, as far as the engine can tell. */
START_TEST(engine_paints_what_the_process_paints)
{
    pthread_t thread;
    dgxp_status served = DGXP_ERR_INTERNAL;
    dgxp_document *document = NULL;
    int32_t count = 0;
    ck_assert_ok(dgxp_resident_use("off"));
    dgxp_image *plain = paint(NULL), *styled = paint("nouns");
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, &served), 0);
    pthread_mutex_lock(&lock);
    while (!serves) {
        pthread_cond_wait(&turned, &lock);
    }
    pthread_mutex_unlock(&lock);
    ck_assert_ok(dgxp_resident_start("10m")); /* one runs: nothing is started */
    ck_assert_ok(dgxp_resident_use("auto"));
    expect_same(plain, paint(NULL), true);
    expect_same(styled, paint("nouns"), true);
    expect_same(plain, paint(NULL), true); /* nothing of the adapter stayed */
    expect_same(plain, paint("nouns"), false);
    ck_assert_ok(dgxp_resident_status(&document));
    json_t *about = json_loads(dgxp_document_text(document), 0, NULL);
    const json_t *engine = json_array_get(json_object_get(about, "engines"), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(engine, "pictures")), 4);
    ck_assert_uint_eq(json_array_size(json_object_get(engine, "models")), 1);
    json_decref(about);
    dgxp_document_free(document);
    ck_assert_ok(dgxp_resident_stop(&count));
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ok(served);
    expect_same(plain, paint(NULL), true); /* none runs: it is opened here */
    dgxp_image_free(plain);
    dgxp_image_free(styled);
}
END_TEST

START_TEST(engine_words)
{
    static const char *const good[] = {"off", "auto", "10m", "90s", "2h", "15"};
    static const char *const bad[] = {"", "on", "0m", "10x", "10mm", "8760h", "-5m"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_ok(dgxp_resident_use(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_refused(dgxp_resident_use(bad[i]), DGXP_ERR_INVALID_ARGUMENT, "10m");
    }
    ck_assert_ok(dgxp_resident_use(NULL));
    ck_assert_refused(dgxp_resident_start("off"), DGXP_ERR_INVALID_ARGUMENT, "10m");
    ck_assert_status(dgxp_resident_serve(0, NULL, NULL), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_resident_status(NULL), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_resident_stop(NULL), DGXP_ERR_INVALID_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resident");
    TCase *tcase = tcase_create("resident");
    tcase_add_checked_fixture(tcase, set_up, px_folder_drop);
    tcase_add_test(tcase, wire_gives_back_what_was_put);
    tcase_add_test(tcase, wire_knows_a_short_frame);
    tcase_add_test(tcase, wire_sends_files_along);
    tcase_add_test(tcase, place_has_one_engine);
    tcase_add_test(tcase, place_is_the_users_own);
    tcase_add_test(tcase, engine_paints_what_the_process_paints);
    tcase_add_test(tcase, engine_words);
    suite_add_tcase(suite, tcase);
    return px_check_run(suite);
}
