/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The size of a cell: a windowed Fourier search over edge profiles. */
#include "image/period.h"

#include "core/error.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whole-picture Fourier fails when cells drift, so magnitudes are summed over Hann windows of a
 * quarter of the picture, and over strips: phases may differ from one window to the next. */
#define STRIPS 4
#define RATIO 1.006     /* between neighbouring periods */
#define LANES 8         /* periods that are looked at together */
#define HARMONIC 0.62   /* a longer period with this share of the best score is the cell */
#define PRIOR_GAIN 0.08 /* at the prior, falling to none 15 % away */

typedef struct signal {
    int32_t length, window, hop, blocks;
    float *weighted; /* [4, length]: the profile times each quarter of the Hann window */
    double energy;   /* of all windows, what a score of 1 would reach */
} signal;

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double find_median(float *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_floats);
    return values[count / 2];
}

/* Sums rows [first, last) of `map` into a profile and prepares its windows. */
static bool prepare_signal(const float *map, int32_t first, int32_t last, int32_t length,
                           signal *out)
{
    const size_t n = (size_t)length;
    int32_t window = length / 4;
    window = window < 192 ? (length < 192 ? length : 192) : window;
    const int32_t hop = window < 8 ? 1 : window / 4;
    *out = (signal){.length = length, .window = hop * 4, .hop = hop, .blocks = length / hop};
    float *profile = px_mem_zero(n, 2 * sizeof *profile);
    out->weighted = px_mem_zero(n, 4 * sizeof *out->weighted);
    if (!profile || !out->weighted) {
        px_mem_free(profile);
        return false;
    }
    for (int32_t y = first; y < last; y++) {
        const float *row = map + (size_t)y * n;
        for (size_t x = 0; x < n; x++) {
            profile[x] += row[x];
        }
    }
    double mean = 0;
    for (size_t x = 0; x < n; x++) {
        mean += profile[x];
    }
    mean /= length;
    float *sorted = profile + n;
    memcpy(sorted, profile, n * sizeof *profile);
    const double floor = fmin(find_median(sorted, n), mean);
    for (int32_t x = 0; x < length; x++) {
        for (int32_t quarter = 0; quarter < 4; quarter++) {
            const int32_t at = quarter * hop + x % hop;
            const double hann = 0.5 - 0.5 * cos(2 * M_PI * (at + 0.5) / out->window);
            out->weighted[(size_t)quarter * n + (size_t)x] = (float)((profile[x] - mean) * hann);
            if (x / hop >= quarter && x / hop - quarter + 4 <= out->blocks) {
                out->energy += fabs(profile[x] - floor) * hann;
            }
        }
    }
    px_mem_free(profile);
    return true;
}

/* Adds, for LANES periods, the magnitude of every window's Fourier sum to `sums`. */
static void add_windows(const signal *s, const double *periods, double *sums)
{
    float history[4][4][2][LANES] = {{{{0}}}}; /* the last 4 blocks: quarter, re/im, period */
    for (int32_t block = 0; block < s->blocks; block++) {
        float turn[2][LANES], phase[2][LANES];
        float (*sum)[2][LANES] = history[block & 3];
        memset(sum, 0, sizeof history[0]);
        for (int i = 0; i < LANES; i++) {
            const double omega = 2 * M_PI / periods[i];
            turn[0][i] = (float)cos(omega);
            turn[1][i] = (float)-sin(omega);
            phase[0][i] = (float)cos(omega * block * s->hop);
            phase[1][i] = (float)-sin(omega * block * s->hop);
        }
        const float *at = s->weighted + (size_t)block * (size_t)s->hop;
        for (int32_t x = 0; x < s->hop; x++, at++) {
            for (int quarter = 0; quarter < 4; quarter++) {
                const float value = at[(size_t)quarter * (size_t)s->length];
                for (int i = 0; i < LANES; i++) {
                    sum[quarter][0][i] += value * phase[0][i];
                    sum[quarter][1][i] += value * phase[1][i];
                }
            }
            for (int i = 0; i < LANES; i++) {
                const float re = phase[0][i] * turn[0][i] - phase[1][i] * turn[1][i];
                phase[1][i] = phase[0][i] * turn[1][i] + phase[1][i] * turn[0][i];
                phase[0][i] = re;
            }
        }
        if (block < 3) {
            continue;
        }
        for (int i = 0; i < LANES; i++) {
            float re = 0, im = 0;
            for (int quarter = 0; quarter < 4; quarter++) {
                re += history[(block + 1 + quarter) & 3][quarter][0][i];
                im += history[(block + 1 + quarter) & 3][quarter][1][i];
            }
            sums[i] += sqrtf(re * re + im * im);
        }
    }
}

/* scores[i] = share of one axis's edge energy in step with periods[i]; count is a multiple of
 * LANES. */
static bool score_axis(const float *map, int32_t rows, int32_t length, const double *periods,
                       size_t count, double *scores)
{
    double energy = 0;
    bool enough = true;
    const int32_t strips = rows < STRIPS * 8 ? 1 : STRIPS;
    memset(scores, 0, count * sizeof *scores);
    for (int32_t strip = 0; strip < strips && enough; strip++) {
        signal s;
        enough =
            prepare_signal(map, rows * strip / strips, rows * (strip + 1) / strips, length, &s);
        for (size_t i = 0; i < count && enough; i += LANES) {
            add_windows(&s, periods + i, scores + i);
        }
        energy += s.energy;
        px_mem_free(s.weighted);
    }
    for (size_t i = 0; i < count; i++) {
        scores[i] = energy > 0 ? scores[i] / energy : 0;
    }
    return enough;
}

/* The peak of a parabola through three neighbours on the logarithmic axis. */
static px_period_peak refine_peak(const double *periods, const double *scores, size_t i)
{
    const double left = scores[i - 1], here = scores[i], right = scores[i + 1];
    const double bend = left - 2 * here + right;
    const double shift = bend < 0 ? 0.5 * (left - right) / bend : 0;
    return (px_period_peak){.period = periods[i] * pow(RATIO, shift),
                            .score = here - 0.25 * (left - right) * shift};
}

static int compare_peaks(const void *a, const void *b)
{
    const double x = ((const px_period_peak *)a)->score, y = ((const px_period_peak *)b)->score;
    return (x < y) - (x > y);
}

/* Whether a period could be the cell of which another one is the half or the third.  A quarter
 * never outweighs its cell, while four cells together often look like one. */
static bool is_multiple(double ratio)
{
    return ratio > 1.5 && ratio < 3.5 && fabs(ratio - rint(ratio)) < 0.03 * ratio;
}

static void choose_peaks(const double *periods, double *scores, size_t count, px_period *out)
{
    px_period_peak found[512];
    size_t peaks = 0;
    for (size_t i = 1; i + 1 < count && peaks < 512; i++) {
        if (scores[i] > scores[i - 1] && scores[i] >= scores[i + 1]) {
            found[peaks++] = refine_peak(periods, scores, i);
        }
    }
    *out = (px_period){.count = 0};
    if (!peaks) {
        return;
    }
    qsort(found, peaks, sizeof *found, compare_peaks);
    size_t chosen = 0;
    for (size_t i = 1; i < peaks; i++) {
        if (found[i].score > HARMONIC * found[0].score && found[i].period > found[chosen].period &&
            is_multiple(found[i].period / found[0].period)) {
            chosen = i;
        }
    }
    out->peaks[out->count++] = found[chosen];
    for (size_t i = 0; i < peaks && out->count < PX_PERIOD_PEAKS; i++) {
        if (i != chosen) {
            out->peaks[out->count++] = found[i];
        }
    }
}

/* Ranks one axis's scores, or those of both together; `sorted` has room for as many. */
static void rank_periods(const double *periods, double *scores, size_t count, float *sorted,
                         px_period *out)
{
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (float)scores[i];
    }
    choose_peaks(periods, scores, count, out);
    const double middle = find_median(sorted, count);
    out->confidence = out->count && middle > 0 ? out->peaks[0].score / middle : 0;
}

dgxp_status px_period_search(const px_edges *edges, double prior, px_period out[3])
{
    memset(out, 0, 3 * sizeof *out);
    const int32_t side = edges->width < edges->height ? edges->width : edges->height;
    const double most = fmin(fmax(PX_PERIOD_MAX, side / 16.0), PX_PERIOD_LARGE);
    const double longest = fmin(most, side / 4.0);
    if (longest < PX_PERIOD_MIN * 1.1) {
        return DGXP_OK;
    }
    size_t count = (size_t)(log(longest * 1.02 / PX_PERIOD_MIN) / log(RATIO));
    count = (count / LANES + 1) * LANES;
    double *periods = px_mem_zero(count, 4 * sizeof *periods);
    float *sorted = px_mem_array(count, sizeof *sorted);
    bool enough = periods && sorted;
    if (enough) {
        double *x = periods + count, *y = x + count, *both = y + count;
        for (size_t i = 0; i < count; i++) {
            periods[i] = PX_PERIOD_MIN / 1.01 * pow(RATIO, (double)i);
        }
        enough = score_axis(edges->across, edges->rows, edges->width, periods, count, x) &&
                 score_axis(edges->down, edges->cols, edges->height, periods, count, y);
        for (size_t i = 0; i < count; i++) {
            const double away = prior > 0 ? log(periods[i] / prior) / 0.15 : 0;
            const double gain = prior > 0 ? 1 + PRIOR_GAIN * exp(-away * away) : 1;
            x[i] *= gain;
            y[i] *= gain;
            both[i] = sqrt(x[i] * x[i] + y[i] * y[i]) / M_SQRT2;
        }
        rank_periods(periods, both, count, sorted, &out[PX_PERIOD_BOTH]);
        rank_periods(periods, x, count, sorted, &out[PX_PERIOD_X]);
        rank_periods(periods, y, count, sorted, &out[PX_PERIOD_Y]);
    }
    px_mem_free(periods);
    px_mem_free(sorted);
    return enough ? DGXP_OK : px_error_memory("the search for a period");
}
