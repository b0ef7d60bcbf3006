/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pixel art that was enlarged without interpolation by a factor that is not whole. */
#include "image/stretch.h"

#include <math.h>

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
