/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Palettes found in pictures, and pictures mapped onto palettes. */
#include "px_check.h"

#include "image/color.h"
#include "image/image.h"
#include "image/quantize.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>

enum { SIDE = 64 };

/* A shaded ball, ramps and noise from a fixed generator: `wobble` is what a model adds to cells. */
static dgxp_image *draw_art(int seed, int wobble)
{
    uint8_t rgba[SIDE * SIDE * 4] = {0};
    uint32_t random = (uint32_t)seed * 2654435761u + 1;
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const int dx = x - 32, dy = y - 32, r2 = dx * dx + dy * dy;
            uint8_t *p = rgba + (y * SIDE + x) * 4;
            if (r2 > 900) {
                continue;
            }
            const int shade = (dx + dy + 64) / 11 % 12; /* 12 steps of light */
            const int hue = (x / 16 + seed) % 3;
            const int base = r2 > 800 ? 20 : 60 + shade * 14;
            p[hue] = (uint8_t)base;
            p[(hue + 1) % 3] = (uint8_t)(base * 2 / 3);
            p[(hue + 2) % 3] = (uint8_t)(base / 2 + 20);
            p[3] = 255;
            for (int c = 0; c < 3 && wobble; c++) {
                random = random * 1664525u + 1013904223u;
                const int moved = p[c] + (int)(random >> 16) % (2 * wobble + 1) - wobble;
                p[c] = (uint8_t)(moved < 0 ? 0 : moved > 255 ? 255 : moved);
            }
        }
    }
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(SIDE, SIDE, rgba, &image));
    return image;
}

static dgxp_palette *extract(const dgxp_image *image, int32_t colors, int32_t method)
{
    dgxp_palette_params params = DGXP_PALETTE_PARAMS_INIT;
    dgxp_palette *palette = NULL;
    params.colors = colors;
    params.method = method;
    ck_assert_ok(dgxp_palette_extract(image, &params, &palette));
    return palette;
}

/* Mean OKLab distance over opaque pixels; every opaque pixel of `b` must be in the palette. */
static double compare(const dgxp_image *a, const dgxp_image *b, const dgxp_palette *palette)
{
    double sum = 0;
    int count = 0;
    for (size_t i = 0; i < px_image_count(a); i++) {
        const uint8_t *p = a->rgba + i * 4, *q = b->rgba + i * 4;
        ck_assert_int_eq(q[3], p[3] >= 128 ? 255 : 0);
        if (p[3] < 128) {
            ck_assert_mem_eq(q, ((uint8_t[4]){0, 0, 0, 0}), 4);
            continue;
        }
        bool known = false;
        for (int32_t c = 0; c < palette->count; c++) {
            known |= memcmp(palette->rgba + c * 4, q, 4) == 0;
        }
        ck_assert_msg(known, "pixel %zu is not in the palette", i);
        sum += sqrt((double)px_color_distance2(px_color_lab(p), px_color_lab(q)));
        count++;
    }
    return sum / count;
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(quantize_keeps_the_palette_bars)
{
    /* The bars of the art as drawn, and of what a model's wobble leaves of it. */
    static const struct {
        int wobble;
        int32_t colors;
        double most;
    } cases[] = {{0, 16, .015}, {0, 32, .008}, {4, 32, .015}};
    for (int seed = 0; seed < 6; seed++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            dgxp_image *art = draw_art(seed, cases[i].wobble), *mapped = NULL;
            dgxp_palette *palette = extract(art, cases[i].colors, DGXP_PALETTE_METHOD_OKLAB);
            ck_assert_int_le(palette->count, cases[i].colors);
            ck_assert_ok(dgxp_quantize(art, palette, NULL, &mapped));
            const double error = compare(art, mapped, palette);
            ck_assert_msg(error <= cases[i].most, "seed %d, K %d, wobble %d: %.4f", seed,
                          (int)cases[i].colors, cases[i].wobble, error);
            dgxp_palette_free(palette);
            dgxp_image_free(art);
            dgxp_image_free(mapped);
        }
    }
}
END_TEST

START_TEST(quantize_gives_real_colors_and_beats_imagequant)
{
    double ours = 0, theirs = 0;
    for (int seed = 0; seed < 6; seed++) {
        dgxp_image *art = draw_art(seed, 4), *truth = draw_art(seed, 0);
        for (int32_t method = 0; method < 2; method++) {
            dgxp_palette_params params = DGXP_PALETTE_PARAMS_INIT;
            dgxp_palette *palette = NULL;
            dgxp_image *mapped = NULL;
            params.colors = 16;
            params.method = method;
            const dgxp_status status = dgxp_palette_extract(art, &params, &palette);
#ifndef PX_PLUGINS
            if (method) {
                ck_assert_int_eq(status, DGXP_ERR_UNSUPPORTED);
                continue;
            }
#endif
            ck_assert_int_eq(status, DGXP_OK);
            ck_assert_int_le(palette->count, 16);
            for (int32_t c = 0; c < palette->count && method == 0; c++) {
                bool seen = false;
                for (size_t i = 0; i < px_image_count(art) && !seen; i++) {
                    seen = memcmp(art->rgba + i * 4, palette->rgba + c * 4, 4) == 0;
                }
                ck_assert_msg(seen, "color %d is not in the picture", (int)c);
            }
            ck_assert_ok(dgxp_quantize(art, palette, NULL, &mapped));
            compare(art, mapped, palette);
            *(method ? &theirs : &ours) += compare(truth, mapped, palette);
            dgxp_palette_free(palette);
            dgxp_image_free(mapped);
        }
        dgxp_image_free(art);
        dgxp_image_free(truth);
    }
#ifdef PX_PLUGINS
    ck_assert_msg(ours < theirs, "ours %.4f, libimagequant %.4f", ours / 6, theirs / 6);
#endif
}
END_TEST

START_TEST(quantize_is_lossless_when_colors_suffice)
{
    dgxp_image *art = draw_art(1, 0), *mapped = NULL;
    dgxp_palette *palette = extract(art, 256, DGXP_PALETTE_METHOD_OKLAB);
    ck_assert_ok(dgxp_quantize(art, palette, NULL, &mapped));
    ck_assert(px_image_equal(art, mapped));
    dgxp_palette_free(palette);
    dgxp_image_free(art);
    dgxp_image_free(mapped);
}
END_TEST

START_TEST(quantize_merges_wobble_into_few_colors)
{
    /* Five colors far apart, each shaken by two steps: five must come out, each within 0.02. */
    static const uint8_t five[5][3] = {
        {30, 30, 40}, {200, 60, 50}, {60, 160, 80}, {70, 90, 200}, {230, 220, 180}};
    uint8_t rgba[40 * 40 * 4];
    uint32_t random = 7;
    for (int i = 0; i < 1600; i++) {
        for (int c = 0; c < 3; c++) {
            random = random * 1664525u + 1013904223u;
            rgba[i * 4 + c] = (uint8_t)(five[i / 320][c] + (int)(random >> 16) % 5 - 2);
        }
        rgba[i * 4 + 3] = 255;
    }
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(40, 40, rgba, &image));
    for (int32_t colors = 0; colors <= 32; colors += 32) {
        dgxp_palette *palette = extract(image, colors, DGXP_PALETTE_METHOD_OKLAB);
        ck_assert_int_eq(palette->count, 5);
        for (int i = 0; i < 5; i++) {
            const px_lab lab = px_color_lab(five[i]);
            const int32_t nearest = px_palette_nearest(palette, lab);
            ck_assert_float_lt(px_color_distance2(lab, palette->lab[nearest]), 0.02f * 0.02f);
        }
        dgxp_palette_free(palette);
    }
    dgxp_image_free(image);
}
END_TEST

START_TEST(quantize_counts_by_itself)
{
    /* All greys evenly in L: K of them leave a mean error of about 1 / 4K, so 0.012 takes 21. */
    dgxp_image *ramp = NULL, *mapped = NULL;
    ck_assert_ok(dgxp_image_create(64, 16, NULL, &ramp));
    for (int i = 0; i < 1024; i++) {
        uint8_t *p = ramp->rgba + i * 4;
        px_color_rgb((px_lab){(float)i / 1023, 0, 0}, p);
        p[3] = 255;
    }
    dgxp_palette *palette = extract(ramp, 0, DGXP_PALETTE_METHOD_OKLAB);
    ck_assert_int_ge(palette->count, 18);
    ck_assert_int_le(palette->count, 27);
    ck_assert_ok(dgxp_quantize(ramp, palette, NULL, &mapped));
    ck_assert_double_le(compare(ramp, mapped, palette), 0.012);
    dgxp_palette_free(palette);
    dgxp_palette_params params = DGXP_PALETTE_PARAMS_INIT;
    params.colors_max = 5;
    ck_assert_ok(dgxp_palette_extract(ramp, &params, &palette));
    ck_assert_int_eq(palette->count, 5);
    dgxp_palette_free(palette);
    dgxp_image_free(ramp);
    dgxp_image_free(mapped);
}
END_TEST

START_TEST(quantize_shares_a_palette_over_images)
{
    /* A large picture must not outvote a small one, and their order must not matter. */
    dgxp_image *large = NULL, *small = NULL;
    ck_assert_ok(dgxp_image_create(200, 200, NULL, &large));
    ck_assert_ok(dgxp_image_create(2, 1, (uint8_t[8]){250, 10, 10, 255, 10, 10, 250, 255}, &small));
    for (size_t i = 0; i < px_image_count(large); i++) {
        memcpy(large->rgba + i * 4, ((uint8_t[4]){10, (uint8_t)(100 + i % 40), 10, 255}), 4);
    }
    dgxp_palette *palettes[2] = {NULL, NULL};
    for (int order = 0; order < 2; order++) {
        dgxp_histogram *histogram = NULL;
        dgxp_palette_params params = DGXP_PALETTE_PARAMS_INIT;
        params.colors = 3;
        ck_assert_ok(dgxp_histogram_create(&histogram));
        ck_assert_ok(dgxp_histogram_add(histogram, order ? small : large));
        ck_assert_ok(dgxp_histogram_add(histogram, order ? large : small));
        ck_assert_int_eq(dgxp_histogram_colors(histogram), 42);
        ck_assert_ok(dgxp_histogram_extract(histogram, &params, &palettes[order]));
        dgxp_histogram_free(histogram);
    }
    ck_assert_int_eq(palettes[0]->count, 3);
    ck_assert_mem_eq(palettes[0]->rgba, palettes[1]->rgba, 3 * 4);
    for (int i = 0; i < 2; i++) {
        const int32_t found = px_palette_nearest(palettes[0], px_color_lab(small->rgba + i * 4));
        ck_assert_mem_eq(palettes[0]->rgba + found * 4, small->rgba + i * 4, 4);
    }
    dgxp_palette_free(palettes[0]);
    dgxp_palette_free(palettes[1]);
    dgxp_image_free(large);
    dgxp_image_free(small);
}
END_TEST

START_TEST(quantize_dithers_by_bayer_only_when_asked)
{
    /* The top left 2x2 of each Bayer matrix: even x + y holds the lower ranks.
     * python3 -c "m=[[0]]
     * for _ in range(3): m=[[4*v for v in r]+[4*v+2 for v in r] for r in m]+[[4*v+3 for v in r]+
     *   [4*v+1 for v in r] for r in m]; print(m[0][:2], m[1][:2])"
     * -> [0, 2] [3, 1]   [0, 8] [12, 4]   [0, 32] [48, 16] */
    static const uint8_t two[] = {0, 0, 0, 255, 255, 255, 255, 255};
    dgxp_palette *palette = NULL;
    dgxp_image *grey = NULL, *flat = NULL;
    ck_assert_ok(dgxp_palette_create(two, 2, &palette));
    ck_assert_ok(dgxp_image_create(16, 16, NULL, &grey));
    for (size_t i = 0; i < px_image_count(grey); i++) { /* L 0.5 is sRGB 99 */
        memcpy(grey->rgba + i * 4, ((uint8_t[4]){99, 99, 99, 255}), 4);
    }
    ck_assert_ok(dgxp_quantize(grey, palette, NULL, &flat));
    for (size_t i = 0; i < px_image_count(flat); i++) {
        ck_assert_mem_eq(flat->rgba + i * 4, flat->rgba, 4);
    }
    for (int32_t side = 2; side <= 8; side *= 2) {
        dgxp_quantize_params params = DGXP_QUANTIZE_PARAMS_INIT;
        dgxp_image *dithered = NULL;
        int white = 0;
        params.dither = side;
        ck_assert_ok(dgxp_quantize(grey, palette, &params, &dithered));
        for (int32_t y = 0; y < 16; y++) {
            for (int32_t x = 0; x < 16; x++) {
                const uint8_t *p = px_image_at(dithered, x, y);
                white += p[0] == 255;
                ck_assert_mem_eq(p, px_image_at(dithered, x % side, y % side), 4);
            }
        }
        ck_assert_int_eq(white, 128); /* half of them, at half lightness */
        ck_assert_int_eq(px_image_at(dithered, 0, 0)[0], 0);
        ck_assert_int_eq(px_image_at(dithered, 1, 0)[0], 255);
        ck_assert_int_eq(px_image_at(dithered, 0, 1)[0], 255);
        ck_assert_int_eq(px_image_at(dithered, 1, 1)[0], 0);
        dgxp_image_free(dithered);
    }
    dgxp_palette_free(palette);
    dgxp_image_free(grey);
    dgxp_image_free(flat);
}
END_TEST

START_TEST(quantize_dithers_a_quarter_where_the_matrix_says)
{
    /* [0 2; 3 1]: at L 0.25 only rank 3 turns white, at L 0.75 only rank 0 stays black. */
    static const uint8_t two[] = {0, 0, 0, 255, 255, 255, 255, 255};
    static const struct {
        float lightness;
        uint8_t expected[4]; /* (0,0) (1,0) (0,1) (1,1) */
    } cases[] = {{0.25f, {0, 0, 255, 0}}, {0.75f, {0, 255, 255, 255}}};
    dgxp_palette *palette = NULL;
    ck_assert_ok(dgxp_palette_create(two, 2, &palette));
    for (int i = 0; i < 2; i++) {
        dgxp_image *grey = NULL, *dithered = NULL;
        dgxp_quantize_params params = DGXP_QUANTIZE_PARAMS_INIT;
        params.dither = DGXP_DITHER_BAYER2;
        ck_assert_ok(dgxp_image_create(2, 2, NULL, &grey));
        for (int cell = 0; cell < 4; cell++) {
            px_color_rgb((px_lab){cases[i].lightness, 0, 0}, grey->rgba + cell * 4);
            grey->rgba[cell * 4 + 3] = 255;
        }
        ck_assert_ok(dgxp_quantize(grey, palette, &params, &dithered));
        for (int cell = 0; cell < 4; cell++) {
            ck_assert_int_eq(dithered->rgba[cell * 4], cases[i].expected[cell]);
        }
        dgxp_image_free(grey);
        dgxp_image_free(dithered);
    }
    dgxp_palette_free(palette);
}
END_TEST

typedef struct work {
    const dgxp_image *image;
    const dgxp_palette *palette;
    dgxp_image *mapped;
    dgxp_palette *found;
} work;

static void *run_work(void *data)
{
    work *w = data;
    if (dgxp_quantize(w->image, w->palette, NULL, &w->mapped) ||
        dgxp_palette_extract(w->image, NULL, &w->found)) {
        return NULL;
    }
    return data;
}

START_TEST(quantize_is_the_same_on_every_thread)
{
    enum { THREADS = 8 };
    dgxp_image *art = draw_art(3, 4);
    dgxp_palette *palette = extract(art, 16, DGXP_PALETTE_METHOD_OKLAB);
    work works[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        works[i] = (work){.image = art, .palette = palette};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_work, &works[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        ck_assert_ptr_nonnull(result);
        ck_assert(px_image_equal(works[i].mapped, works[0].mapped));
        ck_assert_int_eq(works[i].found->count, works[0].found->count);
        ck_assert_mem_eq(works[i].found->rgba, works[0].found->rgba,
                         (size_t)works[0].found->count * 4);
    }
    for (int i = 0; i < THREADS; i++) {
        dgxp_image_free(works[i].mapped);
        dgxp_palette_free(works[i].found);
    }
    dgxp_palette_free(palette);
    dgxp_image_free(art);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(quantize_colors_never_exceed_the_limit)
{
    /* Every pixel a color of its own, more than are clustered one by one. */
    enum { WIDE = 160 };
    dgxp_image *noise = NULL;
    uint32_t random = 5;
    ck_assert_ok(dgxp_image_create(WIDE, WIDE, NULL, &noise));
    for (size_t i = 0; i < px_image_count(noise); i++) {
        random = random * 1664525u + 1013904223u;
        memcpy(noise->rgba + i * 4,
               ((uint8_t[4]){(uint8_t)(random >> 24), (uint8_t)(random >> 16),
                             (uint8_t)(random >> 8), 255}),
               4);
    }
    static const int32_t counts[] = {1, 2, 3, 16, 255, 256, 0};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        dgxp_palette *palette = extract(noise, counts[i], DGXP_PALETTE_METHOD_OKLAB);
        ck_assert_int_le(palette->count, counts[i] ? counts[i] : 32);
        ck_assert_int_ge(palette->count, 1);
        dgxp_palette_free(palette);
    }
    dgxp_image_free(noise);
}
END_TEST

START_TEST(quantize_takes_one_pixel_and_one_color)
{
    dgxp_image *one = NULL, *mapped = NULL;
    ck_assert_ok(dgxp_image_create(1, 1, (uint8_t[4]){9, 8, 7, 128}, &one));
    ck_assert_ok(dgxp_image_set_text(one, "Title", "kept"));
    dgxp_palette *palette = extract(one, 0, DGXP_PALETTE_METHOD_OKLAB);
    ck_assert_int_eq(palette->count, 1);
    ck_assert_ok(dgxp_quantize(one, palette, NULL, &mapped));
    ck_assert_mem_eq(mapped->rgba, ((uint8_t[4]){9, 8, 7, 255}), 4);
    ck_assert_str_eq(dgxp_image_text(mapped, "Title"), "kept");
    dgxp_palette_free(palette);
    dgxp_image_free(one);
    dgxp_image_free(mapped);
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(quantize_refuses_bad_arguments)
{
    dgxp_image *clear = NULL, *art = draw_art(1, 0), *out = NULL;
    dgxp_palette *palette = NULL, *nothing = NULL;
    dgxp_palette_params params = DGXP_PALETTE_PARAMS_INIT;
    dgxp_quantize_params mapping = DGXP_QUANTIZE_PARAMS_INIT;
    ck_assert_ok(dgxp_image_create(4, 4, NULL, &clear));
    ck_assert_refused(dgxp_palette_extract(clear, NULL, &palette), DGXP_ERR_INVALID_ARGUMENT,
                      "opaque");
    params.colors = 257;
    ck_assert_refused(dgxp_palette_extract(art, &params, &palette), DGXP_ERR_INVALID_ARGUMENT,
                      "257");
    params.colors = -1;
    ck_assert_refused(dgxp_palette_extract(art, &params, &palette), DGXP_ERR_INVALID_ARGUMENT,
                      "-1");
    params.colors = 1;
    params.method = 1;
    ck_assert_refused(dgxp_palette_extract(art, &params, &palette), DGXP_ERR_INVALID_ARGUMENT,
                      "2..256");
    params.method = 9;
    ck_assert_refused(dgxp_palette_extract(art, &params, &palette), DGXP_ERR_INVALID_ARGUMENT,
                      "method 9");
    params.method = 0;
    params.merge = NAN;
    ck_assert_refused(dgxp_palette_extract(art, &params, &palette), DGXP_ERR_INVALID_ARGUMENT,
                      "merge");
    ck_assert_ptr_null(palette);
    ck_assert_ok(dgxp_palette_create((uint8_t[4]){0, 0, 0, 0}, 1, &nothing));
    ck_assert_refused(dgxp_quantize(art, nothing, NULL, &out), DGXP_ERR_INVALID_ARGUMENT,
                      "no opaque");
    dgxp_palette_free(nothing);
    palette = extract(art, 8, 0);
    mapping.dither = 3;
    ck_assert_refused(dgxp_quantize(art, palette, &mapping, &out), DGXP_ERR_INVALID_ARGUMENT,
                      "dither 3");
    mapping.dither = 2;
    mapping.strength = 1.5f;
    ck_assert_refused(dgxp_quantize(art, palette, &mapping, &out), DGXP_ERR_INVALID_ARGUMENT,
                      "strength");
    ck_assert_status(dgxp_quantize(NULL, palette, NULL, &out), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(out);
    dgxp_palette_free(palette);
    dgxp_image_free(clear);
    dgxp_image_free(art);
}
END_TEST

static int allowed;

static void *resize_some(void *block, size_t size, void *user_data)
{
    (void)user_data;
    return allowed-- > 0 ? realloc(block, size) : NULL;
}

static void free_it(void *block, void *user_data)
{
    (void)user_data;
    free(block);
}

START_TEST(quantize_survives_every_failed_allocation)
{
    const dgxp_allocator table = {sizeof table, resize_some, free_it, NULL};
    int failures = 0;
    for (int budget = 0; budget < 200; budget++) {
        allowed = 1 << 20;
        dgxp_set_allocator(&table);
        dgxp_image *art = draw_art(1, 4), *out = NULL;
        dgxp_palette *palette = NULL;
        allowed = budget;
        dgxp_status status = dgxp_palette_extract(art, NULL, &palette);
        status = status ? status : dgxp_quantize(art, palette, NULL, &out);
        allowed = 1 << 20;
        ck_assert(status == DGXP_OK || status == DGXP_ERR_OUT_OF_MEMORY);
        dgxp_palette_free(palette);
        dgxp_image_free(out);
        dgxp_image_free(art);
        dgxp_set_allocator(NULL);
        if (status == DGXP_OK) {
            break;
        }
        failures++;
    }
    ck_assert_int_gt(failures, 5);
    ck_assert_int_lt(failures, 200);
}
END_TEST

int main(void)
{
#ifdef PX_PLUGINS
    setenv("DGX_PIXELS_BACKEND", PX_PLUGINS, 1);
#endif
    Suite *suite = suite_create("quantize");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, quantize_keeps_the_palette_bars);
    tcase_add_test(core, quantize_gives_real_colors_and_beats_imagequant);
    tcase_add_test(core, quantize_is_lossless_when_colors_suffice);
    tcase_add_test(core, quantize_merges_wobble_into_few_colors);
    tcase_add_test(core, quantize_counts_by_itself);
    tcase_add_test(core, quantize_dithers_a_quarter_where_the_matrix_says);
    tcase_add_test(core, quantize_shares_a_palette_over_images);
    tcase_add_test(core, quantize_dithers_by_bayer_only_when_asked);
    tcase_add_test(core, quantize_is_the_same_on_every_thread);
    tcase_add_test(limits, quantize_colors_never_exceed_the_limit);
    tcase_add_test(limits, quantize_takes_one_pixel_and_one_color);
    tcase_add_test(malformed, quantize_refuses_bad_arguments);
    tcase_add_test(malformed, quantize_survives_every_failed_allocation);
    tcase_set_timeout(core, 120);
    tcase_set_timeout(limits, 120);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
