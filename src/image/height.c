/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A height over a sprite's silhouette: Poisson's equation, whose root is a ball over a disc. */
#include "image/normal.h"

#include <math.h>

/* Screening of a dark line inside, against the 4 of a pixel's own neighbours. */
#define LINE 0.6F
#define STEADY 1e-4F /* of the largest value; what one sweep may still change */

static bool is_solid(const dgxp_image *sprite, int32_t x, int32_t y)
{
    return x >= 0 && y >= 0 && x < sprite->width && y < sprite->height &&
           px_image_at(sprite, x, y)[3] >= 128;
}

/* Beyond the shape the value mirrors to its negative, so that it is 0 on the pixel's edge. */
static float look(const dgxp_image *sprite, const float *square, int32_t x, int32_t y, float own)
{
    return is_solid(sprite, x, y) ? square[(size_t)y * (size_t)sprite->width + (size_t)x] : -own;
}

/* One sweep of successive over-relaxation; the largest change and the largest value. */
static void sweep(const dgxp_image *sprite, const uint8_t *line, float *square, float relax,
                  float *change, float *most)
{
    static const int32_t beside[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    *change = *most = 0;
    for (int32_t y = 0; y < sprite->height; y++) {
        for (int32_t x = 0; x < sprite->width; x++) {
            if (!is_solid(sprite, x, y)) {
                continue;
            }
            const size_t at = (size_t)y * (size_t)sprite->width + (size_t)x;
            float sum = 4, share = 4 + (line && line[at] ? LINE : 0);
            for (int i = 0; i < 4; i++) {
                const int32_t to_x = x + beside[i][0], to_y = y + beside[i][1];
                if (is_solid(sprite, to_x, to_y)) {
                    sum += square[(size_t)to_y * (size_t)sprite->width + (size_t)to_x];
                } else {
                    share += 1;
                }
            }
            const float step = relax * (sum / share - square[at]);
            square[at] += step;
            *change = fabsf(step) > *change ? fabsf(step) : *change;
            *most = square[at] > *most ? square[at] : *most;
        }
    }
}

void px_height_fill(const dgxp_image *sprite, const uint8_t *line, float *square)
{
    const int32_t side = px_image_most(sprite->width, sprite->height) + 1;
    const float relax = 2 / (1 + sinf(3.14159265F / (float)side));
    for (size_t i = 0; i < px_image_count(sprite); i++) {
        square[i] = 0;
    }
    float change = 1, most = 0;
    for (int32_t i = 0; i < 8 * side && change > STEADY * most; i++) {
        sweep(sprite, line, square, i ? relax : 1, &change, &most);
    }
    for (size_t i = 0; i < px_image_count(sprite); i++) {
        square[i] = square[i] > 0 ? square[i] : 0;
    }
}

px_normal px_height_normal(const dgxp_image *sprite, const float *square, int32_t x, int32_t y)
{
    const float own = square[(size_t)y * (size_t)sprite->width + (size_t)x];
    const float across = look(sprite, square, x + 1, y, own) - look(sprite, square, x - 1, y, own);
    const float down = look(sprite, square, x, y + 1, own) - look(sprite, square, x, y - 1, own);
    /* The height is the root, so its slope is (slope of the square) / (2 root). */
    return (px_normal){-across / 4, -down / 4, sqrtf(own)};
}
