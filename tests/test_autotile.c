/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Autotile sets: the masks, the tiles, that they fit together, and that the check can tell. */
#include "px_mutate.h"

#include <stdbool.h>

/* A seamless texture of noise about one color: every pixel its own step. */
static dgxp_image *make_texture(int32_t side, uint8_t r, uint8_t g, uint8_t b)
{
    dgxp_image *image = NULL;
    uint64_t state = r;
    ck_assert_ok(dgxp_image_create(side, side, NULL, &image));
    uint8_t *rgba = dgxp_image_pixels_mut(image);
    for (int32_t i = 0; i < side * side; i++) {
        const uint8_t noise = (uint8_t)(px_mutate_random(&state) % 24);
        memcpy(rgba + i * 4,
               (uint8_t[4]){(uint8_t)(r + noise), (uint8_t)(g + noise), (uint8_t)(b + noise), 255},
               4);
    }
    return image;
}

static const uint8_t *pixel_at(const dgxp_sheet *sheet, int32_t frame, int32_t x, int32_t y)
{
    const dgxp_image *image = dgxp_sheet_frame(sheet, frame);
    return dgxp_image_pixels(image) + (y * dgxp_image_width(image) + x) * 4;
}

static int32_t find_mask(int32_t kind, int mask)
{
    int32_t count;
    const uint8_t *masks = dgxp_autotile_masks(kind, &count);
    for (int32_t i = 0; i < count; i++) {
        if (masks[i] == mask) {
            return i;
        }
    }
    ck_abort_msg("no mask %d", mask);
    return -1;
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(autotile_blob_has_the_47_masks_and_turning_keeps_them)
{
    /* python3 -c "e=lambda m:m&~((2 if m&5!=5 else 0)|(8 if m&20!=20 else 0)|(32 if m&80!=80 else
     * 0)|(128 if m&65!=65 else 0)); print(len({e(m) for m in range(256)}), sum({e(m) for m in
     * range(256)}))" prints 47 5100 */
    int32_t count, sum = 0;
    const uint8_t *masks = dgxp_autotile_masks(DGXP_TILESET_BLOB, &count);
    ck_assert_int_eq(count, 47);
    for (int32_t i = 0; i < count; i++) {
        sum += masks[i];
        ck_assert(i == 0 || masks[i] > masks[i - 1]);
        find_mask(DGXP_TILESET_BLOB, masks[i] == 255 ? 255 : masks[i] * 4 % 255);
    }
    ck_assert_int_eq(sum, 5100);
    dgxp_autotile_masks(DGXP_TILESET_CORNER, &count);
    ck_assert_int_eq(count, 16);
    ck_assert_ptr_null(dgxp_autotile_masks(9, &count));
    ck_assert_int_eq(count, 0);
}
END_TEST

START_TEST(autotile_draws_edges_where_neighbours_are_missing)
{
    dgxp_image *grass = make_texture(16, 20, 160, 40);
    dgxp_sheet *sheet = NULL;
    dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
    const uint8_t black[4] = {0, 0, 0, 255};
    params.border = 3;
    memcpy(params.outline_color, black, 4);
    ck_assert_ok(dgxp_autotile(grass, NULL, &params, &sheet));
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), 47);
    ck_assert_str_eq(dgxp_sheet_frame_name(sheet, 46), "mask 255");
    ck_assert_mem_eq(dgxp_image_pixels(dgxp_sheet_frame(sheet, 46)), dgxp_image_pixels(grass),
                     16 * 16 * 4);
    /* No neighbour at the north: three rows of nothing, a line, then grass; south is open. */
    const int32_t lower = find_mask(DGXP_TILESET_BLOB, 4 | 8 | 16 | 32 | 64);
    for (int32_t x = 0; x < 16; x++) {
        ck_assert_int_eq(pixel_at(sheet, lower, x, 2)[3], 0);
        ck_assert_mem_eq(pixel_at(sheet, lower, x, 3), black, 4);
        ck_assert_mem_eq(pixel_at(sheet, lower, x, 4), dgxp_image_pixels(grass) + (4 * 16 + x) * 4,
                         4);
        ck_assert_mem_eq(pixel_at(sheet, lower, x, 15),
                         dgxp_image_pixels(grass) + (15 * 16 + x) * 4, 4);
    }
    /* Only the north-west is missing: a hole in that corner, bordered by the line. */
    const int32_t inner = find_mask(DGXP_TILESET_BLOB, 255 - 128);
    ck_assert_int_eq(pixel_at(sheet, inner, 0, 0)[3], 0);
    ck_assert_mem_eq(pixel_at(sheet, inner, 3, 0), black, 4);
    ck_assert_mem_eq(pixel_at(sheet, inner, 0, 3), black, 4);
    ck_assert_mem_eq(pixel_at(sheet, inner, 15, 0), dgxp_image_pixels(grass) + 15 * 4, 4);
    dgxp_sheet_free(sheet);
    dgxp_image_free(grass);
}
END_TEST

START_TEST(autotile_seams_pass_the_check_and_a_break_does_not)
{
    dgxp_image *grass = make_texture(16, 20, 160, 40), *sand = make_texture(32, 200, 180, 90);
    dgxp_image *edge = NULL;
    ck_assert_ok(dgxp_image_create(16, 4, NULL, &edge));
    for (int32_t i = 16; i < 64; i++) { /* blades of grass by hand */
        dgxp_image_pixels_mut(edge)[i * 4 + 3] = (i % 16) % (5 - i / 16) ? 0 : 255;
    }
    for (int32_t kind = 0; kind < 2; kind++) {
        for (int style = 0; style < 4; style++) {
            dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
            dgxp_sheet *sheet = NULL;
            double mean = 9, worst = 9;
            params.kind = kind;
            params.rough = style == 1 ? 2 : 0;
            params.border = style == 1 ? 4 : 0;
            params.edge = style == 2 ? edge : NULL;
            params.no_outline = style == 3;
            ck_assert_ok(dgxp_autotile(grass, style % 2 ? sand : NULL, &params, &sheet));
            ck_assert_ok(dgxp_autotile_check(sheet, &mean, &worst));
            ck_assert_msg(mean <= 1.2 && mean > 0, "kind %d style %d: mean %g", kind, style, mean);
            ck_assert_msg(worst <= 1.2, "kind %d style %d: worst %g", kind, style, worst);
            /* Shift one tile's first column: its seams must show. */
            dgxp_image *tile =
                (dgxp_image *)(uintptr_t)dgxp_sheet_frame(sheet, dgxp_sheet_frame_count(sheet) - 1);
            for (int32_t y = 0; y < 16; y++) {
                memset(dgxp_image_pixels_mut(tile) + y * 16 * 4, y % 2 ? 255 : 0, 4);
            }
            double broken = 0;
            ck_assert_ok(dgxp_autotile_check(sheet, &broken, NULL));
            ck_assert_double_gt(broken, mean);
            dgxp_sheet_free(sheet);
        }
    }
    dgxp_image_free(grass);
    dgxp_image_free(sand);
    dgxp_image_free(edge);
}
END_TEST

START_TEST(autotile_map_of_tiles_is_one_picture)
{
    /* A random map drawn with the tiles, with every cell's quarters in the states its neighbours
     * give it, has an outline exactly around the terrain: no line ends at a seam. */
    enum { CELLS = 24, TILE = 16, SIDE = CELLS * TILE };
    static uint8_t map[CELLS][CELLS], page[SIDE][SIDE];
    static const int dx[8] = {0, 1, 1, 1, 0, -1, -1, -1}, dy[8] = {-1, -1, 0, 1, 1, 1, 0, -1};
    dgxp_image *grass = make_texture(16, 20, 160, 40);
    dgxp_sheet *sheet = NULL;
    dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
    const uint8_t black[4] = {0, 0, 0, 255};
    uint64_t state = 7;
    params.rough = 2;
    params.border = 4;
    params.seed = 5;
    memcpy(params.outline_color, black, 4);
    ck_assert_ok(dgxp_autotile(grass, NULL, &params, &sheet));
    for (int y = 1; y < CELLS - 1; y++) {
        for (int x = 1; x < CELLS - 1; x++) {
            map[y][x] = px_mutate_random(&state) % 3 > 0;
        }
    }
    for (int y = 1; y < CELLS - 1; y++) {
        for (int x = 1; x < CELLS - 1; x++) {
            int mask = 0;
            for (int i = 0; i < 8; i++) {
                mask |= map[y + dy[i]][x + dx[i]] << i;
            }
            for (int i = 1; i < 8; i += 2) { /* a corner counts with both its edges only */
                if (!(mask >> (i - 1) & 1) || !(mask >> ((i + 1) & 7) & 1)) {
                    mask &= ~(1 << i);
                }
            }
            const int32_t tile = map[y][x] ? find_mask(DGXP_TILESET_BLOB, mask) : -1;
            for (int32_t i = 0; i < TILE * TILE && tile >= 0; i++) {
                const uint8_t *pixel = pixel_at(sheet, tile, i % TILE, i / TILE);
                page[y * TILE + i / TILE][x * TILE + i % TILE] = !pixel[3]                      ? 0
                                                                 : memcmp(pixel, black, 4) == 0 ? 2
                                                                                                : 1;
            }
        }
    }
    int lines = 0;
    for (int y = 1; y < SIDE - 1; y++) {
        for (int x = 1; x < SIDE - 1; x++) {
            const bool beside =
                !page[y][x - 1] || !page[y][x + 1] || !page[y - 1][x] || !page[y + 1][x];
            ck_assert_msg(!page[y][x] || (page[y][x] == 2) == beside, "at %d,%d", x, y);
            lines += page[y][x] == 2;
        }
    }
    ck_assert_int_gt(lines, 1000);
    dgxp_sheet_free(sheet);
    dgxp_image_free(grass);
}
END_TEST

START_TEST(autotile_rough_edges_join_and_turn)
{
    dgxp_image *flat = NULL;
    ck_assert_ok(dgxp_image_create(16, 16, NULL, &flat));
    memset(dgxp_image_pixels_mut(flat), 255, 16 * 16 * 4);
    const uint8_t red[4] = {255, 0, 0, 255};
    for (uint64_t seed = 0; seed < 20; seed++) {
        dgxp_sheet *sheet = NULL;
        dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
        params.border = 4;
        params.rough = 3;
        params.seed = seed;
        memcpy(params.outline_color, red, 4);
        ck_assert_ok(dgxp_autotile(flat, NULL, &params, &sheet));
        /* The upper edge steps by a pixel at most, over the seam to the next tile too. */
        int32_t depth[17], least = 16, most = 0;
        for (int32_t x = 0; x < 17; x++) {
            for (depth[x] = 0; !pixel_at(sheet, find_mask(0, 124), x % 16, depth[x])[3];) {
                depth[x]++;
            }
            least = depth[x] < least ? depth[x] : least;
            most = depth[x] > most ? depth[x] : most;
            ck_assert(x == 0 || abs(depth[x] - depth[x - 1]) <= 1);
        }
        ck_assert(least >= 1 && most <= 7 && most > least);
        /* Turning the neighbours a quarter (mask times 4) turns the tile. */
        int32_t count;
        const uint8_t *masks = dgxp_autotile_masks(DGXP_TILESET_BLOB, &count);
        for (int32_t i = 0; i < count; i++) {
            const int32_t turned = find_mask(0, masks[i] == 255 ? 255 : masks[i] * 4 % 255);
            for (int32_t at = 0; at < 256; at++) {
                ck_assert_mem_eq(pixel_at(sheet, i, at % 16, at / 16),
                                 pixel_at(sheet, turned, 15 - at / 16, at % 16), 4);
            }
        }
        dgxp_sheet_free(sheet);
    }
    dgxp_image_free(flat);
}
END_TEST

/* ------------------------------------------------------------------------- limits, malformed */

START_TEST(autotile_takes_every_even_tile)
{
    for (int32_t side = 4; side <= 256; side *= 2) {
        dgxp_image *grass = make_texture(side, 20, 160, 40);
        dgxp_sheet *sheet = NULL;
        dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
        for (params.border = 1; params.border < side / 2; params.border += side / 4) {
            ck_assert_ok(dgxp_autotile(grass, NULL, &params, &sheet));
            double mean = 9;
            ck_assert_ok(dgxp_autotile_check(sheet, &mean, NULL));
            ck_assert_msg(mean <= 1.2, "tile %d border %d: %g", side, params.border, mean);
            dgxp_sheet_free(sheet);
        }
        dgxp_image_free(grass);
    }
}
END_TEST

START_TEST(autotile_refuses_what_cannot_be_a_tile)
{
    dgxp_image *grass = make_texture(16, 20, 160, 40), *odd = make_texture(15, 1, 1, 1);
    dgxp_image *edge = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_autotile_params params = DGXP_AUTOTILE_PARAMS_INIT;
    ck_assert_ok(dgxp_image_create(16, 8, NULL, &edge));
    ck_assert_refused(dgxp_autotile(odd, NULL, NULL, &sheet), DGXP_ERR_INVALID_ARGUMENT, "even");
    ck_assert_refused(dgxp_autotile(grass, odd, NULL, &sheet), DGXP_ERR_MISMATCH, "the outside");
    params.tile = 12;
    ck_assert_refused(dgxp_autotile(grass, NULL, &params, &sheet), DGXP_ERR_MISMATCH, "multiples");
    dgxp_image *wide = NULL; /* lower than a tile: no row below it is looked at */
    ck_assert_ok(dgxp_image_create(64, 48, NULL, &wide));
    ck_assert_refused(dgxp_autotile(wide, NULL, NULL, &sheet), DGXP_ERR_MISMATCH, "multiples");
    dgxp_image_free(wide);
    params.tile = 0;
    params.border = 8;
    ck_assert_refused(dgxp_autotile(grass, NULL, &params, &sheet), DGXP_ERR_INVALID_ARGUMENT,
                      "1..7");
    params.border = 0;
    params.edge = edge;
    ck_assert_refused(dgxp_autotile(grass, NULL, &params, &sheet), DGXP_ERR_MISMATCH, "edge");
    params.edge = NULL;
    params.kind = 2;
    ck_assert_refused(dgxp_autotile(grass, NULL, &params, &sheet), DGXP_ERR_INVALID_ARGUMENT,
                      "kind 2");
    dgxp_image_pixels_mut(grass)[3] = 99;
    ck_assert_refused(dgxp_autotile(grass, NULL, NULL, &sheet), DGXP_ERR_INVALID_ARGUMENT,
                      "alpha 99");
    ck_assert_ptr_null(sheet);
    sheet = px_make_sheet();
    ck_assert_refused(dgxp_autotile_check(sheet, NULL, NULL), DGXP_ERR_INVALID_ARGUMENT,
                      "not made by");
    dgxp_sheet_free(sheet);
    dgxp_image_free(grass);
    dgxp_image_free(odd);
    dgxp_image_free(edge);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("autotile");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, autotile_blob_has_the_47_masks_and_turning_keeps_them);
    tcase_add_test(core, autotile_draws_edges_where_neighbours_are_missing);
    tcase_add_test(core, autotile_seams_pass_the_check_and_a_break_does_not);
    tcase_add_test(core, autotile_map_of_tiles_is_one_picture);
    tcase_add_test(core, autotile_rough_edges_join_and_turn);
    tcase_add_test(limits, autotile_takes_every_even_tile);
    tcase_add_test(malformed, autotile_refuses_what_cannot_be_a_tile);
    tcase_set_timeout(limits, 120);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
