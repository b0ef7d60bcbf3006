/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libdgxpixels_imagequant.so: libimagequant behind one function.  This source is under our licences;
 * linked with libimagequant the built plug-in is under GPL-3.0-or-later, by itself. */
#include "imagequant.h"

#include <libimagequant.h>
#include <string.h>

__attribute__((visibility("default"))) px_imagequant_function px_imagequant;

static int32_t tell(liq_error error)
{
    return error == LIQ_OUT_OF_MEMORY ? PX_IMAGEQUANT_NO_MEMORY : (int32_t)error;
}

int32_t px_imagequant(const uint8_t *colors, const uint32_t *weights, size_t count, int32_t wanted,
                      void *(*allocate)(size_t), void (*release)(void *), uint8_t *rgba,
                      int32_t *found)
{
    enum { BEST_SPEED = 1 };
    liq_error error = LIQ_OUT_OF_MEMORY;
    liq_result *result = NULL;
    liq_histogram_entry *entries = allocate(count * sizeof *entries);
    liq_attr *attributes = liq_attr_create_with_allocator(allocate, release);
    liq_histogram *histogram = attributes ? liq_histogram_create(attributes) : NULL;
    *found = 0;
    if (!entries || !histogram) {
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *rgb = colors + 3 * i;
        entries[i] =
            (liq_histogram_entry){.color = {rgb[0], rgb[1], rgb[2], 255}, .count = weights[i]};
    }
    error = liq_set_max_colors(attributes, wanted);
    error = error ? error : liq_set_speed(attributes, BEST_SPEED);
    error = error ? error : liq_histogram_add_colors(histogram, attributes, entries, (int)count, 0);
    error = error ? error : liq_histogram_quantize(histogram, attributes, &result);
    error = error ? error : liq_set_dithering_level(result, 0);
    if (error) {
        goto done;
    }
    const liq_palette *palette = liq_get_palette(result);
    for (unsigned int i = 0; i < palette->count && *found < wanted; i++) {
        const liq_color *color = &palette->entries[i];
        if (color->a >= 128) { /* a transparent entry holds 71 112 76, which nobody asked for */
            memcpy(rgba + (size_t)*found * 4, (uint8_t[4]){color->r, color->g, color->b, 255}, 4);
            ++*found;
        }
    }
done:
    if (result) {
        liq_result_destroy(result);
    }
    if (histogram) {
        liq_histogram_destroy(histogram);
    }
    if (attributes) {
        liq_attr_destroy(attributes);
    }
    release(entries);
    return tell(error);
}
