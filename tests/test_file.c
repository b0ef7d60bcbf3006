/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* core: files, memory, errors, search. */
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/search.h"
#include "px_check.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/dgxp-test-file-XXXXXX";

static char *inside(const char *name)
{
    return px_file_join(folder, name);
}

static int count_entries(const char *path)
{
    int count = 0;
    DIR *list = opendir(path);
    for (struct dirent *entry; (entry = readdir(list));) {
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    }
    closedir(list);
    return count;
}

START_TEST(file_written_is_read_back)
{
    char *path = inside("a.bin");
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(px_file_write(path, "one", 3));
    ck_assert_ok(px_file_write(path, "three", 5));
    ck_assert_ok(px_file_read(path, 5, &bytes, &size));
    ck_assert_uint_eq(size, 5);
    ck_assert_str_eq((char *)bytes, "three");
    px_mem_free(bytes);
    ck_assert_refused(px_file_read(path, 4, &bytes, &size), DGXP_ERR_LIMIT, "the limit is 4");
    px_mem_free(path);
}
END_TEST

START_TEST(file_missing_or_folder_is_named)
{
    uint8_t *bytes;
    size_t size;
    px_map map;
    ck_assert_refused(px_file_read("/nowhere/x.png", 10, &bytes, &size), DGXP_ERR_NOT_FOUND,
                      "/nowhere/x.png");
    ck_assert_refused(px_file_map(folder, false, &map), DGXP_ERR_INVALID_ARGUMENT, "a folder");
    ck_assert_refused(px_file_map("/dev/null", false, &map), DGXP_ERR_INVALID_ARGUMENT, "device");
    ck_assert_refused(px_file_write("/nowhere/x.png", "a", 1), DGXP_ERR_NOT_FOUND, "/nowhere");
}
END_TEST

/* RLIMIT_FSIZE makes the write fail half way, as a full disk does. */
START_TEST(file_failed_write_leaves_the_old_file_alone)
{
    char *path = inside("kept.bin");
    static char large[1 << 16];
    ck_assert_ok(px_file_write(path, "kept", 4));
    const int before = count_entries(folder);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &small);
    ck_assert_status(px_file_write(path, large, sizeof large), DGXP_ERR_IO);
    ck_assert_int_eq(count_entries(folder), before);
    uint8_t *bytes;
    size_t size;
    ck_assert_ok(px_file_read(path, 100, &bytes, &size));
    ck_assert_str_eq((char *)bytes, "kept");
    px_mem_free(bytes);
    px_mem_free(path);
}
END_TEST

START_TEST(file_map_and_copy_hold_the_same)
{
    char *path = inside("map.bin"), *empty = inside("empty.bin");
    px_map map, copy;
    ck_assert_ok(px_file_write(path, "mapped", 6));
    ck_assert_ok(px_file_map(path, false, &map));
    ck_assert_ok(px_file_map(path, true, &copy));
    ck_assert_uint_eq(map.size, 6);
    ck_assert_mem_eq(map.data, copy.data, 6);
    px_file_unmap(&map);
    px_file_unmap(&copy);
    ck_assert_int_eq(map.fd, -1);
    ck_assert_ok(px_file_write(empty, "", 0));
    ck_assert_ok(px_file_map(empty, false, &map));
    ck_assert_ptr_null(map.data);
    px_file_unmap(&map);
    px_mem_free(path);
    px_mem_free(empty);
}
END_TEST

START_TEST(mem_overflow_is_refused)
{
    size_t product;
    ck_assert(!px_mem_multiply(SIZE_MAX, 2, &product));
    ck_assert_ptr_null(px_mem_array(SIZE_MAX / 2, 3));
    ck_assert_ptr_null(px_mem_zero(SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_null(px_mem_textn("", SIZE_MAX));
}
END_TEST

static int calls;

static void *failing_resize(void *block, size_t size, void *user_data)
{
    calls++;
    return *(int *)user_data < calls ? NULL : realloc(block, size);
}

static void plain_free(void *block, void *user_data)
{
    (void)user_data;
    free(block);
}

START_TEST(mem_allocator_is_replaced_and_put_back)
{
    int allowed = 0;
    const dgxp_allocator table = {sizeof table, failing_resize, plain_free, &allowed};
    dgxp_cancel *cancel = NULL;
    dgxp_set_allocator(&table);
    ck_assert_refused(dgxp_cancel_create(&cancel), DGXP_ERR_OUT_OF_MEMORY, "cancel token");
    dgxp_set_allocator(NULL);
    ck_assert_ok(dgxp_cancel_create(&cancel));
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(dgxp_cancel_fired(cancel), 0);
    dgxp_cancel_fire(cancel);
    ck_assert_int_eq(dgxp_cancel_fired(cancel), 1);
    dgxp_cancel_reset(cancel);
    ck_assert_int_eq(dgxp_cancel_fired(cancel), 0);
    dgxp_cancel_free(cancel);
}
END_TEST

START_TEST(search_takes_the_first_folder_that_has_it)
{
    char *first = inside("first"), *second = inside("second");
    char *file = px_file_join(second, "x.json");
    mkdir(first, 0777);
    mkdir(second, 0777);
    char *list = px_mem_format("%s:/nowhere:%s", first, second);
    setenv("DGX_PIXELS_MODELS", list, 1);
    ck_assert_ptr_null(px_search_find(PX_SEARCH_MODELS, "x.json"));
    ck_assert_ok(px_file_write(file, "{}", 2));
    char *found = px_search_find(PX_SEARCH_MODELS, "x.json");
    ck_assert_str_eq(found, file);
    char *described = px_search_describe(PX_SEARCH_MODELS);
    ck_assert_ptr_nonnull(strstr(described, first));
    ck_assert_ptr_null(strstr(described, "/nowhere"));
    px_mem_free(first);
    px_mem_free(second);
    px_mem_free(file);
    px_mem_free(list);
    px_mem_free(found);
    px_mem_free(described);
}
END_TEST

START_TEST(file_slugs_are_readable)
{
    static const char *const cases[][2] = {
        {"Medieval knight, red", "medieval-knight-red"},
        {"  (a) {b}!  ", "a-b"},
        {"\xe9\xa8\x8e\xe5\xa3\xab", "sprite"},
        {"", "sprite"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char slug[DGXP_SLUG_SIZE];
        dgxp_slug(cases[i][0], slug);
        ck_assert_str_eq(slug, cases[i][1]);
    }
}
END_TEST

START_TEST(error_names_cover_every_status)
{
    for (int32_t i = 0; i < dgxp_status_count(); i++) {
        ck_assert_str_ne(dgxp_status_name((dgxp_status)i), "unknown");
        ck_assert_ptr_nonnull(dgxp_status_help((dgxp_status)i));
    }
    ck_assert_str_eq(dgxp_status_name((dgxp_status)999), "unknown");
    ck_assert_int_eq(px_error_set(DGXP_ERR_BUSY, "%s is busy", "it"), DGXP_ERR_BUSY);
    ck_assert_str_eq(dgxp_last_error(), "it is busy");
    px_error_clear();
    ck_assert_str_eq(dgxp_last_error(), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    if (!mkdtemp(folder)) {
        return EXIT_FAILURE;
    }
    tcase_add_test(core, file_written_is_read_back);
    tcase_add_test(core, file_map_and_copy_hold_the_same);
    tcase_add_test(core, mem_allocator_is_replaced_and_put_back);
    tcase_add_test(core, search_takes_the_first_folder_that_has_it);
    tcase_add_test(core, file_slugs_are_readable);
    tcase_add_test(core, error_names_cover_every_status);
    tcase_add_test(limits, mem_overflow_is_refused);
    tcase_add_test(limits, file_failed_write_leaves_the_old_file_alone);
    tcase_add_test(malformed, file_missing_or_folder_is_named);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    const int code = px_check_run(suite);
    char *command = px_mem_format("rm -rf %s", folder);
    const int removed = system(command);
    px_mem_free(command);
    return removed ? EXIT_FAILURE : code;
}
