/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* APNG, GIF and numbered pictures.  Comparisons with independent readers and writers are in
 * tests/python/test_sheet_formats.py. */
#include "px_mutate.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Three frames of 6x4 by Pillow 13, (x + y + i) % 4 of transparent, red, green, blue; disposal 2:
 * tests/python/make_gif.py */
static const uint8_t gif[] = {
    0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x06, 0x00, 0x04, 0x00, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0x21, 0xff, 0x0b, 0x4e, 0x45, 0x54, 0x53,
    0x43, 0x41, 0x50, 0x45, 0x32, 0x2e, 0x30, 0x03, 0x01, 0x00, 0x00, 0x00, 0x21, 0xf9, 0x04, 0x09,
    0x07, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x04, 0x00, 0x00, 0x08, 0x11,
    0x00, 0x01, 0x04, 0x10, 0x30, 0x40, 0xe0, 0xc0, 0x82, 0x03, 0x09, 0x0a, 0x24, 0x88, 0x50, 0x61,
    0x40, 0x00, 0x21, 0xf9, 0x04, 0x09, 0x0c, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x06,
    0x00, 0x04, 0x00, 0x81, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0xff,
    0x08, 0x11, 0x00, 0x03, 0x08, 0x18, 0x00, 0x40, 0xe0, 0xc0, 0x82, 0x03, 0x09, 0x0a, 0x24, 0x88,
    0x50, 0x61, 0x40, 0x00, 0x21, 0xf9, 0x04, 0x09, 0x01, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00,
    0x00, 0x06, 0x00, 0x04, 0x00, 0x81, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00,
    0x00, 0xff, 0x08, 0x11, 0x00, 0x05, 0x0c, 0x00, 0x10, 0x40, 0xe0, 0xc0, 0x82, 0x03, 0x09, 0x0a,
    0x24, 0x88, 0x50, 0x61, 0x40, 0x00, 0x3b};

static void encode_apng(const dgxp_sheet *sheet, int32_t scale, uint8_t **bytes, size_t *size)
{
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    params.format = DGXP_SHEET_APNG;
    params.scale = scale;
    ck_assert_ok(dgxp_sheet_encode(sheet, &params, bytes, size));
}

static uint8_t *find_chunk(uint8_t *bytes, size_t size, const char *type, int nth)
{
    for (size_t at = 8; at + 12 <= size;) {
        const size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                              (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (memcmp(bytes + at + 4, type, 4) == 0 && nth-- == 0) {
            return bytes + at;
        }
        at += length + 12;
    }
    ck_abort_msg("no %s chunk", type);
    return NULL;
}

static void put_sum(uint8_t *chunk)
{
    const size_t length = (size_t)chunk[2] << 8 | chunk[3];
    const uint32_t sum = (uint32_t)crc32(0, chunk + 4, (uInt)(length + 4));
    for (int i = 0; i < 4; i++) {
        chunk[8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
    }
}

/* ---------------------------------------------------------------------------------------- core */

/* `shades` blues from `from` on, the first of a frame clear. */
static dgxp_image *draw_shades(int32_t from, int32_t shades)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(shades + 1, 2, NULL, &image));
    for (int32_t i = 0; i < shades * 2 + 2; i++) {
        const int32_t shade = from + i % (shades + 1) - 1;
        const uint8_t rgba[4] = {(uint8_t)(shade >> 8), 7, (uint8_t)shade, 255};
        if (i % (shades + 1)) {
            memcpy(dgxp_image_pixels_mut(image) + (size_t)i * 4, rgba, 4);
        }
    }
    return image;
}

/* With one palette of all frames, and with one a frame. */
START_TEST(animation_gif_round_trips)
{
    for (int32_t shades = 3; shades <= 255; shades += 252) {
        dgxp_sheet *sheet = NULL, *read = NULL;
        dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
        uint8_t *bytes = NULL;
        size_t size = 0;
        ck_assert_ok(dgxp_sheet_create(&sheet));
        for (int32_t i = 0; i < 3; i++) {
            dgxp_image *image = draw_shades(i * 200, shades);
            ck_assert_ok(dgxp_sheet_add_frame(sheet, image, NULL, i ? 25 : 110));
            dgxp_image_free(image);
        }
        params.format = DGXP_SHEET_GIF;
        params.scale = 2;
        ck_assert_ok(dgxp_sheet_encode(sheet, &params, &bytes, &size));
        ck_assert_ok(dgxp_sheet_decode(bytes, size, &read));
        ck_assert_int_eq(dgxp_sheet_frame_count(read), 3);
        for (int32_t i = 0; i < 3; i++) {
            const dgxp_image *a = dgxp_sheet_frame(sheet, i), *b = dgxp_sheet_frame(read, i);
            static const int32_t durations[] = {110, 30, 20}; /* 25 each: rounding is given back */
            ck_assert_int_eq(dgxp_sheet_frame_duration(read, i), durations[i]);
            ck_assert_int_eq(dgxp_image_width(b), 2 * (shades + 1));
            for (int32_t x = 0; x <= shades; x++) {
                const uint8_t *p = dgxp_image_pixels(a) + (size_t)x * 4;
                const uint8_t *q = dgxp_image_pixels(b) + (size_t)x * 8;
                ck_assert_int_eq(p[3], q[3]);
                ck_assert(!p[3] || memcmp(p, q, 4) == 0);
            }
        }
        dgxp_bytes_free(bytes);
        dgxp_sheet_free(read);
        dgxp_sheet_free(sheet);
    }
}
END_TEST

START_TEST(animation_gif_refuses_what_it_cannot_hold)
{
    dgxp_sheet *sheet = NULL;
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_image *image = draw_shades(0, 256);
    ck_assert_ok(dgxp_sheet_create(&sheet));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, image, NULL, 0));
    params.format = DGXP_SHEET_GIF;
    ck_assert_refused(dgxp_sheet_encode(sheet, &params, &bytes, &size), DGXP_ERR_UNSUPPORTED,
                      "frame 0 has over 255 colors");
    params.scale = 65;
    ck_assert_refused(dgxp_sheet_encode(sheet, &params, &bytes, &size), DGXP_ERR_INVALID_ARGUMENT,
                      "1 to 64");
    params.scale = 1;
    params.plays = 65536;
    ck_assert_refused(dgxp_sheet_encode(sheet, &params, &bytes, &size), DGXP_ERR_INVALID_ARGUMENT,
                      "65535");
    ck_assert_ptr_null(bytes);
    dgxp_image_free(image);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(animation_apng_round_trips)
{
    dgxp_sheet *sheet = px_make_sheet(), *again = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    encode_apng(sheet, 0, &bytes, &size);
    ck_assert_ok(dgxp_sheet_decode(bytes, size, &again));
    px_expect_frames(again, sheet);
    dgxp_sheet_free(again);
    dgxp_bytes_free(bytes);
    encode_apng(sheet, 3, &bytes, &size);
    ck_assert_ok(dgxp_sheet_decode(bytes, size, &again));
    ck_assert_int_eq(dgxp_image_width(dgxp_sheet_frame(again, 3)), 48);
    dgxp_sheet_free(again);
    dgxp_sheet_free(sheet);
    dgxp_bytes_free(bytes);
}
END_TEST

START_TEST(animation_apng_keeps_texts_and_its_first_frame_is_a_png)
{
    dgxp_sheet *sheet = NULL, *again = NULL;
    dgxp_image *ball = px_make_ball(9, 9, 0), *still = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(dgxp_image_set_text(ball, "parameters", "a ball"));
    ck_assert_ok(dgxp_sheet_create(&sheet));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, ball, NULL, 0));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, ball, NULL, 0));
    encode_apng(sheet, 0, &bytes, &size);
    ck_assert_ok(dgxp_image_decode(bytes, size, &still)); /* libpng alone, without the animation */
    ck_assert_mem_eq(dgxp_image_pixels(still), dgxp_image_pixels(ball), 9 * 9 * 4);
    ck_assert_ok(dgxp_sheet_decode(bytes, size, &again));
    ck_assert_str_eq(dgxp_image_text(dgxp_sheet_frame(again, 0), "parameters"), "a ball");
    ck_assert_int_eq(dgxp_sheet_frame_duration(again, 1), 100);
    dgxp_image_free(still);
    dgxp_image_free(ball);
    dgxp_sheet_free(sheet);
    dgxp_sheet_free(again);
    dgxp_bytes_free(bytes);
}
END_TEST

START_TEST(animation_gif_shows_what_pillow_wrote)
{
    static const uint8_t colors[4][4] = {
        {0, 0, 0, 0}, {255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}};
    static const int32_t durations[] = {70, 120, 100}; /* 10 ms plays as 100 */
    dgxp_sheet *sheet = NULL;
    ck_assert_ok(dgxp_sheet_decode(gif, sizeof gif, &sheet));
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), 3);
    for (int i = 0; i < 3; i++) {
        const uint8_t *rgba = dgxp_image_pixels(dgxp_sheet_frame(sheet, i));
        for (int at = 0; at < 24; at++) {
            ck_assert_mem_eq(rgba + at * 4, colors[(at % 6 + at / 6 + i) % 4], 4);
        }
        ck_assert_int_eq(dgxp_sheet_frame_duration(sheet, i), durations[i]);
    }
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(animation_sequence_goes_by_number)
{
    static const char *const names[] = {"walk_2.png", "walk_10.png", "walk_1.png", "other_1.png"};
    char folder[64], path[96];
    dgxp_sheet *sheet = NULL;
    snprintf(folder, sizeof folder, "test_sequence_%ld", (long)getpid());
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    for (int i = 0; i < 4; i++) {
        dgxp_image *image = px_make_ball(9 + i, 9, 0);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        ck_assert_ok(dgxp_image_save(image, path, NULL));
        dgxp_image_free(image);
    }
    snprintf(path, sizeof path, "%s/walk_10.png", folder);
    ck_assert_ok(dgxp_sheet_load_sequence(path, 40, &sheet));
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), 3);
    ck_assert_str_eq(dgxp_sheet_frame_name(sheet, 0), "walk_1");
    ck_assert_str_eq(dgxp_sheet_frame_name(sheet, 1), "walk_2");
    ck_assert_str_eq(dgxp_sheet_frame_name(sheet, 2), "walk_10");
    ck_assert_int_eq(dgxp_sheet_frame_duration(sheet, 2), 40);
    dgxp_sheet_free(sheet);
    ck_assert_ok(dgxp_sheet_load_sequence(folder, 0, &sheet));
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), 4);
    ck_assert_str_eq(dgxp_sheet_frame_name(sheet, 0), "other_1");
    dgxp_sheet_free(sheet);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    ck_assert_status(dgxp_sheet_load_sequence(folder, 0, &sheet), DGXP_ERR_NOT_FOUND);
    rmdir(folder);
    ck_assert_status(dgxp_sheet_load_sequence(folder, 0, &sheet), DGXP_ERR_INVALID_ARGUMENT);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(animation_checks_sizes_before_it_allocates)
{
    uint8_t broken[sizeof gif];
    dgxp_sheet *sheet = px_make_sheet(), *again = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    memcpy(broken, gif, sizeof gif);
    memset(broken + 6, 0xFF, 4);
    ck_assert_refused(dgxp_sheet_decode(broken, sizeof gif, &again), DGXP_ERR_LIMIT, "65535x65535");
    memcpy(broken + 6, (uint8_t[4]){0, 0x40, 0, 0x40}, 4);
    ck_assert_refused(dgxp_sheet_decode(broken, sizeof gif, &again), DGXP_ERR_LIMIT,
                      "has 268435456 pixels in all");

    encode_apng(sheet, 0, &bytes, &size);
    uint8_t *control = find_chunk(bytes, size, "acTL", 0);
    memcpy(control + 8, (uint8_t[4]){0x7F, 0xFF, 0xFF, 0xFF}, 4);
    put_sum(control);
    ck_assert_refused(dgxp_sheet_decode(bytes, size, &again), DGXP_ERR_LIMIT, "2147483647 frames");
    uint8_t *header = find_chunk(bytes, size, "IHDR", 0);
    memcpy(header + 8, (uint8_t[8]){0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0}, 8);
    ck_assert_refused(dgxp_sheet_decode(bytes, size, &again), DGXP_ERR_LIMIT, "100000x100000");
    dgxp_bytes_free(bytes);
    dgxp_sheet_free(sheet);
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(animation_apng_refuses_broken_chunks_with_a_reason)
{
    static const struct {
        const char *chunk;
        int nth, at;
        uint8_t value;
        int sum;
        const char *part;
    } cases[] = {
        {"acTL", 0, 11, 9, 0, "checksum of a acTL"}, {"acTL", 0, 11, 9, 1, "promises 9 frames, 4"},
        {"acTL", 0, 11, 0, 1, "no frame"},           {"fcTL", 1, 11, 7, 1, "number 1"},
        {"fcTL", 1, 15, 200, 1, "is 200x12"},        {"fcTL", 1, 23, 1, 1, "at 1,0"},
        {"fcTL", 2, 32, 3, 1, "dispose 3"},          {"fcTL", 2, 33, 2, 1, "blend 2"},
        {"fdAT", 0, 11, 9, 1, "number 2"},           {"fdAT", 1, 14, 0, 0, "checksum of a fdAT"},
        {"fdAT", 0, 20, 0xAA, 1, "not a sound PNG"},
    };
    dgxp_sheet *sheet = px_make_sheet();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        dgxp_sheet *again = NULL;
        encode_apng(sheet, 0, &bytes, &size);
        uint8_t *chunk = find_chunk(bytes, size, cases[i].chunk, cases[i].nth);
        chunk[cases[i].at] = cases[i].value;
        if (cases[i].sum) {
            put_sum(chunk);
        }
        ck_assert_refused(dgxp_sheet_decode(bytes, size, &again), DGXP_ERR_BAD_FORMAT,
                          cases[i].part);
        dgxp_bytes_free(bytes);
    }
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(animation_mutations_end_in_a_typed_status)
{
    dgxp_sheet *sheet = px_make_sheet();
    uint8_t *bytes = NULL;
    size_t size = 0;
    int refused = px_mutate_sheets(gif, sizeof gif);
    encode_apng(sheet, 0, &bytes, &size);
    refused += px_mutate_sheets(bytes, size);
    /* Checksums stop nearly all of those, so here the animation's own chunks are changed soundly.
     */
    uint64_t state = 1;
    for (int round = 0; round < px_mutate_rounds(); round++) {
        uint8_t *copy = malloc(size);
        dgxp_sheet *again = NULL;
        memcpy(copy, bytes, size);
        for (int i = (int)(px_mutate_random(&state) % 3); i >= 0; i--) {
            const uint64_t pick = px_mutate_random(&state) % 6;
            uint8_t *chunk = find_chunk(copy, size,
                                        pick < 1   ? "acTL"
                                        : pick < 4 ? "fcTL"
                                                   : "fdAT",
                                        pick < 1 ? 0 : (int)(px_mutate_random(&state) % 3));
            const size_t length = (size_t)chunk[2] << 8 | chunk[3];
            chunk[8 + px_mutate_random(&state) % length] = (uint8_t)px_mutate_random(&state);
            put_sum(chunk);
        }
        const dgxp_status status = dgxp_sheet_decode(copy, size, &again);
        ck_assert_msg(status == DGXP_OK || status == DGXP_ERR_BAD_FORMAT ||
                          status == DGXP_ERR_LIMIT,
                      "%s (%s)", dgxp_status_name(status), dgxp_last_error());
        refused += status != DGXP_OK;
        dgxp_sheet_free(again);
        free(copy);
    }
    px_mutate_report("GIF and APNG files", 3 * px_mutate_rounds(), refused);
    dgxp_bytes_free(bytes);
    dgxp_sheet_free(sheet);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("animation");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, animation_apng_round_trips);
    tcase_add_test(core, animation_gif_round_trips);
    tcase_add_test(core, animation_gif_refuses_what_it_cannot_hold);
    tcase_add_test(core, animation_apng_keeps_texts_and_its_first_frame_is_a_png);
    tcase_add_test(core, animation_gif_shows_what_pillow_wrote);
    tcase_add_test(core, animation_sequence_goes_by_number);
    tcase_add_test(limits, animation_checks_sizes_before_it_allocates);
    tcase_add_test(malformed, animation_apng_refuses_broken_chunks_with_a_reason);
    tcase_add_test(malformed, animation_mutations_end_in_a_typed_status);
    tcase_set_timeout(malformed, 900);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
