/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Grid recovery: flat cells bit for bit, soft, shifted and bent ones, forced sizes, painted input.
 */
#include "pixels/sprite.h"

static dgxp_grid_info detect(const dgxp_image *image, const dgxp_grid_params *params,
                             dgxp_image **sprite)
{
    dgxp_grid *grid = NULL;
    dgxp_grid_info info = DGXP_GRID_INFO_INIT;
    ck_assert_ok(dgxp_grid_detect(image, params, &grid));
    ck_assert_ok(dgxp_grid_describe(grid, &info));
    if (sprite) {
        ck_assert_ok(dgxp_downscale(image, grid, NULL, sprite));
    }
    dgxp_grid_free(grid);
    return info;
}

/* The part of `image` that is left when the first column or row is dropped. */
static dgxp_image *drop_first(const dgxp_image *image, bool column, bool row)
{
    dgxp_image *out = NULL;
    ck_assert_ok(dgxp_image_create(image->width - column, image->height - row, NULL, &out));
    for (int32_t y = 0; y < out->height; y++) {
        memcpy(px_image_at(out, 0, y), px_image_at(image, column, y + row), (size_t)out->width * 4);
    }
    return out;
}

START_TEST(flat_cells_come_back_exactly)
{
    for (int32_t scale = 3; scale <= 32; scale++) {
        for (int32_t step = 0; step < scale; step += scale > 8 ? 5 : 1) {
            const int32_t left = step, top = (step * 3 + 1) % scale;
            dgxp_image *sprite = make_sprite(17, (uint32_t)(scale + step), step & 1);
            dgxp_image *large = enlarge(sprite, scale, left, top), *back = NULL;
            dgxp_image *wanted = drop_first(sprite, left * 2 > scale, top * 2 > scale);
            const dgxp_grid_info info = detect(large, NULL, &back);
            ck_assert_int_eq(info.kind, DGXP_GRID_FLAT);
            ck_assert_double_eq(info.cell_width, scale);
            ck_assert_msg(px_image_equal(wanted, back), "scale %d, cut %d and %d: %dx%d", scale,
                          left, top, back->width, back->height);
            dgxp_image_free(sprite);
            dgxp_image_free(large);
            dgxp_image_free(wanted);
            dgxp_image_free(back);
        }
    }
}
END_TEST

/* Pixel x of an enlargement by a factor that is not whole shows cell (x + phase) / cell. */
static dgxp_image *stretch(const dgxp_image *image, double cell_x, double cell_y, double phase)
{
    dgxp_image *out = NULL;
    const int32_t width = (int32_t)ceil(image->width * cell_x - phase);
    const int32_t height = (int32_t)ceil(image->height * cell_y - phase);
    cell_x = phase <= 0.5 ? (double)width / image->width : cell_x; /* else the border is cut */
    cell_y = phase <= 0.5 ? (double)height / image->height : cell_y;
    ck_assert_ok(dgxp_image_create(width, height, NULL, &out));
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            memcpy(px_image_at(out, x, y),
                   px_image_at(image, sprite_clamp((x + phase) / cell_x, image->width),
                               sprite_clamp((y + phase) / cell_y, image->height)),
                   4);
        }
    }
    return out;
}

START_TEST(stretched_cells_come_back_exactly)
{
    static const double phases[] = {0.5, 0, 0.9};
    for (int32_t k = 0; k < 90; k++) {
        const double cell = 2.03 + k * 0.07 + k * k * 0.002;
        if (fabs(cell - rint(cell)) < 0.02) {
            continue; /* as good as whole */
        }
        dgxp_image *sprite = make_sprite(k % 5 ? 24 + k % 20 : 48, (uint32_t)k, k & 1),
                   *back = NULL;
        dgxp_image *large = stretch(sprite, cell, k % 5 ? cell : cell * 1.25, phases[k % 3]);
        const dgxp_grid_info info = detect(large, NULL, &back);
        ck_assert_msg(info.kind == DGXP_GRID_FLAT && px_image_equal(sprite, back),
                      "cell %g, phase %g: kind %d, %dx%d for %dx%d", cell, phases[k % 3], info.kind,
                      back->width, back->height, sprite->width, sprite->height);
        dgxp_image_free(sprite);
        dgxp_image_free(large);
        dgxp_image_free(back);
    }
}
END_TEST

START_TEST(native_sprites_pass_unchanged)
{
    static const int32_t sides[] = {8, 16, 32, 48, 64, 96};
    for (size_t i = 0; i < 2 * sizeof sides / sizeof sides[0]; i++) {
        dgxp_image *sprite = make_sprite(sides[i / 2], (uint32_t)i, i & 1), *back = NULL;
        ck_assert_ok(dgxp_image_set_text(sprite, "Title", "kept"));
        const dgxp_grid_info info = detect(sprite, NULL, &back);
        ck_assert_int_eq(info.kind, DGXP_GRID_FLAT);
        ck_assert(px_image_equal(sprite, back));
        ck_assert_str_eq(dgxp_image_text(back, "Title"), "kept");
        dgxp_image_free(sprite);
        dgxp_image_free(back);
    }
}
END_TEST

/* Regular patterns have a period of their own, which is not a cell. */
START_TEST(native_patterns_pass_unchanged)
{
    for (int pattern = 0; pattern < 4; pattern++) {
        dgxp_image *tile = NULL, *back = NULL;
        ck_assert_ok(dgxp_image_create(64, 64, NULL, &tile));
        for (int32_t y = 0; y < 64; y++) {
            for (int32_t x = 0; x < 64; x++) {
                const bool mark[4] = {y % 4 == 0 || (x + y / 4 * 4) % 8 == 0, x % 3 == 0,
                                      (x + y) % 2 == 0, y % 8 == 0 || (y % 8 == 4 && x % 8 == 0)};
                const uint8_t color[4] = {mark[pattern] ? 90 : 180, 60, (uint8_t)pattern, 255};
                memcpy(px_image_at(tile, x, y), color, 4);
            }
        }
        detect(tile, NULL, &back);
        ck_assert_msg(px_image_equal(tile, back), "pattern %d became %dx%d", pattern, back->width,
                      back->height);
        dgxp_image_free(tile);
        dgxp_image_free(back);
    }
}
END_TEST

START_TEST(spoiled_cells_are_recovered)
{
    static const struct {
        double cell, shift, bend;
        bool alpha;
    } cases[] = {{8, 0, 0, false},      {11.3, 0, 0, false}, {7.61, 0.3, 0, false},
                 {15.9, -0.4, 0, true}, {9.7, 0, 0, true},   {10.2, 0, 0.3, false},
                 {13.4, 0, 0.35, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dgxp_image *sprite = make_sprite(64, (uint32_t)i + 50, cases[i].alpha), *back = NULL;
        dgxp_image *large = spoil(sprite, cases[i].cell, cases[i].shift, cases[i].bend);
        const dgxp_grid_info info = detect(large, NULL, &back);
        ck_assert_int_eq(info.kind, DGXP_GRID_CELLS);
        ck_assert_int_eq(info.width, 64);
        ck_assert_int_eq(info.height, 64);
        ck_assert_double_eq_tol(info.cell_width, cases[i].cell, 0.006 * cases[i].cell);
        ck_assert_double_ge(info.confidence, 2.5);
        ck_assert_int_ge(info.candidate_count, 1);
        ck_assert_int_eq(info.bent, cases[i].bend > 0);
        const double agreement = measure_agreement(sprite, back);
        ck_assert_msg(agreement >= 0.95, "case %zu: %.3f agree", i, agreement);
        dgxp_image_free(sprite);
        dgxp_image_free(large);
        dgxp_image_free(back);
    }
}
END_TEST

START_TEST(forced_sizes_win_exactly)
{
    dgxp_image *sprite = make_sprite(64, 3, false), *large = spoil(sprite, 12, 0, 0), *back = NULL;
    dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
    params.width = 50;
    params.height = 31;
    dgxp_grid_info info = detect(large, &params, &back);
    ck_assert_int_eq(info.kind, DGXP_GRID_FORCED);
    ck_assert_int_eq(back->width, 50);
    ck_assert_int_eq(back->height, 31);
    dgxp_image_free(back);
    params.height = 0; /* in proportion */
    info = detect(large, &params, NULL);
    ck_assert_int_eq(info.height, 50);
    params.width = 64;
    info = detect(large, &params, &back);
    ck_assert_double_ge(measure_agreement(sprite, back), 0.95);
    dgxp_image_free(back);
    params.width = 0;
    params.cell_width = 8;
    info = detect(large, &params, &back);
    ck_assert_double_eq(info.cell_width, 8);
    ck_assert_double_eq(info.cell_height, 8);
    ck_assert_int_eq(back->width, 96);
    dgxp_image_free(back);
    params.cell_height = 24;
    info = detect(large, &params, NULL);
    ck_assert_int_eq(info.width, 96);
    ck_assert_int_eq(info.height, 32);
    dgxp_image_free(sprite);
    dgxp_image_free(large);
}
END_TEST

START_TEST(forced_size_of_a_flat_picture_is_bit_exact)
{
    dgxp_image *sprite = make_sprite(32, 9, true), *large = enlarge(sprite, 6, 0, 0), *back = NULL;
    dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
    params.width = params.height = 32;
    const dgxp_grid_info info = detect(large, &params, &back);
    ck_assert_int_eq(info.kind, DGXP_GRID_FLAT);
    ck_assert(px_image_equal(sprite, back));
    dgxp_image_free(sprite);
    dgxp_image_free(large);
    dgxp_image_free(back);
}
END_TEST

START_TEST(non_square_cells_are_a_mode)
{
    dgxp_image *sprite = make_sprite(48, 4, false), *large = NULL, *soft = NULL, *back = NULL;
    soft = spoil(sprite, 8, 0, 0);
    ck_assert_ok(dgxp_image_create(soft->width, soft->height * 2, NULL, &large));
    for (int32_t y = 0; y < large->height; y++) {
        memcpy(px_image_at(large, 0, y), px_image_at(soft, 0, y / 2), (size_t)soft->width * 4);
    }
    dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
    params.non_square = 1;
    const dgxp_grid_info info = detect(large, &params, &back);
    ck_assert_int_eq(info.width, 48);
    ck_assert_int_eq(info.height, 48);
    ck_assert_double_eq_tol(info.cell_height, 16, 0.1);
    ck_assert_double_ge(measure_agreement(sprite, back), 0.95);
    dgxp_image_free(sprite);
    dgxp_image_free(soft);
    dgxp_image_free(large);
    dgxp_image_free(back);
}
END_TEST

/* Cells twice as high as wide, soft and noisy, without being told. */
START_TEST(non_square_cells_are_seen)
{
    dgxp_image *sprite = make_sprite(48, 4, false), *large = NULL;
    dgxp_image *soft = spoil(sprite, 8, 0, 0);
    ck_assert_ok(dgxp_image_create(soft->width, soft->height * 2, NULL, &large));
    for (int32_t y = 0; y < large->height; y++) {
        memcpy(px_image_at(large, 0, y), px_image_at(soft, 0, y / 2), (size_t)soft->width * 4);
    }
    const dgxp_grid_info info = detect(large, NULL, NULL);
    ck_assert_int_eq(info.width, 48);
    ck_assert_int_eq(info.height, 48);
    dgxp_image_free(sprite);
    dgxp_image_free(soft);
    dgxp_image_free(large);
}
END_TEST

/* Bilinear enlargements by whole and broken factors have bends, and no edges. */
START_TEST(linear_enlargements_are_recovered)
{
    static const double factors[] = {6, 7.3, 9, 11.6};
    for (size_t k = 0; k < sizeof factors / sizeof factors[0]; k++) {
        dgxp_image *sprite = make_sprite(44, (uint32_t)k + 2, false), *large = NULL, *back = NULL;
        const int32_t side = (int32_t)rint(44 * factors[k]);
        ck_assert_ok(dgxp_image_create(side, side, NULL, &large));
        for (int32_t at = 0; at < side * side; at++) {
            const double u = fmin(fmax((at % side + 0.5) * 44 / side - 0.5, 0), 43);
            const double v = fmin(fmax((at / side + 0.5) * 44 / side - 0.5, 0), 43);
            const int32_t i = (int32_t)fmin(u, 42), j = (int32_t)fmin(v, 42);
            for (int c = 0; c < 4; c++) {
                const double top = px_image_at(sprite, i, j)[c] * (i + 1 - u) +
                                   px_image_at(sprite, i + 1, j)[c] * (u - i);
                const double low = px_image_at(sprite, i, j + 1)[c] * (i + 1 - u) +
                                   px_image_at(sprite, i + 1, j + 1)[c] * (u - i);
                large->rgba[(size_t)at * 4 + (size_t)c] =
                    (uint8_t)rint(top * (j + 1 - v) + low * (v - j));
            }
        }
        const dgxp_grid_info info = detect(large, NULL, &back);
        ck_assert_int_eq(info.kind, DGXP_GRID_CELLS);
        ck_assert_msg(info.width == 44 && info.height == 44, "factor %g: %dx%d", factors[k],
                      info.width, info.height);
        ck_assert_double_ge(measure_agreement(sprite, back), 0.95);
        dgxp_image_free(sprite);
        dgxp_image_free(large);
        dgxp_image_free(back);
    }
}
END_TEST

/* Smooth colors in blocks of 8 pixels, as strong JPEG leaves them, are no cells. */
/* Cells of 2 to 3 pixels under ripples as JPEG makes them; a sprite under them has no such cells. */
START_TEST(small_cells_are_seen_through_ripples)
{
    for (int32_t k = 0; k < 14; k++) {
        const double cell = k < 10 ? 2.07 + k * 0.13 : k < 12 ? 1 : k * 2 - 20; /* 4 and 6 */
        uint32_t state = (uint32_t)k + 5;
        dgxp_image *sprite = make_sprite(40 + k, (uint32_t)k, false), *back = NULL;
        dgxp_image *large = stretch(sprite, cell, cell, 0.5);
        for (size_t i = 0; i < px_image_count(large) * 4; i++) {
            const int value = large->rgba[i] + (int)(sprite_draw(&state) % 9) - 4;
            large->rgba[i] = (uint8_t)(i % 4 == 3    ? 255
                                       : value < 0   ? 0
                                       : value > 255 ? 255
                                                     : value);
        }
        const dgxp_grid_info info = detect(large, NULL, &back);
        ck_assert_msg(info.width == 40 + k && info.height == 40 + k &&
                          (cell < 2 || measure_agreement(sprite, back) > 0.99),
                      "cell %g: %dx%d for %d, agreement %g", cell, info.width, info.height, 40 + k,
                      measure_agreement(sprite, back));
        dgxp_image_free(sprite);
        dgxp_image_free(large);
        dgxp_image_free(back);
    }
}
END_TEST

/* Grain of a camera, or a print: a small sprite on a large ground, whose borders drown in it. */
START_TEST(cells_are_seen_through_noise)
{
    for (uint32_t seed = 0; seed < 4; seed++) {
        const double cell = 13.3 + seed * 1.7;
        uint32_t state = seed + 77;
        dgxp_image *sprite = make_sprite(16, seed, true), *scene = NULL, *back = NULL;
        ck_assert_ok(dgxp_image_create(34, 36, NULL, &scene));
        for (int32_t i = 0; i < 34 * 36; i++) {
            const int32_t x = i % 34 - 9, y = i / 34 - 11;
            const uint8_t ground[4] = {128, 128, 128, 255};
            const bool inside =
                x >= 0 && y >= 0 && x < 16 && y < 16 && px_image_at(sprite, x, y)[3];
            memcpy(px_image_at(scene, i % 34, i / 34), inside ? px_image_at(sprite, x, y) : ground,
                   4);
        }
        dgxp_image *large = stretch(scene, cell, cell, 0.5);
        for (size_t i = 0; i < px_image_count(large) * 4; i++) {
            int sum = large->rgba[i];
            for (int k = 0; k < 4 && i % 4 < 3; k++) { /* near enough to normal, sd 8 */
                sum += (int)(sprite_draw(&state) % 15) - 7;
            }
            large->rgba[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
        const dgxp_grid_info info = detect(large, NULL, &back);
        ck_assert_msg(info.kind == DGXP_GRID_CELLS && info.width == 34 && info.height == 36,
                      "seed %u: kind %d, %dx%d, cell %g for %g", seed, info.kind, info.width,
                      info.height, info.cell_width, cell);
        dgxp_image_free(sprite);
        dgxp_image_free(scene);
        dgxp_image_free(large);
        dgxp_image_free(back);
    }
}
END_TEST

START_TEST(blocks_of_a_photograph_are_no_cells)
{
    dgxp_image *image = NULL;
    uint32_t state = 3;
    ck_assert_ok(dgxp_image_create(640, 480, NULL, &image));
    for (int32_t at = 0; at < 640 * 480; at++) {
        const int32_t x = at % 640, y = at / 640;
        uint32_t block = (uint32_t)(y / 8 * 80 + x / 8) * 2654435761u;
        block ^= block >> 15;
        const double wave = sin(x * 0.15 + sin(y * 0.09) * 2) + cos(y * 0.16 - x * 0.1);
        const int value =
            128 + (int)(40 * wave) + (int)(block % 9) - 4 + (int)(sprite_draw(&state) % 3);
        const uint8_t color[4] = {(uint8_t)value, (uint8_t)(value / 2 + 40), (uint8_t)(255 - value),
                                  255};
        memcpy(image->rgba + (size_t)at * 4, color, 4);
    }
    ck_assert_int_eq(detect(image, NULL, NULL).kind, DGXP_GRID_PAINTED);
    dgxp_image_free(image);
}
END_TEST

/* Squares of 10 and 16 pixels behind cells of 9: only the cells are cells. */
START_TEST(painted_checkerboards_are_no_cells)
{
    for (int32_t tile = 10; tile <= 16; tile += 6) {
        dgxp_image *sprite = make_sprite(24, (uint32_t)tile, true), *large = NULL;
        uint32_t state = 5;
        ck_assert_ok(dgxp_image_create(44 * 9, 44 * 9, NULL, &large));
        for (int32_t at = 0; at < large->width * large->height; at++) {
            const int32_t x = at % large->width, y = at / large->width;
            const bool inside = x >= 90 && x < 306 && y >= 90 && y < 306;
            const uint8_t *from =
                px_image_at(sprite, inside ? x / 9 - 10 : 0, inside ? y / 9 - 10 : 0);
            const bool shown = inside && from[3] == 255;
            const int noise = (int)(sprite_draw(&state) % 5);
            uint8_t *p = large->rgba + (size_t)at * 4;
            for (int c = 0; c < 3; c++) {
                const int board = (x / tile + y / tile) % 2 ? 248 : 200;
                const int value = noise + (shown ? from[c] : board);
                p[c] = (uint8_t)(value > 255 ? 255 : value);
            }
            p[3] = 255;
        }
        const dgxp_grid_info info = detect(large, NULL, NULL);
        ck_assert_msg(info.width == 44 && info.height == 44, "tile %d: %dx%d", tile, info.width,
                      info.height);
        dgxp_image_free(sprite);
        dgxp_image_free(large);
    }
}
END_TEST

START_TEST(snap_and_border_are_obeyed)
{
    dgxp_image *sprite = make_sprite(63, 6, false), *large = spoil(sprite, 10, 0.3, 0);
    dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
    ck_assert_int_eq(detect(large, NULL, NULL).width, 63);
    params.snap = 1;
    dgxp_grid_info info = detect(large, &params, NULL);
    ck_assert_int_eq(info.width, 64);
    ck_assert_double_eq_tol(info.cell_width, 630 / 64.0, 1e-9);
    params.snap = 0;
    params.at_border = 1;
    info = detect(large, &params, NULL);
    ck_assert_double_eq_tol(info.offset_x, 0, 1e-9);
    dgxp_image_free(sprite);
    dgxp_image_free(large);
}
END_TEST

START_TEST(painted_pictures_are_divided_evenly)
{
    dgxp_image *image = NULL, *back = NULL;
    ck_assert_ok(dgxp_image_create(384, 256, NULL, &image));
    for (int32_t y = 0; y < 256; y++) {
        for (int32_t x = 0; x < 384; x++) {
            const double wave = sin(x * 0.021 + sin(y * 0.034) * 2) + cos(y * 0.017 - x * 0.008);
            const uint8_t color[4] = {(uint8_t)(128 + 60 * wave), (uint8_t)(x / 2),
                                      (uint8_t)(y / 2 + x / 8), 255};
            memcpy(px_image_at(image, x, y), color, 4);
        }
    }
    dgxp_grid_info info = detect(image, NULL, &back);
    ck_assert_int_eq(info.kind, DGXP_GRID_PAINTED);
    ck_assert_int_eq(back->width, 128);
    ck_assert_int_eq(back->height, 85);
    dgxp_image_free(back);
    dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
    params.prior = 16;
    info = detect(image, &params, NULL);
    ck_assert_int_eq(info.width, 24);
    ck_assert_int_eq(info.height, 16);
    dgxp_image_free(image);
}
END_TEST

/* A photograph without colors, and a large smooth picture of few, have no more than a sprite may.
 */
START_TEST(few_colors_alone_are_no_pixel_art)
{
    static const struct {
        int32_t side;
        bool grey;
        dgxp_grid_kind kind;
    } cases[] = {{300, true, DGXP_GRID_PAINTED},
                 {600, true, DGXP_GRID_PAINTED},
                 {600, false, DGXP_GRID_PAINTED},
                 {96, true, DGXP_GRID_FLAT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int32_t side = cases[i].side;
        uint32_t state = 7;
        dgxp_image *image = NULL;
        ck_assert_ok(dgxp_image_create(side, side, NULL, &image));
        for (int32_t y = 0; y < side; y++) {
            for (int32_t x = 0; x < side; x++) {
                const double wave = sin(x * 0.031 + 1) * cos(y * 0.023);
                const int noise = cases[i].grey ? (int)(sprite_draw(&state) % 9) : 0;
                const uint8_t v = (uint8_t)(120 + 100 * wave + noise);
                const uint8_t color[4] = {v, cases[i].grey ? v : 40, v, 255};
                memcpy(px_image_at(image, x, y), color, 4);
            }
        }
        const dgxp_grid_info info = detect(image, NULL, NULL);
        ck_assert_msg(info.kind == (int32_t)cases[i].kind, "case %zu is %d", i, info.kind);
        dgxp_image_free(image);
    }
}
END_TEST

START_TEST(frames_share_one_grid)
{
    dgxp_image *frames[3], *back = NULL;
    dgxp_grid *grid = NULL;
    dgxp_grid_info info = DGXP_GRID_INFO_INIT;
    for (uint32_t i = 0; i < 3; i++) {
        dgxp_image *sprite = make_sprite(40, i + 20, false);
        frames[i] = spoil(sprite, 9.3, 0, 0);
        dgxp_image_free(sprite);
    }
    ck_assert_ok(dgxp_grid_detect_frames((const dgxp_image *const *)frames, 3, NULL, &grid));
    ck_assert_ok(dgxp_grid_describe(grid, &info));
    ck_assert_int_eq(info.width, 40);
    ck_assert_ok(dgxp_downscale(frames[2], grid, NULL, &back));
    ck_assert_int_eq(back->width, 40);
    dgxp_image_free(back);
    dgxp_image *other = make_sprite(40, 1, false);
    ck_assert_refused(dgxp_downscale(other, grid, NULL, &back), DGXP_ERR_MISMATCH, "40x40");
    const dgxp_image *mixed[2] = {frames[0], other};
    dgxp_grid_free(grid);
    ck_assert_refused(dgxp_grid_detect_frames(mixed, 2, NULL, &grid), DGXP_ERR_MISMATCH, "frame 1");
    dgxp_image_free(other);
    for (int i = 0; i < 3; i++) {
        dgxp_image_free(frames[i]);
    }
}
END_TEST

START_TEST(odd_sizes_do_no_harm)
{
    static const int32_t sizes[][2] = {{1, 1},   {1, 900}, {900, 1}, {2, 2},   {5, 700},
                                       {13, 13}, {65, 70}, {127, 3}, {300, 66}};
    uint32_t state = 3;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dgxp_image *image = NULL, *back = NULL;
        ck_assert_ok(dgxp_image_create(sizes[i][0], sizes[i][1], NULL, &image));
        for (size_t k = 0; k < px_image_count(image) * 4; k++) {
            image->rgba[k] = (uint8_t)sprite_draw(&state);
        }
        for (int mode = 0; mode < 5; mode++) {
            dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
            params.non_square = mode == 1;
            params.cell_width = mode == 2 ? 1024 : 0;
            params.width = mode == 3 ? 77 : 0;
            params.snap = params.straight = params.at_border = mode == 4;
            detect(image, &params, &back);
            ck_assert_int_ge(back->width, 1);
            dgxp_image_free(back);
        }
        dgxp_image_free(image);
    }
}
END_TEST

START_TEST(wrong_parameters_are_refused)
{
    dgxp_image *image = make_sprite(16, 1, false);
    dgxp_grid *grid = NULL;
    dgxp_grid_params params = DGXP_GRID_PARAMS_INIT;
    params.width = -1;
    ck_assert_refused(dgxp_grid_detect(image, &params, &grid), DGXP_ERR_INVALID_ARGUMENT, "width");
    params.width = 20000;
    ck_assert_refused(dgxp_grid_detect(image, &params, &grid), DGXP_ERR_INVALID_ARGUMENT, "width");
    params.width = 8;
    params.cell_width = 2;
    ck_assert_refused(dgxp_grid_detect(image, &params, &grid), DGXP_ERR_INVALID_ARGUMENT, "both");
    params.width = 0;
    params.cell_width = NAN;
    ck_assert_refused(dgxp_grid_detect(image, &params, &grid), DGXP_ERR_INVALID_ARGUMENT,
                      "cell_width");
    params.cell_width = 0;
    params.prior = 0.5;
    ck_assert_refused(dgxp_grid_detect(image, &params, &grid), DGXP_ERR_INVALID_ARGUMENT, "prior");
    ck_assert_refused(dgxp_grid_detect(NULL, NULL, &grid), DGXP_ERR_INVALID_ARGUMENT, "NULL");
    ck_assert_ptr_null(grid);
    dgxp_image_free(image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grid");
    TCase *core = tcase_create("core");
    tcase_set_timeout(core, 300);
    tcase_add_test(core, flat_cells_come_back_exactly);
    tcase_add_test(core, stretched_cells_come_back_exactly);
    tcase_add_test(core, native_sprites_pass_unchanged);
    tcase_add_test(core, native_patterns_pass_unchanged);
    tcase_add_test(core, spoiled_cells_are_recovered);
    tcase_add_test(core, forced_sizes_win_exactly);
    tcase_add_test(core, forced_size_of_a_flat_picture_is_bit_exact);
    tcase_add_test(core, non_square_cells_are_a_mode);
    tcase_add_test(core, non_square_cells_are_seen);
    tcase_add_test(core, linear_enlargements_are_recovered);
    tcase_add_test(core, cells_are_seen_through_noise);
    tcase_add_test(core, small_cells_are_seen_through_ripples);
    tcase_add_test(core, blocks_of_a_photograph_are_no_cells);
    tcase_add_test(core, painted_checkerboards_are_no_cells);
    tcase_add_test(core, snap_and_border_are_obeyed);
    tcase_add_test(core, painted_pictures_are_divided_evenly);
    tcase_add_test(core, few_colors_alone_are_no_pixel_art);
    tcase_add_test(core, frames_share_one_grid);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_set_timeout(limits, 120);
    tcase_add_test(limits, odd_sizes_do_no_harm);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(malformed, wrong_parameters_are_refused);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
