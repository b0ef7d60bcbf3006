/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libimagequant as a palette method, where the library is built with it (and is then GPL-3+). */
#include "image/quantize.h"

#include "core/error.h"
#include "core/mem.h"

#include <string.h>

#ifdef DGXP_IMAGEQUANT
#include <libimagequant.h>

static dgxp_status refuse(liq_error error)
{
    if (error == LIQ_OUT_OF_MEMORY) {
        return px_error_memory("libimagequant");
    }
    return px_error_set(DGXP_ERR_INTERNAL,
                        "libimagequant failed with error %d; choose the method "
                        "'oklab' instead",
                        (int)error);
}

/* Weights are 64-bit shares of pictures, libimagequant counts in 32 bits, and caps what one color
 * may weigh by how many there are: larger counts would all weigh the same. */
static void fill_entries(const px_color_count *colors, size_t count, liq_histogram_entry *entries)
{
    const uint64_t most = count * 12 > 4096 ? count * 12 : 4096;
    int shift = 0;
    while (colors[0].weight >> shift > most) { /* the first is the heaviest */
        shift++;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *rgb = colors[i].rgb;
        const uint64_t weight = colors[i].weight >> shift;
        entries[i] = (liq_histogram_entry){.color = {rgb[0], rgb[1], rgb[2], 255},
                                           .count = weight ? (unsigned int)weight : 1};
    }
}

dgxp_status px_imagequant_choose(const px_color_count *colors, size_t count, int32_t wanted,
                                 uint8_t *rgba, int32_t *found)
{
    enum { BEST_SPEED = 1 };
    dgxp_status status = DGXP_OK;
    liq_result *result = NULL;
    liq_histogram_entry *entries = px_mem_array(count, sizeof *entries);
    liq_attr *attributes = liq_attr_create_with_allocator(px_mem_alloc, px_mem_free);
    liq_histogram *histogram = attributes ? liq_histogram_create(attributes) : NULL;
    if (!entries || !histogram) {
        status = px_error_memory("libimagequant");
        goto done;
    }
    fill_entries(colors, count, entries);
    liq_error error = liq_set_max_colors(attributes, wanted);
    error = error ? error : liq_set_speed(attributes, BEST_SPEED);
    error = error ? error : liq_histogram_add_colors(histogram, attributes, entries, (int)count, 0);
    error = error ? error : liq_histogram_quantize(histogram, attributes, &result);
    error = error ? error : liq_set_dithering_level(result, 0);
    if (error) {
        status = refuse(error);
        goto done;
    }
    const liq_palette *palette = liq_get_palette(result);
    *found = 0;
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
    px_mem_free(entries);
    return status;
}

#else

dgxp_status px_imagequant_choose(const px_color_count *colors, size_t count, int32_t wanted,
                                 uint8_t *rgba, int32_t *found)
{
    (void)colors, (void)count, (void)wanted, (void)rgba, (void)found;
    return px_error_set(DGXP_ERR_UNSUPPORTED,
                        "this library was built without libimagequant; choose the method 'oklab', "
                        "or build with -DDGXP_IMAGEQUANT=ON");
}

#endif
