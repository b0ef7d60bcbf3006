/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From many colors to a palette, and from a palette to pixels. */
#include "image/quantize.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color_table.h"
#include "image/image.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

const dgxp_choice px_quantize_method_choices[] = {
    {DGXP_PALETTE_METHOD_OKLAB, "oklab", "merged in OKLab, real colors out"},
    {DGXP_PALETTE_METHOD_IMAGEQUANT, "imagequant", "libimagequant, without dithering"},
};
const int32_t px_quantize_method_count =
    (int32_t)(sizeof px_quantize_method_choices / sizeof *px_quantize_method_choices);

const dgxp_choice px_quantize_dither_choices[] = {
    {DGXP_DITHER_NONE, "none", "flat areas: what sprites want"},
    {DGXP_DITHER_BAYER2, "bayer2", "2x2 ordered: looks like hand work"},
    {DGXP_DITHER_BAYER4, "bayer4", "4x4 ordered: smoother ramps"},
    {DGXP_DITHER_BAYER8, "bayer8", "8x8 ordered: looks mechanical"},
};
const int32_t px_quantize_dither_count =
    (int32_t)(sizeof px_quantize_dither_choices / sizeof *px_quantize_dither_choices);

/* ---------------------------------------------------------------------------------- histogram */

enum { COLORS_MAX = 1 << 24, IMAGES_MAX = 65536, MANY_COLORS = 16384, AUTO_COLORS = 32 };

/* The weight of each opaque color.  Weights are integers, so that sums do not depend on the order in
 * which pictures were added. */
typedef struct color_table {
    px_color_slot *slots;
    size_t capacity, count; /* the capacity is a power of two, at most two thirds are used */
} color_table;

struct dgxp_histogram {
    pthread_mutex_t lock; /* of all below, while images are added */
    color_table table;
    int64_t images;
};

static bool grow_table(color_table *table)
{
    color_table larger = {.capacity = table->capacity ? table->capacity * 2 : 1024,
                          .count = table->count};
    larger.slots = px_mem_zero(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        const px_color_slot *slot = &table->slots[i];
        if (slot->value) {
            px_color_find(larger.slots, larger.capacity, slot->color)->value = slot->value;
        }
    }
    px_mem_free(table->slots);
    *table = larger;
    return true;
}

static bool add_color(color_table *table, uint32_t color, uint64_t weight)
{
    if ((table->count + 1) * 3 > table->capacity * 2 && !grow_table(table)) {
        return false;
    }
    px_color_slot *slot = px_color_find(table->slots, table->capacity, color);
    table->count += slot->value == 0;
    slot->value += weight;
    return true;
}

static bool count_image(const dgxp_image *image, color_table *table, uint64_t *opaque)
{
    const size_t count = px_image_count(image);
    for (size_t i = 0; i < count;) {
        const uint8_t *pixel = image->rgba + i * 4;
        size_t run = 1; /* sprites are made of runs */
        while (i + run < count && memcmp(pixel, pixel + run * 4, 4) == 0) {
            run++;
        }
        i += run;
        if (pixel[3] < 128) {
            continue;
        }
        const uint8_t opaque_color[4] = {pixel[0], pixel[1], pixel[2], 255};
        if (!add_color(table, px_color_word(opaque_color), run)) {
            return false;
        }
        *opaque += run;
    }
    return true;
}

dgxp_status dgxp_histogram_create(dgxp_histogram **out)
{
    px_error_clear();
    if (!out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_histogram_create: out is NULL");
    }
    dgxp_histogram *histogram = px_mem_zero(1, sizeof *histogram);
    if (!histogram) {
        return px_error_memory("a histogram");
    }
    pthread_mutex_init(&histogram->lock, NULL);
    *out = histogram;
    return DGXP_OK;
}

static dgxp_status add_image(dgxp_histogram *histogram, const dgxp_image *image)
{
    color_table table = {0};
    uint64_t opaque = 0;
    bool fits = count_image(image, &table, &opaque);
    /* Make room first: a failure must leave the histogram as it was. */
    while (fits && (histogram->table.count + table.count + 1) * 3 > histogram->table.capacity * 2) {
        fits = grow_table(&histogram->table);
    }
    for (size_t i = 0; fits && i < table.capacity; i++) {
        if (table.slots[i].value) {
            const uint64_t share = (table.slots[i].value << 32) / opaque;
            add_color(&histogram->table, table.slots[i].color, share ? share : 1);
        }
    }
    px_mem_free(table.slots);
    histogram->images += fits;
    return fits ? DGXP_OK : px_error_memory("a histogram");
}

dgxp_status dgxp_histogram_add(dgxp_histogram *histogram, const dgxp_image *image)
{
    px_error_clear();
    if (!histogram || !image) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_histogram_add: %s is NULL",
                            histogram ? "image" : "histogram");
    }
    pthread_mutex_lock(&histogram->lock);
    const dgxp_status status =
        histogram->images < IMAGES_MAX
            ? add_image(histogram, image)
            : px_error_set(DGXP_ERR_LIMIT, "dgxp_histogram_add: holds %d images already, its limit",
                           IMAGES_MAX);
    pthread_mutex_unlock(&histogram->lock);
    return status;
}

int64_t dgxp_histogram_colors(const dgxp_histogram *histogram)
{
    return histogram ? (int64_t)histogram->table.count : 0;
}

void dgxp_histogram_free(dgxp_histogram *histogram)
{
    if (histogram) {
        pthread_mutex_destroy(&histogram->lock);
        px_mem_free(histogram->table.slots);
        px_mem_free(histogram);
    }
}

/* --------------------------------------------------------------------------------- extraction */

static int compare_colors(const void *left, const void *right)
{
    const px_color_count *a = left, *b = right;
    if (a->weight != b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    return memcmp(a->rgb, b->rgb, 3);
}

/* Photographs hold more colors than clusters need: the heaviest of each 8x8x8 block of the color
 * cube then stands for its block. */
static size_t thin_colors(px_color_count *colors, size_t count)
{
    enum { BLOCK_BITS = 3, SIDE_BITS = 8 - BLOCK_BITS, BLOCKS = 1 << (3 * SIDE_BITS) };
    int32_t *first = px_mem_array(BLOCKS, sizeof *first);
    if (!first) {
        return 0;
    }
    memset(first, -1, BLOCKS * sizeof *first);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *rgb = colors[i].rgb;
        const size_t block = (size_t)(rgb[0] >> BLOCK_BITS) << (2 * SIDE_BITS) |
                             (size_t)(rgb[1] >> BLOCK_BITS) << SIDE_BITS | rgb[2] >> BLOCK_BITS;
        if (first[block] < 0) {
            first[block] = (int32_t)kept;
            colors[kept++] = colors[i];
        } else {
            colors[first[block]].weight += colors[i].weight;
        }
    }
    px_mem_free(first);
    qsort(colors, kept, sizeof *colors, compare_colors);
    return kept;
}

/* The colors of a histogram, heaviest first. */
static dgxp_status list_colors(const dgxp_histogram *histogram, px_color_count **out, size_t *count)
{
    const color_table *table = &histogram->table;
    px_color_count *colors = px_mem_array(table->count, sizeof *colors);
    if (!colors) {
        return px_error_memory("the colors of a histogram");
    }
    size_t found = 0;
    for (size_t i = 0; i < table->capacity; i++) {
        const px_color_slot *slot = &table->slots[i];
        if (slot->value) {
            px_color_count *color = &colors[found++];
            memcpy(color->rgb, &slot->color, sizeof color->rgb);
            color->weight = slot->value;
        }
    }
    qsort(colors, found, sizeof *colors, compare_colors);
    if (found > MANY_COLORS) {
        found = thin_colors(colors, found);
        if (!found) {
            px_mem_free(colors);
            return px_error_memory("the colors of a histogram");
        }
    }
    for (size_t i = 0; i < found; i++) {
        colors[i].lab = px_color_lab(colors[i].rgb);
    }
    *out = colors;
    *count = found;
    return DGXP_OK;
}

static dgxp_status check_params(dgxp_palette_params *p)
{
    const int32_t least = p->method == DGXP_PALETTE_METHOD_IMAGEQUANT ? 2 : 1;
    if (p->method < 0 || p->method >= px_quantize_method_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "palette method %d does not exist; dgxp_choices(\"palette_method\") "
                            "lists them",
                            p->method);
    }
    if (p->colors && (p->colors < least || p->colors > PX_PALETTE_MAX)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "colors is %d; it must be %d..%d, or 0 for as few as suffice",
                            p->colors, least, PX_PALETTE_MAX);
    }
    if (p->colors_max < 0 || p->colors_max > PX_PALETTE_MAX) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "colors_max is %d; it must be 1..%d, or 0 for %d", p->colors_max,
                            PX_PALETTE_MAX, AUTO_COLORS);
    }
    if (!(p->merge <= 1)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "merge is %g; it must be at most 1, or negative for none",
                            (double)p->merge);
    }
    p->colors_max = p->colors_max ? p->colors_max : AUTO_COLORS;
    p->merge = p->merge < 0 ? 0 : p->merge == 0 ? 0.02f : p->merge;
    return DGXP_OK;
}

static dgxp_status extract_palette(const dgxp_histogram *histogram, const dgxp_palette_params *p,
                                   dgxp_palette **out)
{
    px_color_count *colors = NULL;
    size_t count = 0;
    uint8_t rgba[PX_PALETTE_MAX * 4];
    int32_t found = 0;
    dgxp_palette *palette = NULL;
    if (histogram->table.count == 0) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "no opaque pixel (alpha of 128 or more) to take a palette from");
    }
    dgxp_status status = list_colors(histogram, &colors, &count);
    const px_cluster_params choose = {p->colors, p->colors_max, p->merge};
    if (!status) {
        status = px_cluster_choose(colors, count, &choose, rgba, &found);
    }
    if (!status && p->method == DGXP_PALETTE_METHOD_IMAGEQUANT) {
        /* It has no automatic count of its own: ours decides how many, it decides which. */
        const int32_t wanted = p->colors ? p->colors : found < 2 ? 2 : found;
        status = px_imagequant_choose(colors, count, wanted, rgba, &found);
    }
    if (!status) {
        status = px_palette_create("", &palette);
    }
    for (int32_t i = 0; i < found && !status; i++) {
        status = px_palette_add("palette", palette, rgba + (size_t)i * 4);
    }
    px_mem_free(colors);
    if (status) {
        dgxp_palette_free(palette);
        return status;
    }
    px_palette_sort(palette);
    *out = palette;
    return DGXP_OK;
}

dgxp_status dgxp_histogram_extract(const dgxp_histogram *histogram,
                                   const dgxp_palette_params *params, dgxp_palette **out)
{
    px_error_clear();
    dgxp_palette_params p;
    if (!histogram || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_histogram_extract: %s is NULL",
                            histogram ? "out" : "histogram");
    }
    dgxp_status status = px_params_read("dgxp_histogram_extract", params, &p, sizeof p);
    status = status ? status : check_params(&p);
    return status ? status : extract_palette(histogram, &p, out);
}

dgxp_status dgxp_palette_extract(const dgxp_image *image, const dgxp_palette_params *params,
                                 dgxp_palette **out)
{
    px_error_clear();
    dgxp_histogram histogram = {0};
    dgxp_palette_params p;
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_palette_extract: %s is NULL",
                            image ? "out" : "image");
    }
    dgxp_status status = px_params_read("dgxp_palette_extract", params, &p, sizeof p);
    status = status ? status : check_params(&p);
    status = status ? status : add_image(&histogram, image);
    status = status ? status : extract_palette(&histogram, &p, out);
    px_mem_free(histogram.table.slots);
    return status;
}

/* ------------------------------------------------------------------------------------ mapping */

enum { CACHE_SIZE = 4096, BAYER_SIDE = 8 };

/* Neighbouring pixels repeat colors: a small table of answers spares most searches. */
typedef struct answer {
    uint32_t key; /* color and Bayer step, plus one */
    int32_t index;
} answer;

typedef struct mapper {
    const dgxp_palette *palette;
    int32_t side;                          /* of the Bayer matrix, 0 without */
    float offset[BAYER_SIDE * BAYER_SIDE]; /* added to lightness at each place of it */
    answer answers[CACHE_SIZE];
} mapper;

/* The value at (x, y) of the Bayer matrix of this side: M_2n = [4M, 4M+2; 4M+3, 4M+1]. */
static int find_bayer(int x, int y, int side)
{
    static const int quarter[2][2] = {{0, 2}, {3, 1}};
    int value = 0;
    for (int bit = 1; bit < side; bit *= 2) {
        value = value * 4 + quarter[(y & bit) != 0][(x & bit) != 0];
    }
    return value;
}

/* How far apart the palette's colors lie: the mean distance to each one's nearest. */
static float measure_spread(const dgxp_palette *palette)
{
    double sum = 0;
    int32_t pairs = 0;
    for (int32_t i = 0; i < palette->count; i++) {
        float least = INFINITY;
        for (int32_t j = 0; j < palette->count; j++) {
            if (i != j && palette->rgba[i * 4 + 3] >= 128 && palette->rgba[j * 4 + 3] >= 128) {
                least = fminf(least, px_color_distance2(palette->lab[i], palette->lab[j]));
            }
        }
        if (least < INFINITY) {
            sum += sqrt((double)least);
            pairs++;
        }
    }
    return pairs ? (float)(sum / pairs) : 0;
}

static void build_offsets(mapper *to, float strength)
{
    const float spread = measure_spread(to->palette);
    const float places = (float)(to->side * to->side);
    for (int y = 0; y < to->side; y++) {
        for (int x = 0; x < to->side; x++) {
            const float step = ((float)find_bayer(x, y, to->side) + 0.5f) / places - 0.5f;
            to->offset[y * to->side + x] = strength * spread * step;
        }
    }
}

static int32_t map_pixel(mapper *with, const uint8_t *pixel, int32_t place)
{
    const uint32_t rgb = (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
    const uint32_t key = (rgb | (uint32_t)place << 24) + 1;
    answer *known = &with->answers[(key * 2654435761u) >> 20];
    if (known->key != key) {
        px_lab lab = px_color_lab(pixel);
        lab.l += with->side ? with->offset[place] : 0;
        *known = (answer){key, px_palette_nearest(with->palette, lab)};
    }
    return known->index;
}

static void map_image(const dgxp_image *image, mapper *with, dgxp_image *to)
{
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            const uint8_t *from = px_image_at(image, x, y);
            uint8_t *pixel = px_image_at(to, x, y);
            if (from[3] < 128) {
                memset(pixel, 0, 4);
                continue;
            }
            const int32_t place =
                with->side ? (y & (with->side - 1)) * with->side + (x & (with->side - 1)) : 0;
            const int32_t index = map_pixel(with, from, place);
            memcpy(pixel, with->palette->rgba + (size_t)index * 4, 3);
            pixel[3] = 255;
        }
    }
}

static bool is_dither(int32_t value)
{
    for (int32_t i = 0; i < px_quantize_dither_count; i++) {
        if (px_quantize_dither_choices[i].value == value) {
            return true;
        }
    }
    return false;
}

static dgxp_status check_mapping(const dgxp_palette *palette, const dgxp_quantize_params *p)
{
    if (palette->opaque == 0) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_quantize: the palette has no opaque color");
    }
    if (!is_dither(p->dither)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_quantize: dither %d does not exist; dgxp_choices(\"dither\") "
                            "lists them",
                            p->dither);
    }
    if (!(p->strength >= 0 && p->strength <= 1)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_quantize: strength %g is not 0..1",
                            (double)p->strength);
    }
    return DGXP_OK;
}

dgxp_status dgxp_quantize(const dgxp_image *image, const dgxp_palette *palette,
                          const dgxp_quantize_params *params, dgxp_image **out)
{
    px_error_clear();
    dgxp_quantize_params p;
    dgxp_image *result = NULL;
    if (!image || !palette || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_quantize: %s is NULL",
                            !image     ? "image"
                            : !palette ? "palette"
                                       : "out");
    }
    dgxp_status status = px_params_read("dgxp_quantize", params, &p, sizeof p);
    status = status ? status : check_mapping(palette, &p);
    if (status) {
        return status;
    }
    mapper *with = px_mem_zero(1, sizeof *with);
    if (!with) {
        return px_error_memory("a table of colors");
    }
    with->palette = palette;
    with->side = p.dither;
    build_offsets(with, p.strength > 0 ? p.strength : 1);
    status = px_image_blank("dgxp_quantize", image->width, image->height, &result);
    status = status ? status : px_image_copy_texts(image, result);
    if (!status) {
        map_image(image, with, result);
        *out = result;
    } else {
        dgxp_image_free(result);
    }
    px_mem_free(with);
    return status;
}
