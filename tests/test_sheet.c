/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sheets: frames, layouts, descriptions, cutting, contact sheets. */
#include "px_mutate.h"

#include <jansson.h>
#include <stdbool.h>

static const uint8_t *pixel_at(const dgxp_image *image, int32_t x, int32_t y)
{
    return dgxp_image_pixels(image) + ((size_t)y * (size_t)dgxp_image_width(image) + (size_t)x) * 4;
}

/* An opaque block of one color. */
static dgxp_image *make_block(int32_t width, int32_t height, uint8_t red)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(width, height, NULL, &image));
    for (int32_t i = 0; i < width * height; i++) {
        memcpy(dgxp_image_pixels_mut(image) + i * 4, (uint8_t[4]){red, 50, 60, 255}, 4);
    }
    return image;
}

static void add_block(dgxp_sheet *sheet, int32_t width, int32_t height, uint8_t red)
{
    dgxp_image *block = make_block(width, height, red);
    ck_assert_ok(dgxp_sheet_add_frame(sheet, block, NULL, 0));
    dgxp_image_free(block);
}

/* Draw a block into a picture. */
static void put_block(dgxp_image *to, int32_t x, int32_t y, int32_t width, int32_t height)
{
    for (int32_t i = 0; i < width * height; i++) {
        uint8_t *pixel = dgxp_image_pixels_mut(to) +
                         ((y + i / width) * dgxp_image_width(to) + x + i % width) * 4;
        memcpy(pixel, (uint8_t[4]){9, 8, 7, 255}, 4);
    }
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(sheet_grid_places_are_what_bevy_reads)
{
    dgxp_sheet *sheet = px_make_sheet();
    dgxp_atlas *atlas = NULL;
    dgxp_pack_params params = DGXP_PACK_PARAMS_INIT;
    params.columns = 3;
    params.padding = 2;
    params.margin = 5;
    ck_assert_ok(dgxp_sheet_pack(sheet, &params, &atlas));
    const dgxp_image *page = dgxp_atlas_image(atlas);
    ck_assert_int_eq(dgxp_image_width(page), 5 + 3 * 16 + 2 * 2 + 5);
    ck_assert_int_eq(dgxp_image_height(page), 5 + 2 * 12 + 2 + 5);
    for (int32_t i = 0; i < 4; i++) { /* TextureAtlasLayout::from_grid: left to right, downwards */
        dgxp_place place = DGXP_PLACE_INIT;
        ck_assert_ok(dgxp_atlas_place(atlas, i, &place));
        ck_assert_int_eq(place.x, 5 + i % 3 * 18);
        ck_assert_int_eq(place.y, 5 + i / 3 * 14);
        for (int32_t y = 0; y < 12; y++) {
            ck_assert_mem_eq(pixel_at(page, place.x, place.y + y),
                             pixel_at(dgxp_sheet_frame(sheet, i), 0, y), 16 * 4);
        }
    }
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(sheet_extrudes_edges_and_rounds_to_powers_of_two)
{
    dgxp_sheet *sheet = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_place place = DGXP_PLACE_INIT;
    dgxp_pack_params params = DGXP_PACK_PARAMS_INIT;
    ck_assert_ok(dgxp_sheet_create(&sheet));
    add_block(sheet, 8, 8, 100);
    add_block(sheet, 8, 8, 200);
    params.extrude = 2;
    params.power_of_two = 1;
    for (params.layout = 0; params.layout < 2; params.layout++) {
        ck_assert_ok(dgxp_sheet_pack(sheet, &params, &atlas));
        const dgxp_image *page = dgxp_atlas_image(atlas);
        ck_assert_int_eq(dgxp_image_width(page) & (dgxp_image_width(page) - 1), 0);
        ck_assert_int_eq(dgxp_image_height(page) & (dgxp_image_height(page) - 1), 0);
        ck_assert_ok(dgxp_atlas_place(atlas, 1, &place));
        ck_assert_int_eq(place.width, 8); /* extruded pixels do not count */
        for (int32_t at = -2; at < 10; at++) {
            ck_assert_int_eq(pixel_at(page, place.x + at, place.y - 2)[0], 200);
            ck_assert_int_eq(pixel_at(page, place.x + at, place.y + 9)[0], 200);
            ck_assert_int_eq(pixel_at(page, place.x - 2, place.y + at)[0], 200);
        }
        dgxp_atlas_free(atlas);
    }
    params = (dgxp_pack_params)DGXP_PACK_PARAMS_INIT;
    params.bleed = 1;
    params.padding = 4;
    ck_assert_ok(dgxp_sheet_pack(sheet, &params, &atlas));
    const uint8_t bled[4] = {100, 50, 60, 0}, untouched[4] = {0, 0, 0, 0};
    ck_assert_mem_eq(pixel_at(dgxp_atlas_image(atlas), 8, 4), bled, 4);
    ck_assert_mem_eq(pixel_at(dgxp_atlas_image(atlas), 9, 4), untouched, 4);
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(sheet_packs_tightly_without_overlap_and_gives_frames_back)
{
    enum { COUNT = 120 };
    dgxp_sheet *sheet = NULL;
    dgxp_atlas *atlas = NULL;
    uint64_t state = 3;
    int64_t area = 0;
    dgxp_place places[COUNT];
    dgxp_pack_params params = DGXP_PACK_PARAMS_INIT;
    ck_assert_ok(dgxp_sheet_create(&sheet));
    for (int i = 0; i < COUNT; i++) {
        dgxp_image *frame = NULL;
        const int32_t w = 4 + (int32_t)(px_mutate_random(&state) % 40);
        const int32_t h = 4 + (int32_t)(px_mutate_random(&state) % 40);
        ck_assert_ok(dgxp_image_create(w + 5, h + 9, NULL, &frame));
        put_block(frame, 2, 6, w, h); /* with a transparent border to trim */
        ck_assert_ok(dgxp_sheet_add_frame(sheet, frame, NULL, 0));
        dgxp_image_free(frame);
        area += (int64_t)w * h;
    }
    params.layout = DGXP_LAYOUT_PACKED;
    ck_assert_ok(dgxp_sheet_pack(sheet, &params, &atlas));
    const dgxp_image *page = dgxp_atlas_image(atlas);
    const double share = (double)area / dgxp_image_width(page) / dgxp_image_height(page);
    ck_assert_msg(share > 0.88, "only %.3f of the picture is used", share);
    for (int i = 0; i < COUNT; i++) {
        places[i] = (dgxp_place)DGXP_PLACE_INIT;
        ck_assert_ok(dgxp_atlas_place(atlas, i, &places[i]));
        const dgxp_place *p = &places[i];
        const dgxp_image *frame = dgxp_sheet_frame(sheet, i);
        ck_assert_int_eq(p->source_x, 2);
        ck_assert_int_eq(p->source_y, 6);
        ck_assert_int_eq(p->source_width, dgxp_image_width(frame));
        for (int32_t y = 0; y < p->height; y++) {
            ck_assert_mem_eq(pixel_at(page, p->x, p->y + y), pixel_at(frame, 2, 6 + y),
                             (size_t)p->width * 4);
        }
        for (int j = 0; j < i; j++) {
            const dgxp_place *q = &places[j];
            ck_assert(p->x >= q->x + q->width || q->x >= p->x + p->width ||
                      p->y >= q->y + q->height || q->y >= p->y + p->height);
        }
    }
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(sheet_cut_undoes_a_grid)
{
    dgxp_sheet *sheet = px_make_sheet(), *again = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_pack_params pack = DGXP_PACK_PARAMS_INIT;
    dgxp_cut_params cut = DGXP_CUT_PARAMS_INIT;
    pack.columns = 2;
    pack.padding = cut.spacing = 3;
    pack.margin = cut.margin = 4;
    ck_assert_ok(dgxp_sheet_pack(sheet, &pack, &atlas));
    for (int way = 0; way < 2; way++) {
        cut.cell_width = way ? 0 : 16;
        cut.cell_height = way ? 0 : 12;
        cut.columns = cut.rows = way ? 2 : 0;
        ck_assert_ok(dgxp_sheet_cut(dgxp_atlas_image(atlas), &cut, &again));
        ck_assert_int_eq(dgxp_sheet_frame_count(again), 4);
        for (int32_t i = 0; i < 4; i++) {
            ck_assert_mem_eq(dgxp_image_pixels(dgxp_sheet_frame(again, i)),
                             dgxp_image_pixels(dgxp_sheet_frame(sheet, i)), 16 * 12 * 4);
        }
        dgxp_sheet_free(again);
    }
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(sheet_cut_finds_figures_and_stands_them_on_their_feet)
{
    /* Two rows of three figures at uneven places; the second has a speck, the third a thin arm. */
    static const int32_t at[6][2] = {{3, 5}, {31, 2}, {62, 7}, {5, 40}, {28, 44}, {66, 41}};
    dgxp_image *page = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_slice slice = DGXP_SLICE_INIT;
    ck_assert_ok(dgxp_image_create(96, 80, NULL, &page));
    for (int i = 0; i < 6; i++) {
        put_block(page, at[i][0], at[i][1], 8, 20 + i);          /* a body */
        put_block(page, at[i][0] - 1, at[i][1] + 18 + i, 10, 2); /* its feet */
    }
    put_block(page, 42, 4, 1, 2);
    put_block(page, 70, 12, 9, 1);
    ck_assert_ok(dgxp_sheet_cut(page, NULL, &sheet));
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), 6);
    ck_assert_int_eq(dgxp_sheet_slice_count(sheet), 1);
    ck_assert_ok(dgxp_sheet_slice(sheet, 0, &slice));
    ck_assert_int_eq(slice.has_pivot, 1);
    for (int i = 0; i < 6; i++) {
        const dgxp_image *frame = dgxp_sheet_frame(sheet, i);
        ck_assert_int_eq(dgxp_image_width(frame), slice.width);
        ck_assert_int_eq(dgxp_image_height(frame), slice.height);
        /* The feet, ten wide, lie about the pivot, on its line. */
        for (int32_t x = -6; x < 6; x++) {
            ck_assert_int_eq(pixel_at(frame, slice.pivot_x + x, slice.pivot_y - 1)[3],
                             x >= -5 && x < 5 ? 255 : 0);
        }
        int32_t opaque = 0;
        for (int32_t p = 0; p < slice.width * slice.height; p++) {
            opaque += dgxp_image_pixels(frame)[p * 4 + 3] > 0;
        }
        ck_assert_int_eq(opaque, 8 * (20 + i) + 4 + (i == 1 ? 2 : i == 2 ? 9 : 0));
    }
    dgxp_sheet_free(sheet);
    dgxp_image_free(page);
}
END_TEST

START_TEST(sheet_contact_shows_frames_and_numbers)
{
    dgxp_sheet *sheet = NULL;
    dgxp_image *page = NULL;
    dgxp_contact_params params = DGXP_CONTACT_PARAMS_INIT;
    ck_assert_ok(dgxp_sheet_create(&sheet));
    for (int i = 0; i < 3; i++) {
        add_block(sheet, 10, 10, (uint8_t)(100 + i));
    }
    params.columns = 2;
    params.scale = 4;
    ck_assert_ok(dgxp_sheet_contact(sheet, &params, &page));
    ck_assert_int_eq(dgxp_image_width(page), 8 + 2 * (40 + 8));
    ck_assert_int_eq(dgxp_image_height(page), 8 + 2 * (40 + 8 + 14));
    const uint8_t frame[4] = {101, 50, 60, 255};
    ck_assert_mem_eq(pixel_at(page, 8 + 48, 8), frame, 4);
    ck_assert_mem_eq(pixel_at(page, 8 + 48 + 39, 8 + 39), frame, 4);
    /* The label "1": rows 2 6 2 2 7 of three dots, each two pixels wide, four below the frame. */
    static const char *const one[] = {" # ", "## ", " # ", " # ", "###"};
    for (int y = 0; y < 5; y++) {
        for (int x = 0; x < 3; x++) {
            const uint8_t *dot = pixel_at(page, 8 + 48 + 2 * x, 8 + 40 + 4 + 2 * y);
            ck_assert_int_eq(dot[0] > 200, one[y][x] == '#');
        }
    }
    dgxp_image_free(page);
    dgxp_sheet_free(sheet);
}
END_TEST

static json_t *describe(const dgxp_atlas *atlas, const dgxp_sheet *sheet, int32_t format)
{
    uint8_t *text = NULL;
    size_t size = 0;
    json_error_t error;
    ck_assert_ok(dgxp_atlas_describe(atlas, sheet, format, "art/hero.png", &text, &size));
    ck_assert_uint_eq(strlen((const char *)text), size);
    json_t *value = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(value, "%s", error.text);
    dgxp_bytes_free(text);
    return value;
}

START_TEST(sheet_aseprite_json_has_its_keys)
{
    /* Keys and types as Aseprite's doc_exporter.cpp writes them; readers of other people check the
     * rest in tests/python/test_sheet_formats.py. */
    dgxp_sheet *sheet = px_make_sheet();
    dgxp_atlas *atlas = NULL;
    dgxp_pack_params params = DGXP_PACK_PARAMS_INIT;
    const dgxp_tag tag = {sizeof tag, 1, 3, DGXP_DIRECTION_PINGPONG, 2, "roll"};
    dgxp_image *ball = px_make_ball(16, 12, 3);
    ck_assert_ok(dgxp_sheet_add_frame(sheet, ball, "same", 0));
    ck_assert_ok(dgxp_sheet_add_frame(sheet, ball, "same", 0));
    ck_assert_ok(dgxp_sheet_add_tag(sheet, &tag));
    params.layout = DGXP_LAYOUT_PACKED;
    ck_assert_ok(dgxp_sheet_pack(sheet, &params, &atlas));
    json_t *array = describe(atlas, sheet, DGXP_ATLAS_ASEPRITE_ARRAY);
    json_t *hash = describe(atlas, sheet, DGXP_ATLAS_ASEPRITE_HASH);
    const json_t *meta = json_object_get(array, "meta");
    const json_t *first = json_array_get(json_object_get(array, "frames"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "filename")), "hero 0.aseprite");
    ck_assert(json_is_false(json_object_get(first, "rotated")));
    ck_assert(json_is_true(json_object_get(first, "trimmed")));
    ck_assert_int_eq(json_integer_value(json_object_get(first, "duration")), 50);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(first, "sourceSize"), "w")),
                     16);
    ck_assert_str_eq(json_string_value(json_object_get(meta, "image")), "hero.png");
    ck_assert_str_eq(json_string_value(json_object_get(meta, "scale")), "1");
    const json_t *told = json_array_get(json_object_get(meta, "frameTags"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(told, "direction")), "pingpong");
    ck_assert_str_eq(json_string_value(json_object_get(told, "repeat")), "2");
    ck_assert_uint_eq(json_object_size(json_object_get(hash, "frames")), 6);
    ck_assert(json_object_get(json_object_get(hash, "frames"), "same #2"));
    json_decref(array);
    json_decref(hash);
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
    dgxp_image_free(ball);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(sheet_mixed_sizes_stand_at_the_bottom)
{
    dgxp_sheet *sheet = NULL;
    dgxp_atlas *atlas = NULL;
    ck_assert_ok(dgxp_sheet_create(&sheet));
    add_block(sheet, 10, 10, 1);
    add_block(sheet, 4, 6, 2);
    ck_assert_ok(dgxp_sheet_pack(sheet, NULL, &atlas));
    const dgxp_image *page = dgxp_atlas_image(atlas);
    ck_assert_int_eq(dgxp_image_width(page), 20);
    ck_assert_int_eq(pixel_at(page, 13, 3)[3], 0);
    ck_assert_int_eq(pixel_at(page, 13, 4)[0], 2);
    ck_assert_int_eq(pixel_at(page, 16, 9)[0], 2);
    ck_assert_int_eq(pixel_at(page, 17, 9)[3], 0);
    dgxp_atlas_free(atlas);
    dgxp_sheet_free(sheet);
}
END_TEST

START_TEST(sheet_refuses_what_does_not_fit)
{
    dgxp_sheet *sheet = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_pack_params params = DGXP_PACK_PARAMS_INIT;
    ck_assert_ok(dgxp_sheet_create(&sheet));
    add_block(sheet, 4096, 2, 1);
    for (int i = 0; i < 4; i++) {
        add_block(sheet, 4096, 2, 1);
    }
    params.columns = 5;
    ck_assert_refused(dgxp_sheet_pack(sheet, &params, &atlas), DGXP_ERR_LIMIT, "20480x2");
    params.columns = 0;
    params.extrude = 17;
    ck_assert_refused(dgxp_sheet_pack(sheet, &params, &atlas), DGXP_ERR_INVALID_ARGUMENT,
                      "extrude 17");
    dgxp_image *large = make_block(8192, 4096, 1);
    ck_assert_ok(dgxp_sheet_add_frame(sheet, large, NULL, 65535));
    ck_assert_refused(dgxp_sheet_add_frame(sheet, large, NULL, 0), DGXP_ERR_LIMIT,
                      "has 67149824 pixels in all; one picture or animation may have 64000000");
    ck_assert_ptr_null(atlas);
    dgxp_image_free(large);
    dgxp_sheet_free(sheet);
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(sheet_refuses_wrong_arguments_with_a_reason)
{
    dgxp_sheet *sheet = NULL, *other = px_make_sheet(), *cut = NULL;
    dgxp_atlas *atlas = NULL;
    dgxp_image *block = make_block(8, 8, 1), *page = NULL;
    uint8_t *text = NULL;
    size_t size = 0;
    char longer[300];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ck_assert_ok(dgxp_sheet_create(&sheet));
    ck_assert_refused(dgxp_sheet_pack(sheet, NULL, &atlas), DGXP_ERR_INVALID_ARGUMENT, "no frame");
    ck_assert_refused(dgxp_sheet_contact(sheet, NULL, &page), DGXP_ERR_INVALID_ARGUMENT,
                      "no frame");
    ck_assert_refused(dgxp_sheet_add_frame(sheet, block, longer, 0), DGXP_ERR_INVALID_ARGUMENT,
                      "255 bytes");
    ck_assert_refused(dgxp_sheet_add_frame(sheet, block, "\xFF", 0), DGXP_ERR_INVALID_ARGUMENT,
                      "UTF-8");
    ck_assert_refused(dgxp_sheet_add_frame(sheet, block, NULL, 65536), DGXP_ERR_INVALID_ARGUMENT,
                      "65536 ms");
    ck_assert_ok(dgxp_sheet_add_frame(sheet, block, NULL, 0));
    dgxp_tag tag = {sizeof tag, 0, 1, 0, 0, "far"};
    ck_assert_refused(dgxp_sheet_add_tag(sheet, &tag), DGXP_ERR_INVALID_ARGUMENT, "frames 0 to 1");
    tag.to = 0;
    tag.direction = 4;
    ck_assert_refused(dgxp_sheet_add_tag(sheet, &tag), DGXP_ERR_INVALID_ARGUMENT, "direction 4");
    dgxp_slice slice = {sizeof slice, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, "flat"};
    ck_assert_refused(dgxp_sheet_add_slice(sheet, &slice), DGXP_ERR_INVALID_ARGUMENT, "flat");

    dgxp_pack_params pack = DGXP_PACK_PARAMS_INIT;
    pack.layout = DGXP_LAYOUT_PACKED;
    ck_assert_ok(dgxp_sheet_pack(sheet, &pack, &atlas));
    ck_assert_refused(dgxp_atlas_describe(atlas, sheet, DGXP_ATLAS_TSX, "a.png", &text, &size),
                      DGXP_ERR_UNSUPPORTED, "grid");
    ck_assert_refused(dgxp_atlas_describe(atlas, other, 0, "a.png", &text, &size),
                      DGXP_ERR_MISMATCH, "sheet 4");
    ck_assert_refused(dgxp_atlas_describe(atlas, sheet, 9, "a.png", &text, &size),
                      DGXP_ERR_INVALID_ARGUMENT, "format 9");
    dgxp_atlas_free(atlas);
    ck_assert_ok(dgxp_sheet_pack(other, NULL, &atlas));
    ck_assert_refused(dgxp_atlas_describe(atlas, other, DGXP_ATLAS_LDTK, "a.png", &text, &size),
                      DGXP_ERR_UNSUPPORTED, "16x12");

    ck_assert_refused(dgxp_sheet_cut(block, NULL, &cut), DGXP_ERR_INVALID_ARGUMENT, "opaque");
    dgxp_cut_params params = DGXP_CUT_PARAMS_INIT;
    params.cell_width = 9;
    ck_assert_refused(dgxp_sheet_cut(block, &params, &cut), DGXP_ERR_INVALID_ARGUMENT, "no room");
    params.columns = 2;
    ck_assert_refused(dgxp_sheet_cut(block, &params, &cut), DGXP_ERR_INVALID_ARGUMENT, "both");
    ck_assert_refused(dgxp_sheet_save(sheet, "x.bmp", NULL), DGXP_ERR_INVALID_ARGUMENT, "suffix");
    ck_assert_status(dgxp_sheet_load("no-such-file.aseprite", &cut), DGXP_ERR_NOT_FOUND);
    ck_assert_status(dgxp_sheet_decode("hello", 5, &cut), DGXP_ERR_BAD_FORMAT);
    ck_assert_ptr_null(cut);
    dgxp_atlas_free(atlas);
    dgxp_image_free(block);
    dgxp_sheet_free(sheet);
    dgxp_sheet_free(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sheet");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, sheet_grid_places_are_what_bevy_reads);
    tcase_add_test(core, sheet_extrudes_edges_and_rounds_to_powers_of_two);
    tcase_add_test(core, sheet_packs_tightly_without_overlap_and_gives_frames_back);
    tcase_add_test(core, sheet_cut_undoes_a_grid);
    tcase_add_test(core, sheet_cut_finds_figures_and_stands_them_on_their_feet);
    tcase_add_test(core, sheet_contact_shows_frames_and_numbers);
    tcase_add_test(core, sheet_aseprite_json_has_its_keys);
    tcase_add_test(limits, sheet_mixed_sizes_stand_at_the_bottom);
    tcase_add_test(limits, sheet_refuses_what_does_not_fit);
    tcase_add_test(malformed, sheet_refuses_wrong_arguments_with_a_reason);
    tcase_set_timeout(limits, 120);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
