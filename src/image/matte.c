/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The background found and made transparent, on native pixels. */
#include "image/matte.h"

#include "core/error.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color.h"
#include "image/image.h"
#include "image/matte_cells.h"
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
    {DGXP_MATTE_SCENE, "scene",
     "removing the background would have cut a scene or left half of it, so all of it stays; "
     "`background` '#rrggbb' removes a color"},
};
const int32_t px_matte_warning_count =
    (int32_t)(sizeof px_matte_warning_choices / sizeof *px_matte_warning_choices);

/* OKLab distances. */
static const float default_tolerance = 0.07f, hole_share = 0.8f, hole_distance = 0.04f;

static const float slope_step = 0.04f;

enum { SLOPE_SHARE = 12 }; /* % of the seam without a step, see ends_on_a_slope() */
enum { HOLE_CELLS = 3, SPECK_CELLS = 3, SPECK_GAP = 2 };

/* ------------------------------------------------------------------------------------ removal */

/* Remove from the border inwards what is like the background, through cells that share an edge; a
 * slow gradient is followed a little farther.  Returns how many cells went. */
static int32_t flood(px_matting *m)
{
    const float like = m->tolerance * m->tolerance;
    const float stretch = like * 2.25f, slow = like * 0.04f;
    const int32_t count = m->width * m->height;
    int32_t head = 0, tail = 0;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == PX_MATTE_SUBJECT && px_matte_at_border(m, i) && m->distance2[i] <= like) {
            m->kept[i] = PX_MATTE_REMOVED;
            m->queue[tail++] = i;
        }
    }
    while (head < tail) {
        const int32_t cell = m->queue[head++];
        for (int d = 0; d < 4; d++) {
            const int32_t next = px_matte_neighbour(m, cell, d);
            if (next < 0 || m->kept[next] != PX_MATTE_SUBJECT) {
                continue;
            }
            const float to_cell = px_color_distance2(m->lab[next], m->lab[cell]);
            if (m->distance2[next] <= like || (m->distance2[next] <= stretch && to_cell <= slow)) {
                m->kept[next] = PX_MATTE_REMOVED;
                m->queue[tail++] = next;
            }
        }
    }
    return tail;
}

/* Collect the edge-connected piece of background-like cells around `start` into the queue. */
static int32_t collect_hole(px_matting *m, int32_t start, float like, int32_t mark,
                            double *distance)
{
    int32_t head = 0, tail = 0;
    *distance = 0;
    m->label[start] = mark;
    m->queue[tail++] = start;
    while (head < tail) {
        const int32_t cell = m->queue[head++];
        *distance += sqrt((double)m->distance2[cell]);
        for (int d = 0; d < 4; d++) {
            const int32_t next = px_matte_neighbour(m, cell, d);
            if (next >= 0 && m->kept[next] == PX_MATTE_SUBJECT && !m->label[next] &&
                m->distance2[next] <= like) {
                m->label[next] = mark;
                m->queue[tail++] = next;
            }
        }
    }
    *distance /= tail;
    return tail;
}

/* Whether the piece in the queue has cells of two background colors, both at least a fifth. */
static bool shows_both(const px_matting *m, int32_t size)
{
    int32_t second = 0;
    for (int32_t j = 0; j < size && m->back_count == 2; j++) {
        const px_lab lab = m->lab[m->queue[j]];
        second += px_color_distance2(lab, m->back[1]) < px_color_distance2(lab, m->back[0]);
    }
    return second * 5 >= size && (size - second) * 5 >= size;
}

/* What the background's color encloses inside the subject is an eye's white as often as a gap: it
 * goes where the background is a chroma key, which no subject has, or where it is asked for.  A
 * piece that shows both colors of a checkerboard is background for sure. */
static void open_holes(px_matting *m, const dgxp_matte_params *p, dgxp_matte_report *report)
{
    const float like = m->tolerance * hole_share * (m->tolerance * hole_share);
    const bool safe = px_matte_is_safe(m, like);
    const bool open = !p->keep_holes && (p->open_holes || px_matte_is_key(m));
    const int32_t count = m->width * m->height;
    memset(m->label, 0, (size_t)count * sizeof *m->label);
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] != PX_MATTE_SUBJECT || m->label[i] || m->distance2[i] > like) {
            continue;
        }
        double distance;
        const int32_t size = collect_hole(m, i, like, 1, &distance);
        if (!safe && (size < HOLE_CELLS || distance > (double)hole_distance)) {
            continue;
        }
        if (!open && (p->keep_holes || !shows_both(m, size))) {
            report->enclosed += size;
            continue;
        }
        for (int32_t j = 0; j < size; j++) {
            m->kept[m->queue[j]] = PX_MATTE_REMOVED;
        }
        report->holes += size;
    }
}

/* Whether a cell of the main piece lies within SPECK_GAP cells. */
static bool is_beside(const px_matting *m, int32_t cell, int32_t piece)
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

/* A speck of the ground's noise is about its color; a spark or a star is not. */
static bool is_faint(const px_matting *m, int32_t cell)
{
    return m->back_count == 0 || m->distance2[cell] < PX_MATTE_SAFE * PX_MATTE_SAFE;
}

/* Drop faint pieces of one or two cells away from the largest; tell its share. */
static dgxp_status drop_specks(px_matting *m, bool keep, dgxp_matte_report *report)
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
            (!is_faint(m, i) || is_beside(m, i, main_piece))) {
            sizes[piece] = SPECK_CELLS; /* near or strong in one cell: it stays */
        }
    }
    for (int32_t i = 0; i < count; i++) {
        const int32_t piece = m->label[i];
        if (!keep && piece && piece != main_piece && sizes[piece] < SPECK_CELLS) {
            m->kept[i] = PX_MATTE_REMOVED;
            report->specks++;
        }
        opaque += m->kept[i] == PX_MATTE_SUBJECT;
    }
    report->opaque_share = (float)opaque / (float)count;
    report->main_share = opaque ? (float)sizes[main_piece] / (float)opaque : 0;
    px_mem_free(sizes);
    return DGXP_OK;
}

/* ------------------------------------------------------------------------------------- a matte */

static void write_alpha(px_matting *m, bool removing, dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    bool at_border = false;
    for (int32_t i = 0; i < count; i++) {
        if (m->kept[i] == PX_MATTE_SUBJECT) {
            m->pixels[(size_t)i * 4 + 3] = 255;
            at_border |= px_matte_at_border(m, i);
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

static void set_colors(px_matting *m, uint32_t color)
{
    const uint8_t rgb[3] = {(uint8_t)(color >> 16), (uint8_t)(color >> 8), (uint8_t)color};
    m->back[0] = px_color_lab(rgb);
    m->back_count = 1;
}

/* A scene's ground reaches from corner to corner: what is left at both ends of a side is no compact
 * subject. */
static bool spans_a_side(const px_matting *m)
{
    const int32_t right = m->width - 1, below = m->width * (m->height - 1);
    const int32_t corners[4] = {0, right, below + right, below};
    for (int i = 0; i < 4; i++) {
        if (m->kept[corners[i]] == PX_MATTE_SUBJECT &&
            m->kept[corners[(i + 1) & 3]] == PX_MATTE_SUBJECT) {
            return true;
        }
    }
    return false;
}

/*
 * Whether the removal ends in the middle of a slope: where it ends at a subject there is a step, so
 * a seam without steps is a gradient's band or a vignette's disc that stayed.
 */
static bool ends_on_a_slope(const px_matting *m)
{
    const int32_t count = m->width * m->height;
    const float near2 = PX_MATTE_NEAR * PX_MATTE_NEAR;
    int64_t seams = 0, smooth = 0;
    for (int32_t i = 0; i < count; i++) {
        for (int d = 0; d < 4 && m->kept[i] == PX_MATTE_REMOVED; d++) {
            const int32_t next = px_matte_neighbour(m, i, d);
            if (next >= 0 && m->kept[next] == PX_MATTE_SUBJECT && m->distance2[next] > near2) {
                seams++; /* what is nearer is peeled off later */
                smooth += px_color_distance2(m->lab[i], m->lab[next]) < slope_step * slope_step;
            }
        }
    }
    return smooth * 100 > seams * SLOPE_SHARE;
}

/* A horizon reaches from side to side: sky above it and water below are no one slope. */
static bool parts_the_picture(const px_matting *m)
{
    const int32_t right = m->width - 1, below = m->width * (m->height - 1);
    bool touches[4] = {false};
    for (int32_t y = 0; y < m->height; y++) {
        touches[0] |= m->kept[y * m->width] == PX_MATTE_SUBJECT;
        touches[1] |= m->kept[y * m->width + right] == PX_MATTE_SUBJECT;
    }
    for (int32_t x = 0; x < m->width; x++) {
        touches[2] |= m->kept[x] == PX_MATTE_SUBJECT;
        touches[3] |= m->kept[below + x] == PX_MATTE_SUBJECT;
    }
    return (touches[0] && touches[1]) || (touches[2] && touches[3]);
}

/* Floods, and takes it back where a scene would be cut or a part of the background left. */
static bool flood_whole(px_matting *m, bool slope, dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    report->flooded = flood(m);
    if (!spans_a_side(m) && !ends_on_a_slope(m) && !(slope && parts_the_picture(m))) {
        return true;
    }
    for (int32_t i = 0; i < count; i++) {
        m->kept[i] = PX_MATTE_SUBJECT;
    }
    report->flooded = 0;
    return false;
}

/* The background that the border shows: one color or a checkerboard, else a smooth change. */
static dgxp_status find_whole(px_matting *m, dgxp_matte_report *report, bool *removing)
{
    const dgxp_status status = px_matte_find_background(m, &report->border_share, removing);
    if (status) {
        return status;
    }
    const bool shown = *removing;
    if (shown) {
        px_matte_measure_distances(m);
        *removing = flood_whole(m, false, report);
    }
    float share = 0;
    if (!*removing && px_matte_fit_ground(m, &share) && flood_whole(m, true, report)) {
        report->border_share = share;
        *removing = true;
    }
    if (!*removing) {
        m->back_count = 0;
        report->warnings |= shown ? DGXP_MATTE_SCENE : DGXP_MATTE_NOT_UNIFORM;
    }
    return DGXP_OK;
}

/* Which cells stay, by background color; `*removing` is false when there is none to remove. */
static dgxp_status key_background(px_matting *m, const dgxp_matte_params *p,
                                  dgxp_matte_report *report, bool *removing)
{
    *removing = true;
    if (p->background == DGXP_BACKGROUND_COLOR) {
        set_colors(m, p->color);
        px_matte_measure_distances(m);
        report->flooded = flood(m);
    } else {
        const dgxp_status status = find_whole(m, report, removing);
        if (status || !*removing) {
            return status;
        }
    }
    report->color_count = m->back_count;
    for (int32_t i = 0; i < m->back_count; i++) {
        uint8_t rgb[3];
        px_color_rgb(m->back[i], rgb);
        report->colors[i] = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    }
    open_holes(m, p, report);
    if (!p->keep_fringe) {
        px_matte_despill(m, report);
    }
    report->fringe += px_matte_peel(m);
    return DGXP_OK;
}

static dgxp_status cut_out(px_matting *m, const dgxp_matte_params *p, dgxp_matte_report *report)
{
    const int32_t count = m->width * m->height;
    bool transparent = false;
    for (int32_t i = 0; i < count; i++) {
        m->lab[i] = px_color_lab(m->pixels + (size_t)i * 4);
        m->kept[i] = m->pixels[(size_t)i * 4 + 3] >= 128 ? PX_MATTE_SUBJECT : PX_MATTE_REMOVED;
        transparent |= m->kept[i] == PX_MATTE_REMOVED;
    }
    bool removing = p->background != DGXP_BACKGROUND_KEEP;
    dgxp_status status = DGXP_OK;
    if (removing && !(p->background == DGXP_BACKGROUND_AUTO && transparent)) {
        status = key_background(m, p, report, &removing);
    }
    status = status ? status : drop_specks(m, p->keep_specks || !removing, report);
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
    px_matting m = {.width = result->width,
                    .height = result->height,
                    .pixels = result->rgba,
                    .tolerance = p->tolerance > 0 ? p->tolerance : default_tolerance};
    m.lab = px_mem_array(count, sizeof *m.lab);
    m.kept = px_mem_array(count, sizeof *m.kept);
    m.distance2 = px_mem_array(count, sizeof *m.distance2);
    m.queue = px_mem_array(count, sizeof *m.queue);
    m.label = px_mem_zero(count, sizeof *m.label);
    const bool fits = m.lab && m.kept && m.distance2 && m.queue && m.label;
    const dgxp_status status = fits ? cut_out(&m, p, report) : px_error_memory("a matte");
    px_mem_free(m.lab);
    px_mem_free(m.kept);
    px_mem_free(m.distance2);
    px_mem_free(m.queue);
    px_mem_free(m.label);
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
    dgxp_status status = px_params_read("dgxp_matte", params, &p, sizeof p);
    status = status ? status : check_params(&p);
    status = status ? status : px_image_blank("dgxp_matte", image->width, image->height, &result);
    status = status ? status : px_image_copy_texts(image, result);
    if (!status) {
        memcpy(result->rgba, image->rgba, px_image_count(image) * 4);
        status = run_matte(&p, result, &told);
    }
    if (!status && report) {
        status = px_params_fill("dgxp_matte: report", report, &told, sizeof told);
    }
    if (status) {
        dgxp_image_free(result);
        return status;
    }
    px_log(
        DGXP_LOG_DEBUG,
        "matte: %d flooded, %d in holes, %d enclosed and kept, %d despilled, %d fringe, %d specks; "
        "warnings %d",
        told.flooded, told.holes, told.enclosed, told.despilled, told.fringe, told.specks,
        told.warnings);
    *out = result;
    return DGXP_OK;
}
