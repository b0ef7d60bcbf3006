/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Backgrounds found, removed, and left alone where there is none. */
#include "px_check.h"

#include "image/color.h"
#include "image/image.h"

#include <math.h>
#include <stdint.h>

enum { SIDE = 48 };

static const uint8_t magenta[3] = {255, 0, 255}, grey[3] = {128, 128, 128},
                     white[3] = {255, 255, 255};

static uint32_t random_state;

static int draw_random(int range)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int)((random_state >> 16) % (uint32_t)(2 * range + 1)) - range;
}

/* A ring with a hole and an outline on a background, each cell shaken by `wobble`; `truth` tells
 * which cells are the subject. */
static dgxp_image *draw_ring(const uint8_t back[3], int wobble, int seed, uint8_t *truth)
{
    dgxp_image *image = NULL;
    random_state = (uint32_t)seed * 77u + 1;
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, NULL, &image));
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const int dx = 2 * x - SIDE + 1, dy = 2 * y - SIDE + 1, r2 = dx * dx + dy * dy;
            const bool subject = r2 < 38 * 38 && r2 > 14 * 14;
            const bool outline = subject && (r2 > 33 * 33 || r2 < 19 * 19);
            const uint8_t body[3] = {(uint8_t)(200 - y), (uint8_t)(60 + x), 40};
            const uint8_t dark[3] = {30, 20, 40};
            const uint8_t *color = !subject ? back : outline ? dark : body;
            uint8_t *p = px_image_at(image, x, y);
            for (int c = 0; c < 3; c++) {
                const int value = color[c] + draw_random(wobble);
                p[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
            p[3] = 255;
            truth[y * SIDE + x] = subject;
        }
    }
    return image;
}

typedef struct score {
    double right, eaten;
    int beside; /* background-colored cells next to transparency */
} score;

static score compare(const dgxp_image *result, const uint8_t *truth, const uint8_t back[3])
{
    int right = 0, eaten = 0, subject = 0, beside = 0;
    const px_lab background = px_color_lab(back);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *p = px_image_at(result, x, y);
            const bool is = truth[y * SIDE + x];
            ck_assert(p[3] == 0 || p[3] == 255);
            if (p[3] == 0) {
                ck_assert_mem_eq(p, ((uint8_t[4]){0, 0, 0, 0}), 4);
            }
            right += (p[3] == 255) == is;
            subject += is;
            eaten += is && p[3] == 0;
            const bool edge =
                x == 0 || y == 0 || x == SIDE - 1 || y == SIDE - 1 ||
                !px_image_at(result, x - 1, y)[3] || !px_image_at(result, x + 1, y)[3] ||
                !px_image_at(result, x, y - 1)[3] || !px_image_at(result, x, y + 1)[3];
            beside += p[3] && edge && px_color_distance2(px_color_lab(p), background) < 0.0025f;
        }
    }
    return (score){(double)right / (SIDE * SIDE), (double)eaten / subject, beside};
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(matte_keeps_its_bars)
{
    static const struct {
        const uint8_t *back;
        double right;
    } cases[] = {{magenta, .995}, {grey, .98}, {white, .98}};
    uint8_t truth[SIDE * SIDE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int seed = 0; seed < 8; seed++) {
            dgxp_image *image = draw_ring(cases[i].back, 6, seed, truth), *result = NULL;
            dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
            dgxp_matte_params params = DGXP_MATTE_PARAMS_INIT;
            params.open_holes = cases[i].back != magenta; /* a key's holes are opened unasked */
            ck_assert_ok(dgxp_matte(image, &params, &report, &result));
            const score s = compare(result, truth, cases[i].back);
            ck_assert_msg(s.right >= cases[i].right && s.eaten <= .005 && s.beside == 0,
                          "background %zu, seed %d: right %.4f, eaten %.4f, beside %d", i, seed,
                          s.right, s.eaten, s.beside);
            ck_assert_int_eq(report.warnings, 0);
            ck_assert_int_eq(report.color_count, 1);
            ck_assert_int_gt(report.flooded, 0);
            ck_assert_int_gt(report.holes, 100);
            ck_assert_int_eq(report.enclosed, 0);
            ck_assert_float_eq(report.border_share, 1);
            dgxp_image_free(image);
            dgxp_image_free(result);
        }
    }
}
END_TEST

START_TEST(matte_keeps_holes_on_request)
{
    uint8_t truth[SIDE * SIDE];
    dgxp_image *image = draw_ring(magenta, 0, 1, truth), *result = NULL;
    dgxp_matte_params params = DGXP_MATTE_PARAMS_INIT;
    dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
    params.keep_holes = 1;
    ck_assert_ok(dgxp_matte(image, &params, &report, &result));
    ck_assert_int_eq(report.holes, 0);
    ck_assert_int_gt(report.enclosed, 100);
    ck_assert_mem_eq(px_image_at(result, SIDE / 2, SIDE / 2), ((uint8_t[4]){255, 0, 255, 255}), 4);
    dgxp_image_free(image);
    dgxp_image_free(result);
}
END_TEST

START_TEST(matte_keeps_what_is_enclosed_on_neutral_ground)
{
    /* An eye, a tooth, a belly of the ground's color, and a gap, look the same: they are kept. */
    static const uint8_t grounds[][3] = {
        {255, 255, 255}, {128, 128, 128}, {0, 0, 0}, {222, 214, 200}, {40, 44, 70}};
    uint8_t truth[SIDE * SIDE];
    for (size_t i = 0; i < sizeof grounds / sizeof *grounds; i++) {
        dgxp_image *image = draw_ring(grounds[i], i == 2 ? 0 : 3, (int)i, truth), *result = NULL;
        dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
        ck_assert_ok(dgxp_matte(image, NULL, &report, &result));
        int inside = 0;
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                const int dx = 2 * x - SIDE + 1, dy = 2 * y - SIDE + 1;
                const bool hole = dx * dx + dy * dy <= 14 * 14;
                const int32_t alpha = truth[y * SIDE + x] || hole ? 255 : 0;
                inside += hole;
                ck_assert_msg(px_image_at(result, x, y)[3] == alpha, "ground %zu at %d, %d", i, x,
                              y);
            }
        }
        ck_assert_int_eq(report.holes, 0);
        ck_assert_int_eq(report.enclosed, inside);
        dgxp_image_free(image);
        dgxp_image_free(result);
    }
}
END_TEST

START_TEST(matte_leaves_no_background_beside_transparency)
{
    /* A tolerance narrower than the wobble leaves crumbs, which must go all the same. */
    uint8_t truth[SIDE * SIDE];
    for (int seed = 0; seed < 4; seed++) {
        dgxp_image *image = draw_ring(grey, 6, seed, truth), *result = NULL;
        dgxp_matte_params params = DGXP_MATTE_PARAMS_INIT;
        dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
        params.tolerance = 0.015f;
        ck_assert_ok(dgxp_matte(image, &params, &report, &result));
        ck_assert_int_gt(report.fringe, 0);
        ck_assert_int_eq(compare(result, truth, grey).beside, 0);
        dgxp_image_free(image);
        dgxp_image_free(result);
    }
}
END_TEST

START_TEST(matte_takes_spill_off_the_edge)
{
    /* A dark square; its right column is 70 % magenta, its left one 30 %. */
    dgxp_image *image = NULL, *result = NULL;
    dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
    ck_assert_ok(dgxp_image_create(20, 20, NULL, &image));
    for (int y = 0; y < 20; y++) {
        for (int x = 0; x < 20; x++) {
            const bool inside = x >= 5 && x < 15 && y >= 5 && y < 15;
            /* OKLab mixtures of 255 0 255 and 20 60 30 with the matrices of tests/pixels/art.py:
             * python3 -c "from art import *;from art import _LAB as A,_LMS as
             * M;i=np.linalg.inv;a,b=oklab(
             * np.array([[255,0,255],[20,60,30]]));print([255*(1.055*(i(M)@(i(A)@(a*t+b*(1-t)))**3)**(1/2.4)
             * -.055) for t in (.7,.3)])" */
            const uint8_t *color = !inside   ? (const uint8_t[4]){255, 0, 255, 255}
                                   : x == 14 ? (const uint8_t[4]){185, 65, 184, 255}
                                   : x == 5  ? (const uint8_t[4]){95, 71, 95, 255}
                                             : (const uint8_t[4]){20, 60, 30, 255};
            memcpy(px_image_at(image, x, y), color, 4);
        }
    }
    ck_assert_ok(dgxp_matte(image, NULL, &report, &result));
    ck_assert_int_ge(report.despilled, 8);
    ck_assert_int_ge(report.fringe, 8);
    ck_assert_mem_eq(px_image_at(result, 5, 9), ((uint8_t[4]){20, 60, 30, 255}), 4);
    ck_assert_int_eq(px_image_at(result, 14, 9)[3], 0);
    ck_assert_int_eq(px_image_at(result, 13, 9)[3], 255);
    dgxp_image_free(result);
    dgxp_matte_params params = DGXP_MATTE_PARAMS_INIT;
    params.keep_fringe = 1;
    ck_assert_ok(dgxp_matte(image, &params, &report, &result));
    ck_assert_int_eq(report.despilled + report.fringe, 0);
    ck_assert_int_eq(px_image_at(result, 14, 9)[3], 255);
    dgxp_image_free(image);
    dgxp_image_free(result);
}
END_TEST

START_TEST(matte_drops_specks_but_not_near_ones)
{
    dgxp_image *image = NULL, *result = NULL;
    dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
    dgxp_matte_params params = DGXP_MATTE_PARAMS_INIT;
    ck_assert_ok(dgxp_image_create(30, 30, NULL, &image));
    for (int y = 10; y < 20; y++) {
        for (int x = 10; x < 20; x++) {
            memcpy(px_image_at(image, x, y), ((uint8_t[4]){50, 90, 200, 255}), 4);
        }
    }
    memcpy(px_image_at(image, 21, 12), ((uint8_t[4]){9, 9, 9, 255}), 4); /* two cells away */
    memcpy(px_image_at(image, 27, 3), ((uint8_t[4]){9, 9, 9, 200}), 4);  /* far */
    ck_assert_ok(dgxp_matte(image, NULL, &report, &result));
    ck_assert_int_eq(report.specks, 1);
    ck_assert_int_eq(px_image_at(result, 21, 12)[3], 255);
    ck_assert_int_eq(px_image_at(result, 27, 3)[3], 0);
    dgxp_image_free(result);
    params.keep_specks = 1;
    ck_assert_ok(dgxp_matte(image, &params, &report, &result));
    ck_assert_int_eq(report.specks, 0);
    ck_assert_int_eq(px_image_at(result, 27, 3)[3], 255);
    dgxp_image_free(image);
    dgxp_image_free(result);
}
END_TEST

START_TEST(matte_uses_transparency_and_keeps_on_request)
{
    dgxp_image *image = NULL, *result = NULL;
    dgxp_matte_params params = DGXP_MATTE_PARAMS_INIT;
    dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
    ck_assert_ok(dgxp_image_create(16, 16, NULL, &image));
    for (int i = 0; i < 16 * 16; i++) {
        memcpy(image->rgba + i * 4, ((uint8_t[4]){200, 30, 30, (uint8_t)(i < 128 ? 127 : 128)}), 4);
    }
    ck_assert_ok(dgxp_matte(image, NULL, &report, &result));
    ck_assert_int_eq(report.color_count, 0);
    ck_assert_int_eq(result->rgba[127 * 4 + 3], 0);
    ck_assert_int_eq(result->rgba[128 * 4 + 3], 255);
    ck_assert_int_eq(report.warnings, DGXP_MATTE_BORDER);
    dgxp_image_free(result);
    dgxp_image_free(image);

    uint8_t truth[SIDE * SIDE];
    image = draw_ring(white, 0, 1, truth);
    params.background = DGXP_BACKGROUND_KEEP;
    ck_assert_ok(dgxp_matte(image, &params, &report, &result));
    ck_assert(px_image_equal(image, result));
    dgxp_image_free(result);
    params.background = DGXP_BACKGROUND_COLOR;
    params.color = 0xFFFFFF;
    params.open_holes = 1;
    ck_assert_ok(dgxp_matte(image, &params, &report, &result));
    ck_assert_double_ge(compare(result, truth, white).right, .999);
    dgxp_image_free(result);
    dgxp_image_free(image);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(matte_says_when_there_is_no_background)
{
    dgxp_image *image = NULL, *result = NULL;
    dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
    random_state = 3;
    ck_assert_ok(dgxp_image_create(32, 32, NULL, &image));
    for (int i = 0; i < 32 * 32; i++) {
        const uint8_t rgba[4] = {(uint8_t)(128 + draw_random(127)),
                                 (uint8_t)(128 + draw_random(127)),
                                 (uint8_t)(128 + draw_random(127)), 255};
        memcpy(image->rgba + i * 4, rgba, 4);
    }
    ck_assert_ok(dgxp_matte(image, NULL, &report, &result));
    ck_assert_int_eq(report.warnings, DGXP_MATTE_NOT_UNIFORM);
    ck_assert(px_image_equal(image, result));
    dgxp_image_free(image);
    dgxp_image_free(result);
}
END_TEST

START_TEST(matte_removes_a_painted_checkerboard)
{
    dgxp_image *image = NULL, *result = NULL;
    dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
    ck_assert_ok(dgxp_image_create(32, 32, NULL, &image));
    for (int y = 0; y < 32; y++) {
        for (int x = 0; x < 32; x++) {
            const bool subject = x >= 10 && x < 22 && y >= 10 && y < 22;
            const uint8_t value = (x / 4 + y / 4) % 2 ? 255 : 192;
            const uint8_t rgba[4] = {subject ? 180 : value, subject ? 40 : value,
                                     subject ? 30 : value, 255};
            memcpy(px_image_at(image, x, y), rgba, 4);
        }
    }
    ck_assert_ok(dgxp_matte(image, NULL, &report, &result));
    ck_assert_int_eq(report.color_count, 2);
    for (int y = 0; y < 32; y++) {
        for (int x = 0; x < 32; x++) {
            const bool subject = x >= 10 && x < 22 && y >= 10 && y < 22;
            ck_assert_int_eq(px_image_at(result, x, y)[3], subject ? 255 : 0);
        }
    }
    dgxp_image_free(image);
    dgxp_image_free(result);
}
END_TEST

START_TEST(matte_takes_any_shape)
{
    static const int32_t sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}, {3, 2}, {5000, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        dgxp_image *image = NULL, *result = NULL;
        dgxp_matte_report report = DGXP_MATTE_REPORT_INIT;
        ck_assert_ok(dgxp_image_create(sizes[i][0], sizes[i][1], NULL, &image));
        for (size_t at = 0; at < px_image_count(image); at++) {
            memcpy(image->rgba + at * 4, ((uint8_t[4]){9, 200, 9, 255}), 4);
        }
        ck_assert_ok(dgxp_matte(image, NULL, &report, &result));
        ck_assert_float_eq(report.opaque_share, 0); /* nothing but background */
        ck_assert_int_eq(report.warnings & DGXP_MATTE_SHARE, DGXP_MATTE_SHARE);
        dgxp_image_free(image);
        dgxp_image_free(result);
    }
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(matte_refuses_bad_arguments)
{
    uint8_t truth[SIDE * SIDE];
    dgxp_image *image = draw_ring(white, 0, 1, truth), *result = NULL;
    dgxp_matte_params params = DGXP_MATTE_PARAMS_INIT;
    params.background = 7;
    ck_assert_refused(dgxp_matte(image, &params, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "background 7");
    params.background = 0;
    params.tolerance = -1;
    ck_assert_refused(dgxp_matte(image, &params, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "tolerance");
    params.tolerance = NAN;
    ck_assert_refused(dgxp_matte(image, &params, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "tolerance");
    params.tolerance = 0;
    params.color = 0x1000000;
    ck_assert_refused(dgxp_matte(image, &params, NULL, &result), DGXP_ERR_INVALID_ARGUMENT,
                      "0xRRGGBB");
    ck_assert_status(dgxp_matte(NULL, NULL, NULL, &result), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(result);
    dgxp_image_free(image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("matte");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, matte_keeps_its_bars);
    tcase_add_test(core, matte_keeps_holes_on_request);
    tcase_add_test(core, matte_keeps_what_is_enclosed_on_neutral_ground);
    tcase_add_test(core, matte_leaves_no_background_beside_transparency);
    tcase_add_test(core, matte_takes_spill_off_the_edge);
    tcase_add_test(core, matte_drops_specks_but_not_near_ones);
    tcase_add_test(core, matte_uses_transparency_and_keeps_on_request);
    tcase_add_test(limits, matte_says_when_there_is_no_background);
    tcase_add_test(limits, matte_removes_a_painted_checkerboard);
    tcase_add_test(limits, matte_takes_any_shape);
    tcase_add_test(malformed, matte_refuses_bad_arguments);
    tcase_set_timeout(core, 60);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
