/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The edge of the subject: the background's tint taken off, and its last cells. */
#include "image/matte_cells.h"

#include <math.h>
#include <string.h>

static const float spill_distance = 0.04f, spill_least = 0.1f, spill_most = 0.9f;

/* Where a color lies on the way from the background to `inner`, 0..1, or -1 when it is not on it.
 */
static float find_projection(px_lab color, px_lab back, px_lab inner)
{
    const px_lab way = {inner.l - back.l, inner.a - back.a, inner.b - back.b};
    const px_lab to = {color.l - back.l, color.a - back.a, color.b - back.b};
    const float length2 = way.l * way.l + way.a * way.a + way.b * way.b;
    if (length2 < PX_MATTE_SAFE * PX_MATTE_SAFE) {
        return -1; /* too close to tell a mixture from a color of its own */
    }
    const float t = (to.l * way.l + to.a * way.a + to.b * way.b) / length2;
    const px_lab on = {back.l + t * way.l, back.a + t * way.a, back.b + t * way.b};
    const float off2 = px_color_distance2(color, on);
    return t < spill_least || t > spill_most || off2 > spill_distance * spill_distance ? -1 : t;
}

/* The neighbour farther inside (not itself at the edge) that is farthest from the background. */
static int32_t find_inner(const px_matting *m, int32_t cell)
{
    int32_t best = -1;
    for (int d = 0; d < 8; d++) {
        const int32_t next = px_matte_neighbour(m, cell, d);
        if (next >= 0 && m->kept[next] == PX_MATTE_SUBJECT &&
            !px_matte_touches_removed(m, next, 4) &&
            (best < 0 || m->distance2[next] > m->distance2[best])) {
            best = next;
        }
    }
    return best;
}

/* Edge cells that are a mixture of the background and what lies inside: those nearer the background
 * go, the others take the inner color.  Only against a key color that the subject does not have:
 * between white or grey and a dark inside every grey looks like spill, and most are shading. */
void px_matte_despill(px_matting *m, dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    int32_t changes = 0;
    if (!px_matte_is_key(m) || !px_matte_is_safe(m, m->tolerance * m->tolerance)) {
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        m->label[i] = 0;
        if (m->kept[i] != PX_MATTE_SUBJECT || !px_matte_touches_removed(m, i, 4)) {
            continue;
        }
        const int32_t inner = find_inner(m, i);
        for (int32_t b = 0; b < m->back_count && inner >= 0; b++) {
            const float t = find_projection(m->lab[i], m->back[b], m->lab[inner]);
            if (t >= 0) {
                m->label[i] = t < 0.5f ? -1 : inner + 1;
                m->queue[changes++] = i;
                break;
            }
        }
    }
    for (int32_t n = 0; n < changes; n++) {
        const int32_t cell = m->queue[n];
        if (m->label[cell] < 0) {
            m->kept[cell] = PX_MATTE_REMOVED;
            report->fringe++;
        } else {
            const int32_t inner = m->label[cell] - 1;
            memcpy(m->pixels + (size_t)cell * 4, m->pixels + (size_t)inner * 4, 3);
            m->lab[cell] = m->lab[inner];
            m->distance2[cell] = m->distance2[inner];
            report->despilled++;
        }
    }
}

/* Whatever is still background-colored beside transparency goes too, until nothing is. */
int32_t px_matte_peel(px_matting *m)
{
    const float like = PX_MATTE_NEAR * PX_MATTE_NEAR;
    const int32_t count = m->width * m->height;
    int32_t head = 0, tail = 0;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == PX_MATTE_SUBJECT && m->distance2[i] <= like &&
            px_matte_touches_removed(m, i, 4)) {
            m->queue[tail++] = i;
        }
    }
    for (int32_t i = 0; i < tail; i++) {
        m->kept[m->queue[i]] = PX_MATTE_REMOVED;
    }
    while (head < tail) {
        const int32_t cell = m->queue[head++];
        for (int d = 0; d < 4; d++) {
            const int32_t next = px_matte_neighbour(m, cell, d);
            if (next >= 0 && m->kept[next] == PX_MATTE_SUBJECT && m->distance2[next] <= like) {
                m->kept[next] = PX_MATTE_REMOVED;
                m->queue[tail++] = next;
            }
        }
    }
    return tail;
}
