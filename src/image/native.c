/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signs of art at its own size: short runs, sharp steps, few colors. */
#include "image/native.h"

#include "image/flat.h"
#include "image/image.h"

#include <string.h>

#define NATIVE_COLORS 256 /* a picture with at most so many may be pixel art at its own size */
#define NATIVE_SIDE 512
#define SMALL_SIDE 384 /* with more colors: a scene, where its steps are sharp ... */
#define SHARP 0.0      /* ... by their correlation, which JPEG lowers, too */
#define TINY_SIDE 128  /* a picture this small is native, however many greys it has */
#define SPRITE_SIDE 64 /* nothing this small was painted large, whatever its colors */
#define GREYS 64       /* all of them grey, more than these: a photograph, no palette */

/*
 * The share of runs of one color, along rows and columns, that are shorter than 0.6 cell.  An
 * enlarged sprite has none, while a native one that merely repeats (bricks, stripes) is full of
 * them.  Runs that touch the border may be cut and are left out.
 */
double px_native_short_runs(const dgxp_image *image, const double cell[2])
{
    int64_t runs = 0, shorter = 0;
    for (int axis = 0; axis < 2; axis++) {
        const int32_t length = axis ? image->height : image->width;
        const int32_t lines = axis ? image->width : image->height;
        for (int32_t line = 0; line < lines; line++) {
            int32_t begin = -1;
            for (int32_t at = 1; at < length; at++) {
                const uint8_t *here =
                    axis ? px_image_at(image, line, at) : px_image_at(image, at, line);
                const uint8_t *last =
                    axis ? px_image_at(image, line, at - 1) : px_image_at(image, at - 1, line);
                if (memcmp(here, last, 4) == 0 || (!here[3] && !last[3])) {
                    continue;
                }
                if (begin >= 0) {
                    runs++;
                    shorter += at - begin < 0.6 * cell[axis];
                }
                begin = at;
            }
        }
    }
    return runs ? (double)shorter / (double)runs : 0;
}

/*
 * How alike neighbouring steps are along rows and columns: the correlation of one with the next.  A
 * blurred border rises over several pixels, all in one direction, while a sprite at its own size
 * jumps, and jumps back.
 */
double px_native_softness(const dgxp_image *image)
{
    int64_t alike = 0, all = 0;
    for (int axis = 0; axis < 2; axis++) {
        const int32_t length = axis ? image->height : image->width;
        const int32_t lines = axis ? image->width : image->height;
        for (int32_t line = 0; line < lines; line++) {
            int32_t value[4] = {0}, step[4] = {0};
            const uint8_t *before = NULL;
            for (int32_t at = 0; at < length; at++) {
                const uint8_t *p =
                    axis ? px_image_at(image, line, at) : px_image_at(image, at, line);
                if (at && memcmp(p, before, 4) == 0) { /* most pixels of a flat picture */
                    memset(step, 0, sizeof step);
                    continue;
                }
                before = p;
                for (int c = 0; c < 4; c++) {
                    const int32_t now = c < 3 ? p[c] * p[3] / 255 : p[3];
                    const int32_t next = at ? now - value[c] : 0;
                    alike += next * step[c];
                    all += next * next;
                    step[c] = next;
                    value[c] = now;
                }
            }
        }
    }
    return all ? (double)alike / (double)all : 0;
}

static bool is_grey(const dgxp_image *image)
{
    bool grey = true;
    for (size_t i = 0; i < px_image_count(image) && grey; i++) {
        const uint8_t *p = image->rgba + i * 4;
        grey = p[0] == p[1] && p[1] == p[2];
    }
    return grey;
}

/* Few enough colors for pixel art at its own size.  A black and white photograph has at most 256
 * too, but nobody draws with more than GREYS. */
bool px_native_few_colors(const dgxp_image *image)
{
    const int32_t count = px_flat_count_colors(image, NATIVE_COLORS);
    const bool tiny = image->width <= TINY_SIDE && image->height <= TINY_SIDE;
    return count <= NATIVE_COLORS && (count <= GREYS || tiny || !is_grey(image));
}

bool px_native_own_size(const dgxp_image *image, bool few)
{
    const int32_t longer = px_image_most(image->width, image->height);
    if (longer <= SPRITE_SIDE) {
        return true;
    }
    if (few) {
        return longer <= NATIVE_SIDE || px_native_softness(image) <= PX_NATIVE_SOFT;
    }
    return longer <= SMALL_SIDE && !is_grey(image) && px_native_softness(image) <= SHARP;
}
