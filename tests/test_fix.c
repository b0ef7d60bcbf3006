/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* dgxp_fix(): the order of the steps, what is skipped, what is reported. */
#include "px_check.h"

#include "core/json.h"
#include "image/image.h"
#include "pixels/sprite.h"

enum { SIDE = 32, SCALE = 8 };

static dgxp_image *draw_soft(uint32_t seed)
{
    dgxp_image *sprite = make_sprite(SIDE, seed, false);
    dgxp_image *big = spoil(sprite, SCALE, 0, 0);
    dgxp_image_free(sprite);
    return big;
}

static json_t *read_document(dgxp_document *document)
{
    json_t *value = NULL;
    const char *text = dgxp_document_text(document);
    ck_assert_ok(px_json_parse("report", text, strlen(text), &value));
    dgxp_document_free(document);
    return value;
}

static const char *text_at(const json_t *object, const char *key, const char *inner)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, key), inner));
    return text ? text : "";
}

static int count_colors(const dgxp_image *image)
{
    dgxp_histogram *histogram = NULL;
    ck_assert_ok(dgxp_histogram_create(&histogram));
    ck_assert_ok(dgxp_histogram_add(histogram, image));
    const int count = (int)dgxp_histogram_colors(histogram);
    dgxp_histogram_free(histogram);
    return count;
}

START_TEST(fix_leaves_pixel_art_alone)
{
    dgxp_image *sprite = make_sprite(SIDE, 5, false), *big = enlarge(sprite, 5, 0, 0), *out = NULL;
    dgxp_document *document = NULL;
    px_image_at(big, 0, 0)[3] = 77; /* one soft cell: alpha, too, comes out as it is */
    for (int32_t y = 0; y < 5; y++) {
        for (int32_t x = 0; x < 5; x++) {
            px_image_at(big, x, y)[3] = 77;
        }
    }
    px_image_at(sprite, 0, 0)[3] = 77;
    ck_assert_ok(dgxp_image_set_text(big, "parameters", "a knight"));
    ck_assert_ok(dgxp_fix(big, NULL, &document, &out));
    ck_assert(px_image_equal(out, sprite));
    ck_assert_str_eq(dgxp_image_text(out, "parameters"), "a knight");
    json_t *report = read_document(document);
    ck_assert_str_eq(text_at(report, "grid", "kind"), "flat");
    ck_assert_ptr_null(json_object_get(report, "matte"));
    ck_assert_ptr_null(json_object_get(report, "palette"));
    ck_assert_ptr_nonnull(json_object_get(report, "quality"));
    json_decref(report);
    dgxp_image_free(out);
    dgxp_image_free(big);
    dgxp_image_free(sprite);
}
END_TEST

START_TEST(fix_finishes_a_soft_picture)
{
    dgxp_image *big = draw_soft(3), *out = NULL;
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_palette_params extract = DGXP_PALETTE_PARAMS_INIT;
    dgxp_document *document = NULL;
    extract.colors = 6;
    params.extract = &extract;
    ck_assert_ok(dgxp_fix(big, &params, &document, &out));
    ck_assert_int_eq(out->width, SIDE);
    ck_assert_int_eq(out->height, SIDE);
    ck_assert_int_le(count_colors(out), 6);
    size_t transparent = 0;
    for (size_t i = 0; i < px_image_count(out); i++) {
        ck_assert(out->rgba[i * 4 + 3] == 0 || out->rgba[i * 4 + 3] == 255);
        transparent += out->rgba[i * 4 + 3] == 0;
    }
    ck_assert_uint_gt(transparent, 100); /* the corners outside the creature */
    json_t *report = read_document(document);
    ck_assert_str_eq(text_at(report, "grid", "kind"), "cells");
    ck_assert_ptr_nonnull(json_object_get(report, "matte"));
    ck_assert_uint_le(
        json_array_size(json_object_get(json_object_get(report, "palette"), "colors")), 6);
    json_decref(report);
    dgxp_image_free(out);
    dgxp_image_free(big);
}
END_TEST

/* The same as the steps one by one: dgxp_fix() adds nothing of its own. */
START_TEST(fix_equals_its_steps)
{
    dgxp_image *big = draw_soft(9), *out = NULL;
    ck_assert_ok(dgxp_fix(big, NULL, NULL, &out));
    dgxp_grid *grid = NULL;
    dgxp_palette *palette = NULL;
    dgxp_image *small = NULL, *cut = NULL, *mapped = NULL;
    ck_assert_ok(dgxp_grid_detect(big, NULL, &grid));
    ck_assert_ok(dgxp_downscale(big, grid, NULL, &small));
    ck_assert_ok(dgxp_matte(small, NULL, NULL, &cut));
    ck_assert_ok(dgxp_palette_extract(cut, NULL, &palette));
    ck_assert_ok(dgxp_quantize(cut, palette, NULL, &mapped));
    ck_assert(px_image_equal(out, mapped));
    dgxp_grid_free(grid);
    dgxp_palette_free(palette);
    dgxp_image_free(small);
    dgxp_image_free(cut);
    dgxp_image_free(mapped);
    dgxp_image_free(out);
    dgxp_image_free(big);
}
END_TEST

START_TEST(fix_keeps_the_palette_it_was_given)
{
    dgxp_image *big = draw_soft(4), *out = NULL;
    dgxp_palette *palette = NULL;
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_outline_params outline = DGXP_OUTLINE_PARAMS_INIT;
    memcpy(outline.color, (const uint8_t[4]){250, 3, 7, 255}, 4); /* not one of the palette's */
    ck_assert_ok(dgxp_palette_load("pico-8", &palette));
    params.palette = palette;
    params.outline = &outline;
    params.orphans = 1;
    params.jaggies = 1;
    ck_assert_ok(dgxp_fix(big, &params, NULL, &out));
    for (size_t i = 0; i < px_image_count(out); i++) {
        bool known = out->rgba[i * 4 + 3] == 0;
        for (int32_t c = 0; c < dgxp_palette_count(palette) && !known; c++) {
            known = memcmp(out->rgba + i * 4, dgxp_palette_colors(palette) + c * 4, 4) == 0;
        }
        ck_assert_msg(known, "pixel %zu is none of the palette", i);
    }
    dgxp_palette_free(palette);
    dgxp_image_free(out);
    dgxp_image_free(big);
}
END_TEST

START_TEST(fix_gives_frames_one_size_and_palette)
{
    dgxp_image *frames[3], *out[3] = {NULL};
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_palette_params extract = DGXP_PALETTE_PARAMS_INIT;
    dgxp_outline_params outline = DGXP_OUTLINE_PARAMS_INIT;
    dgxp_trim_params trim = DGXP_TRIM_PARAMS_INIT;
    dgxp_histogram *histogram = NULL;
    dgxp_document *document = NULL;
    extract.colors = 8;
    trim.padding = 2;
    params.extract = &extract;
    params.outline = &outline;
    params.trim = &trim;
    for (uint32_t i = 0; i < 3; i++) {
        frames[i] = draw_soft(20 + i);
    }
    ck_assert_ok(dgxp_fix_frames((const dgxp_image *const *)frames, 3, &params, &document, out));
    ck_assert_ok(dgxp_histogram_create(&histogram));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(out[i]->width, out[0]->width);
        ck_assert_int_eq(out[i]->height, out[0]->height);
        ck_assert_ok(dgxp_histogram_add(histogram, out[i]));
    }
    ck_assert_int_le(dgxp_histogram_colors(histogram), 8);
    json_t *report = read_document(document);
    ck_assert_int_eq(json_integer_value(json_object_get(report, "frames")), 3);
    ck_assert_ptr_nonnull(json_object_get(report, "trim"));
    json_decref(report);
    dgxp_histogram_free(histogram);
    for (int i = 0; i < 3; i++) {
        dgxp_image_free(frames[i]);
        dgxp_image_free(out[i]);
    }
}
END_TEST

/* Every sprite of the set has colors of the one palette, which none of them alone would have. */
START_TEST(fix_shares_a_palette_between_pictures)
{
    enum { COUNT = 3 };
    dgxp_histogram *histogram = NULL;
    dgxp_palette *palette = NULL;
    dgxp_palette_params wanted = DGXP_PALETTE_PARAMS_INIT;
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_image *pictures[COUNT];
    wanted.colors = 6;
    ck_assert_ok(dgxp_histogram_create(&histogram));
    for (uint32_t i = 0; i < COUNT; i++) {
        pictures[i] = draw_soft(11 + i);
        ck_assert_ok(dgxp_histogram_add_fixed(histogram, pictures[i], &params));
    }
    ck_assert_ok(dgxp_histogram_extract(histogram, &wanted, &palette));
    ck_assert_int_eq(dgxp_palette_count(palette), 6);
    dgxp_histogram *seen = NULL;
    ck_assert_ok(dgxp_histogram_create(&seen));
    params.palette = palette;
    for (int i = 0; i < COUNT; i++) {
        dgxp_image *sprite = NULL;
        ck_assert_ok(dgxp_fix(pictures[i], &params, NULL, &sprite));
        ck_assert_ok(dgxp_histogram_add(seen, sprite));
        dgxp_image_free(sprite);
        dgxp_image_free(pictures[i]);
    }
    ck_assert_int_le(dgxp_histogram_colors(seen), 6);
    const int64_t before = dgxp_histogram_colors(histogram);
    ck_assert_status(dgxp_histogram_add_fixed(histogram, NULL, NULL), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(dgxp_histogram_colors(histogram), before);
    dgxp_palette_free(palette);
    dgxp_histogram_free(seen);
    dgxp_histogram_free(histogram);
}
END_TEST

START_TEST(fix_grows_all_frames_alike)
{
    dgxp_image *frames[2] = {NULL}, *out[2] = {NULL};
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_outline_params outline = DGXP_OUTLINE_PARAMS_INIT;
    const uint8_t red[4] = {200, 30, 30, 255}, dark[4] = {10, 0, 20, 255};
    memcpy(outline.color, dark, 4);
    params.native = 1;
    params.outline = &outline;
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(dgxp_image_create(6, 6, NULL, &frames[i]));
        memcpy(px_image_at(frames[i], 3 * i, 3), red, 4); /* at the border; inside */
    }
    ck_assert_ok(dgxp_fix_frames((const dgxp_image *const *)frames, 2, &params, NULL, out));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(out[i]->width, 8);
        ck_assert_int_eq(out[i]->height, 8);
        ck_assert_mem_eq(px_image_at(out[i], 3 * i + 1, 4), red, 4); /* it kept its place */
        ck_assert_mem_eq(px_image_at(out[i], 3 * i, 4), dark, 4);
        dgxp_image_free(frames[i]);
        dgxp_image_free(out[i]);
    }
}
END_TEST

START_TEST(fix_takes_sprites_and_found_grids)
{
    dgxp_image *big = draw_soft(6), *plain = NULL, *again = NULL, *same = NULL;
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_grid *grid = NULL;
    ck_assert_ok(dgxp_grid_detect(big, NULL, &grid));
    ck_assert_ok(dgxp_fix(big, NULL, NULL, &plain));
    params.found = grid;
    ck_assert_ok(dgxp_fix(big, &params, NULL, &again));
    ck_assert(px_image_equal(plain, again));
    params.native = 1; /* wins: a sprite stays, whatever a grid would say */
    ck_assert_ok(dgxp_fix(plain, &params, NULL, &same));
    ck_assert(px_image_equal(plain, same));
    dgxp_grid_free(grid);
    dgxp_image_free(plain);
    dgxp_image_free(again);
    dgxp_image_free(same);
    dgxp_image_free(big);
}
END_TEST

START_TEST(fix_survives_an_empty_picture)
{
    dgxp_image *empty = NULL, *out = NULL;
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_palette_params extract = DGXP_PALETTE_PARAMS_INIT;
    dgxp_trim_params trim = DGXP_TRIM_PARAMS_INIT;
    dgxp_document *document = NULL;
    params.extract = &extract;
    params.trim = &trim;
    params.native = 1;
    ck_assert_ok(dgxp_image_create(9, 7, NULL, &empty));
    ck_assert_ok(dgxp_fix(empty, &params, &document, &out));
    ck_assert_int_eq(out->width, 9);
    json_t *report = read_document(document);
    const json_t *first = json_array_get(json_object_get(report, "warnings"), 0);
    ck_assert_str_eq(json_string_value(first), "empty");
    json_decref(report);
    dgxp_image_free(out);
    dgxp_image_free(empty);
}
END_TEST

START_TEST(fix_refuses_what_it_cannot_use)
{
    dgxp_image *big = draw_soft(2), *small = make_sprite(SIDE, 1, false), *out = NULL;
    const dgxp_image *mixed[2] = {big, small};
    dgxp_image *both[2] = {NULL, NULL};
    dgxp_fix_params params = DGXP_FIX_PARAMS_INIT;
    dgxp_matte_params matte = DGXP_MATTE_PARAMS_INIT;
    ck_assert_refused(dgxp_fix(NULL, NULL, NULL, &out), DGXP_ERR_INVALID_ARGUMENT, "NULL");
    ck_assert_refused(dgxp_fix_frames(mixed, 2, NULL, NULL, both), DGXP_ERR_MISMATCH, "frame 1");
    params.native = 1;
    ck_assert_refused(dgxp_fix_frames(mixed, 2, &params, NULL, both), DGXP_ERR_MISMATCH, "frame 1");
    ck_assert_refused(dgxp_fix_frames(mixed, 0, NULL, NULL, both), DGXP_ERR_INVALID_ARGUMENT,
                      "1 to 65536");
    params.native = 0;
    matte.tolerance = 2;
    params.matte = &matte;
    ck_assert_refused(dgxp_fix(big, &params, NULL, &out), DGXP_ERR_INVALID_ARGUMENT, "tolerance");
    params.struct_size = 2;
    ck_assert_refused(dgxp_fix(big, &params, NULL, &out), DGXP_ERR_INVALID_ARGUMENT, "struct_size");
    ck_assert_ptr_null(out);
    ck_assert_ptr_null(both[0]);
    dgxp_image_free(big);
    dgxp_image_free(small);
}
END_TEST

/* Memory that runs out at any point is a status, and nothing is left behind (ASan). */
static int32_t allowed;

static void *resize_some(void *block, size_t size, void *user_data)
{
    return allowed-- > 0 ? px_host_resize(block, size, user_data) : NULL;
}

static void free_any(void *block, void *user_data)
{
    px_host_free(block, user_data);
}

START_TEST(fix_survives_every_failed_allocation)
{
    const dgxp_allocator scarce = {sizeof scarce, resize_some, free_any, NULL};
    dgxp_image *big = draw_soft(8);
    dgxp_set_allocator(&scarce);
    dgxp_status status = DGXP_ERR_OUT_OF_MEMORY;
    for (int32_t count = 0; status != DGXP_OK && count < 4000; count += 1 + count / 16) {
        dgxp_image *out = NULL;
        dgxp_document *document = NULL;
        allowed = count;
        status = dgxp_fix(big, NULL, &document, &out);
        ck_assert(status == DGXP_OK || status == DGXP_ERR_OUT_OF_MEMORY);
        ck_assert(status == DGXP_OK || (!out && !document));
        allowed = 1 << 30;
        dgxp_image_free(out);
        dgxp_document_free(document);
    }
    ck_assert_ok(status);
    px_host_begin();
    dgxp_image_free(big);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fix");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, fix_leaves_pixel_art_alone);
    tcase_add_test(core, fix_finishes_a_soft_picture);
    tcase_add_test(core, fix_equals_its_steps);
    tcase_add_test(core, fix_keeps_the_palette_it_was_given);
    tcase_add_test(core, fix_gives_frames_one_size_and_palette);
    tcase_add_test(core, fix_shares_a_palette_between_pictures);
    tcase_add_test(core, fix_grows_all_frames_alike);
    tcase_add_test(core, fix_takes_sprites_and_found_grids);
    tcase_add_test(limits, fix_survives_an_empty_picture);
    tcase_add_test(limits, fix_survives_every_failed_allocation);
    tcase_add_test(malformed, fix_refuses_what_it_cannot_use);
    tcase_set_timeout(limits, 120);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
