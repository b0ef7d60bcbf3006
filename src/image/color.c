/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sRGB bytes, linear light and OKLab (https://bottosson.github.io/posts/oklab/), in float. */
#include "image/color.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define CODES 4096 /* steps of the coarse inverse table */

static float linear_of[256];
static float upper_of[256];        /* largest linear value that still rounds to this byte */
static uint8_t byte_of[CODES + 1]; /* the byte at each step, a floor to start from */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static double decode_srgb(double value)
{
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

static void build_tables(void)
{
    for (int i = 0; i < 256; i++) {
        linear_of[i] = (float)decode_srgb(i / 255.0);
        upper_of[i] = (float)decode_srgb((i + 0.5) / 255.0);
    }
    int byte = 0;
    for (int i = 0; i <= CODES; i++) {
        while (byte < 255 && upper_of[byte] < (float)i / CODES) {
            byte++;
        }
        byte_of[i] = (uint8_t)byte;
    }
}

const float *px_color_linear_table(void)
{
    pthread_once(&once, build_tables);
    return linear_of;
}

static uint8_t find_byte(float linear)
{
    if (!(linear > 0)) {
        return 0;
    }
    if (linear >= 1) {
        return 255;
    }
    int byte = byte_of[(int)(linear * CODES)];
    while (byte < 255 && upper_of[byte] < linear) {
        byte++;
    }
    return (uint8_t)byte;
}

uint8_t px_color_to_byte(float linear)
{
    pthread_once(&once, build_tables);
    return find_byte(linear);
}

/* libm's cbrtf() is slow, cannot be vectorised and differs between systems.  A guess from the
 * exponent bits is within 4 %; two steps of Halley's method make it exact to the last bits. */
static inline float cube_root(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = bits / 3 + 709921077u;
    float y;
    memcpy(&y, &bits, sizeof y);
    float cube = y * y * y;
    y = y * (cube + 2 * x) / (2 * cube + x);
    cube = y * y * y;
    y = y * (cube + 2 * x) / (2 * cube + x);
    return x > 0 ? y : 0;
}

static inline px_lab convert(float r, float g, float b)
{
    const float l = cube_root(0.4122214708f * r + 0.5363325363f * g + 0.0514459929f * b);
    const float m = cube_root(0.2119034982f * r + 0.6806995451f * g + 0.1073969566f * b);
    const float s = cube_root(0.0883024619f * r + 0.2817188376f * g + 0.6299787005f * b);
    return (px_lab){.l = 0.2104542553f * l + 0.7936177850f * m - 0.0040720468f * s,
                    .a = 1.9779984951f * l - 2.4285922050f * m + 0.4505937099f * s,
                    .b = 0.0259040371f * l + 0.7827717662f * m - 0.8086757660f * s};
}

px_lab px_color_lab(const uint8_t *rgb)
{
    const float *table = px_color_linear_table();
    return convert(table[rgb[0]], table[rgb[1]], table[rgb[2]]);
}

void px_color_rgb(px_lab lab, uint8_t rgb[3])
{
    pthread_once(&once, build_tables);
    const float l = lab.l + 0.3963377774f * lab.a + 0.2158037573f * lab.b;
    const float m = lab.l - 0.1055613458f * lab.a - 0.0638541728f * lab.b;
    const float s = lab.l - 0.0894841775f * lab.a - 1.2914855480f * lab.b;
    const float l3 = l * l * l, m3 = m * m * m, s3 = s * s * s;
    rgb[0] = find_byte(4.0767416621f * l3 - 3.3077115913f * m3 + 0.2309699292f * s3);
    rgb[1] = find_byte(-1.2684380046f * l3 + 2.6097574011f * m3 - 0.3413193965f * s3);
    rgb[2] = find_byte(-0.0041960863f * l3 - 0.7034186147f * m3 + 1.7076147010f * s3);
}

void px_color_planes(const uint8_t *rgba, size_t count, float *l, float *a, float *b)
{
    enum { BLOCK = 256 };
    const float *table = px_color_linear_table();
    float red[BLOCK], green[BLOCK], blue[BLOCK];
    for (size_t start = 0; start < count; start += BLOCK) {
        const size_t n = count - start < BLOCK ? count - start : BLOCK;
        const uint8_t *from = rgba + start * 4;
        for (size_t i = 0; i < n; i++) {
            red[i] = table[from[i * 4]];
            green[i] = table[from[i * 4 + 1]];
            blue[i] = table[from[i * 4 + 2]];
        }
        for (size_t i = 0; i < n; i++) {
            const px_lab lab = convert(red[i], green[i], blue[i]);
            l[start + i] = lab.l;
            a[start + i] = lab.a;
            b[start + i] = lab.b;
        }
    }
}
