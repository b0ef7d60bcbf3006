/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Colors: OKLab against numpy's float64, and every byte back. */
#include "image/color.h"
#include "px_check.h"

#include <math.h>

/* python -c "import sys; sys.path.insert(0, 'tests/pixels'); import scenes; print(scenes.oklab([[R,
 * G, B]]))" */
static const struct {
    uint8_t rgb[3];
    float lab[3];
} goldens[] = {
    {{255, 0, 0}, {0.6279554f, 0.2248631f, 0.1258463f}},
    {{0, 255, 0}, {0.8664396f, -0.2338876f, 0.1794985f}},
    {{0, 0, 255}, {0.4520137f, -0.0324570f, -0.3115281f}},
    {{255, 255, 255}, {1.0000000f, 0.0000000f, 0.0000000f}},
    {{0, 0, 0}, {0.0000000f, 0.0000000f, 0.0000000f}},
    {{18, 52, 86}, {0.3191684f, -0.0233874f, -0.0685761f}},
    {{200, 100, 50}, {0.6138376f, 0.1004505f, 0.1007423f}},
    {{1, 1, 1}, {0.0672046f, 0.0000000f, 0.0000000f}},
};

START_TEST(lab_agrees_with_numpy)
{
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        const px_lab lab = px_color_lab(goldens[i].rgb);
        /* float keeps 24 bits; the three cancelling products of a row lose about 3 of them */
        ck_assert_float_eq_tol(lab.l, goldens[i].lab[0], 2e-6f);
        ck_assert_float_eq_tol(lab.a, goldens[i].lab[1], 2e-6f);
        ck_assert_float_eq_tol(lab.b, goldens[i].lab[2], 2e-6f);
    }
}
END_TEST

START_TEST(every_color_survives_the_way_there_and_back)
{
    for (int i = 0; i < 1 << 24; i += 7) { /* 7 shares no factor with 2^24: all levels, mixed */
        const uint8_t rgb[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        uint8_t back[3];
        px_color_rgb(px_color_lab(rgb), back);
        ck_assert_msg(memcmp(rgb, back, 3) == 0, "%d %d %d became %d %d %d", rgb[0], rgb[1], rgb[2],
                      back[0], back[1], back[2]);
    }
}
END_TEST

START_TEST(planes_give_the_same_values)
{
    enum { COUNT = 1000 };
    static uint8_t rgba[COUNT * 4];
    static float l[COUNT], a[COUNT], b[COUNT];
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof rgba; i++) {
        state = state * 1664525u + 1013904223u;
        rgba[i] = (uint8_t)(state >> 24);
    }
    px_color_planes(rgba, COUNT, l, a, b);
    for (size_t i = 0; i < COUNT; i++) {
        const px_lab one = px_color_lab(rgba + i * 4);
        ck_assert(l[i] == one.l && a[i] == one.a && b[i] == one.b);
    }
}
END_TEST

START_TEST(bytes_are_nearest_and_clamped)
{
    const float *table = px_color_linear_table();
    for (int i = 0; i < 256; i++) {
        ck_assert_int_eq(px_color_to_byte(table[i]), i);
        ck_assert(i == 0 || table[i] > table[i - 1]);
    }
    ck_assert_int_eq(px_color_to_byte(-1), 0);
    ck_assert_int_eq(px_color_to_byte(2), 255);
    ck_assert_int_eq(px_color_to_byte(NAN), 0);
    /* python -c "print(round(255 * (1.055 * 0.5 ** (1 / 2.4) - 0.055)))" */
    ck_assert_int_eq(px_color_to_byte(0.5f), 188);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("color");
    TCase *core = tcase_create("core");
    tcase_set_timeout(core, 60);
    tcase_add_test(core, lab_agrees_with_numpy);
    tcase_add_test(core, every_color_survives_the_way_there_and_back);
    tcase_add_test(core, planes_give_the_same_values);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_add_test(limits, bytes_are_nearest_and_clamped);
    suite_add_tcase(suite, limits);
    return px_check_run(suite);
}
