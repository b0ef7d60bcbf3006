/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libimagequant as a palette method: in a plug-in of its own, opened when it is asked for. */
#include "image/quantize.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/number.h"
#include "core/search.h"
#include "imagequant.h"

#include <dlfcn.h>
#include <pthread.h>

/*
 * Not linked, for two reasons: libimagequant is GPL, and this library is not; and it brings OpenMP's
 * runtime along, which reads its settings the moment it is loaded, so torch could no longer be told
 * how its threads wait.
 */
#define PLUGIN "libdgxpixels_imagequant.so"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static px_imagequant_function *choose;
static char missing[256] = "is not beside this library: build it with -DDGXP_IMAGEQUANT=ON";

static void load(void)
{
    char *path = px_search_find(PX_SEARCH_BACKENDS, PLUGIN);
    void *handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    *(void **)&choose = handle ? dlsym(handle, "px_imagequant") : NULL;
    if (path && !choose) {
        const char *why = dlerror();
        px_number_print(missing, sizeof missing, "cannot be opened: %s", why ? why : "no reason");
    }
    px_mem_free(path);
}

/* Weights are 64-bit shares of pictures, libimagequant counts in 32 bits, and caps what one color
 * may weigh by how many there are: larger counts would all weigh the same. */
static void fill(const px_color_count *colors, size_t count, uint8_t *rgb, uint32_t *weights)
{
    const uint64_t most = count * 12 > 4096 ? count * 12 : 4096;
    int shift = 0;
    while (colors[0].weight >> shift > most) { /* the first is the heaviest */
        shift++;
    }
    for (size_t i = 0; i < count; i++) {
        const uint64_t weight = colors[i].weight >> shift;
        weights[i] = weight ? (uint32_t)weight : 1;
        for (int k = 0; k < 3; k++) {
            rgb[3 * i + (size_t)k] = colors[i].rgb[k];
        }
    }
}

dgxp_status px_imagequant_choose(const px_color_count *colors, size_t count, int32_t wanted,
                                 uint8_t *rgba, int32_t *found)
{
    pthread_once(&once, load);
    if (!choose) {
        return px_error_set(DGXP_ERR_UNSUPPORTED, PLUGIN " %s; or choose the method 'oklab'",
                            missing);
    }
    uint8_t *rgb = px_mem_array(count, 3);
    uint32_t *weights = px_mem_array(count, sizeof *weights);
    int32_t failed = PX_IMAGEQUANT_NO_MEMORY;
    if (rgb && weights) {
        fill(colors, count, rgb, weights);
        failed = choose(rgb, weights, count, wanted, px_mem_alloc, px_mem_free, rgba, found);
    }
    px_mem_free(rgb);
    px_mem_free(weights);
    if (failed == PX_IMAGEQUANT_NO_MEMORY) {
        return px_error_memory("libimagequant");
    }
    return failed ? px_error_set(DGXP_ERR_INTERNAL,
                                 "libimagequant failed with error %d; choose the method 'oklab' "
                                 "instead",
                                 (int)failed)
                  : DGXP_OK;
}
