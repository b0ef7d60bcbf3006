/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The background's colors, read from the border of a sprite. */
#include "image/matte_cells.h"

#include "core/error.h"
#include "core/mem.h"

#include <math.h>
#include <string.h>

enum { BORDER_SAMPLES = 2048 };

typedef struct border {
    int32_t cells[BORDER_SAMPLES];
    uint8_t side[BORDER_SAMPLES]; /* bits: top, bottom, left, right */
    uint8_t taken[BORDER_SAMPLES];
    int32_t count;
} border;

/* Around the picture once; of a long border every n-th cell. */
static void walk_border(const px_matting *m, border *to)
{
    const int64_t w = m->width, h = m->height;
    const int64_t length = h == 1 ? w : w == 1 ? h : 2 * (w + h) - 4;
    const int64_t step = (length + BORDER_SAMPLES - 1) / BORDER_SAMPLES;
    for (int64_t at = 0; at < length; at += step) {
        int64_t x, y;
        if (at < w) {
            x = at, y = 0;
        } else if (at < w + h - 1) {
            x = w - 1, y = at - w + 1;
        } else if (at < 2 * w + h - 2) {
            x = 2 * w + h - 3 - at, y = h - 1;
        } else {
            x = 0, y = length - at;
        }
        to->side[to->count] =
            (uint8_t)((y == 0) | (y == h - 1) << 1 | (x == 0) << 2 | (x == w - 1) << 3);
        to->cells[to->count++] = (int32_t)(y * w + x);
    }
}

/* The free border cells that lie within `near` of the one that has most of them around it; gives
 * their mean color, takes them, and returns how many. */
static int32_t take_cluster(const px_matting *m, border *from, px_lab *mean, uint8_t *sides)
{
    const float near2 = PX_MATTE_NEAR * PX_MATTE_NEAR;
    int32_t most = 0, best = -1;
    for (int32_t i = 0; i < from->count; i++) {
        int32_t found = 0;
        for (int32_t j = 0; j < from->count && !from->taken[i]; j++) {
            found += !from->taken[j] &&
                     px_color_distance2(m->lab[from->cells[i]], m->lab[from->cells[j]]) <= near2;
        }
        if (found > most) {
            most = found;
            best = i;
        }
    }
    if (best < 0) {
        return 0;
    }
    const px_lab heart = m->lab[from->cells[best]];
    double l = 0, a = 0, b = 0;
    *sides = 0;
    for (int32_t j = 0; j < from->count; j++) {
        const px_lab lab = m->lab[from->cells[j]];
        if (!from->taken[j] && px_color_distance2(heart, lab) <= near2) {
            from->taken[j] = 1;
            *sides |= from->side[j];
            l += (double)lab.l, a += (double)lab.a, b += (double)lab.b;
        }
    }
    *mean = (px_lab){(float)(l / most), (float)(a / most), (float)(b / most)};
    return most;
}

/*
 * Whether two colors take turns around the border, in runs of about one length: a painted
 * checkerboard.  A sky above grass has two colors on three sides each as well, but few turns.
 */
static bool takes_turns(const px_matting *m, const border *from)
{
    enum { TURNS_LEAST = 8 };
    int32_t lengths[BORDER_SAMPLES], runs = 0, length = 0, last = -1, fitting = 0;
    for (int32_t i = 0; i < from->count; i++) {
        const px_lab lab = m->lab[from->cells[i]];
        const int32_t color = !from->taken[i] ? -1
                                              : px_color_distance2(lab, m->back[1]) <
                                                    px_color_distance2(lab, m->back[0]);
        if (color >= 0 && color != last) {
            if (last >= 0) {
                lengths[runs++] = length;
            }
            last = color;
            length = 0;
        }
        length += color >= 0;
    }
    for (int32_t i = 0; i < runs; i++) {
        for (int32_t k = i; k > 0 && lengths[k] < lengths[k - 1]; k--) {
            const int32_t kept = lengths[k];
            lengths[k] = lengths[k - 1];
            lengths[k - 1] = kept;
        }
    }
    for (int32_t i = 0; i < runs; i++) {
        const int32_t off = lengths[i] > lengths[runs / 2] ? lengths[i] - lengths[runs / 2]
                                                           : lengths[runs / 2] - lengths[i];
        fitting += off <= 1 || off * 3 <= lengths[runs / 2];
    }
    return runs >= TURNS_LEAST && fitting * 10 >= runs * 6;
}

/* One color on 60 % of the border is a background; two of a painted checkerboard are, when together
 * they are, both lie on at least three sides, and they take turns. */
static bool judge_border(px_matting *m, border *scratch, float *share)
{
    const float accepted = 0.6f, alone = 0.75f, second_least = 0.2f;
    uint8_t sides[2];
    px_lab mean[2];
    memset(scratch, 0, sizeof *scratch);
    walk_border(m, scratch);
    const float all = (float)scratch->count;
    const float first = (float)take_cluster(m, scratch, &mean[0], &sides[0]) / all;
    *share = first;
    m->back[0] = mean[0];
    m->back_count = 1;
    if (first < alone) {
        const float second = (float)take_cluster(m, scratch, &mean[1], &sides[1]) / all;
        if (second >= second_least && __builtin_popcount(sides[0]) >= 3 &&
            __builtin_popcount(sides[1]) >= 3) {
            m->back[1] = mean[1];
            m->back_count = takes_turns(m, scratch) ? 2 : 1;
            *share += m->back_count == 2 ? second : 0;
        }
    }
    return *share >= accepted;
}

dgxp_status px_matte_find_background(px_matting *m, float *share, bool *found)
{
    border *scratch = px_mem_array(1, sizeof *scratch);
    if (!scratch) {
        return px_error_memory("the border of an image");
    }
    *found = judge_border(m, scratch, share);
    px_mem_free(scratch);
    return DGXP_OK;
}

/* Of a checkerboard's two colors, and of their mixture where a cell lies across both. */
static float measure_between(px_lab color, px_lab one, px_lab two)
{
    const px_lab way = {two.l - one.l, two.a - one.a, two.b - one.b};
    const px_lab to = {color.l - one.l, color.a - one.a, color.b - one.b};
    const float length2 = way.l * way.l + way.a * way.a + way.b * way.b;
    const float t = length2 > 0 ? (to.l * way.l + to.a * way.a + to.b * way.b) / length2 : 0;
    const float at = fminf(fmaxf(t, 0), 1);
    const px_lab on = {one.l + at * way.l, one.a + at * way.a, one.b + at * way.b};
    const float ends = fminf(px_color_distance2(color, one), px_color_distance2(color, two));
    /* a subject's greys lie between the two as well, but seldom that exactly */
    return fminf(ends, 9 * px_color_distance2(color, on));
}

void px_matte_measure_distances(px_matting *m)
{
    const int32_t count = m->width * m->height;
    for (int32_t i = 0; i < count; i++) {
        m->distance2[i] = px_color_distance2(m->lab[i], m->back[0]);
        if (m->back_count == 2) {
            m->distance2[i] = measure_between(m->lab[i], m->back[0], m->back[1]);
        }
    }
}
