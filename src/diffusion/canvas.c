/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between pictures and the planes of floats that a VAE reads and writes. */
#include "diffusion/canvas.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static uint8_t to_byte(float value)
{
    const float unit = value * 0.5f + 0.5f;
    if (!(unit > 0)) { /* NaN too */
        return 0;
    }
    return unit >= 1 ? 255 : (uint8_t)lrintf(unit * 255.0f);
}

dgxp_status px_canvas_to_image(const float *planes, int32_t channels, int32_t width, int32_t height,
                               dgxp_image **out)
{
    const dgxp_status status = dgxp_image_create(width, height, NULL, out);
    if (status != DGXP_OK) {
        return status;
    }
    uint8_t *pixels = dgxp_image_pixels_mut(*out);
    const size_t count = (size_t)width * (size_t)height;
    for (size_t i = 0; i < count; i++) {
        for (int32_t c = 0; c < 4; c++) {
            pixels[4 * i + (size_t)c] = c < channels ? to_byte(planes[(size_t)c * count + i]) : 255;
        }
    }
    return DGXP_OK;
}

/* The premultiplied average of the source pixels under target pixel (x, y); rgba in 0..255. */
static void sample(const dgxp_image *image, int32_t width, int32_t height, int32_t x, int32_t y,
                   float rgba[4])
{
    const int32_t from_width = dgxp_image_width(image), from_height = dgxp_image_height(image);
    const uint8_t *pixels = dgxp_image_pixels(image);
    const double left = (double)x * from_width / width,
                 right = (double)(x + 1) * from_width / width;
    const double top = (double)y * from_height / height;
    const double bottom = (double)(y + 1) * from_height / height;
    double sum[4] = {0}, area = 0;
    for (int32_t v = (int32_t)top; v < from_height && v < bottom; v++) {
        const double rows = fmin(bottom, v + 1) - fmax(top, v);
        for (int32_t u = (int32_t)left; u < from_width && u < right; u++) {
            const double weight = rows * (fmin(right, u + 1) - fmax(left, u));
            const uint8_t *pixel = pixels + 4 * ((size_t)v * (size_t)from_width + (size_t)u);
            const double opaque = weight * pixel[3] / 255.0;
            for (int c = 0; c < 3; c++) {
                sum[c] += opaque * pixel[c];
            }
            sum[3] += opaque;
            area += weight;
        }
    }
    for (int c = 0; c < 3; c++) {
        rgba[c] = sum[3] > 0 ? (float)(sum[c] / sum[3]) : 0.0f;
    }
    rgba[3] = area > 0 ? (float)(255.0 * sum[3] / area) : 0.0f;
}

void px_canvas_from_image(const dgxp_image *image, int32_t channels, int32_t width, int32_t height,
                          float *planes)
{
    const size_t count = (size_t)width * (size_t)height;
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            float rgba[4];
            const size_t i = (size_t)y * (size_t)width + (size_t)x;
            sample(image, width, height, x, y, rgba);
            for (int32_t c = 0; c < 3; c++) {
                const float alpha = rgba[3] / 255.0f;
                const float value = channels == 4 ? rgba[c] : rgba[c] * alpha + 255 * (1 - alpha);
                planes[(size_t)c * count + i] = value / 127.5f - 1.0f;
            }
            if (channels == 4) {
                planes[3 * count + i] = rgba[3] / 127.5f - 1.0f;
            }
        }
    }
}

void px_canvas_from_mask(const dgxp_image *mask, int32_t width, int32_t height, uint8_t *values)
{
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            float rgba[4];
            sample(mask, width, height, x, y, rgba);
            const float luma = 0.299f * rgba[0] + 0.587f * rgba[1] + 0.114f * rgba[2];
            values[(size_t)y * (size_t)width + (size_t)x] = luma * rgba[3] >= 127.5f * 255.0f;
        }
    }
}

void px_canvas_mask_to_latents(const uint8_t *values, int32_t width, int32_t height, int32_t factor,
                               float *mask)
{
    for (int32_t y = 0; y < height / factor; y++) {
        for (int32_t x = 0; x < width / factor; x++) {
            *mask++ = values[(size_t)y * (size_t)factor * (size_t)width + (size_t)(x * factor)];
        }
    }
}

void px_canvas_keep_unmasked(dgxp_image *image, const dgxp_image *init, const uint8_t *mask)
{
    const int32_t width = dgxp_image_width(image), height = dgxp_image_height(image);
    const bool same = width == dgxp_image_width(init) && height == dgxp_image_height(init);
    const uint8_t *from = dgxp_image_pixels(init);
    uint8_t *pixels = dgxp_image_pixels_mut(image);
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            const size_t i = (size_t)y * (size_t)width + (size_t)x;
            float rgba[4];
            if (mask[i]) {
                continue;
            }
            if (same) { /* colours under alpha 0 included, which an average would lose */
                memcpy(pixels + 4 * i, from + 4 * i, 4);
                continue;
            }
            sample(init, width, height, x, y, rgba);
            for (size_t c = 0; c < 4; c++) {
                pixels[4 * i + c] = (uint8_t)lrintf(rgba[c]);
            }
        }
    }
}
