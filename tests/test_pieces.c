/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* image: connected pieces, against a flood that fills one cell after the other. */
#include "core/mem.h"
#include "core/rng.h"
#include "image/pieces.h"
#include "px_check.h"

#include <string.h>

enum { SIDE = 48 };

/* Number every cell that can be reached from `x`, `y`; returns how many. */
static int32_t flood(const uint8_t *wanted, int32_t width, int32_t height, int32_t x, int32_t y,
                     int32_t number, int32_t *label)
{
    if (x < 0 || y < 0 || x >= width || y >= height || !wanted[y * width + x] ||
        label[y * width + x]) {
        return 0;
    }
    int32_t area = 1;
    label[y * width + x] = number;
    for (int32_t dy = -1; dy <= 1; dy++) {
        for (int32_t dx = -1; dx <= 1; dx++) {
            area += flood(wanted, width, height, x + dx, y + dy, number, label);
        }
    }
    return area;
}

static void expect_flood(const uint8_t *wanted, int32_t width, int32_t height)
{
    static int32_t label[SIDE * SIDE], theirs[SIDE * SIDE];
    int32_t *sizes = NULL, number = 0;
    memset(theirs, 0, sizeof theirs);
    memset(label, 255, sizeof label); /* it need not be empty */
    const int32_t pieces = px_pieces_label(wanted, width, height, label, &sizes);
    ck_assert_ptr_nonnull(sizes);
    for (int32_t i = 0; i < width * height; i++) {
        if (wanted[i] && !theirs[i]) {
            const int32_t area =
                flood(wanted, width, height, i % width, i / width, ++number, theirs);
            ck_assert_int_le(number, pieces);
            ck_assert_int_eq(sizes[number], area);
        }
    }
    ck_assert_int_eq(pieces, number);
    ck_assert_mem_eq(label, theirs, (size_t)(width * height) * sizeof *label);
    px_mem_free(sizes);
}

START_TEST(pieces_equal_a_flood)
{
    uint8_t wanted[SIDE * SIDE];
    float noise[SIDE * SIDE];
    for (uint64_t seed = 0; seed < 300; seed++) {
        const int32_t width = 1 + (int32_t)(seed * 7 % SIDE),
                      height = 1 + (int32_t)(seed * 5 % SIDE);
        px_rng_normal(seed, 0, noise, SIDE * SIDE);
        for (int32_t i = 0; i < width * height; i++) { /* from nearly empty to nearly full */
            wanted[i] = noise[i] > 1.6f - 0.4f * (float)(seed % 9);
        }
        expect_flood(wanted, width, height);
    }
}
END_TEST

START_TEST(pieces_of_shapes_that_join_late)
{
    static const char *const shapes[][6] = {
        {"#.#.#.#", "#.#.#.#", "#.###.#", "#.....#", "#######", "......."}, /* combs into one */
        {"#.....#", ".#...#.", "..#.#..", "...#...", ".......",
         "#.#.#.#"}, /* a V, and single ones */
        {"...#...", "..#....", ".#.....", "#......", ".#####.", "......#"}, /* only corners touch */
        {".......", ".......", ".......", ".......", ".......", "......."},
        {"#######", "#######", "#######", "#######", "#######", "#######"}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        uint8_t wanted[6 * 7];
        for (int i = 0; i < 6 * 7; i++) {
            wanted[i] = shapes[k][i / 7][i % 7] == '#';
        }
        expect_flood(wanted, 7, 6);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pieces");
    TCase *core = tcase_create("core");
    tcase_add_test(core, pieces_equal_a_flood);
    tcase_add_test(core, pieces_of_shapes_that_join_late);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
