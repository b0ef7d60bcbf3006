/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Aseprite's arithmetic of layers, rounding included. */
#include "image/aseprite.h"

#include <string.h>

uint32_t px_aseprite_multiply(uint32_t a, uint32_t b)
{
    const uint32_t t = a * b + 0x80;
    return ((t >> 8) + t) >> 8;
}

void px_aseprite_blend(uint8_t *to, const uint8_t *rgba, uint32_t opacity)
{
    const uint32_t alpha = px_aseprite_multiply(rgba[3], opacity);
    if (!alpha) {
        return;
    }
    if (!to[3]) {
        memcpy(to, rgba, 3);
        to[3] = (uint8_t)alpha;
        return;
    }
    const uint32_t sum = to[3] + alpha - px_aseprite_multiply(to[3], alpha);
    for (int c = 0; c < 3; c++) {
        to[c] = (uint8_t)(to[c] + ((int32_t)rgba[c] - to[c]) * (int32_t)alpha / (int32_t)sum);
    }
    to[3] = (uint8_t)sum;
}
