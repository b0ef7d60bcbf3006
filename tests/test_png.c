/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PNG: PngSuite as Pillow reads it, exact round trips, the smallest indexed form, broken files. */
#include "core/file.h"
#include "core/mem.h"
#include "image/image.h"
#include "image/png.h"
#include "px_mutate.h"

#include <unistd.h>
#include <zlib.h>

static uint32_t random_state = 1;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

/* A picture of exactly `colors` colors; every third one translucent when `alpha` is set. */
static dgxp_image *make_image(int32_t width, int32_t height, uint32_t colors, bool alpha)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(width, height, NULL, &image));
    for (uint32_t i = 0; i < px_image_count(image); i++) {
        const uint32_t color = i < colors ? i : draw(colors);
        uint8_t *p = image->rgba + (size_t)i * 4;
        p[0] = (uint8_t)color;
        p[1] = (uint8_t)(color >> 8);
        p[2] = (uint8_t)(color * 37);
        p[3] = alpha && color % 3 == 0 ? (uint8_t)(color % 5 * 60) : 255;
    }
    return image;
}

START_TEST(pngsuite_decodes_as_pillow_does)
{
    const char *data = px_check_data(), *source = getenv("DGXP_SOURCE_DIR");
    if (!data || !source) {
        printf("SKIPPED pngsuite_decodes_as_pillow_does: DGXP_TEST_DATA or DGXP_SOURCE_DIR is "
               "not set\n");
        return;
    }
    char path[1024], name[64];
    snprintf(path, sizeof path, "%s/tests/pngsuite.txt", source);
    FILE *list = fopen(path, "r"); /* written by tests/pixels/pngsuite_golden.py */
    ck_assert_ptr_nonnull(list);
    int width, height, count = 0;
    unsigned crc;
    while (fscanf(list, "%63s %d %d %x", name, &width, &height, &crc) == 4) {
        dgxp_image *image = NULL;
        snprintf(path, sizeof path, "%s/pngsuite/png/%s", data, name);
        ck_assert_ok(dgxp_image_load(path, &image));
        ck_assert_int_eq(dgxp_image_width(image), width);
        ck_assert_int_eq(dgxp_image_height(image), height);
        ck_assert_msg(crc32(0, image->rgba, (uInt)(px_image_count(image) * 4)) == crc,
                      "%s decodes differently", name);
        dgxp_image_free(image);
        count++;
    }
    fclose(list);
    ck_assert_int_eq(count, 161);
    px_check_evidence(
        "PngSuite: sound files decode exactly as Pillow does (16 bits: the high byte)", count,
        "equal");
}
END_TEST

START_TEST(pngsuite_broken_files_are_refused)
{
    static const char *const names[] = {"xc1n0g08", "xc9n2c08", "xcrn0g04", "xcsn0g01", "xd0n2c08",
                                        "xd3n2c08", "xd9n2c08", "xdtn0g01", "xhdn0g08", "xlfn0g04",
                                        "xs1n0g01", "xs2n0g01", "xs4n0g01", "xs7n0g01"};
    const char *data = px_check_data();
    if (!data) {
        printf("SKIPPED pngsuite_broken_files_are_refused: DGXP_TEST_DATA is not set\n");
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[1024];
        dgxp_image *image = NULL;
        snprintf(path, sizeof path, "%s/pngsuite/png/%s.png", data, names[i]);
        ck_assert_refused(dgxp_image_load(path, &image), DGXP_ERR_BAD_FORMAT, names[i]);
        ck_assert_ptr_null(image);
    }
    px_check_evidence("PngSuite: broken files are refused", sizeof names / sizeof names[0],
                      "all, by name");
}
END_TEST

START_TEST(round_trips_are_exact_and_the_depth_is_the_smallest)
{
    /* PNG 11.2.1: bytes 24 and 25 are bit depth and color type, 3 = indexed, 6 = RGBA */
    static const struct {
        uint32_t colors;
        uint8_t depth, type;
    } cases[] = {{1, 1, 3},  {2, 1, 3},  {3, 2, 3},   {4, 2, 3},  {5, 4, 3},
                 {16, 4, 3}, {17, 8, 3}, {256, 8, 3}, {257, 8, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int alpha = 0; alpha < 2; alpha++) {
            dgxp_image *image = make_image(33, 21, cases[i].colors, alpha), *back = NULL;
            uint8_t *bytes = NULL;
            size_t size = 0;
            ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &size));
            ck_assert_int_eq(bytes[24], cases[i].depth);
            ck_assert_int_eq(bytes[25], cases[i].type);
            ck_assert_ok(dgxp_image_decode(bytes, size, &back));
            ck_assert(px_image_equal(image, back));
            dgxp_bytes_free(bytes);
            dgxp_image_free(image);
            dgxp_image_free(back);
        }
    }
}
END_TEST

START_TEST(scale_repeats_pixels_and_truecolor_is_obeyed)
{
    dgxp_image *image = make_image(5, 4, 7, true), *back = NULL;
    dgxp_png_params params = DGXP_PNG_PARAMS_INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;
    params.scale = 3;
    params.truecolor = 1;
    ck_assert_ok(dgxp_image_encode(image, &params, &bytes, &size));
    ck_assert_int_eq(bytes[25], 6);
    ck_assert_ok(dgxp_image_decode(bytes, size, &back));
    ck_assert_int_eq(back->width, 15);
    ck_assert_int_eq(back->height, 12);
    for (int32_t y = 0; y < 12; y++) {
        for (int32_t x = 0; x < 15; x++) {
            ck_assert_mem_eq(px_image_at(back, x, y), px_image_at(image, x / 3, y / 3), 4);
        }
    }
    dgxp_bytes_free(bytes);
    dgxp_image_free(image);
    dgxp_image_free(back);
}
END_TEST

START_TEST(texts_survive_and_can_be_stripped)
{
    dgxp_image *image = make_image(4, 4, 4, false), *back = NULL;
    dgxp_png_params params = DGXP_PNG_PARAMS_INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(dgxp_image_set_text(image, "parameters", "a fox\nSteps: 8"));
    ck_assert_ok(dgxp_image_set_text(image, "dgx_pixels", "{\"schema\":1}"));
    ck_assert_ok(dgxp_image_set_text(image, "Author", "J\xc3\xb8rn \xe2\x98\x83"));
    ck_assert_ok(dgxp_image_encode(image, &params, &bytes, &size));
    ck_assert_ptr_nonnull(memmem(bytes, size, "tEXtparameters", 14));
    ck_assert_ptr_nonnull(memmem(bytes, size, "iTXtdgx_pixels", 14));
    ck_assert_ptr_nonnull(memmem(bytes, size, "iTXtAuthor", 10));
    ck_assert_ok(dgxp_image_decode(bytes, size, &back));
    ck_assert_int_eq(dgxp_image_text_count(back), 3);
    ck_assert_str_eq(dgxp_image_text(back, "parameters"), "a fox\nSteps: 8");
    ck_assert_str_eq(dgxp_image_text(back, "dgx_pixels"), "{\"schema\":1}");
    ck_assert_str_eq(dgxp_image_text(back, "Author"), "J\xc3\xb8rn \xe2\x98\x83");
    dgxp_bytes_free(bytes);
    dgxp_image_free(back);
    params.strip_text = 1;
    ck_assert_ok(dgxp_image_encode(image, &params, &bytes, &size));
    ck_assert_ok(dgxp_image_decode(bytes, size, &back));
    ck_assert_int_eq(dgxp_image_text_count(back), 0);
    dgxp_bytes_free(bytes);
    dgxp_image_free(back);
    dgxp_image_free(image);
}
END_TEST

START_TEST(files_are_saved_and_loaded)
{
    char path[] = "/tmp/px_png_XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    dgxp_image *image = make_image(9, 9, 40, true), *back = NULL;
    ck_assert_ok(dgxp_image_save(image, path, NULL));
    ck_assert_ok(dgxp_image_load(path, &back));
    ck_assert(px_image_equal(image, back));
    ck_assert_refused(dgxp_image_save(image, "/nowhere/a.JPG", NULL), DGXP_ERR_UNSUPPORTED,
                      "name it .png");
    dgxp_image_free(image);
    dgxp_image_free(back);
    unlink(path);
    back = NULL;
    ck_assert_refused(dgxp_image_load(path, &back), DGXP_ERR_NOT_FOUND, path);
}
END_TEST

static void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static size_t largest_request;

static void *watch_resize(void *block, size_t size, void *user_data)
{
    largest_request = size > largest_request ? size : largest_request;
    return px_host_resize(block, size, user_data);
}

static void watch_free(void *block, void *user_data)
{
    px_host_free(block, user_data);
}

START_TEST(huge_headers_are_refused_before_allocation)
{
    static const struct {
        uint32_t width, height;
        dgxp_status status;
    } cases[] = {{100000, 100000, DGXP_ERR_LIMIT}, {16385, 1, DGXP_ERR_LIMIT},
                 {0xffffffff, 1, DGXP_ERR_LIMIT},  {0, 5, DGXP_ERR_BAD_FORMAT},
                 {16384, 16384, DGXP_ERR_LIMIT},   {8000, 8001, DGXP_ERR_LIMIT},
                 {8000, 8000, DGXP_ERR_BAD_FORMAT}};
    const dgxp_allocator watched = {sizeof watched, watch_resize, watch_free, NULL};
    dgxp_set_allocator(&watched);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        dgxp_image *image = make_image(4, 4, 16, false), *back = NULL;
        ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &size));
        put_u32(bytes + 16, cases[i].width);
        put_u32(bytes + 20, cases[i].height);
        put_u32(bytes + 29, (uint32_t)crc32(0, bytes + 12, 17));
        largest_request = 0;
        ck_assert_status(dgxp_image_decode(bytes, size, &back), cases[i].status);
        ck_assert_uint_eq(largest_request, 0);
        dgxp_bytes_free(bytes);
        dgxp_image_free(image);
    }
    px_host_begin();
}
END_TEST

START_TEST(parameters_are_checked)
{
    dgxp_image *image = make_image(300, 2, 2, false);
    dgxp_png_params params = DGXP_PNG_PARAMS_INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;
    params.scale = 65;
    ck_assert_refused(dgxp_image_encode(image, &params, &bytes, &size), DGXP_ERR_INVALID_ARGUMENT,
                      "scale 65");
    params.scale = 64; /* 19,200 pixels wide */
    ck_assert_refused(dgxp_image_encode(image, &params, &bytes, &size), DGXP_ERR_LIMIT, "19200");
    ck_assert_ptr_null(bytes);
    dgxp_image_free(image);
}
END_TEST

static int32_t allocations_left;

static void *failing_resize(void *block, size_t size, void *user_data)
{
    return allocations_left-- > 0 ? px_host_resize(block, size, user_data) : NULL;
}

START_TEST(every_failing_allocation_is_reported)
{
    uint8_t *bytes = NULL, *again = NULL;
    size_t size = 0;
    dgxp_image *image = make_image(16, 16, 9, true), *back = NULL;
    ck_assert_ok(dgxp_image_set_text(image, "Author", "J\xc3\xb8rn"));
    ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &size));
    const dgxp_allocator failing = {sizeof failing, failing_resize, watch_free, NULL};
    dgxp_set_allocator(&failing);
    int32_t budget = 0;
    for (dgxp_status status = DGXP_ERR_OUT_OF_MEMORY; status; budget++) {
        allocations_left = budget;
        status = dgxp_image_decode(bytes, size, &back);
        ck_assert(status == DGXP_OK || status == DGXP_ERR_OUT_OF_MEMORY);
        ck_assert_int_lt(budget, 200);
    }
    ck_assert_int_gt(budget, 4);
    for (dgxp_status status = DGXP_ERR_OUT_OF_MEMORY, tries = 0; status; tries++) {
        allocations_left = (int32_t)tries;
        size_t other = 0;
        status = dgxp_image_encode(image, NULL, &again, &other);
        ck_assert(status == DGXP_OK || status == DGXP_ERR_OUT_OF_MEMORY);
        ck_assert_int_lt((int)tries, 200);
    }
    px_host_begin();
    dgxp_bytes_free(bytes);
    dgxp_bytes_free(again);
    dgxp_image_free(image);
    dgxp_image_free(back);
}
END_TEST

/* Mutants: bits, bytes, cuts and doubled ranges, checksums mended
 * in half of them so that faults reach behind the CRC. */
START_TEST(mutants_give_typed_errors)
{
    const int count = px_mutate_rounds();
    int refused = 0;
    for (int turn = 0; turn < count; turn++) {
        random_state = (uint32_t)turn * 7919u + 1;
        dgxp_image *image = make_image(1 + (int32_t)draw(40), 1 + (int32_t)draw(40), 1 + draw(300),
                                       draw(2)),
                   *back = NULL;
        uint8_t *bytes = NULL;
        size_t size = 0;
        ck_assert_ok(dgxp_image_set_text(image, "parameters", "a fox"));
        ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &size));
        for (uint32_t i = 0; i <= draw(4); i++) {
            const uint32_t at = draw((uint32_t)size);
            switch (draw(4)) {
            case 0:
                bytes[at] ^= (uint8_t)(1u << draw(8));
                break;
            case 1:
                bytes[at] = (uint8_t)draw(256);
                break;
            case 2:
                size = at + 1;
                break;
            default:
                memmove(bytes + at, bytes + draw(at + 1), size - at < 16 ? size - at : 16);
                break;
            }
        }
        for (size_t at = 8; draw(2) && at + 12 <= size;) {
            const size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                                  (size_t)bytes[at + 2] << 8 | bytes[at + 3];
            if (length > size - at - 12) {
                break;
            }
            put_u32(bytes + at + 8 + length,
                    (uint32_t)crc32(0, bytes + at + 4, (uInt)(length + 4)));
            at += length + 12;
        }
        const dgxp_status status = dgxp_image_decode(bytes, size, &back);
        ck_assert_msg(status == DGXP_OK || status == DGXP_ERR_BAD_FORMAT ||
                          status == DGXP_ERR_LIMIT,
                      "mutant %d: %s (%s)", turn, dgxp_status_name(status), dgxp_last_error());
        ck_assert((status == DGXP_OK) == (back != NULL));
        refused += status != DGXP_OK;
        dgxp_bytes_free(bytes);
        dgxp_image_free(image);
        dgxp_image_free(back);
    }
    ck_assert_int_gt(refused, count / 4);
    px_mutate_report("PNG files", count, refused);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("png");
    TCase *core = tcase_create("core");
    tcase_add_test(core, pngsuite_decodes_as_pillow_does);
    tcase_add_test(core, round_trips_are_exact_and_the_depth_is_the_smallest);
    tcase_add_test(core, scale_repeats_pixels_and_truecolor_is_obeyed);
    tcase_add_test(core, texts_survive_and_can_be_stripped);
    tcase_add_test(core, files_are_saved_and_loaded);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_add_test(limits, huge_headers_are_refused_before_allocation);
    tcase_add_test(limits, parameters_are_checked);
    tcase_add_test(limits, every_failing_allocation_is_reported);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_set_timeout(malformed, 900);
    tcase_add_test(malformed, pngsuite_broken_files_are_refused);
    tcase_add_test(malformed, mutants_give_typed_errors);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
