/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Colorways: light order in every ramp, what is kept, and what is refused. */
#include "px_check.h"

#include <math.h>

enum { SHADES = 14 };

/* Dark to light: an outline, four reds, four golds, two of skin, three greys. */
static const uint32_t colors[SHADES] = {0x181420, 0x5C1C1C, 0x902828, 0xC83838, 0xE87060,
                                        0x6C4810, 0xA07018, 0xD8A028, 0xF0D060, 0xC89070,
                                        0xE8B898, 0x585858, 0x909090, 0xD0D0D0};

static dgxp_image *draw_strip(void)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(SHADES, 8, NULL, &image));
    for (int i = 0; i < SHADES * 8; i++) {
        const uint32_t rgb = colors[i % SHADES];
        memcpy(dgxp_image_pixels_mut(image) + i * 4,
               (uint8_t[4]){(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb, 255}, 4);
    }
    return image;
}

/* OKLab's lightness by its definition (https://bottosson.github.io/posts/oklab/), in double. */
static double measure_light(const uint8_t *rgb)
{
    double c[3];
    for (int i = 0; i < 3; i++) {
        const double v = rgb[i] / 255.0;
        c[i] = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
    }
    const double l = cbrt(0.4122214708 * c[0] + 0.5363325363 * c[1] + 0.0514459929 * c[2]);
    const double m = cbrt(0.2119034982 * c[0] + 0.6806995451 * c[1] + 0.1073969566 * c[2]);
    const double s = cbrt(0.0883024619 * c[0] + 0.2817188376 * c[1] + 0.6299787005 * c[2]);
    return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

static const uint8_t *pixel(const dgxp_image *image, int x)
{
    return dgxp_image_pixels(image) + x * 4;
}

START_TEST(recolor_keeps_the_order_of_light)
{
    static const int ramps[][2] = {{1, 4}, {5, 8}, {9, 10}, {11, 13}};
    dgxp_image *sprite = draw_strip();
    int changed = 0;
    for (int32_t variant = 0; variant <= 64; variant++) {
        dgxp_recolor_params params = DGXP_RECOLOR_PARAMS_INIT;
        dgxp_image *out = NULL, *again = NULL;
        params.variant = variant;
        params.map = variant ? NULL : "red=blue,gold=silver,grey=green";
        ck_assert_ok(dgxp_recolor(sprite, &params, NULL, &out));
        ck_assert_ok(dgxp_recolor(sprite, &params, NULL, &again));
        ck_assert_mem_eq(dgxp_image_pixels(out), dgxp_image_pixels(again), SHADES * 8 * 4);
        ck_assert_mem_eq(pixel(out, 0), pixel(sprite, 0), 4); /* the outline */
        for (int r = 0; r < 4; r++) {
            for (int i = ramps[r][0]; i <= ramps[r][1]; i++) {
                const double light = measure_light(pixel(out, i));
                ck_assert_msg(i == ramps[r][0] || light > measure_light(pixel(out, i - 1)),
                              "variant %d: shade %d", variant, i);
                ck_assert_double_le(fabs(light - measure_light(pixel(sprite, i))), 0.03);
                changed += memcmp(pixel(out, i), pixel(sprite, i), 4) != 0;
            }
        }
        dgxp_image_free(out);
        dgxp_image_free(again);
    }
    ck_assert_int_gt(changed, 64 * 8);
    dgxp_image_free(sprite);
}
END_TEST

START_TEST(recolor_maps_what_it_is_told_and_nothing_else)
{
    dgxp_image *sprite = draw_strip(), *out = NULL;
    dgxp_document *report = NULL;
    dgxp_recolor_params params = DGXP_RECOLOR_PARAMS_INIT;
    params.map = "red=blue";
    params.keep_skin = 1;
    ck_assert_ok(dgxp_recolor(sprite, &params, &report, &out));
    for (int i = 0; i < SHADES; i++) {
        const uint8_t *c = pixel(out, i);
        if (i >= 1 && i <= 4) {
            ck_assert_msg(c[2] > c[0] && c[2] > c[1], "shade %d is #%02x%02x%02x", i, c[0], c[1],
                          c[2]);
        } else {
            ck_assert_mem_eq(c, pixel(sprite, i), 4);
        }
    }
    ck_assert(strstr(dgxp_document_text(report), "\"name\": \"red\""));
    dgxp_document_free(report);
    dgxp_image_free(out);
    params = (dgxp_recolor_params)DGXP_RECOLOR_PARAMS_INIT;
    params.variant = 5;
    params.keep_skin = 1;
    ck_assert_ok(dgxp_recolor(sprite, &params, NULL, &out));
    ck_assert_mem_eq(pixel(out, 10), pixel(sprite, 10), 4);
    dgxp_image_free(out);
    dgxp_image_free(sprite);
}
END_TEST

START_TEST(recolor_dyes_what_is_grey_all_over)
{
    dgxp_image *wolf = NULL, *out = NULL, *other = NULL;
    ck_assert_ok(dgxp_image_create(8, 8, NULL, &wolf));
    for (int i = 0; i < 64; i++) {
        const uint8_t grey = (uint8_t)(70 + i / 8 * 26);
        memcpy(dgxp_image_pixels_mut(wolf) + i * 4, (uint8_t[4]){grey, grey, grey, 255}, 4);
    }
    dgxp_recolor_params params = DGXP_RECOLOR_PARAMS_INIT;
    for (int32_t variant = 1; variant <= 8; variant++) {
        params.variant = variant;
        ck_assert_ok(dgxp_recolor(wolf, &params, NULL, &out));
        for (int i = 8; i < 64; i += 8) {
            ck_assert_double_gt(measure_light(pixel(out, i)), measure_light(pixel(out, i - 8)));
        }
        ck_assert_mem_ne(pixel(out, 24), pixel(wolf, 24), 4);
        ck_assert(!other || memcmp(pixel(out, 24), pixel(other, 24), 4) != 0);
        dgxp_image_free(other);
        other = out;
        out = NULL;
    }
    dgxp_image_free(other);
    params.map = "grey=red";
    ck_assert_ok(dgxp_recolor(wolf, &params, NULL, &out));
    ck_assert_int_gt(pixel(out, 24)[0], pixel(out, 24)[2] + 40);
    dgxp_image_free(out);
    dgxp_image_free(wolf);
}
END_TEST

START_TEST(recolor_refuses_what_it_does_not_know)
{
    static const struct {
        const char *map, *part;
        dgxp_status status;
    } cases[] = {{"red", "no pair", DGXP_ERR_INVALID_ARGUMENT},
                 {"red=bleu", "'bleu' is no color", DGXP_ERR_INVALID_ARGUMENT},
                 {"red=#12345", "no color", DGXP_ERR_INVALID_ARGUMENT},
                 {"red=#12345g", "no color", DGXP_ERR_INVALID_ARGUMENT},
                 {"=blue", "no color", DGXP_ERR_INVALID_ARGUMENT},
                 {"cyan=red", "no ramp like 'cyan'", DGXP_ERR_NOT_FOUND}};
    dgxp_image *sprite = draw_strip(), *out = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dgxp_recolor_params params = DGXP_RECOLOR_PARAMS_INIT;
        params.map = cases[i].map;
        ck_assert_refused(dgxp_recolor(sprite, &params, NULL, &out), cases[i].status,
                          cases[i].part);
    }
    dgxp_recolor_params params = DGXP_RECOLOR_PARAMS_INIT;
    params.variant = 1001;
    ck_assert_refused(dgxp_recolor(sprite, &params, NULL, &out), DGXP_ERR_INVALID_ARGUMENT, "1000");
    ck_assert_refused(dgxp_recolor(NULL, NULL, NULL, &out), DGXP_ERR_INVALID_ARGUMENT, "NULL");
    ck_assert_ptr_null(out);
    dgxp_image_free(sprite);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recolor");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_test(core, recolor_keeps_the_order_of_light);
    tcase_add_test(core, recolor_maps_what_it_is_told_and_nothing_else);
    tcase_add_test(core, recolor_dyes_what_is_grey_all_over);
    tcase_add_test(malformed, recolor_refuses_what_it_does_not_know);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
