/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The figures on a sheet's picture: connected pieces, their specks and parts brought together. */
#include "core/error.h"
#include "core/mem.h"
#include "image/image.h"
#include "image/pieces.h"
#include "image/sheet.h"
#include "image/slice.h"

#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 1024 /* large ones; a sheet of more figures has cells */
#define SPECKS_MAX 65536

typedef struct piece {
    px_slice_part box; /* box.label: the piece's own number */
    int32_t area;
    int32_t owner; /* index of the piece that it belongs to; itself when it stands alone */
    int32_t row;
} piece;

static int32_t gap_between(const px_slice_part *a, const px_slice_part *b)
{
    const int32_t right = a->x > b->x ? a->x - (b->x + b->width) : b->x - (a->x + a->width);
    const int32_t below = a->y > b->y ? a->y - (b->y + b->height) : b->y - (a->y + a->height);
    const int32_t least = right > below ? right : below;
    return least > 0 ? least : 0;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static void join_box(px_slice_part *to, const px_slice_part *add)
{
    const int32_t right = larger(to->x + to->width, add->x + add->width);
    const int32_t bottom = larger(to->y + to->height, add->y + add->height);
    to->x = smaller(to->x, add->x);
    to->y = smaller(to->y, add->y);
    to->width = right - to->x;
    to->height = bottom - to->y;
}

/* Whether half of the smaller box lies in the other one: a sword beside its knight. */
static bool is_overlapping(const px_slice_part *a, const px_slice_part *b)
{
    const int64_t width = smaller(a->x + a->width, b->x + b->width) - larger(a->x, b->x);
    const int64_t height = smaller(a->y + a->height, b->y + b->height) - larger(a->y, b->y);
    const int64_t area_a = (int64_t)a->width * a->height, area_b = (int64_t)b->width * b->height;
    return width > 0 && height > 0 && 2 * width * height >= (area_a < area_b ? area_a : area_b);
}

static int32_t find_owner(const piece *all, int32_t index)
{
    while (all[index].owner != index) {
        index = all[index].owner;
    }
    return index;
}

static void measure_pieces(const dgxp_image *image, const int32_t *label, const int32_t *sizes,
                           piece *all, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        all[i] = (piece){{image->width, image->height, 0, 0, i + 1}, sizes[i + 1], i, 0};
    }
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++, label++) {
            if (*label) {
                px_slice_part *box = &all[*label - 1].box;
                const px_slice_part cell = {x, y, 1, 1, 0};
                if (box->width) {
                    join_box(box, &cell);
                } else {
                    *box = (px_slice_part){x, y, 1, 1, *label};
                }
            }
        }
    }
}

/* Overlapping large pieces become one; the box grows, so it is looked at again until all is calm.
 */
static void join_overlapping(piece *all, const int32_t *big, int32_t count)
{
    for (bool joined = true; joined;) {
        joined = false;
        for (int32_t i = 0; i < count; i++) {
            for (int32_t j = i + 1; j < count; j++) {
                const int32_t a = find_owner(all, big[i]), b = find_owner(all, big[j]);
                if (a != b && is_overlapping(&all[a].box, &all[b].box)) {
                    join_box(&all[a].box, &all[b].box);
                    all[b].owner = a;
                    joined = true;
                }
            }
        }
    }
}

/* Specks follow the nearest figure without being able to bring two together. */
static void give_specks(piece *all, int32_t count, int32_t least, const int32_t *big, int32_t bigs)
{
    for (int32_t i = 0; i < count; i++) {
        if (all[i].area >= least) {
            continue;
        }
        int32_t best = INT32_MAX;
        for (int32_t j = 0; j < bigs; j++) {
            const int32_t gap = gap_between(&all[i].box, &all[big[j]].box);
            if (gap < best) {
                best = gap;
                all[i].owner = find_owner(all, big[j]);
            }
        }
    }
    for (int32_t i = 0; i < count; i++) {
        if (all[i].area < least) {
            join_box(&all[all[i].owner].box, &all[i].box);
        }
    }
}

static int compare_tops(const void *left, const void *right)
{
    const px_slice_part *a = left, *b = right;
    return a->y != b->y ? (a->y < b->y ? -1 : 1) : (a->x > b->x) - (a->x < b->x);
}

static int compare_lefts(const void *left, const void *right)
{
    const px_slice_part *a = left, *b = right;
    return a->x != b->x ? (a->x < b->x ? -1 : 1) : (a->y > b->y) - (a->y < b->y);
}

/* Reading order: a row takes every figure whose middle is above the lower edge of its first. */
static void sort_rows(px_slice_part *parts, int32_t count)
{
    qsort(parts, (size_t)count, sizeof *parts, compare_tops);
    for (int32_t begin = 0; begin < count;) {
        const int32_t bottom = parts[begin].y + parts[begin].height;
        int32_t end = begin + 1;
        while (end < count && parts[end].y + parts[end].height / 2 < bottom) {
            end++;
        }
        qsort(parts + begin, (size_t)(end - begin), sizeof *parts, compare_lefts);
        begin = end;
    }
}

static dgxp_status collect_parts(piece *all, int32_t count, int32_t least, px_slice_part **parts,
                                 int32_t *part_count)
{
    int32_t bigs = 0;
    for (int32_t i = 0; i < count; i++) {
        bigs += all[i].area >= least;
    }
    if (bigs > PIECES_MAX || count > SPECKS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "dgxp_sheet_cut: %d pieces, %d of them with %d pixels or more; the "
                            "limits are %d and %d: clean it up, or cut by cells",
                            count, bigs, least, SPECKS_MAX, PIECES_MAX);
    }
    int32_t *big = px_mem_array((size_t)bigs, sizeof *big);
    *parts = px_mem_array((size_t)bigs, sizeof **parts);
    if (!big || !*parts) {
        px_mem_free(big);
        return px_error_memory("the pieces of a sheet");
    }
    bigs = 0;
    for (int32_t i = 0; i < count; i++) {
        if (all[i].area >= least) {
            big[bigs++] = i;
        }
    }
    join_overlapping(all, big, bigs);
    give_specks(all, count, least, big, bigs);
    for (int32_t i = 0; i < bigs; i++) {
        if (all[big[i]].owner == big[i]) {
            (*parts)[(*part_count)++] = all[big[i]].box;
        }
    }
    px_mem_free(big);
    sort_rows(*parts, *part_count);
    return DGXP_OK;
}

dgxp_status px_slice_find_pieces(const dgxp_image *image, int32_t least, int32_t *label,
                                 px_slice_part **parts, int32_t *count)
{
    const size_t cells = px_image_count(image);
    int32_t *sizes = NULL, found = 0, largest = 0;
    piece *all = NULL;
    dgxp_status status = DGXP_OK;
    uint8_t *wanted = px_mem_alloc(cells);
    if (!wanted) {
        return px_error_memory("the pieces of a sheet");
    }
    *count = 0;
    for (size_t i = 0; i < cells; i++) {
        wanted[i] = image->rgba[i * 4 + 3] > 0;
    }
    if (!memchr(wanted, 1, cells) || !memchr(wanted, 0, cells)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "dgxp_sheet_cut: the picture is wholly %s; remove its background "
                              "first, or give the cells' size",
                              wanted[0] ? "opaque" : "transparent");
        goto done;
    }
    found = px_pieces_label(wanted, image->width, image->height, label, &sizes);
    all = sizes ? px_mem_array((size_t)found, sizeof *all) : NULL;
    if (!all) {
        status = px_error_memory("the pieces of a sheet");
        goto done;
    }
    measure_pieces(image, label, sizes, all, found);
    for (int32_t i = 0; i < found; i++) {
        largest = larger(largest, all[i].area);
    }
    least = smaller(least ? least : larger(largest / 16, 1), largest);
    status = collect_parts(all, found, least, parts, count);
    for (size_t i = 0; i < cells && !status; i++) {
        if (label[i]) {
            label[i] = find_owner(all, label[i] - 1) + 1;
        }
    }
done:
    px_mem_free(all);
    px_mem_free(sizes);
    px_mem_free(wanted);
    return status;
}
