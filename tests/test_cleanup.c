/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Orphans, jaggies, outlines and trimming, drawn and expected as text. */
#include "px_check.h"

#include "image/cleanup.h"

#include <math.h>
#include <stdint.h>

/* One letter a cell: '.' transparent, 'k' near black, 'r' red, 's' a red that looks the same,
 * 'w' white, 'o' the color outlines are drawn in. */
static const struct {
    char letter;
    uint8_t rgba[4];
} inks[] = {{'.', {0, 0, 0, 0}},       {'k', {20, 18, 30, 255}},    {'r', {200, 60, 50, 255}},
            {'s', {206, 64, 54, 255}}, {'w', {255, 255, 255, 255}}, {'o', {10, 200, 10, 255}}};

static dgxp_image *draw(const char *rows)
{
    const char *end = strchr(rows, '/');
    const int32_t width = (int32_t)(end ? (size_t)(end - rows) : strlen(rows));
    const int32_t height = (int32_t)((strlen(rows) + 1) / (size_t)(width + 1));
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(width, height, NULL, &image));
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            for (size_t i = 0; i < sizeof inks / sizeof *inks; i++) {
                if (inks[i].letter == rows[y * (width + 1) + x]) {
                    memcpy(px_image_at(image, x, y), inks[i].rgba, 4);
                }
            }
        }
    }
    return image;
}

static void expect(const dgxp_image *image, const char *rows)
{
    dgxp_image *wanted = draw(rows);
    char got[1024];
    int length = 0;
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            char letter = '?';
            for (size_t i = 0; i < sizeof inks / sizeof *inks; i++) {
                letter = memcmp(px_image_at(image, x, y), inks[i].rgba, 4) == 0 ? inks[i].letter
                                                                                : letter;
            }
            got[length++] = letter;
        }
        got[length++] = '/';
    }
    got[length - 1] = '\0';
    ck_assert_msg(px_image_equal(image, wanted), "got  %s\nwant %s", got, rows);
    dgxp_image_free(wanted);
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(cleanup_orphans_join_their_neighbours)
{
    dgxp_image *image = draw("rrrrr/rsrwr/rrrrr/kk.rs"), *result = NULL;
    int32_t changed = -1;
    ck_assert_ok(dgxp_cleanup_orphans(image, 0, &changed, &result));
    expect(result, "rrrrr/rrrwr/rrrrr/kk.rr"); /* white is far from red: an eye stays */
    ck_assert_int_eq(changed, 2);
    dgxp_image_free(result);
    ck_assert_ok(dgxp_cleanup_orphans(image, 2, &changed, &result));
    expect(result, "rrrrr/rrrrr/rrrrr/kk.rr");
    ck_assert_int_eq(changed, 3);
    dgxp_image_free(result);
    dgxp_image_free(image);
}
END_TEST

START_TEST(cleanup_jaggies_make_lines_step_diagonally)
{
    static const struct {
        const char *before, *after;
        int32_t changed;
    } cases[] = {
        {"kk.../.kk../..kk./...kk", "k..../.k.../..k../...kk", 3}, /* a doubled diagonal */
        {"...kk/..kk./.kk../kk...", "....k/...k./..k../kk...", 3},
        {"kkkk/k..k/k..k/kkkk", "kkkk/k..k/k..k/kkkk", 0}, /* a box keeps its corners */
        {"kkkk/kkkk/kkkk/kkkk", "kkkk/kkkk/kkkk/kkkk", 0}, /* an area has none */
        {"k.../.k../..k./...k", "k.../.k../..k./...k", 0}, /* clean already */
        {".k./kkk/.k.", ".k./kkk/.k.", 0},                 /* a crossing */
        {"rrrrr/rkrrr/rkkrr/rrkkr/rrrrr", "rrrrr/rkrrr/rrkrr/rrrkr/rrrrr",
         2}, /* inside: the color outside it */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dgxp_image *image = draw(cases[i].before), *result = NULL;
        int32_t changed = -1;
        ck_assert_ok(dgxp_cleanup_jaggies(image, &changed, &result));
        expect(result, cases[i].after);
        ck_assert_int_eq(changed, cases[i].changed);
        dgxp_image_free(result);
        dgxp_image_free(image);
    }
}
END_TEST

START_TEST(cleanup_jaggies_keep_symmetry)
{
    dgxp_image *image = draw("..kkkkkk../.kkrrrrkk./kkrrrrrrkk/krrrrrrrrk/krrrrrrrrk/kkrrrrrrkk/"
                             ".kkrrrrkk./..kkkkkk..");
    dgxp_image *result = NULL;
    int32_t changed = -1;
    ck_assert_ok(dgxp_cleanup_jaggies(image, &changed, &result));
    ck_assert_int_gt(changed, 0);
    for (int32_t y = 0; y < 8; y++) {
        for (int32_t x = 0; x < 10; x++) {
            const uint8_t *cell = px_image_at(result, x, y);
            ck_assert_mem_eq(cell, px_image_at(result, 9 - x, y), 4);
            ck_assert_mem_eq(cell, px_image_at(result, x, 7 - y), 4);
            ck_assert(!px_cleanup_is_jaggy(result, x, y));
        }
    }
    dgxp_image_free(result);
    dgxp_image_free(image);
}
END_TEST

START_TEST(cleanup_outlines_outside_and_inside)
{
    static const struct {
        const char *before, *after;
        int32_t kind, corners, no_grow, changed;
    } cases[] = {
        {"...../.rr../.rr../.....", ".oo../orro./orro./.oo..", DGXP_OUTLINE_OUTER, 0, 0, 8},
        {"...../.rr../.rr../.....", "oooo./orro./orro./oooo.", DGXP_OUTLINE_OUTER, 1, 0, 12},
        {"rr/rr", ".oo./orro/orro/.oo.", DGXP_OUTLINE_OUTER, 0, 0, 8},
        {"r./..", "ro/o.", DGXP_OUTLINE_OUTER, 0, 1, 2},
        {"rrr/rrr/rrr", "ooo/oro/ooo", DGXP_OUTLINE_INNER, 0, 0, 8},
        {".rrrr/rrrrr/rrrrr/rrrrr", ".oooo/orrro/orrro/ooooo", DGXP_OUTLINE_INNER, 0, 0, 13},
        {".rrrr/rrrrr/rrrrr/rrrrr", ".oooo/oorro/orrro/ooooo", DGXP_OUTLINE_INNER, 1, 0, 14},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dgxp_image *image = draw(cases[i].before), *result = NULL;
        dgxp_outline_params params = DGXP_OUTLINE_PARAMS_INIT;
        int32_t changed = -1;
        params.kind = cases[i].kind;
        params.corners = cases[i].corners;
        params.no_grow = cases[i].no_grow;
        memcpy(params.color, (uint8_t[4]){10, 200, 10, 255}, 4);
        ck_assert_ok(dgxp_cleanup_outline(image, &params, &changed, &result));
        expect(result, cases[i].after);
        ck_assert_int_eq(changed, cases[i].changed);
        dgxp_image_free(result);
        dgxp_image_free(image);
    }
    dgxp_image *image = draw("...../.rkr./....."), *result = NULL;
    ck_assert_ok(dgxp_cleanup_outline(image, NULL, NULL, &result)); /* the darkest color it has */
    expect(result, ".kkk./krkrk/.kkk.");
    dgxp_image_free(result);
    dgxp_image_free(image);
}
END_TEST

START_TEST(cleanup_trims_with_a_pivot)
{
    dgxp_image *image = draw("....../..rr../.rrrr./..k.../......"), *result = NULL;
    dgxp_trim_params params = DGXP_TRIM_PARAMS_INIT;
    dgxp_trim_report report = DGXP_TRIM_REPORT_INIT;
    ck_assert_ok(dgxp_image_set_text(image, "Title", "kept"));
    ck_assert_ok(dgxp_cleanup_trim(image, NULL, &report, &result));
    expect(result, ".rr./rrrr/.k..");
    ck_assert_str_eq(dgxp_image_text(result, "Title"), "kept");
    ck_assert_int_eq(report.x, 1);
    ck_assert_int_eq(report.y, 1);
    ck_assert_int_eq(report.width, 6);
    ck_assert_int_eq(report.height, 5);
    ck_assert_float_eq(report.pivot_x, 1.5f); /* the middle of the one cell it stands on */
    ck_assert_float_eq(report.pivot_y, 3);
    dgxp_image_free(result);
    params.padding = 2;
    params.pivot = DGXP_PIVOT_CENTER;
    ck_assert_ok(dgxp_cleanup_trim(image, &params, &report, &result));
    expect(result, "......../......../...rr.../..rrrr../...k..../......../........");
    ck_assert_int_eq(report.x, -1);
    ck_assert_float_eq(report.pivot_x, 4);
    ck_assert_float_eq(report.pivot_y, 3.5f);
    dgxp_image_free(result);
    dgxp_image_free(image);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(cleanup_takes_the_smallest_pictures)
{
    dgxp_image *image = draw("r"), *result = NULL;
    int32_t changed = -1;
    ck_assert_ok(dgxp_cleanup_orphans(image, 2, &changed, &result));
    expect(result, "r");
    ck_assert_int_eq(changed, 0);
    dgxp_image_free(result);
    ck_assert_ok(dgxp_cleanup_jaggies(image, NULL, &result));
    expect(result, "r");
    dgxp_image_free(result);
    ck_assert_ok(dgxp_cleanup_trim(image, NULL, NULL, &result));
    expect(result, "r");
    dgxp_image_free(result);
    dgxp_image_free(image);
    image = draw("...");
    ck_assert_ok(dgxp_cleanup_outline(image, NULL, &changed, &result)); /* nothing to go around */
    expect(result, "...");
    ck_assert_int_eq(changed, 0);
    dgxp_image_free(result);
    result = NULL;
    ck_assert_refused(dgxp_cleanup_trim(image, NULL, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "visible");
    ck_assert_ptr_null(result);
    dgxp_image_free(image);
}
END_TEST

START_TEST(cleanup_refuses_to_outgrow_the_limit)
{
    dgxp_image *image = NULL, *result = NULL;
    ck_assert_ok(dgxp_image_create(16384, 1, NULL, &image));
    memcpy(image->rgba, (uint8_t[4]){1, 2, 3, 255}, 4);
    ck_assert_refused(dgxp_cleanup_outline(image, NULL, NULL, &result), DGXP_ERR_LIMIT, "16384");
    ck_assert_ptr_null(result);
    dgxp_image_free(image);
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(cleanup_refuses_bad_arguments)
{
    dgxp_image *image = draw("rr/rr"), *result = NULL;
    dgxp_outline_params outline = DGXP_OUTLINE_PARAMS_INIT;
    dgxp_trim_params trim = DGXP_TRIM_PARAMS_INIT;
    ck_assert_refused(dgxp_cleanup_orphans(image, -1, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "distance");
    ck_assert_refused(dgxp_cleanup_orphans(image, NAN, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "distance");
    ck_assert_status(dgxp_cleanup_orphans(NULL, 0, NULL, &result), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_cleanup_jaggies(image, NULL, NULL), DGXP_ERR_INVALID_ARGUMENT);
    outline.kind = 5;
    ck_assert_refused(dgxp_cleanup_outline(image, &outline, NULL, &result),
                      DGXP_ERR_INVALID_ARGUMENT, "kind 5");
    outline.kind = 0;
    outline.color[3] = 100;
    ck_assert_refused(dgxp_cleanup_outline(image, &outline, NULL, &result),
                      DGXP_ERR_INVALID_ARGUMENT, "alpha");
    trim.padding = -1;
    ck_assert_refused(dgxp_cleanup_trim(image, &trim, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "padding");
    trim.padding = 0;
    trim.pivot = 3;
    ck_assert_refused(dgxp_cleanup_trim(image, &trim, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "pivot 3");
    ck_assert_ptr_null(result);
    dgxp_image_free(image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cleanup");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, cleanup_orphans_join_their_neighbours);
    tcase_add_test(core, cleanup_jaggies_make_lines_step_diagonally);
    tcase_add_test(core, cleanup_jaggies_keep_symmetry);
    tcase_add_test(core, cleanup_outlines_outside_and_inside);
    tcase_add_test(core, cleanup_trims_with_a_pivot);
    tcase_add_test(limits, cleanup_takes_the_smallest_pictures);
    tcase_add_test(limits, cleanup_refuses_to_outgrow_the_limit);
    tcase_add_test(malformed, cleanup_refuses_bad_arguments);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
