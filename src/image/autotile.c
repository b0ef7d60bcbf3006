/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Autotile sets composed from quarters: 47 tiles for eight neighbours, 16 for four corners. */
#include "image/autotile.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color.h"
#include "image/sheet.h"

#include <stdio.h>
#include <string.h>

#define TILE_MAX 256

const dgxp_choice px_autotile_tileset_choices[] = {
    {DGXP_TILESET_BLOB, "blob", "47 tiles for the eight neighbours"},
    {DGXP_TILESET_CORNER, "corner", "16 tiles for the four corners (dual grid)"},
};
const int32_t px_autotile_tileset_count =
    (int32_t)(sizeof px_autotile_tileset_choices / sizeof *px_autotile_tileset_choices);

/* Blob bits, from the north clockwise; a corner set's bits are NW NE SE SW. */
enum { N = 1, NE = 2, E = 4, SE = 8, S = 16, SW = 32, W = 64, NW = 128 };

static const uint8_t blob_masks[47] = {0,   1,   4,   5,   7,   16,  17,  20,  21,  23,  28,  29,
                                       31,  64,  65,  68,  69,  71,  80,  81,  84,  85,  87,  92,
                                       93,  95,  112, 113, 116, 117, 119, 124, 125, 127, 193, 197,
                                       199, 209, 213, 215, 221, 223, 241, 245, 247, 253, 255};
static const uint8_t corner_masks[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

const uint8_t *dgxp_autotile_masks(int32_t kind, int32_t *count)
{
    const bool blob = kind == DGXP_TILESET_BLOB, known = blob || kind == DGXP_TILESET_CORNER;
    if (count) {
        *count = blob ? 47 : known ? 16 : 0;
    }
    return blob ? blob_masks : known ? corner_masks : NULL;
}

typedef struct maker {
    const dgxp_image *inside, *outside;
    int32_t tile, half;
    /* [half, tile]: the upper edge of a cell, 1 is terrain; the other sides are turned copies */
    uint8_t edge[TILE_MAX / 2][TILE_MAX];
    bool rounded;          /* straight edges only */
    int32_t border, round; /* their depth, and how many pixels their corners lose */
    bool outline;
    uint8_t outline_color[4];
} maker;

/* ------------------------------------------------------------------------------------ the edge */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A straight edge, or one that wanders by a pixel a step and comes back where it began. */
static void make_edge(maker *self, int32_t border, int32_t rough, uint64_t seed)
{
    int32_t depth = border, low = border - rough, high = border + rough;
    low = low < 1 ? 1 : low;
    high = high > self->half - 1 ? self->half - 1 : high;
    for (int32_t x = 0; x < self->tile; x++) {
        const int32_t left = self->tile - 1 - x; /* steps that remain to come back */
        const int32_t wish = rough ? (int32_t)(next_random(&seed) % 3) - 1 : 0;
        int32_t next = depth + wish;
        next = next < low ? low : next > high ? high : next;
        next = next > border + left ? border + left : next;
        next = next < border - left ? border - left : next;
        depth = next;
        for (int32_t y = 0; y < self->half; y++) {
            self->edge[y][x] = y >= depth;
        }
    }
}

static dgxp_status take_edge(maker *self, const dgxp_image *drawn)
{
    if (drawn->width != self->tile || drawn->height > self->half - 1) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "dgxp_autotile: the edge is %dx%d; it must be %d wide and at most %d "
                            "high, the rest of the cell is terrain",
                            drawn->width, drawn->height, self->tile, self->half - 1);
    }
    memset(self->edge, 1, sizeof self->edge);
    for (int32_t y = 0; y < drawn->height; y++) {
        for (int32_t x = 0; x < drawn->width; x++) {
            self->edge[y][x] = px_image_at(drawn, x, y)[3] >= 128;
        }
    }
    return DGXP_OK;
}

/* ---------------------------------------------------------------------------------- the quarters
 */

/* Whether terrain is `depth` pixels in from an open side; `along` counts clockwise. */
static bool is_edge_inside(const maker *self, int32_t depth, int32_t along)
{
    if (depth < 0 || depth >= self->half) {
        return depth >= 0;
    }
    return self->edge[depth][(along % self->tile + self->tile) % self->tile];
}

/*
 * Whether pixel (x, y) of a cell is terrain, in the quarter that `right` and `low` name.  A quarter
 * has five states: full, a vertical or horizontal edge, an outer corner where both sides are open,
 * an inner corner where only the diagonal neighbour is missing.  Pixels up to one beyond the cell
 * are told too, as the neighbour with the same edges has them: outlines look there.
 */
static bool is_terrain(const maker *self, uint8_t mask, bool right, bool low, int32_t x, int32_t y)
{
    const int32_t last = self->tile - 1;
    const bool side = mask & (right ? E : W), end = mask & (low ? S : N);
    const bool corner = mask & (low ? (right ? SE : SW) : (right ? NE : NW));
    const bool in_side = is_edge_inside(self, right ? last - x : x, right ? y : last - y);
    const bool in_end = is_edge_inside(self, low ? last - y : y, low ? last - x : x);
    const int32_t sum = (right ? last - x : x) + (low ? last - y : y);
    if (side && end) {
        return corner || in_side || in_end ||
               (self->rounded && sum > 2 * (self->border - 1) - self->round);
    }
    const bool cut = self->rounded && !side && !end && sum < 2 * self->border + self->round;
    return (side || in_side) && (end || in_end) && !cut;
}

static bool is_blob_terrain(const maker *self, uint8_t mask, int32_t x, int32_t y)
{
    return is_terrain(self, mask, x >= self->half, y >= self->half, x, y);
}

/* A corner tile lies across four cells, half a tile off: its quarters are theirs, turned about. */
static bool is_corner_terrain(const maker *self, uint8_t mask, int32_t x, int32_t y)
{
    static const uint8_t bits[2][2] = {{1, 2}, {8, 4}}; /* [low][right]: NW NE, SW SE */
    const int right = x >= self->half, low = y >= self->half;
    if (!(mask & bits[low][right])) {
        return false;
    }
    uint8_t around = 0; /* of the cell whose quarter this is, in blob bits */
    around |= mask & bits[low][!right] ? (right ? W : E) : 0;
    around |= mask & bits[!low][right] ? (low ? N : S) : 0;
    if (around == (right ? W : E) + (low ? N : S) && mask & bits[!low][!right]) {
        around |= low ? (right ? NW : NE) : (right ? SW : SE);
    }
    return is_terrain(self, around, !right, !low, right ? x - self->half : x + self->half,
                      low ? y - self->half : y + self->half);
}

static bool is_tile_terrain(const maker *self, int32_t kind, uint8_t mask, int32_t x, int32_t y)
{
    return kind == DGXP_TILESET_BLOB ? is_blob_terrain(self, mask, x, y)
                                     : is_corner_terrain(self, mask, x, y);
}

static dgxp_status draw_tile(const maker *self, int32_t kind, uint8_t mask, dgxp_image **out)
{
    const dgxp_status status = px_image_create("dgxp_autotile", self->tile, self->tile, out);
    for (int32_t y = 0; y < self->tile && !status; y++) {
        for (int32_t x = 0; x < self->tile; x++) {
            const bool terrain = is_tile_terrain(self, kind, mask, x, y);
            const bool edge = terrain && !(is_tile_terrain(self, kind, mask, x - 1, y) &&
                                           is_tile_terrain(self, kind, mask, x + 1, y) &&
                                           is_tile_terrain(self, kind, mask, x, y - 1) &&
                                           is_tile_terrain(self, kind, mask, x, y + 1));
            const dgxp_image *texture = terrain ? self->inside : self->outside;
            if (edge && self->outline) {
                memcpy(px_image_at(*out, x, y), self->outline_color, 4);
            } else if (texture) {
                memcpy(px_image_at(*out, x, y), px_image_at(texture, x, y), 4);
            }
        }
    }
    return status;
}

/* Tiled's wangid begins at the top and goes clockwise, as blob bits do. */
static void set_wang(px_sheet_frame *frame, int32_t kind, uint8_t mask, bool two)
{
    static const int places[4] = {7, 1, 3, 5}; /* NW NE SE SW */
    for (int i = 0; i < 8 && kind == DGXP_TILESET_BLOB; i++) {
        frame->wang[i] = mask >> i & 1;
    }
    for (int i = 0; i < 4 && kind == DGXP_TILESET_CORNER; i++) {
        frame->wang[places[i]] = mask >> i & 1 ? 1 : two ? 2 : 0;
    }
}

/* --------------------------------------------------------------------------------- the whole */

static void find_darkest(const dgxp_image *image, int32_t side, uint8_t rgba[4])
{
    float least = 2;
    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < side; x++) {
            const uint8_t *pixel = px_image_at(image, x, y);
            const float lightness = px_color_lab(pixel).l;
            if (pixel[3] == 255 && lightness < least) {
                least = lightness;
                memcpy(rgba, pixel, 4);
            }
        }
    }
}

static dgxp_status check_texture(const char *name, const dgxp_image *image, int32_t tile)
{
    if (image->width < tile || image->height < tile || image->width % tile ||
        image->height % tile) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "dgxp_autotile: %s is %dx%d pixels; its sides must be multiples of the "
                            "tile's %d",
                            name, image->width, image->height, tile);
    }
    for (size_t i = 0; i < px_image_count(image); i++) {
        if (image->rgba[i * 4 + 3] != 0 && image->rgba[i * 4 + 3] != 255) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "dgxp_autotile: %s has alpha %d, where a tile is opaque or clear: "
                                "dgxp_matte(), or `background` auto of fix, makes it so",
                                name, image->rgba[i * 4 + 3]);
        }
    }
    return DGXP_OK;
}

static dgxp_status prepare(maker *self, const dgxp_autotile_params *p)
{
    if (p->kind < 0 || p->kind >= px_autotile_tileset_count) {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "dgxp_autotile: kind %d does not exist; dgxp_choices(\"tileset\") lists "
            "them",
            p->kind);
    }
    self->tile = p->tile ? p->tile : self->inside->width;
    self->half = self->tile / 2;
    if (self->tile < 4 || self->tile > TILE_MAX || self->tile % 2) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_autotile: a tile of %d pixels; it must be even, 4..%d",
                            self->tile, TILE_MAX);
    }
    const int32_t border = p->border ? p->border : self->tile / 8 > 1 ? self->tile / 8 : 1;
    if (border < 1 || border > self->half - 1 || p->rough < 0 || p->rough > self->half) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_autotile: border %d, rough %d; the limits are 1..%d and 0..%d",
                            border, p->rough, self->half - 1, self->half);
    }
    dgxp_status status = check_texture("the inside", self->inside, self->tile);
    if (!status && self->outside) {
        status = check_texture("the outside", self->outside, self->tile);
    }
    if (!status && p->edge) {
        status = take_edge(self, p->edge);
    } else if (!status) {
        make_edge(self, border, p->rough, p->seed);
        self->rounded = !p->rough;
        self->border = border;
        self->round = self->tile / 16;
        self->round = self->round < border ? self->round : border - 1;
        self->round = border + self->round < self->half ? self->round : 0;
    }
    self->outline = !p->no_outline;
    memcpy(self->outline_color, p->outline_color, 4);
    if (!status && !self->outline_color[3]) {
        find_darkest(self->inside, self->tile, self->outline_color);
    }
    return status;
}

static dgxp_status draw_set(const maker *self, int32_t kind, dgxp_sheet *sheet)
{
    int32_t count;
    dgxp_status status = DGXP_OK;
    const uint8_t *masks = dgxp_autotile_masks(kind, &count);
    for (int32_t i = 0; i < count && !status; i++) {
        dgxp_image *tile = NULL;
        char name[16];
        snprintf(name, sizeof name, "mask %d", masks[i]);
        status = draw_tile(self, kind, masks[i], &tile);
        status = status ? status : px_sheet_take_frame("dgxp_autotile", sheet, tile, name, 0);
        if (!status) {
            set_wang(&sheet->frames[i], kind, masks[i], self->outside);
        }
    }
    sheet->columns = kind == DGXP_TILESET_BLOB ? 8 : 4;
    sheet->wang = kind == DGXP_TILESET_BLOB ? PX_WANG_MIXED : PX_WANG_CORNER;
    sheet->wang_colors = kind == DGXP_TILESET_CORNER && self->outside ? 2 : 1;
    sheet->tileset = kind;
    return status;
}

dgxp_status dgxp_autotile(const dgxp_image *inside, const dgxp_image *outside,
                          const dgxp_autotile_params *params, dgxp_sheet **out)
{
    px_error_clear();
    dgxp_autotile_params p;
    dgxp_sheet *sheet = NULL;
    if (!inside || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_autotile: %s is NULL",
                            inside ? "out" : "inside");
    }
    dgxp_status status = px_params_read("dgxp_autotile", params, &p, sizeof p);
    maker *self = status ? NULL : px_mem_zero(1, sizeof *self);
    if (!self) {
        return status ? status : px_error_memory("a tileset");
    }
    self->inside = inside;
    self->outside = outside;
    status = prepare(self, &p);
    status = status ? status : px_sheet_create(&sheet);
    status = status ? status : draw_set(self, p.kind, sheet);
    px_mem_free(self);
    if (status) {
        dgxp_sheet_free(sheet);
    } else {
        *out = sheet;
    }
    return status;
}

/* ------------------------------------------------------------------------------------ the check */

/* Whether the tile of mask `b` may stand right of (or, with `below`, under) that of mask `a`: the
 * cells that both know must be the same.  A blob tile knows a corner only with both its edges. */
static bool is_legal(int32_t kind, uint8_t a, uint8_t b, bool below)
{
    if (kind == DGXP_TILESET_CORNER) {
        const int a_first = below ? a >> 3 & 1 : a >> 1 & 1, b_first = b & 1;
        const int a_second = a >> 2 & 1, b_second = below ? b >> 1 & 1 : b >> 3 & 1;
        return a_first == b_first && a_second == b_second;
    }
    const uint8_t towards = below ? S : E, back = below ? N : W;
    if (!(a & towards) || !(b & back)) {
        return false;
    }
    /* The cells beside `a` and `b` on either side of the line that joins them. */
    const uint8_t sides[2] = {below ? W : N, below ? E : S};
    const uint8_t ahead[2] = {below ? SW : NE, SE}, behind[2] = {NW, below ? NE : SW};
    for (int i = 0; i < 2; i++) {
        const bool beside_a = a & sides[i], beside_b = b & sides[i];
        if ((beside_a && !(a & ahead[i]) != !beside_b) ||
            (beside_b && !(b & behind[i]) != !beside_a)) {
            return false;
        }
    }
    return true;
}

/* Mean absolute difference of two columns (or rows) of RGBA, 0..255. */
static double measure_step(const dgxp_image *a, int32_t at_a, const dgxp_image *b, int32_t at_b,
                           bool rows)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < a->width; i++) {
        const uint8_t *p = rows ? px_image_at(a, i, at_a) : px_image_at(a, at_a, i);
        const uint8_t *q = rows ? px_image_at(b, i, at_b) : px_image_at(b, at_b, i);
        for (int c = 0; c < 4; c++) {
            sum += p[c] > q[c] ? p[c] - q[c] : q[c] - p[c];
        }
    }
    return (double)sum / (4.0 * a->width);
}

dgxp_status dgxp_autotile_check(const dgxp_sheet *sheet, double *mean, double *worst)
{
    px_error_clear();
    if (!sheet || !sheet->wang) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_autotile_check: the sheet was not made by dgxp_autotile()");
    }
    int32_t count;
    const uint8_t *masks = dgxp_autotile_masks(sheet->tileset, &count);
    double seams = 0, inner = 0, most_seam = 0, most_inner = 0;
    int64_t seam_count = 0, inner_count = 0;
    const int32_t last = sheet->frames[0].image->width - 1;
    for (int32_t i = 0; i < count; i++) {
        const dgxp_image *a = sheet->frames[i].image;
        for (int32_t at = 0; at < last; at++) {
            for (int rows = 0; rows < 2; rows++, inner_count++) {
                const double step = measure_step(a, at, a, at + 1, rows);
                inner += step;
                most_inner = step > most_inner ? step : most_inner;
            }
        }
        for (int32_t j = 0; j < count; j++) {
            for (int rows = 0; rows < 2; rows++) {
                if (is_legal(sheet->tileset, masks[i], masks[j], rows)) {
                    const double step = measure_step(a, last, sheet->frames[j].image, 0, rows);
                    seams += step;
                    seam_count++;
                    most_seam = step > most_seam ? step : most_seam;
                }
            }
        }
    }
    /* Flat tiles have no step anywhere: nothing over nothing is as good as it gets. */
    const double mean_inner = inner / (double)inner_count;
    const double mean_seam = seams / (double)seam_count;
    if (mean) {
        *mean = mean_inner > 0 ? mean_seam / mean_inner : mean_seam > 0 ? 255 : 0;
    }
    if (worst) {
        *worst = most_inner > 0 ? most_seam / most_inner : most_seam > 0 ? 255 : 0;
    }
    return DGXP_OK;
}
