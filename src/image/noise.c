/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Grain and JPEG's ripples, which hide the cells that they lie on. */
#include "image/noise.h"

#include "core/error.h"
#include "core/mem.h"
#include "image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* John Immerkaer's idea: second differences see no slopes.  Their median sees no borders, either:
 * more than half of pixel art lies inside cells. */
#define NORMAL 0.6745 /* the median of a normal distribution's absolute values */
#define REACH 3.0     /* standard deviations: what differs by more is another color */

enum { ROWS = 96, LEVELS = 4 * 255 * 4 + 1 };

static int32_t brightness(const uint8_t *p)
{
    return (p[0] + 2 * p[1] + p[2]) * p[3] / 255;
}

double px_noise_measure(const dgxp_image *image)
{
    int32_t counts[LEVELS] = {0}, total = 0, middle = 0, seen = 0;
    const int32_t step = image->height / ROWS + 1;
    for (int32_t y = 0; y < image->height; y += step) {
        for (int32_t x = 1; x + 1 < image->width; x++) {
            const uint8_t *p = px_image_at(image, x, y);
            counts[abs(brightness(p - 4) - 2 * brightness(p) + brightness(p + 4))]++;
            total++;
        }
    }
    while (middle < LEVELS - 1 && (seen += counts[middle]) * 2 <= total) {
        middle++;
    }
    return middle / 4.0 / NORMAL / sqrt(6);
}

dgxp_status px_noise_smooth(const dgxp_image *image, double noise, dgxp_image **out)
{
    const int32_t width = image->width, height = image->height;
    const int32_t reach = (int32_t)ceil(4 * REACH * noise);
    dgxp_image *smooth = NULL;
    int32_t *bright = px_mem_array(px_image_count(image), sizeof *bright);
    dgxp_status status = bright ? px_image_create("dgxp_grid_detect", width, height, &smooth)
                                : px_error_memory("the noise of an image");
    for (size_t i = 0; i < px_image_count(image) && !status; i++) {
        bright[i] = brightness(image->rgba + i * 4);
    }
    for (int32_t y = 0; y < height && !status; y++) {
        const int32_t top = y > 2 ? y - 2 : 0, low = y + 2 < height ? y + 2 : height - 1;
        for (int32_t x = 0; x < width; x++) {
            const int32_t left = x > 2 ? x - 2 : 0, right = x + 2 < width ? x + 2 : width - 1;
            const int32_t own = bright[(size_t)y * (size_t)width + (size_t)x];
            int32_t sums[4] = {0}, count = 0;
            for (int32_t j = top; j <= low; j++) {
                const int32_t *at = bright + (size_t)j * (size_t)width;
                for (int32_t i = left; i <= right; i++) {
                    if (abs(at[i] - own) <= reach) {
                        const uint8_t *p = px_image_at(image, i, j);
                        for (int c = 0; c < 4; c++) {
                            sums[c] += p[c];
                        }
                        count++;
                    }
                }
            }
            for (int c = 0; c < 4; c++) {
                px_image_at(smooth, x, y)[c] = (uint8_t)((sums[c] + count / 2) / count);
            }
        }
    }
    px_mem_free(bright);
    if (!status) {
        *out = smooth;
    }
    return status;
}
