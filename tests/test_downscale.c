/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cell rules on cells whose answer is known. */
#include "image/downscale.h"
#include "pixels/sprite.h"

/* One 10x10 cell: 60 pixels of `a`, 40 of `b` at the right, and noise of one level. */
static dgxp_image *make_cell(const uint8_t a[4], const uint8_t b[4])
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(10, 10, NULL, &image));
    for (int32_t y = 0; y < 10; y++) {
        for (int32_t x = 0; x < 10; x++) {
            memcpy(px_image_at(image, x, y), x < 6 ? a : b, 4);
            px_image_at(image, x, y)[0] ^= (uint8_t)(y & 1);
        }
    }
    return image;
}

static void reduce(const dgxp_image *image, int32_t side, dgxp_downscale_params params,
                   uint8_t out[4])
{
    dgxp_grid_params force = DGXP_GRID_PARAMS_INIT;
    dgxp_grid *grid = NULL;
    dgxp_image *small = NULL;
    force.width = force.height = side;
    ck_assert_ok(dgxp_grid_detect(image, &force, &grid));
    ck_assert_ok(dgxp_downscale(image, grid, &params, &small));
    memcpy(out, dgxp_image_pixels(small), 4);
    dgxp_grid_free(grid);
    dgxp_image_free(small);
}

START_TEST(rules_give_the_known_color)
{
    static const uint8_t a[4] = {40, 80, 120, 255}, b[4] = {240, 220, 30, 255};
    dgxp_image *image = make_cell(a, b);
    for (int32_t i = 0; i < px_downscale_rule_count; i++) {
        dgxp_downscale_params params = DGXP_DOWNSCALE_PARAMS_INIT;
        uint8_t out[4];
        params.rule = px_downscale_rule_choices[i].value;
        reduce(image, 1, params, out);
        ck_assert_int_eq(out[3], 255);
        if (params.rule == DGXP_CELL_DETAIL) {
            /* one cell alone: its surroundings are its own mean, 120 136 84, and the rarer color
             * is farther from that: it weighs more than its share of 40 % */
            ck_assert_int_gt(out[0], 122);
            ck_assert_int_lt(out[0], 240);
        } else {
            ck_assert_int_le(abs(out[0] - 40), 1);
            ck_assert_int_eq(out[1], 80);
            ck_assert_int_eq(out[2], 120);
        }
    }
    dgxp_image_free(image);
}
END_TEST

START_TEST(alpha_is_hard_unless_asked)
{
    static const uint8_t a[4] = {40, 80, 120, 100}, b[4] = {240, 220, 30, 100};
    dgxp_image *image = make_cell(a, b);
    dgxp_downscale_params params = DGXP_DOWNSCALE_PARAMS_INIT;
    uint8_t out[4];
    reduce(image, 1, params, out);
    ck_assert_mem_eq(out, "\0\0\0\0", 4);
    params.alpha_threshold = 90;
    reduce(image, 1, params, out);
    ck_assert_int_eq(out[3], 255);
    params.alpha_threshold = 0;
    params.soft_alpha = 1;
    reduce(image, 1, params, out);
    ck_assert_int_eq(out[3], 100);
    dgxp_image_free(image);
}
END_TEST

/* The color under transparent pixels must not bleed into the sprite. */
START_TEST(hidden_colors_do_not_bleed)
{
    static const uint8_t a[4] = {40, 80, 120, 255}, b[4] = {255, 0, 255, 0};
    dgxp_image *image = make_cell(a, b);
    for (int32_t rule = DGXP_CELL_MEDIAN; rule <= DGXP_CELL_DETAIL; rule++) {
        dgxp_downscale_params params = DGXP_DOWNSCALE_PARAMS_INIT;
        uint8_t out[4];
        params.rule = rule;
        reduce(image, 1, params, out);
        ck_assert_int_eq(out[3], 255);
        ck_assert_msg(out[1] == 80 && out[2] == 120, "rule %d: %d %d %d", rule, out[0], out[1],
                      out[2]);
    }
    /* of the 24 visible inner pixels 8 are 80 and 16 are 100; the 12 hidden ones are 0 */
    for (int32_t i = 0; i < 100; i++) {
        uint8_t *p = image->rgba + (size_t)i * 4;
        p[1] = p[3] ? (i / 10 % 3 == 2 ? 80 : 100) : 0;
    }
    const dgxp_downscale_params params = DGXP_DOWNSCALE_PARAMS_INIT;
    uint8_t out[4];
    reduce(image, 1, params, out);
    ck_assert_int_eq(out[1], 100);
    dgxp_image_free(image);
}
END_TEST

START_TEST(residual_is_zero_on_flat_cells_and_grows)
{
    dgxp_image *sprite = make_sprite(24, 2, false), *large = enlarge(sprite, 5, 0, 0);
    dgxp_grid *grid = NULL;
    double residual = 1;
    ck_assert_ok(dgxp_grid_detect(large, NULL, &grid));
    ck_assert_ok(dgxp_grid_residual(large, grid, sprite, &residual));
    ck_assert_double_eq(residual, 0);
    memset(dgxp_image_pixels_mut(sprite), 255, 24 * 24 * 4);
    ck_assert_ok(dgxp_grid_residual(large, grid, sprite, &residual));
    ck_assert_double_gt(residual, 0.1);
    ck_assert_refused(dgxp_grid_residual(large, grid, large, &residual), DGXP_ERR_MISMATCH,
                      "24x24");
    dgxp_grid_free(grid);
    dgxp_image_free(sprite);
    dgxp_image_free(large);
}
END_TEST

START_TEST(sprites_larger_than_the_picture_are_sampled)
{
    dgxp_image *image = make_sprite(12, 5, true);
    for (int32_t rule = DGXP_CELL_MEDIAN; rule <= DGXP_CELL_DETAIL; rule++) {
        dgxp_downscale_params params = DGXP_DOWNSCALE_PARAMS_INIT;
        uint8_t out[4];
        params.rule = rule;
        reduce(image, 40, params, out);
        ck_assert_mem_eq(out, image->rgba, 4);
    }
    dgxp_image_free(image);
}
END_TEST

START_TEST(wrong_parameters_are_refused)
{
    dgxp_image *image = make_sprite(12, 5, true), *out = NULL;
    dgxp_grid *grid = NULL;
    dgxp_downscale_params params = DGXP_DOWNSCALE_PARAMS_INIT;
    ck_assert_ok(dgxp_grid_detect(image, NULL, &grid));
    params.rule = 6;
    ck_assert_refused(dgxp_downscale(image, grid, &params, &out), DGXP_ERR_INVALID_ARGUMENT,
                      "rule 6");
    params.rule = 0;
    params.detail = -1;
    ck_assert_refused(dgxp_downscale(image, grid, &params, &out), DGXP_ERR_INVALID_ARGUMENT,
                      "detail -1");
    params.detail = 0;
    params.alpha_threshold = 256;
    ck_assert_refused(dgxp_downscale(image, grid, &params, &out), DGXP_ERR_INVALID_ARGUMENT, "256");
    ck_assert_refused(dgxp_downscale(image, NULL, NULL, &out), DGXP_ERR_INVALID_ARGUMENT, "grid");
    ck_assert_ptr_null(out);
    dgxp_grid_free(grid);
    dgxp_image_free(image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("downscale");
    TCase *core = tcase_create("core");
    tcase_add_test(core, rules_give_the_known_color);
    tcase_add_test(core, alpha_is_hard_unless_asked);
    tcase_add_test(core, hidden_colors_do_not_bleed);
    tcase_add_test(core, residual_is_zero_on_flat_cells_and_grows);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_add_test(limits, sprites_larger_than_the_picture_are_sampled);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(malformed, wrong_parameters_are_refused);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
