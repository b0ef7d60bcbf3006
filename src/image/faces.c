/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Flat faces of a drawn thing: a region of one color whose outline has three or four corners. */
#include "core/error.h"
#include "core/mem.h"
#include "image/color.h"
#include "image/normal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 12, SIDE_MAX = 512, HULL_MAX = 2 * SIDE_MAX + 2, ROUNDS = 200 };

/* How much of its hull a face fills, and how much of the hull its four largest corners: a rhombus of
 * 16 pixels has blunt ones.  Of a whole drawing six corners: a disc's reach 0.83. */
#define FILL 0.8
#define CORNERS 0.7
#define OUTLINE 0.9
#define COVER 0.7  /* of what is not outline */
#define DARK 0.32F /* lightness of an outline */
#define SQUARE 0.6 /* the cosine up to which two faces are taken for square ones */

typedef struct point {
    int32_t x, y;
} point;

typedef struct region {
    int32_t first[SIDE_MAX], last[SIDE_MAX]; /* columns a row; first > last: none */
    int32_t top, bottom, count;
} region;

/* The pixels that join (x, y) by an edge and have its very color, marked with `mark`. */
static void flood(const dgxp_image *sprite, int32_t x, int32_t y, int32_t mark, int32_t *marks,
                  point *stack, region *out)
{
    static const int32_t beside[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    const int32_t width = sprite->width;
    const uint8_t *color = px_image_at(sprite, x, y);
    size_t waiting = 1;
    *stack = (point){x, y};
    marks[(size_t)y * (size_t)width + (size_t)x] = mark;
    for (int32_t row = 0; row < sprite->height; row++) {
        out->first[row] = width;
        out->last[row] = -1;
    }
    out->top = out->bottom = y;
    out->count = 0;
    while (waiting) {
        const point at = stack[--waiting];
        out->count++;
        out->top = px_image_least(out->top, at.y);
        out->bottom = px_image_most(out->bottom, at.y);
        out->first[at.y] = px_image_least(out->first[at.y], at.x);
        out->last[at.y] = px_image_most(out->last[at.y], at.x);
        for (int i = 0; i < 4; i++) {
            const point to = {at.x + beside[i][0], at.y + beside[i][1]};
            if (to.x < 0 || to.y < 0 || to.x >= width || to.y >= sprite->height) {
                continue;
            }
            int32_t *seen = &marks[(size_t)to.y * (size_t)width + (size_t)to.x];
            if (!*seen && memcmp(px_image_at(sprite, to.x, to.y), color, 4) == 0) {
                *seen = mark;
                stack[waiting++] = to;
            }
        }
    }
}

static int64_t cross(point a, point b, point c)
{
    return (int64_t)(b.x - a.x) * (c.y - a.y) - (int64_t)(b.y - a.y) * (c.x - a.x);
}

/* The convex hull of the rows' ends, down its left side and up its right; the number of corners. */
static int32_t find_hull(const region *at, point *hull)
{
    int32_t count = 0;
    for (int32_t y = at->top; y <= at->bottom; y++) {
        const point next = {at->first[y], y};
        if (at->last[y] < 0) {
            continue;
        }
        while (count > 1 && cross(hull[count - 2], hull[count - 1], next) >= 0) {
            count--;
        }
        hull[count++] = next;
    }
    const int32_t left = count;
    for (int32_t y = at->bottom; y >= at->top; y--) {
        const point next = {at->last[y], y};
        if (at->last[y] < 0) {
            continue;
        }
        while (count > left && cross(hull[count - 2], hull[count - 1], next) >= 0) {
            count--;
        }
        hull[count++] = next;
    }
    return count;
}

static double measure_area(const point *corners, int32_t count)
{
    int64_t twice = 0;
    for (int32_t i = 0; i < count; i++) {
        const point a = corners[i], b = corners[(i + 1) % count];
        twice += (int64_t)a.x * b.y - (int64_t)b.x * a.y;
    }
    return (double)(twice < 0 ? -twice : twice) / 2;
}

/* Corners go one by one, always the one that costs least, until `left` are left. */
static double measure_corners(point *corners, int32_t count, int32_t left)
{
    while (count > left) {
        int32_t least = 0;
        int64_t cost = INT64_MAX;
        for (int32_t i = 0; i < count; i++) {
            const int64_t c = llabs(
                cross(corners[(i + count - 1) % count], corners[i], corners[(i + 1) % count]));
            if (c < cost) {
                cost = c;
                least = i;
            }
        }
        memmove(corners + least, corners + least + 1,
                (size_t)(count - least - 1) * sizeof *corners);
        count--;
    }
    return measure_area(corners, count);
}

/* Pixels whose middles lie in the hull. */
static int32_t count_inside(const region *at, const point *hull, int32_t count)
{
    int32_t inside = 0;
    for (int32_t y = at->top; y <= at->bottom; y++) {
        double low = 1e9, high = -1e9;
        for (int32_t i = 0; i < count; i++) {
            const point a = hull[i], b = hull[(i + 1) % count];
            if ((a.y > y && b.y > y) || (a.y < y && b.y < y)) {
                continue;
            }
            const double ends[2] = {
                a.y == b.y ? a.x : a.x + (double)(b.x - a.x) * (y - a.y) / (b.y - a.y),
                a.y == b.y ? b.x : a.x + (double)(b.x - a.x) * (y - a.y) / (b.y - a.y)};
            for (int e = 0; e < 2; e++) {
                low = ends[e] < low ? ends[e] : low;
                high = ends[e] > high ? ends[e] : high;
            }
        }
        for (int32_t x = at->first[y]; x <= at->last[y]; x++) {
            inside += x >= low - 1e-6 && x <= high + 1e-6;
        }
    }
    return inside;
}

static bool is_face(const region *at, int32_t least, point *hull)
{
    if (at->count < least) {
        return false;
    }
    const int32_t corners = find_hull(at, hull);
    const double area = measure_area(hull, corners);
    return area >= LEAST / 2.0 && at->count >= FILL * count_inside(at, hull, corners) &&
           measure_corners(hull, corners, 4) >= CORNERS * area;
}

/* Whether the whole has corners, as a box has six: else bands of one color on a ball would be faces. */
static bool has_corners(const dgxp_image *sprite, region *at, point *hull)
{
    at->top = sprite->height;
    for (int32_t y = 0; y < sprite->height; y++) {
        at->first[y] = sprite->width;
        at->last[y] = -1;
        for (int32_t x = 0; x < sprite->width; x++) {
            if (px_image_at(sprite, x, y)[3] >= 128) {
                at->first[y] = px_image_least(at->first[y], x);
                at->last[y] = x;
                at->top = px_image_least(at->top, y);
                at->bottom = y;
            }
        }
    }
    const int32_t corners = at->top < sprite->height ? find_hull(at, hull) : 0;
    const double area = measure_area(hull, corners);
    return measure_corners(hull, corners, 6) >= OUTLINE * area;
}

/* A drawing is of flat faces when they cover most of it; a single one may be a ball's dark half. */
static bool cover(const dgxp_image *sprite, const int32_t *face)
{
    size_t all = 0, flat = 0;
    for (size_t i = 0; i < px_image_count(sprite); i++) {
        const uint8_t *pixel = sprite->rgba + i * 4;
        const bool plain = pixel[3] >= 128 && px_color_lab(pixel).l >= DARK;
        all += plain || face[i];
        flat += face[i] != 0;
    }
    return (double)flat >= COVER * (double)all;
}

dgxp_status px_face_find(const dgxp_image *sprite, int32_t *face, int32_t *count)
{
    const size_t pixels = px_image_count(sprite), width = (size_t)sprite->width;
    point *stack = px_mem_array(pixels, sizeof *stack), hull[HULL_MAX];
    region *at = px_mem_array(1, sizeof *at);
    int32_t *marks = px_mem_zero(pixels, sizeof *marks);
    int32_t *names = px_mem_zero(pixels + 1, sizeof *names), next = 0, solid = 0;
    const bool ready = stack && at && marks && names;
    *count = 0;
    for (size_t i = 0; i < pixels && ready; i++) {
        solid += sprite->rgba[i * 4 + 3] >= 128;
    }
    for (size_t i = 0; i < pixels && ready; i++) {
        if (sprite->rgba[i * 4 + 3] >= 128 && !marks[i]) {
            flood(sprite, (int32_t)(i % width), (int32_t)(i / width), ++next, marks, stack, at);
            const bool flat = is_face(at, px_image_most(LEAST, solid / 25), hull);
            names[next] = flat ? ++*count : 0;
        }
    }
    for (size_t i = 0; i < pixels && ready; i++) {
        face[i] = names[marks[i]];
    }
    if (ready && !(cover(sprite, face) && has_corners(sprite, at, hull))) {
        memset(face, 0, pixels * sizeof *face);
        *count = 0;
    }
    px_mem_free(stack);
    px_mem_free(at);
    px_mem_free(marks);
    px_mem_free(names);
    return ready ? DGXP_OK : px_error_memory("the faces of a sprite");
}

/* ------------------------------------------------------------------------------- their planes */

/* Sums over one face, or over what lies between two. */
typedef struct sums {
    double n, x, y, h, xx, xy, yy, xh, yh;
} sums;

static void add(sums *to, double x, double y, double h)
{
    to->n += 1;
    to->x += x;
    to->y += y;
    to->h += h;
    to->xx += x * x;
    to->xy += x * y;
    to->yy += y * y;
    to->xh += x * h;
    to->yh += y * h;
}

/* The slopes of the plane that fits best. */
static px_slope fit_plane(sums s)
{
    const double xx = s.xx - s.x * s.x / s.n, xy = s.xy - s.x * s.y / s.n;
    const double yy = s.yy - s.y * s.y / s.n, xh = s.xh - s.x * s.h / s.n;
    const double yh = s.yh - s.y * s.h / s.n, det = xx * yy - xy * xy;
    return det > 1e-9 ? (px_slope){(xh * yy - yh * xy) / det, (yh * xx - xh * xy) / det}
                      : (px_slope){0, 0};
}

/* Where two faces meet, across an outline of up to two pixels: sums over the places between them. */
static void find_edges(const dgxp_image *sprite, const int32_t *face, int32_t count, sums *edges)
{
    static const int32_t ways[4][2] = {{1, 0}, {0, 1}, {1, 1}, {1, -1}};
    for (int32_t y = 0; y < sprite->height; y++) {
        for (int32_t x = 0; x < sprite->width; x++) {
            const int32_t own = face[(size_t)y * (size_t)sprite->width + (size_t)x];
            for (int w = 0; w < 4 && own; w++) {
                for (int32_t far = 1; far <= 3; far++) {
                    const int32_t to_x = x + ways[w][0] * far, to_y = y + ways[w][1] * far;
                    const bool inside = to_x < sprite->width && to_y >= 0 && to_y < sprite->height;
                    const int32_t other =
                        inside ? face[(size_t)to_y * (size_t)sprite->width + (size_t)to_x] : own;
                    if (other && other != own) {
                        const int32_t low = px_image_least(own, other), high = own + other - low;
                        add(&edges[(low - 1) * count + high - 1], (x + to_x) / 2.0,
                            (y + to_y) / 2.0, 0);
                    }
                    if (other) {
                        break;
                    }
                }
            }
        }
    }
}

/* The unit direction of a line of places; false when they are too few or no line. */
static bool find_direction(sums s, px_slope *out)
{
    if (s.n < 4) {
        return false;
    }
    const double xx = s.xx - s.x * s.x / s.n, xy = s.xy - s.x * s.y / s.n;
    const double yy = s.yy - s.y * s.y / s.n, turn = atan2(2 * xy, xx - yy) / 2;
    const double length = hypot(xx - yy, 2 * xy), across = (xx + yy - length) / 2;
    *out = (px_slope){cos(turn), sin(turn)};
    return xx + yy > 4 && across < 0.1 * (xx + yy);
}

/* Both planes pass through the line where they meet (Mackworth's gradient space). */
static void join_edge(px_slope *a, px_slope *b, px_slope along)
{
    const double apart = ((a->x - b->x) * along.x + (a->y - b->y) * along.y) / 2;
    a->x -= apart * along.x;
    a->y -= apart * along.y;
    b->x += apart * along.x;
    b->y += apart * along.y;
}

/* Two planes that meet at about a right angle meet at one, as the faces of built things do. */
static void square_up(px_slope *a, px_slope *b)
{
    const px_slope from = *a;
    const double lengths = a->x * a->x + a->y * a->y + b->x * b->x + b->y * b->y;
    const double step = lengths > 0.1 ? (a->x * b->x + a->y * b->y + 1) / lengths : 0;
    a->x -= step * b->x;
    a->y -= step * b->y;
    b->x -= step * from.x;
    b->y -= step * from.y;
}

static double measure_angle(px_slope a, px_slope b)
{
    return (a.x * b.x + a.y * b.y + 1) /
           sqrt((a.x * a.x + a.y * a.y + 1) * (b.x * b.x + b.y * b.y + 1));
}

static void settle(int32_t count, const sums *edges, px_slope *slopes)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (int32_t a = 0; a < count; a++) {
            for (int32_t b = a + 1; b < count; b++) {
                px_slope along;
                if (!find_direction(edges[a * count + b], &along)) {
                    continue;
                }
                join_edge(&slopes[a], &slopes[b], along);
                if (fabs(measure_angle(slopes[a], slopes[b])) < SQUARE) {
                    square_up(&slopes[a], &slopes[b]);
                }
            }
        }
    }
}

dgxp_status px_face_planes(const dgxp_image *sprite, const float *square, const int32_t *face,
                           int32_t count, px_slope *slopes)
{
    sums *edges = px_mem_zero((size_t)count * (size_t)count + 1, sizeof *edges);
    sums *whole = px_mem_zero((size_t)count + 1, sizeof *whole);
    const bool ready = edges && whole;
    for (size_t i = 0; i < px_image_count(sprite) && ready; i++) {
        if (face[i]) {
            add(&whole[face[i] - 1], (double)(i % (size_t)sprite->width),
                (double)(i / (size_t)sprite->width), sqrtf(square[i]));
        }
    }
    for (int32_t f = 0; f < count && ready; f++) {
        slopes[f] = fit_plane(whole[f]);
    }
    if (ready) {
        find_edges(sprite, face, count, edges);
        settle(count, edges, slopes);
    }
    px_mem_free(edges);
    px_mem_free(whole);
    return ready ? DGXP_OK : px_error_memory("the planes of a sprite's faces");
}
