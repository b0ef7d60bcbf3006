/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The quality report: every figure on pictures whose truth is known. */
#include "px_check.h"

#include "core/json.h"
#include "image/image.h"
#include "image/measure.h"

#include <math.h>
#include <stdint.h>

enum { SIDE = 24 };

/* A clean sprite: an outlined disc with two shades and a margin, whose line steps diagonally. */
static dgxp_image *draw_disc(void)
{
    dgxp_image *image = NULL, *clean = NULL;
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, NULL, &image));
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const int dx = 2 * x - SIDE + 1, dy = 2 * y - SIDE + 1, r2 = dx * dx + dy * dy;
            const uint8_t *color = r2 > 400       ? (const uint8_t[4]){0, 0, 0, 0}
                                   : r2 > 300     ? (const uint8_t[4]){20, 16, 30, 255}
                                   : x + y < SIDE ? (const uint8_t[4]){220, 120, 80, 255}
                                                  : (const uint8_t[4]){170, 70, 60, 255};
            memcpy(px_image_at(image, x, y), color, 4);
        }
    }
    ck_assert_ok(dgxp_cleanup_jaggies(image, NULL, &clean));
    dgxp_image_free(image);
    return clean;
}

static json_t *report(const dgxp_image *const *images, int32_t count,
                      const dgxp_quality_params *params)
{
    dgxp_document *document = NULL;
    json_t *value = NULL;
    ck_assert_ok(dgxp_quality(images, count, params, &document));
    const char *text = dgxp_document_text(document);
    ck_assert_ok(px_json_parse("report", text, strlen(text), &value));
    dgxp_document_free(document);
    return value;
}

static double value_of(const json_t *report_value, const char *metric)
{
    const json_t *entry = json_object_get(json_object_get(report_value, "metrics"), metric);
    ck_assert_msg(entry != NULL, "no metric '%s'", metric);
    return json_number_value(json_object_get(entry, "value"));
}

static bool passes(const json_t *report_value, const char *metric)
{
    const json_t *entry = json_object_get(json_object_get(report_value, "metrics"), metric);
    ck_assert_msg(entry != NULL, "no metric '%s'", metric);
    return json_is_true(json_object_get(entry, "pass"));
}

static bool warns(const json_t *report_value, const char *metric)
{
    const json_t *list = json_object_get(report_value, "warnings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), metric) == 0) {
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(quality_gives_a_clean_sprite_full_marks)
{
    dgxp_image *disc = draw_disc();
    const dgxp_image *const one[] = {disc};
    json_t *value = report(one, 1, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(value, "format")), "dgx-pixels-quality");
    ck_assert(json_is_true(json_object_get(value, "pass")));
    ck_assert_double_eq(json_number_value(json_object_get(value, "score")), 100);
    ck_assert_uint_eq(json_array_size(json_object_get(value, "warnings")), 0);
    ck_assert_double_eq(value_of(value, "colors"), 3);
    ck_assert_double_eq(value_of(value, "outline"), 1);
    ck_assert_double_eq(value_of(value, "main_share"), 1);
    const char *key;
    json_t *entry;
    json_object_foreach(json_object_get(value, "metrics"), key, entry)
    {
        const bool bound = strcmp(json_string_value(json_object_get(entry, "rule")), "none") != 0;
        ck_assert_msg(json_is_string(json_object_get(entry, "help")), "%s has no help", key);
        ck_assert_msg(json_is_number(json_object_get(entry, "threshold")) == bound, "%s", key);
    }
    json_decref(value);
    dgxp_image_free(disc);
}
END_TEST

START_TEST(quality_sees_each_fault_alone)
{
    static const struct {
        const char *metric;
        int x, y;
        uint8_t rgba[4];
        bool hard;
    } cases[] = {
        {"soft_alpha", 12, 12, {220, 120, 80, 254}, true},
        {"near_duplicates", 12, 12, {221, 120, 80, 255}, false},
        {"border_cells", 12, 0, {20, 16, 30, 255}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dgxp_image *disc = draw_disc();
        const dgxp_image *const one[] = {disc};
        memcpy(px_image_at(disc, cases[i].x, cases[i].y), cases[i].rgba, 4);
        json_t *value = report(one, 1, NULL);
        ck_assert_msg(!passes(value, cases[i].metric) && warns(value, cases[i].metric), "%s",
                      cases[i].metric);
        ck_assert_int_eq(json_is_true(json_object_get(value, "pass")), !cases[i].hard);
        ck_assert_double_lt(json_number_value(json_object_get(value, "score")), 100);
        json_decref(value);
        dgxp_image_free(disc);
    }
}
END_TEST

START_TEST(quality_counts_orphans_doubling_and_pieces)
{
    /* Noise: nearly every cell alone.  Doubled: each cell four times.  Two halves: two pieces. */
    dgxp_image *noise = NULL, *doubled = NULL, *halves = NULL;
    uint32_t random = 9;
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, NULL, &noise));
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, NULL, &doubled));
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, NULL, &halves));
    for (int y = 2; y < SIDE - 2; y++) {
        for (int x = 2; x < SIDE - 2; x++) {
            random = random * 1664525u + 1013904223u;
            memcpy(px_image_at(noise, x, y),
                   ((uint8_t[4]){(uint8_t)(random >> 24), (uint8_t)(random >> 16), 60, 255}), 4);
            const uint8_t step = (uint8_t)((x / 2 * 7 + y / 2 * 13) % 5 * 50);
            memcpy(px_image_at(doubled, x, y), ((uint8_t[4]){step, 40, 90, 255}), 4);
            if (x != SIDE / 2) {
                memcpy(px_image_at(halves, x, y), ((uint8_t[4]){200, 40, 90, 255}), 4);
            }
        }
    }
    px_measure_sprite of;
    ck_assert_ok(px_measure_count(noise, &of));
    ck_assert_double_gt((double)of.orphans / (double)of.opaque, 0.9);
    ck_assert_ok(px_measure_count(doubled, &of));
    ck_assert_double_eq(of.even_changes, 1);
    ck_assert_int_eq(of.orphans, 0);
    ck_assert_ok(px_measure_count(halves, &of));
    ck_assert_int_eq(of.opaque, 380); /* 20 * 20 - 20 */
    ck_assert_double_eq_tol(of.main_share, 200.0 / 380, 1e-12);
    ck_assert_int_eq(of.colors, 1);
    ck_assert_double_eq(of.entropy, 0);
    const dgxp_image *const one[] = {doubled};
    json_t *value = report(one, 1, NULL);
    ck_assert(warns(value, "mixels"));
    json_decref(value);
    dgxp_image_free(noise);
    dgxp_image_free(doubled);
    dgxp_image_free(halves);
}
END_TEST

START_TEST(quality_compares_with_palette_and_source)
{
    enum { SCALE = 7 };
    dgxp_image *disc = draw_disc(), *source = NULL;
    dgxp_palette *palette = NULL;
    dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
    const dgxp_image *const one[] = {disc};
    ck_assert_ok(dgxp_image_create(SIDE * SCALE, SIDE * SCALE, NULL, &source));
    for (int y = 0; y < SIDE * SCALE; y++) {
        for (int x = 0; x < SIDE * SCALE; x++) {
            memcpy(px_image_at(source, x, y), px_image_at(disc, x / SCALE, y / SCALE), 4);
        }
    }
    params.source = source;
    json_t *value = report(one, 1, &params);
    ck_assert_double_eq(value_of(value, "grid"), 1);
    ck_assert_double_eq(value_of(value, "residual"), 0);
    json_decref(value);
    params.offset_x = params.offset_y = 3.5; /* half a cell off: no edge lies on a line */
    value = report(one, 1, &params);
    ck_assert_double_eq(value_of(value, "grid"), 0);
    ck_assert(warns(value, "grid") && warns(value, "residual"));
    json_decref(value);

    params = (dgxp_quality_params)DGXP_QUALITY_PARAMS_INIT;
    ck_assert_ok(dgxp_palette_load("pico-8", &palette));
    params.palette = palette;
    params.colors = 2;
    value = report(one, 1, &params);
    ck_assert(!passes(value, "palette") && !passes(value, "colors"));
    ck_assert(json_is_false(json_object_get(value, "pass")));
    json_decref(value);
    dgxp_image *mapped = NULL;
    ck_assert_ok(dgxp_quantize(disc, palette, NULL, &mapped));
    const dgxp_image *const fixed[] = {mapped};
    params.colors = 3;
    value = report(fixed, 1, &params);
    ck_assert(passes(value, "palette") && passes(value, "colors"));
    json_decref(value);
    dgxp_image_free(mapped);
    dgxp_palette_free(palette);
    dgxp_image_free(source);
    dgxp_image_free(disc);
}
END_TEST

START_TEST(quality_measures_seams_and_frames)
{
    /* A ramp repeats badly: its seam is as large as all its steps together. */
    dgxp_image *ramp = NULL, *other = NULL;
    ck_assert_ok(dgxp_image_create(16, 16, NULL, &ramp));
    for (int i = 0; i < 256; i++) {
        const uint8_t value = (uint8_t)(i % 16 * 15);
        memcpy(ramp->rgba + i * 4, ((uint8_t[4]){value, value, value, 255}), 4);
    }
    ck_assert_double_eq_tol(px_measure_seam(ramp), 15, 0.001);
    dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
    const dgxp_image *const one[] = {ramp};
    params.tile = 1;
    json_t *value = report(one, 1, &params);
    ck_assert(warns(value, "seam"));
    json_decref(value);
    dgxp_image_free(ramp);

    dgxp_image *disc = draw_disc();
    ck_assert_ok(dgxp_image_copy(disc, &other));
    const dgxp_image *const frames[] = {disc, other};
    value = report(frames, 2, NULL);
    ck_assert_double_eq(value_of(value, "palette_jaccard"), 1);
    ck_assert_double_eq(value_of(value, "silhouette_overlap"), 1);
    ck_assert_double_eq(value_of(value, "flicker"), 0);
    json_decref(value);
    memcpy(px_image_at(other, 12, 12), ((uint8_t[4]){0, 255, 0, 255}), 4);
    ck_assert_double_eq(px_measure_jaccard(disc, other), 0.75); /* three of four colors */
    /* 576 cells less the eight around the changed one stand still; one of those changed. */
    ck_assert_double_eq_tol(px_measure_flicker(disc, other), 1.0 / 568, 1e-12);
    memset(px_image_at(other, 0, 12), 0, SIDE * 12 * 4); /* the lower half is gone */
    ck_assert_double_eq(px_measure_overlap(disc, other), 0.5);
    value = report(frames, 2, NULL);
    ck_assert(warns(value, "silhouette_overlap"));
    json_decref(value);
    dgxp_image_free(disc);
    dgxp_image_free(other);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(quality_takes_blank_and_tiny_pictures)
{
    static const int32_t sizes[][2] = {{1, 1}, {1, 7}, {7, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        dgxp_image *blank = NULL;
        dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
        ck_assert_ok(dgxp_image_create(sizes[i][0], sizes[i][1], NULL, &blank));
        const dgxp_image *const two[] = {blank, blank};
        json_t *value = report(two, 2, NULL);
        ck_assert(json_is_false(json_object_get(value, "pass")));
        ck_assert(warns(value, "visible"));
        json_decref(value);
        params.tile = 1;
        params.source = blank;
        value = report(two, 1, &params);
        json_decref(value);
        dgxp_image_free(blank);
    }
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(quality_refuses_bad_arguments)
{
    dgxp_image *disc = draw_disc(), *other = NULL;
    dgxp_document *document = NULL;
    dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
    ck_assert_ok(dgxp_image_create(3, 4, NULL, &other));
    const dgxp_image *const frames[] = {disc, other, NULL};
    ck_assert_refused(dgxp_quality(frames, 2, NULL, &document), DGXP_ERR_MISMATCH, "3x4");
    ck_assert_refused(dgxp_quality(frames + 2, 1, NULL, &document), DGXP_ERR_INVALID_ARGUMENT,
                      "NULL");
    ck_assert_status(dgxp_quality(frames, 0, NULL, &document), DGXP_ERR_INVALID_ARGUMENT);
    params.colors = 257;
    ck_assert_refused(dgxp_quality(frames, 1, &params, &document), DGXP_ERR_INVALID_ARGUMENT,
                      "257");
    params.colors = 0;
    params.cell_width = 0.5;
    ck_assert_refused(dgxp_quality(frames, 1, &params, &document), DGXP_ERR_INVALID_ARGUMENT,
                      "0.5");
    params.cell_width = 0;
    params.offset_y = NAN;
    ck_assert_refused(dgxp_quality(frames, 1, &params, &document), DGXP_ERR_INVALID_ARGUMENT,
                      "offset");
    ck_assert_ptr_null(document);
    dgxp_image_free(disc);
    dgxp_image_free(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quality");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, quality_gives_a_clean_sprite_full_marks);
    tcase_add_test(core, quality_sees_each_fault_alone);
    tcase_add_test(core, quality_counts_orphans_doubling_and_pieces);
    tcase_add_test(core, quality_compares_with_palette_and_source);
    tcase_add_test(core, quality_measures_seams_and_frames);
    tcase_add_test(limits, quality_takes_blank_and_tiny_pictures);
    tcase_add_test(malformed, quality_refuses_bad_arguments);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
