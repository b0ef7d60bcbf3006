/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pixel art that was enlarged without interpolation by a factor that is not whole. */
#include "image/stretch.h"

#include "core/error.h"
#include "core/mem.h"
#include "image/image.h"

#include <math.h>
#include <stdlib.h>

/*
 * Such cells are whole numbers of pixels that differ by one, and a line between two of them runs less
 * than a pixel after where it should: all lines, less their number of cells, lie in an arc of one
 * pixel.  By chance a line does so once in `cell` times.
 */
#define LEAST 2.0  /* pixels: below, neighbouring lines are the rule and say nothing */
#define STEP 0.1   /* pixels that a line at the far end moves from one size to the next */
#define FINE 64    /* sizes to look at closely */
#define ARC 1.05   /* pixels: a line that falls on a pixel's middle is rounded either way */
#define CHANCE 12  /* nats: one picture in 160,000 */
#define RIPPLE 16  /* quarters of a level that JPEG's ripples have */
#define STRONG 256 /* no step counts for more */
#define CELLS 16
#define ASIDE 0.2  /* of the steps at the ends of cells: what true cells leave elsewhere, at most */
#define BESIDE 2   /* times what is left by the next best number */
#define ALIKE 0.03 /* logarithm of the ratio of two sides whose lengths were rounded */

typedef struct axis {
    const uint8_t *lines;
    int32_t length, first, count;
    double most; /* no cell is larger: two lines are as close */
} axis;

static axis survey(const uint8_t *lines, int32_t length)
{
    axis out = {.lines = lines, .length = length, .most = length};
    int32_t last = 0;
    for (int32_t at = 1; at < length; at++) {
        if (lines[at]) {
            out.most = out.count ? fmin(out.most, at - last + 1) : out.most;
            out.first = out.count ? out.first : at;
            out.count++;
            last = at;
        }
    }
    return out;
}

/* The arc that the lines lie in, in pixels, and where it begins after the first line; more than
 * `limit` as soon as it is. */
static double measure_arc(const axis *self, double cell, double limit, double *begin)
{
    double low = 0, high = 0;
    for (int32_t at = self->first + 1; at < self->length && high - low <= limit; at++) {
        if (self->lines[at]) {
            const double cells = (at - self->first) / cell;
            const double off = (cells - rint(cells)) * cell;
            low = fmin(low, off);
            high = fmax(high, off);
        }
    }
    *begin = low;
    return high - low;
}

/* The phase at which every line is one: the one that enlargers use if it is among them.  Returns
 * whether it is. */
static bool choose_phase(const axis *self, double cell, double arc, double begin, double *phase)
{
    const double least = cell - fmod(self->first + begin + cell, cell); /* no later than any */
    const double room = ARC - arc, slack = (ARC - 1) / 2;
    for (double wanted = 0.5; wanted >= 0; wanted -= 0.5) { /* a pixel's middle, its border */
        if (fmod(wanted - least + slack + 2 * cell, cell) <= room) {
            *phase = wanted;
            return true;
        }
    }
    *phase = fmod(least + fmax(1 - arc, 0) / 2, cell);
    return false;
}

/* The best of cells between two sizes: a whole number of them if that can be, else those whose lines
 * lie closest. */
static bool refine_cell(const axis *self, double low, double high, px_stretch *out)
{
    const double middle = sqrt(low * high);
    double begin, phase, best = HUGE_VAL;
    for (double count = ceil(self->length / high); count <= self->length / low; count++) {
        const double cell = self->length / count, away = fabs(log(cell / middle));
        const double arc = measure_arc(self, cell, ARC, &begin);
        if (arc <= ARC && away < best && choose_phase(self, cell, arc, begin, &phase)) {
            *out = (px_stretch){cell, phase};
            best = away;
        }
    }
    if (best < HUGE_VAL) {
        return true;
    }
    for (int k = 0; k <= FINE; k++) {
        const double cell = low + (high - low) * k / FINE;
        const double arc = measure_arc(self, cell, ARC, &begin);
        if (arc <= ARC && arc < best) {
            choose_phase(self, cell, arc, begin, &phase);
            *out = (px_stretch){cell, phase};
            best = arc;
        }
    }
    return best < HUGE_VAL;
}

/* The largest cell from `most` down to `least` whose lines these are; false when there is none. */
static bool find_cell(const axis *self, double least, double most, px_stretch *out)
{
    const double ratio = 1 + STEP / self->length;
    double begin, high = 0, low = 0;
    for (double cell = most * ratio; cell >= least / ratio; cell /= ratio) {
        if (measure_arc(self, cell, ARC + STEP, &begin) <= ARC + STEP) {
            high = high > 0 ? high : cell * ratio;
            low = cell / ratio;
        } else if (high > 0) {
            if (refine_cell(self, low, high, out)) {
                return true;
            }
            high = 0;
        }
    }
    return high > 0 && refine_cell(self, low, high, out);
}

/* Nats against chance: what the lines say, less the sizes that were tried, by their logarithm. */
static double weigh(const axis *self, double cell, double tried)
{
    return (self->count - 1) * log(cell) - log(tried * self->length / STEP);
}

bool px_stretch_find(const uint8_t *columns, int32_t width, const uint8_t *rows, int32_t height,
                     px_stretch out[2])
{
    const axis axes[2] = {survey(columns, width), survey(rows, height)};
    const int busy = axes[1].count > axes[0].count, other = !busy;
    if (axes[0].count < 2 || axes[1].count < 2 || fmin(axes[0].most, axes[1].most) <= LEAST ||
        !find_cell(&axes[busy], LEAST, axes[busy].most, &out[busy])) {
        return false;
    }
    const double cell = out[busy].cell, mine = weigh(&axes[busy], cell, 1);
    if (find_cell(&axes[other], cell * exp(-ALIKE), cell * exp(ALIKE), &out[other])) {
        return mine + weigh(&axes[other], out[other].cell, 2 * ALIKE) > CHANCE;
    }
    return mine > CHANCE && find_cell(&axes[other], LEAST, axes[other].most, &out[other]) &&
           weigh(&axes[other], out[other].cell, 1) > CHANCE;
}

/* to[x] = how much columns x - 1 and x differ, or rows. */
static void measure_steps(const dgxp_image *image, bool vertical, double *to)
{
    const int32_t length = vertical ? image->height : image->width;
    const int32_t lines = vertical ? image->width : image->height;
    for (int32_t i = 1; i < length; i++) {
        int64_t sum = 0;
        for (int32_t line = 0; line < lines; line++) {
            const uint8_t *p = vertical ? px_image_at(image, line, i) : px_image_at(image, i, line);
            const uint8_t *q =
                vertical ? px_image_at(image, line, i - 1) : px_image_at(image, i - 1, line);
            const int32_t step =
                abs((p[0] + 2 * p[1] + p[2]) * p[3] - (q[0] + 2 * q[1] + q[2]) * q[3]) / 255;
            sum += step <= RIPPLE ? 0 : px_image_least(step - RIPPLE, STRONG);
        }
        to[i] = (double)sum;
    }
}

/* Adds the steps between `count` cells, and elsewhere, and of how many lines they are. */
static void part_steps(const double *steps, int32_t length, int32_t count, double sums[2],
                       double lines[2])
{
    int64_t last = 0;
    for (int32_t i = 1; i < length; i++) {
        const int64_t cell = ((int64_t)2 * i + 1) * count / (2 * (int64_t)length);
        const int inside = cell == last;
        sums[inside] += steps[i];
        lines[inside]++;
        last = cell;
    }
}

dgxp_status px_stretch_see(const dgxp_image *image, int32_t count[2], bool *found)
{
    const int32_t width = image->width, height = image->height;
    const int32_t least = (int32_t)fmax(CELLS, width / PX_STRETCH_SMALL);
    const int32_t first =
        (int32_t)fmax(CELLS, width / PX_STRETCH_SMALL / 2); /* with their doubles */
    double *across = px_mem_zero((size_t)width + (size_t)height, sizeof *across);
    double best = HUGE_VAL, second = HUGE_VAL;
    *found = false;
    if (!across) {
        return px_error_memory("the search for small cells");
    }
    double *down = across + width;
    measure_steps(image, false, across);
    measure_steps(image, true, down);
    for (int32_t wide = first; wide <= width / 2; wide++) {
        const int32_t high = (int32_t)rint((double)wide * height / width);
        double sums[2] = {0}, lines[2] = {0};
        part_steps(across, width, wide, sums, lines);
        part_steps(down, height, high, sums, lines);
        const double left =
            sums[0] > 0 && lines[1] > 0 ? sums[1] / lines[1] / (sums[0] / lines[0]) : HUGE_VAL;
        second = fmin(second, fmax(left, best));
        if (left < best) {
            best = left;
            count[0] = wide;
            count[1] = high;
        }
    }
    px_mem_free(across);
    *found = best < ASIDE && best * BESIDE < second && count[0] >= least && count[1] >= 2;
    return DGXP_OK;
}
