/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The background found and made transparent, on native pixels. */
#include "image/matte.h"

#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"
#include "image/color.h"
#include "image/image.h"
#include "image/pieces.h"

#include <math.h>
#include <string.h>

const dgxp_choice px_matte_background_choices[] = {
    {DGXP_BACKGROUND_AUTO, "auto", "transparency when there is some, else what the border shows"},
    {DGXP_BACKGROUND_KEEP, "keep", "nothing is removed"},
    {DGXP_BACKGROUND_COLOR, "color", "the color that is given"},
};
const int32_t px_matte_background_count =
    (int32_t)(sizeof px_matte_background_choices / sizeof *px_matte_background_choices);

const dgxp_choice px_matte_warning_choices[] = {
    {DGXP_MATTE_NOT_UNIFORM, "not-uniform", "the border shows no background to remove"},
    {DGXP_MATTE_BORDER, "border", "the subject touches the border"},
    {DGXP_MATTE_SHARE, "share", "the subject covers under 5 % or over 90 %"},
    {DGXP_MATTE_PARTS, "parts", "the subject falls into pieces"},
};
const int32_t px_matte_warning_count =
    (int32_t)(sizeof px_matte_warning_choices / sizeof *px_matte_warning_choices);

/* OKLab distances.  A background color repeats within NEAR; what is left beside transparency must
 * be farther than that from it. */
static const float near_background = 0.05f, default_tolerance = 0.07f;
static const float hole_share = 0.8f, safe_distance = 0.15f, hole_distance = 0.04f;
static const float spill_distance = 0.04f, spill_least = 0.1f, spill_most = 0.9f;
static const float key_chroma = 0.1f;

enum { BORDER_SAMPLES = 2048, HOLE_CELLS = 3, SPECK_CELLS = 3, SPECK_GAP = 2 };

/* What a cell is on its way to an alpha of 0 or 255. */
enum { SUBJECT = 1, REMOVED = 0 };

typedef struct matting {
    int32_t width, height;
    px_lab *lab;      /* [height, width] */
    uint8_t *kept;    /* [height, width]: SUBJECT or REMOVED */
    float *distance2; /* [height, width]: to the nearest background color */
    int32_t *queue;   /* cells to look at; room for all */
    int32_t *label;   /* [height, width] */
    uint8_t *pixels;  /* [height, width, 4], the result, changed in place */
    px_lab back[2];   /* background colors */
    int32_t back_count;
    float tolerance;
} matting;

static const int32_t around_x[8] = {1, -1, 0, 0, 1, 1, -1, -1};
static const int32_t around_y[8] = {0, 0, 1, -1, 1, -1, 1, -1};

/* The neighbour in direction 0..7 (the first four share an edge), or -1 outside. */
static int32_t find_neighbour(const matting *m, int32_t cell, int direction)
{
    const int32_t x = cell % m->width + around_x[direction];
    const int32_t y = cell / m->width + around_y[direction];
    return x < 0 || y < 0 || x >= m->width || y >= m->height ? -1 : y * m->width + x;
}

static bool is_border(const matting *m, int32_t cell)
{
    const int32_t x = cell % m->width, y = cell / m->width;
    return x == 0 || y == 0 || x == m->width - 1 || y == m->height - 1;
}

/* ------------------------------------------------------------------------- background colors */

typedef struct border {
    int32_t cells[BORDER_SAMPLES];
    uint8_t side[BORDER_SAMPLES]; /* bits: top, bottom, left, right */
    uint8_t taken[BORDER_SAMPLES];
    int32_t count;
} border;

/* Around the picture once; of a long border every n-th cell. */
static void walk_border(const matting *m, border *to)
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
static int32_t take_cluster(const matting *m, border *from, px_lab *mean, uint8_t *sides)
{
    const float near2 = near_background * near_background;
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

/* One color on 60 % of the border is a background; two of a gradient or a painted checkerboard are,
 * when together they are and both lie on at least three sides (a subject that is cut off does not).
 */
static bool find_background(matting *m, border *scratch, float *share)
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
            m->back_count = 2;
            *share += second;
        }
    }
    return *share >= accepted;
}

static void measure_distances(matting *m)
{
    const int32_t count = m->width * m->height;
    for (int32_t i = 0; i < count; i++) {
        m->distance2[i] = INFINITY;
        for (int32_t b = 0; b < m->back_count; b++) {
            m->distance2[i] = fminf(m->distance2[i], px_color_distance2(m->lab[i], m->back[b]));
        }
    }
}

/* ------------------------------------------------------------------------------------ removal */

/* Remove from the border inwards what is like the background, through cells that share an edge; a
 * slow gradient is followed a little farther.  Returns how many cells went. */
static int32_t flood(matting *m)
{
    const float like = m->tolerance * m->tolerance;
    const float stretch = like * 2.25f, slow = like * 0.04f;
    const int32_t count = m->width * m->height;
    int32_t head = 0, tail = 0;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == SUBJECT && is_border(m, i) && m->distance2[i] <= like) {
            m->kept[i] = REMOVED;
            m->queue[tail++] = i;
        }
    }
    while (head < tail) {
        const int32_t cell = m->queue[head++];
        for (int d = 0; d < 4; d++) {
            const int32_t next = find_neighbour(m, cell, d);
            if (next < 0 || m->kept[next] != SUBJECT) {
                continue;
            }
            const float to_cell = px_color_distance2(m->lab[next], m->lab[cell]);
            if (m->distance2[next] <= like || (m->distance2[next] <= stretch && to_cell <= slow)) {
                m->kept[next] = REMOVED;
                m->queue[tail++] = next;
            }
        }
    }
    return tail;
}

static bool touches_removed(const matting *m, int32_t cell, int directions)
{
    for (int d = 0; d < directions; d++) {
        const int32_t next = find_neighbour(m, cell, d);
        if (next >= 0 && m->kept[next] == REMOVED) {
            return true;
        }
    }
    return false;
}

/* A background is safe to key wherever it shows when nothing of the subject is about its color:
 * at most one cell in two hundred between "like it" and `safe_distance`. */
static bool is_safe(const matting *m, float like)
{
    const float safe = safe_distance * safe_distance;
    const int32_t count = m->width * m->height;
    int32_t close = 0, subject = 0;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == SUBJECT && m->distance2[i] > like && !touches_removed(m, i, 8)) {
            subject++;
            close += m->distance2[i] < safe;
        }
    }
    return subject > 0 && (int64_t)close * 200 <= subject;
}

/* Collect the edge-connected piece of background-like cells around `start` into the queue. */
static int32_t collect_hole(matting *m, int32_t start, float like, int32_t mark, double *distance)
{
    int32_t head = 0, tail = 0;
    *distance = 0;
    m->label[start] = mark;
    m->queue[tail++] = start;
    while (head < tail) {
        const int32_t cell = m->queue[head++];
        *distance += sqrt((double)m->distance2[cell]);
        for (int d = 0; d < 4; d++) {
            const int32_t next = find_neighbour(m, cell, d);
            if (next >= 0 && m->kept[next] == SUBJECT && !m->label[next] &&
                m->distance2[next] <= like) {
                m->label[next] = mark;
                m->queue[tail++] = next;
            }
        }
    }
    *distance /= tail;
    return tail;
}

static int32_t open_holes(matting *m)
{
    const float like = m->tolerance * hole_share * (m->tolerance * hole_share);
    const bool safe = is_safe(m, like);
    const int32_t count = m->width * m->height;
    int32_t removed = 0;
    memset(m->label, 0, (size_t)count * sizeof *m->label);
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] != SUBJECT || m->label[i] || m->distance2[i] > like) {
            continue;
        }
        double distance;
        const int32_t size = collect_hole(m, i, like, 1, &distance);
        if (safe || (size >= HOLE_CELLS && distance <= (double)hole_distance)) {
            for (int32_t j = 0; j < size; j++) {
                m->kept[m->queue[j]] = REMOVED;
            }
            removed += size;
        }
    }
    return removed;
}

/* Where a color lies on the way from the background to `inner`, 0..1, or -1 when it is not on it.
 */
static float find_projection(px_lab color, px_lab back, px_lab inner)
{
    const px_lab way = {inner.l - back.l, inner.a - back.a, inner.b - back.b};
    const px_lab to = {color.l - back.l, color.a - back.a, color.b - back.b};
    const float length2 = way.l * way.l + way.a * way.a + way.b * way.b;
    if (length2 < safe_distance * safe_distance) {
        return -1; /* too close to tell a mixture from a color of its own */
    }
    const float t = (to.l * way.l + to.a * way.a + to.b * way.b) / length2;
    const px_lab on = {back.l + t * way.l, back.a + t * way.a, back.b + t * way.b};
    const float off2 = px_color_distance2(color, on);
    return t < spill_least || t > spill_most || off2 > spill_distance * spill_distance ? -1 : t;
}

/* The neighbour farther inside (not itself at the edge) that is farthest from the background. */
static int32_t find_inner(const matting *m, int32_t cell)
{
    int32_t best = -1;
    for (int d = 0; d < 8; d++) {
        const int32_t next = find_neighbour(m, cell, d);
        if (next >= 0 && m->kept[next] == SUBJECT && !touches_removed(m, next, 4) &&
            (best < 0 || m->distance2[next] > m->distance2[best])) {
            best = next;
        }
    }
    return best;
}

/* Edge cells that are a mixture of the background and what lies inside: those nearer the background
 * go, the others take the inner color.  Only against a key color that the subject does not have:
 * between white or grey and a dark inside every grey looks like spill, and most are shading. */
static void despill(matting *m, dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    int32_t changes = 0;
    for (int32_t b = 0; b < m->back_count; b++) {
        const float chroma2 = m->back[b].a * m->back[b].a + m->back[b].b * m->back[b].b;
        if (chroma2 < key_chroma * key_chroma) {
            return;
        }
    }
    if (!is_safe(m, m->tolerance * m->tolerance)) {
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        m->label[i] = 0;
        if (m->kept[i] != SUBJECT || !touches_removed(m, i, 4)) {
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
            m->kept[cell] = REMOVED;
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
static int32_t peel(matting *m)
{
    const float like = near_background * near_background;
    const int32_t count = m->width * m->height;
    int32_t head = 0, tail = 0;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == SUBJECT && m->distance2[i] <= like && touches_removed(m, i, 4)) {
            m->queue[tail++] = i;
        }
    }
    for (int32_t i = 0; i < tail; i++) {
        m->kept[m->queue[i]] = REMOVED;
    }
    while (head < tail) {
        const int32_t cell = m->queue[head++];
        for (int d = 0; d < 4; d++) {
            const int32_t next = find_neighbour(m, cell, d);
            if (next >= 0 && m->kept[next] == SUBJECT && m->distance2[next] <= like) {
                m->kept[next] = REMOVED;
                m->queue[tail++] = next;
            }
        }
    }
    return tail;
}

/* Whether a cell of the main piece lies within SPECK_GAP cells. */
static bool is_beside(const matting *m, int32_t cell, int32_t piece)
{
    const int32_t x = cell % m->width, y = cell / m->width;
    for (int32_t dy = -SPECK_GAP; dy <= SPECK_GAP; dy++) {
        for (int32_t dx = -SPECK_GAP; dx <= SPECK_GAP; dx++) {
            if (x + dx >= 0 && y + dy >= 0 && x + dx < m->width && y + dy < m->height &&
                m->label[(y + dy) * m->width + x + dx] == piece) {
                return true;
            }
        }
    }
    return false;
}

/* Drop pieces of one or two cells away from the largest; tell its share. */
static dgxp_status drop_specks(matting *m, bool keep, dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    int32_t *sizes = NULL, main_piece = 0, opaque = 0;
    const int32_t pieces = px_pieces_label(m->kept, m->width, m->height, m->label, &sizes);
    if (!sizes) {
        return px_error_memory("a matte");
    }
    for (int32_t i = 1; i <= pieces; i++) {
        main_piece = sizes[i] > sizes[main_piece] ? i : main_piece;
    }
    for (int32_t i = 0; i < count && !keep; i++) {
        const int32_t piece = m->label[i];
        if (piece && piece != main_piece && sizes[piece] > 0 && sizes[piece] < SPECK_CELLS &&
            is_beside(m, i, main_piece)) {
            sizes[piece] = SPECK_CELLS; /* one cell of it is near: all of it stays */
        }
    }
    for (int32_t i = 0; i < count; i++) {
        const int32_t piece = m->label[i];
        if (!keep && piece && piece != main_piece && sizes[piece] < SPECK_CELLS) {
            m->kept[i] = REMOVED;
            report->specks++;
        }
        opaque += m->kept[i] == SUBJECT;
    }
    report->opaque_share = (float)opaque / (float)count;
    report->main_share = opaque ? (float)sizes[main_piece] / (float)opaque : 0;
    px_mem_free(sizes);
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------- a matte */

static void write_alpha(matting *m, bool removing, dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    bool at_border = false;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == SUBJECT) {
            m->pixels[(size_t)i * 4 + 3] = 255;
            at_border |= is_border(m, i);
        } else {
            memset(m->pixels + (size_t)i * 4, 0, 4);
        }
    }
    if (!removing) {
        return;
    }
    report->warnings |= at_border ? DGXP_MATTE_BORDER : 0;
    report->warnings |=
        report->opaque_share < 0.05f || report->opaque_share > 0.9f ? DGXP_MATTE_SHARE : 0;
    report->warnings |= report->main_share < 0.9f ? DGXP_MATTE_PARTS : 0;
}

static void set_colors(matting *m, uint32_t color)
{
    const uint8_t rgb[3] = {(uint8_t)(color >> 16), (uint8_t)(color >> 8), (uint8_t)color};
    m->back[0] = px_color_lab(rgb);
    m->back_count = 1;
}

/* Which cells stay, by background color; false when there is none to remove. */
static bool key_background(matting *m, const dgxp_matte_params *p, border *scratch,
                           dgxp_matte_report *report)
{
    if (p->background == DGXP_BACKGROUND_COLOR) {
        set_colors(m, p->color);
    } else if (!find_background(m, scratch, &report->border_share)) {
        report->warnings |= DGXP_MATTE_NOT_UNIFORM;
        return false;
    }
    report->color_count = m->back_count;
    for (int32_t i = 0; i < m->back_count; i++) {
        uint8_t rgb[3];
        px_color_rgb(m->back[i], rgb);
        report->colors[i] = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    }
    measure_distances(m);
    report->flooded = flood(m);
    report->holes = p->keep_holes ? 0 : open_holes(m);
    if (!p->keep_fringe) {
        despill(m, report);
    }
    report->fringe += peel(m);
    return true;
}

static dgxp_status cut_out(matting *m, const dgxp_matte_params *p, border *scratch,
                           dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    bool transparent = false;
    for (int32_t i = 0; i < count; i++) {
        m->lab[i] = px_color_lab(m->pixels + (size_t)i * 4);
        m->kept[i] = m->pixels[(size_t)i * 4 + 3] >= 128 ? SUBJECT : REMOVED;
        transparent |= m->kept[i] == REMOVED;
    }
    bool removing = p->background != DGXP_BACKGROUND_KEEP;
    if (removing && !(p->background == DGXP_BACKGROUND_AUTO && transparent)) {
        removing = key_background(m, p, scratch, report);
    }
    const dgxp_status status = drop_specks(m, p->keep_specks || !removing, report);
    if (!status) {
        write_alpha(m, removing, report);
    }
    return status;
}

static dgxp_status check_params(const dgxp_matte_params *p)
{
    if (p->background < 0 || p->background >= px_matte_background_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_matte: background %d does not exist; "
                            "dgxp_choices(\"background\") lists them",
                            p->background);
    }
    if (p->color > 0xFFFFFF) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_matte: color 0x%x is not 0xRRGGBB",
                            p->color);
    }
    if (!(p->tolerance >= 0 && p->tolerance <= 0.5f)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_matte: tolerance %g is not 0..0.5",
                            (double)p->tolerance);
    }
    return DGXP_OK;
}

static dgxp_status run_matte(const dgxp_matte_params *p, dgxp_image *result,
                             dgxp_matte_report *report)
{
    const size_t count = px_image_count(result);
    matting m = {.width = result->width,
                 .height = result->height,
                 .pixels = result->rgba,
                 .tolerance = p->tolerance > 0 ? p->tolerance : default_tolerance};
    m.lab = px_mem_array(count, sizeof *m.lab);
    m.kept = px_mem_array(count, sizeof *m.kept);
    m.distance2 = px_mem_array(count, sizeof *m.distance2);
    m.queue = px_mem_array(count, sizeof *m.queue);
    m.label = px_mem_zero(count, sizeof *m.label);
    border *scratch = px_mem_array(1, sizeof *scratch);
    const bool fits = m.lab && m.kept && m.distance2 && m.queue && m.label && scratch;
    const dgxp_status status = fits ? cut_out(&m, p, scratch, report) : px_error_memory("a matte");
    px_mem_free(m.lab);
    px_mem_free(m.kept);
    px_mem_free(m.distance2);
    px_mem_free(m.queue);
    px_mem_free(m.label);
    px_mem_free(scratch);
    return status;
}

dgxp_status dgxp_matte(const dgxp_image *image, const dgxp_matte_params *params,
                       dgxp_matte_report *report, dgxp_image **out)
{
    px_error_clear();
    dgxp_matte_params p;
    dgxp_matte_report told = DGXP_MATTE_REPORT_INIT;
    dgxp_image *result = NULL;
    if (!image || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_matte: %s is NULL",
                            image ? "out" : "image");
    }
    dgxp_status status = px_image_params("dgxp_matte", params, &p, sizeof p);
    status = status ? status : check_params(&p);
    status = status ? status : px_image_blank("dgxp_matte", image->width, image->height, &result);
    status = status ? status : px_image_copy_texts(image, result);
    if (!status) {
        memcpy(result->rgba, image->rgba, px_image_count(image) * 4);
        status = run_matte(&p, result, &told);
    }
    if (status) {
        dgxp_image_free(result);
        return status;
    }
    px_log(DGXP_LOG_DEBUG,
           "matte: %d flooded, %d in holes, %d despilled, %d fringe, %d specks; warnings %d",
           told.flooded, told.holes, told.despilled, told.fringe, told.specks, told.warnings);
    if (report) {
        told.struct_size = report->struct_size;
        memcpy(report, &told,
               report->struct_size < sizeof told ? report->struct_size : sizeof told);
    }
    *out = result;
    return DGXP_OK;
}
