/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The quality report: figures, thresholds beside them, one score. */
#include "image/quality.h"

#include "core/error.h"
#include "core/json.h"
#include "core/params.h"
#include "image/measure.h"
#include "image/palette.h"

#include <math.h>
#include <string.h>

typedef enum metric_rule {
    RULE_TELL,     /* a figure without a threshold */
    RULE_AT_MOST,  /* full score up to the threshold, none at twice it (or one above 0) */
    RULE_AT_LEAST, /* full score from the threshold on, none at 0 */
} metric_rule;

typedef struct metric {
    const char *name;
    double value, threshold;
    metric_rule rule;
    bool hard;     /* a miss fails the sprite */
    double weight; /* in the score */
    const char *help;
} metric;

typedef struct report {
    json_t *metrics, *warnings; /* owned until put into the document */
    double points, weights;
    bool pass, fits;
} report;

static double score_metric(const metric *m)
{
    if (m->rule == RULE_AT_LEAST) {
        return m->value >= m->threshold ? 1 : m->value > 0 ? m->value / m->threshold : 0;
    }
    if (m->rule == RULE_AT_MOST && m->value > m->threshold) {
        const double room = m->threshold > 0 ? m->threshold : 1;
        const double over = (m->value - m->threshold) / room;
        return over < 1 ? 1 - over : 0;
    }
    return 1;
}

static void add_metric(report *to, metric m)
{
    static const char *const rules[] = {"none", "at-most", "at-least"};
    const double score = score_metric(&m);
    const bool told = m.rule == RULE_TELL;
    const bool pass =
        told || (m.rule == RULE_AT_MOST ? m.value <= m.threshold : m.value >= m.threshold);
    json_t *entry = json_object();
    to->fits = px_json_put_number(entry, "value", m.value) &&
               (told || (px_json_put_number(entry, "score", score) &&
                         px_json_put_number(entry, "threshold", m.threshold))) &&
               px_json_put_text(entry, "rule", rules[m.rule]) &&
               px_json_put_boolean(entry, "pass", pass) &&
               px_json_put_boolean(entry, "hard", m.hard) &&
               px_json_put_text(entry, "help", m.help) && to->fits;
    to->fits = px_json_put(to->metrics, m.name, entry) && to->fits;
    if (!pass) {
        to->fits = px_json_append(to->warnings, json_string(m.name)) && to->fits;
        to->pass = to->pass && !m.hard;
    }
    if (!told) {
        to->points += m.weight * score;
        to->weights += m.weight;
    }
}

static double share_of(int64_t part, int64_t all)
{
    return all ? (double)part / (double)all : 0;
}

typedef struct figures {
    double colors, near_pairs, entropy;
    double soft_alpha, orphans, doubling;
    double outline, jaggies, least_subject, most_subject, border, main_share;
} figures;

static void report_colors(report *to, const figures *s, const dgxp_quality_params *p)
{
    add_metric(to, (metric){"colors", s->colors, p->colors ? p->colors : 256, RULE_AT_MOST, true, 2,
                            "different opaque colors"});
    add_metric(to, (metric){"color_entropy", s->entropy, 0, RULE_TELL, false, 0,
                            "bits a cell needs, of the colors' frequencies"});
    add_metric(to, (metric){"near_duplicates", s->near_pairs, 0, RULE_AT_MOST, false, 0.5,
                            "pairs of colors closer than 0.02 in OKLab"});
}

static void report_shape(report *to, const figures *s, const dgxp_quality_params *p)
{
    add_metric(to, (metric){"soft_alpha", s->soft_alpha, 0, RULE_AT_MOST, true, 2,
                            "share of cells with alpha between 0 and 255"});
    add_metric(to,
               (metric){"orphans", s->orphans, 1.5 * PX_QUALITY_ORPHANS_P90, RULE_AT_MOST, false, 1,
                        "share of opaque cells with no equal one around; the threshold is 1.5 "
                        "times the 90th percentile of hand-made sprites"});
    add_metric(to, (metric){"mixels", s->doubling, 0.9, RULE_AT_MOST, false, 2,
                            "share of color changes on every second line only; near 1 the true "
                            "cell is twice as large"});
    if (p->tile || p->background) {
        return;
    }
    add_metric(to, (metric){"outline", s->outline, 0, RULE_TELL, false, 0,
                            "share of edge cells darker than L 0.4"});
    add_metric(to,
               (metric){"jaggies", s->jaggies, 1.5 * PX_QUALITY_JAGGIES_P90, RULE_AT_MOST, false,
                        0.5, "doubled corners in 100 edge cells; threshold as for orphans"});
    add_metric(to, (metric){"visible", s->least_subject, 0.002, RULE_AT_LEAST, true, 1,
                            "share of cells that are opaque: less is a blank picture"});
    add_metric(to, (metric){"subject_share", s->least_subject, 0.05, RULE_AT_LEAST, false, 1,
                            "the same: less leaves most of the picture empty"});
    add_metric(to, (metric){"filled_share", s->most_subject, 0.9, RULE_AT_MOST, false, 1,
                            "the same: above 0.9 the background was probably not removed"});
    add_metric(to, (metric){"border_cells", s->border, 0, RULE_AT_MOST, false, 0.5,
                            "opaque cells on the border: cut off, or trimmed without padding"});
    add_metric(to, (metric){"main_share", s->main_share, 0.9, RULE_AT_LEAST, false, 0.5,
                            "share of the opaque cells in the largest piece"});
}

static bool is_in_palette(const uint8_t *cell, const dgxp_palette *palette)
{
    for (int32_t c = 0; c < palette->count; c++) {
        if (memcmp(cell, palette->rgba + (size_t)c * 4, 4) == 0) {
            return true;
        }
    }
    return false;
}

static void report_palette(report *to, const dgxp_image *const *images, int32_t count,
                           const dgxp_palette *palette)
{
    int64_t opaque = 0, known = 0;
    for (int32_t n = 0; n < count; n++) {
        const size_t cells = px_image_count(images[n]);
        for (size_t i = 0; i < cells; i++) {
            const uint8_t *cell = images[n]->rgba + i * 4;
            opaque += cell[3] >= 128;
            known += cell[3] >= 128 && is_in_palette(cell, palette);
        }
    }
    add_metric(to, (metric){"palette", opaque ? share_of(known, opaque) : 1, 1, RULE_AT_LEAST, true,
                            2, "share of opaque cells whose color is in the palette"});
}

static void report_source(report *to, const dgxp_image *image, const dgxp_quality_params *p)
{
    const dgxp_image *source = p->source;
    const px_measure_grid grid = {
        .cell_width = p->cell_width > 0 ? p->cell_width : (double)source->width / image->width,
        .cell_height = p->cell_height > 0 ? p->cell_height : (double)source->height / image->height,
        .offset_x = p->offset_x,
        .offset_y = p->offset_y};
    add_metric(to, (metric){"grid", px_measure_conformity(source, &grid), 0.8, RULE_AT_LEAST, false,
                            1, "share of the source's edges within 0.15 cell of the grid's lines"});
    add_metric(to,
               (metric){"residual", px_measure_residual(source, &grid, image), 0.03, RULE_AT_MOST,
                        false, 1, "mean OKLab distance between source and sprite"});
}

static dgxp_status report_frames(report *to, const dgxp_image *const *images, int32_t count)
{
    double jaccard = 1, overlap = 1, flicker = 0;
    for (int32_t i = 1; i < count; i++) {
        const double same = px_measure_jaccard(images[0], images[i]);
        if (same < 0) {
            return px_error_memory("a quality report");
        }
        jaccard = fmin(jaccard, same);
        overlap = fmin(overlap, px_measure_overlap(images[i - 1], images[i]));
        flicker = fmax(flicker, px_measure_flicker(images[i - 1], images[i]));
    }
    add_metric(to, (metric){"palette_jaccard", jaccard, 1, RULE_AT_LEAST, false, 1,
                            "colors shared with the first frame, of the worst frame"});
    add_metric(to, (metric){"silhouette_overlap", overlap, 0.75, RULE_AT_LEAST, false, 1,
                            "overlap of neighbouring frames' outlines, of the worst pair"});
    add_metric(to, (metric){"flicker", flicker, 0.01, RULE_AT_MOST, false, 1,
                            "share of cells that change while all around them stays, of the worst "
                            "pair"});
    return DGXP_OK;
}

/* Of several frames the worst figure counts. */
static void take_worst(figures *of, const px_measure_sprite *s)
{
    const double subject = share_of(s->opaque, s->cells);
    of->colors = fmax(of->colors, (double)s->colors);
    of->near_pairs = fmax(of->near_pairs, (double)s->near_pairs);
    of->entropy = fmax(of->entropy, s->entropy);
    of->soft_alpha = fmax(of->soft_alpha, share_of(s->soft_alpha, s->cells));
    of->orphans = fmax(of->orphans, share_of(s->orphans, s->opaque));
    of->doubling = fmax(of->doubling, s->even_changes);
    of->outline = fmin(of->outline, share_of(s->dark_edge, s->edge));
    of->jaggies = fmax(of->jaggies, 100 * share_of(s->jaggies, s->edge));
    of->least_subject = fmin(of->least_subject, subject);
    of->most_subject = fmax(of->most_subject, subject);
    of->border = fmax(of->border, (double)s->border);
    of->main_share = fmin(of->main_share, s->main_share);
}

static dgxp_status fill_report(report *to, const dgxp_image *const *images, int32_t count,
                               const dgxp_quality_params *p)
{
    figures worst = {.outline = 1, .least_subject = 1, .main_share = 1};
    for (int32_t i = 0; i < count; i++) {
        px_measure_sprite frame;
        const dgxp_status status = px_measure_count(images[i], &frame);
        if (status) {
            return status;
        }
        take_worst(&worst, &frame);
    }
    report_colors(to, &worst, p);
    report_shape(to, &worst, p);
    if (p->palette) {
        report_palette(to, images, count, p->palette);
    }
    if (p->source) {
        report_source(to, images[0], p);
    }
    if (p->tile) {
        add_metric(to, (metric){"seam", px_measure_seam(images[0]), 1.1, RULE_AT_MOST, false, 2,
                                "step across the tile's edges over the mean step inside it"});
    }
    return count > 1 ? report_frames(to, images, count) : DGXP_OK;
}

static dgxp_status finish_report(report *from, const dgxp_image *const *images, int32_t count,
                                 dgxp_document **out)
{
    json_t *document = json_object();
    const double score = from->weights > 0 ? 100 * from->points / from->weights : 0;
    bool fits = from->fits && px_json_put_text(document, "format", "dgx-pixels-quality") &&
                px_json_put_integer(document, "version", 1) &&
                px_json_put_integer(document, "width", images[0]->width) &&
                px_json_put_integer(document, "height", images[0]->height) &&
                px_json_put_integer(document, "frames", count) &&
                px_json_put_number(document, "score", score) &&
                px_json_put_boolean(document, "pass", from->pass);
    fits = px_json_put(document, "warnings", json_incref(from->warnings)) && fits;
    fits = px_json_put(document, "metrics", json_incref(from->metrics)) && fits;
    if (!fits) {
        json_decref(document);
        document = NULL;
    }
    return px_json_document(document, out);
}

static dgxp_status check_call(const dgxp_image *const *images, int32_t count,
                              const dgxp_quality_params *p)
{
    for (int32_t i = 0; i < count; i++) {
        if (!images[i]) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_quality: image %d is NULL", i);
        }
        if (images[i]->width != images[0]->width || images[i]->height != images[0]->height) {
            return px_error_set(
                DGXP_ERR_MISMATCH,
                "dgxp_quality: frame %d (from 0) is %dx%d, the first is %dx%d; frames must "
                "be of one size",
                i, images[i]->width, images[i]->height, images[0]->width, images[0]->height);
        }
    }
    if (p->colors < 0 || p->colors > PX_PALETTE_MAX) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_quality: colors %d is not 0..%d",
                            p->colors, PX_PALETTE_MAX);
    }
    const double cells[2] = {p->cell_width, p->cell_height};
    for (int i = 0; i < 2; i++) {
        if (!(cells[i] == 0 || (cells[i] >= 1 && cells[i] <= PX_IMAGE_SIDE_MAX))) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "dgxp_quality: a cell of %g pixels; it must be 1..%d, or 0 for the "
                                "ratio of the sizes",
                                cells[i], PX_IMAGE_SIDE_MAX);
        }
    }
    if (!(fabs(p->offset_x) <= PX_IMAGE_SIDE_MAX && fabs(p->offset_y) <= PX_IMAGE_SIDE_MAX)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_quality: offset %g,%g is not within %d pixels", p->offset_x,
                            p->offset_y, PX_IMAGE_SIDE_MAX);
    }
    return DGXP_OK;
}

dgxp_status dgxp_quality(const dgxp_image *const *images, int32_t count,
                         const dgxp_quality_params *params, dgxp_document **out)
{
    px_error_clear();
    dgxp_quality_params p;
    if (!images || !out || count < 1) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_quality: needs at least one image and a place for the report");
    }
    dgxp_status status = px_params_read("dgxp_quality", params, &p, sizeof p);
    status = status ? status : check_call(images, count, &p);
    if (status) {
        return status;
    }
    report told = {.metrics = json_object(), .warnings = json_array(), .pass = true, .fits = true};
    status = fill_report(&told, images, count, &p);
    status = status ? status : finish_report(&told, images, count, out);
    json_decref(told.metrics);
    json_decref(told.warnings);
    return status;
}
