/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* .aseprite: what is written is read back, foreign files are read, broken ones are refused.  The
 * comparison with an independent reader is tests/python/test_sheet_formats.py. */
#include "px_mutate.h"

/* Two frames of 3x3 indexed pixels by another writer: an old palette chunk, a hidden layer on top,
 * a raw cel at 1,0 and a cel linked to it at 0,1, and a tag.  Printed by .venv/bin/python
 * tests/python/make_aseprite.py | head -1 */
static const char foreign[] = "5b010000e0a502000300030008000100000064000000000000000000000000000300"
                              "0101000000001000100000000000"
                              "00000000000000000000000000000000000000000000000000000000000000000000"
                              "0000000000000000000000000000"
                              "0000000000000000000000000000000000000000000000000000000000000000b300"
                              "0000faf106005000000006000000"
                              "13000000040001000003000000ff000000ff00190000000420030000000000000000"
                              "000000ff00000001006119000000"
                              "0420020000000000000000000000ff0000000100621e0000000520000001000000ff"
                              "0000000000000000000200020001"
                              "0200011b0000000520010000000000ff000000000000000000010001000225000000"
                              "1820010000000000000000000000"
                              "0100020300000000000000000000000200676f28000000faf101005a000000010000"
                              "00180000000520000000000100ff"
                              "0100000000000000000000";

static size_t unhex(const char *text, uint8_t *bytes)
{
    const size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        const char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtol(pair, NULL, 16);
    }
    return size;
}

static void round_trip(const dgxp_sheet *sheet, int32_t truecolor, int32_t depth)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_sheet *again = NULL;
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    params.format = DGXP_SHEET_ASEPRITE;
    params.truecolor = truecolor;
    ck_assert_ok(dgxp_sheet_encode(sheet, &params, &bytes, &size));
    ck_assert_int_eq(bytes[12], depth);
    ck_assert_uint_eq(bytes[0] | (unsigned)bytes[1] << 8 | (unsigned)bytes[2] << 16, size);
    ck_assert_ok(dgxp_sheet_decode(bytes, size, &again));
    px_expect_frames(again, sheet);
    dgxp_sheet_free(again);
    dgxp_bytes_free(bytes);
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(aseprite_round_trips_indexed_and_rgba)
{
    dgxp_sheet *sheet = px_make_sheet();
    round_trip(sheet, 0, 8);
    round_trip(sheet, 1, 32);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(aseprite_links_equal_neighbours)
{
    /* The third frame is like the second, so it has a cel of type 1 (22 bytes) and no pixels. */
    dgxp_sheet *sheet = px_make_sheet();
    uint8_t *bytes = NULL;
    size_t size = 0, links = 0;
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    params.format = DGXP_SHEET_ASEPRITE;
    ck_assert_ok(dgxp_sheet_encode(sheet, &params, &bytes, &size));
    for (size_t i = 128; i + 24 <= size; i++) {
        links += memcmp(bytes + i, "\x18\0\0\0\x05\x20", 6) == 0 && bytes[i + 13] == 1 &&
                 bytes[i + 22] == 1;
    }
    ck_assert_uint_eq(links, 1);
    dgxp_bytes_free(bytes);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(aseprite_keeps_tags_and_slices)
{
    dgxp_sheet *sheet = px_make_sheet(), *again = NULL;
    dgxp_tag tag = {sizeof tag, 1, 3, DGXP_DIRECTION_PINGPONG_REVERSE, 7, "r\xC3\xB6ll"};
    dgxp_slice slice = {sizeof slice, -1, 2, 10, 9, 3, 3, 4, 2, 1, 5, -6, "hit"};
    dgxp_slice plain = {sizeof plain, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, "plain"};
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    params.format = DGXP_SHEET_ASEPRITE;
    ck_assert_ok(dgxp_sheet_add_tag(sheet, &tag));
    ck_assert_ok(dgxp_sheet_add_slice(sheet, &slice));
    ck_assert_ok(dgxp_sheet_add_slice(sheet, &plain));
    ck_assert_ok(dgxp_sheet_encode(sheet, &params, &bytes, &size));
    ck_assert_ok(dgxp_sheet_decode(bytes, size, &again));
    ck_assert_int_eq(dgxp_sheet_tag_count(again), 1);
    ck_assert_int_eq(dgxp_sheet_slice_count(again), 2);
    dgxp_tag got = DGXP_TAG_INIT;
    dgxp_slice cut = DGXP_SLICE_INIT;
    ck_assert_ok(dgxp_sheet_tag(again, 0, &got));
    ck_assert_str_eq(got.name, tag.name);
    ck_assert_mem_eq(&got, &tag, 5 * sizeof(int32_t)); /* behind it there is padding */
    ck_assert_ok(dgxp_sheet_slice(again, 0, &cut));
    ck_assert_str_eq(cut.name, "hit");
    cut.name = slice.name;
    ck_assert_mem_eq(&cut, &slice, sizeof slice);
    ck_assert_ok(dgxp_sheet_slice(again, 1, &cut));
    ck_assert_int_eq(cut.has_pivot, 0);
    ck_assert_int_eq(cut.center_width, 0);
    dgxp_sheet_free(again);
    dgxp_sheet_free(sheet);
    dgxp_bytes_free(bytes);
}
END_TEST

START_TEST(aseprite_reads_a_file_of_another_writer)
{
    /* red is entry 1, green 2; entry 0 is transparent; the hidden layer's green dot is not shown */
    static const char *const expected[] = {" rg  r   ", "   rg  r "};
    uint8_t bytes[sizeof foreign / 2];
    const size_t size = unhex(foreign, bytes);
    dgxp_sheet *sheet = NULL;
    dgxp_tag tag = DGXP_TAG_INIT;
    ck_assert_ok(dgxp_sheet_decode(bytes, size, &sheet));
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), 2);
    ck_assert_int_eq(dgxp_sheet_frame_duration(sheet, 1), 90);
    for (int i = 0; i < 2; i++) {
        char shown[10] = "";
        const uint8_t *rgba = dgxp_image_pixels(dgxp_sheet_frame(sheet, i));
        for (int at = 0; at < 9; at++) {
            const uint8_t *pixel = rgba + at * 4;
            shown[at] = !pixel[3] ? ' ' : pixel[0] ? 'r' : pixel[1] ? 'g' : 'k';
        }
        ck_assert_str_eq(shown, expected[i]);
    }
    ck_assert_ok(dgxp_sheet_tag(sheet, 0, &tag));
    ck_assert_str_eq(tag.name, "go");
    ck_assert_int_eq(tag.direction, DGXP_DIRECTION_PINGPONG);
    ck_assert_int_eq(tag.repeat, 3);
    dgxp_sheet_free(sheet);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(aseprite_is_indexed_up_to_255_colors)
{
    for (int colors = 255; colors <= 256; colors++) {
        dgxp_image *image = NULL;
        dgxp_sheet *sheet = NULL;
        ck_assert_ok(dgxp_image_create(16, 17, NULL, &image));
        uint8_t *rgba = dgxp_image_pixels_mut(image);
        for (int i = 0; i < colors; i++) {
            memcpy(rgba + i * 4, (uint8_t[4]){(uint8_t)i, 9, 9, 255}, 4);
        }
        ck_assert_ok(dgxp_sheet_create(&sheet));
        ck_assert_ok(dgxp_sheet_add_frame(sheet, image, NULL, 0));
        round_trip(sheet, 0, colors == 255 ? 8 : 32);
        dgxp_sheet_free(sheet);
        dgxp_image_free(image);
    }
}
END_TEST

START_TEST(aseprite_holds_empty_and_smaller_frames)
{
    dgxp_sheet *sheet = NULL, *again = NULL;
    dgxp_image *empty = NULL, *ball = px_make_ball(8, 8, 0);
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    params.format = DGXP_SHEET_ASEPRITE;
    ck_assert_ok(dgxp_image_create(12, 10, NULL, &empty));
    ck_assert_ok(dgxp_sheet_create(&sheet));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, empty, NULL, 0));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, ball, NULL, 0));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, empty, NULL, 0));
    ck_assert_ok(dgxp_sheet_encode(sheet, &params, &bytes, &size));
    ck_assert_ok(dgxp_sheet_decode(bytes, size, &again));
    const dgxp_image *second = dgxp_sheet_frame(again, 1);
    ck_assert_int_eq(dgxp_image_width(second), 12);
    ck_assert_int_eq(dgxp_image_height(second), 10);
    for (int y = 0; y < 8; y++) { /* in the middle, at the bottom */
        ck_assert_mem_eq(dgxp_image_pixels(second) + ((y + 2) * 12 + 2) * 4,
                         dgxp_image_pixels(ball) + y * 8 * 4, 8 * 4);
    }
    dgxp_sheet_free(sheet);
    dgxp_sheet_free(again);
    dgxp_image_free(empty);
    dgxp_image_free(ball);
    dgxp_bytes_free(bytes);
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(aseprite_refuses_broken_files_with_a_reason)
{
    static const struct {
        size_t at;
        uint8_t low, high;
        dgxp_status status;
        const char *part;
    } cases[] = {
        {6, 0, 0, DGXP_ERR_BAD_FORMAT, "0 frames"},
        {6, 0xFF, 0xFF, DGXP_ERR_BAD_FORMAT, "cannot hold 65535 frames"},
        {8, 0, 0, DGXP_ERR_BAD_FORMAT, "0x3 pixels"},
        {8, 0xFF, 0xFF, DGXP_ERR_LIMIT, "65535x3"},
        {12, 7, 0, DGXP_ERR_BAD_FORMAT, "depth of 7"},
        {132, 0, 0, DGXP_ERR_BAD_FORMAT, "frame 0"},       /* its magic */
        {128, 0xFF, 0xFF, DGXP_ERR_BAD_FORMAT, "frame 0"}, /* its size */
        {144, 0xFF, 0, DGXP_ERR_BAD_FORMAT, "chunk 0"},
        {219, 9, 0, DGXP_ERR_BAD_FORMAT, "layer 9"},
        {226, 4, 0, DGXP_ERR_UNSUPPORTED, "type 4"},
        {226, 3, 0, DGXP_ERR_UNSUPPORTED, "tilemap"},
        {235, 9, 0, DGXP_ERR_BAD_FORMAT, "cut short"}, /* the raw cel's width */
        {345, 1, 0, DGXP_ERR_BAD_FORMAT, "links to frame 1"},
    };
    uint8_t bytes[sizeof foreign / 2];
    const size_t size = unhex(foreign, bytes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t broken[sizeof bytes];
        dgxp_sheet *sheet = NULL;
        memcpy(broken, bytes, size);
        broken[cases[i].at] = cases[i].low;
        broken[cases[i].at + 1] = cases[i].high;
        ck_assert_refused(dgxp_sheet_decode(broken, size, &sheet), cases[i].status, cases[i].part);
        ck_assert_ptr_null(sheet);
    }
}
END_TEST

START_TEST(aseprite_mutations_end_in_a_typed_status)
{
    uint8_t bytes[sizeof foreign / 2], *written = NULL;
    size_t size = unhex(foreign, bytes);
    int refused = px_mutate_sheets(bytes, size);
    dgxp_sheet *sheet = px_make_sheet();
    dgxp_sheet_params params = DGXP_SHEET_PARAMS_INIT;
    const dgxp_tag tag = {sizeof tag, 0, 3, 0, 0, "all"};
    const dgxp_slice slice = {sizeof slice, 0, 0, 9, 9, 3, 3, 3, 3, 1, 4, 9, "box"};
    ck_assert_ok(dgxp_sheet_add_tag(sheet, &tag));
    ck_assert_ok(dgxp_sheet_add_slice(sheet, &slice));
    params.format = DGXP_SHEET_ASEPRITE;
    for (params.truecolor = 0; params.truecolor < 2; params.truecolor++) {
        ck_assert_ok(dgxp_sheet_encode(sheet, &params, &written, &size));
        refused += px_mutate_sheets(written, size);
        dgxp_bytes_free(written);
    }
    px_mutate_report("aseprite files", 3 * px_mutate_rounds(), refused);
    dgxp_sheet_free(sheet);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("aseprite");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, aseprite_round_trips_indexed_and_rgba);
    tcase_add_test(core, aseprite_links_equal_neighbours);
    tcase_add_test(core, aseprite_keeps_tags_and_slices);
    tcase_add_test(core, aseprite_reads_a_file_of_another_writer);
    tcase_add_test(limits, aseprite_is_indexed_up_to_255_colors);
    tcase_add_test(limits, aseprite_holds_empty_and_smaller_frames);
    tcase_add_test(malformed, aseprite_refuses_broken_files_with_a_reason);
    tcase_add_test(malformed, aseprite_mutations_end_in_a_typed_status);
    tcase_set_timeout(malformed, 900);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
