/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libimagequant as a palette method, where the library is built with it (and is then GPL-3+). */
#include "image/quantize.h"

#include "core/error.h"
#include "core/mem.h"

#include <string.h>

#ifdef DGXP_IMAGEQUANT
#include <dlfcn.h>
#include <libimagequant.h>
#include <pthread.h>

/*
 * Opened when it is asked for, not linked: it brings OpenMP's runtime along, which reads its
 * settings the moment it is loaded, so torch could no longer be told how its threads wait.
 */
#define FUNCTIONS(X)                                                                               \
    X(liq_attr_create_with_allocator)                                                              \
    X(liq_attr_destroy)                                                                            \
    X(liq_get_palette)                                                                             \
    X(liq_histogram_add_colors)                                                                    \
    X(liq_histogram_create)                                                                        \
    X(liq_histogram_destroy)                                                                       \
    X(liq_histogram_quantize)                                                                      \
    X(liq_result_destroy)                                                                          \
    X(liq_set_dithering_level)                                                                     \
    X(liq_set_max_colors)                                                                          \
    X(liq_set_speed)

static struct {
#define DECLARE(name) __typeof__(&name) name;
    FUNCTIONS(DECLARE)
#undef DECLARE
} liq;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;

static void load(void)
{
    void *handle = dlopen("libimagequant.so.0", RTLD_NOW | RTLD_LOCAL);
    loaded = handle != NULL;
#define RESOLVE(name)                                                                              \
    *(void **)&liq.name = handle ? dlsym(handle, #name) : NULL;                                    \
    loaded = loaded && liq.name;
    FUNCTIONS(RESOLVE)
#undef RESOLVE
}

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
    pthread_once(&once, load);
    if (!loaded) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "libimagequant.so.0 is not installed: install it (Debian: "
                            "libimagequant0), or choose the method 'oklab'");
    }
    liq_result *result = NULL;
    liq_histogram_entry *entries = px_mem_array(count, sizeof *entries);
    liq_attr *attributes = liq.liq_attr_create_with_allocator(px_mem_alloc, px_mem_free);
    liq_histogram *histogram = attributes ? liq.liq_histogram_create(attributes) : NULL;
    if (!entries || !histogram) {
        status = px_error_memory("libimagequant");
        goto done;
    }
    fill_entries(colors, count, entries);
    liq_error error = liq.liq_set_max_colors(attributes, wanted);
    error = error ? error : liq.liq_set_speed(attributes, BEST_SPEED);
    error =
        error ? error : liq.liq_histogram_add_colors(histogram, attributes, entries, (int)count, 0);
    error = error ? error : liq.liq_histogram_quantize(histogram, attributes, &result);
    error = error ? error : liq.liq_set_dithering_level(result, 0);
    if (error) {
        status = refuse(error);
        goto done;
    }
    const liq_palette *palette = liq.liq_get_palette(result);
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
        liq.liq_result_destroy(result);
    }
    if (histogram) {
        liq.liq_histogram_destroy(histogram);
    }
    if (attributes) {
        liq.liq_attr_destroy(attributes);
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
