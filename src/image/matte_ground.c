/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A background that changes smoothly: gradients and vignettes as a polynomial of the place. */
#include "image/matte_cells.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The border alone says little of the middle: a vignette is brightest where the border is not.  So
 * the model starts on the border with few terms, what lies beside it and fits is taken in, and the
 * fit is made again with more of them, until it has walked up to the subject.
 */
enum { TERMS = 15, ROUNDS = 8, SAMPLES = 16384, TURNS = 4 };
enum { EDGE_SHARE = 250 }; /* one edge in so many cells is too many */

static const float border_fit = 0.045f, border_share = 0.8f; /* so much of the border must fit */
static const float follow = 0.14f, step = 0.025f;            /* taken in while it only slopes */
static const float noise_least = 0.008f, noise_share = 2.0f; /* what the fit may leave */
static const float edge_least = 0.03f;

typedef struct ground {
    double terms[3][TERMS]; /* of l, a and b */
    int32_t count;
} ground;

/* The monomials of x and y up to degree 4, lower degrees first; -1..1 each. */
static void list_terms(const px_matting *m, int32_t cell, double to[TERMS])
{
    const double x = m->width > 1 ? 2.0 * (cell % m->width) / (m->width - 1) - 1 : 0;
    const double y = m->height > 1 ? 2.0 * (cell / m->width) / (m->height - 1) - 1 : 0;
    int32_t at = 0;
    for (int32_t degree = 0; degree <= 4; degree++) {
        for (int32_t of_y = 0; of_y <= degree; of_y++) {
            double value = 1;
            for (int32_t i = 0; i < degree; i++) {
                value *= i < of_y ? y : x;
            }
            to[at++] = value;
        }
    }
}

static float measure_distance2(const px_matting *m, const ground *g, int32_t cell)
{
    double terms[TERMS], sums[3] = {0};
    list_terms(m, cell, terms);
    for (int32_t i = 0; i < g->count; i++) {
        sums[0] += terms[i] * g->terms[0][i];
        sums[1] += terms[i] * g->terms[1][i];
        sums[2] += terms[i] * g->terms[2][i];
    }
    return px_color_distance2(m->lab[cell],
                              (px_lab){(float)sums[0], (float)sums[1], (float)sums[2]});
}

/* Solves the normal equations by elimination; a little ridge keeps empty directions at nothing. */
static void solve(double n[TERMS][TERMS + 3], int32_t count, ground *to)
{
    for (int32_t i = 0; i < count; i++) {
        n[i][i] += 1e-6 * n[0][0];
    }
    for (int32_t i = 0; i < count; i++) {
        for (int32_t j = i + 1; j < count; j++) {
            const double share = n[j][i] / n[i][i];
            for (int32_t k = i; k < TERMS + 3; k++) {
                n[j][k] -= share * n[i][k];
            }
        }
    }
    for (int32_t c = 0; c < 3; c++) {
        for (int32_t i = count - 1; i >= 0; i--) {
            double rest = n[i][TERMS + c];
            for (int32_t k = i + 1; k < count; k++) {
                rest -= n[i][k] * to->terms[c][k];
            }
            to->terms[c][i] = rest / n[i][i];
        }
    }
    to->count = count;
}

/* Fits the cells whose label is set; those far from the last turn's fit lose their say. */
static bool fit_members(const px_matting *m, int32_t members, int32_t count, ground *to)
{
    const int32_t cells = m->width * m->height, stride = members / SAMPLES + 1;
    for (int turn = 0; turn < TURNS; turn++) {
        double n[TERMS][TERMS + 3] = {{0}};
        int32_t seen = 0;
        for (int32_t i = 0; i < cells; i++) {
            if (!m->label[i] || seen++ % stride) {
                continue;
            }
            const double off2 = turn ? (double)measure_distance2(m, to, i) : 0;
            const double weight = 1 / (1 + off2 * off2 / (0.03 * 0.03 * 0.03 * 0.03));
            double terms[TERMS + 3];
            list_terms(m, i, terms);
            terms[TERMS] = (double)m->lab[i].l;
            terms[TERMS + 1] = (double)m->lab[i].a;
            terms[TERMS + 2] = (double)m->lab[i].b;
            for (int32_t j = 0; j < count; j++) {
                for (int32_t k = 0; k < TERMS + 3; k++) {
                    n[j][k] += k < count || k >= TERMS ? weight * terms[j] * terms[k] : 0;
                }
            }
        }
        if (seen < 2 * count) {
            return false;
        }
        solve(n, count, to);
    }
    return true;
}

/* Labels what connects to the border and fits, or only slopes away; returns how many. */
static int32_t take_in(px_matting *m, const ground *g, double *rms)
{
    const float like = m->tolerance * m->tolerance;
    const int32_t cells = m->width * m->height;
    int32_t head = 0, tail = 0;
    double squares = 0;
    for (int32_t i = 0; i < cells; i++) {
        m->distance2[i] = measure_distance2(m, g, i);
        m->label[i] =
            m->kept[i] == PX_MATTE_SUBJECT && px_matte_at_border(m, i) && m->distance2[i] <= like;
        if (m->label[i]) {
            m->queue[tail++] = i;
        }
    }
    while (head < tail) {
        const int32_t cell = m->queue[head++];
        squares += (double)m->distance2[cell];
        for (int d = 0; d < 4; d++) {
            const int32_t next = px_matte_neighbour(m, cell, d);
            if (next < 0 || m->label[next] || m->kept[next] != PX_MATTE_SUBJECT) {
                continue;
            }
            const float away2 = px_color_distance2(m->lab[next], m->lab[cell]);
            if (m->distance2[next] <= like ||
                (m->distance2[next] <= follow * follow && away2 <= step * step)) {
                m->label[next] = 1;
                m->queue[tail++] = next;
            }
        }
    }
    *rms = tail ? sqrt(squares / tail) : 0;
    return tail;
}

/* The median step between neighbours that were taken in: the noise of the ground itself. */
static bool measure_noise(const px_matting *m, int32_t members, float *noise)
{
    float *steps = px_mem_array((size_t)members, sizeof *steps);
    int32_t count = 0;
    for (int32_t i = 0; i < members && steps; i++) {
        const int32_t next = px_matte_neighbour(m, m->queue[i], 0);
        if (next >= 0 && m->label[next]) {
            steps[count++] = sqrtf(px_color_distance2(m->lab[m->queue[i]], m->lab[next]));
        }
    }
    *noise = 0;
    if (steps && count) {
        qsort(steps, (size_t)count, sizeof *steps, px_number_order);
        *noise = steps[count / 2] * (float)M_SQRT1_2;
    }
    px_mem_free(steps);
    return steps != NULL;
}

/* A wall and its floor are no slope, though a polynomial comes near them: there is a line of steps
 * between them. */
static bool has_edges(const px_matting *m, int32_t members, float noise)
{
    const float high = edge_least + 3 * noise;
    int64_t steps = 0;
    for (int32_t i = 0; i < members; i++) {
        for (int d = 0; d < 4; d += 2) {
            const int32_t next = px_matte_neighbour(m, m->queue[i], d);
            steps += next >= 0 && m->label[next] &&
                     px_color_distance2(m->lab[m->queue[i]], m->lab[next]) > high * high;
        }
    }
    return steps * EDGE_SHARE > members;
}

static int32_t take_border(px_matting *m)
{
    const int32_t cells = m->width * m->height;
    int32_t count = 0;
    for (int32_t i = 0; i < cells; i++) {
        m->label[i] = px_matte_at_border(m, i);
        count += m->label[i];
    }
    return count;
}

bool px_matte_fit_ground(px_matting *m, float *share)
{
    static const int32_t terms[ROUNDS] = {6, 6, 10, 10, 15, 15, 15, 15};
    const int32_t cells = m->width * m->height, border = take_border(m);
    ground g = {.count = 0};
    int32_t members = border, fitting = 0, last = 0;
    double rms = 0;
    if (!fit_members(m, members, terms[0], &g)) {
        return false;
    }
    for (int32_t i = 0; i < cells; i++) {
        fitting += m->label[i] && measure_distance2(m, &g, i) <= border_fit * border_fit;
    }
    *share = (float)fitting / (float)border;
    if (*share < border_share) {
        return false;
    }
    for (int round = 1; round < ROUNDS; round++) {
        members = take_in(m, &g, &rms);
        if ((round > 5 && members == last) || !fit_members(m, members, terms[round], &g)) {
            break;
        }
        last = members;
    }
    members = take_in(m, &g, &rms);
    double mean[3] = {0};
    for (int32_t i = 0; i < members; i++) {
        const px_lab lab = m->lab[m->queue[i]];
        mean[0] += (double)lab.l, mean[1] += (double)lab.a, mean[2] += (double)lab.b;
    }
    float noise;
    if (!members || !measure_noise(m, members, &noise) ||
        rms > (double)(noise_share * noise + noise_least) || has_edges(m, members, noise)) {
        return false;
    }
    m->back[0] = (px_lab){(float)(mean[0] / members), (float)(mean[1] / members),
                          (float)(mean[2] / members)};
    m->back_count = 1;
    return true;
}
