/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the stub backend paints: a small mirrored creature with an outline, all from one seed. */
#include "stub_sprite.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define STUB_GRID 16  /* a creature's half is this wide at most */
#define STUB_COLORS 4 /* outline, dark, light, eye */

uint64_t px_stub_draw(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One of four hues, by the sprite's seed; three channels 0..1. */
static void choose_colors(uint64_t seed, float colors[STUB_COLORS + 1][3])
{
    static const float ramps[4][2][3] = {{{0.19f, 0.42f, 0.22f}, {0.55f, 0.78f, 0.33f}},
                                         {{0.56f, 0.16f, 0.20f}, {0.92f, 0.47f, 0.29f}},
                                         {{0.19f, 0.27f, 0.58f}, {0.38f, 0.65f, 0.92f}},
                                         {{0.43f, 0.25f, 0.55f}, {0.80f, 0.55f, 0.85f}}};
    static const float outline[3] = {0.10f, 0.08f, 0.13f}, eye[3] = {0.97f, 0.95f, 0.86f};
    static const float ground[3] = {0.84f, 0.85f, 0.88f};
    const size_t ramp = px_stub_draw(seed, 0) % 4;
    memcpy(colors[0], ground, sizeof ground);
    memcpy(colors[1], outline, sizeof outline);
    memcpy(colors[2], ramps[ramp][0], sizeof colors[2]);
    memcpy(colors[3], ramps[ramp][1], sizeof colors[3]);
    memcpy(colors[4], eye, sizeof eye);
}

/* 0 outside, 2 dark and 3 light inside the body's half at column x from the middle. */
static int body_cell(uint64_t seed, int half, int rows, int x, int y)
{
    if (x < 0 || x >= half || y < 0 || y >= rows) {
        return 0;
    }
    const double u = (x + 0.5) / half, v = (y + 0.5) / rows * 2 - 1;
    const uint64_t chance = px_stub_draw(seed, (uint64_t)(y * STUB_GRID + x + 64));
    const double edge = u * u + v * v + (double)(chance % 64) / 160;
    return edge > 0.95 ? 0 : v + u * 0.5 < -0.1 ? 3 : 2;
}

/* The color of a cell of the sprite, mirrored at the middle column. */
static int sprite_cell(uint64_t seed, int half, int rows, int x, int y)
{
    const int inside = body_cell(seed, half, rows, x, y);
    if (inside) {
        const int eye_x = half / 3, eye_y = rows / 3 + (int)(px_stub_draw(seed, 1) % 2);
        return x == eye_x && y == eye_y ? 4 : inside;
    }
    const bool beside =
        body_cell(seed, half, rows, x - 1, y) || body_cell(seed, half, rows, x + 1, y) ||
        body_cell(seed, half, rows, x, y - 1) || body_cell(seed, half, rows, x, y + 1);
    return beside ? 1 : 0;
}

void px_stub_sprite(uint64_t seed, int32_t channels, int32_t height, int32_t width, float *image)
{
    const int32_t least = height < width ? height : width;
    const int32_t cell = least >= 128 ? 8 : least >= 16 ? least / 16 : 1;
    const int32_t columns = width / cell, lines = height / cell;
    const int room = (columns < lines ? columns : lines) * 3 / 8;
    const int half = room < 1 ? 1 : room > STUB_GRID ? STUB_GRID : room;
    const int top = (lines - 2 * half) / 2;
    const size_t area = (size_t)height * (size_t)width;
    float colors[STUB_COLORS + 1][3];
    choose_colors(seed, colors);
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            const int column = x / cell, middle = columns / 2;
            const int from_middle = column < middle ? middle - 1 - column : column - middle;
            const int color = sprite_cell(seed, half, 2 * half, from_middle, y / cell - top);
            const size_t at = (size_t)y * (size_t)width + (size_t)x;
            for (int c = 0; c < 3; c++) {
                image[(size_t)c * area + at] = colors[color][c] * 2 - 1;
            }
            if (channels == 4) {
                image[3 * area + at] = color ? 1.0f : -1.0f;
            }
        }
    }
}
