/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Neighbours of cells, and what the matte's steps ask of them. */
#include "image/matte_cells.h"

static const int32_t around_x[8] = {1, -1, 0, 0, 1, 1, -1, -1};
static const int32_t around_y[8] = {0, 0, 1, -1, 1, -1, 1, -1};

int32_t px_matte_neighbour(const px_matting *m, int32_t cell, int direction)
{
    const int32_t x = cell % m->width + around_x[direction];
    const int32_t y = cell / m->width + around_y[direction];
    return x < 0 || y < 0 || x >= m->width || y >= m->height ? -1 : y * m->width + x;
}

bool px_matte_at_border(const px_matting *m, int32_t cell)
{
    const int32_t x = cell % m->width, y = cell / m->width;
    return x == 0 || y == 0 || x == m->width - 1 || y == m->height - 1;
}

bool px_matte_touches_removed(const px_matting *m, int32_t cell, int directions)
{
    for (int d = 0; d < directions; d++) {
        const int32_t next = px_matte_neighbour(m, cell, d);
        if (next >= 0 && m->kept[next] == PX_MATTE_REMOVED) {
            return true;
        }
    }
    return false;
}

bool px_matte_is_safe(const px_matting *m, float like)
{
    const float safe = PX_MATTE_SAFE * PX_MATTE_SAFE;
    const int32_t count = m->width * m->height;
    int32_t close = 0, subject = 0;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == PX_MATTE_SUBJECT && m->distance2[i] > like &&
            !px_matte_touches_removed(m, i, 8)) {
            subject++;
            close += m->distance2[i] < safe;
        }
    }
    return subject > 0 && (int64_t)close * 200 <= subject;
}

bool px_matte_is_key(const px_matting *m)
{
    for (int32_t b = 0; b < m->back_count; b++) {
        const float chroma2 = m->back[b].a * m->back[b].a + m->back[b].b * m->back[b].b;
        if (chroma2 < PX_MATTE_KEY * PX_MATTE_KEY) {
            return false;
        }
    }
    return m->back_count > 0;
}
