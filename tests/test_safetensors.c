/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: safetensors files, against the format's own reader. */
#include "core/file.h"
#include "core/mem.h"
#include "diffusion/safetensors.h"
#include "px_check.h"

#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/dgxp-test-safetensors-XXXXXX";

static char *inside(const char *name)
{
    return px_file_join(folder, name);
}

/* Without px_file_write()'s fsync, which thousands of cases would wait for. */
static void write_quickly(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* A file with this header text (blanks up to 8 bytes are added) and `data` zero bytes. */
static char *write_made(const char *name, const char *header, size_t data)
{
    const size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    uint8_t *bytes = px_mem_zero(8 + padded + data, 1);
    char *path = inside(name);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)padded >> 8 * i);
    }
    memset(bytes + 8, ' ', padded);
    memcpy(bytes + 8, header, length);
    write_quickly(path, bytes, 8 + padded + data);
    px_mem_free(bytes);
    return path;
}

static dgxp_status status_named(const char *name)
{
    for (int32_t i = 0; i < dgxp_status_count(); i++) {
        if (strcmp(dgxp_status_name((dgxp_status)i), name) == 0) {
            return (dgxp_status)i;
        }
    }
    return DGXP_ERR_INTERNAL;
}

static char *read_cases(void)
{
    const char *source = getenv("DGXP_SOURCE_DIR");
    char *path = px_file_join(source ? source : ".", "tests/safetensors_cases.txt");
    uint8_t *bytes = NULL;
    size_t size;
    ck_assert_ok(px_file_read(path, 1 << 20, &bytes, &size));
    px_mem_free(path);
    return (char *)bytes;
}

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static size_t unhex(const char *text, uint8_t *bytes)
{
    size_t size = 0;
    for (; text[0] && text[1]; text += 2) {
        bytes[size++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
    }
    return size;
}

/* Every tensor lies in the file: reading all of it is what a sanitizer judges. */
static unsigned touch(const px_safetensors *set)
{
    unsigned sum = 0;
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const px_tensor *tensor = px_safetensors_at(set, i);
        ck_assert_ptr_eq(px_safetensors_find(set, tensor->name), tensor);
        for (uint64_t j = 0; j < tensor->size; j++) {
            sum += tensor->data[j];
        }
    }
    return sum;
}

/* The table's verdicts are the reference reader's: `python tests/safetensors_cases.py` printed it.
 */
START_TEST(safetensors_agrees_with_the_reference)
{
    char *cases = read_cases(), *rest = cases;
    uint8_t bytes[4096];
    int ok = 0, refused = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line || *line == '#') {
            continue;
        }
        px_safetensors *set = NULL;
        const char *name = strsep(&line, "\t"), *verdict = strsep(&line, "\t");
        const char *ours = strsep(&line, "\t"), *part = strsep(&line, "\t");
        const bool stricter = strncmp(ours, "stricter ", 9) == 0;
        char *path = inside("case.safetensors");
        write_quickly(path, bytes, unhex(line, bytes));
        const dgxp_status got = px_safetensors_open(path, NULL, &set);
        const dgxp_status wanted = status_named(stricter ? ours + 9 : ours);
        ck_assert_msg(got == wanted, "%s: %s (%s), expected %s", name, dgxp_status_name(got),
                      dgxp_last_error(), ours);
        ck_assert_msg(stricter || (got == DGXP_OK) == (strcmp(verdict, "ok") == 0),
                      "%s: the reference says %s", name, verdict);
        if (got == DGXP_OK) {
            touch(set);
            ok++;
        } else {
            ck_assert_msg(strstr(dgxp_last_error(), part), "%s: '%s' lacks '%s'", name,
                          dgxp_last_error(), part);
            ck_assert_msg(strstr(dgxp_last_error(), "case.safetensors"), "%s: no file", name);
            refused++;
        }
        px_safetensors_free(set);
        px_mem_free(path);
    }
    ck_assert_int_ge(ok, 13);
    ck_assert_int_ge(refused, 45);
    px_mem_free(cases);
}
END_TEST

START_TEST(safetensors_values_are_the_writers)
{
    static const struct {
        const char *name;
        int32_t dtype;
        uint64_t size;
    } expected[] = {
        {"t0", PX_F32, 24},  {"t1", PX_F16, 12}, {"t10", PX_F8_E4M3, 6}, {"t11", PX_F8_E5M2, 6},
        {"t2", PX_BF16, 12}, {"t3", PX_F64, 48}, {"t4", PX_I64, 48},     {"t5", PX_I32, 24},
        {"t6", PX_I16, 12},  {"t7", PX_I8, 6},   {"t8", PX_U8, 6},       {"t9", PX_BOOL, 6},
    };
    char *cases = read_cases(), *path = inside("written.safetensors");
    const char *name = "\nwritten-all-dtypes\tok\tok\t\t", *line = strstr(cases, name);
    uint8_t bytes[4096];
    px_safetensors *set = NULL;
    ck_assert_ptr_nonnull(line);
    char *hex = px_mem_textn(line + strlen(name), strcspn(line + strlen(name), "\n"));
    write_quickly(path, bytes, unhex(hex, bytes));
    for (int copy = 0; copy < 2; copy++) {
        const px_safetensors_options options = {.copy = copy};
        ck_assert_ok(px_safetensors_open(path, &options, &set));
        ck_assert_int_eq(px_safetensors_count(set), 12);
        for (int32_t i = 0; i < 12; i++) {
            const px_tensor *tensor = px_safetensors_at(set, i);
            ck_assert_str_eq(tensor->name, expected[i].name);
            ck_assert_int_eq(tensor->dtype, expected[i].dtype);
            ck_assert_uint_eq(tensor->size, expected[i].size);
            ck_assert_int_eq(tensor->rank, 2);
            ck_assert_int_eq(tensor->shape[0], 2);
            ck_assert_int_eq(tensor->shape[1], 3);
            ck_assert_mem_eq(tensor->data, px_safetensors_map(set, 0)->data + tensor->offset, 6);
        }
        float one;
        memcpy(&one, px_safetensors_find(set, "t0")->data + 20, sizeof one);
        ck_assert(one == 1.0F); /* torch.ones(2, 3) */
        ck_assert_str_eq(px_safetensors_metadata(set, "format"), "pt");
        ck_assert_str_eq(px_safetensors_metadata(set, "snow"), "\xe2\x98\x83");
        ck_assert_ptr_null(px_safetensors_metadata(set, "rain"));
        ck_assert_ptr_null(px_safetensors_find(set, "t12"));
        ck_assert_int_eq(px_safetensors_index(set, "t1"), 1);
        px_safetensors_free(set);
    }
    px_mem_free(hex);
    px_mem_free(path);
    px_mem_free(cases);
}
END_TEST

#define TENSOR(name) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"

static char *write_index(const char *text)
{
    char *path = inside("model.safetensors.index.json");
    write_quickly(path, text, strlen(text));
    return path;
}

START_TEST(safetensors_shards_are_one_set)
{
    px_safetensors *set = NULL;
    px_mem_free(write_made("one.safetensors", "{" TENSOR("a") "}", 8));
    px_mem_free(write_made("two.safetensors", "{" TENSOR("b") "}", 8));
    char *path = write_index("{\"metadata\":{\"total_size\":16},\"weight_map\":"
                             "{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}");
    ck_assert_ok(px_safetensors_open(path, NULL, &set));
    ck_assert_int_eq(px_safetensors_count(set), 2);
    ck_assert_int_eq(px_safetensors_file_count(set), 2);
    const px_tensor *a = px_safetensors_find(set, "a");
    ck_assert_ptr_nonnull(strstr(px_safetensors_file_path(set, a->file), "one.safetensors"));
    touch(set);
    px_safetensors_free(set);
    px_mem_free(path);
}
END_TEST

START_TEST(safetensors_broken_index_is_named)
{
    static const struct {
        const char *text;
        dgxp_status status;
        const char *part;
    } cases[] = {
        {"{}", DGXP_ERR_BAD_FORMAT, "it has no 'weight_map'"},
        {"{\"weight_map\":{}}", DGXP_ERR_BAD_FORMAT, "is empty"},
        {"{\"weight_map\":{\"a\":\"../x.safetensors\"}}", DGXP_ERR_BAD_FORMAT, "without '/'"},
        {"{\"weight_map\":{\"a\":1}}", DGXP_ERR_BAD_FORMAT, "no file name"},
        {"{\"weight_map\":{\"a\":\"gone.safetensors\"}}", DGXP_ERR_NOT_FOUND, "gone.safetensors"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\"}}",
         DGXP_ERR_BAD_FORMAT, "tensor 'b' is not in one.safetensors"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"both.safetensors\"}}",
         DGXP_ERR_BAD_FORMAT, "tensor 'a' is in "},
        {"{\"weight_map\":{\"c\":\"pair.safetensors\"}}", DGXP_ERR_BAD_FORMAT,
         "does not name tensor 'd'"},
        {"{\"weight_map\":", DGXP_ERR_BAD_FORMAT, "index.json:1: not valid JSON"},
    };
    px_safetensors *set = NULL;
    px_mem_free(write_made("one.safetensors", "{" TENSOR("a") "}", 8));
    px_mem_free(write_made("both.safetensors",
                           "{" TENSOR("a") ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
                                           "\"data_offsets\":[8,12]}}",
                           12));
    px_mem_free(write_made("pair.safetensors",
                           "{" TENSOR("c") ",\"d\":{\"dtype\":\"F32\",\"shape\":[1],"
                                           "\"data_offsets\":[8,12]}}",
                           12));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = write_index(cases[i].text);
        ck_assert_refused(px_safetensors_open(path, NULL, &set), cases[i].status, cases[i].part);
        px_mem_free(path);
    }
}
END_TEST

/* `count` scalars of one byte in one file. */
static char *write_many(int count)
{
    char *header = px_mem_alloc((size_t)count * 80 + 8), *end = header;
    *end++ = '{';
    for (int i = 0; i < count; i++) {
        end +=
            sprintf(end, "%s\"block.%d\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[%d,%d]}",
                    i ? "," : "", i, i, i + 1);
    }
    strcpy(end, "}");
    char *path = write_made("many.safetensors", header, (size_t)count);
    px_mem_free(header);
    return path;
}

START_TEST(safetensors_limits)
{
    px_safetensors *set = NULL;
    char *path = write_many(65536);
    ck_assert_ok(px_safetensors_open(path, NULL, &set));
    ck_assert_int_eq(px_safetensors_count(set), 65536);
    px_safetensors_free(set);
    px_mem_free(path);
    path = write_many(65537);
    ck_assert_refused(px_safetensors_open(path, NULL, &set), DGXP_ERR_LIMIT, "more than 65536");
    const px_safetensors_options small = {.header_limit = 1000};
    ck_assert_refused(px_safetensors_open(path, &small, &set), DGXP_ERR_LIMIT, "the limit is 1000");
    px_mem_free(path);
    char name[1025] = "", header[1200];
    memset(name, 'n', 1024);
    snprintf(header, sizeof header,
             "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", name);
    path = write_made("name.safetensors", header, 8);
    ck_assert_ok(px_safetensors_open(path, NULL, &set));
    ck_assert_ptr_nonnull(px_safetensors_find(set, name));
    px_safetensors_free(set);
    px_mem_free(path);
}
END_TEST

/* SDXL has 2,514 tensors: opening must not be felt.  The bound holds under sanitizers too. */
START_TEST(safetensors_opens_in_milliseconds)
{
    struct timespec begun, ended;
    px_safetensors *set = NULL;
    char *path = write_many(2600);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    ck_assert_ok(px_safetensors_open(path, NULL, &set));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    const double seconds =
        (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
    printf("2,600 tensors opened in %.1f ms\n", 1e3 * seconds);
    ck_assert_double_lt(seconds, 0.5);
    px_safetensors_free(set);
    px_mem_free(path);
}
END_TEST

/* Bytes of good headers changed at random: refused, or every tensor still lies in the file. */
START_TEST(safetensors_mutated_headers_never_lead_outside)
{
    const char *header = "{\"__metadata__\":{\"k\":\"v\"}," TENSOR(
        "a") ",\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
             "\"c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[20,28]}}";
    static const char alphabet[] = "0123456789-[]{},:\"aF e.\\\0\xff";
    char *path = write_made("fuzz.safetensors", header, 28);
    uint8_t *good = NULL;
    size_t size;
    uint32_t state = 1;
    int accepted = 0;
    ck_assert_ok(px_file_read(path, 4096, &good, &size));
    for (int i = 0; i < 2000; i++) {
        uint8_t bytes[4096];
        px_safetensors *set = NULL;
        memcpy(bytes, good, size);
        size_t length = size;
        for (uint32_t edits = 1 + i % 3; edits > 0; edits--) {
            state = state * 1664525 + 1013904223;
            /* Half the edits hit digits of the header, where offsets and shapes are. */
            size_t at = (state >> 8) % (size - 28);
            while ((state & 1u << 31) && at > 8 && (bytes[at] < '0' || bytes[at] > '9')) {
                at--;
            }
            bytes[at] = (uint8_t)alphabet[(state >> 3) % (sizeof alphabet - 1)];
        }
        if (i % 50 == 0) {
            length = state % size;
        }
        write_quickly(path, bytes, length);
        if (px_safetensors_open(path, NULL, &set) == DGXP_OK) {
            touch(set);
            accepted++;
        } else {
            ck_assert_ptr_nonnull(strstr(dgxp_last_error(), "fuzz.safetensors"));
            ck_assert_ptr_null(set);
        }
        px_safetensors_free(set);
    }
    printf("2,000 mutated headers: %d accepted\n", accepted);
    ck_assert_int_gt(accepted, 20); /* names and metadata may change; otherwise the loop is blind */
    ck_assert_int_lt(accepted, 1000);
    px_mem_free(good);
    px_mem_free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    if (!mkdtemp(folder)) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(limits, 60);
    tcase_set_timeout(malformed, 120);
    tcase_add_test(core, safetensors_values_are_the_writers);
    tcase_add_test(core, safetensors_shards_are_one_set);
    tcase_add_test(core, safetensors_opens_in_milliseconds);
    tcase_add_test(limits, safetensors_limits);
    tcase_add_test(malformed, safetensors_agrees_with_the_reference);
    tcase_add_test(malformed, safetensors_broken_index_is_named);
    tcase_add_test(malformed, safetensors_mutated_headers_never_lead_outside);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    const int code = px_check_run(suite);
    char *command = px_mem_format("rm -rf %s", folder);
    const int removed = system(command);
    px_mem_free(command);
    return removed ? EXIT_FAILURE : code;
}
