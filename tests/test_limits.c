/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* limits: one budget of pixels and bytes holds for every reader, before anything is allocated. */
#include "core/limits.h"

#include "image/header.h"
#include "image/image.h"
#include "px_folder.h"

#include <stdlib.h>
#include <zlib.h>

static size_t held, most_held;

/* Counts what is held, so that a refusal can be shown to cost nothing. */
static void *count_resize(void *block, size_t size, void *user_data)
{
    (void)user_data;
    size_t *old = block ? (size_t *)block - 2 : NULL;
    const size_t before = old ? *old : 0;
    size_t *larger = realloc(old, size + 16);
    if (!larger) {
        return NULL;
    }
    *larger = size;
    held += size - before;
    most_held = held > most_held ? held : most_held;
    return larger + 2;
}

static void count_free(void *block, void *user_data)
{
    (void)user_data;
    held -= *((size_t *)block - 2);
    free((size_t *)block - 2);
}

static void watch_memory(void)
{
    const dgxp_allocator counted = {sizeof counted, count_resize, count_free, NULL};
    held = most_held = 0;
    dgxp_set_allocator(&counted);
}

static void set_pixels(int64_t pixels)
{
    dgxp_limits limits = DGXP_LIMITS_INIT;
    limits.pixels = pixels;
    ck_assert_ok(dgxp_set_limits(&limits));
}

static void tear_down(void)
{
    px_host_begin();
    ck_assert_ok(dgxp_set_limits(NULL));
}

/* 8192 x 8192 pixels promised by a few bytes; one pixel is drawn. */
static const uint8_t tiny_gif[] = {0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x00, 0x20, 0x00,
                                   0x20, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
                                   0xff, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01,
                                   0x00, 0x00, 0x02, 0x02, 0x44, 0x01, 0x00, 0x3b};

static dgxp_sheet *make_sheet(int32_t side, int32_t frames)
{
    dgxp_sheet *sheet = NULL;
    ck_assert_ok(dgxp_sheet_create(&sheet));
    for (int32_t i = 0; i < frames; i++) {
        dgxp_image *image = NULL;
        ck_assert_ok(dgxp_image_create(side, side, NULL, &image));
        dgxp_image_pixels_mut(image)[3] = (uint8_t)(255 - i);
        ck_assert_ok(dgxp_sheet_add_frame(sheet, image, NULL, 0));
        dgxp_image_free(image);
    }
    return sheet;
}

START_TEST(limits_hold_in_every_reader)
{
    static const int32_t formats[] = {DGXP_SHEET_APNG, DGXP_SHEET_ASEPRITE, DGXP_SHEET_GIF};
    dgxp_image *image = NULL, *back = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(dgxp_image_create(20, 20, NULL, &image));
    ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &size));
    set_pixels(399);
    ck_assert_refused(dgxp_image_decode(bytes, size, &back), DGXP_ERR_LIMIT,
                      "has 400 pixels in all; one picture or animation may have 399");
    set_pixels(400);
    ck_assert_ok(dgxp_image_decode(bytes, size, &back));
    dgxp_image_free(back);
    dgxp_image_free(image);
    dgxp_bytes_free(bytes);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) { /* frames together */
        dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
        dgxp_sheet *sheet, *again = NULL;
        set_pixels(0);
        sheet = make_sheet(10, 4);
        params.format = formats[i];
        ck_assert_ok(dgxp_sheet_encode(sheet, &params, &bytes, &size));
        dgxp_sheet_free(sheet);
        set_pixels(399);
        ck_assert_refused(dgxp_sheet_decode(bytes, size, &again), DGXP_ERR_LIMIT, "400 pixels");
        set_pixels(400);
        ck_assert_ok(dgxp_sheet_decode(bytes, size, &again));
        dgxp_sheet_free(again);
        dgxp_bytes_free(bytes);
    }
}
END_TEST

START_TEST(limits_cost_nothing_when_they_refuse)
{
    dgxp_sheet *sheet = NULL;
    watch_memory();
    ck_assert_refused(dgxp_sheet_decode(tiny_gif, sizeof tiny_gif, &sheet), DGXP_ERR_LIMIT,
                      "67108864 pixels");
    ck_assert_uint_lt(most_held, 4096);
    ck_assert_uint_eq(held, 0);
}
END_TEST

/* Raised, it is read, and one canvas is made: what is shown is what is kept. */
START_TEST(limits_raised_read_with_one_canvas)
{
    uint8_t smaller[sizeof tiny_gif];
    dgxp_sheet *sheet = NULL;
    memcpy(smaller, tiny_gif, sizeof smaller);
    smaller[7] = smaller[9] = 4; /* 1024 x 1024 */
    watch_memory();
    ck_assert_ok(dgxp_sheet_decode(smaller, sizeof smaller, &sheet));
    ck_assert_uint_lt(most_held, (size_t)1024 * 1024 * 4 + 65536);
    dgxp_sheet_free(sheet);
    ck_assert_uint_eq(held, 0);
}
END_TEST

/* 200 texts of 4 MiB each, a thousand times smaller in the file. */
START_TEST(limits_of_texts_hold_together)
{
    enum { LENGTH = 4 << 20, TEXTS = 200 };
    dgxp_image *image = NULL, *back = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(dgxp_image_create(1, 1, NULL, &image));
    ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &size));
    char *text = calloc(1, LENGTH);
    uLongf packed_size = compressBound(LENGTH);
    uint8_t *packed = malloc(packed_size);
    memset(text, 'x', LENGTH);
    ck_assert_int_eq(compress(packed, &packed_size, (Bytef *)text, LENGTH), Z_OK);
    const size_t each = packed_size + 5;
    uint8_t *whole = malloc(size + TEXTS * (each + 12));
    size_t at = 33;
    memcpy(whole, bytes, at);
    for (int i = 0; i < TEXTS; i++) {
        uint8_t *chunk = whole + at;
        const uint8_t head[] = {(uint8_t)(each >> 24),
                                (uint8_t)(each >> 16),
                                (uint8_t)(each >> 8),
                                (uint8_t)each,
                                'z',
                                'T',
                                'X',
                                't',
                                'k',
                                (uint8_t)('0' + i / 100),
                                (uint8_t)('0' + i / 10 % 10),
                                0,
                                0};
        memcpy(chunk, head, sizeof head);
        memcpy(chunk + sizeof head, packed, packed_size);
        const uint32_t sum = (uint32_t)crc32(0, chunk + 4, (uInt)each + 4);
        memcpy(chunk + 8 + each,
               (uint8_t[4]){(uint8_t)(sum >> 24), (uint8_t)(sum >> 16), (uint8_t)(sum >> 8),
                            (uint8_t)sum},
               4);
        at += each + 12;
    }
    memcpy(whole + at, bytes + 33, size - 33);
    at += size - 33;
    watch_memory();
    const dgxp_status status = dgxp_image_decode(whole, at, &back);
    ck_assert_uint_lt(most_held, (size_t)128 << 20);
    ck_assert(status == DGXP_OK || status == DGXP_ERR_BAD_FORMAT);
    dgxp_image_free(back);
    ck_assert_uint_eq(held, 0);
    px_host_begin();
    free(text);
    free(packed);
    free(whole);
    dgxp_bytes_free(bytes);
    dgxp_image_free(image);
}
END_TEST

START_TEST(limits_are_checked_themselves)
{
    dgxp_limits limits = DGXP_LIMITS_INIT;
    limits.pixels = -1;
    ck_assert_status(dgxp_set_limits(&limits), DGXP_ERR_INVALID_ARGUMENT);
    limits.pixels = ((int64_t)1 << 28) + 1;
    ck_assert_refused(dgxp_set_limits(&limits), DGXP_ERR_INVALID_ARGUMENT, "at most 268435456");
    limits.pixels = 0;
    limits.struct_size = 2;
    ck_assert_refused(dgxp_set_limits(&limits), DGXP_ERR_INVALID_ARGUMENT, "struct_size is 2");
    struct {
        dgxp_limits known;
        uint64_t more;
    } newer = {DGXP_LIMITS_INIT, 0};
    newer.known.struct_size = sizeof newer;
    ck_assert_ok(dgxp_set_limits(&newer.known));
    newer.more = 1;
    ck_assert_status(dgxp_set_limits(&newer.known), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_uint_eq(px_limits_pixels(), DGXP_LIMIT_PIXELS);
    ck_assert_uint_eq(px_limits_bytes(), DGXP_LIMIT_BYTES);
}
END_TEST

/* Headers say the same as the reader of pixels, and need none of the budget. */
START_TEST(limits_let_headers_be_read)
{
    static const char *const names[] = {"a.png", "a.aseprite"};
    px_header header;
    px_folder_make();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        dgxp_sheet *sheet = make_sheet(12, 3);
        dgxp_tag tag = DGXP_TAG_INIT;
        tag.name = "walk";
        tag.to = 2;
        ck_assert_ok(dgxp_sheet_add_tag(sheet, &tag));
        ck_assert_ok(dgxp_sheet_save(sheet, px_folder_path(names[i]), NULL));
        dgxp_sheet_free(sheet);
        set_pixels(1);
        ck_assert_ok(px_header_read(px_folder_path(names[i]), &header));
        ck_assert_int_eq(header.width, 12);
        ck_assert_int_eq(header.height, 12);
        ck_assert_int_eq(header.frames, 3);
        ck_assert_int_eq(header.duration, 300);
        ck_assert_uint_eq(header.tag_count, i);
        ck_assert(!i || strcmp(header.tags[0].name, "walk") == 0);
        px_header_free(&header);
        set_pixels(0);
    }
    ck_assert_ok(px_file_write(px_folder_path("b.gif"), tiny_gif, sizeof tiny_gif));
    ck_assert_ok(px_header_read(px_folder_path("b.gif"), &header));
    ck_assert_int_eq(header.width, 8192);
    ck_assert_int_eq(header.frames, 1);
    px_header_free(&header);
    for (size_t cut = 6; cut < sizeof tiny_gif; cut++) { /* wherever it ends, it is said */
        ck_assert_ok(px_file_write(px_folder_path("b.gif"), tiny_gif, cut));
        ck_assert_status(px_header_read(px_folder_path("b.gif"), &header), DGXP_ERR_BAD_FORMAT);
        px_header_free(&header);
    }
    px_folder_drop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *limits = tcase_create("limits");
    tcase_add_checked_fixture(limits, NULL, tear_down);
    tcase_add_test(limits, limits_hold_in_every_reader);
    tcase_add_test(limits, limits_cost_nothing_when_they_refuse);
    tcase_add_test(limits, limits_raised_read_with_one_canvas);
    tcase_add_test(limits, limits_of_texts_hold_together);
    tcase_add_test(limits, limits_are_checked_themselves);
    tcase_add_test(limits, limits_let_headers_be_read);
    suite_add_tcase(suite, limits);
    return px_check_run(suite);
}
