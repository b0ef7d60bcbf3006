/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Drawn pixel art and ways to spoil it, for suites that must run without any file. */
#ifndef PX_TEST_SPRITE_H
#define PX_TEST_SPRITE_H

#include "image/image.h"
#include "px_check.h"

#include <math.h>

static inline uint32_t sprite_draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A mirrored creature of 9 colors on a flat (or, with `alpha`, transparent) background, with
 * 1-pixel details, so that its own pixel is the only grid it has. */
static inline dgxp_image *make_sprite(int32_t side, uint32_t seed, bool alpha)
{
    dgxp_image *image = NULL;
    uint32_t state = seed * 2654435761u + 1;
    ck_assert_ok(dgxp_image_create(side, side, NULL, &image));
    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < (side + 1) / 2; x++) {
            const double dx = (x + 0.5) / side - 0.5, dy = (y + 0.5) / side - 0.5;
            const double away = sqrt(dx * dx + dy * dy) + (sprite_draw(&state) % 100) * 0.0008;
            const uint32_t shade = 1 + (uint32_t)(away * 9) + sprite_draw(&state) % 3;
            uint8_t *p = px_image_at(image, x, y);
            if (away > 0.46) {
                const uint8_t back[4] = {200, 190, 210, 255};
                memcpy(p, back, alpha ? 0 : 4);
            } else {
                p[0] = (uint8_t)(away > 0.42 ? 20 : 230 - shade * 25);
                p[1] = (uint8_t)(away > 0.42 ? 15 : 60 + (shade * 83) % 150);
                p[2] = (uint8_t)(away > 0.42 ? 30 : 20 + shade * 24);
                p[3] = 255;
            }
            memcpy(px_image_at(image, side - 1 - x, y), p, 4);
        }
    }
    return image;
}

/* Enlarged by the whole number `scale`, with `left` columns and `top` rows cut away. */
static inline dgxp_image *enlarge(const dgxp_image *image, int32_t scale, int32_t left, int32_t top)
{
    dgxp_image *out = NULL;
    ck_assert_ok(
        dgxp_image_create(image->width * scale - left, image->height * scale - top, NULL, &out));
    for (int32_t y = 0; y < out->height; y++) {
        for (int32_t x = 0; x < out->width; x++) {
            memcpy(px_image_at(out, x, y),
                   px_image_at(image, (x + left) / scale, (y + top) / scale), 4);
        }
    }
    return out;
}

static inline int32_t sprite_clamp(double value, int32_t count)
{
    return value < 0 ? 0 : value > count - 1 ? count - 1 : (int32_t)value;
}

/* Enlarged by a real `cell`, shifted by `shift` cells, soft at cell borders (9 samples over 0.3
 * cell), noisy, and bent by a wave of `bend` cells. */
static inline dgxp_image *spoil(const dgxp_image *image, double cell, double shift, double bend)
{
    dgxp_image *out = NULL;
    uint32_t state = 7;
    const int32_t side = (int32_t)lrint(image->width * cell);
    ck_assert_ok(dgxp_image_create(side, side, NULL, &out));
    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < side; x++) {
            const double u = (x + 0.5) / cell + shift + bend * sin(y / cell * 0.5 + x / cell * 0.2);
            const double v = (y + 0.5) / cell + shift + bend * cos(x / cell * 0.4 - y / cell * 0.3);
            uint8_t *p = px_image_at(out, x, y);
            for (int c = 0; c < 4; c++) {
                int sum = 0;
                for (int i = 0; i < 9; i++) {
                    const double du = (i % 3 - 1) * 0.15, dv = (i / 3 - 1) * 0.15;
                    sum += px_image_at(image, sprite_clamp(u + du, image->width),
                                       sprite_clamp(v + dv, image->height))[c];
                }
                const int noise = c < 3 ? (int)(sprite_draw(&state) % 13) - 6 : 0;
                const int value = sum / 9 + noise;
                p[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
    }
    return out;
}

/* The share of pixels within 24 levels on every channel. */
static inline double measure_agreement(const dgxp_image *a, const dgxp_image *b)
{
    if (a->width != b->width || a->height != b->height) {
        return 0;
    }
    size_t same = 0;
    for (size_t i = 0; i < px_image_count(a); i++) {
        const uint8_t *p = a->rgba + i * 4, *q = b->rgba + i * 4;
        bool near = p[3] == q[3];
        for (int c = 0; c < 3 && p[3]; c++) {
            near &= abs(p[c] - q[c]) <= 24;
        }
        same += near;
    }
    return (double)same / (double)px_image_count(a);
}

#endif
