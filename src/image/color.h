/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sRGB bytes, linear light and OKLab (https://bottosson.github.io/posts/oklab/), in float. */
#ifndef PX_COLOR_H
#define PX_COLOR_H

#include <stddef.h>
#include <stdint.h>

typedef struct px_lab {
    float l, a, b; /* lightness 0..1, green-red and blue-yellow about -0.4..0.4 */
} px_lab;

/** Linear light, 0..1, of each sRGB byte; static. */
const float *px_color_linear_table(void);
/** The sRGB byte nearest to a linear value (rounded in sRGB, clamped to 0..255). */
uint8_t px_color_to_byte(float linear);

/** OKLab of one sRGB color; `rgb` may point at an RGBA pixel, alpha is not looked at. */
px_lab px_color_lab(const uint8_t *rgb);
/** The sRGB bytes of an OKLab color, clamped into the gamut by channel. */
void px_color_rgb(px_lab lab, uint8_t rgb[3]);

/** OKLab of `count` RGBA pixels into three planes; the same values as px_color_lab(). */
void px_color_planes(const uint8_t *rgba, size_t count, float *l, float *a, float *b);

/** Squared OKLab distance; its root is dE_OK, 0.02 is just noticeable. */
static inline float px_color_distance2(px_lab x, px_lab y)
{
    const float dl = x.l - y.l, da = x.a - y.a, db = x.b - y.b;
    return dl * dl + da * da + db * db;
}

#endif
